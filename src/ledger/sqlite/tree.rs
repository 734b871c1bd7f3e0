//! The tree of folders: finding a path, walking up a chain of parents, walking down a tree.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{FILE_COLUMNS, FileRow, corrupt, failed, file_record, unsigned};
use super::writer::WriteTx;
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FileRecord, FolderNumber, FolderRecord, Sequence};
use crate::domain::id::EntryId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::usage::Tally;
use crate::ledger::{LedgerError, LedgerErrorKind};

/// Folders that lie one in another at most: every segment of a path has a byte and a slash.
pub(super) const DEPTH_MAX: usize = crate::domain::path::PATH_BYTES_MAX;

/// What of an organization decides how much has to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grounds {
    pub(super) root: FolderNumber,
    /// Whether any folder is locked, so that chains must be walked for locks.
    pub(super) has_locked_folders: bool,
    /// Whether a doomed tree is not wholly marked, so that chains must be walked for doom.
    pub(super) has_unmarked_trees: bool,
}

impl Grounds {
    /// Those of an organization that is there. Of one that was removed meanwhile nothing is read
    /// and nothing is stored any more: whoever asks is a request that began before.
    pub(super) fn of(
        connection: &Connection,
        organization: OrganizationNumber,
    ) -> Result<Self, LedgerError> {
        let sql = "select root, locked_folders > 0, unmarked_trees > 0, removed_by is not null \
                   from organizations where organization = ?1";
        let context = "reading an organization";
        let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
        let found = statement.query_row([organization], |row| {
            let grounds = Self {
                root: row.get(0)?,
                has_locked_folders: row.get(1)?,
                has_unmarked_trees: row.get(2)?,
            };
            Ok((grounds, row.get(3)?))
        });
        match found.optional().map_err(failed(context))? {
            Some((grounds, false)) => Ok(grounds),
            Some((_, true)) => Err(LedgerErrorKind::Unavailable.because("an organization goes")),
            None => Err(corrupt("an organization is gone")),
        }
    }
}

/// A folder's row.
#[derive(Clone, Debug)]
pub(super) struct FolderRow {
    pub(super) record: FolderRecord,
    pub(super) parent: Option<FolderNumber>,
    pub(super) name: String,
    pub(super) reserved: bool,
    pub(super) doomed: bool,
    pub(super) doomed_through: Sequence,
    pub(super) locked_files: u64,
    /// When it was made, moved, renamed, locked or unlocked last.
    pub(super) sequence: Sequence,
    /// Not below the sequence of any live direct file.
    pub(super) latest: Sequence,
    /// When a lock on something in or below it was lifted last.
    pub(super) unlocked: Sequence,
}

pub(super) const FOLDER_COLUMNS: &str = "d.folder, d.parent, d.name, d.id, d.created_at, d.reserved, \
     d.locked, d.doomed, d.doomed_through, d.files, d.bytes, d.locked_files, d.sequence, d.latest, \
     d.unlocked";

/// Reads [`FOLDER_COLUMNS`].
pub(super) fn folder_row(row: &Row<'_>) -> rusqlite::Result<FolderRow> {
    let created_at: Timestamp = row.get(4)?;
    Ok(FolderRow {
        record: FolderRecord {
            number: row.get(0)?,
            id: row.get(3)?,
            created_at,
            locked: row.get(6)?,
            direct: Tally { files: unsigned(row.get(9)?), bytes: unsigned(row.get(10)?) },
        },
        parent: row.get(1)?,
        name: row.get(2)?,
        reserved: row.get(5)?,
        doomed: row.get(7)?,
        doomed_through: row.get(8)?,
        locked_files: unsigned(row.get(11)?),
        sequence: row.get(12)?,
        latest: row.get(13)?,
        unlocked: row.get(14)?,
    })
}

