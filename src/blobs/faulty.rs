//! A blob store that fails when it is told to, counts what is asked of it, and can lose power.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;

use super::{
    BlobAppender, BlobError, BlobErrorKind, BlobStore, BlobStream, BlobWriter, Inventory, Removal,
};
use crate::domain::blob::{BlobFacts, BlobKey};

/// The kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`BlobStore::create`].
    Create,
    /// [`BlobStore::reopen`].
    Reopen,
    /// [`BlobWriter::write`], and of pieces.
    Write,
    /// [`BlobAppender::sync`].
    Acknowledge,
    /// [`BlobWriter::finish`], and of pieces.
    Finish,
    /// [`BlobStore::read`].
    Read,
    /// [`BlobStore::remove`], as a whole: every removal of it is unknown.
    Remove,
    /// [`BlobStore::sync_removals`].
    Sync,
    /// [`BlobStore::inventory`].
    Inventory,
}

/// Which calls of a kind fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// All of them, before anything is done.
    Always,
    /// The one with this number, counted from 1 since the store was wrapped.
    Nth(u64),
    /// All of them, after everything was done: the answer alone is lost.
    Afterwards,
}

/// When calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    FailBefore,
    FailAfter,
}

/// A store around another one. Clones share everything.
#[derive(Clone)]
pub struct FaultyBlobs {
    inner: Arc<dyn BlobStore>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    failing: HashMap<Call, Failing>,
    counts: HashMap<Call, u64>,
    durability_omitted: bool,
    /// Blobs whose writing was answered and is not durable.
    written: Vec<BlobKey>,
    /// Blobs whose removal is not durable, with their bytes.
    removed: BTreeMap<BlobKey, Bytes>,
}

struct FaultyWriter {
    inner: Box<dyn BlobWriter>,
    store: FaultyBlobs,
    key: BlobKey,
}

struct FaultyAppender {
    inner: Box<dyn BlobAppender>,
    store: FaultyBlobs,
    key: BlobKey,
}

impl FaultyBlobs {
    /// Wraps `inner`; nothing fails yet.
    pub fn around(inner: Arc<dyn BlobStore>) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// Lets calls of a kind fail from now on.
    pub fn fail(&self, call: Call, failing: Failing) {
        self.state().failing.insert(call, failing);
    }

    /// Lets all calls pass from now on.
    pub fn heal(&self) {
        self.state().failing.clear();
    }

    /// How often calls of a kind came, failed ones too.
    pub fn count(&self, call: Call) -> u64 {
        self.state().counts.get(&call).copied().unwrap_or(0)
    }

    /// From now on everything is answered as if it were durable, and nothing is.
    pub fn omit_durability(&self) {
        self.state().durability_omitted = true;
    }

    /// Undoes whatever is not durable: removed blobs come back, new ones vanish.
    pub async fn cut_power(&self) {
        let (written, removed) = {
            let mut state = self.state();
            (std::mem::take(&mut state.written), std::mem::take(&mut state.removed))
        };
        self.inner.remove(&written).await;
        for (key, bytes) in removed {
            let mut writer = self.inner.create(key).await.expect("a blob comes back");
            writer.write(bytes).await.expect("a blob comes back");
            writer.finish().await.expect("a blob comes back");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, call: Call) -> Verdict {
        let mut state = self.state();
        let count = state.counts.entry(call).or_default();
        *count += 1;
        let count = *count;
        match state.failing.get(&call) {
            Some(Failing::Always) => Verdict::FailBefore,
            Some(Failing::Nth(nth)) if *nth == count => Verdict::FailBefore,
            Some(Failing::Afterwards) => Verdict::FailAfter,
            Some(Failing::Nth(_)) | None => Verdict::Pass,
        }
    }

    async fn guarded<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, BlobError>>,
    ) -> Result<T, BlobError> {
        match self.judge(call) {
            Verdict::Pass => work.await,
            Verdict::FailBefore => Err(injected()),
            Verdict::FailAfter => {
                work.await?;
                Err(injected())
            }
        }
    }

    /// What was answered as durable is not, where durability is left out.
    fn remember_written(&self, key: BlobKey) {
        let mut state = self.state();
        if state.durability_omitted && !state.written.contains(&key) {
            state.written.push(key);
        }
    }

    /// Removes, and remembers the bytes until the removal is durable.
    async fn remove_for_now(&self, keys: &[BlobKey]) -> Vec<Removal> {
        let sizes: HashMap<BlobKey, u64> = match self.inner.inventory().await {
            Ok(inventory) => inventory.blobs.into_iter().collect(),
            Err(_) => HashMap::new(),
        };
        let mut kept = BTreeMap::new();
        for key in keys {
            let size = sizes.get(key).copied().unwrap_or(0);
            if let Ok(Some(stream)) = self.inner.read(*key, 0..size).await
                && let Ok(chunks) = stream.try_collect::<Vec<Bytes>>().await
            {
                kept.insert(*key, Bytes::from(chunks.concat()));
            }
        }
        let removals = self.inner.remove(keys).await;
        let mut state = self.state();
        for (key, removal) in keys.iter().zip(&removals) {
            let written = state.written.iter().position(|written| written == key);
            match (written, kept.remove(key)) {
                // It never was durable, and so does not come back.
                (Some(index), _) if removal.is_gone() => drop(state.written.remove(index)),
                (None, Some(bytes)) if removal.is_gone() => drop(state.removed.insert(*key, bytes)),
                (Some(_) | None, Some(_) | None) => {}
            }
        }
        removals
    }
}

fn injected() -> BlobError {
    BlobErrorKind::Unavailable.because("a failure that a test asked for")
}

