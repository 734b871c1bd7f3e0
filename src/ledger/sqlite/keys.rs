//! Keys that were looked up lately.
//!
//! This process owns the database, so that every change of a key or an organization passes here
//! and empties the cache before it is answered: a revoked key works for no request that is
//! checked later. A ledger that several nodes share must not do this.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::domain::id::KeyId;
use crate::domain::organization::{Key, KeyHash};

/// Keys that are kept at most; when there are more, all are forgotten.
const KEYS_MAX: usize = 10_000;

/// The cache.
#[derive(Default)]
pub(super) struct KeyCache(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    by_hash: HashMap<KeyHash, Key>,
    by_id: HashMap<KeyId, Key>,
    /// Rises with each forgetting: what was asked before it is not kept after it.
    generation: u64,
}

/// The moment of a look-up, in generations.
#[derive(Clone, Copy)]
pub(super) struct Asked(u64);

impl KeyCache {
    pub(super) fn by_hash(&self, hash: &KeyHash) -> Option<Key> {
        self.read().by_hash.get(hash).cloned()
    }

    pub(super) fn by_id(&self, id: KeyId) -> Option<Key> {
        self.read().by_id.get(&id).cloned()
    }

    /// To be called before a look-up whose answer is to be kept.
    pub(super) fn ask(&self) -> Asked {
        Asked(self.read().generation)
    }

    pub(super) fn keep(&self, asked: Asked, hash: KeyHash, key: &Key) {
        let mut kept = self.write();
        if kept.generation != asked.0 {
            return;
        }
        if kept.by_hash.len() >= KEYS_MAX {
            kept.by_hash.clear();
            kept.by_id.clear();
        }
        kept.by_hash.insert(hash, key.clone());
        kept.by_id.insert(key.id, key.clone());
    }

    pub(super) fn forget(&self) {
        let mut kept = self.write();
        kept.by_hash.clear();
        kept.by_id.clear();
        kept.generation += 1;
    }

    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
