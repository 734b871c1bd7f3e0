//! The limits of plans, held in the transactions that store.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::SqliteLedger;
use super::entries::entry_at;
use super::rows::{corrupt, failed};
use super::usage::{UsageMoves, read_usage};
use super::writer::WriteTx;
use crate::domain::entry::{Entry, UploadRefusal};
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::{EntryPath, WrittenPath};
use crate::domain::plans::{Announced, Bound, Incoming, Plans, Replaces, Target};
use crate::ledger::{LedgerError, PlanLedger};

/// The plans, for every thread that asks. Clones share them.
#[derive(Clone, Default)]
pub(super) struct PlanBook(Arc<RwLock<Arc<Plans>>>);

impl PlanBook {
    /// The plans, where any of them limits what is stored.
    fn that_limit_storage(&self) -> Option<Arc<Plans>> {
        let plans = self.0.read().unwrap_or_else(PoisonError::into_inner);
        plans.limit_storage().then(|| Arc::clone(&plans))
    }
}

/// Whether the plan of an organization lets this version in, measured with everything that was
/// committed before, and with what this group of transactions has stored already. To be asked by
/// every transaction that makes live files more or larger, before it changes anything.
pub(super) fn admit(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    incoming: &Incoming<'_>,
) -> Result<Result<(), UploadRefusal>, LedgerError> {
    let Some(plans) = tx.plans.that_limit_storage() else { return Ok(Ok(())) };
    let bound = measure((tx.connection, &tx.usage), &plans, organization, incoming)?;
    Ok(bound.map(|_| ()))
}

/// The same for versions that come in together, each measured with those before it; the place of
/// the first one that is not let in.
pub(super) fn admit_together(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    incoming: &[Incoming<'_>],
) -> Result<Result<(), (usize, UploadRefusal)>, LedgerError> {
    let Some(plans) = tx.plans.that_limit_storage() else { return Ok(Ok(())) };
    let name = plan_name(tx.connection, organization)?;
    let Some(plan) = plans.get(&name).filter(|plan| plan.limit_storage()) else {
        return Ok(Ok(()));
    };
    let usage = tx.usage.added_to(organization, read_usage(tx.connection, organization)?);
    Ok(plan.admit_together(usage, incoming))
}

fn measure(
    (connection, moves): (&Connection, &UsageMoves),
    plans: &Plans,
    organization: OrganizationNumber,
    incoming: &Incoming<'_>,
) -> Result<Result<Option<Bound>, UploadRefusal>, LedgerError> {
    let name = plan_name(connection, organization)?;
    let Some(plan) = plans.get(&name).filter(|plan| plan.limit_storage()) else {
        return Ok(Ok(None));
    };
    let usage = moves.added_to(organization, read_usage(connection, organization)?);
    Ok(plan.admit(&usage, incoming))
}

fn plan_name(
    connection: &Connection,
    organization: OrganizationNumber,
) -> Result<String, LedgerError> {
    let context = "reading a plan's name";
    let sql = "select plan from organizations where organization = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let name = statement.query_row([organization], |row| row.get(0));
    name.optional().map_err(failed(context))?.ok_or(corrupt("an organization is gone"))
}

#[async_trait]
impl PlanLedger for SqliteLedger {
    fn set_plans(&self, plans: Plans) {
        *self.plans.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plans);
    }

    async fn room(
        &self,
        realm: &Realm,
        announced: &Announced,
    ) -> Result<Result<Option<Bound>, UploadRefusal>, LedgerError> {
        let writer = self.writer()?;
        if writer.is_ballast_spent() {
            // The writer makes the reserve anew after its work, so that it must have some.
            writer.run(|_| Ok(())).await?;
            return Ok(Err(UploadRefusal::ReserveSpent));
        }
        let Some(plans) = self.plans.that_limit_storage() else { return Ok(Ok(None)) };
        let (realm, announced) = (realm.clone(), announced.clone());
        self.readers
            .run(move |connection| {
                let Announced { bytes, content_type, target } = &announced;
                let replaces = match target {
                    Target::New => Replaces::Nothing,
                    Target::At(path) if realm.sees(path) => replaced(connection, &realm, path)?,
                    Target::At(_) | Target::Unknown => Replaces::Unknown,
                };
                let incoming = Incoming { bytes: *bytes, content_type, replaces };
                let nothing_moved = UsageMoves::default();
                measure((connection, &nothing_moved), &plans, realm.organization, &incoming)
            })
            .await
    }
}

/// What a version at this path replaces.
pub(super) fn replaced(
    connection: &Connection,
    realm: &Realm,
    path: &EntryPath,
) -> Result<Replaces, LedgerError> {
    let path = WrittenPath { path: path.clone(), says_folder: false };
    let there = entry_at(connection, realm, &path)?;
    Ok(match there {
        Some(Entry::File(file)) => Replaces::Bytes(file.content.size),
        Some(Entry::Folder(_)) | None => Replaces::Nothing,
    })
}
