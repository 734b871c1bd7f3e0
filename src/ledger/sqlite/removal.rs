//! Organizations that are removed. The commit marks one, so that it is found by nobody any more;
//! behind it everything goes that names it: files and folders by expanding, the other tables here.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::deletions::{cancelled, record, tree_done};
use super::rows::{failed, signed};
use super::selections::close_all;
use super::usage::read_usage;
use super::writer::WriteTx;
use super::{SqliteLedger, intents, webhooks};
use crate::deletion::request::DeleteRequest;
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeletionId, OrganizationId, UploadId};
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::ledger::LedgerError;
use crate::ledger::removal::{Removal, RemovalLedger};

/// The tables that are cleared of a removed organization, each with what identifies a row within
/// one. In this order: without keys nobody makes any more of the rest.
const CLEARED: [(&str, &str); 8] = [
    ("keys", "id"),
    ("stored_plans", "id"),
    ("commands", "id"),
    ("outputs", "command, output"),
    ("keepsakes", "file, blob_number"),
    ("missed_answers", "subject"),
    ("allowances", "bucket, at, deletion"),
    ("idempotency", "token"),
];

/// An organization of which something is to be cleared.
struct Clearing {
    organization: OrganizationNumber,
    deletion: DeletionId,
    /// Up to which the names are gone from its records.
    done_to: Option<DeletionId>,
}

#[async_trait]
impl RemovalLedger for SqliteLedger {
    async fn removal(&self, id: OrganizationId) -> Result<Option<Removal>, LedgerError> {
        self.readers.run(move |connection| read(connection, id)).await
    }

    async fn any_removal(&self) -> Result<bool, LedgerError> {
        self.readers
            .run(|connection| {
                let sql =
                    "select exists (select 1 from organizations where removed_by is not null)";
                let context = "looking for removals";
                connection.query_row(sql, [], |row| row.get(0)).map_err(failed(context))
            })
            .await
    }

    async fn clear_step(&self, rows_max: usize, now: Timestamp) -> Result<bool, LedgerError> {
        // Nearly always there is nothing: the writer need not commit for that.
        if self.readers.run(next).await?.is_none() {
            return Ok(false);
        }
        let cleared = self.writer()?.run_behind(move |tx| clear(tx, rows_max, now)).await;
        self.keys.forget();
        cleared
    }
}

/// The organization of this request goes: it has no name any more, and no filter goes on in it.
pub(super) fn begin(tx: &WriteTx<'_>, request: &DeleteRequest) -> Result<(), LedgerError> {
    let context = "removing an organization";
    let organization = request.realm.organization;
    let sql = "update organizations set removed_by = ?2, name = '' where organization = ?1";
    tx.connection.execute(sql, params![organization, request.id]).map_err(failed(context))?;
    let sql = "insert into removals (organization, deletion) values (?1, ?2)";
    tx.connection.execute(sql, params![organization, request.id]).map_err(failed(context))?;
    let sql = "select distinct deletion from selections where organization = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let open = statement.query_map([organization], |row| row.get(0));
    let open: Vec<DeletionId> = open.and_then(Iterator::collect).map_err(failed(context))?;
    for deletion in open {
        let closed = close_all(tx, organization, deletion)?;
        cancelled(tx, (organization, deletion), &closed, request.at)?;
    }
    Ok(())
}

fn read(connection: &Connection, id: OrganizationId) -> Result<Option<Removal>, LedgerError> {
    let sql = "select organization, removed_by from organizations \
               where id = ?1 and removed_by is not null";
    let context = "reading a removal";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional();
    let Some((number, deletion)) = found.map_err(failed(context))? else { return Ok(None) };
    let usage = read_usage(connection, number)?;
    let record = record::read(connection, &Realm::whole(number), deletion)?;
    let remaining = usage.doomed + usage.condemned;
    Ok(record.map(|record| Removal { organization: id, record, remaining }))
}

fn next(connection: &Connection) -> Result<Option<Clearing>, LedgerError> {
    let sql = "select organization, deletion, done_to from removals order by organization limit 1";
    let context = "looking for removals";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row([], |row| {
        Ok(Clearing { organization: row.get(0)?, deletion: row.get(1)?, done_to: row.get(2)? })
    });
    found.optional().map_err(failed(context))
}

fn clear(tx: &mut WriteTx<'_>, rows_max: usize, now: Timestamp) -> Result<bool, LedgerError> {
    let Some(clearing) = next(tx.connection)? else { return Ok(false) };
    let mut left = rows_max;
    for (table, key) in CLEARED {
        left -= clear_table(tx, clearing.organization, (table, key), left)?;
        if left == 0 {
            return Ok(true);
        }
    }
    if webhooks::remove_any(tx, clearing.organization)? {
        return Ok(true);
    }
    left -= give_up_uploads(tx, clearing.organization, left, now)?;
    if left == 0 || !forget_names(tx, &clearing, left)? {
        return Ok(true);
    }
    let sql = "delete from removals where organization = ?1";
    let ended = tx.connection.execute(sql, [clearing.organization]);
    ended.map_err(failed("ending a removal"))?;
    tree_done(tx, clearing.organization, clearing.deletion, now)?;
    Ok(true)
}

