//! Telling whoever waits that a deletion's bytes are gone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::blob::BlobKey;
use crate::domain::id::DeletionId;

type Board = Arc<Mutex<HashMap<DeletionId, Watched>>>;

/// What somebody waits for. A batch that is tried again, since its removal could not be made
/// durable or its lease expired, brings blobs that were counted already: each counts once.
struct Watched {
    /// The removed blobs: no more than the single files of the deletion.
    removed: HashSet<BlobKey>,
    told: watch::Sender<u64>,
}

/// The deletions that somebody in this process waits for.
#[derive(Default)]
pub(super) struct Watches(Board);

/// Counts the removed blobs of one deletion while it lives.
pub struct Watch {
    deletion: DeletionId,
    removed: watch::Receiver<u64>,
    board: Board,
}

impl Watches {
    pub(super) fn watch(&self, deletion: DeletionId) -> Watch {
        let (told, removed) = watch::channel(0);
        lock(&self.0).insert(deletion, Watched { removed: HashSet::new(), told });
        Watch { deletion, removed, board: Arc::clone(&self.0) }
    }

    pub(super) fn removed(&self, deletion: DeletionId, blobs: impl Iterator<Item = BlobKey>) {
        if let Some(Watched { removed, told }) = lock(&self.0).get_mut(&deletion) {
            removed.extend(blobs);
            told.send_replace(removed.len() as u64);
        }
    }
}

impl Watch {
    /// Ends when at least `blobs` blobs of the deletion are removed.
    pub async fn gone(&self, blobs: u64) {
        let mut removed = self.removed.clone();
        // The sender lives on the board as long as this watch does.
        let _ = removed.wait_for(|removed| *removed >= blobs).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.board).remove(&self.deletion);
    }
}

fn lock(board: &Board) -> MutexGuard<'_, HashMap<DeletionId, Watched>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::id::BlobId;

    #[tokio::test]
    async fn a_blob_that_is_removed_twice_counts_once() {
        let watches = Watches::default();
        let deletion = DeletionId::from_bytes([1; 16]);
        let key = |number| BlobKey { number, id: BlobId::from_bytes([0; 16]) };
        let watch = watches.watch(deletion);
        watches.removed(deletion, [key(1)].into_iter());
        watches.removed(deletion, [key(1)].into_iter());
        let early = tokio::time::timeout(Duration::from_millis(20), watch.gone(2)).await;
        assert!(early.is_err());
        watches.removed(deletion, [key(2)].into_iter());
        watch.gone(2).await;
    }
}
