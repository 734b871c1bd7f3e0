//! What the ledger found for a request: the only thing, besides the request, that a plan sees.
//!
//! A ledger reads it inside the transaction that commits the plan, or, for a preview, inside one
//! read transaction.

use crate::domain::blob::SizedBlob;
use crate::domain::entry::FolderNumber;
use crate::domain::id::{CommandId, DeletionId, EntryId};
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::usage::Tally;

/// One finding for each selector, in the request's order.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The findings.
    pub found: Vec<Found>,
    /// Where the request has a fence: more has changed since than may be looked at.
    pub too_much_changed: bool,
    /// Where the request removes the organization: it is not switched off.
    pub switched_on: bool,
    /// The organization's live files; read for a request with a guard, else zero.
    pub live: Tally,
}

/// What one selector found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing live; a foreign entry is nothing, too, and so is the root.
    Nothing,
    /// Nothing live, but a deletion that took it away and whose answer was missed.
    Missed(MissedAnswer),
    /// A live entry of the organization that the caller's key cannot see, or a path outside of
    /// the key's prefix, whatever lies there.
    OutsidePrefix,
    /// Something else than the precondition of the selector asks for: another version of the file,
    /// or what has no versions. Nobody takes it on account of this selector.
    OtherVersion,
    /// What another selector of this request, the one at this index, already takes: the same
    /// entry named earlier, or a folder above it named anywhere.
    Within(usize),
    /// A live file.
    File(FoundFile),
    /// A live folder.
    Folder(FoundFolder),
    /// A command with its live outputs.
    Outputs(FoundOutputs),
    /// The files that a filter takes.
    Matching(FoundMatching),
}

/// An answer of success that somebody waited for and did not get in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissedAnswer {
    /// The deletion that took the bytes.
    pub deletion: DeletionId,
    /// How many files it had taken.
    pub files: u64,
}

/// A live file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Its identity.
    pub id: EntryId,
    /// Its folder.
    pub folder: FolderNumber,
    /// Its name there.
    pub name: EntryName,
    /// Its bytes.
    pub blob: SizedBlob,
    /// Its own path, where it is locked or a folder above it is.
    pub lock: Option<EntryPath>,
    /// Whether it, or a folder above it, has changed beyond the request's fence.
    pub changed: bool,
}

/// The live outputs of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOutputs {
    /// The command.
    pub command: CommandId,
    /// The files, each of which the caller can see. What another selector takes, by id or by
    /// path or with a folder, is left out, so that it is counted once.
    pub files: Vec<FoundFile>,
}

/// The live files that a filter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMatching {
    /// The files, each of which the caller can see, as many as the commit takes. What another
    /// selector takes is left out, so that it is counted once.
    pub files: Vec<FoundFile>,
    /// Where that is not all, or was not looked through: as much of the rest as was counted. All of
    /// it where the request [counts it](super::request::DeleteRequest::counts_all_matching), and
    /// for a preview.
    pub beyond: Option<Tally>,
}

/// A live folder with all below it. Where the request takes empty folders only, the look into it
/// may end with the first thing that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFolder {
    /// Its identity.
    pub id: EntryId,
    /// Where it lies.
    pub path: EntryPath,
    /// Whether a folder above it is locked, so that it is covered whole.
    pub lock_above: bool,
    /// Whether it is one of the reserved folders, which are never deleted as such.
    pub reserved: bool,
    /// Its folders. The first is the folder itself; every other follows its parent.
    pub folders: Vec<TreeFolder>,
    /// What in it stays, in no order: all locked files, in locked folders as well as outside of
    /// them, all locked folders, and what has changed beyond the request's fence, but for what lies
    /// in a changed folder.
    pub kept: Vec<Kept>,
}

impl FoundFolder {
    /// Whether anything is in it.
    pub fn holds_something(&self) -> bool {
        self.folders.len() > 1 || self.folders.iter().any(|folder| folder.direct.files > 0)
    }
}

/// One folder of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeFolder {
    /// The ledger's number.
    pub number: FolderNumber,
    /// The index of its parent among the folders of the tree; the first names itself.
    pub parent: u32,
    /// Its direct live files.
    pub direct: Tally,
}

/// Something in a tree that stays. Its folder is told by the index among the folders of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A locked file.
    LockedFile {
        /// Its folder.
        folder: u32,
        /// Its name there.
        name: EntryName,
        /// Its path.
        path: EntryPath,
        /// Bytes.
        size: u64,
    },
    /// A locked folder, with all below it.
    LockedFolder {
        /// The folder.
        folder: u32,
        /// Its path.
        path: EntryPath,
    },
    /// Direct files of a folder, none of them locked, that have changed.
    ChangedFiles {
        /// The folder.
        folder: u32,
        /// How many.
        files: Tally,
    },
    /// A folder that has changed, with all below it.
    ChangedFolder {
        /// The folder.
        folder: u32,
    },
    /// A folder alone: a lock on something in or below it was lifted, for whose sake it may not
    /// have been planned.
    Unlocked {
        /// The folder.
        folder: u32,
    },
}

impl Kept {
    /// The index of the folder.
    pub const fn folder(&self) -> usize {
        match self {
            Self::LockedFile { folder, .. }
            | Self::LockedFolder { folder, .. }
            | Self::ChangedFiles { folder, .. }
            | Self::ChangedFolder { folder }
            | Self::Unlocked { folder } => *folder as usize,
        }
    }

    /// Whether nothing in the folder goes, and nothing below it.
    pub const fn covers_folder(&self) -> bool {
        match self {
            Self::LockedFolder { .. } | Self::ChangedFolder { .. } => true,
            Self::LockedFile { .. } | Self::ChangedFiles { .. } | Self::Unlocked { .. } => false,
        }
    }

    /// The direct files of the folder that stay on its account.
    pub const fn files(&self) -> Tally {
        match self {
            Self::LockedFile { size, .. } => Tally::one(*size),
            Self::ChangedFiles { files, .. } => *files,
            Self::LockedFolder { .. } | Self::ChangedFolder { .. } | Self::Unlocked { .. } => {
                Tally { files: 0, bytes: 0 }
            }
        }
    }

    /// The name of the file, where it is a locked one.
    pub const fn locked_name(&self) -> Option<&EntryName> {
        match self {
            Self::LockedFile { name, .. } => Some(name),
            Self::LockedFolder { .. }
            | Self::ChangedFiles { .. }
            | Self::ChangedFolder { .. }
            | Self::Unlocked { .. } => None,
        }
    }

    /// The path of what is locked.
    pub const fn lock(&self) -> Option<&EntryPath> {
        match self {
            Self::LockedFile { path, .. } | Self::LockedFolder { path, .. } => Some(path),
            Self::ChangedFiles { .. } | Self::ChangedFolder { .. } | Self::Unlocked { .. } => None,
        }
    }
}
