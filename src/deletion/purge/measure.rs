//! What is measured of purging: how much went, how much failed, and how long it took since the
//! commit that deleted it.

use metrics::{Counter, Histogram, counter, histogram};

use super::Tried;
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
use crate::meters;

/// The meters of one purger.
pub(super) struct PurgeMeters {
    lag: Histogram,
    removed: Counter,
    failed: Counter,
    retried: Counter,
}

/// What is to be measured of batches once they are settled.
pub(super) struct Settling<'m> {
    meters: &'m PurgeMeters,
    /// The deletions of those batches of which nothing is kept.
    gone: Vec<DeletionId>,
    removed: u64,
    failed: u64,
    retried: u64,
}

impl PurgeMeters {
    pub(super) fn new() -> Self {
        Self {
            lag: histogram!(meters::PURGE_LAG_SECONDS),
            removed: counter!(meters::PURGED_BLOBS),
            failed: counter!(meters::PURGE_FAILURES),
            retried: counter!(meters::PURGE_RETRIES),
        }
    }

    /// Counts these batches, of which nothing is gone where their removal is not `durable`.
    pub(super) fn settling(&self, batches: &[Tried], durable: bool) -> Settling<'_> {
        let mut settling =
            Settling { meters: self, gone: Vec::new(), removed: 0, failed: 0, retried: 0 };
        for Tried { batch, kept, .. } in batches {
            let kept = if durable { kept.len() } else { batch.blobs.len() };
            settling.failed += kept as u64;
            settling.removed += batch.blobs.len().saturating_sub(kept) as u64;
            settling.retried += u64::from(batch.attempts > 0);
            settling.gone.extend(batch.deletion.filter(|_| kept == 0));
        }
        settling
    }
}

impl Settling<'_> {
    /// They are settled. A deletion's identity says when it was committed.
    pub(super) fn record(self, now: Timestamp) {
        for deletion in self.gone {
            self.meters.lag.record(now.since(deletion.made_at()).as_secs_f64());
        }
        self.meters.removed.increment(self.removed);
        self.meters.failed.increment(self.failed);
        self.meters.retried.increment(self.retried);
    }
}
