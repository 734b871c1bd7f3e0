//! Arranging the tree of entries: folders made, entries moved, files tagged, folders listed.
//!
//! Uploads and deletions have traits of their own; nothing here brings bytes in or takes them
//! away. What a deletion has doomed is never listed and never moved: it is found by path, from
//! the root down, and no doomed folder hangs below a live one.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Entry, FileRecord, FolderRecord, TagChange};
use crate::domain::id::EntryId;
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::Realm;
use crate::domain::path::{EntryName, EntryPath, WrittenPath};

/// Folders, moves, tags and the lists of folders.
#[async_trait]
pub trait TreeLedger: Send + Sync {
    /// Makes a folder, and those above it that are missing. Below a locked folder, too: it keeps
    /// what it has and takes what is new. Where it is to be made once and was, that is the refusal.
    async fn make_folder(
        &self,
        realm: &Realm,
        path: &EntryPath,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<FolderRecord, TreeRefusal>, LedgerError>;

    /// Gives an entry another path, and makes the folders on the way there. The entry keeps its
    /// identity, a folder all that is in it. A file gets a sequence larger than that of every
    /// deletion committed before, so that none of them reaches it in its new folder (I12), and a
    /// new title where its name changes; a folder gets a new sequence too, what is in it none. A doomed file that lies at the target makes room, as it
    /// does for an upload. Refusals are looked for in the order of [`TreeRefusal`].
    async fn move_entry(
        &self,
        realm: &Realm,
        request: &MoveRequest,
    ) -> Result<Result<Entry, TreeRefusal>, LedgerError>;

    /// Changes the tags of the file at a path; the file as it is then. No lock forbids it, and the
    /// version stays the same. Where the tags are others then, the file gets a new sequence.
    async fn change_tags(
        &self,
        realm: &Realm,
        path: &WrittenPath,
        change: &TagChange,
    ) -> Result<Result<FileRecord, TreeRefusal>, LedgerError>;

    /// The direct children of a folder, in the order of the bytes of their names, from behind
    /// `after` on and at most `limit` of them. Whatever comes and goes meanwhile, an entry that
    /// stays is given exactly once by the pages of one walk.
    async fn children(
        &self,
        realm: &Realm,
        folder: &WrittenPath,
        after: Option<&ChildCursor>,
        limit: u64,
    ) -> Result<Result<ChildPage, TreeRefusal>, LedgerError>;
}

/// An entry that is to have another path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRequest {
    /// Where it lies.
    pub from: WrittenPath,
    /// Where it shall lie. Nothing may be there.
    pub to: WrittenPath,
    /// How much of a folder may be looked at.
    pub look: LookLimits,
    /// When it was asked for: the time of the folders that are made on the way.
    pub at: Timestamp,
}

/// How much below a folder is looked at, in the transaction that moves it, for locks and for
/// paths that would become too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookLimits {
    /// Folders, the moved one among them.
    pub folders: usize,
    /// Files. Only those are looked at that lie so deep that their paths could become too long.
    pub files: u64,
}

impl LookLimits {
    /// What a transaction can do while others wait: some tenths of a second of the writer.
    pub const USUAL: Self = Self { folders: 100_000, files: 100_000 };
}

/// Why the tree was not changed, or not listed. Nothing has changed. In the order in which a move
/// looks for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeRefusal {
    /// Nothing is there, or the realm does not see it; a file where the path says a folder.
    Missing,
    /// The target is not the caller's to see.
    OutsidePrefix,
    /// Something is at the target already, be it what is to be moved.
    Exists,
    /// Something on the way to the target is a file.
    ParentIsFile(EntryPath),
    /// A file was expected: a folder was to be tagged, or a file moved to a path that says a
    /// folder.
    IsFolder,
    /// A folder was to be moved below itself.
    IntoItself,
    /// A reserved folder stays where it is.
    Reserved(EntryPath),
    /// The entry is locked, or lies below a lock, or holds something locked; or the target lies
    /// below a lock.
    Locked(EntryPath),
    /// More lies below the folder than its move may look at. Found before what is locked there.
    TooLarge,
    /// The path of something below the folder would become too long.
    PathTooLong,
    /// The file would have more tags than a file may have.
    TooManyTags,
    /// The continuation is that of another folder.
    OtherFolder,
    /// The disk's reserve is spent: what is left is for deleting.
    ReserveSpent,
    /// It was to be done once, and this is known of it.
    Repeated(Repeat),
}

/// A direct child of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name there.
    pub name: EntryName,
    /// What it is. Of a folder only what its own row knows.
    pub entry: Entry,
}

/// Where the next page of a folder begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildCursor {
    /// The folder that is listed. No other folder, and no other organization, has this identity.
    pub folder: EntryId,
    /// The last name of the page before.
    pub after: EntryName,
}

/// A page of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildPage {
    /// In the order of the bytes of their names.
    pub children: Vec<Child>,
    /// Where to go on; `None` with the last page.
    pub next: Option<ChildCursor>,
}

impl ChildPage {
    /// The first `limit` of `children`, which are in no order and hold one more if there is one.
    pub fn cut(folder: EntryId, mut children: Vec<Child>, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        children.sort_by(|one, other| one.name.cmp(&other.name));
        let is_last = children.len() <= limit;
        children.truncate(limit);
        let last = children.last().filter(|_| !is_last).map(|child| child.name.clone());
        Self { children, next: last.map(|after| ChildCursor { folder, after }) }
    }
}
