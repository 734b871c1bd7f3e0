//! Intents taken in advance: one durable commit records many, so that an upload begins at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::domain::blob::BlobKey;
use crate::domain::clock::{Clock, Timestamp};
use crate::ledger::{Ledger, LedgerError};

/// Intents that one commit records.
const INTENTS_PER_COMMIT: usize = 256;
/// How long an upload may last: the sweep takes an intent that is older.
pub const INTENT_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// An intent that has less of its life left than this is not begun with any more.
const LIFETIME_LEFT_MIN: Duration = Duration::from_secs(12 * 3600);

/// Fresh intents of this process.
pub struct IntentPool {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    fresh: Mutex<VecDeque<(BlobKey, Timestamp)>>,
}

impl IntentPool {
    /// An empty pool.
    pub fn new(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock, fresh: Mutex::new(VecDeque::new()) }
    }

    /// A key under which nobody else writes, whose intent is durable. Whoever finds the pool
    /// empty fills it while the others wait for that one commit.
    pub async fn take(&self) -> Result<BlobKey, LedgerError> {
        let mut fresh = self.fresh.lock().await;
        let usable_until = self.clock.now().plus(LIFETIME_LEFT_MIN);
        while fresh.front().is_some_and(|(_, expires_at)| *expires_at < usable_until) {
            fresh.pop_front();
        }
        if fresh.is_empty() {
            let expires_at = self.clock.now().plus(INTENT_LIFETIME);
            let keys = self.ledger.reserve_intents(INTENTS_PER_COMMIT, expires_at).await?;
            fresh.extend(keys.into_iter().map(|key| (key, expires_at)));
        }
        let (key, _) = fresh.pop_front().expect("a ledger records as many intents as asked");
        Ok(key)
    }
}
