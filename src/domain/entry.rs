//! Entries: files and folders of one organization's tree.

use serde::{Deserialize, Serialize};

use super::blob::{BlobFacts, BlobKey};
use super::clock::Timestamp;
use super::id::{CommandId, EntryId};
use super::overwrite::Overwrite;
use super::path::{EntryName, EntryPath};

/// A folder, as the ledger numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderNumber(pub i64);

/// Orders all changes: what was stored after a deletion's commit has a larger one. A file draws a
/// new one with each version, and when it is moved, tagged, locked or unlocked; a folder when it
/// is made, moved, locked or unlocked. Each organization sees them rise, with gaps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Sequence(pub i64);

/// The top folders that always exist and are never renamed, moved or deleted as such.
pub const RESERVED_FOLDERS: [&str; 2] = ["uploads", "commands"];

/// Through which door a file was last stored, where an answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Any route but those below.
    Ordinary,
    /// `RenderIO`'s upload: its record stays readable after deletion.
    RenderioUpload,
    /// An output of a command.
    CommandOutput,
}

/// What a client said of a file; none of it chooses what is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// The name that answers show: the client's, until a rename changes it.
    pub title: String,
    /// A media type.
    pub content_type: String,
    /// In the order given, without repetition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The client's own identity for the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// Tags of one file at most.
pub const TAGS_MAX: usize = 100;

/// How the tags of a file are to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// To these and no others.
    Set(Vec<String>),
    /// These come behind those that are there.
    Add(Vec<String>),
    /// These go; one that is not there is gone already.
    Remove(Vec<String>),
}

impl TagChange {
    /// The tags that `present` become, each once. More than [`TAGS_MAX`] may come of it.
    pub fn applied_to(&self, present: &[String]) -> Vec<String> {
        let (kept, added): (&[String], &[String]) = match self {
            Self::Set(tags) => (&[], tags),
            Self::Add(tags) => (present, tags),
            Self::Remove(tags) => {
                return present.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
            }
        };
        let mut tags: Vec<String> = Vec::with_capacity(kept.len() + added.len());
        for tag in kept.iter().chain(added) {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        tags
    }
}

/// A live file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    /// For life.
    pub id: EntryId,
    /// Its folder.
    pub folder: FolderNumber,
    /// Its name there.
    pub name: EntryName,
    /// The place of its last change in the order of all changes.
    pub sequence: Sequence,
    /// Where the version's bytes lie.
    pub blob: BlobKey,
    /// Their size and checksum.
    pub content: BlobFacts,
    /// What the client said.
    pub attributes: Attributes,
    /// When the entry was made; overwriting keeps it.
    pub created_at: Timestamp,
    /// When this version was stored.
    pub modified_at: Timestamp,
    /// Its own lock; a folder above may be locked too.
    pub locked: bool,
    /// The command whose output it is.
    pub command: Option<CommandId>,
}

/// A live folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderRecord {
    /// For life.
    pub id: EntryId,
    /// The ledger's number.
    pub number: FolderNumber,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its own lock.
    pub locked: bool,
    /// Direct live files and their bytes.
    pub direct: super::usage::Tally,
}

/// What lies at a path.
#[expect(clippy::large_enum_variant, reason = "an entry is made for one answer and moved once")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File(FileRecord),
    /// A folder.
    Folder(FolderRecord),
}

/// Where a new version goes, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The identity, where the path holds no entry yet; an entry that exists keeps its own.
    pub entry: EntryId,
    /// The target. Parents are made.
    pub path: EntryPath,
    /// Whether a file that lies there is replaced; otherwise that is a refusal.
    pub overwrite: Overwrite,
    /// The intent's blob.
    pub blob: BlobKey,
    /// Its durable bytes.
    pub content: BlobFacts,
    /// What the client said.
    pub attributes: Attributes,
    /// Which command's output this is, and under which name; ends where any other route
    /// overwrites the file.
    pub output_of: Option<(CommandId, String)>,
    /// Through which door it came.
    pub origin: Origin,
}

impl NewVersion {
    /// What of it stays readable when its file is gone, if anything: as whose it is kept.
    pub fn kept_as(&self) -> Option<Origin> {
        match (&self.output_of, self.origin) {
            (Some(_), _) => Some(Origin::CommandOutput),
            (None, Origin::RenderioUpload) => Some(Origin::RenderioUpload),
            (None, Origin::Ordinary | Origin::CommandOutput) => None,
        }
    }
}

/// Why a new version was not stored. Nothing has changed; its blob is swept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadRefusal {
    /// A file lies there, and overwriting was not asked for.
    Exists,
    /// What lies there, or does not, is not what the upload was conditional on.
    VersionChanged,
    /// A folder lies there, or the path is the root or a reserved folder.
    IsFolder,
    /// A parent on the way is a file.
    ParentIsFile(EntryPath),
    /// The file that lies at this path, or a folder above it, is locked.
    Locked(EntryPath),
    /// The path is not the caller's to see.
    OutsidePrefix,
    /// The sweep took the intent: the upload lasted too long.
    IntentExpired,
    /// No such command.
    NoCommand,
    /// The outputs of the command were deleted: it takes no more.
    CommandClosed,
    /// The disk's reserve is spent: what is left is for deleting.
    ReserveSpent,
    /// The organization's plan does not take this media type.
    MediaType,
    /// Larger than the organization's plan allows a file to be.
    FileTooLarge {
        /// Bytes.
        limit: u64,
    },
    /// Too many bytes that the organization deleted are not removed yet.
    BacklogFull,
    /// The live files of the organization would be more than its plan allows.
    FilesQuota {
        /// Files.
        limit: u64,
    },
    /// Their bytes would be more than its plan allows.
    BytesQuota {
        /// Bytes.
        limit: u64,
    },
}

/// A version that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The file as it is now.
    pub file: FileRecord,
    /// Whether the entry is new.
    pub created: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(present: &[&str], change: fn(Vec<String>) -> TagChange, tags: &[&str]) -> Vec<String> {
        let owned = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
        change(owned(tags)).applied_to(&owned(present))
    }

    #[test]
    fn tags_change_in_order_and_stand_once() {
        assert_eq!(check(&["a", "b"], TagChange::Set, &["c", "a", "c"]), ["c", "a"]);
        assert_eq!(check(&["a", "b"], TagChange::Add, &["c", "a", "c"]), ["a", "b", "c"]);
        assert_eq!(check(&["a", "b"], TagChange::Remove, &["c", "a"]), ["b"]);
        assert_eq!(check(&["a"], TagChange::Set, &[]), [""; 0]);
    }
}
