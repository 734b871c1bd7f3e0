//! What has changed beyond the fence of a request.

use super::Holdings;
use super::tree::{FolderRow, paths_above};
use crate::deletion::request::DeleteRequest;
use crate::deletion::snapshot::{Found, Kept};
use crate::domain::entry::{FileRecord, Sequence};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;

/// What of a folder has changed.
pub(super) enum Changed {
    /// It, or a folder above it.
    Folder,
    /// Some of its direct files, none of which is locked; and whether a lock in it was lifted.
    Within { files: Tally, unlocked: bool },
}

impl Changed {
    /// What of it stays, in the folder at this index.
    pub(super) fn kept(self, folder: u32) -> Vec<Kept> {
        match self {
            Self::Folder => vec![Kept::ChangedFolder { folder }],
            Self::Within { files, unlocked } => {
                let unlocked = unlocked.then_some(Kept::Unlocked { folder });
                let files = (files.files > 0).then_some(Kept::ChangedFiles { folder, files });
                unlocked.into_iter().chain(files).collect()
            }
        }
    }
}

impl Holdings {
    /// Whether a file, or a folder above it, lies beyond the request's fence.
    pub(super) fn file_changed(&self, path: &EntryPath, request: &DeleteRequest) -> bool {
        let Some(fence) = &request.fence else { return false };
        self.files[path].sequence > fence.sequence || self.way_changed(path, fence.sequence)
    }

    pub(super) fn way_changed(&self, path: &EntryPath, fence: Sequence) -> bool {
        paths_above(path).iter().any(|above| self.folders[above].sequence > fence)
    }

    pub(super) fn changed_in(&self, path: &EntryPath, row: &FolderRow, fence: Sequence) -> Changed {
        if row.sequence > fence || self.way_changed(path, fence) {
            return Changed::Folder;
        }
        let direct = self.files.values().filter(|file| file.folder == row.number);
        let changed = direct.filter(|file| file.sequence > fence && !file.locked);
        let files = changed.map(|file| Tally::one(file.content.size)).sum();
        Changed::Within { files, unlocked: row.unlocked > fence }
    }

    /// Whether the folders with changed files hold more files than may be looked at.
    pub(super) fn looks_too_far(&self, request: &DeleteRequest, found: &[Found]) -> bool {
        let Some(fence) = &request.fence else { return false };
        let is_late = |file: &&FileRecord| file.sequence > fence.sequence;
        let mut looked_at = 0;
        for found in found {
            let Found::Folder(tree) = found else { continue };
            for (path, row) in self.folders.iter().filter(|(path, _)| tree.path.contains(path)) {
                let mut direct = self.files.values().filter(|file| file.folder == row.number);
                let is_covered =
                    row.sequence > fence.sequence || self.way_changed(path, fence.sequence);
                if !is_covered && direct.clone().any(|file| is_late(&file)) {
                    looked_at += direct.by_ref().count() as u64;
                }
            }
        }
        looked_at > fence.look_files_max
    }
}
