//! The durable record of a deletion.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::rows::{corrupt, failed, read_json, signed, unsigned};
use super::super::webhooks::tell;
use super::super::writer::WriteTx;
use super::outcomes;
use crate::deletion::items::{self, Item};
use crate::deletion::plan::Plan;
use crate::deletion::record::{Counts, DeletionRecord, DeletionState, skipped};
use crate::deletion::request::{DeleteRequest, Door};
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::id::DeletionId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::domain::webhooks::{Failure, Notice};
use crate::ledger::LedgerError;

/// Single files that a record names at most; more are counted only.
const FILES_MAX: usize = 10_000;

/// Writes the record, which is the deletion's audit row too.
pub(super) fn write(
    tx: &WriteTx<'_>,
    request: &DeleteRequest,
    plan: &Plan,
    sequence: Sequence,
    trees: u64,
) -> Result<(), LedgerError> {
    let selections = plan.selections.len() as u64;
    let is_settled = trees == 0 && selections == 0 && plan.files.is_empty();
    let settled_at = is_settled.then_some(request.at);
    let items = items::of_outcomes(&request.selectors, &plan.outcomes);
    let skipped = skipped(&request.selectors, &plan.outcomes);
    let skipped =
        (!skipped.is_empty()).then(|| serde_json::to_string(&skipped).expect("paths are texts"));
    let sql = "insert into deletions (organization, id, sequence, key, prefix, door, at, files, \
         bytes, folders, missing, outcomes, items, skipped, pending_trees, settled_at, locked_files, \
         pending_selections, changed_files, changed_bytes, changed_folders) values (?1, ?2, ?3, ?4, \
         ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";
    let context = "recording a deletion";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    statement
        .execute(params![
            request.realm.organization,
            request.id,
            sequence,
            request.key,
            request.realm.prefix,
            request.door.word(),
            request.at,
            signed(plan.counts.files),
            signed(plan.counts.bytes),
            signed(plan.counts.folders),
            signed(plan.missing),
            outcomes::pack(&items),
            files(plan, &items),
            skipped,
            signed(trees),
            settled_at,
            signed(plan.locked_files),
            signed(selections),
            signed(plan.changed.files),
            signed(plan.changed.bytes),
            signed(plan.changed.folders)
        ])
        .map_err(failed(context))?;
    match is_settled {
        true => tell(tx, (request.realm.organization, request.id), Notice::Settled, request.at),
        false => Ok(()),
    }
}

/// Identity and size of each single file, where the items do not tell of each of them already.
fn files(plan: &Plan, items: &[Item]) -> Option<Vec<u8>> {
    let told = items.iter().filter(|item| item.tells_its_file()).count();
    if plan.files.len() == told || plan.files.len() > FILES_MAX {
        return None;
    }
    let mut packed = Vec::with_capacity(plan.files.len() * 24);
    for file in &plan.files {
        packed.extend_from_slice(file.id.as_bytes());
        packed.extend_from_slice(&file.blob.size.to_be_bytes());
    }
    Some(packed)
}

/// The columns that make a record and the prefix from which on it is seen.
pub(super) const COLUMNS: &str = "id, key, prefix, door, at, files, bytes, folders, missing, \
     skipped, purged_files, purged_bytes, settled_at, changed_files, changed_bytes, changed_folders, \
     locked_files, pending_selections, cancelled_at";

/// Reads [`COLUMNS`], which come first in the row.
pub(super) fn record_of(row: &Row<'_>) -> rusqlite::Result<(EntryPath, DeletionRecord)> {
    let door: String = row.get(3)?;
    let skipped: Option<String> = row.get(9)?;
    let skipped: Vec<String> =
        skipped.map(|text| read_json(9, &text)).transpose()?.unwrap_or_default();
    let settled_at: Option<Timestamp> = row.get(12)?;
    let selections: i64 = row.get(17)?;
    let state = match settled_at {
        Some(_) => DeletionState::Settled,
        None if selections > 0 => DeletionState::Selecting,
        None => DeletionState::Purging,
    };
    let record = DeletionRecord {
        id: row.get(0)?,
        key: row.get(1)?,
        door: Door::parse(&door).unwrap_or(Door::Native),
        at: row.get(4)?,
        state,
        doomed: Counts {
            files: unsigned(row.get(5)?),
            bytes: unsigned(row.get(6)?),
            folders: unsigned(row.get(7)?),
        },
        purged: Tally { files: unsigned(row.get(10)?), bytes: unsigned(row.get(11)?) },
        missing: unsigned(row.get(8)?),
        changed: Counts {
            files: unsigned(row.get(13)?),
            bytes: unsigned(row.get(14)?),
            folders: unsigned(row.get(15)?),
        },
        skipped: skipped.iter().filter_map(|path| EntryPath::parse(path).ok()).collect(),
        locked_files: unsigned(row.get(16)?),
        cancelled_at: row.get(18)?,
        settled_at,
    };
    Ok((row.get(2)?, record))
}

