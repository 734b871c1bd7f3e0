//! Which blobs are being written. A removal that came between the pieces of a write could find
//! nothing, answer "absent", and be followed by the bytes: so nothing is removed while anybody
//! still writes it, even where that is only a task whose caller has gone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::blob::BlobKey;

/// The blobs that are being written by this process.
#[derive(Clone, Default)]
pub(super) struct Claims(Arc<Mutex<HashSet<BlobKey>>>);

/// One blob is being written for as long as this lives.
pub(super) struct Claim {
    key: BlobKey,
    claims: Claims,
}

impl Claims {
    /// Claims a blob, unless it is claimed.
    pub(super) fn claim(&self, key: BlobKey) -> Option<Claim> {
        self.keys().insert(key).then(|| Claim { key, claims: self.clone() })
    }

    /// Which of `keys` are claimed.
    pub(super) fn among(&self, keys: &[BlobKey]) -> HashSet<BlobKey> {
        let claimed = self.keys();
        if claimed.is_empty() {
            return HashSet::new();
        }
        keys.iter().filter(|key| claimed.contains(key)).copied().collect()
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<BlobKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.keys().remove(&self.key);
    }
}
