//! Purging: condemned blobs are removed, the removal is made durable, and only then do their rows
//! leave the queue (F: an unlink without a directory sync comes back after a power cut).
//!
//! ```text
//! condemned, leased ─→ removed (waiters are told) ─→ removals synced, in groups ─→ settled
//!        ↑                    │ failed
//!        └─ due again, later ─┘
//! ```
//!
//! Everything is idempotent: whatever is interrupted is leased again when its lease has expired,
//! and an absent blob counts as gone. Nothing gives up: a blob that cannot be removed is tried
//! for ever, with a growing pause.

mod lanes;
mod measure;
mod watch;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

pub use self::lanes::Lane;
use self::lanes::Lanes;
use self::measure::PurgeMeters;
pub use self::watch::Watch;
use self::watch::Watches;
use super::record::CondemnedBatch;
use crate::blobs::BlobStore;
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::id::DeletionId;
use crate::domain::random::Random;
use crate::jobs::wake::Wake;
use crate::ledger::{Lease, LeaseToken, Ledger, LedgerError, Settlement};

/// How long a batch is this process's. Longer than any purge of it should take.
const LEASE_DURATION: Duration = Duration::from_secs(300);
/// How long removals are gathered before one sync makes them durable together.
const SETTLE_INTERVAL: Duration = Duration::from_millis(25);
/// Blobs of single files that are taken for one removal at most.
const SINGLE_REMOVAL_BLOBS_MAX: usize = 1024;
/// Blobs of trees that are taken for one removal at most. The more of them the store sees at
/// once, the better it can go through its directories in their order.
const BULK_REMOVAL_BLOBS_MAX: usize = 32 * 1024;
/// Blobs of trees that are removed in one go.
const BULK_PART_BLOBS_MAX: usize = 512;
/// Blobs of trees that are removed at one time while somebody deletes single files: few enough
/// that a store which works on several things at once still has a hand free.
const BULK_PIECE_BLOBS_MAX: usize = 128;
/// The longest pause behind a part, however long the store took: the leases run meanwhile.
const POLITE_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Blobs that wait in this process at most, from expanded folders and polls.
pub const BULK_BLOBS_MAX: usize = 64 * 1024;
/// Blobs that wait in this process at most, from single files. What comes beyond is left to the
/// expiry of its lease.
const SINGLE_BLOBS_MAX: usize = 256 * 1024;
/// Blobs after which a transaction that settles takes no further batch.
const SETTLED_BLOBS_MAX: usize = 8192;
/// Blobs that one look at the queue leases at most.
const POLL_BLOBS_MAX: usize = 4096;
/// How often the queue is looked at without a wake-up.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after a first failure; it doubles with each further one.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Removes condemned blobs.
pub struct Purger {
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    lanes: Lanes,
    watches: Watches,
    queue: Wake,
    meters: PurgeMeters,
}

/// A batch whose blobs were tried.
struct Tried {
    batch: CondemnedBatch,
    token: LeaseToken,
    kept: Vec<SizedBlob>,
}

