//! A blob that comes in: gathered whole while it is small, streamed to its file when it is not.
//!
//! A small blob touches the disk only in its group; there is one hand-over to the committing
//! thread, and none before. A large one is written under its final name by blocking tasks, one at
//! a time, while the next chunk gathers. The final name costs no rename and no second write to
//! the directory, refuses a key that exists, and lets the sweep find what was never finished.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::Disk;
use super::claims::Claim;
use super::commit::Committer;
use super::directories::Opened;
use super::fault::Fault;
use crate::blobs::{BlobError, BlobWriter};
use crate::domain::blob::{BlobFacts, BlobKey};

/// Up to this size a blob is written by the committing thread, in one call.
const SMALL_BYTES_MAX: usize = 64 * 1024;
/// A chunk of a larger blob. Two of them are in memory at most.
const CHUNK_BYTES: usize = 256 * 1024;
/// A streamed blob is synced whenever this much of it is not: nobody's `syncfs` waits for more.
const UNSYNCED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// One blob's writer.
pub(super) struct DiskWriter {
    disk: Arc<Disk>,
    committer: Committer,
    key: BlobKey,
    claim: Arc<Claim>,
    buffer: Vec<u8>,
    progress: Progress,
}

/// How far a blob has come.
enum Progress {
    /// Nothing is on the disk.
    Small,
    /// A task writes a chunk and gives the file back.
    Streaming(JoinHandle<Result<Streamed, Fault>>),
    /// A write failed: nothing good can come of it any more.
    Failed,
}

/// A file that is being written.
struct Streamed {
    file: File,
    hasher: blake3::Hasher,
    size: u64,
    unsynced: u64,
}

impl DiskWriter {
    pub(super) fn new(disk: Arc<Disk>, committer: Committer, key: BlobKey, claim: Claim) -> Self {
        let (claim, buffer) = (Arc::new(claim), Vec::new());
        Self { disk, committer, key, claim, buffer, progress: Progress::Small }
    }

    /// Takes the file from the task that wrote last, or creates it, and writes on in a new task.
    async fn stream(&mut self) -> Result<(), Fault> {
        let before = match std::mem::replace(&mut self.progress, Progress::Failed) {
            Progress::Small => None,
            Progress::Streaming(task) => Some(joined(task).await?),
            Progress::Failed => return Err(failed_before()),
        };
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        let (disk, key, claim) = (Arc::clone(&self.disk), self.key, Arc::clone(&self.claim));
        self.progress = Progress::Streaming(tokio::task::spawn_blocking(move || {
            let mut streamed = match before {
                Some(streamed) => streamed,
                None => Streamed::create(&disk, key)?,
            };
            streamed.append(&chunk)?;
            drop(claim);
            Ok(streamed)
        }));
        Ok(())
    }

    async fn complete(mut self: Box<Self>) -> Result<BlobFacts, Fault> {
        match std::mem::replace(&mut self.progress, Progress::Failed) {
            Progress::Failed => Err(failed_before()),
            Progress::Small => {
                let bytes = std::mem::take(&mut self.buffer);
                let checksum = blake3::hash(&bytes).into();
                let facts = BlobFacts { size: bytes.len() as u64, checksum };
                self.committer.commit(self.key, Some(bytes), self.claim).await?;
                Ok(facts)
            }
            Progress::Streaming(task) => {
                let streamed = joined(task).await?;
                let (rest, claim) = (std::mem::take(&mut self.buffer), Arc::clone(&self.claim));
                let last = tokio::task::spawn_blocking(move || {
                    let facts = streamed.finish(&rest);
                    drop(claim);
                    facts
                });
                let facts = joined(last).await?;
                self.committer.commit(self.key, None, self.claim).await?;
                Ok(facts)
            }
        }
    }
}

#[async_trait]
impl BlobWriter for DiskWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if matches!(self.progress, Progress::Failed) {
            return Err(failed_before().into());
        }
        while !bytes.is_empty() {
            let limit = match self.progress {
                Progress::Small => SMALL_BYTES_MAX,
                Progress::Streaming(_) | Progress::Failed => CHUNK_BYTES,
            };
            let room = limit.saturating_sub(self.buffer.len());
            if room == 0 {
                self.stream().await?;
                continue;
            }
            let piece = bytes.split_to(room.min(bytes.len()));
            self.buffer.extend_from_slice(&piece);
        }
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<BlobFacts, BlobError> {
        Ok(self.complete().await?)
    }
}

impl Streamed {
    fn create(disk: &Disk, key: BlobKey) -> Result<Self, Fault> {
        let file = disk.directories.create(&disk.root, key, &mut Opened::new())?;
        Ok(Self { file, hasher: blake3::Hasher::new(), size: 0, unsynced: 0 })
    }

    fn append(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.hasher.update(chunk);
        self.file.write_all(chunk).map_err(Fault::of_io("writing a blob"))?;
        self.size += chunk.len() as u64;
        self.unsynced += chunk.len() as u64;
        if self.unsynced >= UNSYNCED_BYTES_MAX {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.unsynced = 0;
        self.file.sync_data().map_err(Fault::of_io("syncing a blob"))
    }

    fn finish(mut self, rest: &[u8]) -> Result<BlobFacts, Fault> {
        self.append(rest)?;
        self.sync()?;
        Ok(BlobFacts { size: self.size, checksum: self.hasher.finalize().into() })
    }
}

async fn joined<T>(task: JoinHandle<Result<T, Fault>>) -> Result<T, Fault> {
    match task.await {
        Ok(result) => result,
        Err(_) => Err(Fault::unavailable("disk work was cut short")),
    }
}

fn failed_before() -> Fault {
    Fault::unavailable("a blob whose writing failed cannot be written on")
}
