//! Blob stores: bytes under keys that were never used before and will never be used again.
//!
//! An error is never an absence. A blob store has no idea who owns a blob and decides nothing.

pub mod disk;
pub mod error;

#[cfg(test)]
pub mod conformance;
#[cfg(test)]
pub mod faulty;
#[cfg(test)]
pub mod memory;

use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;

pub use self::error::{BlobError, BlobErrorKind};
use crate::domain::blob::{BlobFacts, BlobKey};

/// The bytes of a blob, in order.
pub type BlobStream = Pin<Box<dyn Stream<Item = Result<Bytes, BlobError>> + Send>>;

/// What became of one blob that was to be removed.
#[derive(Debug)]
pub enum Removal {
    /// It was there and cannot be read any more.
    Removed,
    /// It was positively not there.
    Absent,
    /// It may be there: nothing was learnt.
    Unknown(BlobError),
}

impl Removal {
    /// Whether the blob is positively gone (I4).
    pub const fn is_gone(&self) -> bool {
        match self {
            Self::Removed | Self::Absent => true,
            Self::Unknown(_) => false,
        }
    }
}

/// What a store holds beside what it knows to be blobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Every blob with its size in bytes, in the order of the keys.
    pub blobs: Vec<(BlobKey, u64)>,
    /// Things that are no blobs and nothing that the store made, as it names them.
    pub strangers: Vec<String>,
}

/// A store of blobs.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Begins a blob. Where one of that key exists or is being written, this fails, or finishing
    /// does at the latest, and what exists stays. Until the writer has finished, nobody may read
    /// under its key, and nobody can: no row names it.
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Begins a blob that comes in pieces, or goes on with one: whatever lies behind its first
    /// `offset` bytes, which [`BlobAppender::sync`] acknowledged, is cut off. With fewer bytes
    /// there it is an error. While it is open it cannot be opened again. Only for a key that no
    /// live row names, which the store cannot tell; so also for one that was finished in vain.
    async fn reopen(&self, key: BlobKey, offset: u64) -> Result<Box<dyn BlobAppender>, BlobError>;

    /// The bytes of `range`, which must lie within the blob; `None` where the blob is positively
    /// absent. A blob that is shorter than the range asks is an error, here or in the stream.
    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<Option<BlobStream>, BlobError>;

    /// Removes blobs, one removal for each key, in order. What is gone cannot be read any more,
    /// but may come back after a power cut until [`BlobStore::sync_removals`] has answered. What
    /// was begun and never finished is removed too; what is still being written is unknown.
    async fn remove(&self, keys: &[BlobKey]) -> Vec<Removal>;

    /// Makes earlier removals of these blobs durable. Only after it has answered `Ok` may their
    /// rows on the purge queue go.
    async fn sync_removals(&self, keys: &[BlobKey]) -> Result<(), BlobError>;

    /// Bytes that the store can hold in all, used or not; `None` where it knows no bound.
    async fn capacity(&self) -> Result<Option<u64>, BlobError> {
        Ok(None)
    }

    /// Bytes that can still be stored; `None` where it knows no bound.
    async fn free_bytes(&self) -> Result<Option<u64>, BlobError> {
        Ok(None)
    }

    /// Fails where the store is not there, or not the one it should be.
    async fn check(&self) -> Result<(), BlobError>;

    /// Everything that is there. For `verify`; a store that cannot be listed whole is an error.
    async fn inventory(&self) -> Result<Inventory, BlobError>;
}

/// A blob that is being written. Dropped without [`BlobWriter::finish`], what was written stays
/// for the sweep to find by its intent.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends.
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError>;

    /// Makes the blob durable under its key: bytes, name and directory.
    async fn finish(self: Box<Self>) -> Result<BlobFacts, BlobError>;
}

/// A piece that is being written behind the pieces before it. Dropped, what was acknowledged stays,
/// and of the rest nothing is known.
#[async_trait]
pub trait BlobAppender: Send {
    /// Appends.
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError>;

    /// Makes durable what was written, and the blob's name; how many bytes the blob has now. It can
    /// be reopened there, also after a power cut.
    async fn sync(&mut self) -> Result<u64, BlobError>;

    /// Makes the whole blob durable under its key. Its checksum is of all pieces: where some came
    /// earlier, they are read again, which takes as long as reading them takes.
    async fn finish(self: Box<Self>) -> Result<BlobFacts, BlobError>;
}