/// How many rows went.
fn clear_table(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    (table, key): (&str, &str),
    rows_max: usize,
) -> Result<usize, LedgerError> {
    let sql = format!(
        "delete from {table} where organization = ?1 and ({key}) in \
         (select {key} from {table} where organization = ?1 limit ?2)"
    );
    let context = "clearing a removed organization";
    let mut statement = tx.connection.prepare_cached(&sql).map_err(failed(context))?;
    statement.execute(params![organization, signed(rows_max as u64)]).map_err(failed(context))
}

/// Uploads in the making: what there is of their bytes goes as that of a failed upload does.
fn give_up_uploads(
    tx: &mut WriteTx<'_>,
    organization: OrganizationNumber,
    rows_max: usize,
    now: Timestamp,
) -> Result<usize, LedgerError> {
    let context = "giving up the uploads of a removed organization";
    let mut uploads: Vec<(UploadId, BlobKey, bool)> = Vec::new();
    {
        let sql = "select id, blob_number, blob_id, file is null from uploads \
                   where organization = ?1 limit ?2";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        let rows = statement.query_map(params![organization, signed(rows_max as u64)], |row| {
            let blob = BlobKey { number: row.get(1)?, id: row.get(2)? };
            Ok((row.get(0)?, blob, row.get(3)?))
        });
        for row in rows.map_err(failed(context))? {
            uploads.push(row.map_err(failed(context))?);
        }
    }
    let unfinished = uploads.iter().filter(|(_, _, is_unfinished)| *is_unfinished);
    let unfinished: Vec<BlobKey> = unfinished.map(|(_, blob, _)| *blob).collect();
    intents::condemn(tx, &unfinished, now)?;
    for (id, _, _) in &uploads {
        let sql = "delete from uploads where organization = ?1 and id = ?2";
        tx.connection.execute(sql, params![organization, id]).map_err(failed(context))?;
    }
    Ok(uploads.len())
}

/// The names of what stayed go from the records; whether from all of them. Identities and counts
/// stay, as in every record.
fn forget_names(
    tx: &WriteTx<'_>,
    clearing: &Clearing,
    rows_max: usize,
) -> Result<bool, LedgerError> {
    let context = "clearing the records of a removed organization";
    let Clearing { organization, done_to, .. } = clearing;
    let sql = "select id from deletions where organization = ?1 and id > coalesce(?2, x'') \
               order by id limit 1 offset ?3";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![organization, done_to, signed(rows_max as u64)];
    let end: Option<DeletionId> =
        statement.query_row(values, |row| row.get(0)).optional().map_err(failed(context))?;
    let sql = "update deletions set skipped = null, outcomes = x'' \
               where organization = ?1 and id > coalesce(?2, x'') and (?3 is null or id <= ?3)";
    tx.connection.execute(sql, params![organization, done_to, end]).map_err(failed(context))?;
    let Some(end) = end else { return Ok(true) };
    let sql = "update removals set done_to = ?2 where organization = ?1";
    tx.connection.execute(sql, params![organization, end]).map_err(failed(context))?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What else names an organization, and how it goes.
    const CLEARED_OTHERWISE: [(&str, &str); 12] = [
        ("condemned", "with the purge"),
        ("deletions", "kept, without names"),
        ("expansions", "by expanding"),
        ("files", "by expanding"),
        ("folders", "by expanding"),
        ("marks", "by expanding"),
        ("organizations", "kept, without a name"),
        ("removals", "at the end"),
        ("selections", "in the commit"),
        ("uploads", "given up"),
        ("webhook_messages", "with their webhooks"),
        ("webhooks", "one in each step"),
    ];

    /// Whoever adds a table says what becomes of its rows.
    #[test]
    fn every_table_that_names_an_organization_is_cleared_of_a_removed_one() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(include_str!("../../../migrations/sqlite/V1__the_engine.sql"))
            .unwrap();
        let sql = "select m.name from sqlite_schema m join pragma_table_info(m.name) c \
                   where m.type = 'table' and c.name = 'organization' order by m.name";
        let mut statement = connection.prepare(sql).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let found: Vec<String> = found.map(Result::unwrap).collect();
        let known = CLEARED.iter().chain(&CLEARED_OTHERWISE).map(|(table, _)| (*table).to_owned());
        let mut known: Vec<String> = known.collect();
        known.sort();
        assert_eq!(found, known);
    }
}
