//! A page of a folder: its folders and its live files, in one order.

use rusqlite::{Connection, params};

use super::super::rows::{FILE_COLUMNS, failed, file_record, signed};
use super::super::tree::{FOLDER_COLUMNS, FolderRow, Grounds, folder_row};
use super::{Decided, LocatedEntry, locate};
use crate::domain::entry::Entry;
use crate::domain::organization::Realm;
use crate::domain::path::{EntryName, WrittenPath};
use crate::ledger::LedgerError;
use crate::ledger::tree::{Child, ChildCursor, ChildPage, TreeRefusal};

pub(super) fn page(
    connection: &Connection,
    realm: &Realm,
    path: &WrittenPath,
    after: Option<&ChildCursor>,
    limit: u64,
) -> Decided<ChildPage> {
    let grounds = Grounds::of(connection, realm.organization)?;
    let folder = match locate(connection, &grounds, realm, path)?.map(|found| found.what) {
        Some(LocatedEntry::Folder(folder)) => folder,
        Some(LocatedEntry::File(_)) | None => return Ok(Err(TreeRefusal::Missing)),
    };
    if after.is_some_and(|cursor| cursor.folder != folder.record.id) {
        return Ok(Err(TreeRefusal::OtherFolder));
    }
    // No name is empty: all come behind nothing.
    let after = after.map_or("", |cursor| cursor.after.as_str());
    let wanted = limit.saturating_add(1);
    let mut children = folders(connection, &folder, after, wanted)?;
    children.append(&mut files(connection, &folder, after, wanted)?);
    Ok(Ok(ChildPage::cut(folder.record.id, children, limit)))
}

fn folders(
    connection: &Connection,
    parent: &FolderRow,
    after: &str,
    wanted: u64,
) -> Result<Vec<Child>, LedgerError> {
    let sql = format!(
        "select {FOLDER_COLUMNS} from folders d where d.parent = ?1 and d.name > ?2 \
         order by d.name limit ?3"
    );
    let context = "listing the folders of a folder";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let rows = statement
        .query_map(params![parent.record.number, after, signed(wanted)], |row| {
            let name: EntryName = row.get(2)?;
            Ok(Child { name, entry: Entry::Folder(folder_row(row)?.record) })
        })
        .map_err(failed(context))?;
    rows.collect::<Result<_, _>>().map_err(failed(context))
}

fn files(
    connection: &Connection,
    parent: &FolderRow,
    after: &str,
    wanted: u64,
) -> Result<Vec<Child>, LedgerError> {
    let sql = format!(
        "select {FILE_COLUMNS} from files f where f.folder = ?1 and f.name > ?2 \
         and f.sequence > ?3 order by f.name limit ?4"
    );
    let context = "listing the files of a folder";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let values = params![parent.record.number, after, parent.doomed_through, signed(wanted)];
    let rows = statement
        .query_map(values, |row| {
            let file = file_record(row)?;
            Ok(Child { name: file.name.clone(), entry: Entry::File(file) })
        })
        .map_err(failed(context))?;
    rows.collect::<Result<_, _>>().map_err(failed(context))
}
