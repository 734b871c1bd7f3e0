//! Many versions that become live together: what is asked of the one commit that attaches them,
//! and why it refuses. Pure: what can be said without looking at the tree is decided here.

use std::collections::BTreeSet;

use super::blob::BlobKey;
use super::entry::{NewVersion, UploadRefusal};
use super::id::EntryId;
use super::once::{Once, Repeat};
use super::path::EntryPath;

/// Files and folders that one commit attaches at most: it is one transaction, and nobody else
/// writes while it runs.
pub const ATTACH_ENTRIES_MAX: usize = 10_000;

/// Folders on the way to those that one commit attaches at most, whether or not they are there: a
/// path of a thousand bytes may lead through hundreds, and each may have to be made.
pub const ATTACH_WAY_FOLDERS_MAX: usize = 2 * ATTACH_ENTRIES_MAX;

/// What a version was copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// The entry.
    pub entry: EntryId,
    /// Its version, by its bytes; another one is another source. One that was moved, tagged or
    /// locked since is the same.
    pub blob: BlobKey,
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
    /// That it happens once, however often it is asked for.
    pub once: Option<AttachOnce>,
}

/// An attachment that happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachOnce {
    /// Whose it is, and what was asked.
    pub once: Once,
    /// The path whose entry is what was made. Where nothing lies there afterwards, nothing is
    /// remembered: an empty attachment only asks.
    pub made: EntryPath,
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
    /// More than [`ATTACH_ENTRIES_MAX`] files and folders, or more than
    /// [`ATTACH_WAY_FOLDERS_MAX`] folders on the way to them.
    TooMany,
    /// Something lies where nothing may.
    Occupied(EntryPath),
    /// The file or folder that goes to this path is refused.
    Entry(EntryPath, UploadRefusal),
    /// The source of the copy that goes to this path is gone, or is another version by now.
    SourceChanged(EntryPath),
    /// It was asked for before, under the same idempotency key.
    Repeated(Repeat),
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
        let mut way = BTreeSet::new();
        let paths = self.files.iter().map(|file| &file.version.path).chain(&self.folders);
        for path in paths {
            for above in std::iter::successors(path.parent(), EntryPath::parent) {
                if files.contains(&above) {
                    let refusal = UploadRefusal::ParentIsFile(above);
                    return Err(AttachRefusal::Entry(path.clone(), refusal));
                }
                // What lies above a folder that was met was met with it.
                if !way.insert(above) {
                    break;
                }
            }
            if way.len() > ATTACH_WAY_FOLDERS_MAX {
                return Err(AttachRefusal::TooMany);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folders so deep, in as many trees as it takes for so many folders on the way.
    fn deep(way_folders: usize) -> Attach {
        const DEPTH: usize = 400;
        let folder = |tree: usize| format!("/{tree}{}", "/d".repeat(DEPTH));
        let folders = (0..way_folders / DEPTH).map(|tree| EntryPath::parse(&folder(tree)).unwrap());
        Attach { folders: folders.collect(), ..Attach::default() }
    }

    #[test]
    fn few_entries_may_not_lie_behind_any_number_of_folders() {
        assert_eq!(deep(ATTACH_WAY_FOLDERS_MAX - 800).check_by_itself(), Ok(()));
        let refused = deep(ATTACH_WAY_FOLDERS_MAX + 800).check_by_itself();
        assert_eq!(refused, Err(AttachRefusal::TooMany));
    }
}
