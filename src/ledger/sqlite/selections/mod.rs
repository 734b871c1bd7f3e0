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
use self::step::Terms;
pub(super) use self::step::{close_all, open};
use super::SqliteLedger;
use super::deletions::{cancelled, record};
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
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
        now: Timestamp,
    ) -> Result<Option<Cancellation>, LedgerError> {
        let realm = realm.clone();
        self.writer()?
            .run(move |tx| {
                if record::read(tx.connection, &realm, id)?.is_none() {
                    return Ok(None);
                }
                if close_all(tx, realm.organization, id)? == 0 {
                    return Ok(Some(Cancellation::NothingToCancel));
                }
                cancelled(tx, realm.organization, id, now)?;
                Ok(Some(Cancellation::Cancelled))
            })
            .await
    }
}
