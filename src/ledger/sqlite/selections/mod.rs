//! What filters select: found in the readers, taken by the writer, in the commit or in steps.

mod find;
mod look;
mod step;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;

pub(super) use self::find::{Finding, Judged, Purpose, find, judge};
use self::look::{LookLimits, look};
pub(super) use self::step::open;
use self::step::{Terms, close_all};
use super::deletions::{cancelled, record};
use super::writer::WriteTx;
use super::{SqliteLedger, once};
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
use crate::domain::once::Once;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::ledger::{Cancellation, ExpandStep, Lease, LedgerError, SelectionLedger, StepLimits};

/// How long one step looks for files. It keeps a reader busy and nobody else.
const LOOK_DURATION_MAX: Duration = Duration::from_millis(50);
/// Files that one step looks for: what it does not come to is looked for again.
const LOOK_FILES_MAX: usize = 512;

#[async_trait]
impl SelectionLedger for SqliteLedger {
    async fn select_step(
        &self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> Result<ExpandStep, LedgerError> {
        let look_limits = LookLimits {
            duration: LOOK_DURATION_MAX,
            files: LOOK_FILES_MAX.min(limits.blobs.max(1)),
            counts_the_rest: false,
        };
        let found = self
            .readers
            .run(move |connection| {
                let Some(selection) = step::next(connection, after)? else { return Ok(None) };
                let looked = look(connection, &selection.search, &selection.place, look_limits)?;
                Ok(Some((selection, looked)))
            })
            .await?;
        let Some((selection, looked)) = found else { return Ok(ExpandStep::default()) };
        let terms = Terms { lease, limits, now };
        self.writer()?.run_behind(move |tx| step::step(tx, &selection, &looked, terms)).await
    }

    async fn cancel_deletion(
        &self,
        realm: &Realm,
        id: DeletionId,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Option<Cancellation>, LedgerError> {
        let realm = realm.clone();
        self.writer()?.run(move |tx| cancel(tx, (&realm, id), once.as_ref(), now)).await
    }
}

fn cancel(
    tx: &WriteTx<'_>,
    (realm, id): (&Realm, DeletionId),
    once: Option<&Once>,
    now: Timestamp,
) -> Result<Option<Cancellation>, LedgerError> {
    let organization = realm.organization;
    if let Some(repeat) = once::repeat(tx.connection, Some(organization), once)? {
        return Ok(Some(Cancellation::Repeated(repeat)));
    }
    let Some(record) = record::read(tx.connection, realm, id)? else { return Ok(None) };
    if record.cancelled_at.is_none() {
        let closed = close_all(tx, organization, id)?;
        if closed.is_empty() {
            return Ok(Some(Cancellation::NothingToCancel));
        }
        cancelled(tx, (organization, id), &closed, now)?;
    }
    once::remember(tx, Some(organization), once, id)?;
    Ok(Some(Cancellation::Cancelled))
}
