//! Walking a tree in pages. A page begins at a place in the order and not at a row, so that it
//! does not matter what became of the entry at which the page before ended.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteLedger;
use super::rows::{FILE_COLUMNS, failed, file_record, signed};
use super::tree::{FOLDER_COLUMNS, FolderRow, Grounds, Way, child_folder, folder_row, step_down};
use crate::domain::entry::{Entry, FileRecord};
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::{LedgerError, WalkCursor, WalkLedger, WalkQuery, Walked};

#[async_trait]
impl WalkLedger for SqliteLedger {
    async fn walk(
        &self,
        realm: &Realm,
        query: &WalkQuery,
    ) -> Result<Option<Vec<Walked>>, LedgerError> {
        let (realm, query) = (realm.clone(), query.clone());
        self.readers.run(move |connection| page(connection, &realm, &query)).await
    }
}

/// A folder that is being walked: which of its entries comes next.
struct Level {
    folder: FolderRow,
    path: EntryPath,
    next: Next,
}

/// The names are those of the last entry that was met; the empty one comes before all.
enum Next {
    FileAfter(String),
    FolderAfter(String),
}

fn page(
    connection: &Connection,
    realm: &Realm,
    query: &WalkQuery,
) -> Result<Option<Vec<Walked>>, LedgerError> {
    if !realm.sees(&query.top) {
        return Ok(None);
    }
    let grounds = Grounds::of(connection, realm.organization)?;
    let way = Way::along(connection, grounds.root, &query.top)?;
    let top_depth = query.top.names().count();
    if way.folders.len() != top_depth + 1 {
        return Ok(None);
    }
    if query.depth == Some(0) {
        return Ok(Some(Vec::new()));
    }
    let top = (way.last().clone(), query.top.clone());
    let mut levels = match &query.after {
        None => vec![Level::at_its_beginning(top.0, top.1)],
        Some(cursor) => levels_at(connection, top, query.depth, cursor)?,
    };
    let mut met = Vec::new();
    while let Some(level) = levels.last_mut() {
        if met.len() >= query.limit {
            break;
        }
        match &level.next {
            Next::FileAfter(name) => {
                let room = query.limit - met.len();
                let files = files_after(connection, &level.folder, name, room)?;
                level.next = match files.last() {
                    Some(last) if files.len() == room => {
                        Next::FileAfter(last.name.as_str().to_owned())
                    }
                    Some(_) | None => Next::FolderAfter(String::new()),
                };
                for file in files {
                    let path = step_down(&level.path, file.name.as_str())?;
                    met.push(Walked { path, entry: Entry::File(file) });
                }
            }
            Next::FolderAfter(name) => match folder_after(connection, &level.folder, name)? {
                None => drop(levels.pop()),
                Some(folder) => {
                    level.next = Next::FolderAfter(folder.name.clone());
                    let path = step_down(&level.path, &folder.name)?;
                    let entry = Entry::Folder(folder.record.clone());
                    met.push(Walked { path: path.clone(), entry });
                    let depth = path.names().count() - top_depth;
                    if query.depth.is_none_or(|depth_max| depth < depth_max) {
                        levels.push(Level::at_its_beginning(folder, path));
                    }
                }
            },
        }
    }
    Ok(Some(met))
}

impl Level {
    fn at_its_beginning(folder: FolderRow, path: EntryPath) -> Self {
        Self { folder, path, next: Next::FileAfter(String::new()) }
    }
}

/// The folders on the way to a cursor, as far as they are still there and are entered, each at its
/// place.
fn levels_at(
    connection: &Connection,
    (mut folder, mut path): (FolderRow, EntryPath),
    depth_max: Option<usize>,
    cursor: &WalkCursor,
) -> Result<Vec<Level>, LedgerError> {
    let mut levels = Vec::new();
    let names: Vec<&str> = cursor.path.names().skip(path.names().count()).collect();
    let last = names.len().saturating_sub(1);
    for (index, name) in names.into_iter().enumerate() {
        if index == last && !cursor.is_folder {
            levels.push(Level { folder, path, next: Next::FileAfter(name.to_owned()) });
            return Ok(levels);
        }
        let child = child_folder(connection, folder.record.number, name)?;
        let below = step_down(&path, name)?;
        levels.push(Level { folder, path, next: Next::FolderAfter(name.to_owned()) });
        let is_entered = depth_max.is_none_or(|depth_max| index + 1 < depth_max);
        let Some(child) = child.filter(|_| is_entered) else { return Ok(levels) };
        (folder, path) = (child, below);
    }
    levels.push(Level::at_its_beginning(folder, path));
    Ok(levels)
}

fn files_after(
    connection: &Connection,
    folder: &FolderRow,
    name: &str,
    limit: usize,
) -> Result<Vec<FileRecord>, LedgerError> {
    let sql = format!(
        "select {FILE_COLUMNS} from files f \
         where f.folder = ?1 and f.name > ?2 and f.sequence > ?3 order by f.name limit ?4"
    );
    let context = "walking files";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let from = params![folder.record.number, name, folder.doomed_through, signed(limit as u64)];
    let files = statement.query_map(from, file_record).map_err(failed(context))?;
    files.collect::<Result<_, _>>().map_err(failed(context))
}

fn folder_after(
    connection: &Connection,
    parent: &FolderRow,
    name: &str,
) -> Result<Option<FolderRow>, LedgerError> {
    let sql = format!(
        "select {FOLDER_COLUMNS} from folders d \
         where d.parent = ?1 and d.name > ?2 order by d.name limit 1"
    );
    let context = "walking folders";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let found = statement.query_row(params![parent.record.number, name], folder_row);
    found.optional().map_err(failed(context))
}
