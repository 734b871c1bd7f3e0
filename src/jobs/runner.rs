//! The loops that run the engine's steps until the process stops.
//!
//! ```text
//! poll, expand, sweep ──feed──→ removers (one a lane) ──tried──→ settler
//! ```
//!
//! They stop in the order of the arrows, so that what is queued is still removed and what is
//! removed is still settled, within a bound. Whatever the bound cuts off is leased again after
//! the next start: nothing is lost by a stop, however rude. A loop that panics stops the server,
//! since one that deletes nothing any more must not look alive.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::blobs::BlobStore;
use crate::deletion::expand::Expander;
use crate::deletion::purge::{Lane, Purger, settling};
use crate::deletion::sweep::sweep;
use crate::domain::clock::Clock;
use crate::domain::random::Random;
use crate::jobs::forget::forget;
use crate::jobs::wake::Wake;
use crate::ledger::{Ledger, LedgerError};

/// How long what is queued may still be removed and settled once the process stops.
const DRAIN_DURATION_MAX: Duration = Duration::from_secs(10);

/// What the loops work on.
#[derive(Clone)]
pub struct Ground {
    /// Metadata.
    pub ledger: Arc<dyn Ledger>,
    /// Bytes.
    pub blobs: Arc<dyn BlobStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Lease tokens.
    pub random: Arc<dyn Random>,
}

/// The loops that feed the purger, and the purger's own.
pub struct Runner {
    purging: Purging,
    feeders: TaskTracker,
    stop_feeding: CancellationToken,
}

/// A purger whose removers and settler run.
pub struct Purging {
    purger: Arc<Purger>,
    workers: TaskTracker,
    stop: CancellationToken,
    broken: CancellationToken,
}

impl Purging {
    /// Starts the removers and the settler of a new purger, which `queue` makes look for due
    /// batches. `broken` is cancelled where one of them panics.
    pub fn start(ground: Ground, queue: Wake, broken: CancellationToken) -> Self {
        let Ground { ledger, blobs, clock, random } = ground;
        let purger = Arc::new(Purger::new(ledger, blobs, clock, random, queue));
        let (workers, stop) = (TaskTracker::new(), CancellationToken::new());
        let (settler, removals) = settling();
        for lane in [Lane::Singles, Lane::Bulk] {
            let (purger, settler, stop) = (Arc::clone(&purger), settler.clone(), stop.clone());
            let removing = async move { purger.remove(lane, settler, stop).await };
            spawn(&workers, &broken, "purge.remove", removing);
        }
        let settling = Arc::clone(&purger);
        let settling = async move { settling.settle(removals).await };
        spawn(&workers, &broken, "purge.settle", settling);
        Self { purger, workers, stop, broken }
    }

    /// The purger.
    pub fn purger(&self) -> &Arc<Purger> {
        &self.purger
    }

    /// Purges what is due now; the number of blobs that were tried.
    pub async fn purge_due(&self) -> Result<u64, LedgerError> {
        tokio::select! {
            purged = self.purger.purge_due() => purged,
            () = self.broken.cancelled() => {
                Err(crate::ledger::LedgerErrorKind::Unavailable.because("purging broke off"))
            }
        }
    }

    /// Lets what is queued be removed and settled, and ends the loops, within a bound.
    pub async fn stop(self) {
        let drained = async {
            self.purger.idle().await;
            self.stop.cancel();
            self.workers.close();
            self.workers.wait().await;
        };
        if tokio::time::timeout(DRAIN_DURATION_MAX, drained).await.is_err() {
            tracing::warn!("purging was cut off and goes on after the next start");
        }
        self.stop.cancel();
    }
}

impl Runner {
    /// Starts the loops that feed `purging`: the poll, which `ground` is read by, the expander,
    /// which `doomed` wakes, and a sweep every `sweep_interval`, whose finds wake `queue`.
    pub fn start(ground: Ground, purging: Purging, wakes: Wakes, sweep_interval: Duration) -> Self {
        let (feeders, stop_feeding) = (TaskTracker::new(), CancellationToken::new());
        let (purger, stop) = (Arc::clone(&purging.purger), stop_feeding.clone());
        let polling = async move { purger.poll(stop).await };
        spawn(&feeders, &purging.broken, "purge.poll", polling);
        let (ledger, clock) = (Arc::clone(&ground.ledger), Arc::clone(&ground.clock));
        let expander = Expander::new(ledger, Arc::clone(&purging.purger), clock, wakes.doomed);
        let stop = stop_feeding.clone();
        let expanding = async move { expander.run(stop).await };
        spawn(&feeders, &purging.broken, "expand", expanding);
        let sweeping = sweep_every(sweep_interval, ground, wakes.queue, stop_feeding.clone());
        spawn(&feeders, &purging.broken, "sweep", sweeping);
        Self { purging, feeders, stop_feeding }
    }

    /// Runs one more loop, which ends with those that feed.
    pub fn add<W>(&self, name: &'static str, work: impl FnOnce(CancellationToken) -> W)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        spawn(&self.feeders, &self.purging.broken, name, work(self.stop_feeding.clone()));
    }

    /// Ends the loops in the order of the work, within a bound.
    pub async fn stop(self) {
        self.stop_feeding.cancel();
        self.feeders.close();
        if tokio::time::timeout(DRAIN_DURATION_MAX, self.feeders.wait()).await.is_err() {
            tracing::warn!("a background step was cut off and is done again after the next start");
        }
        self.purging.stop().await;
    }
}

/// Who is woken by what.
#[derive(Clone, Debug, Default)]
pub struct Wakes {
    /// The poll of the purge queue: something was condemned.
    pub queue: Wake,
    /// The expander: folders were doomed.
    pub doomed: Wake,
}

async fn sweep_every(interval: Duration, ground: Ground, queue: Wake, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match sweep(ground.ledger.as_ref(), ground.clock.now()).await {
            Ok(0) => {}
            Ok(blobs) => {
                tracing::info!(blobs, "uploads that never ended were swept");
                queue.wake();
            }
            Err(error) => tracing::warn!(%error, "a sweep failed and is repeated"),
        }
        match forget(ground.ledger.as_ref(), ground.clock.now()).await {
            Ok(_effects) => {}
            Err(error) => tracing::warn!(%error, "old requests are remembered for longer"),
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn spawn(
    tasks: &TaskTracker,
    broken: &CancellationToken,
    name: &'static str,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let broken = broken.clone();
    tasks.spawn(async move {
        if std::panic::AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!(name, "a background loop panicked: the process stops");
            broken.cancel();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_panics_is_told_to_whoever_watches() {
        let (tasks, broken) = (TaskTracker::new(), CancellationToken::new());
        spawn(&tasks, &broken, "calm", async {});
        tasks.close();
        tasks.wait().await;
        assert!(!broken.is_cancelled());
        tasks.reopen();
        spawn(&tasks, &broken, "wild", async { panic!("on purpose") });
        tokio::time::timeout(Duration::from_secs(10), broken.cancelled()).await.unwrap();
    }
}
