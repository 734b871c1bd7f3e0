//! Removing: unlinks on two threads of their own, off everybody's path, and syncs of the
//! directories afterwards.
//!
//! A request for many blobs goes to the threads in pieces, a few at a time, each in line with
//! whatever else waits: whoever removes a single blob waits for some pieces at most. The keys are
//! taken in their order, which is that of the directories.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::stream;
use rustix::fs::AtFlags;
use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot};

use super::Disk;
use super::fault::Fault;
use super::layout::blob_name;
use crate::blobs::Removal;
use crate::domain::blob::BlobKey;

/// Threads that unlink.
const THREADS: usize = 2;
/// Blobs of one piece: one to two milliseconds of unlinking.
const PIECE_BLOBS_MAX: usize = 128;
/// Pieces of one request that are under way or in line: each thread has its next one ready.
const PIECES_AT_ONCE: usize = 2 * THREADS;
/// Pieces in line at most, of all requests; more wait as tasks, in their order.
const WAITING_PIECES_MAX: usize = 64;

/// What became of one blob.
type Outcome = Result<Unlinked, Fault>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unlinked {
    Removed,
    Absent,
}

struct Piece {
    keys: Vec<BlobKey>,
    done: oneshot::Sender<Vec<Outcome>>,
}

/// The way to the threads.
pub(super) struct Remover(mpsc::Sender<Piece>);

impl Remover {
    /// Starts the threads. They end when this is gone and what was sent is done.
    pub(super) fn start(disk: &Arc<Disk>) -> Result<Self, Fault> {
        let (sender, pieces) = mpsc::channel(WAITING_PIECES_MAX);
        let pieces = Arc::new(Mutex::new(pieces));
        for number in 0..THREADS {
            let (disk, pieces) = (Arc::clone(disk), Arc::clone(&pieces));
            std::thread::Builder::new()
                .name(format!("blob-remove-{number}"))
                .spawn(move || run(&disk, &pieces))
                .map_err(Fault::of_io("starting a thread that removes blobs"))?;
        }
        Ok(Self(sender))
    }

    /// One removal for each key, in order.
    pub(super) async fn remove(&self, keys: &[BlobKey]) -> Vec<Removal> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_unstable_by_key(|index| keys[*index]);
        let pieces: Vec<(Vec<usize>, Vec<BlobKey>)> = order
            .chunks(PIECE_BLOBS_MAX)
            .map(|piece| (piece.to_vec(), piece.iter().map(|index| keys[*index]).collect()))
            .collect();
        let mut removals: Vec<Removal> = keys.iter().map(|_| Removal::Absent).collect();
        let mut done = stream::iter(pieces)
            .map(|(indices, keys)| async { (indices, self.unlink(keys).await) })
            .buffer_unordered(PIECES_AT_ONCE);
        while let Some((indices, outcomes)) = done.next().await {
            for (index, outcome) in indices.into_iter().zip(outcomes) {
                removals[index] = removal(outcome);
            }
        }
        removals
    }

    async fn unlink(&self, keys: Vec<BlobKey>) -> Vec<Outcome> {
        let lost = Err(Fault::unavailable("the threads that remove blobs have ended"));
        let lost = vec![lost; keys.len()];
        let (done, outcomes) = oneshot::channel();
        match self.0.send(Piece { keys, done }).await {
            Ok(()) => outcomes.await.unwrap_or(lost),
            Err(_) => lost,
        }
    }
}

fn removal(outcome: Outcome) -> Removal {
    match outcome {
        Ok(Unlinked::Removed) => Removal::Removed,
        Ok(Unlinked::Absent) => Removal::Absent,
        Err(fault) => Removal::Unknown(fault.into()),
    }
}

fn run(disk: &Disk, pieces: &Mutex<mpsc::Receiver<Piece>>) {
    loop {
        let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Piece { keys, done }) = next else { return };
        // Whoever has stopped waiting will ask again.
        let _ = done.send(unlink_all(disk, &keys));
    }
}

fn unlink_all(disk: &Disk, keys: &[BlobKey]) -> Vec<Outcome> {
    let claimed = disk.claims.among(keys);
    let mut opened: Option<(i64, Option<OwnedFd>)> = None;
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(keys.len());
    for key in keys {
        outcomes.push(if claimed.contains(key) {
            Err(Fault::unavailable("the blob is still being written"))
        } else {
            unlink(disk, *key, &mut opened)
        });
    }
    if outcomes.contains(&Ok(Unlinked::Absent))
        && let Err(fault) = disk.root.check()
    {
        // On a disk that is not ours everything is absent, and nothing is learnt from it.
        for outcome in &mut outcomes {
            if *outcome == Ok(Unlinked::Absent) {
                *outcome = Err(fault);
            }
        }
    }
    outcomes
}

fn unlink(disk: &Disk, key: BlobKey, opened: &mut Option<(i64, Option<OwnedFd>)>) -> Outcome {
    let number = key.directory();
    if opened.as_ref().is_none_or(|(open, _)| *open != number) {
        *opened = Some((number, disk.root.directory(number)?));
    }
    let Some((_, Some(directory))) = opened else { return Ok(Unlinked::Absent) };
    match rustix::fs::unlinkat(&*directory, blob_name(key), AtFlags::empty()) {
        Ok(()) => Ok(Unlinked::Removed),
        Err(Errno::NOENT) => Ok(Unlinked::Absent),
        Err(errno) => Err(Fault::of("removing a blob")(errno)),
    }
}

/// Syncs the directories of these blobs, one by one: after the first, which commits the journal,
/// each costs less than its share of a `syncfs`. Then removes those that became empty.
pub(super) fn sync(disk: &Disk, keys: &[BlobKey]) -> Result<(), Fault> {
    let numbers: BTreeSet<i64> = keys.iter().map(|key| key.directory()).collect();
    let mut some_gone = false;
    for number in &numbers {
        match disk.root.directory(*number)? {
            Some(directory) => {
                rustix::fs::fsync(&directory).map_err(Fault::of("syncing a numbered directory"))?;
            }
            None => some_gone = true,
        }
    }
    // A directory that is absent from a foreign disk is not gone.
    disk.root.check()?;
    for number in numbers {
        match disk.directories.remove_if_empty(&disk.root, number) {
            Ok(gone) => some_gone |= gone,
            // The blobs are gone all the same; an empty directory more is no harm.
            Err(fault) => {
                let error = crate::blobs::BlobError::from(fault);
                tracing::warn!(%error, number, "an empty blob directory stays");
            }
        }
    }
    if some_gone { disk.root.sync() } else { Ok(()) }
}