/// Reads a record that the realm sees.
pub(in super::super) fn read(
    connection: &Connection,
    realm: &Realm,
    id: DeletionId,
) -> Result<Option<DeletionRecord>, LedgerError> {
    let found = find(connection, realm.organization, id)?;
    Ok(found.and_then(|(prefix, record)| realm.sees(&prefix).then_some(record)))
}

/// Reads a record, and the prefix from which on it is seen.
pub(in super::super) fn find(
    connection: &Connection,
    organization: OrganizationNumber,
    id: DeletionId,
) -> Result<Option<(EntryPath, DeletionRecord)>, LedgerError> {
    let sql = format!("select {COLUMNS} from deletions where organization = ?1 and id = ?2");
    let context = "reading a deletion";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let found = statement.query_row(params![organization, id], record_of);
    found.optional().map_err(failed(context))
}

/// More of a deletion is durably gone; it is settled where that was the last of it.
pub(in super::super) fn add_purged(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    id: DeletionId,
    gone: Tally,
    now: Timestamp,
) -> Result<(), LedgerError> {
    change(tx, (organization, id), Change { gone, ..Change::at(now) })
}

/// One of a deletion's trees is wholly expanded.
pub(in super::super) fn tree_done(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    id: DeletionId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    change(tx, (organization, id), Change { trees_done: 1, ..Change::at(now) })
}

/// Bytes of a deletion could not be removed for a long time, which is told once.
pub(in super::super) fn purge_failing(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    id: DeletionId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    if !tx.hearers.has(organization) {
        return Ok(());
    }
    let context = "counting failures of a purge";
    let sql = "update deletions set failing_told_at = ?3 \
               where organization = ?1 and id = ?2 and failing_told_at is null";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    match statement.execute(params![organization, id, now]).map_err(failed(context))? {
        0 => Ok(()),
        _once => tell(tx, (organization, id), Notice::Failed(Failure::PurgeFailing), now),
    }
}

/// Makes a change of a deletion, and tells of it where that settles it. Every change of one that is
/// committed goes through here.
pub(super) fn settling(
    tx: &WriteTx<'_>,
    of: (OrganizationNumber, DeletionId),
    now: Timestamp,
    change: impl FnOnce() -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    if !tx.hearers.has(of.0) {
        return change();
    }
    let was_settled = is_settled(tx, of)?;
    change()?;
    match !was_settled && is_settled(tx, of)? {
        true => tell(tx, of, Notice::Settled, now),
        false => Ok(()),
    }
}

fn is_settled(
    tx: &WriteTx<'_>,
    (organization, id): (OrganizationNumber, DeletionId),
) -> Result<bool, LedgerError> {
    let context = "looking whether a deletion has settled";
    let sql = "select 1 from deletions where organization = ?1 and id = ?2 \
               and settled_at is not null";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    statement.exists(params![organization, id]).map_err(failed(context))
}

#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) doomed: Tally,
    pub(super) gone: Tally,
    pub(super) trees_done: i64,
    pub(super) selections_done: i64,
    pub(super) now: Timestamp,
}

impl Change {
    pub(super) fn at(now: Timestamp) -> Self {
        let (doomed, gone) = (Tally::default(), Tally::default());
        Self { doomed, gone, trees_done: 0, selections_done: 0, now }
    }
}

pub(super) fn change(
    tx: &WriteTx<'_>,
    of: (OrganizationNumber, DeletionId),
    change: Change,
) -> Result<(), LedgerError> {
    settling(tx, of, change.now, || count(tx, of, change))
}

fn count(
    tx: &WriteTx<'_>,
    (organization, id): (OrganizationNumber, DeletionId),
    change: Change,
) -> Result<(), LedgerError> {
    let sql = "update deletions set purged_files = purged_files + ?3, \
         purged_bytes = purged_bytes + ?4, pending_trees = pending_trees - ?5, \
         files = files + ?7, bytes = bytes + ?8, pending_selections = pending_selections - ?9, \
         settled_at = case when pending_trees = ?5 and pending_selections = ?9 \
         and purged_files + ?3 = files + ?7 then coalesce(settled_at, ?6) else settled_at end \
         where organization = ?1 and id = ?2";
    let context = "counting a purge";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let changed = statement
        .execute(params![
            organization,
            id,
            signed(change.gone.files),
            signed(change.gone.bytes),
            change.trees_done,
            change.now,
            signed(change.doomed.files),
            signed(change.doomed.bytes),
            change.selections_done
        ])
        .map_err(failed(context))?;
    if changed == 1 { Ok(()) } else { Err(corrupt("a condemned blob belongs to no deletion")) }
}
