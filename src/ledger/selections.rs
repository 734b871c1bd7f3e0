//! Selections: filters whose files go in steps behind the commit of their deletion.

use async_trait::async_trait;

use super::{ExpandStep, Lease, LedgerError, StepLimits};
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{OrganizationNumber, Realm};

/// What came of an attempt to cancel a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// No further file is doomed on its account, or it had been cancelled before. What was doomed
    /// stays doomed.
    Cancelled,
    /// Everything that it would ever doom is doomed: it can only be waited for.
    NothingToCancel,
    /// It was asked for before, under the same idempotency key.
    Repeated(Repeat),
}

/// The steps of selections.
#[async_trait]
pub trait SelectionLedger: Send + Sync {
    /// One bounded step of the oldest selection of the organization that comes after `after` in a
    /// round of all that have any: dooms files that the filter takes, condemns their blobs under
    /// `lease`, and notes how far it is, all in one transaction. Nothing is touched whose sequence
    /// lies above the selection's fence (I12), and nothing that is locked (I11).
    async fn select_step(
        &self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> Result<ExpandStep, LedgerError>;

    /// Ends the selections of a deletion that the realm sees, by the rule of
    /// [`DeletionLedger::deletion`](super::DeletionLedger::deletion); `None` where it sees none.
    /// From the answer on no step dooms anything on its account.
    async fn cancel_deletion(
        &self,
        realm: &Realm,
        id: DeletionId,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Option<Cancellation>, LedgerError>;
}
