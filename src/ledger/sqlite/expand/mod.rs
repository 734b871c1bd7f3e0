//! Expanding doomed folders, in bounded steps: files become condemned blobs, and folders that
//! have become empty go.
//!
//! Within an organization the oldest deletion comes first. That is what makes the counts exact: a
//! file that an older deletion doomed is gone before a younger one looks at its folder.

mod marks;

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};

use self::marks::{Unmarked, next_unmarked};
use super::condemned::{Due, Owner, condemn};
use super::deletions::tree_done;
use super::locks;
use super::rows::{failed, signed, unsigned};
use super::usage::Part;
use super::writer::{Waiting, WriteTx};
use crate::deletion::record::CondemnedBatch;
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::id::DeletionId;
use crate::domain::organization::OrganizationNumber;
use crate::domain::usage::Tally;
use crate::ledger::{ExpandStep, Lease, LedgerError, StepLimits};

/// Rows that are read between two looks at the clock.
const ROWS_PER_LOOK: usize = 128;

/// By which deletion something is doomed, and through which sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doom {
    pub(super) organization: OrganizationNumber,
    pub(super) through: Sequence,
    pub(super) deletion: DeletionId,
}

impl Doom {
    /// Puts a tree, or the doomed files of one folder, on the expander's list.
    pub(super) fn await_expansion(
        self,
        tx: &WriteTx<'_>,
        folder: FolderNumber,
        whole_tree: bool,
    ) -> Result<(), LedgerError> {
        let sql = "insert into expansions (organization, through, folder, deletion, whole_tree) \
                   values (?1, ?2, ?3, ?4, ?5)";
        let context = "noting an expansion";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        let values = params![self.organization, self.through, folder, self.deletion, whole_tree];
        statement.execute(values).map(|_| ()).map_err(failed(context))
    }

    /// Puts a tree, of which only the root is marked, on the marker's list.
    pub(super) fn await_marks(
        self,
        tx: &WriteTx<'_>,
        root: FolderNumber,
    ) -> Result<(), LedgerError> {
        Unmarked { doom: self, root }.begin(tx)
    }
}

/// The organization whose turn it is after this one, of all that have work waiting.
pub(super) fn next_organization(
    connection: &Connection,
    after: Option<OrganizationNumber>,
) -> Result<Option<OrganizationNumber>, LedgerError> {
    let sql = "select min(organization) from \
         (select min(organization) as organization from expansions where organization > ?1 \
          union all select min(organization) from marks where organization > ?1)";
    let context = "looking for doomed folders";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let mut next_after = |number: i64| -> Result<Option<OrganizationNumber>, LedgerError> {
        statement.query_row([number], |row| row.get(0)).map_err(failed(context))
    };
    match next_after(after.map_or(i64::MIN, |after| after.0))? {
        Some(next) => Ok(Some(next)),
        None => next_after(i64::MIN),
    }
}

/// One step, for the organization whose turn it is.
pub(super) fn step(
    tx: &mut WriteTx<'_>,
    after: Option<OrganizationNumber>,
    lease: Lease,
    limits: StepLimits,
    now: Timestamp,
) -> Result<ExpandStep, LedgerError> {
    let Some(organization) = next_organization(tx.connection, after)? else {
        return Ok(ExpandStep::default());
    };
    let waiting = tx.waiting;
    let mut step =
        Step { began: Instant::now(), limits, waiting, lease, now, blobs: 0, has_worked: false };
    let mut batches = Vec::new();
    while !step.is_over() {
        if let Some(tree) = next_unmarked(tx, organization)? {
            step.mark(tx, &tree)?;
        } else if let Some(work) = next_expansion(tx, organization)? {
            batches.extend(step.expand(tx, &work)?);
        } else {
            break;
        }
    }
    let beside_others = waiting.is_any();
    Ok(ExpandStep { served: Some(organization), batches, beside_others })
}

