//! Expanding: the files of doomed folders become condemned blobs, in bounded steps, one
//! organization after the other.
//!
//! The ledger does each step in one short transaction; this loop only keeps the purger fed and
//! never runs ahead of it by more than the purger has room for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::purge::Purger;
use crate::domain::clock::Clock;
use crate::jobs::wake::Wake;
use crate::ledger::{Ledger, StepLimits};

/// What one step may do. Larger steps write each page of the database less often; but nobody who
/// asks for something meanwhile shall wait for more than a small one, and not for one each time:
/// between small steps is a pause as long as a step took.
const STEP: StepLimits = StepLimits {
    duration: Duration::from_millis(20),
    duration_beside_others: Duration::from_millis(1),
    blobs: 8192,
};
/// The longest such pause.
const POLITE_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often doomed folders are looked for without a wake-up.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after a step that failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(500);

/// Expands doomed folders.
pub struct Expander {
    ledger: Arc<dyn Ledger>,
    purger: Arc<Purger>,
    clock: Arc<dyn Clock>,
    doomed: Wake,
}

impl Expander {
    /// An expander that is woken by `doomed` and feeds `purger`.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        purger: Arc<Purger>,
        clock: Arc<dyn Clock>,
        doomed: Wake,
    ) -> Self {
        Self { ledger, purger, clock, doomed }
    }

    /// Works until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut served = None;
        while !stop.is_cancelled() {
            self.purger.room().await;
            let lease = self.purger.fresh_lease();
            let began = Instant::now();
            match self.ledger.expand_step(served, lease, STEP, self.clock.now()).await {
                Ok(step) => {
                    served = step.served;
                    let blobs: usize = step.batches.iter().map(|batch| batch.blobs.len()).sum();
                    tracing::debug!(blobs, "a step of expanding");
                    self.purger.enqueue_bulk(step.batches, lease.token);
                    if served.is_none() {
                        tokio::select! {
                            () = self.doomed.woken_or_after(LOOK_INTERVAL) => {}
                            () = stop.cancelled() => {}
                        }
                    } else if step.beside_others {
                        pause(began.elapsed().min(POLITE_PAUSE_MAX), &stop).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a step of expanding failed and is repeated");
                    pause(FAILURE_PAUSE, &stop).await;
                }
            }
        }
    }
}

/// Waits, but not beyond `stop`.
async fn pause(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        () = stop.cancelled() => {}
    }
}