/// The folder with this number.
pub(super) fn folder(
    connection: &Connection,
    number: FolderNumber,
) -> Result<FolderRow, LedgerError> {
    let sql = format!("select {FOLDER_COLUMNS} from folders d where d.folder = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("reading a folder"))?;
    let found = statement.query_row([number], folder_row).optional();
    found.map_err(failed("reading a folder"))?.ok_or(corrupt("an entry leads to no folder"))
}

/// Keeps a folder's `latest` above the new sequence of a file in it.
pub(super) fn note_latest(
    tx: &WriteTx<'_>,
    folder: FolderNumber,
    sequence: Sequence,
) -> Result<(), LedgerError> {
    let context = "noting the latest change in a folder";
    let sql = "update folders set latest = max(latest, ?2) where folder = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    statement.execute(params![folder, sequence]).map(|_| ()).map_err(failed(context))
}

/// The folder of this name in a live folder.
pub(super) fn child_folder(
    connection: &Connection,
    parent: FolderNumber,
    name: &str,
) -> Result<Option<FolderRow>, LedgerError> {
    let sql = format!("select {FOLDER_COLUMNS} from folders d where d.parent = ?1 and d.name = ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("finding a folder"))?;
    let found = statement.query_row(params![parent, name], folder_row);
    found.optional().map_err(failed("finding a folder"))
}

/// The folder with this identity, doomed or not.
pub(super) fn folder_by_id(
    connection: &Connection,
    organization: OrganizationNumber,
    id: EntryId,
) -> Result<Option<FolderRow>, LedgerError> {
    let sql =
        format!("select {FOLDER_COLUMNS} from folders d where d.organization = ?1 and d.id = ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("finding a folder"))?;
    let found = statement.query_row(params![organization, id], folder_row);
    found.optional().map_err(failed("finding a folder"))
}

/// Any folder that lies in this one.
pub(super) fn first_folder(
    connection: &Connection,
    parent: FolderNumber,
) -> Result<Option<FolderRow>, LedgerError> {
    let sql = format!("select {FOLDER_COLUMNS} from folders d where d.parent = ?1 limit 1");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("finding a folder"))?;
    let found = statement.query_row([parent], folder_row);
    found.optional().map_err(failed("finding a folder"))
}

/// The file of this name in a folder, live or not.
pub(super) fn child_file(
    connection: &Connection,
    parent: FolderNumber,
    name: &str,
) -> Result<Option<FileRecord>, LedgerError> {
    let sql = format!("select {FILE_COLUMNS} from files f where f.folder = ?1 and f.name = ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("finding a file"))?;
    let found = statement.query_row(params![parent, name], file_record);
    found.optional().map_err(failed("finding a file"))
}

/// The live file of this name in a live folder.
pub(super) fn live_child(
    connection: &Connection,
    parent: &FolderRow,
    name: &EntryName,
) -> Result<Option<FileRecord>, LedgerError> {
    let there = child_file(connection, parent.record.number, name.as_str())?;
    Ok(there.filter(|file| file.sequence > parent.doomed_through))
}

/// The live folders from the root down, as far as a path leads.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The folders, the root first.
    pub(super) folders: Vec<FolderRow>,
    /// The path of the topmost locked one among them.
    pub(super) lock: Option<EntryPath>,
}

impl Way {
    /// The last of them.
    pub(super) fn last(&self) -> &FolderRow {
        self.folders.last().expect("a way begins with the root")
    }

    pub(super) fn numbers(&self) -> Vec<FolderNumber> {
        self.folders.iter().map(|folder| folder.record.number).collect()
    }

    /// Follows a path from the root as far as there are folders.
    pub(super) fn along(
        connection: &Connection,
        root: FolderNumber,
        path: &EntryPath,
    ) -> Result<Self, LedgerError> {
        let mut folders = vec![folder(connection, root)?];
        let mut lock = None;
        let mut here = EntryPath::root();
        for name in path.names() {
            let last = folders.last().map_or(root, |folder| folder.record.number);
            let Some(next) = child_folder(connection, last, name)? else { break };
            here = step_down(&here, name)?;
            if next.record.locked && lock.is_none() {
                lock = Some(here.clone());
            }
            folders.push(next);
        }
        Ok(Self { folders, lock })
    }
}

pub(super) fn step_down(path: &EntryPath, name: &str) -> Result<EntryPath, LedgerError> {
    let name = EntryName::parse(name).map_err(|_| corrupt("a folder has no name"))?;
    path.child(&name).map_err(|_| corrupt("a path is too long"))
}

/// What a chain of parents says of a folder.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// The folders, the folder itself first and the root last.
    pub(super) numbers: Vec<FolderNumber>,
    /// The folder's path; `None` where it or one above it is doomed.
    pub(super) path: Option<EntryPath>,
    /// The path of the topmost locked folder among them.
    pub(super) lock: Option<EntryPath>,
    /// The last change of any of them.
    pub(super) changed: Sequence,
}

impl Chain {
    /// Walks from a folder up to the root.
    pub(super) fn up(connection: &Connection, from: FolderNumber) -> Result<Self, LedgerError> {
        let mut rows = vec![folder(connection, from)?];
        while let Some(parent) = rows.last().and_then(|row| row.parent) {
            if rows.len() > DEPTH_MAX {
                return Err(corrupt("a chain of folders does not end"));
            }
            rows.push(folder(connection, parent)?);
        }
        let numbers = rows.iter().map(|row| row.record.number).collect();
        let changed = rows.iter().map(|row| row.sequence).max().unwrap_or_default();
        // A doomed tree's root has no parent, and is no organization's root.
        if rows.iter().any(|row| row.doomed) {
            return Ok(Self { numbers, path: None, lock: None, changed });
        }
        let mut path = EntryPath::root();
        let mut lock = None;
        for row in rows.iter().rev().skip(1) {
            path = step_down(&path, &row.name)?;
            if row.record.locked && lock.is_none() {
                lock = Some(path.clone());
            }
        }
        Ok(Self { numbers, path: Some(path), lock, changed })
    }
}

/// Whether a realm sees a live file.
pub(super) fn is_seen(
    connection: &Connection,
    realm: &Realm,
    file: &FileRow,
) -> Result<bool, LedgerError> {
    if realm.prefix.is_root() {
        return Ok(true);
    }
    let folder = Chain::up(connection, file.folder)?.path;
    let path = folder.and_then(|folder| folder.child(&file.name).ok());
    Ok(path.is_some_and(|path| realm.sees(&path)))
}

/// Chains that were walked in one transaction.
#[derive(Default)]
pub(super) struct Chains(HashMap<FolderNumber, Chain>);

impl Chains {
    pub(super) fn of(
        &mut self,
        connection: &Connection,
        folder: FolderNumber,
    ) -> Result<&Chain, LedgerError> {
        Ok(match self.0.entry(folder) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(slot) => slot.insert(Chain::up(connection, folder)?),
        })
    }
}

