//! Entries of both kinds by their identities: read, and changed in one transaction. And folders
//! that are made once.
//!
//! An identity is looked up from below: a folder above that is doomed hides what is in it, also
//! where its tree is not wholly marked yet.

use async_trait::async_trait;

use super::tree::{LookLimits, TreeRefusal};
use super::{LedgerError, Walked};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Entry, FolderRecord, TAGS_MAX, TagChange};
use crate::domain::id::{BlobId, EntryId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::Realm;
use crate::domain::path::{EntryName, EntryPath};

/// Entries by their identities.
#[async_trait]
pub trait ChangeLedger: Send + Sync {
    /// The live file or folder with this identity, and where it lies; `None` where the realm sees
    /// none.
    async fn entry(&self, realm: &Realm, id: EntryId) -> Result<Option<Walked>, LedgerError>;

    /// Moves, tags and locks an entry: all that is asked for, or nothing. It is moved first, as
    /// [`super::TreeLedger::move_entry`] moves, so that what is locked stays where it is although
    /// the same request unlocks it; then tagged, then locked or unlocked. Refusals are looked for
    /// in the order of [`ChangeRefusal`].
    async fn change_entry(
        &self,
        realm: &Realm,
        change: &EntryChange,
    ) -> Result<Result<Walked, ChangeRefusal>, LedgerError>;

    /// Makes a folder as [`super::TreeLedger::make_folder`] does, or tells what is known of it
    /// where it was to be made once.
    async fn make_folder_once(
        &self,
        realm: &Realm,
        path: &EntryPath,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<FolderRecord, FolderRefusal>, LedgerError>;
}

/// Why a folder was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderRefusal {
    /// It was asked for before, under the same idempotency key.
    Repeated(Repeat),
    /// The tree forbids it.
    Tree(TreeRefusal),
}

/// What is to become of an entry. What is not said stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChange {
    /// The entry.
    pub id: EntryId,
    /// It must be a file whose version is one of these.
    pub versions: Option<Vec<BlobId>>,
    /// The folder that it shall lie in. Made where it is not there.
    pub parent: Option<EntryPath>,
    /// The name that it shall have there.
    pub name: Option<EntryName>,
    /// What becomes of its tags. Only files have some.
    pub tags: Option<TagChange>,
    /// Whether it shall be locked.
    pub locked: Option<bool>,
    /// How much of a folder may be looked at.
    pub look: LookLimits,
    /// When it was asked for.
    pub at: Timestamp,
}

/// Why an entry was not changed. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// Nothing with this identity is there, or the realm does not see it.
    Missing,
    /// It is of another version, or has none.
    VersionChanged,
    /// The tree forbids it. The root is reserved.
    Tree(TreeRefusal),
}

impl From<TreeRefusal> for ChangeRefusal {
    fn from(refusal: TreeRefusal) -> Self {
        Self::Tree(refusal)
    }
}

impl EntryChange {
    /// Whether anything but a lock is to change, for which there must be room on the disk.
    pub fn needs_room(&self) -> bool {
        self.parent.is_some() || self.name.is_some() || self.tags.is_some()
    }

    /// Where the entry shall lie, or why it is not changed, as far as that is known from the entry
    /// alone.
    pub fn target(&self, found: &Walked) -> Result<EntryPath, ChangeRefusal> {
        if let Some(versions) = &self.versions {
            match &found.entry {
                Entry::File(file) if versions.contains(&file.blob.id) => {}
                Entry::File(_) | Entry::Folder(_) => return Err(ChangeRefusal::VersionChanged),
            }
        }
        let (Some(parent), Some(name)) = (found.path.parent(), found.path.name()) else {
            return Err(TreeRefusal::Reserved(found.path.clone()).into());
        };
        match (&self.tags, &found.entry) {
            (Some(_), Entry::Folder(_)) => return Err(TreeRefusal::IsFolder.into()),
            (Some(tags), Entry::File(file))
                if tags.applied_to(&file.attributes.tags).len() > TAGS_MAX =>
            {
                return Err(TreeRefusal::TooManyTags.into());
            }
            (Some(_), Entry::File(_)) | (None, _) => {}
        }
        let (parent, name) =
            (self.parent.as_ref().unwrap_or(&parent), self.name.as_ref().unwrap_or(&name));
        parent.child(name).map_err(|_| TreeRefusal::PathTooLong.into())
    }
}