#[async_trait]
impl BlobStore for FaultyBlobs {
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError> {
        let inner = self.guarded(Call::Create, self.inner.create(key)).await?;
        Ok(Box::new(FaultyWriter { inner, store: self.clone(), key }))
    }

    async fn reopen(&self, key: BlobKey, offset: u64) -> Result<Box<dyn BlobAppender>, BlobError> {
        let inner = self.guarded(Call::Reopen, self.inner.reopen(key, offset)).await?;
        Ok(Box::new(FaultyAppender { inner, store: self.clone(), key }))
    }

    async fn free_bytes(&self) -> Result<Option<u64>, BlobError> {
        self.inner.free_bytes().await
    }

    async fn check(&self) -> Result<(), BlobError> {
        self.inner.check().await
    }

    async fn capacity(&self) -> Result<Option<u64>, BlobError> {
        self.inner.capacity().await
    }

    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<Option<BlobStream>, BlobError> {
        self.guarded(Call::Read, self.inner.read(key, range)).await
    }

    async fn remove(&self, keys: &[BlobKey]) -> Vec<Removal> {
        let unknown = || keys.iter().map(|_| Removal::Unknown(injected())).collect();
        match self.judge(Call::Remove) {
            Verdict::Pass => self.remove_for_now(keys).await,
            Verdict::FailBefore => unknown(),
            Verdict::FailAfter => {
                self.remove_for_now(keys).await;
                unknown()
            }
        }
    }

    async fn sync_removals(&self, keys: &[BlobKey]) -> Result<(), BlobError> {
        let work = async {
            if self.state().durability_omitted {
                return Ok(());
            }
            self.inner.sync_removals(keys).await?;
            self.state().removed.retain(|key, _| !keys.contains(key));
            Ok(())
        };
        self.guarded(Call::Sync, work).await
    }

    async fn inventory(&self) -> Result<Inventory, BlobError> {
        self.guarded(Call::Inventory, self.inner.inventory()).await
    }
}

#[async_trait]
impl BlobWriter for FaultyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.store.guarded(Call::Write, self.inner.write(bytes)).await
    }

    async fn finish(self: Box<Self>) -> Result<BlobFacts, BlobError> {
        let Self { inner, store, key } = *self;
        let work = async {
            let facts = inner.finish().await?;
            store.remember_written(key);
            Ok(facts)
        };
        store.guarded(Call::Finish, work).await
    }
}

#[async_trait]
impl BlobAppender for FaultyAppender {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.store.guarded(Call::Write, self.inner.write(bytes)).await
    }

    async fn sync(&mut self) -> Result<u64, BlobError> {
        let Self { inner, store, key } = self;
        let work = async {
            let size = inner.sync().await?;
            store.remember_written(*key);
            Ok(size)
        };
        store.guarded(Call::Acknowledge, work).await
    }

    async fn finish(self: Box<Self>) -> Result<BlobFacts, BlobError> {
        let Self { inner, store, key } = *self;
        let work = async {
            let facts = inner.finish().await?;
            store.remember_written(key);
            Ok(facts)
        };
        store.guarded(Call::Finish, work).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryBlobs;
    use super::*;
    use crate::domain::id::BlobId;

    fn store() -> (MemoryBlobs, FaultyBlobs) {
        let memory = MemoryBlobs::new();
        (memory.clone(), FaultyBlobs::around(Arc::new(memory)))
    }

    fn key(number: i64) -> BlobKey {
        BlobKey { number, id: BlobId::from_bytes([1; 16]) }
    }

    async fn put(store: &FaultyBlobs, number: i64) -> Result<BlobFacts, BlobError> {
        let mut writer = store.create(key(number)).await?;
        writer.write(Bytes::from_static(b"bytes")).await?;
        writer.finish().await
    }

    #[tokio::test]
    async fn the_second_write_fails_and_no_other() {
        let (_, store) = store();
        store.fail(Call::Write, Failing::Nth(2));
        let outcomes = [put(&store, 1).await, put(&store, 2).await, put(&store, 3).await];
        assert_eq!(outcomes.map(|outcome| outcome.is_ok()), [true, false, true]);
        assert_eq!((store.count(Call::Write), store.count(Call::Finish)), (3, 2));
    }

    #[tokio::test]
    async fn a_lost_answer_leaves_the_blob_removed_and_the_removal_unknown() {
        let (memory, store) = store();
        put(&store, 1).await.unwrap();
        store.fail(Call::Remove, Failing::Afterwards);
        assert!(!store.remove(&[key(1)]).await[0].is_gone());
        assert_eq!(memory.keys(), []);
        store.heal();
        assert!(matches!(store.remove(&[key(1)]).await[0], Removal::Absent));
    }

    #[tokio::test]
    async fn an_unsynced_removal_does_not_survive_a_power_cut() {
        let (memory, store) = store();
        put(&store, 1).await.unwrap();
        put(&store, 2).await.unwrap();
        store.remove(&[key(1), key(2)]).await;
        store.sync_removals(&[key(2)]).await.unwrap();
        store.cut_power().await;
        assert_eq!(memory.keys(), [key(1)]);
    }

    #[tokio::test]
    async fn without_durability_a_power_cut_takes_new_blobs_and_brings_removed_ones_back() {
        let (memory, store) = store();
        put(&store, 1).await.unwrap();
        store.omit_durability();
        put(&store, 2).await.unwrap();
        store.remove(&[key(1)]).await;
        store.sync_removals(&[key(1)]).await.unwrap();
        assert_eq!(memory.keys(), [key(2)]);
        store.cut_power().await;
        assert_eq!(memory.keys(), [key(1)]);
    }
}
