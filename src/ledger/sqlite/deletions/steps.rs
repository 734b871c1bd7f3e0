//! What the steps of filters add to a deletion's record and to its items.

use rusqlite::params;

use super::super::rows::{corrupt, failed, read_json, signed};
use super::super::webhooks::tell;
use super::super::writer::WriteTx;
use super::outcomes;
use super::record::{Change, change, settling};
use crate::deletion::items::{FilterStep, StepsEnd};
use crate::deletion::record::LOCKED_NAMES_MAX;
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
use crate::domain::organization::OrganizationNumber;
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::domain::webhooks::{Failure, Notice};
use crate::ledger::LedgerError;

/// A deletion has taken more.
pub(in super::super) fn add_selected(
    tx: &WriteTx<'_>,
    of: (OrganizationNumber, DeletionId),
    step: FilterStep<'_>,
    now: Timestamp,
) -> Result<(), LedgerError> {
    if step.is_idle() {
        return Ok(());
    }
    add_to_items(tx, of, &[step])?;
    if !step.locked.is_empty() {
        add_locked(tx, of, step.locked)?;
    }
    let selections_done = i64::from(step.end.is_some());
    change(tx, of, Change { doomed: step.doomed, selections_done, ..Change::at(now) })
}

/// A deletion takes no more: the selections of these selectors are closed.
pub(in super::super) fn cancelled(
    tx: &WriteTx<'_>,
    (organization, id): (OrganizationNumber, DeletionId),
    selectors: &[usize],
    now: Timestamp,
) -> Result<(), LedgerError> {
    let (doomed, end) = (Tally::default(), Some(StepsEnd::Cancelled));
    let steps = selectors.iter().map(|&selector| FilterStep { selector, doomed, locked: &[], end });
    add_to_items(tx, (organization, id), &steps.collect::<Vec<_>>())?;
    let sql = "update deletions set cancelled_at = ?3, pending_selections = 0, settled_at = \
         case when pending_trees = 0 and purged_files = files then ?3 else settled_at end \
         where organization = ?1 and id = ?2";
    settling(tx, (organization, id), now, || {
        let changed = tx.connection.execute(sql, params![organization, id, now]);
        changed.map_err(failed("cancelling a deletion"))?;
        tell(tx, (organization, id), Notice::Failed(Failure::Cancelled), now)
    })
}

fn add_to_items(
    tx: &WriteTx<'_>,
    (organization, id): (OrganizationNumber, DeletionId),
    steps: &[FilterStep<'_>],
) -> Result<(), LedgerError> {
    let context = "adding to the items of a deletion";
    let sql = "select outcomes from deletions where organization = ?1 and id = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let packed = statement.query_row(params![organization, id], |row| row.get::<_, Vec<u8>>(0));
    let items = outcomes::unpack(&packed.map_err(failed(context))?);
    let mut items = items.ok_or(corrupt("the outcomes of a deletion cannot be read"))?;
    steps.iter().for_each(|step| step.add_to(&mut items));
    let sql = "update deletions set outcomes = ?3 where organization = ?1 and id = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let changed = statement.execute(params![organization, id, outcomes::pack(&items)]);
    changed.map(|_| ()).map_err(failed(context))
}

fn add_locked(
    tx: &WriteTx<'_>,
    (organization, id): (OrganizationNumber, DeletionId),
    locked: &[EntryPath],
) -> Result<(), LedgerError> {
    let context = "naming what stayed";
    let sql = "select skipped from deletions where organization = ?1 and id = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let named = statement.query_row(params![organization, id], |row| {
        let text: Option<String> = row.get(0)?;
        text.map(|text| read_json(0, &text)).transpose()
    });
    let mut named: Vec<String> = named.map_err(failed(context))?.unwrap_or_default();
    let room = LOCKED_NAMES_MAX.saturating_sub(named.len());
    named.extend(locked.iter().take(room).map(|path| path.as_str().to_owned()));
    let text = serde_json::to_string(&named).expect("paths are texts");
    let sql = "update deletions set skipped = ?3, locked_files = locked_files + ?4 \
               where organization = ?1 and id = ?2";
    let values = params![organization, id, text, signed(locked.len() as u64)];
    tx.connection.execute(sql, values).map(|_| ()).map_err(failed(context))
}
