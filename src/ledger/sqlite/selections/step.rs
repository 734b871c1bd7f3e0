//! Selections: filters whose files go in steps, and the rows that say how far each is.

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::condemned::Due;
use super::super::deletions::{add_selected, take_files};
use super::super::rows::{FileRow, failed, read_json, signed, unsigned};
use super::super::tree::{Chains, Grounds};
use super::super::writer::WriteTx;
use super::find::{Finding, Judged, judge};
use super::look::{Candidate, Looked, Place, Search};
use crate::deletion::items::{FilterStep, StepsEnd};
use crate::deletion::record::CondemnedBatch;
use crate::deletion::request::DeleteRequest;
use crate::deletion::snapshot::FoundFile;
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::id::DeletionId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::ledger::{ExpandStep, Lease, LedgerError, StepLimits};

/// A filter of a committed deletion of which not all files are looked through.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    sequence: Sequence,
    selector: usize,
    deletion: DeletionId,
    pub(super) search: Search,
    pub(super) place: Place,
}

impl Selection {
    fn organization(&self) -> OrganizationNumber {
        self.search.realm.organization
    }

    fn is_as(&self, other: &Self) -> bool {
        (self.sequence, self.selector, &self.place)
            == (other.sequence, other.selector, &other.place)
    }
}

/// Opens a selection for what a filter takes beside what goes in the commit.
pub(in super::super) fn open(
    tx: &WriteTx<'_>,
    request: &DeleteRequest,
    finding: &Finding,
    sequence: Sequence,
) -> Result<(), LedgerError> {
    let Some(rest) = &finding.rest else { return Ok(()) };
    let Search { realm, filter, at, fence, is_planned: _ } = &finding.search;
    let sql = "insert into selections (organization, sequence, selector, deletion, prefix, \
         filter, at, fence, done_folder, done_name) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let context = "opening a selection";
    let filter = serde_json::to_string(filter).expect("a filter is texts and numbers");
    tx.connection
        .execute(
            sql,
            params![
                realm.organization,
                sequence,
                signed(finding.selector as u64),
                request.id,
                realm.prefix,
                filter,
                at,
                fence,
                rest.from.folder,
                rest.from.name
            ],
        )
        .map(|_| ())
        .map_err(failed(context))
}

/// The oldest selection of the organization whose turn it is after this one, of all that have any.
pub(super) fn next(
    connection: &Connection,
    after: Option<OrganizationNumber>,
) -> Result<Option<Selection>, LedgerError> {
    let sql = "select min(organization) from selections where organization > ?1";
    let context = "looking for selections";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let mut next_after = |number: i64| -> Result<Option<OrganizationNumber>, LedgerError> {
        statement.query_row([number], |row| row.get(0)).map_err(failed(context))
    };
    let mut turn = next_after(after.map_or(i64::MIN, |after| after.0))?;
    if turn.is_none() {
        turn = next_after(i64::MIN)?;
    }
    match turn {
        Some(organization) => oldest(connection, organization),
        None => Ok(None),
    }
}

fn oldest(
    connection: &Connection,
    organization: OrganizationNumber,
) -> Result<Option<Selection>, LedgerError> {
    let sql = "select sequence, selector, deletion, prefix, filter, at, fence, done_folder, \
         done_name from selections where organization = ?1 order by sequence, selector limit 1";
    let context = "reading a selection";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row([organization], |row| selection(row, organization));
    found.optional().map_err(failed(context))
}

fn selection(row: &Row<'_>, organization: OrganizationNumber) -> rusqlite::Result<Selection> {
    let filter: String = row.get(4)?;
    Ok(Selection {
        sequence: row.get(0)?,
        selector: selector(row.get(1)?),
        deletion: row.get(2)?,
        search: Search {
            realm: Realm { organization, prefix: row.get(3)? },
            filter: read_json(4, &filter)?,
            at: row.get(5)?,
            fence: row.get(6)?,
            // What a plan's filters take goes in its commit.
            is_planned: false,
        },
        place: Place { folder: row.get(7)?, name: row.get(8)? },
    })
}

/// What one step works under.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) lease: Lease,
    pub(super) limits: StepLimits,
    pub(super) now: Timestamp,
}