/// The live files at or beneath a realm's prefix.
pub(super) fn live_beneath(connection: &Connection, realm: &Realm) -> Result<Tally, LedgerError> {
    let grounds = Grounds::of(connection, realm.organization)?;
    let way = Way::along(connection, grounds.root, &realm.prefix)?;
    let depth = realm.prefix.names().count();
    if way.folders.len() <= depth {
        let file = match realm.prefix.name() {
            Some(name) if way.folders.len() == depth => live_child(connection, way.last(), &name)?,
            Some(_) | None => None,
        };
        return Ok(file.map_or_else(Tally::default, |file| Tally::one(file.content.size)));
    }
    let mut sum = Tally::default();
    walk_down(connection, way.last(), |_, row| {
        sum += row.record.direct;
        Ok(())
    })?;
    Ok(sum)
}

/// Visits a folder and all below it, parents before their children, with the index of each one's
/// parent in the order of the visits; the first names itself.
pub(super) fn walk_down(
    connection: &Connection,
    top: &FolderRow,
    mut visit: impl FnMut(u32, &FolderRow) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let sql = format!("select {FOLDER_COLUMNS} from folders d where d.parent = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("walking a tree"))?;
    visit(0, top)?;
    let mut numbers = vec![top.record.number];
    let mut next = 0;
    while let Some(parent) = numbers.get(next).copied() {
        let index = u32::try_from(next).map_err(|_| corrupt("a tree has too many folders"))?;
        let mut rows = statement.query([parent]).map_err(failed("walking a tree"))?;
        while let Some(row) = rows.next().map_err(failed("walking a tree"))? {
            let child = folder_row(row).map_err(failed("walking a tree"))?;
            visit(index, &child)?;
            numbers.push(child.record.number);
        }
        next += 1;
    }
    Ok(())
}
