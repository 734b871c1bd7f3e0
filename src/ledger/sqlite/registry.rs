//! Organizations and keys by pages, and their changes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::organizations::{
    ORGANIZATION_COLUMNS, key, key_by, key_sql, organization, organization_by_id,
};
use super::rows::{failed, signed};
use super::usage::read_usage;
use super::writer::WriteTx;
use super::{SqliteLedger, once};
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::once::Once;
use crate::domain::organization::{Key, Organization, OrganizationNumber, Realm};
use crate::domain::usage::Usage;
use crate::ledger::LedgerError;
use crate::ledger::registry::{
    KeyQuery, OrganizationChange, RegistryLedger, Rotation, RotationRefusal,
};

/// Before every identity.
const FIRST_ID: [u8; 16] = [0; 16];

#[async_trait]
impl RegistryLedger for SqliteLedger {
    async fn organization_page(
        &self,
        after: Option<OrganizationNumber>,
        limit: u64,
    ) -> Result<Vec<Organization>, LedgerError> {
        self.readers.run(move |connection| organization_page(connection, after, limit)).await
    }

    async fn usages(
        &self,
        of: Vec<OrganizationNumber>,
    ) -> Result<BTreeMap<OrganizationNumber, Usage>, LedgerError> {
        let read = move |connection: &Connection| {
            of.iter().map(|one| Ok((*one, read_usage(connection, *one)?))).collect()
        };
        self.readers.run(read).await
    }

    async fn change_organization(
        &self,
        id: OrganizationId,
        change: OrganizationChange,
        now: Timestamp,
    ) -> Result<Option<Organization>, LedgerError> {
        let work = move |tx: &mut WriteTx<'_>| change_organization(tx, id, &change, now);
        let changed = self.writer()?.run(work).await;
        self.keys.forget();
        changed
    }

    async fn key_page(&self, query: KeyQuery) -> Result<Vec<Key>, LedgerError> {
        self.readers.run(move |connection| key_page(connection, &query)).await
    }

    async fn rotate_key(
        &self,
        rotation: Rotation,
        once: Option<Once>,
    ) -> Result<Result<Key, RotationRefusal>, LedgerError> {
        let rotated = self.writer()?.run(move |tx| rotate(tx, rotation, once.as_ref())).await;
        self.keys.forget();
        rotated
    }
}

fn organization_page(
    connection: &Connection,
    after: Option<OrganizationNumber>,
    limit: u64,
) -> Result<Vec<Organization>, LedgerError> {
    let sql = format!(
        "select {ORGANIZATION_COLUMNS} from organizations o where o.organization > ?1 \
         and o.removed_by is null order by o.organization limit ?2"
    );
    let context = "listing organizations";
    let after = after.unwrap_or(OrganizationNumber(0));
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let rows = statement.query_map(params![after, signed(limit)], |row| organization(row, 0));
    rows.and_then(Iterator::collect).map_err(failed(context))
}

fn change_organization(
    tx: &WriteTx<'_>,
    id: OrganizationId,
    change: &OrganizationChange,
    now: Timestamp,
) -> Result<Option<Organization>, LedgerError> {
    let OrganizationChange { name, plan, disabled } = change;
    let sql = "update organizations set name = coalesce(?2, name), plan = coalesce(?3, plan), \
               disabled_at = case ?4 when 1 then coalesce(disabled_at, ?5) when 0 then null \
               else disabled_at end where id = ?1 and removed_by is null";
    let changed = tx.connection.execute(sql, params![id, name, plan, disabled, now]);
    changed.map_err(failed("changing an organization"))?;
    organization_by_id(tx.connection, id)
}

fn key_page(connection: &Connection, query: &KeyQuery) -> Result<Vec<Key>, LedgerError> {
    let of_one = "where k.organization = ?1 and k.id > ?2 order by k.id";
    let all = "where ?1 is null and k.id > ?2 order by k.id";
    let sql = key_sql(if query.realm.is_some() { of_one } else { all });
    let context = "listing keys";
    let organization = query.realm.as_ref().map(|realm| realm.organization);
    let after = query.after.map_or(FIRST_ID, |id| *id.as_bytes());
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let mut rows = statement.query(params![organization, after]).map_err(failed(context))?;
    let mut page = Vec::new();
    while (page.len() as u64) < query.limit {
        let Some(row) = rows.next().map_err(failed(context))? else { break };
        let found = key(row).map_err(failed(context))?;
        let is_seen = |realm: &Realm| realm.sees(&found.prefix);
        if query.realm.as_ref().is_none_or(is_seen) {
            page.push(found);
        }
    }
    Ok(page)
}

fn rotate(
    tx: &WriteTx<'_>,
    rotation: Rotation,
    once: Option<&Once>,
) -> Result<Result<Key, RotationRefusal>, LedgerError> {
    let Some(key) = key_by(tx.connection, rotation.key)? else {
        return Ok(Err(RotationRefusal::NoKey));
    };
    let owner = key.organization.as_ref().map(|organization| organization.number);
    if let Some(repeat) = once::repeat(tx.connection, owner, once)? {
        return Ok(Err(RotationRefusal::Repeated(repeat)));
    }
    if key.revoked_at.is_some() {
        return Ok(Err(RotationRefusal::Revoked));
    }
    once::remember(tx, owner, once, rotation.id)?;
    let sql = "update keys set former_hash = case when ?3 is null then null else hash end, \
               former_until = ?3, hash = ?2 where id = ?1";
    let values = params![rotation.key, rotation.hash.0, rotation.former_until];
    tx.connection.execute(sql, values).map_err(failed("rotating a key"))?;
    Ok(key_by(tx.connection, rotation.key)?.ok_or(RotationRefusal::NoKey))
}