/// Takes what a look found, as far as the step reaches, each file judged again.
pub(super) fn step(
    tx: &mut WriteTx<'_>,
    selection: &Selection,
    looked: &Looked,
    terms: Terms,
) -> Result<ExpandStep, LedgerError> {
    let organization = selection.organization();
    let beside_others = tx.waiting.is_any();
    let served = Some(organization);
    let present = oldest(tx.connection, organization)?;
    if !present.is_some_and(|present| present.is_as(selection)) {
        // It was cancelled meanwhile.
        return Ok(ExpandStep { served, batches: Vec::new(), beside_others });
    }
    let taken = take(tx, selection, &looked.found, terms)?;
    let reached = match taken.is_all {
        true => looked.next.clone(),
        false => taken.last.clone(),
    };
    let batches = taken.settle(tx, selection, reached.is_none(), terms)?;
    match reached {
        Some(place) => note(tx, selection, &place)?,
        None => close(tx, selection)?,
    }
    Ok(ExpandStep { served, batches, beside_others })
}

/// What of the candidates is taken.
#[derive(Default)]
struct Taken {
    files: Vec<FoundFile>,
    locked: Vec<EntryPath>,
    last: Option<Place>,
    is_all: bool,
}

fn take(
    tx: &WriteTx<'_>,
    selection: &Selection,
    candidates: &[Candidate],
    terms: Terms,
) -> Result<Taken, LedgerError> {
    let began = Instant::now();
    let grounds = Grounds::of(tx.connection, selection.organization())?;
    let mut chains = Chains::default();
    let mut taken = Taken::default();
    for candidate in candidates {
        let duration = match tx.waiting.is_any() {
            true => terms.limits.duration_beside_others,
            false => terms.limits.duration,
        };
        // However short the time is, each step does something.
        let is_late = taken.last.is_some() && began.elapsed() >= duration;
        if is_late || taken.files.len() >= terms.limits.blobs {
            return Ok(taken);
        }
        let ground = (&grounds, &mut chains);
        let judged = judge(tx.connection, ground, &selection.search, candidate.id)?;
        match judged {
            None => {}
            Some(Judged { lock: Some(path), .. }) => taken.locked.push(path),
            Some(judged) => taken.files.push(judged.into()),
        }
        taken.last = Some(candidate.place.clone());
    }
    taken.is_all = true;
    Ok(taken)
}

impl Taken {
    /// Has it go, and counts it.
    fn settle(
        self,
        tx: &mut WriteTx<'_>,
        selection: &Selection,
        is_end: bool,
        terms: Terms,
    ) -> Result<Vec<CondemnedBatch>, LedgerError> {
        let (organization, deletion) = (selection.organization(), selection.deletion);
        let owner = (organization, deletion);
        let batches = take_files(tx, owner, &self.files, Due::Leased(terms.lease))?;
        let step = FilterStep {
            selector: selection.selector,
            doomed: self.files.iter().map(|file| Tally::one(file.blob.size)).sum(),
            locked: &self.locked,
            end: is_end.then_some(StepsEnd::Done),
        };
        add_selected(tx, owner, step, terms.now)?;
        Ok(batches)
    }
}

impl From<Judged> for FoundFile {
    fn from(judged: Judged) -> Self {
        let Judged { file, lock } = judged;
        let FileRow { id, folder, name, blob, .. } = file;
        Self { id, folder, name, blob, lock, changed: false }
    }
}

fn note(tx: &WriteTx<'_>, selection: &Selection, place: &Place) -> Result<(), LedgerError> {
    let sql = "update selections set done_folder = ?4, done_name = ?5 \
               where organization = ?1 and sequence = ?2 and selector = ?3";
    let (sequence, selector) = (selection.sequence, signed(selection.selector as u64));
    let values = params![selection.organization(), sequence, selector, place.folder, place.name];
    let noted = tx.connection.execute(sql, values);
    noted.map(|_| ()).map_err(failed("noting how far a selection is"))
}

fn close(tx: &WriteTx<'_>, selection: &Selection) -> Result<(), LedgerError> {
    let sql = "delete from selections where organization = ?1 and sequence = ?2 and selector = ?3";
    let selector = signed(selection.selector as u64);
    let key = params![selection.organization(), selection.sequence, selector];
    tx.connection.execute(sql, key).map(|_| ()).map_err(failed("closing a selection"))
}

/// Closes all selections of a deletion; of which selectors they were.
pub(super) fn close_all(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    deletion: DeletionId,
) -> Result<Vec<usize>, LedgerError> {
    let sql = "delete from selections where organization = ?1 and deletion = ?2 returning selector";
    let context = "cancelling a deletion";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let closed = statement.query_map(params![organization, deletion], |row| row.get(0));
    let closed = closed.and_then(|rows| rows.map(|row| row.map(selector)).collect());
    closed.map_err(failed(context))
}

/// The place among the selectors that a row names.
fn selector(number: i64) -> usize {
    usize::try_from(unsigned(number)).unwrap_or(usize::MAX)
}
