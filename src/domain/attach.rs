//! Many versions that become live together: what is asked of the one commit that attaches them,
//! and why it refuses. Pure: what can be said without looking at the tree is decided here.

use std::collections::BTreeSet;

use super::entry::{NewVersion, Sequence, UploadRefusal};
use super::id::EntryId;
use super::path::EntryPath;

/// Files and folders that one commit attaches at most: it is one transaction, and nobody else
/// writes while it runs.
pub const ATTACH_ENTRIES_MAX: usize = 10_000;

/// What a version was copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// The entry.
    pub entry: EntryId,
    /// Its version; another one is another source.
    pub sequence: Sequence,
}

/// One version that was built and is not live yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What it is, and where it goes.
    pub version: NewVersion,
    /// Where that is a copy: its source, which must still be there and the same.
    pub source: Option<CopySource>,
}

/// What becomes live in one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// Files, each at a path of its own.
    pub files: Vec<Attachment>,
    /// Folders that are there afterwards, also where no file lies in them.
    pub folders: Vec<EntryPath>,
    /// Paths at which nothing may lie yet.
    pub vacant: Vec<EntryPath>,
}

/// What a commit attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Files that are new.
    pub created: u64,
    /// Files that were overwritten.
    pub replaced: u64,
}

/// Why nothing was attached. Nothing has changed, and all intents are as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachRefusal {
    /// More than [`ATTACH_ENTRIES_MAX`] files and folders.
    TooMany,
    /// Something lies where nothing may.
    Occupied(EntryPath),
    /// The file or folder that goes to this path is refused.
    Entry(EntryPath, UploadRefusal),
    /// The source of the copy that goes to this path is gone, or is another version by now.
    SourceChanged(EntryPath),
}

impl Attach {
    /// Refuses what could never be attached, whatever the tree holds: too much of it, two files at
    /// one path, a file where a folder or another file's parent would have to be.
    pub fn check_by_itself(&self) -> Result<(), AttachRefusal> {
        if self.files.len() + self.folders.len() > ATTACH_ENTRIES_MAX {
            return Err(AttachRefusal::TooMany);
        }
        let mut files: BTreeSet<&EntryPath> = BTreeSet::new();
        for file in &self.files {
            if !files.insert(&file.version.path) {
                let path = file.version.path.clone();
                return Err(AttachRefusal::Entry(path, UploadRefusal::Exists));
            }
        }
        if let Some(folder) = self.folders.iter().find(|folder| files.contains(folder)) {
            return Err(AttachRefusal::Entry(folder.clone(), UploadRefusal::Exists));
        }
        let paths = self.files.iter().map(|file| &file.version.path).chain(&self.folders);
        for path in paths {
            let mut above = std::iter::successors(path.parent(), EntryPath::parent);
            if let Some(file) = above.find(|parent| files.contains(parent)) {
                let refusal = UploadRefusal::ParentIsFile(file);
                return Err(AttachRefusal::Entry(path.clone(), refusal));
            }
        }
        Ok(())
    }
}
