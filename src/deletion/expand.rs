//! Expanding: the files of doomed folders become condemned blobs, in bounded steps, one
//! organization after the other. And selecting, by the same loop: filters that find more than one
//! commit takes go on in steps. And clearing: what a removed organization has beside files and
//! folders goes.
//!
//! The ledger does each step in one short transaction; this loop only keeps the purger fed and
//! never runs ahead of it by more than the purger has room for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::purge::Purger;
use crate::domain::clock::Clock;
use crate::domain::organization::OrganizationNumber;
use crate::jobs::wake::Wake;
use crate::ledger::{ExpandStep, Lease, Ledger, LedgerError, StepLimits};

/// What one step may do. Larger steps write each page of the database less often; but nobody who
/// asks for something meanwhile shall wait for more than a small one, and not for one each time:
/// between small steps is a pause as long as a step took.
const STEP: StepLimits = StepLimits {
    duration: Duration::from_millis(20),
    duration_beside_others: Duration::from_millis(1),
    blobs: 8192,
};
/// Rows of a removed organization that one step clears: some milliseconds.
const CLEARED_ROWS: usize = 512;
/// The longest such pause.
const POLITE_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often doomed folders are looked for without a wake-up.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after a step that failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(500);

/// Expands doomed folders, and goes on with filters.
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
        let mut turn = Turn::default();
        while !stop.is_cancelled() {
            self.purger.room().await;
            let began = Instant::now();
            match self.step(&mut turn).await {
                Ok(_) if turn.is_idle() => {
                    tokio::select! {
                        () = self.doomed.woken_or_after(LOOK_INTERVAL) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Ok(Beside::Nobody) => {}
                Ok(Beside::Others) => pause(began.elapsed().min(POLITE_PAUSE_MAX), &stop).await,
                Err(error) => {
                    tracing::warn!(%error, "a step behind a commit failed and is repeated");
                    pause(FAILURE_PAUSE, &stop).await;
                }
            }
        }
    }

    /// A step of expanding, one of selecting, and one of clearing.
    async fn step(&self, turn: &mut Turn) -> Result<Beside, LedgerError> {
        let lease = self.purger.fresh_lease();
        let expanded =
            self.ledger.expand_step(turn.expanded, lease, STEP, self.clock.now()).await?;
        turn.expanded = expanded.served;
        let others = self.feed(expanded, lease);
        let lease = self.purger.fresh_lease();
        let selected =
            self.ledger.select_step(turn.selected, lease, STEP, self.clock.now()).await?;
        turn.selected = selected.served;
        let others = self.feed(selected, lease) || others;
        turn.cleared = self.ledger.clear_step(CLEARED_ROWS, self.clock.now()).await?;
        Ok(if others { Beside::Others } else { Beside::Nobody })
    }

    /// Hands on what a step condemned; whether it was done beside others.
    fn feed(&self, step: ExpandStep, lease: Lease) -> bool {
        let blobs: usize = step.batches.iter().map(|batch| batch.blobs.len()).sum();
        if step.served.is_some() {
            tracing::debug!(blobs, "a step behind a commit");
        }
        self.purger.enqueue_bulk(step.batches, lease.token);
        step.beside_others
    }
}

/// Who was served last, by each kind of step.
#[derive(Default)]
struct Turn {
    expanded: Option<OrganizationNumber>,
    selected: Option<OrganizationNumber>,
    /// Whether anything of a removed organization was cleared.
    cleared: bool,
}

impl Turn {
    fn is_idle(&self) -> bool {
        self.expanded.is_none() && self.selected.is_none() && !self.cleared
    }
}

/// Beside whom a step was done.
enum Beside {
    Nobody,
    Others,
}

/// Waits, but not beyond `stop`.
async fn pause(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        () = stop.cancelled() => {}
    }
}
