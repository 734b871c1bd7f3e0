//! Marking: the folders of a doomed tree that was too large for its commit, in steps, before it is
//! expanded like any other.

use rusqlite::{OptionalExtension, params};

use super::super::rows::{failed, signed};
use super::super::writer::WriteTx;
use super::{Doom, ROWS_PER_LOOK, Step, first_child};
use crate::domain::entry::FolderNumber;
use crate::domain::organization::OrganizationNumber;
use crate::ledger::LedgerError;

/// A doomed tree whose marks have not come down everywhere.
pub(super) struct Unmarked {
    pub(super) doom: Doom,
    pub(super) root: FolderNumber,
}

/// A marked folder whose children are still to be marked.
pub(super) struct Frontier {
    tree: Unmarked,
    folder: FolderNumber,
    done_to: String,
}

pub(super) fn next_unmarked(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
) -> Result<Option<Frontier>, LedgerError> {
    let sql = "select through, root, deletion, folder, done_to from marks \
               where organization = ?1 order by through, root, folder limit 1";
    let context = "reading unmarked folders";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row([organization], |row| {
        let doom = Doom { organization, through: row.get(0)?, deletion: row.get(2)? };
        let tree = Unmarked { doom, root: row.get(1)? };
        Ok(Frontier { tree, folder: row.get(3)?, done_to: row.get(4)? })
    });
    found.optional().map_err(failed(context))
}

impl Step<'_> {
    pub(super) fn mark(
        &mut self,
        tx: &WriteTx<'_>,
        frontier: &Frontier,
    ) -> Result<(), LedgerError> {
        let context = "marking folders";
        let Frontier { tree, folder, done_to } = frontier;
        let mut done_to = done_to.clone();
        while !self.is_over() {
            let children = children_after(tx, *folder, &done_to)?;
            let sql = "update folders set doomed = 1, doomed_through = ?2 where folder = ?1";
            let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
            for (child, _) in &children {
                statement.execute(params![child, tree.doom.through]).map_err(failed(context))?;
                if first_child(tx, *child)?.is_some() {
                    tree.await_children_of(tx, *child)?;
                }
            }
            self.has_worked = true;
            match children.last() {
                Some((_, name)) if children.len() == ROWS_PER_LOOK => done_to.clone_from(name),
                Some(_) | None => return tree.children_marked(tx, *folder),
            }
        }
        let sql = "update marks set done_to = ?5 where organization = ?1 and through = ?2 \
                   and root = ?3 and folder = ?4";
        let values = params![tree.doom.organization, tree.doom.through, tree.root, folder, done_to];
        tx.connection.execute(sql, values).map(|_| ()).map_err(failed(context))
    }
}

fn children_after(
    tx: &WriteTx<'_>,
    folder: FolderNumber,
    name: &str,
) -> Result<Vec<(FolderNumber, String)>, LedgerError> {
    let sql = "select folder, name from folders where parent = ?1 and name > ?2 \
               order by name limit ?3";
    let context = "reading unmarked folders";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let rows = statement.query_map(params![folder, name, signed(ROWS_PER_LOOK as u64)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    rows.and_then(Iterator::collect).map_err(failed(context))
}

impl Unmarked {
    /// The root is marked, and the rest of the tree comes.
    pub(super) fn begin(&self, tx: &WriteTx<'_>) -> Result<(), LedgerError> {
        self.await_children_of(tx, self.root)?;
        count_unmarked(tx, self.doom.organization, 1)
    }

    fn await_children_of(&self, tx: &WriteTx<'_>, folder: FolderNumber) -> Result<(), LedgerError> {
        let sql = "insert into marks (organization, through, root, folder, deletion) \
                   values (?1, ?2, ?3, ?4, ?5)";
        let context = "noting unmarked folders";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        let Doom { organization, through, deletion } = self.doom;
        let values = params![organization, through, self.root, folder, deletion];
        statement.execute(values).map(|_| ()).map_err(failed(context))
    }

    /// A folder's children are marked. After the last one the tree is like any other.
    fn children_marked(&self, tx: &WriteTx<'_>, folder: FolderNumber) -> Result<(), LedgerError> {
        let context = "ending the marking";
        let Doom { organization, through, .. } = self.doom;
        let key = params![organization, through, self.root, folder];
        let sql = "delete from marks where organization = ?1 and through = ?2 and root = ?3 \
                   and folder = ?4";
        tx.connection.execute(sql, key).map_err(failed(context))?;
        let sql = "select 1 from marks where organization = ?1 and through = ?2 and root = ?3";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        let key = params![organization, through, self.root];
        if statement.exists(key).map_err(failed(context))? {
            return Ok(());
        }
        count_unmarked(tx, organization, -1)?;
        self.doom.await_expansion(tx, self.root, true)
    }
}

fn count_unmarked(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    change: i64,
) -> Result<(), LedgerError> {
    let sql = "update organizations set unmarked_trees = unmarked_trees + ?2 \
               where organization = ?1";
    let changed = tx.connection.execute(sql, params![organization, change]);
    changed.map(|_| ()).map_err(failed("counting unmarked trees"))
}
