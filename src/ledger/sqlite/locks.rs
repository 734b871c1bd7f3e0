//! Locks: one flag on one row. Whoever must respect a lock looks for it on the way.

use rusqlite::params;

use super::rows::failed;
use super::tree::{Grounds, Way, live_child};
use super::writer::WriteTx;
use crate::domain::entry::FolderNumber;
use crate::domain::organization::Realm;
use crate::domain::path::WrittenPath;
use crate::ledger::LedgerError;

/// Locks or unlocks what lies at a path; false where nothing does.
pub(super) fn set(
    tx: &WriteTx<'_>,
    realm: &Realm,
    path: &WrittenPath,
    locked: bool,
) -> Result<bool, LedgerError> {
    let Some(name) = path.path.name().filter(|_| realm.sees(&path.path)) else {
        return Ok(false);
    };
    let grounds = Grounds::of(tx.connection, realm.organization)?;
    let way = Way::along(tx.connection, grounds.root, &path.path)?;
    let depth = path.path.names().count();
    if way.folders.len() == depth + 1 {
        let folder = &way.last().record;
        if folder.locked != locked {
            set_folder(tx, realm, folder.number, locked)?;
        }
        return Ok(true);
    }
    if way.folders.len() != depth || path.says_folder {
        return Ok(false);
    }
    let Some(file) = live_child(tx.connection, way.last(), &name)? else { return Ok(false) };
    if file.locked != locked {
        set_file(tx, file.folder, name.as_str(), locked)?;
    }
    Ok(true)
}

fn set_folder(
    tx: &WriteTx<'_>,
    realm: &Realm,
    folder: FolderNumber,
    locked: bool,
) -> Result<(), LedgerError> {
    let context = "locking a folder";
    tx.connection
        .execute("update folders set locked = ?2 where folder = ?1", params![folder, locked])
        .map_err(failed(context))?;
    let sql = "update organizations set locked_folders = locked_folders + ?2 \
               where organization = ?1";
    let change = if locked { 1 } else { -1 };
    tx.connection
        .execute(sql, params![realm.organization, change])
        .map(|_| ())
        .map_err(failed(context))
}

fn set_file(
    tx: &WriteTx<'_>,
    folder: FolderNumber,
    name: &str,
    locked: bool,
) -> Result<(), LedgerError> {
    let context = "locking a file";
    tx.connection
        .execute(
            "update files set locked = ?3 where folder = ?1 and name = ?2",
            params![folder, name, locked],
        )
        .map_err(failed(context))?;
    let change = if locked { 1 } else { -1 };
    let sql = "update folders set locked_files = locked_files + ?2 where folder = ?1";
    tx.connection.execute(sql, params![folder, change]).map(|_| ()).map_err(failed(context))
}
