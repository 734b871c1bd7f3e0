//! The data directory, and who holds it. One process at a time may have its database open: the
//! one that holds the instance lock. The lock is the kernel's, so that it ends with its process,
//! however that ends; a lock file, or a socket file, that lies there proves nothing.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;

/// How often a lock that somebody holds is tried again.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(25);

/// A directory that is there.
#[derive(Clone, Debug)]
pub struct DataDirectory {
    path: PathBuf,
}

/// The right to be the one process that has the database open, until it is dropped.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

impl DataDirectory {
    /// The directory at `path`, which is made, readable by its owner alone, where it is absent.
    pub fn create(path: &Path) -> io::Result<Self> {
        let absent = !path.exists();
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let directory = Self::existing(path)?;
        if absent {
            sync_directory(directory.path.parent().unwrap_or(Path::new("/")))?;
        }
        Ok(directory)
    }

    /// The directory at `path`; an error where there is none.
    pub fn existing(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path })
    }

    /// Where it is, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path.join("delenda.db")
    }

    /// Whether a server or an administrator has begun to use the directory.
    pub fn holds_database(&self) -> io::Result<bool> {
        self.database().try_exists()
    }

    /// Space that is given back when the disk is full.
    pub fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Where a running server takes administrative requests.
    pub fn socket(&self) -> PathBuf {
        self.path.join("admin.sock")
    }

    /// The key of the first start.
    pub fn first_key(&self) -> PathBuf {
        self.path.join("first-key")
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("instance.lock")
    }

    /// The instance lock, or `None` where another process holds it.
    pub fn try_lock(&self) -> io::Result<Option<InstanceLock>> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600);
        lock(file.open(self.lock_file())?, FlockOperation::NonBlockingLockExclusive)
    }

    /// The instance lock, or `None` where another process holds it for longer than `at_most`.
    pub async fn lock_within(&self, at_most: Duration) -> io::Result<Option<InstanceLock>> {
        let deadline = tokio::time::Instant::now() + at_most;
        loop {
            let lock = self.try_lock()?;
            if lock.is_some() || tokio::time::Instant::now() >= deadline {
                return Ok(lock);
            }
            tokio::time::sleep(LOCK_RETRY_INTERVAL).await;
        }
    }

    /// Keeps others from writing while somebody reads, and writes nothing: where no lock file
    /// lies no server has run since the directory was copied here, and none is made.
    pub fn try_lock_for_reading(&self) -> io::Result<Reading> {
        match File::open(self.lock_file()) {
            Ok(file) => {
                let lock = lock(file, FlockOperation::NonBlockingLockShared)?;
                Ok(lock.map_or(Reading::InUse, |lock| Reading::Free(Some(lock))))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Reading::Free(None)),
            Err(error) => Err(error),
        }
    }

    /// Writes the first key, whole and durable, for its owner alone.
    pub fn write_first_key(&self, key: &str) -> io::Result<()> {
        let unfinished = self.path.join("first-key.new");
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        // The file may be the rest of an attempt that was interrupted.
        file.set_permissions(Permissions::from_mode(0o600))?;
        writeln!(file, "{key}")?;
        file.sync_all()?;
        std::fs::rename(&unfinished, self.first_key())?;
        sync_directory(&self.path)
    }
}

/// Whether the directory can be read without anybody writing to it.
#[derive(Debug)]
pub enum Reading {
    /// It can, as long as this is held.
    Free(Option<InstanceLock>),
    /// A server or an administrative command is at work.
    InUse,
}

fn lock(file: File, operation: FlockOperation) -> io::Result<Option<InstanceLock>> {
    match rustix::fs::flock(&file, operation) {
        Ok(()) => Ok(Some(InstanceLock { _file: file })),
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_made_directory_is_its_owners_alone_and_its_parents_are_made() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::create(&place.path().join("a/b")).unwrap();
        assert_eq!(mode(directory.path()), 0o700);
        assert!(!directory.holds_database().unwrap());
    }

    #[test]
    fn a_file_or_nothing_is_no_data_directory() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(DataDirectory::existing(&file).is_err());
        assert!(DataDirectory::create(&file).is_err());
        assert!(DataDirectory::existing(&place.path().join("none")).is_err());
    }

    #[test]
    fn one_process_at_a_time_holds_the_lock() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::create(place.path()).unwrap();
        let held = directory.try_lock().unwrap().unwrap();
        assert!(directory.try_lock().unwrap().is_none());
        assert!(matches!(directory.try_lock_for_reading().unwrap(), Reading::InUse));
        drop(held);
        let reading = directory.try_lock_for_reading().unwrap();
        assert!(directory.try_lock().unwrap().is_none());
        drop(reading);
        assert!(directory.try_lock().unwrap().is_some());
    }

    #[tokio::test]
    async fn a_lock_that_is_held_for_a_moment_is_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::create(place.path()).unwrap();
        let held = directory.try_lock().unwrap();
        assert!(directory.lock_within(Duration::from_millis(60)).await.unwrap().is_none());
        let waiting = directory.lock_within(Duration::from_secs(20));
        let (taken, ()) = tokio::join!(waiting, async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            drop(held);
        });
        assert!(taken.unwrap().is_some());
    }

    #[test]
    fn reading_writes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::create(place.path()).unwrap();
        assert!(matches!(directory.try_lock_for_reading().unwrap(), Reading::Free(None)));
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_first_key_is_its_owners_alone_also_after_an_interrupted_attempt() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::create(place.path()).unwrap();
        let unfinished = place.path().join("first-key.new");
        std::fs::write(&unfinished, "a longer text than the key").unwrap();
        std::fs::set_permissions(&unfinished, Permissions::from_mode(0o644)).unwrap();
        directory.write_first_key("ffsk_1").unwrap();
        assert_eq!(std::fs::read_to_string(directory.first_key()).unwrap(), "ffsk_1\n");
        assert_eq!(mode(&directory.first_key()), 0o600);
        assert!(!unfinished.exists());
    }
}
