//! The loop that empties the outbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use metrics::{Counter, counter};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::send::{Sender, Sent, TRY_DURATION_MAX};
use crate::domain::clock::Clock;
use crate::domain::id::MessageId;
use crate::domain::random::Random;
use crate::domain::webhooks::{Attempt, Message, Schedule, Tried};
use crate::ledger::webhooks::{Round, RoundLimits, SettledRound};
use crate::ledger::{Lease, LeaseToken, Ledger};
use crate::meters;

/// How often the outbox is looked at while nothing is under way.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Webhooks that are served at one time.
const ROUNDS_MAX: usize = 32;
/// Messages that are sent to one webhook at one time.
const ROUND_MESSAGES_MAX: usize = 4;
/// Longer than any round takes.
const LEASE_DURATION: Duration = Duration::from_secs(60);
const _: () = assert!(LEASE_DURATION.as_secs() > 2 * TRY_DURATION_MAX.as_secs());
/// How long rounds may still end once the process stops. What is cut off is sent again.
const DRAIN_DURATION_MAX: Duration = Duration::from_secs(5);

/// Takes messages out of the outbox. Cheap to clone.
#[derive(Clone)]
pub struct Courier {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    sender: Sender,
    schedule: Arc<Schedule>,
    meters: CourierMeters,
}

/// What is measured of deliveries.
#[derive(Clone)]
struct CourierMeters {
    delivered: Counter,
    failed: Counter,
    died: Counter,
}

impl CourierMeters {
    fn new() -> Self {
        Self {
            delivered: counter!(meters::WEBHOOKS_DELIVERED),
            failed: counter!(meters::WEBHOOK_FAILURES),
            died: counter!(meters::WEBHOOKS_DIED),
        }
    }

    fn count(&self, tried: Tried) {
        match tried {
            Tried::Delivered => self.delivered.increment(1),
            Tried::Again(_) => self.failed.increment(1),
            Tried::Dead => {
                self.failed.increment(1);
                self.died.increment(1);
            }
        }
    }
}

impl Courier {
    /// A courier that sends with `sender`, again and again as `schedule` says.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        (sender, schedule): (Sender, Schedule),
    ) -> Self {
        let (schedule, meters) = (Arc::new(schedule), CourierMeters::new());
        Self { ledger, clock, random, sender, schedule, meters }
    }

    /// Sends what is due until `stop`. What is under way then and does not end soon is sent again
    /// after the next start.
    pub async fn run(self, stop: CancellationToken) {
        let mut rounds: JoinSet<()> = JoinSet::new();
        while !stop.is_cancelled() {
            let begun = self.begin(&mut rounds).await;
            if begun > 0 && rounds.len() < ROUNDS_MAX {
                continue;
            }
            tokio::select! {
                Some(ended) = rounds.join_next() => note(ended),
                () = tokio::time::sleep(LOOK_INTERVAL), if rounds.len() < ROUNDS_MAX => {}
                () = stop.cancelled() => {}
            }
        }
        let ending = async {
            while let Some(ended) = rounds.join_next().await {
                note(ended);
            }
        };
        if tokio::time::timeout(DRAIN_DURATION_MAX, ending).await.is_err() {
            tracing::info!(
                "messages to webhooks were cut off and are sent again after the next start"
            );
        }
    }

    /// Begins a round for each webhook with something due, as many as there is room for; how many.
    async fn begin(&self, rounds: &mut JoinSet<()>) -> usize {
        let limits = RoundLimits {
            webhooks_max: ROUNDS_MAX - rounds.len().min(ROUNDS_MAX),
            messages_max: ROUND_MESSAGES_MAX,
        };
        if limits.webhooks_max == 0 {
            return 0;
        }
        let lease = self.fresh_lease();
        let leased = match self.ledger.lease_messages(lease.began_at, lease, limits).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::warn!(%error, "the outbox could not be read");
                return 0;
            }
        };
        let begun = leased.len();
        for round in leased {
            let courier = self.clone();
            rounds.spawn(async move { courier.serve(round, lease.token).await });
        }
        begun
    }

    fn fresh_lease(&self) -> Lease {
        let mut token = [0; 16];
        self.random.fill(&mut token);
        let began_at = self.clock.now();
        let expires_at = began_at.plus(LEASE_DURATION);
        Lease { token: LeaseToken(token), began_at, expires_at }
    }

    /// Tries all messages of a round, and keeps how that ended.
    async fn serve(&self, round: Round, token: LeaseToken) {
        let tries = join_all(round.messages.iter().map(|message| self.attempt(&round, message)));
        let (mut kept, mut is_gone) = (Vec::new(), false);
        for (message, attempt, tried, gone) in tries.await {
            self.meters.count(tried);
            is_gone |= gone;
            kept.push((message, attempt, tried));
        }
        let (organization, webhook) = (round.organization, round.webhook.id);
        if is_gone {
            tracing::info!(%webhook, "a webhook's receiver is gone: it is switched off");
        }
        let settled = SettledRound { organization, webhook, token, tries: kept, is_gone };
        match self.ledger.settle_round(settled, self.clock.now()).await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(%webhook, "a round was somebody else's when it ended"),
            // The lease expires, and all is sent again: receivers know it by its identity.
            Err(error) => tracing::warn!(%error, "the end of a round could not be kept"),
        }
    }

    async fn attempt(&self, round: &Round, message: &Message) -> (MessageId, Attempt, Tried, bool) {
        let (at, began) = (self.clock.now(), Instant::now());
        let sent = self.sender.send(&round.webhook, message, at).await;
        let tried = self.judge(message, &sent);
        let gone = sent.is_gone();
        let attempt = Attempt {
            at_ms: at.millis(),
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            status: sent.status.map(|status| status.as_u16()),
            error: sent.error,
        };
        (message.id, attempt, tried, gone)
    }

    fn judge(&self, message: &Message, sent: &Sent) -> Tried {
        match (&sent.error, sent.is_gone()) {
            (None, _) => Tried::Delivered,
            (Some(_), true) => Tried::Dead,
            (Some(_), false) => {
                let mut chance = [0; 8];
                self.random.fill(&mut chance);
                let failures = message.failures.saturating_add(1);
                let chance = u64::from_le_bytes(chance);
                let pause = self.schedule.pause(failures, sent.retry_after, chance);
                pause.map_or(Tried::Dead, |pause| Tried::Again(self.clock.now().plus(pause)))
            }
        }
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // Its lease expires, and its messages are sent again.
        tracing::error!(%error, "a round of webhooks broke off");
    }
}
