//! The paths of some files that a plan would take, for a preview.

use rusqlite::{Connection, params};

use super::rows::{corrupt, failed, signed};
use super::tree::{Chains, folder};
use crate::deletion::plan::{Plan, Survivor};
use crate::deletion::request::DeleteRequest;
use crate::deletion::stored::SAMPLE_PATHS_MAX;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::path::{EntryName, EntryPath};
use crate::ledger::LedgerError;

/// Folders that are gone through, at most, in search of files.
const FOLDERS_MAX: usize = 1000;

/// Reads them, in the snapshot of which the plan was made: single files first, then those of
/// trees, then those of survivors.
pub(super) fn read(
    connection: &Connection,
    request: &DeleteRequest,
    plan: &Plan,
) -> Result<Vec<EntryPath>, LedgerError> {
    let fence = request.fence.as_ref().map(|fence| fence.sequence);
    let mut sample =
        Sample { connection, fence, chains: Chains::default(), paths: Vec::new(), folders: 0 };
    for file in plan.files.iter().take(SAMPLE_PATHS_MAX) {
        sample.push(file.folder, &file.name)?;
    }
    for tree in &plan.trees {
        sample.add_tree(tree.root)?;
    }
    for Survivor { folder, .. } in &plan.survivors {
        sample.add_files_of(*folder)?;
    }
    Ok(sample.paths)
}

struct Sample<'c> {
    connection: &'c Connection,
    fence: Option<Sequence>,
    chains: Chains,
    paths: Vec<EntryPath>,
    folders: usize,
}

impl Sample<'_> {
    fn is_full(&self) -> bool {
        self.paths.len() >= SAMPLE_PATHS_MAX || self.folders >= FOLDERS_MAX
    }

    fn push(&mut self, folder: FolderNumber, name: &EntryName) -> Result<(), LedgerError> {
        let chain = self.chains.of(self.connection, folder)?;
        let folder = chain.path.as_ref().ok_or(corrupt("a plan names a doomed folder"))?;
        self.paths.push(folder.child(name).map_err(|_| corrupt("a path is too long"))?);
        Ok(())
    }

    /// A folder's files, and then those of the folders in it, one after the other.
    fn add_tree(&mut self, root: FolderNumber) -> Result<(), LedgerError> {
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            self.add_files_of(number)?;
            if self.is_full() {
                return Ok(());
            }
            let mut below = self.folders_in(number)?;
            below.reverse();
            waiting.append(&mut below);
        }
        Ok(())
    }

    fn folders_in(&self, number: FolderNumber) -> Result<Vec<FolderNumber>, LedgerError> {
        let sql = "select folder from folders where parent = ?1 order by name limit ?2";
        let context = "sampling folders";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed(context))?;
        let limit = signed((FOLDERS_MAX - self.folders) as u64);
        let rows = statement.query_map(params![number, limit], |row| row.get(0));
        rows.and_then(Iterator::collect).map_err(failed(context))
    }

    /// The files of a folder that go where something of it goes: those that are neither locked nor
    /// beyond the fence.
    fn add_files_of(&mut self, number: FolderNumber) -> Result<(), LedgerError> {
        if self.is_full() {
            return Ok(());
        }
        self.folders += 1;
        let sql = "select name from files where folder = ?1 and sequence > ?2 and sequence <= ?3 \
                   and locked = 0 order by name limit ?4";
        let context = "sampling files";
        let doomed_through = folder(self.connection, number)?.doomed_through;
        let fence = self.fence.unwrap_or(Sequence(i64::MAX));
        let limit = signed((SAMPLE_PATHS_MAX - self.paths.len()) as u64);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed(context))?;
        let values = params![number, doomed_through, fence, limit];
        let names: Vec<EntryName> = statement
            .query_map(values, |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(failed(context))?;
        names.iter().try_for_each(|name| self.push(number, name))
    }
}
