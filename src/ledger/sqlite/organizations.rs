//! Organizations and keys.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{failed, signed, unsigned};
use super::usage::read_usage;
use super::writer::WriteTx;
use super::{SqliteLedger, installation, once, tree};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FolderNumber, RESERVED_FOLDERS};
use crate::domain::guard::GuardLimits;
use crate::domain::id::{KeyId, OrganizationId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{
    FormerSecret, Key, KeyHash, Organization, OrganizationNumber, Realm, Scopes,
};
use crate::domain::usage::Usage;
use crate::ledger::{KeyRefusal, LedgerError, NewKey, NewOrganization, OrganizationLedger};

pub(super) const ORGANIZATION_COLUMNS: &str =
    "o.organization, o.id, o.name, o.plan, o.created_at, o.disabled_at";

const KEY_COLUMNS: &str = "k.id, k.organization, k.scopes, k.prefix, k.created_at, \
     k.expires_at, k.revoked_at, k.guard_files, k.guard_share, k.hash, k.former_hash, \
     k.former_until";

#[async_trait]
impl OrganizationLedger for SqliteLedger {
    async fn create_organization(
        &self,
        new: NewOrganization,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Organization, Repeat>, LedgerError> {
        self.writer()?.run(move |tx| create(tx, &new, once.as_ref(), now)).await
    }

    async fn organizations(&self) -> Result<Vec<Organization>, LedgerError> {
        self.readers
            .run(|connection| {
                let sql = format!(
                    "select {ORGANIZATION_COLUMNS} from organizations o where o.removed_by is null \
                     order by o.organization"
                );
                let context = "listing organizations";
                let mut statement = connection.prepare(&sql).map_err(failed(context))?;
                let rows = statement.query_map([], |row| organization(row, 0));
                rows.and_then(Iterator::collect).map_err(failed(context))
            })
            .await
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, LedgerError> {
        self.readers.run(move |connection| organization_by_id(connection, id)).await
    }

    async fn disable_organization(
        &self,
        id: OrganizationId,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let disabled = self
            .writer()?
            .run(move |tx| {
                let sql = "update organizations set disabled_at = coalesce(disabled_at, ?2) \
                           where id = ?1 and removed_by is null";
                let changed = tx.connection.execute(sql, params![id, now]);
                changed.map(|rows| rows == 1).map_err(failed("disabling an organization"))
            })
            .await;
        self.keys.forget();
        disabled
    }

    async fn create_key(
        &self,
        new: NewKey,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Key, KeyRefusal>, LedgerError> {
        let made = self.writer()?.run(move |tx| create_key(tx, &new, once.as_ref(), now)).await;
        self.keys.forget();
        made
    }

    async fn keys(&self) -> Result<Vec<Key>, LedgerError> {
        self.readers
            .run(|connection| {
                let sql = key_sql("order by k.created_at, k.id");
                let mut statement = connection.prepare(&sql).map_err(failed("listing keys"))?;
                let rows = statement.query_map([], key);
                rows.and_then(Iterator::collect).map_err(failed("listing keys"))
            })
            .await
    }

    async fn revoke_key(&self, id: KeyId, now: Timestamp) -> Result<bool, LedgerError> {
        let revoked = self
            .writer()?
            .run(move |tx| {
                let sql = "update keys set revoked_at = coalesce(revoked_at, ?2) where id = ?1";
                let changed = tx.connection.execute(sql, params![id, now]);
                changed.map(|rows| rows == 1).map_err(failed("revoking a key"))
            })
            .await;
        self.keys.forget();
        revoked
    }

    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<Key>, LedgerError> {
        if let Some(key) = self.keys.by_hash(&hash) {
            return Ok(Some(key));
        }
        let asked = self.keys.ask();
        let found = self
            .readers
            .run(move |connection| {
                let sql = key_sql("where k.hash = ?1 or k.former_hash = ?1");
                let mut statement = connection.prepare_cached(&sql).map_err(failed("a key"))?;
                statement.query_row([hash.0], key).optional().map_err(failed("reading a key"))
            })
            .await?;
        if let Some(key) = &found {
            self.keys.keep(asked, hash, key);
        }
        Ok(found)
    }

    async fn key_by_id(&self, id: KeyId) -> Result<Option<Key>, LedgerError> {
        if let Some(key) = self.keys.by_id(id) {
            return Ok(Some(key));
        }
        self.readers.run(move |connection| key_by(connection, id)).await
    }

    async fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Result<[u8; 32], LedgerError> {
        self.writer()?.run(move |tx| installation::secret(tx, name, &fresh)).await
    }

    async fn usage(&self, realm: &Realm) -> Result<Usage, LedgerError> {
        let realm = realm.clone();
        self.readers
            .run(move |connection| {
                if realm.prefix.is_root() {
                    return read_usage(connection, realm.organization);
                }
                let live = tree::live_beneath(connection, &realm)?;
                Ok(Usage { uploaded: live, live, ..Usage::default() })
            })
            .await
    }
}

fn create(
    tx: &mut WriteTx<'_>,
    new: &NewOrganization,
    once: Option<&Once>,
    now: Timestamp,
) -> Result<Result<Organization, Repeat>, LedgerError> {
    if let Some(repeat) = once::repeat(tx.connection, None, once)? {
        return Ok(Err(repeat));
    }
    once::remember(tx, None, once, new.id)?;
    let number = tx.next_organization();
    let root = tx.next_folder();
    tx.connection
        .execute(
            "insert into organizations (organization, id, name, plan, created_at, root) \
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            params![number, new.id, new.name, new.plan, now, root],
        )
        .map_err(failed("making an organization"))?;
    let [root_id, reserved_ids @ ..] = new.folders;
    let none: Option<FolderNumber> = None;
    let sequence = tx.next_sequence();
    let sql = "insert into folders (folder, organization, parent, name, id, created_at, reserved, \
               sequence) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    tx.connection
        .execute(sql, params![root, number, none, "", root_id, now, true, sequence])
        .map_err(failed("making a root"))?;
    for (name, id) in RESERVED_FOLDERS.into_iter().zip(reserved_ids) {
        let folder = tx.next_folder();
        tx.connection
            .execute(sql, params![folder, number, root, name, id, now, true, sequence])
            .map_err(failed("making a reserved folder"))?;
    }
    Ok(Ok(Organization {
        number,
        id: new.id,
        name: new.name.clone(),
        plan: new.plan.clone(),
        created_at: now,
        disabled_at: None,
    }))
}

fn create_key(
    tx: &mut WriteTx<'_>,
    new: &NewKey,
    once: Option<&Once>,
    now: Timestamp,
) -> Result<Result<Key, KeyRefusal>, LedgerError> {
    let organization = match new.organization {
        None => None,
        Some(id) => match organization_by_id(tx.connection, id)? {
            Some(found) => Some(found),
            None => return Ok(Err(KeyRefusal::NoOrganization)),
        },
    };
    let number = organization.as_ref().map(|organization| organization.number);
    if let Some(repeat) = once::repeat(tx.connection, number, once)? {
        return Ok(Err(KeyRefusal::Repeated(repeat)));
    }
    once::remember(tx, number, once, new.id)?;
    let scopes = new.scopes.to_string();
    tx.connection
        .execute(
            "insert into keys (id, organization, hash, scopes, prefix, created_at, expires_at, \
             guard_files, guard_share) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                new.id,
                number,
                new.hash.0,
                scopes,
                new.prefix,
                now,
                new.expires_at,
                new.guard.files_max.map(signed),
                new.guard.share_percent_max
            ],
        )
        .map_err(failed("making a key"))?;
    Ok(Ok(Key {
        id: new.id,
        organization,
        scopes: new.scopes,
        prefix: new.prefix.clone(),
        guard: new.guard,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        hash: new.hash,
        former: None,
    }))
}

/// Whether the keys of an organization work, as far as it goes.
pub(super) fn is_switched_on(
    connection: &Connection,
    organization: OrganizationNumber,
) -> Result<bool, LedgerError> {
    let sql = "select disabled_at is null from organizations where organization = ?1";
    let context = "reading an organization";
    connection.query_row(sql, [organization], |row| row.get(0)).map_err(failed(context))
}

/// The organization with this identity, unless it was removed.
pub(super) fn organization_by_id(
    connection: &Connection,
    id: OrganizationId,
) -> Result<Option<Organization>, LedgerError> {
    let sql = format!(
        "select {ORGANIZATION_COLUMNS} from organizations o \
         where o.id = ?1 and o.removed_by is null"
    );
    let context = "reading an organization";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    statement.query_row([id], |row| organization(row, 0)).optional().map_err(failed(context))
}

/// The key with this id.
pub(super) fn key_by(connection: &Connection, id: KeyId) -> Result<Option<Key>, LedgerError> {
    let sql = key_sql("where k.id = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("a key"))?;
    statement.query_row([id], key).optional().map_err(failed("reading a key"))
}

pub(super) fn key_sql(rest: &str) -> String {
    format!(
        "select {KEY_COLUMNS}, {ORGANIZATION_COLUMNS} from keys k \
         left join organizations o on o.organization = k.organization {rest}"
    )
}

pub(super) fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let bound: Option<OrganizationNumber> = row.get(1)?;
    let scopes: String = row.get(2)?;
    let former: (Option<[u8; 32]>, Option<Timestamp>) = (row.get(10)?, row.get(11)?);
    Ok(Key {
        id: row.get(0)?,
        organization: bound.map(|_| organization(row, 12)).transpose()?,
        // A key without a scope is written as an empty text.
        scopes: Scopes::parse(&scopes).unwrap_or_default(),
        prefix: row.get(3)?,
        guard: GuardLimits {
            files_max: row.get::<_, Option<i64>>(7)?.map(unsigned),
            share_percent_max: row.get(8)?,
        },
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        revoked_at: row.get(6)?,
        hash: KeyHash(row.get(9)?),
        former: former
            .0
            .zip(former.1)
            .map(|(hash, until)| FormerSecret { hash: KeyHash(hash), until }),
    })
}

pub(super) fn organization(row: &Row<'_>, first: usize) -> rusqlite::Result<Organization> {
    Ok(Organization {
        number: row.get(first)?,
        id: row.get(first + 1)?,
        name: row.get(first + 2)?,
        plan: row.get(first + 3)?,
        created_at: row.get(first + 4)?,
        disabled_at: row.get(first + 5)?,
    })
}
