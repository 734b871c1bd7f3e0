//! Stored plans: kept, read, used up, forgotten.

use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::deletions::outcomes;
use super::rows::{failed, read_json, signed, unsigned};
use super::writer::WriteTx;
use super::{SqliteLedger, once};
use crate::deletion::record::Counts;
use crate::deletion::request::DeleteRequest;
use crate::deletion::stored::{STORED_PLANS_MAX, StoredPlan, Told};
use crate::domain::clock::Timestamp;
use crate::domain::id::PlanId;
use crate::domain::once::Once;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::ledger::{Keeping, LedgerError, StoredPlanLedger};

#[async_trait]
impl StoredPlanLedger for SqliteLedger {
    async fn store_plan(
        &self,
        organization: OrganizationNumber,
        plan: StoredPlan,
        once: Option<Once>,
    ) -> Result<Keeping, LedgerError> {
        self.writer()?.run(move |tx| store(tx, organization, &plan, once.as_ref())).await
    }

    async fn stored_plan(
        &self,
        realm: &Realm,
        id: PlanId,
        now: Timestamp,
    ) -> Result<Option<StoredPlan>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| read(connection, &realm, id, now)).await
    }

    async fn forget_plans(&self, now: Timestamp, limit: usize) -> Result<usize, LedgerError> {
        self.writer()?.run_behind(move |tx| forget(tx, now, limit)).await
    }
}

fn store(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    plan: &StoredPlan,
    once: Option<&Once>,
) -> Result<Keeping, LedgerError> {
    if let Some(repeat) = once::repeat(tx.connection, Some(organization), once)? {
        return Ok(Keeping::Repeated(repeat));
    }
    let context = "storing a plan";
    let sql = "select count(*) from stored_plans where organization = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let stored = statement.query_row([organization], |row| row.get(0)).map(unsigned);
    if stored.map_err(failed(context))? >= STORED_PLANS_MAX {
        return Ok(Keeping::TooMany);
    }
    once::remember(tx, Some(organization), once, plan.id)?;
    let text = |json: serde_json::Result<String>| json.expect("plans are texts and numbers");
    let told = plan.told.as_ref();
    let sql = "insert into stored_plans (organization, id, prefix, key, request, sequence, items, \
         files, bytes, folders, digest, made_at, expires_at, used_by, told_missing, told_sample, \
         told_items) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
         ?17)";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![
        organization,
        plan.id,
        plan.prefix,
        plan.key,
        text(serde_json::to_string(&plan.request)),
        plan.sequence,
        text(serde_json::to_string(&plan.items)),
        signed(plan.counts.files),
        signed(plan.counts.bytes),
        signed(plan.counts.folders),
        plan.digest,
        plan.made_at,
        plan.expires_at,
        plan.used_by,
        told.map(|told| signed(told.missing)),
        told.map(|told| text(serde_json::to_string(&told.sample))),
        told.map(|told| outcomes::pack(&told.items)),
    ];
    statement.execute(values).map(|_| Keeping::Kept).map_err(failed(context))
}

fn read(
    connection: &Connection,
    realm: &Realm,
    id: PlanId,
    now: Timestamp,
) -> Result<Option<StoredPlan>, LedgerError> {
    let sql = "select prefix, key, request, sequence, items, files, bytes, folders, digest, \
         made_at, expires_at, used_by, told_missing, told_sample, told_items from stored_plans \
         where organization = ?1 and id = ?2 and expires_at > ?3";
    let context = "reading a stored plan";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row(params![realm.organization, id, now], |row| plan(id, row));
    let found = found.optional().map_err(failed(context))?;
    Ok(found.filter(|plan| realm.sees(&plan.prefix)))
}

fn plan(id: PlanId, row: &Row<'_>) -> rusqlite::Result<StoredPlan> {
    let (request, items): (String, String) = (row.get(2)?, row.get(4)?);
    Ok(StoredPlan {
        id,
        prefix: row.get(0)?,
        key: row.get(1)?,
        request: read_json(2, &request)?,
        sequence: row.get(3)?,
        items: read_json(4, &items)?,
        counts: Counts {
            files: unsigned(row.get(5)?),
            bytes: unsigned(row.get(6)?),
            folders: unsigned(row.get(7)?),
        },
        digest: row.get(8)?,
        made_at: row.get(9)?,
        expires_at: row.get(10)?,
        used_by: row.get(11)?,
        told: told(row)?,
    })
}

fn told(row: &Row<'_>) -> rusqlite::Result<Option<Told>> {
    let Some(missing) = row.get::<_, Option<i64>>(12)?.map(unsigned) else { return Ok(None) };
    let (sample, packed): (String, Vec<u8>) = (row.get(13)?, row.get(14)?);
    let items = outcomes::unpack(&packed).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(14, Type::Blob, "no items".into())
    })?;
    Ok(Some(Told { missing, sample: read_json(13, &sample)?, items }))
}

fn forget(tx: &WriteTx<'_>, now: Timestamp, limit: usize) -> Result<usize, LedgerError> {
    let context = "forgetting expired plans";
    let sql = "delete from stored_plans where (organization, id) in \
               (select organization, id from stored_plans where expires_at <= ?1 \
               order by expires_at limit ?2)";
    let forgotten = tx.connection.execute(sql, params![now, signed(limit as u64)]);
    forgotten.map_err(failed(context))
}

/// Whether the plan that a request commits is there to be used.
pub(super) fn is_unused(
    connection: &Connection,
    request: &DeleteRequest,
) -> Result<bool, LedgerError> {
    let Some(fence) = &request.fence else { return Ok(true) };
    let sql = "select 1 from stored_plans where organization = ?1 and id = ?2 \
               and expires_at > ?3 and used_by is null";
    let context = "looking for a stored plan";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let key = params![request.realm.organization, fence.plan, request.at];
    statement.exists(key).map_err(failed(context))
}

/// Uses up the plan that a request commits.
pub(super) fn use_up(tx: &WriteTx<'_>, request: &DeleteRequest) -> Result<(), LedgerError> {
    let Some(fence) = &request.fence else { return Ok(()) };
    let sql = "update stored_plans set used_by = ?3 where organization = ?1 and id = ?2";
    let context = "using up a stored plan";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let used = statement.execute(params![request.realm.organization, fence.plan, request.id]);
    used.map(|_| ()).map_err(failed(context))
}
