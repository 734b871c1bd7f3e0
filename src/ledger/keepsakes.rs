//! Reading what outlives files: keepsakes beside the files that are live, and commands.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::command::{Command, CommandStatus};
use crate::domain::id::EntryId;
use crate::domain::keepsake::KnownFile;
use crate::domain::organization::Realm;

/// What is known of files that are live and of those that are gone.
///
/// A realm sees a live file where it lies, and the keepsake of a file that is not live where the
/// key that stored it had the same prefix or one beneath. Where several versions of one file were
/// kept, the one with the youngest blob speaks for it.
#[async_trait]
pub trait KeepsakeLedger: Send + Sync {
    /// The live file with this id that the realm sees, else what was kept of it. A live file that
    /// the realm does not see is `None`, whatever was kept.
    async fn known_file(
        &self,
        realm: &Realm,
        id: EntryId,
    ) -> Result<Option<KnownFile>, LedgerError>;

    /// Live files and keepsakes together, each file once, newest first. The page is full unless
    /// it is the last.
    async fn known_files(&self, realm: &Realm, page: Page) -> Result<Vec<KnownFile>, LedgerError>;

    /// The commands that the realm sees, newest first. The page is full unless it is the last.
    async fn commands(
        &self,
        realm: &Realm,
        status: Option<CommandStatus>,
        page: Page,
    ) -> Result<Vec<Command>, LedgerError>;
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many to pass over.
    pub offset: u64,
    /// How many to give at most.
    pub limit: u64,
}
