//! The ballast: reserved space beside the database, given up when the disk is full.
//!
//! On a full disk SQLite cannot delete even one row. Deleting must be the last thing to fail, so
//! a file holds more space than one commit's log needs until that moment. Uploads are refused
//! until the disk has room enough to reserve it again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{StatVfs, StatVfsMountFlags};

/// More than the log of one commit.
const BALLAST_BYTES: u64 = 32 << 20;
/// Free space, beside the ballast, at which it is made anew.
const FREE_BYTES_MIN: u64 = 2 * BALLAST_BYTES;
/// How often that is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The reserve of one database.
pub(super) struct Ballast {
    file: PathBuf,
    spent: Arc<AtomicBool>,
    looked: Option<Instant>,
}

impl Ballast {
    /// Reserves the space where it is not reserved yet. Where that fails there is no ballast, and
    /// it counts as spent.
    pub(super) fn at(file: PathBuf) -> Self {
        let mut ballast = Self { file, spent: Arc::new(AtomicBool::new(true)), looked: None };
        ballast.refill_when_possible();
        ballast
    }

    /// True while there is no reserve.
    pub(super) fn spent_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.spent)
    }

    /// Gives the space up.
    pub(super) fn release(&mut self) {
        self.spent.store(true, Ordering::Relaxed);
        self.looked = None;
        if let Err(error) = std::fs::remove_file(&self.file) {
            tracing::warn!(%error, "there was no ballast to give up");
        }
    }

    /// Reserves the space again once the disk has room for it.
    pub(super) fn refill_when_possible(&mut self) {
        let looked_lately = self.looked.is_some_and(|at| at.elapsed() < LOOK_INTERVAL);
        if !self.spent.load(Ordering::Relaxed) || looked_lately {
            return;
        }
        self.looked = Some(Instant::now());
        match self.refill() {
            Ok(true) => self.spent.store(false, Ordering::Relaxed),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the ballast could not be reserved"),
        }
    }

    fn refill(&self) -> io::Result<bool> {
        if std::fs::metadata(&self.file).is_ok_and(|there| there.len() == BALLAST_BYTES) {
            return Ok(true);
        }
        if free_bytes(&self.file)? < BALLAST_BYTES + FREE_BYTES_MIN {
            return Ok(false);
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.file)?;
        reserve(&file)?;
        file.sync_all()?;
        Ok(true)
    }
}

/// Allocates blocks; writes zeros where the file system cannot allocate without writing.
fn reserve(file: &File) -> io::Result<()> {
    let flags = rustix::fs::FallocateFlags::empty();
    if rustix::fs::fallocate(file, flags, 0, BALLAST_BYTES).is_ok() {
        return Ok(());
    }
    let zeros = vec![0; 1 << 20];
    let mut file = file;
    for _ in 0..BALLAST_BYTES >> 20 {
        file.write_all(&zeros)?;
    }
    Ok(())
}

/// What is left on the volume that holds this file's folder.
pub(super) fn free_bytes(file: &Path) -> io::Result<u64> {
    let volume = volume_of(file)?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// Whether that volume takes no change: some file systems end so after an error.
pub(super) fn is_read_only(file: &Path) -> io::Result<bool> {
    Ok(volume_of(file)?.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn volume_of(file: &Path) -> io::Result<StatVfs> {
    let folder = file.parent().unwrap_or(Path::new("."));
    Ok(rustix::fs::statvfs(folder)?)
}
