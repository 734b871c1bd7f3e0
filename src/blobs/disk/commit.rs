//! Making blobs durable, in groups: one thread takes all blobs that wait, writes them, and syncs
//! them together. While it syncs, the next group gathers.
//!
//! A group of some size is synced by one `syncfs`, which also starts all writing back at once; it
//! is faster than a sync for each file, by two to six times. What it reports is precise enough
//! here (`docs/decisions/0005-group-sync-of-blobs.md`): every write of the group was made by this
//! thread since its last `syncfs` on the same descriptor, so a failed write-back of any of them
//! comes out of this very call. A failure of somebody else's file comes out as well, and then
//! blobs are refused that were well: the safe side. After any failure nothing is tried again.

use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Disk;
use super::claims::Claim;
use super::directories::Opened;
use super::fault::Fault;
use super::volume;
use crate::domain::blob::BlobKey;

/// Blobs that one group holds at most. Each has at most 64 KiB of bytes with it.
const GROUP_BLOBS_MAX: usize = 256;
/// Blobs that wait for the next group at most; more wait as tasks.
const WAITING_BLOBS_MAX: usize = 256;
/// From how many new files on one `syncfs` is cheaper than a sync of each.
const SYNCFS_FILES_MIN: usize = 3;

/// A blob that is to become durable.
pub(super) struct Arrival {
    /// Its key.
    pub(super) key: BlobKey,
    /// All its bytes; `None` where they were written and synced already, so that only the names
    /// are not durable.
    pub(super) bytes: Option<Vec<u8>>,
    /// Held until the outcome is known.
    pub(super) claim: Arc<Claim>,
    /// Where the outcome goes.
    pub(super) done: oneshot::Sender<Result<(), Fault>>,
}

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Committer(mpsc::Sender<Arrival>);

struct Worker {
    disk: Arc<Disk>,
    /// Opened by this thread alone: errors of write-back are reported once for each opening.
    volume: OwnedFd,
    syncfs_reports: bool,
}

impl Committer {
    /// Starts the thread. It ends when all senders are gone and what they sent is done.
    pub(super) fn start(disk: &Arc<Disk>) -> Result<Self, Fault> {
        let (sender, arrivals) = mpsc::channel(WAITING_BLOBS_MAX);
        let volume = disk.root.reopen()?;
        let syncfs_reports = volume::syncfs_reports_errors(&volume);
        let worker = Worker { disk: Arc::clone(disk), volume, syncfs_reports };
        std::thread::Builder::new()
            .name("blob-commit".to_owned())
            .spawn(move || worker.run(arrivals))
            .map_err(Fault::of_io("starting the thread that makes blobs durable"))?;
        Ok(Self(sender))
    }

    /// Ends when the blob is durable, or is known not to be.
    pub(super) async fn commit(
        &self,
        key: BlobKey,
        bytes: Option<Vec<u8>>,
        claim: Arc<Claim>,
    ) -> Result<(), Fault> {
        let gone = Fault::unavailable("the thread that makes blobs durable has ended");
        let (done, outcome) = oneshot::channel();
        let arrival = Arrival { key, bytes, claim, done };
        self.0.send(arrival).await.map_err(|_| gone)?;
        outcome.await.map_err(|_| gone)?
    }
}

impl Worker {
    fn run(self, mut arrivals: mpsc::Receiver<Arrival>) {
        while let Some(first) = arrivals.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP_BLOBS_MAX
                && let Ok(next) = arrivals.try_recv()
            {
                group.push(next);
            }
            self.commit(group);
        }
    }

    fn commit(&self, mut group: Vec<Arrival>) {
        let mut opened = Opened::new();
        let written: Vec<Result<Option<File>, Fault>> =
            group.iter_mut().map(|arrival| self.write(arrival, &mut opened)).collect();
        let synced = self.sync_files(written);
        let named = self.sync_directories(&opened);
        for (arrival, synced) in group.into_iter().zip(synced) {
            // Whoever has stopped waiting learns nothing; the intent tells the sweep.
            let Arrival { done, claim, .. } = arrival;
            drop(claim);
            let _ = done.send(synced.and(named));
        }
    }

    /// The file of a blob that came with its bytes.
    fn write(&self, arrival: &mut Arrival, opened: &mut Opened) -> Result<Option<File>, Fault> {
        let disk = &self.disk;
        let Some(bytes) = arrival.bytes.take() else {
            if let Entry::Vacant(vacant) = opened.entry(arrival.key.directory()) {
                let directory = disk.root.directory(*vacant.key())?;
                let gone = Fault::corrupt("the directory of a blob that is written is gone");
                vacant.insert(directory.ok_or(gone)?);
            }
            return Ok(None);
        };
        let mut file = disk.directories.create(&disk.root, arrival.key, opened)?;
        file.write_all(&bytes).map_err(Fault::of_io("writing a blob"))?;
        Ok(Some(file))
    }

    fn sync_files(&self, written: Vec<Result<Option<File>, Fault>>) -> Vec<Result<(), Fault>> {
        let context = "syncing a blob";
        let files = written.iter().filter(|file| matches!(file, Ok(Some(_)))).count();
        if self.syncfs_reports && files >= SYNCFS_FILES_MIN {
            let all = rustix::fs::syncfs(&self.volume).map_err(Fault::of(context));
            return written.into_iter().map(|file| file.and(all)).collect();
        }
        let sync = |file: Result<Option<File>, Fault>| match file? {
            Some(file) => file.sync_data().map_err(Fault::of_io(context)),
            None => Ok(()),
        };
        written.into_iter().map(sync).collect()
    }

    /// Also after `syncfs`, which before Linux 5.17 kept silent about a broken journal.
    fn sync_directories(&self, opened: &Opened) -> Result<(), Fault> {
        for directory in opened.values() {
            rustix::fs::fsync(directory).map_err(Fault::of("syncing a numbered directory"))?;
        }
        self.disk.directories.sync_names(&self.disk.root, opened.keys().copied())
    }
}
