//! Entries by their identities: found from below, and changed as their paths are. Whatever can
//! refuse a change is asked before anything is written.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::super::SqliteLedger;
use super::super::entries::{entry_at, live_row};
use super::super::rows::{corrupt, failed};
use super::super::tree::{Chain, FOLDER_COLUMNS, Grounds, child_file, folder_row};
use super::super::writer::WriteTx;
use super::super::{locks, once};
use super::{make, moving, tag};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Entry, FolderRecord};
use crate::domain::id::{EntryId, IdSource};
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::ledger::tree::{MoveRequest, TreeRefusal};
use crate::ledger::{ChangeLedger, ChangeRefusal, EntryChange, FolderRefusal, LedgerError, Walked};

/// A change that was made, or why it was not.
type Changed = Result<Result<Walked, ChangeRefusal>, LedgerError>;

/// A folder that was made, or why it was not.
type Made = Result<Result<FolderRecord, FolderRefusal>, LedgerError>;

#[async_trait]
impl ChangeLedger for SqliteLedger {
    async fn entry(&self, realm: &Realm, id: EntryId) -> Result<Option<Walked>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| by_id(connection, &realm, id)).await
    }

    async fn change_entry(&self, realm: &Realm, change: &EntryChange) -> Changed {
        let writer = self.writer()?;
        if change.needs_room() && writer.is_ballast_spent() {
            return Ok(Err(TreeRefusal::ReserveSpent.into()));
        }
        let (realm, change, ids) = (realm.clone(), change.clone(), self.ids.clone());
        writer.run(move |tx| apply(tx, &ids, &realm, &change)).await
    }

    async fn make_folder_once(
        &self,
        realm: &Realm,
        path: &EntryPath,
        once: Option<Once>,
        now: Timestamp,
    ) -> Made {
        let Some(writer) = self.writer_with_room()? else {
            return Ok(Err(FolderRefusal::Tree(TreeRefusal::ReserveSpent)));
        };
        let (realm, path, ids) = (realm.clone(), path.clone(), self.ids.clone());
        writer.run(move |tx| make_once(tx, &ids, &realm, &path, (once.as_ref(), now))).await
    }
}

fn make_once(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    path: &EntryPath,
    (once, now): (Option<&Once>, Timestamp),
) -> Made {
    let organization = Some(realm.organization);
    if let Some(repeat) = once::repeat(tx.connection, organization, once)? {
        return Ok(Err(FolderRefusal::Repeated(repeat)));
    }
    match make(tx, ids, realm, path, now)? {
        Ok(folder) => once::remember(tx, organization, once, folder.id).map(|()| Ok(folder)),
        Err(refusal) => Ok(Err(FolderRefusal::Tree(refusal))),
    }
}

/// The live entry with this identity, where the realm sees it.
fn by_id(
    connection: &Connection,
    realm: &Realm,
    id: EntryId,
) -> Result<Option<Walked>, LedgerError> {
    let found = match file_by_id(connection, realm, id)? {
        Some(file) => Some(file),
        None => folder_by_id(connection, realm, id)?,
    };
    Ok(found.filter(|found| realm.sees(&found.path)))
}

fn file_by_id(
    connection: &Connection,
    realm: &Realm,
    id: EntryId,
) -> Result<Option<Walked>, LedgerError> {
    let grounds = Grounds::of(connection, realm.organization)?;
    let Some(row) = live_row(connection, &grounds, realm.organization, id)? else {
        return Ok(None);
    };
    let Some(folder) = Chain::up(connection, row.folder)?.path else { return Ok(None) };
    let path = folder.child(&row.name).map_err(|_| corrupt("a path is too long"))?;
    let file = child_file(connection, row.folder, row.name.as_str())?;
    Ok(file.map(|file| Walked { path, entry: Entry::File(file) }))
}

fn folder_by_id(
    connection: &Connection,
    realm: &Realm,
    id: EntryId,
) -> Result<Option<Walked>, LedgerError> {
    let sql = format!(
        "select {FOLDER_COLUMNS} from folders d \
         where d.organization = ?1 and d.id = ?2 and d.doomed = 0"
    );
    let context = "finding a folder by its identity";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let row = statement.query_row(params![realm.organization, id], folder_row).optional();
    let Some(row) = row.map_err(failed(context))? else { return Ok(None) };
    let path = Chain::up(connection, row.record.number)?.path;
    Ok(path.map(|path| Walked { path, entry: Entry::Folder(row.record) }))
}

fn apply(tx: &mut WriteTx<'_>, ids: &IdSource, realm: &Realm, change: &EntryChange) -> Changed {
    let Some(found) = by_id(tx.connection, realm, change.id)? else {
        return Ok(Err(ChangeRefusal::Missing));
    };
    let to = match change.target(&found) {
        Ok(to) => WrittenPath::from(to),
        Err(refusal) => return Ok(Err(refusal)),
    };
    if to.path != found.path {
        let (from, look, at) = (found.path.into(), change.look, change.at);
        let request = MoveRequest { from, to: to.clone(), look, at };
        if let Err(refusal) = moving::move_entry(tx, ids, realm, &request)? {
            return Ok(Err(refusal.into()));
        }
    }
    // From here on nothing can be refused: the entry is there, and its tags were counted.
    if let Some(tags) = &change.tags {
        tag(tx, realm, &to, tags)?.map_err(|_| corrupt("an entry that was found is not there"))?;
    }
    if let Some(locked) = change.locked {
        locks::set(tx, realm, &to, locked)?;
    }
    let entry = entry_at(tx.connection, realm, &to)?;
    let entry = entry.ok_or(corrupt("an entry that was changed is not there"))?;
    Ok(Ok(Walked { path: to.path, entry }))
}
