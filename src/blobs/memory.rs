//! A blob store in memory: the model that other stores are compared with, and what tests use
//! that are about something else.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};

use super::{
    BlobAppender, BlobError, BlobErrorKind, BlobStore, BlobStream, BlobWriter, Inventory, Removal,
};
use crate::domain::blob::{BlobFacts, BlobKey};

/// What one answer of a stream holds at most.
const CHUNK_BYTES: usize = 64 * 1024;

/// Blobs in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryBlobs(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    finished: BTreeMap<BlobKey, Bytes>,
    /// What was acknowledged of blobs that come in pieces.
    begun: BTreeMap<BlobKey, BytesMut>,
    writing: HashSet<BlobKey>,
    strangers: Vec<String>,
    away: bool,
}

struct MemoryWriter {
    store: MemoryBlobs,
    key: BlobKey,
    bytes: BytesMut,
}

impl State {
    fn sizes(&self) -> BTreeMap<BlobKey, u64> {
        let begun = self.begun.iter().map(|(key, bytes)| (*key, bytes.len() as u64));
        begun.chain(self.finished.iter().map(|(key, bytes)| (*key, bytes.len() as u64))).collect()
    }
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the store is not the one it was: every call fails.
    pub fn go_away(&self) {
        self.state().away = true;
    }

    /// Puts something there that is no blob.
    pub fn plant_stranger(&self, name: &str) {
        self.state().strangers.push(name.to_owned());
    }

    /// The keys of all blobs that are finished, or of which a piece was acknowledged, in order.
    pub fn keys(&self) -> Vec<BlobKey> {
        self.state().sizes().into_keys().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> Result<MutexGuard<'_, State>, BlobError> {
        let state = self.state();
        if state.away {
            return Err(BlobErrorKind::Unavailable.because("the store is away"));
        }
        Ok(state)
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError> {
        let mut state = self.present()?;
        if state.finished.contains_key(&key) || !state.writing.insert(key) {
            return Err(BlobErrorKind::Corrupt.because("a blob of that key is there already"));
        }
        Ok(Box::new(MemoryWriter { store: self.clone(), key, bytes: BytesMut::new() }))
    }

    async fn reopen(&self, key: BlobKey, offset: u64) -> Result<Box<dyn BlobAppender>, BlobError> {
        let mut state = self.present()?;
        let offset = usize::try_from(offset).expect("memory is addressable");
        if state.writing.contains(&key) {
            return Err(BlobErrorKind::Unavailable.because("the blob is being written"));
        }
        if state.sizes().get(&key).copied().unwrap_or(0) < offset as u64 {
            return Err(BlobErrorKind::Corrupt.because("a blob is shorter than it must be"));
        }
        if let Some(bytes) = state.finished.remove(&key) {
            state.begun.insert(key, BytesMut::from(bytes));
        }
        let mut bytes = state.begun.get(&key).cloned().unwrap_or_default();
        bytes.truncate(offset);
        state.writing.insert(key);
        Ok(Box::new(MemoryWriter { store: self.clone(), key, bytes }))
    }

    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<Option<BlobStream>, BlobError> {
        let Some(bytes) = self.present()?.finished.get(&key).cloned() else { return Ok(None) };
        let start = usize::try_from(range.start).expect("memory is addressable");
        let end = usize::try_from(range.end).expect("memory is addressable");
        if end > bytes.len() {
            return Err(BlobErrorKind::Corrupt.because("a blob is shorter than it must be"));
        }
        let mut rest = bytes.slice(start..end);
        let chunks = std::iter::from_fn(move || {
            (!rest.is_empty()).then(|| Ok(rest.split_to(rest.len().min(CHUNK_BYTES))))
        });
        Ok(Some(stream::iter(chunks).boxed()))
    }

    async fn remove(&self, keys: &[BlobKey]) -> Vec<Removal> {
        let remove = |key: &BlobKey| match self.present() {
            Err(error) => Removal::Unknown(error),
            Ok(state) if state.writing.contains(key) => Removal::Unknown(
                BlobErrorKind::Unavailable.because("the blob is still being written"),
            ),
            Ok(mut state) => {
                let begun = state.begun.remove(key).is_some();
                match state.finished.remove(key).is_some() || begun {
                    true => Removal::Removed,
                    false => Removal::Absent,
                }
            }
        };
        keys.iter().map(remove).collect()
    }

    async fn sync_removals(&self, _: &[BlobKey]) -> Result<(), BlobError> {
        self.present().map(drop)
    }

    async fn check(&self) -> Result<(), BlobError> {
        self.present().map(drop)
    }

    async fn inventory(&self) -> Result<Inventory, BlobError> {
        let state = self.present()?;
        let blobs = state.sizes().into_iter().collect();
        Ok(Inventory { blobs, strangers: state.strangers.clone() })
    }
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.bytes.extend_from_slice(&bytes);
        self.store.present().map(drop)
    }

    async fn finish(mut self: Box<Self>) -> Result<BlobFacts, BlobError> {
        let bytes = std::mem::take(&mut self.bytes).freeze();
        let checksum = blake3::hash(&bytes).into();
        let facts = BlobFacts { size: bytes.len() as u64, checksum };
        self.store.present()?.finished.insert(self.key, bytes);
        Ok(facts)
    }
}

#[async_trait]
impl BlobAppender for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        BlobWriter::write(self, bytes).await
    }

    async fn sync(&mut self) -> Result<u64, BlobError> {
        self.store.present()?.begun.insert(self.key, self.bytes.clone());
        Ok(self.bytes.len() as u64)
    }

    async fn finish(self: Box<Self>) -> Result<BlobFacts, BlobError> {
        let (store, key) = (self.store.clone(), self.key);
        let facts = BlobWriter::finish(self).await?;
        store.state().begun.remove(&key);
        Ok(facts)
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.store.state().writing.remove(&self.key);
    }
}
