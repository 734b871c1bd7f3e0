//! A blob that comes in pieces, perhaps over days and through several processes. Each piece is
//! written behind what was acknowledged; what lies behind that is what nobody was told of, and is
//! cut off when the next piece comes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Disk;
use super::claims::Claim;
use super::commit::Committer;
use super::directories::Opened;
use super::fault::{Fault, blocking};
use super::layout::blob_name;
use crate::blobs::{BlobAppender, BlobError};
use crate::domain::blob::{BlobFacts, BlobKey};

/// What one task writes, or reads again, at most.
const CHUNK_BYTES: usize = 256 * 1024;
/// A blob is synced whenever this much of it is not: nobody's `syncfs` waits for more.
const UNSYNCED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// One piece's writer.
pub(super) struct DiskAppender {
    committer: Committer,
    key: BlobKey,
    claim: Arc<Claim>,
    buffer: Vec<u8>,
    /// `None` while a task has it, and after a failure: then nothing good can come of it any more.
    grown: Option<Grown>,
    /// Whether the blob's name is durable.
    named: bool,
}

/// The file, open behind its last byte.
struct Grown {
    file: File,
    size: u64,
    unsynced: u64,
    /// Of all bytes; `None` where some of them came earlier.
    hasher: Option<blake3::Hasher>,
}

impl DiskAppender {
    /// Opens the blob and cuts it at `offset`.
    pub(super) async fn open(
        disk: Arc<Disk>,
        committer: Committer,
        key: BlobKey,
        (claim, offset): (Claim, u64),
    ) -> Result<Self, Fault> {
        let claim = Arc::new(claim);
        let held = Arc::clone(&claim);
        let grown = blocking(move || {
            let grown = Grown::open(&disk, key, offset);
            drop(held);
            grown
        });
        let grown = Some(grown.await?);
        Ok(Self { committer, key, claim, buffer: Vec::new(), grown, named: offset > 0 })
    }

    /// Writes what is gathered, and then works on the file, in one task.
    async fn flushed<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Grown) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let failed_before = Fault::unavailable("a blob whose writing failed cannot be written on");
        let mut grown = self.grown.take().ok_or(failed_before)?;
        let chunk = std::mem::take(&mut self.buffer);
        let held = Arc::clone(&self.claim);
        let (grown, done) = blocking(move || {
            grown.append(&chunk)?;
            let done = work(&mut grown)?;
            drop(held);
            Ok((grown, done))
        })
        .await?;
        self.grown = Some(grown);
        Ok(done)
    }

    async fn make_durable(&mut self) -> Result<u64, Fault> {
        let size = self.flushed(|grown| grown.sync().map(|()| grown.size)).await?;
        if !self.named {
            self.committer.commit(self.key, None, Arc::clone(&self.claim)).await?;
            self.named = true;
        }
        Ok(size)
    }
}

#[async_trait]
impl BlobAppender for DiskAppender {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        while !bytes.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.buffer.len());
            if room == 0 {
                self.flushed(|_| Ok(())).await?;
                continue;
            }
            self.buffer.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<u64, BlobError> {
        Ok(self.make_durable().await?)
    }

    async fn finish(mut self: Box<Self>) -> Result<BlobFacts, BlobError> {
        let size = self.make_durable().await?;
        let checksum = self.flushed(Grown::checksum).await?;
        Ok(BlobFacts { size, checksum })
    }
}

impl Grown {
    fn open(disk: &Disk, key: BlobKey, offset: u64) -> Result<Self, Fault> {
        let file = match (begun(disk, key)?, offset) {
            (Some(file), _) => file,
            (None, 0) => disk.directories.create(&disk.root, key, &mut Opened::new())?,
            (None, _) => return Err(Fault::corrupt("a blob that was begun is not there")),
        };
        let stat = rustix::fs::fstat(&file).map_err(Fault::of("looking at a blob"))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Fault::corrupt("what lies under the name of a blob is no file"));
        }
        if u64::try_from(stat.st_size).unwrap_or(0) < offset {
            return Err(Fault::corrupt("a blob is shorter than it was acknowledged to be"));
        }
        rustix::fs::ftruncate(&file, offset).map_err(Fault::of("cutting a blob"))?;
        let hasher = (offset == 0).then(blake3::Hasher::new);
        let mut grown = Self { file, size: offset, unsynced: 0, hasher };
        grown.file.seek(SeekFrom::Start(offset)).map_err(Fault::of_io("writing a blob"))?;
        Ok(grown)
    }

    fn append(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.file.write_all(chunk).map_err(Fault::of_io("writing a blob"))?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(chunk);
        }
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

    /// Reads again what came before this piece, so that the checksum is of what lies there.
    fn checksum(&mut self) -> Result<[u8; 32], Fault> {
        if let Some(hasher) = &self.hasher {
            return Ok(hasher.finalize().into());
        }
        let context = "reading a blob again";
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut rest = self.size;
        self.file.seek(SeekFrom::Start(0)).map_err(Fault::of_io(context))?;
        while rest > 0 {
            let length = usize::try_from(rest).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            self.file.read_exact(&mut chunk[..length]).map_err(Fault::of_io(context))?;
            hasher.update(&chunk[..length]);
            rest -= length as u64;
        }
        Ok(hasher.finalize().into())
    }
}

/// The file of a blob that was begun; `None` where it is positively absent.
fn begun(disk: &Disk, key: BlobKey) -> Result<Option<File>, Fault> {
    // A pipe that somebody put here must not hold the thread: hence the second flag.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Some(directory) = disk.root.directory(key.directory())? {
        match rustix::fs::openat(&directory, blob_name(key), flags, Mode::empty()) {
            Ok(file) => return Ok(Some(File::from(file))),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(Fault::of("opening a blob")(errno)),
        }
    }
    disk.root.check()?;
    Ok(None)
}