struct Step<'q> {
    began: Instant,
    limits: StepLimits,
    waiting: &'q Waiting,
    lease: Lease,
    now: Timestamp,
    blobs: usize,
    /// Whether anything was done: however short the time is, each step does something, or else a
    /// tree that is deep would never come to its end while others write.
    has_worked: bool,
}

/// Doomed files to be condemned.
struct Expansion {
    doom: Doom,
    folder: FolderNumber,
    whole_tree: bool,
    done_to: String,
}

fn next_expansion(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
) -> Result<Option<Expansion>, LedgerError> {
    let sql = "select through, folder, deletion, whole_tree, done_to from expansions \
               where organization = ?1 order by through, folder limit 1";
    let context = "reading an expansion";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row([organization], |row| {
        let doom = Doom { organization, through: row.get(0)?, deletion: row.get(2)? };
        Ok(Expansion { doom, folder: row.get(1)?, whole_tree: row.get(3)?, done_to: row.get(4)? })
    });
    found.optional().map_err(failed(context))
}

impl Step<'_> {
    fn is_over(&self) -> bool {
        let duration = match self.waiting.is_any() {
            true => self.limits.duration_beside_others,
            false => self.limits.duration,
        };
        let is_late = self.has_worked && self.began.elapsed() >= duration;
        self.blobs >= self.limits.blobs || is_late
    }

    fn rows_left(&self) -> usize {
        ROWS_PER_LOOK.min(self.limits.blobs - self.blobs)
    }

    fn expand(
        &mut self,
        tx: &mut WriteTx<'_>,
        work: &Expansion,
    ) -> Result<Vec<CondemnedBatch>, LedgerError> {
        let mut taken = Vec::new();
        let is_done = match work.whole_tree {
            true => self.take_tree(tx, work, &mut taken)?,
            false => self.take_folder(tx, work, &mut taken)?,
        };
        taken.sort_by_key(|blob: &SizedBlob| blob.key);
        let tally = taken.iter().map(|blob| Tally::one(blob.size)).sum();
        let Doom { organization, through, deletion } = work.doom;
        tx.usage.moved(organization, Part::Doomed, Part::Condemned, tally);
        let owner = Owner::Deletion(organization, deletion);
        let batches = condemn(tx, &owner, &taken, Due::Leased(self.lease))?;
        if is_done {
            let sql = "delete from expansions where organization = ?1 and through = ?2 \
                       and folder = ?3";
            tx.connection
                .execute(sql, params![organization, through, work.folder])
                .map_err(failed("ending an expansion"))?;
            tree_done(tx, organization, deletion, self.now)?;
        }
        Ok(batches)
    }

    /// Takes files from the leaves up; true when the tree is gone.
    fn take_tree(
        &mut self,
        tx: &WriteTx<'_>,
        work: &Expansion,
        taken: &mut Vec<SizedBlob>,
    ) -> Result<bool, LedgerError> {
        let mut way = vec![work.folder];
        while let Some(folder) = way.last().copied() {
            if self.is_over() {
                return Ok(false);
            }
            if let Some(child) = first_child(tx, folder)? {
                way.push(child);
                continue;
            }
            let wanted = self.rows_left();
            let files = first_files(tx, folder, wanted)?;
            let is_last = files.len() < wanted;
            remove_first(tx, folder, files.last().filter(|_| !is_last))?;
            self.has_worked = true;
            self.blobs += files.len();
            taken.extend(files.into_iter().map(|(_, blob)| blob));
            if is_last {
                remove_folder(tx, folder)?;
                way.pop();
            }
        }
        Ok(true)
    }

    /// Takes the doomed files of one folder that lives on; true when there are no more.
    fn take_folder(
        &mut self,
        tx: &WriteTx<'_>,
        work: &Expansion,
        taken: &mut Vec<SizedBlob>,
    ) -> Result<bool, LedgerError> {
        let mut done_to = work.done_to.clone();
        while !self.is_over() {
            let wanted = self.rows_left();
            let files = doomed_files(tx, work, &done_to, wanted)?;
            for (name, _) in &files {
                remove_file(tx, work.folder, name)?;
            }
            let is_last = files.len() < wanted;
            if let Some((name, _)) = files.last() {
                done_to.clone_from(name);
            }
            self.has_worked = true;
            self.blobs += files.len();
            taken.extend(files.into_iter().map(|(_, blob)| blob));
            if is_last {
                return Ok(true);
            }
        }
        let sql = "update expansions set done_to = ?4 where organization = ?1 and through = ?2 \
                   and folder = ?3";
        tx.connection
            .execute(sql, params![work.doom.organization, work.doom.through, work.folder, done_to])
            .map_err(failed("noting how far a folder is"))?;
        Ok(false)
    }
}

