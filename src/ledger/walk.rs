//! Walking a tree in pages: everything live below a folder, in one order that never changes.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::entry::Entry;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;

/// Reads of whole trees.
#[async_trait]
pub trait WalkLedger: Send + Sync {
    /// One page of the live entries below a folder, from one snapshot; `None` where the realm sees
    /// no folder there. In every folder the files come first and then the folders, each sorted by
    /// name byte for byte, and each folder is followed by all that is below it. A page with fewer
    /// than `limit` entries is the last.
    ///
    /// Between two pages anything may change: what stays in its place is met exactly once, what
    /// was deleted before its page is not met.
    async fn walk(
        &self,
        realm: &Realm,
        query: &WalkQuery,
    ) -> Result<Option<Vec<Walked>>, LedgerError>;
}

/// Which part of a tree is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkQuery {
    /// The folder, which is not itself among the entries.
    pub top: EntryPath,
    /// How many levels below it are read; `None`: all.
    pub depth: Option<usize>,
    /// The last entry of the page before.
    pub after: Option<WalkCursor>,
    /// Entries at most.
    pub limit: usize,
}

/// A place in the order, whether or not anything lies there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkCursor {
    /// The path.
    pub path: EntryPath,
    /// Whether a folder lay there.
    pub is_folder: bool,
}

/// One entry on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Where it lies.
    pub path: EntryPath,
    /// What it is.
    pub entry: Entry,
}

impl Walked {
    /// Its place, for the next page.
    pub fn cursor(&self) -> WalkCursor {
        let is_folder = matches!(self.entry, Entry::Folder(_));
        WalkCursor { path: self.path.clone(), is_folder }
    }
}
