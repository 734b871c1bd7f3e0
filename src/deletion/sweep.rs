//! Sweeping: the blobs of uploads that never ended are condemned, and go the way of all others.
//!
//! It acts on positive evidence only (I10): an intent that has expired and was not consumed. A
//! blob that no row knows is reported by `verify` and never touched.

use crate::domain::clock::Timestamp;
use crate::ledger::{Ledger, LedgerError};

/// Intents that one transaction takes.
pub const INTENTS_PER_STEP: usize = 500;

/// Stored plans that one transaction forgets.
pub const PLANS_PER_STEP: usize = 500;

/// Condemns the blobs of all intents that expired at or before `now`; how many. Stored plans that
/// expired are forgotten on the way.
pub async fn sweep(ledger: &dyn Ledger, now: Timestamp) -> Result<u64, LedgerError> {
    while ledger.forget_plans(now, PLANS_PER_STEP).await? == PLANS_PER_STEP {}
    let mut condemned = 0;
    loop {
        let taken = ledger.condemn_expired_intents(now, INTENTS_PER_STEP).await?;
        condemned += taken as u64;
        if taken < INTENTS_PER_STEP {
            return Ok(condemned);
        }
    }
}
