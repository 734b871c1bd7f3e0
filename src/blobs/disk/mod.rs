//! Blobs on a local disk: `<root>/<number / 4096>/<number in hexadecimal>-<id>`.
//!
//! Blobs that came together lie together, so that whole directories empty when they go. The
//! number is part of the name, so that a listing alone gives the keys back. A blob lies under its
//! final name from its first byte on; no row names it before it is durable, and what was never
//! finished is found there by its intent and removed like any other blob.
//!
//! Before it: whoever streams uploads in, reads them out, purges and verifies. After it: the
//! kernel. What may never happen: that a disk which is not there is taken for one without blobs;
//! that a blob is called durable after any sync failed; that anything outside the root is reached.

mod appender;
mod claims;
mod commit;
mod directories;
mod fault;
mod inventory;
mod layout;
mod reader;
mod removal;
mod root;
#[cfg(test)]
mod tests;
mod volume;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use self::appender::DiskAppender;
use self::claims::Claims;
use self::commit::Committer;
use self::directories::Directories;
use self::fault::{Fault, blocking};
use self::removal::Remover;
use self::root::Root;
use self::writer::DiskWriter;
use super::{BlobAppender, BlobError, BlobStore, BlobStream, BlobWriter, Inventory, Removal};
use crate::domain::blob::BlobKey;

const READ_ONLY: Fault = Fault::unavailable("the blob directory is open for reading only");

/// Blobs on a local disk.
pub struct DiskBlobs {
    disk: Arc<Disk>,
    /// The threads that change something; `None` where nothing may change.
    hands: Option<Hands>,
}

/// What all threads share.
struct Disk {
    root: Root,
    directories: Directories,
    claims: Claims,
}

struct Hands {
    committer: Committer,
    remover: Remover,
}

impl DiskBlobs {
    /// Opens the blob directory of the installation `instance`. Where the database is `fresh`, a
    /// missing or empty directory is made into it; otherwise it must hold the sentinel. Blocks.
    pub fn open(path: &Path, instance: [u8; 16], fresh: bool) -> Result<Self, BlobError> {
        let root =
            if fresh { Root::open_fresh(path, instance)? } else { Root::open(path, instance)? };
        let disk = Arc::new(Disk::new(root)?);
        let committer = Committer::start(&disk)?;
        let remover = Remover::start(&disk)?;
        Ok(Self { disk, hands: Some(Hands { committer, remover }) })
    }

    /// Opens the blob directory of the installation `instance` and never changes it: whatever
    /// would is an error. Blocks.
    pub fn open_read_only(path: &Path, instance: [u8; 16]) -> Result<Self, BlobError> {
        let root = Root::open(path, instance)?;
        Ok(Self { disk: Arc::new(Disk::new(root)?), hands: None })
    }

    fn hands(&self) -> Result<&Hands, Fault> {
        self.hands.as_ref().ok_or(READ_ONLY)
    }
}

impl Disk {
    fn new(root: Root) -> Result<Self, Fault> {
        let directories = Directories::find(&root)?;
        Ok(Self { root, directories, claims: Claims::default() })
    }
}

#[async_trait]
impl BlobStore for DiskBlobs {
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError> {
        let committer = self.hands()?.committer.clone();
        let taken = Fault::corrupt("a blob of that key is being written already");
        let claim = self.disk.claims.claim(key).ok_or(taken)?;
        Ok(Box::new(DiskWriter::new(Arc::clone(&self.disk), committer, key, claim)))
    }

    async fn reopen(&self, key: BlobKey, offset: u64) -> Result<Box<dyn BlobAppender>, BlobError> {
        let committer = self.hands()?.committer.clone();
        let taken = Fault::unavailable("the blob is being written");
        let claim = self.disk.claims.claim(key).ok_or(taken)?;
        let disk = Arc::clone(&self.disk);
        Ok(Box::new(DiskAppender::open(disk, committer, key, (claim, offset)).await?))
    }

    async fn capacity(&self) -> Result<Option<u64>, BlobError> {
        let disk = Arc::clone(&self.disk);
        Ok(blocking(move || volume::capacity(disk.root.fd()).map(Some)).await?)
    }

    async fn free_bytes(&self) -> Result<Option<u64>, BlobError> {
        let disk = Arc::clone(&self.disk);
        Ok(blocking(move || volume::free_bytes(disk.root.fd()).map(Some)).await?)
    }

    async fn check(&self) -> Result<(), BlobError> {
        let disk = Arc::clone(&self.disk);
        Ok(blocking(move || disk.root.check()).await?)
    }

    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<Option<BlobStream>, BlobError> {
        let disk = Arc::clone(&self.disk);
        Ok(blocking(move || reader::open(&disk.root, key, range)).await?)
    }

    async fn remove(&self, keys: &[BlobKey]) -> Vec<Removal> {
        match self.hands() {
            Ok(hands) => hands.remover.remove(keys).await,
            Err(fault) => keys.iter().map(|_| Removal::Unknown(fault.into())).collect(),
        }
    }

    async fn sync_removals(&self, keys: &[BlobKey]) -> Result<(), BlobError> {
        self.hands()?;
        let (disk, keys) = (Arc::clone(&self.disk), keys.to_vec());
        Ok(blocking(move || removal::sync(&disk, &keys)).await?)
    }

    async fn inventory(&self) -> Result<Inventory, BlobError> {
        let disk = Arc::clone(&self.disk);
        Ok(blocking(move || inventory::list(&disk.root)).await?)
    }
}