impl Purger {
    /// A purger; `queue` wakes the loop that looks for due batches.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        queue: Wake,
    ) -> Self {
        let lanes = Lanes::new(SINGLE_BLOBS_MAX, BULK_BLOBS_MAX);
        let (watches, meters) = (Watches::default(), PurgeMeters::new());
        Self { ledger, blobs, clock, random, lanes, watches, queue, meters }
    }

    /// A lease that nobody else holds, from now on.
    pub fn fresh_lease(&self) -> Lease {
        let mut token = [0; 16];
        self.random.fill(&mut token);
        let began_at = self.clock.now();
        let expires_at = began_at.plus(LEASE_DURATION);
        Lease { token: LeaseToken(token), began_at, expires_at }
    }

    /// Counts the removed blobs of a deletion from now on, for whoever waits.
    pub fn watch(&self, deletion: DeletionId) -> Watch {
        self.watches.watch(deletion)
    }

    /// Takes the batches of single files, which wait for no others.
    pub fn enqueue(&self, batches: Vec<CondemnedBatch>, token: LeaseToken) {
        self.lanes.push(Lane::Singles, batches, token);
    }

    /// Takes batches that were condemned in bulk.
    pub fn enqueue_bulk(&self, batches: Vec<CondemnedBatch>, token: LeaseToken) {
        self.lanes.push(Lane::Bulk, batches, token);
    }

    /// Ends when there is room for more bulk batches.
    pub async fn room(&self) {
        self.lanes.room().await;
    }

    /// Ends when nothing that was taken waits to be removed or settled.
    pub async fn idle(&self) {
        self.lanes.idle().await;
    }

    /// Leases and purges all that is due now; the number of blobs that were tried. The removers
    /// and the settler must be running. What fails is due again later, and is not waited for.
    pub async fn purge_due(&self) -> Result<u64, LedgerError> {
        let now = self.clock.now();
        let mut tried = 0;
        loop {
            let lease = self.fresh_lease();
            let due = self.ledger.lease_condemned(now, lease, POLL_BLOBS_MAX).await?;
            if due.is_empty() {
                return Ok(tried);
            }
            tried += due.iter().map(|batch| batch.blobs.len() as u64).sum::<u64>();
            self.enqueue_bulk(due, lease.token);
            self.idle().await;
        }
    }

    /// Looks for due batches until `stop`: what other processes left, and what failed before.
    pub async fn poll(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.room().await;
            let lease = self.fresh_lease();
            let now = self.clock.now();
            let found = match self.ledger.lease_condemned(now, lease, POLL_BLOBS_MAX).await {
                Ok(batches) => {
                    !batches.is_empty() && {
                        self.enqueue_bulk(batches, lease.token);
                        true
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the purge queue could not be read");
                    false
                }
            };
            if !found {
                tokio::select! {
                    () = self.queue.woken_or_after(POLL_INTERVAL) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// Removes what is queued in a lane until `stop`, and hands what it tried to the settler. One
    /// of these runs for each lane.
    pub async fn remove(&self, lane: Lane, settler: Settler, stop: CancellationToken) {
        let removal_blobs_max = match lane {
            Lane::Singles => SINGLE_REMOVAL_BLOBS_MAX,
            Lane::Bulk => BULK_REMOVAL_BLOBS_MAX,
        };
        loop {
            let work = tokio::select! {
                work = self.lanes.take(lane, removal_blobs_max) => work,
                () = stop.cancelled() => return,
            };
            let keys: Vec<BlobKey> = work
                .iter()
                .flat_map(|(batch, _)| batch.blobs.iter().map(|blob| blob.key))
                .collect();
            let gone = match lane {
                Lane::Singles => self.remove_at_once(&keys).await,
                Lane::Bulk => self.remove_politely(keys).await,
            };
            for (batch, token) in work {
                let is_gone = |blob: &&SizedBlob| gone.contains(&blob.key);
                if let Some(deletion) = batch.deletion {
                    let removed = batch.blobs.iter().filter(is_gone).map(|blob| blob.key);
                    self.watches.removed(deletion, removed);
                }
                let kept: Vec<SizedBlob> =
                    batch.blobs.iter().filter(|blob| !is_gone(blob)).copied().collect();
                // The settler ends after all removers: it cannot be gone.
                let _ = settler.0.send(Tried { batch, token, kept });
            }
        }
    }

    /// Those of the blobs that are positively gone.
    async fn remove_at_once(&self, keys: &[BlobKey]) -> HashSet<BlobKey> {
        let removals = self.blobs.remove(keys).await;
        let outcomes = keys.iter().zip(removals);
        outcomes.filter(|(_, removal)| removal.is_gone()).map(|(key, _)| *key).collect()
    }

    /// The same in the order of the keys and in parts. While somebody deletes single files, each
    /// part is made durable by itself, so that nobody's commit has to wait for the disk to write
    /// down a whole tree of removals, and is followed by a pause as long as it took.
    async fn remove_politely(&self, mut keys: Vec<BlobKey>) -> HashSet<BlobKey> {
        keys.sort_unstable();
        let mut gone = HashSet::with_capacity(keys.len());
        for part in keys.chunks(BULK_PART_BLOBS_MAX) {
            if !self.lanes.are_singles_coming() {
                gone.extend(self.remove_at_once(part).await);
                continue;
            }
            let began = Instant::now();
            for piece in part.chunks(BULK_PIECE_BLOBS_MAX) {
                gone.extend(self.remove_at_once(piece).await);
            }
            if let Err(error) = self.blobs.sync_removals(part).await {
                // The settler syncs again before anything is settled, and decides.
                tracing::debug!(%error, "a part of a removal could not be made durable yet");
            }
            tokio::time::sleep(began.elapsed().min(POLITE_PAUSE_MAX)).await;
        }
        gone
    }

    /// Makes removals durable and settles them, in groups, until the removers have ended.
    pub async fn settle(&self, mut tried: Removals) {
        while let Some(first) = tried.0.recv().await {
            tokio::time::sleep(SETTLE_INTERVAL).await;
            let mut group = vec![first];
            while let Ok(next) = tried.0.try_recv() {
                group.push(next);
            }
            self.settle_group(group).await;
        }
    }

    async fn settle_group(&self, group: Vec<Tried>) {
        let all = |tried: &Tried| tried.batch.blobs.iter().map(|blob| blob.key).collect::<Vec<_>>();
        let keys: Vec<BlobKey> = group.iter().flat_map(all).collect();
        let synced = self.blobs.sync_removals(&keys).await;
        if let Err(error) = &synced {
            tracing::error!(%error, blobs = keys.len(), "removed blobs could not be made durable");
        }
        let now = self.clock.now();
        let settle = |tried: Tried| {
            // Without the sync nothing is known to be gone.
            let kept = if synced.is_ok() { tried.kept } else { tried.batch.blobs };
            let retry_at = retry_at(now, tried.batch.attempts);
            Settlement { batch: tried.batch.number, token: tried.token, kept, retry_at }
        };
        let blobs = keys.len();
        let mut failed = 0;
        for part in parts(group) {
            let settled = self.meters.settling(&part, synced.is_ok());
            let settlements: Vec<Settlement> = part.into_iter().map(settle).collect();
            failed += settlements.iter().map(|settlement| settlement.kept.len()).sum::<usize>();
            if let Err(error) = self.ledger.settle(settlements, now).await {
                // The leases expire, and all of it is done again: purging is idempotent (I4).
                tracing::error!(%error, blobs, "purged blobs could not be settled");
            } else {
                settled.record(self.clock.now());
            }
        }
        tracing::debug!(blobs, "removals are durable and settled");
        if failed > 0 {
            tracing::warn!(blobs = failed, "condemned blobs could not be removed and are retried");
        }
        self.lanes.done(blobs);
    }
}

/// The removers' end of the way to the settler.
#[derive(Clone)]
pub struct Settler(tokio::sync::mpsc::UnboundedSender<Tried>);

/// The settler's end. What waits in it is bounded by the lanes, which count a blob until it is
/// settled.
pub struct Removals(tokio::sync::mpsc::UnboundedReceiver<Tried>);

/// The way from the removers to the settler.
pub fn settling() -> (Settler, Removals) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    (Settler(sender), Removals(receiver))
}

/// What is settled by one transaction each.
fn parts(group: Vec<Tried>) -> Vec<Vec<Tried>> {
    let mut parts: Vec<Vec<Tried>> = Vec::new();
    let mut blobs = SETTLED_BLOBS_MAX;
    for tried in group {
        if blobs >= SETTLED_BLOBS_MAX {
            parts.push(Vec::new());
            blobs = 0;
        }
        blobs += tried.batch.blobs.len();
        if let Some(part) = parts.last_mut() {
            part.push(tried);
        }
    }
    parts
}

fn retry_at(now: Timestamp, attempts: u32) -> Timestamp {
    let pause = RETRY_PAUSE_MIN.saturating_mul(1 << attempts.min(16));
    now.plus(pause.min(RETRY_PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_and_ends_at_its_longest() {
        let now = Timestamp::from_millis(0);
        let pauses: Vec<i64> = [0, 1, 2, 7, 8, 100, u32::MAX]
            .into_iter()
            .map(|attempts| retry_at(now, attempts).millis())
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 32_000, 60_000, 60_000, 60_000]);
    }
}
