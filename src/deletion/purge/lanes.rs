//! What waits in this process to be purged: single files before whole trees, so that nobody who
//! deletes one file waits behind a million others.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::deletion::record::CondemnedBatch;
use crate::ledger::LeaseToken;

type Leased = (CondemnedBatch, LeaseToken);

/// Two queues, and the count of blobs between their entry and their settlement.
pub(super) struct Lanes {
    state: Mutex<State>,
    filled: Notify,
    drained: Notify,
    singles_max: usize,
    bulk_max: usize,
}

#[derive(Default)]
struct State {
    singles: VecDeque<Leased>,
    bulk: VecDeque<Leased>,
    /// Blobs that came in and are not settled, of both lanes.
    pending: usize,
}

impl Lanes {
    pub(super) fn new(singles_max: usize, bulk_max: usize) -> Self {
        let state = Mutex::default();
        Self { state, filled: Notify::new(), drained: Notify::new(), singles_max, bulk_max }
    }

    /// Beyond the bound nothing is taken: the lease expires and the queue is polled.
    pub(super) fn push_single(&self, batches: Vec<CondemnedBatch>, token: LeaseToken) {
        let mut state = self.state();
        for batch in batches {
            if state.pending + batch.blobs.len() <= self.singles_max {
                state.pending += batch.blobs.len();
                state.singles.push_back((batch, token));
            }
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Callers wait for [`Lanes::room`] before they make more.
    pub(super) fn push_bulk(&self, batches: Vec<CondemnedBatch>, token: LeaseToken) {
        let mut state = self.state();
        state.pending += batches.iter().map(|batch| batch.blobs.len()).sum::<usize>();
        state.bulk.extend(batches.into_iter().map(|batch| (batch, token)));
        drop(state);
        self.filled.notify_one();
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

    /// Ends when something waits, with batches of about `blobs_max` blobs: singles first.
    pub(super) async fn take(&self, blobs_max: usize) -> Vec<Leased> {
        loop {
            let filled = self.filled.notified();
            let taken = self.try_take(blobs_max);
            if !taken.is_empty() {
                return taken;
            }
            filled.await;
        }
    }

    fn try_take(&self, blobs_max: usize) -> Vec<Leased> {
        let mut state = self.state();
        let mut taken = Vec::new();
        let mut blobs = 0;
        while blobs < blobs_max {
            // A removal of single files never carries bulk with it: somebody may wait for them.
            let next = match state.singles.pop_front() {
                Some(single) => single,
                None if !taken.is_empty() => break,
                None => match state.bulk.pop_front() {
                    Some(bulk) => {
                        taken.push(bulk);
                        break;
                    }
                    None => break,
                },
            };
            blobs += next.0.blobs.len();
            taken.push(next);
        }
        if !state.singles.is_empty() || !state.bulk.is_empty() {
            // Another remover may take the rest at the same time.
            self.filled.notify_one();
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
