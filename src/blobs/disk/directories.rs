//! The numbered directories: made when a blob needs one, removed when the last blob has left.
//!
//! Removing an empty directory may race with a blob that comes into it. The kernel decides: a
//! directory that holds something is not removed, and in one that was removed nothing can be
//! made; whoever meets the latter makes the directory again.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::fault::Fault;
use super::layout::{blob_name, directory_name, parse_directory};
use super::root::{DIRECTORY_MODE, FILE_MODE, Root, entries};
use crate::domain::blob::BlobKey;

/// How often a directory that vanishes is made again for one blob.
const CREATE_TRIES_MAX: u32 = 16;
/// Directories below the newest that still stay when they are empty: uploads draw their numbers
/// before they write.
const EMPTY_DIRECTORIES_KEPT: i64 = 1;
/// Directories that are remembered as durable; of others the root is synced once more.
const DURABLE_REMEMBERED_MAX: usize = 64;

/// What this process knows of the numbered directories.
pub(super) struct Directories {
    /// The highest number that exists or that a blob was created in.
    newest: AtomicI64,
    /// Directories whose names in the root are durable. A directory is forgotten before it is
    /// removed and before it is made.
    durable: Mutex<BTreeSet<i64>>,
}

/// Directories that one piece of work has opened.
pub(super) type Opened = BTreeMap<i64, OwnedFd>;

impl Directories {
    /// What can be learnt from the root.
    pub(super) fn find(root: &Root) -> Result<Self, Fault> {
        let names = entries(&root.reopen()?)?;
        let newest = names.iter().filter_map(|name| parse_directory(name)).max();
        Ok(Self { newest: AtomicI64::new(newest.unwrap_or(-1)), durable: Mutex::default() })
    }

    /// Creates the file of a blob that must not exist, and its directory where needed.
    pub(super) fn create(
        &self,
        root: &Root,
        key: BlobKey,
        opened: &mut Opened,
    ) -> Result<File, Fault> {
        let number = key.directory();
        let name = blob_name(key);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.newest.fetch_max(number, Ordering::Relaxed);
        for _ in 0..CREATE_TRIES_MAX {
            let directory = match opened.remove(&number) {
                Some(directory) => Some(directory),
                None => self.enter(root, number)?,
            };
            let Some(directory) = directory else { continue };
            match rustix::fs::openat(&directory, &name, flags, FILE_MODE) {
                Ok(file) => {
                    opened.insert(number, directory);
                    return Ok(File::from(file));
                }
                // The directory was removed after it was opened.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Fault::of("creating a blob")(errno)),
            }
        }
        Err(Fault::unavailable("the directory of a new blob vanishes again and again"))
    }

    /// Opens a directory, or makes it and answers `None`: open it again.
    fn enter(&self, root: &Root, number: i64) -> Result<Option<OwnedFd>, Fault> {
        if let Some(directory) = root.directory(number)? {
            return Ok(Some(directory));
        }
        root.check()?;
        self.durable().remove(&number);
        match rustix::fs::mkdirat(root.fd(), directory_name(number), DIRECTORY_MODE) {
            Ok(()) | Err(Errno::EXIST) => Ok(None),
            Err(errno) => Err(Fault::of("making a numbered directory")(errno)),
        }
    }

    /// Makes the names in the root of these directories durable.
    pub(super) fn sync_names(
        &self,
        root: &Root,
        numbers: impl Iterator<Item = i64>,
    ) -> Result<(), Fault> {
        let numbers: Vec<i64> = {
            let durable = self.durable();
            numbers.filter(|number| !durable.contains(number)).collect()
        };
        if numbers.is_empty() {
            return Ok(());
        }
        root.sync()?;
        let mut durable = self.durable();
        durable.extend(numbers);
        while durable.len() > DURABLE_REMEMBERED_MAX {
            durable.pop_first();
        }
        Ok(())
    }

    /// Removes a directory if it is empty and old; whether it is gone now.
    pub(super) fn remove_if_empty(&self, root: &Root, number: i64) -> Result<bool, Fault> {
        if number >= self.newest.load(Ordering::Relaxed) - EMPTY_DIRECTORIES_KEPT {
            return Ok(false);
        }
        self.durable().remove(&number);
        match rustix::fs::unlinkat(root.fd(), directory_name(number), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(errno) => Err(Fault::of("removing an empty numbered directory")(errno)),
        }
    }

    fn durable(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
