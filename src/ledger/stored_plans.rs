//! Plans of deletions that are kept until they are committed or expire.

use async_trait::async_trait;

use super::LedgerError;
use crate::deletion::stored::StoredPlan;
use crate::domain::clock::Timestamp;
use crate::domain::id::PlanId;
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{OrganizationNumber, Realm};

/// What became of a plan that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It is kept.
    Kept,
    /// The organization has as many as it may have.
    TooMany,
    /// It was asked for before, under the same idempotency key: another one is kept, or was.
    Repeated(Repeat),
}

/// Stored plans. One is used up by the transaction of the deletion that commits it
/// ([`commit_deletion`](super::DeletionLedger::commit_deletion)), and by no other.
#[async_trait]
pub trait StoredPlanLedger: Send + Sync {
    /// Keeps a plan until it expires.
    async fn store_plan(
        &self,
        organization: OrganizationNumber,
        plan: StoredPlan,
        once: Option<Once>,
    ) -> Result<Keeping, LedgerError>;

    /// A plan of the realm's organization that has not expired at `now`, used up or not. A key with
    /// a prefix sees those that were asked for with the same prefix or one beneath it.
    async fn stored_plan(
        &self,
        realm: &Realm,
        id: PlanId,
        now: Timestamp,
    ) -> Result<Option<StoredPlan>, LedgerError>;

    /// Forgets up to `limit` plans that expired at or before `now`; how many.
    async fn forget_plans(&self, now: Timestamp, limit: usize) -> Result<usize, LedgerError>;
}
