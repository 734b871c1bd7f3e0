//! What is kept on this machine of uploads that are not finished, so that the next `put` of the
//! same file goes on where they broke: a small file for each, in the user's directory of states.
//!
//! It names server, path and upload, and never a key. Without a place to write it an upload works
//! and cannot be taken up again.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::client::FileSource;
use crate::domain::clock::{Clock, SystemClock};

/// Bytes of the first and of the last block, by which a file is known again.
const BLOCK_BYTES: u64 = 64 << 10;
/// After that a server has forgotten an upload.
const LIFETIME: Duration = Duration::from_secs(8 * 24 * 3600);
/// Files of the directory that are looked at, when a new one is written, for some to be removed.
const LOOKED_AT_MAX: usize = 1000;
/// Bytes of such a file at most.
const NOTE_BYTES_MAX: u64 = 64 << 10;

/// What a file was when its upload began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    bytes: u64,
    modified_ns: u128,
    /// SHA-256 of the first and of the last block, in hex.
    blocks: String,
    /// Whether nothing may lie at its place.
    only_new: bool,
}

/// Where a file goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) server: String,
    pub(super) path: String,
}

/// An upload that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unfinished {
    pub(super) target: Target,
    pub(super) fingerprint: Fingerprint,
    /// Its identity.
    pub(super) upload: String,
}

/// The directory of these notes.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    directory: Option<PathBuf>,
}

impl Fingerprint {
    /// Reads the two blocks.
    pub(super) fn of(file: &FileSource, only_new: bool) -> std::io::Result<Self> {
        let mut open = fs::File::open(file.path())?;
        let mut hash = Sha256::new();
        for from in [0, file.bytes().saturating_sub(BLOCK_BYTES)] {
            open.seek(SeekFrom::Start(from))?;
            let mut block = Vec::new();
            Read::by_ref(&mut open).take(BLOCK_BYTES).read_to_end(&mut block)?;
            hash.update(&block);
        }
        let since = file.modified().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            bytes: file.bytes(),
            modified_ns: since.unwrap_or_default().as_nanos(),
            blocks: hex::encode(hash.finalize()),
            only_new,
        })
    }
}

impl Notes {
    /// Those of this user.
    pub(super) fn of_user() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let given = set("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let usual = || Some(PathBuf::from(set("HOME")?).join(".local/state"));
        let base = given.or_else(usual);
        Self { directory: base.map(|base| base.join("delenda").join("uploads")) }
    }

    /// The upload that was begun for this target.
    pub(super) fn find(&self, target: &Target) -> Option<Unfinished> {
        let file = fs::File::open(self.file(target)?).ok()?;
        let mut text = String::new();
        file.take(NOTE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let found: Unfinished = serde_json::from_str(&text).ok()?;
        (found.target == *target).then_some(found)
    }

    /// Keeps it; whole or not at all.
    pub(super) fn keep(&self, unfinished: &Unfinished) -> std::io::Result<()> {
        let (Some(directory), Some(place)) = (&self.directory, self.file(&unfinished.target))
        else {
            return Err(std::io::Error::other("neither XDG_STATE_HOME nor HOME is set"));
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        forget_old(directory);
        let draft = place.with_extension(std::process::id().to_string());
        let written = write(&draft, unfinished).and_then(|()| fs::rename(&draft, &place));
        if written.is_err() {
            // It may not even have been made.
            let _ = fs::remove_file(&draft);
        }
        written
    }

    /// Forgets it; nothing to forget is fine.
    pub(super) fn forget(&self, target: &Target) {
        if let Some(place) = self.file(target) {
            let _ = fs::remove_file(place);
        }
    }

    fn file(&self, target: &Target) -> Option<PathBuf> {
        let mut hash = Sha256::new();
        for part in [&target.server, &target.path] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let name = format!("{}.json", hex::encode(hash.finalize()));
        Some(self.directory.as_ref()?.join(name))
    }
}

fn write(place: &Path, unfinished: &Unfinished) -> std::io::Result<()> {
    let mut file =
        fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(place)?;
    file.write_all(&serde_json::to_vec(unfinished)?)
}

/// Removes what no server knows any more.
fn forget_old(directory: &Path) {
    let Ok(found) = fs::read_dir(directory) else { return };
    let millis = u64::try_from(SystemClock.now().millis()).unwrap_or_default();
    let now = UNIX_EPOCH + Duration::from_millis(millis);
    let is_old =
        |modified: SystemTime| now.duration_since(modified).is_ok_and(|age| age > LIFETIME);
    for entry in found.take(LOOKED_AT_MAX).flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(is_old) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Meter;

    fn target(path: &str) -> Target {
        Target { server: "http://a".to_owned(), path: path.to_owned() }
    }

    fn print(path: &Path) -> Fingerprint {
        let found = fs::metadata(path).unwrap();
        let seen = (found.len(), found.modified().ok());
        Fingerprint::of(&FileSource::new(path, seen, &Meter::default()), true).unwrap()
    }

    #[test]
    fn a_file_is_known_again_until_it_changes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        fs::write(&path, vec![1; 200_000]).unwrap();
        let before = print(&path);
        assert_eq!(print(&path), before);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        // The same length and time, another last byte.
        let mut content = vec![1; 200_000];
        content[199_999] = 2;
        fs::write(&path, content).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_ne!(print(&path), before);
    }

    #[test]
    fn an_upload_is_found_by_its_target_alone_and_old_ones_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("s");
        let notes = Notes { directory: Some(directory.clone()) };
        let file = place.path().join("a");
        fs::write(&file, "a").unwrap();
        let note = |path: &str| Unfinished {
            target: target(path),
            fingerprint: print(&file),
            upload: "u".to_owned(),
        };
        assert_eq!(notes.find(&target("/a")), None);
        notes.keep(&note("/a")).unwrap();
        assert_eq!(notes.find(&target("/a")), Some(note("/a")));
        assert_eq!(notes.find(&target("/b")), None);
        let old = fs::File::options().write(true).open(notes.file(&target("/a")).unwrap());
        old.unwrap().set_modified(UNIX_EPOCH).unwrap();
        notes.keep(&note("/b")).unwrap();
        assert_eq!(notes.find(&target("/a")), None);
        notes.forget(&target("/b"));
        notes.forget(&target("/b"));
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
        assert!(Notes { directory: None }.keep(&note("/a")).is_err());
    }
}
