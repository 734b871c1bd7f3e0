//! Locks: one flag on one row. Whoever must respect a lock looks for it on the way.
//!
//! A lock that is set or lifted is a change of the entry, which draws a new sequence. One that is
//! lifted is noted in all folders above it, too: each of them had to stay for its sake.

use rusqlite::params;

use super::rows::failed;
use super::tree::{Grounds, Way, live_child, note_latest};
use super::writer::WriteTx;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::WrittenPath;
use crate::ledger::LedgerError;

/// Locks or unlocks what lies at a path; false where nothing does.
pub(super) fn set(
    tx: &mut WriteTx<'_>,
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
    let mut above = way.numbers();
    if way.folders.len() == depth + 1 {
        above.pop();
        let folder = &way.last().record;
        if folder.locked != locked {
            let sequence = tx.next_sequence();
            set_folder(tx, realm, (folder.number, sequence), locked)?;
            note_lifted(tx, &above, sequence, locked)?;
        }
        return Ok(true);
    }
    if way.folders.len() != depth || path.says_folder {
        return Ok(false);
    }
    let Some(file) = live_child(tx.connection, way.last(), &name)? else { return Ok(false) };
    if file.locked != locked {
        let sequence = tx.next_sequence();
        set_file(tx, (file.folder, sequence), name.as_str(), locked)?;
        note_lifted(tx, &above, sequence, locked)?;
    }
    Ok(true)
}

fn set_folder(
    tx: &WriteTx<'_>,
    realm: &Realm,
    (folder, sequence): (FolderNumber, Sequence),
    locked: bool,
) -> Result<(), LedgerError> {
    let context = "locking a folder";
    tx.connection
        .execute(
            "update folders set locked = ?2, sequence = ?3 where folder = ?1",
            params![folder, locked, sequence],
        )
        .map_err(failed(context))?;
    count_folders(tx, realm.organization, if locked { 1 } else { -1 })
}

/// Counts the locked folders of an organization.
pub(super) fn count_folders(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    change: i64,
) -> Result<(), LedgerError> {
    let sql = "update organizations set locked_folders = locked_folders + ?2 \
               where organization = ?1";
    let changed = tx.connection.execute(sql, params![organization, change]);
    changed.map(|_| ()).map_err(failed("counting locked folders"))
}

fn set_file(
    tx: &WriteTx<'_>,
    (folder, sequence): (FolderNumber, Sequence),
    name: &str,
    locked: bool,
) -> Result<(), LedgerError> {
    let context = "locking a file";
    tx.connection
        .execute(
            "update files set locked = ?3, sequence = ?4 where folder = ?1 and name = ?2",
            params![folder, name, locked, sequence],
        )
        .map_err(failed(context))?;
    note_latest(tx, folder, sequence)?;
    let change = if locked { 1 } else { -1 };
    let sql = "update folders set locked_files = locked_files + ?2 where folder = ?1";
    tx.connection.execute(sql, params![folder, change]).map(|_| ()).map_err(failed(context))
}

fn note_lifted(
    tx: &WriteTx<'_>,
    above: &[FolderNumber],
    sequence: Sequence,
    locked: bool,
) -> Result<(), LedgerError> {
    if locked {
        return Ok(());
    }
    let context = "noting a lock that was lifted";
    let sql = "update folders set unlocked = ?2 where folder = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    for folder in above {
        statement.execute(params![folder, sequence]).map_err(failed(context))?;
    }
    Ok(())
}
