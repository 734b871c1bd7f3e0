//! Telling whoever waits that a deletion's bytes are gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::id::DeletionId;

type Board = Arc<Mutex<HashMap<DeletionId, watch::Sender<u64>>>>;

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
        let (sender, removed) = watch::channel(0);
        lock(&self.0).insert(deletion, sender);
        Watch { deletion, removed, board: Arc::clone(&self.0) }
    }

    pub(super) fn removed(&self, deletion: DeletionId, blobs: u64) {
        if let Some(sender) = lock(&self.0).get(&deletion) {
            sender.send_modify(|removed| *removed += blobs);
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

fn lock(board: &Board) -> MutexGuard<'_, HashMap<DeletionId, watch::Sender<u64>>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
