//! Looking for what has changed beyond the fence of a request, in the trees that it names.
//!
//! A folder's row says when it changed itself, and up to when its direct files did. Only where
//! that lies beyond the fence are its files read, each of them, since nothing finds files by their
//! sequence; and not below a folder that has changed, of which nothing goes. A reader does so before
//! the request comes to the writer, which looks again only into folders that have moved on since.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::rows::{failed, unsigned};
use super::tree::FolderRow;
use crate::deletion::request::DeleteRequest;
use crate::deletion::snapshot::Kept;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::usage::Tally;
use crate::ledger::LedgerError;

/// The changed files of folders, each counted when the folder stood so.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted(HashMap<FolderNumber, (Standing, Tally)>);

/// Whatever happens to a direct file of a folder, one of these is another then: what comes or
/// changes is the latest, and what only goes is missing from the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    latest: Sequence,
    doomed_through: Sequence,
    direct: Tally,
}

impl Standing {
    fn of(row: &FolderRow) -> Self {
        let FolderRow { record, latest, doomed_through, .. } = row;
        Self { latest: *latest, doomed_through: *doomed_through, direct: record.direct }
    }
}

impl Counted {
    /// What was counted of a folder that stands so still.
    fn of(&self, row: &FolderRow) -> Option<Tally> {
        let (standing, files) = self.0.get(&row.record.number)?;
        (*standing == Standing::of(row)).then_some(*files)
    }
}

/// Watches the folders of trees, one after the other; of a request without a fence nothing.
pub(super) struct Watch<'c> {
    fence: Option<Sequence>,
    /// What was counted before.
    before: &'c Counted,
    counted: Counted,
    /// Files that may still be looked at; `None` where that were too many.
    files_left: Option<u64>,
    /// Of each folder of this tree, in order, whether it or one above it has changed.
    covered: Vec<bool>,
    kept: Vec<Kept>,
}

impl<'c> Watch<'c> {
    pub(super) fn of(request: &DeleteRequest, before: &'c Counted) -> Self {
        let fence = request.fence.as_ref();
        let files_left = Some(fence.map_or(0, |fence| fence.look_files_max));
        let fence = fence.map(|fence| fence.sequence);
        let (counted, covered, kept) = (Counted::default(), Vec::new(), Vec::new());
        Self { fence, before, counted, files_left, covered, kept }
    }

    /// All that was counted, for whoever looks next.
    pub(super) fn into_counted(self) -> Counted {
        self.counted
    }

    /// Whether this was drawn beyond the fence.
    pub(super) fn is_beyond(&self, sequence: Sequence) -> bool {
        self.fence.is_some_and(|fence| sequence > fence)
    }

    /// Begins with a tree, whose root or a folder above it has changed or not.
    pub(super) fn enter(&mut self, way_changed: bool) {
        self.covered.clear();
        self.kept.clear();
        if way_changed {
            self.kept.push(Kept::ChangedFolder { folder: 0 });
            self.covered.push(true);
        }
    }

    /// Looks at a folder of the tree, which follows its parent.
    pub(super) fn look(
        &mut self,
        connection: &Connection,
        (index, parent): (u32, u32),
        row: &FolderRow,
    ) -> Result<(), LedgerError> {
        let Some(fence) = self.fence else { return Ok(()) };
        let is_covered = self.covered.get(parent as usize).copied().unwrap_or(false);
        let has_changed = row.sequence > fence;
        if index as usize == self.covered.len() {
            self.covered.push(is_covered || has_changed);
        }
        if is_covered {
            return Ok(());
        }
        if has_changed {
            self.kept.push(Kept::ChangedFolder { folder: index });
            return Ok(());
        }
        if row.unlocked > fence {
            self.kept.push(Kept::Unlocked { folder: index });
        }
        let direct = row.record.direct.files;
        if row.latest > fence && direct > 0 {
            self.files_left = self.files_left.and_then(|left| left.checked_sub(direct));
            if self.files_left.is_some() {
                let files = match self.before.of(row) {
                    Some(files) => files,
                    None => changed_files(connection, row, fence)?,
                };
                self.counted.0.insert(row.record.number, (Standing::of(row), files));
                if files.files > 0 {
                    self.kept.push(Kept::ChangedFiles { folder: index, files });
                }
            }
        }
        Ok(())
    }

    /// Ends with a tree: what of it stays for having changed.
    pub(super) fn leave(&mut self) -> Vec<Kept> {
        std::mem::take(&mut self.kept)
    }

    /// Whether more would have had to be looked at than may be.
    pub(super) fn is_over_limit(&self) -> bool {
        self.files_left.is_none()
    }
}

/// The live direct files that lie beyond the fence and are not locked.
fn changed_files(
    connection: &Connection,
    row: &FolderRow,
    fence: Sequence,
) -> Result<Tally, LedgerError> {
    let context = "looking for changed files";
    let sql = "select count(*), coalesce(sum(size), 0) from files \
               where folder = ?1 and sequence > ?2 and locked = 0";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let live = fence.max(row.doomed_through);
    let counted = statement.query_row(params![row.record.number, live], |row| {
        Ok(Tally { files: unsigned(row.get(0)?), bytes: unsigned(row.get(1)?) })
    });
    counted.map_err(failed(context))
}
