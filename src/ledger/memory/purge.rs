//! The purge queue, and the intents that end on it.

use async_trait::async_trait;

use super::{MemoryLedger, State};
use crate::deletion::record::{BATCH_BLOBS_MAX, BatchNumber, CondemnedBatch, DeletionState};
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
use crate::domain::organization::OrganizationNumber;
use crate::domain::usage::Tally;
use crate::domain::webhooks::{Failure, Notice, PURGE_FAILING_DURATION_MIN};
use crate::ledger::{Lease, LeaseToken, LedgerError, PurgeQueue, Settlement};

/// Blobs that are leased and settled together.
pub(super) struct Batch {
    /// None for the blobs of uploads that never ended.
    pub(super) organization: Option<OrganizationNumber>,
    pub(super) deletion: Option<DeletionId>,
    /// Never empty.
    pub(super) blobs: Vec<SizedBlob>,
    attempts: u32,
    /// Since when tries have failed.
    failing_since: Option<Timestamp>,
    /// Since when it has been on the queue.
    pub(super) condemned_at: Timestamp,
    /// Who holds it, until it is due again.
    token: Option<LeaseToken>,
    /// From then on it can be leased: at once, when its lease expires, or when it may be retried.
    due_at: Timestamp,
}

impl Batch {
    pub(super) fn tally(&self) -> Tally {
        self.blobs.iter().map(|blob| Tally::one(blob.size)).sum()
    }
}

impl State {
    /// Puts blobs on the queue at `now`, where they are due at once.
    pub(super) fn condemn(
        &mut self,
        organization: Option<OrganizationNumber>,
        deletion: Option<DeletionId>,
        blobs: Vec<SizedBlob>,
        now: Timestamp,
    ) -> BatchNumber {
        let number = BatchNumber(self.next_number());
        let (condemned_at, due_at) = (now, now);
        let batch = Batch {
            organization,
            deletion,
            blobs,
            attempts: 0,
            failing_since: None,
            condemned_at,
            token: None,
            due_at,
        };
        self.queue.insert(number, batch);
        number
    }

    /// Gives a batch to whoever holds `lease`; the lease before it is worth nothing from now on.
    pub(super) fn leased(&mut self, number: BatchNumber, lease: Lease) -> CondemnedBatch {
        let batch = self.queue.get_mut(&number).expect("only batches on the queue are leased");
        batch.token = Some(lease.token);
        batch.due_at = lease.expires_at;
        CondemnedBatch {
            number,
            deletion: batch.deletion,
            blobs: batch.blobs.clone(),
            attempts: batch.attempts,
        }
    }

    fn lease_condemned(
        &mut self,
        now: Timestamp,
        lease: Lease,
        blobs_max: usize,
    ) -> Vec<CondemnedBatch> {
        let due = self.queue.iter().filter(|(_, batch)| batch.due_at <= now);
        let mut due: Vec<(Timestamp, BatchNumber)> =
            due.map(|(number, batch)| (batch.due_at, *number)).collect();
        due.sort();
        let mut batches: Vec<CondemnedBatch> = Vec::new();
        let mut blobs = 0;
        for (_, number) in due {
            let batch = self.leased(number, lease);
            blobs += batch.blobs.len();
            batches.push(batch);
            if blobs >= blobs_max {
                break;
            }
        }
        batches
    }

    fn settle(&mut self, settlement: &Settlement, now: Timestamp) {
        let Some(batch) = self.queue.get_mut(&settlement.batch) else { return };
        if batch.token != Some(settlement.token) {
            return;
        }
        let before = batch.tally();
        batch.blobs.retain(|blob| settlement.kept.contains(blob));
        let gone = before - batch.tally();
        batch.attempts += 1;
        batch.token = None;
        batch.due_at = settlement.retry_at;
        let failing_since = *batch.failing_since.get_or_insert(now);
        let (organization, deletion) = (batch.organization, batch.deletion);
        let is_failing =
            !batch.blobs.is_empty() && now.since(failing_since) >= PURGE_FAILING_DURATION_MIN;
        if batch.blobs.is_empty() {
            self.queue.remove(&settlement.batch);
        }
        let Some(organization) = organization else { return };
        let holdings = self.holdings_mut(organization);
        holdings.settled += gone;
        let hears = !holdings.webhooks.is_empty();
        if let Some(id) = deletion {
            let deletion = holdings.deletions.get_mut(&id).expect("records are kept for ever");
            deletion.record.purged += gone;
            if is_failing && hears && !std::mem::replace(&mut deletion.failing_told, true) {
                self.tell((organization, id), Notice::Failed(Failure::PurgeFailing), now);
            }
            self.settle_if_done(organization, id, now);
        }
    }

    /// A deletion is settled when nothing of it waits to be expanded or purged.
    pub(super) fn settle_if_done(
        &mut self,
        organization: OrganizationNumber,
        id: DeletionId,
        now: Timestamp,
    ) {
        let is_queued = self.queue.values().any(|batch| batch.deletion == Some(id));
        let holdings = self.holdings_mut(organization);
        let deletion = holdings.deletions.get_mut(&id).expect("records are kept for ever");
        if !is_queued && !deletion.expanding && deletion.selections.is_empty() {
            deletion.record.state = DeletionState::Settled;
            if deletion.record.settled_at.is_none() {
                deletion.record.settled_at = Some(now);
                self.tell((organization, id), Notice::Settled, now);
            }
        }
    }

    /// Consumes these intents and puts their blobs on the queue. Their sizes are unknown.
    pub(super) fn condemn_intents(&mut self, blobs: &[BlobKey], now: Timestamp) {
        for chunk in blobs.chunks(BATCH_BLOBS_MAX) {
            let taken = chunk.iter().filter(|key| self.intents.remove(key).is_some());
            let blobs: Vec<SizedBlob> = taken.map(|key| SizedBlob { key: *key, size: 0 }).collect();
            if !blobs.is_empty() {
                self.condemn(None, None, blobs, now);
            }
        }
    }
}

#[async_trait]
impl PurgeQueue for MemoryLedger {
    async fn lease_condemned(
        &self,
        now: Timestamp,
        lease: Lease,
        blobs_max: usize,
    ) -> Result<Vec<CondemnedBatch>, LedgerError> {
        Ok(self.state().lease_condemned(now, lease, blobs_max))
    }

    async fn settle(
        &self,
        settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut state = self.state();
        for settlement in &settlements {
            state.settle(settlement, now);
        }
        Ok(())
    }

    async fn condemn_expired_intents(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, LedgerError> {
        let mut state = self.state();
        let expired = state.intents.iter().filter(|(_, expires_at)| **expires_at <= now);
        let taken: Vec<BlobKey> = expired.map(|(key, _)| *key).take(limit).collect();
        state.condemn_intents(&taken, now);
        state.forget_expired_uploads(now);
        Ok(taken.len())
    }

    async fn count_expired_intents(&self, now: Timestamp) -> Result<u64, LedgerError> {
        let state = self.state();
        Ok(state.intents.values().filter(|expires_at| **expires_at <= now).count() as u64)
    }

    async fn abandon_intents(&self, blobs: &[BlobKey], now: Timestamp) -> Result<(), LedgerError> {
        self.state().condemn_intents(blobs, now);
        Ok(())
    }
}
