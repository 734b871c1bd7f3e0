//! The model's gauges: counted when they are asked for.

use async_trait::async_trait;

use super::MemoryLedger;
use crate::deletion::record::DeletionState;
use crate::ledger::{Gauges, GaugesLedger, LedgerError};

#[async_trait]
impl GaugesLedger for MemoryLedger {
    async fn gauges(&self) -> Result<Gauges, LedgerError> {
        let state = self.state();
        let mut gauges = Gauges::default();
        for number in state.organizations.keys() {
            let usage = state.whole_usage(*number);
            gauges.live += usage.live;
            gauges.doomed += usage.doomed;
            gauges.condemned += usage.condemned;
        }
        let deletions = || state.organizations.values().flat_map(|one| one.deletions.values());
        let unsettled = deletions().filter(|one| one.record.state == DeletionState::Purging);
        gauges.unsettled_deletions = unsettled.count() as u64;
        gauges.expansions = deletions().filter(|one| one.expanding).count() as u64;
        gauges.batches = state.queue.len() as u64;
        gauges.oldest_condemned_at = state.queue.values().next().map(|batch| batch.condemned_at);
        gauges.open_intents = state.intents.len() as u64;
        (gauges.messages, gauges.oldest_message_at) = state.messages();
        Ok(gauges)
    }

    async fn check_writable(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn is_reserve_spent(&self) -> bool {
        false
    }
}
