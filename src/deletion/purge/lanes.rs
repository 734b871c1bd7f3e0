//! What waits in this process to be purged: single files apart from whole trees, so that nobody
//! who deletes one file waits behind a million others.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::deletion::record::CondemnedBatch;
use crate::ledger::LeaseToken;

/// How long after the last single file more of them are expected.
const SINGLES_COMING: Duration = Duration::from_millis(200);

type Leased = (CondemnedBatch, LeaseToken);

/// Which of the two queues a batch waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Blobs of single files: somebody may wait until they are gone.
    Singles,
    /// Blobs of expanded folders, and what a look at the queue found.
    Bulk,
}

/// The two queues, and the count of blobs between their entry and their settlement.
pub(super) struct Lanes {
    state: Mutex<State>,
    filled: [Notify; 2],
    drained: Notify,
    singles_max: usize,
    bulk_max: usize,
}

#[derive(Default)]
struct State {
    lanes: [VecDeque<Leased>; 2],
    /// Blobs that came in and are not settled, of both lanes.
    pending: usize,
    /// When somebody last deleted single files.
    singles_came_at: Option<Instant>,
}

impl Lanes {
    pub(super) fn new(singles_max: usize, bulk_max: usize) -> Self {
        let (state, filled) = (Mutex::default(), [Notify::new(), Notify::new()]);
        Self { state, filled, drained: Notify::new(), singles_max, bulk_max }
    }

    /// Single files beyond their bound are not taken: the lease expires and the queue is polled.
    /// Whoever pushes bulk waits for [`Lanes::room`] first.
    pub(super) fn push(&self, lane: Lane, batches: Vec<CondemnedBatch>, token: LeaseToken) {
        let mut state = self.state();
        if lane == Lane::Singles && !batches.is_empty() {
            state.singles_came_at = Some(Instant::now());
        }
        for batch in batches {
            let pending = state.pending + batch.blobs.len();
            if lane == Lane::Bulk || pending <= self.singles_max {
                state.pending = pending;
                state.lanes[lane as usize].push_back((batch, token));
            }
        }
        drop(state);
        self.filled[lane as usize].notify_one();
    }

    /// Ends when fewer blobs are pending than the bulk bound.
    pub(super) async fn room(&self) {
        loop {
            let drained = self.drained.notified();
            if self.state().pending < self.bulk_max {
                return;
            }
            drained.await;
        }
    }

    /// Whether somebody deletes single files at this time.
    pub(super) fn are_singles_coming(&self) -> bool {
        let came_at = self.state().singles_came_at;
        came_at.is_some_and(|came_at| came_at.elapsed() < SINGLES_COMING)
    }

    /// Ends when nothing is pending.
    pub(super) async fn idle(&self) {
        loop {
            let drained = self.drained.notified();
            if self.state().pending == 0 {
                return;
            }
            drained.await;
        }
    }

    /// Ends when something waits in the lane, with its batches of about `blobs_max` blobs.
    pub(super) async fn take(&self, lane: Lane, blobs_max: usize) -> Vec<Leased> {
        loop {
            let filled = self.filled[lane as usize].notified();
            let taken = self.try_take(lane, blobs_max);
            if !taken.is_empty() {
                return taken;
            }
            filled.await;
        }
    }

    fn try_take(&self, lane: Lane, blobs_max: usize) -> Vec<Leased> {
        let mut state = self.state();
        let mut taken: Vec<Leased> = Vec::new();
        let mut blobs = 0;
        while blobs < blobs_max {
            let Some(next) = state.lanes[lane as usize].pop_front() else { break };
            blobs += next.0.blobs.len();
            taken.push(next);
        }
        taken
    }

    /// `blobs` blobs are settled, or left to the expiry of their lease.
    pub(super) fn done(&self, blobs: usize) {
        let mut state = self.state();
        state.pending = state.pending.saturating_sub(blobs);
        drop(state);
        self.drained.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deletion::record::BatchNumber;
    use crate::domain::blob::{BlobKey, SizedBlob};
    use crate::domain::id::BlobId;

    const TOKEN: LeaseToken = LeaseToken([1; 16]);

    fn batch(number: i64, blobs: usize) -> CondemnedBatch {
        let key = BlobKey { number, id: BlobId::from_bytes([0; 16]) };
        let blobs = vec![SizedBlob { key, size: 1 }; blobs];
        CondemnedBatch { number: BatchNumber(number), deletion: None, blobs, attempts: 0 }
    }

    fn numbers(taken: &[Leased]) -> Vec<i64> {
        taken.iter().map(|(batch, _)| batch.number.0).collect()
    }

    #[tokio::test]
    async fn single_files_never_wait_behind_a_tree() {
        let lanes = Lanes::new(100, 100);
        lanes.push(Lane::Bulk, vec![batch(1, 50), batch(2, 50)], TOKEN);
        lanes.push(Lane::Singles, vec![batch(3, 0)], TOKEN);
        assert_eq!(numbers(&lanes.take(Lane::Singles, 10).await), [3]);
        assert_eq!(numbers(&lanes.take(Lane::Bulk, 10).await), [1]);
        assert_eq!(numbers(&lanes.take(Lane::Bulk, 10).await), [2]);
    }

    #[tokio::test]
    async fn what_is_beyond_the_bound_is_left_to_its_lease() {
        let lanes = Lanes::new(10, 10);
        lanes.push(Lane::Singles, vec![batch(1, 8), batch(2, 8), batch(3, 2)], TOKEN);
        assert_eq!(numbers(&lanes.take(Lane::Singles, 100).await), [1, 3]);
    }

    #[tokio::test]
    async fn there_is_room_again_when_blobs_are_settled() {
        let lanes = Lanes::new(10, 10);
        lanes.push(Lane::Bulk, vec![batch(1, 10)], TOKEN);
        let full = tokio::time::timeout(std::time::Duration::from_millis(20), lanes.room()).await;
        assert!(full.is_err());
        assert_eq!(numbers(&lanes.take(Lane::Bulk, 1).await), [1]);
        lanes.done(10);
        lanes.room().await;
        lanes.idle().await;
    }
}