type NamedBlob = (String, SizedBlob);

fn named_blob(row: &rusqlite::Row<'_>) -> rusqlite::Result<NamedBlob> {
    let key = BlobKey { number: row.get(1)?, id: row.get(2)? };
    Ok((row.get(0)?, SizedBlob { key, size: unsigned(row.get(3)?) }))
}

fn first_child(
    tx: &WriteTx<'_>,
    folder: FolderNumber,
) -> Result<Option<FolderNumber>, LedgerError> {
    let sql = "select folder from folders where parent = ?1 limit 1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("going down"))?;
    statement.query_row([folder], |row| row.get(0)).optional().map_err(failed("going down"))
}

fn first_files(
    tx: &WriteTx<'_>,
    folder: FolderNumber,
    limit: usize,
) -> Result<Vec<NamedBlob>, LedgerError> {
    let sql = "select name, blob_number, blob_id, size from files where folder = ?1 \
               order by name limit ?2";
    let context = "reading doomed files";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let rows = statement.query_map(params![folder, signed(limit as u64)], named_blob);
    rows.and_then(Iterator::collect).map_err(failed(context))
}

fn doomed_files(
    tx: &WriteTx<'_>,
    work: &Expansion,
    done_to: &str,
    limit: usize,
) -> Result<Vec<NamedBlob>, LedgerError> {
    let sql = "select name, blob_number, blob_id, size from files \
               where folder = ?1 and name > ?2 and sequence <= ?3 order by name limit ?4";
    let context = "reading doomed files";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let rows = statement.query_map(
        params![work.folder, done_to, work.doom.through, signed(limit as u64)],
        named_blob,
    );
    rows.and_then(Iterator::collect).map_err(failed(context))
}

/// Removes the rows of a folder up to a file, or all of them.
fn remove_first(
    tx: &WriteTx<'_>,
    folder: FolderNumber,
    last: Option<&NamedBlob>,
) -> Result<(), LedgerError> {
    let context = "removing doomed files";
    let removed = if let Some((name, _)) = last {
        let sql = "delete from files where folder = ?1 and name <= ?2";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        statement.execute(params![folder, name])
    } else {
        let sql = "delete from files where folder = ?1";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        statement.execute([folder])
    };
    removed.map(|_| ()).map_err(failed(context))
}

fn remove_file(tx: &WriteTx<'_>, folder: FolderNumber, name: &str) -> Result<(), LedgerError> {
    let sql = "delete from files where folder = ?1 and name = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("removing a file"))?;
    statement.execute(params![folder, name]).map(|_| ()).map_err(failed("removing a file"))
}

fn remove_folder(tx: &WriteTx<'_>, folder: FolderNumber) -> Result<(), LedgerError> {
    let sql = "delete from folders where folder = ?1 returning organization, locked";
    let context = "removing a folder";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let gone = statement.query_row([folder], |row| Ok((row.get(0)?, row.get(1)?)));
    match gone.map_err(failed(context))? {
        // Locked ones go only with their organization.
        (organization, true) => locks::count_folders(tx, organization, -1),
        (_, false) => Ok(()),
    }
}
