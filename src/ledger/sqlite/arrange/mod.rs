//! Arranging the tree: folders made, entries moved, files tagged, folders listed.

mod below;
mod change;
mod children;
mod moving;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::rows::{attributes_text, failed};
use super::tree::{
    FolderRow, Grounds, Way, child_file, child_folder, folder, live_child, note_latest,
};
use super::versions::{Old, Target, make_folders, names_below, path_to_depth};
use super::writer::WriteTx;
use super::{SqliteLedger, Writer};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Entry, FileRecord, FolderRecord, TAGS_MAX, TagChange};
use crate::domain::id::IdSource;
use crate::domain::organization::Realm;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::ledger::tree::{ChildCursor, ChildPage, MoveRequest, TreeLedger, TreeRefusal};
use crate::ledger::{LedgerError, LedgerErrorKind};

/// A change of the tree, or why there was none.
type Decided<T> = Result<Result<T, TreeRefusal>, LedgerError>;

#[async_trait]
impl TreeLedger for SqliteLedger {
    async fn make_folder(
        &self,
        realm: &Realm,
        path: &EntryPath,
        now: Timestamp,
    ) -> Decided<FolderRecord> {
        let Some(writer) = self.writer_with_room()? else {
            return Ok(Err(TreeRefusal::ReserveSpent));
        };
        let (realm, path, ids) = (realm.clone(), path.clone(), self.ids.clone());
        writer.run(move |tx| make(tx, &ids, &realm, &path, now)).await
    }

    async fn move_entry(&self, realm: &Realm, request: &MoveRequest) -> Decided<Entry> {
        let Some(writer) = self.writer_with_room()? else {
            return Ok(Err(TreeRefusal::ReserveSpent));
        };
        let (realm, request, ids) = (realm.clone(), request.clone(), self.ids.clone());
        writer.run(move |tx| moving::move_entry(tx, &ids, &realm, &request)).await
    }

    async fn change_tags(
        &self,
        realm: &Realm,
        path: &WrittenPath,
        change: &TagChange,
    ) -> Decided<FileRecord> {
        let Some(writer) = self.writer_with_room()? else {
            return Ok(Err(TreeRefusal::ReserveSpent));
        };
        let (realm, path, change) = (realm.clone(), path.clone(), change.clone());
        writer.run(move |tx| tag(tx, &realm, &path, &change)).await
    }

    async fn children(
        &self,
        realm: &Realm,
        folder: &WrittenPath,
        after: Option<&ChildCursor>,
        limit: u64,
    ) -> Decided<ChildPage> {
        let (realm, folder, after) = (realm.clone(), folder.clone(), after.cloned());
        self.readers
            .run(move |connection| {
                children::page(connection, &realm, &folder, after.as_ref(), limit)
            })
            .await
    }
}

impl SqliteLedger {
    /// None where the disk is so full that only deletes may write.
    fn writer_with_room(&self) -> Result<Option<&Writer>, LedgerError> {
        let writer = self.writer()?;
        Ok((!writer.is_ballast_spent()).then_some(writer))
    }
}

/// What lies at a path, and whether a lock holds it.
struct Located {
    what: LocatedEntry,
    /// Its own lock, or that of a folder above.
    is_covered: bool,
}

enum LocatedEntry {
    File(FileRecord),
    Folder(FolderRow),
}

/// The live entry at a path that the realm sees.
fn locate(
    connection: &Connection,
    grounds: &Grounds,
    realm: &Realm,
    path: &WrittenPath,
) -> Result<Option<Located>, LedgerError> {
    if !realm.sees(&path.path) {
        return Ok(None);
    }
    let way = Way::along(connection, grounds.root, &path.path)?;
    let depth = path.path.names().count();
    if way.folders.len() == depth + 1 {
        let is_covered = way.lock.is_some();
        return Ok(Some(Located { what: LocatedEntry::Folder(way.last().clone()), is_covered }));
    }
    let Some(name) = path.path.name() else { return Ok(None) };
    if way.folders.len() != depth || path.says_folder {
        return Ok(None);
    }
    let file = live_child(connection, way.last(), &name)?;
    Ok(file.map(|file| {
        let is_covered = file.locked || way.lock.is_some();
        Located { what: LocatedEntry::File(file), is_covered }
    }))
}

/// A path at which nothing is.
struct Vacancy {
    target: Target,
    /// Whether it lies below a lock.
    is_covered: bool,
}

/// Where something new would go, or why nothing can.
fn vacancy(
    connection: &Connection,
    grounds: &Grounds,
    realm: &Realm,
    path: &EntryPath,
) -> Decided<Vacancy> {
    if !realm.sees(path) {
        return Ok(Err(TreeRefusal::OutsidePrefix));
    }
    let (Some(name), Some(parent)) = (path.name(), path.parent()) else {
        return Ok(Err(TreeRefusal::Exists));
    };
    let way = Way::along(connection, grounds.root, &parent)?;
    let is_covered = way.lock.is_some();
    let missing = names_below(&parent, way.folders.len() - 1);
    let deepest = way.last().clone();
    if let Some(first) = missing.first() {
        if live_child(connection, &deepest, first)?.is_some() {
            let blocking = path_to_depth(&parent, way.folders.len());
            return Ok(Err(TreeRefusal::ParentIsFile(blocking)));
        }
        let target = Target { deepest, missing, name, old: None };
        return Ok(Ok(Vacancy { target, is_covered }));
    }
    let number = deepest.record.number;
    if child_folder(connection, number, name.as_str())?.is_some() {
        return Ok(Err(TreeRefusal::Exists));
    }
    let old = match child_file(connection, number, name.as_str())? {
        Some(file) if file.sequence > deepest.doomed_through => {
            return Ok(Err(TreeRefusal::Exists));
        }
        Some(doomed) => Some(Old::Doomed(doomed)),
        None => None,
    };
    Ok(Ok(Vacancy { target: Target { deepest, missing, name, old }, is_covered }))
}

/// A doomed file of the same name stays beside the folder until it is expanded: files and folders
/// are found apart, and only what is live counts as being there.
fn make(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    path: &EntryPath,
    now: Timestamp,
) -> Decided<FolderRecord> {
    let grounds = Grounds::of(tx.connection, realm.organization)?;
    let mut target = match vacancy(tx.connection, &grounds, realm, path)? {
        Ok(vacancy) => vacancy.target,
        Err(refusal) => return Ok(Err(refusal)),
    };
    target.missing.push(target.name.clone());
    let number = make_folders(tx, ids, realm, target.missing_folders(), now)?;
    Ok(Ok(folder(tx.connection, number)?.record))
}

fn tag(
    tx: &mut WriteTx<'_>,
    realm: &Realm,
    path: &WrittenPath,
    change: &TagChange,
) -> Decided<FileRecord> {
    let grounds = Grounds::of(tx.connection, realm.organization)?;
    let mut file = match locate(tx.connection, &grounds, realm, path)?.map(|found| found.what) {
        None => return Ok(Err(TreeRefusal::Missing)),
        Some(LocatedEntry::Folder(_)) => return Ok(Err(TreeRefusal::IsFolder)),
        Some(LocatedEntry::File(file)) => file,
    };
    let tags = change.applied_to(&file.attributes.tags);
    if tags.len() > TAGS_MAX {
        return Ok(Err(TreeRefusal::TooManyTags));
    }
    if tags == file.attributes.tags {
        return Ok(Ok(file));
    }
    (file.attributes.tags, file.sequence) = (tags, tx.next_sequence());
    let sql = "update files set attributes = ?3, sequence = ?4 where folder = ?1 and name = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("tagging a file"))?;
    let attributes = attributes_text(&file.attributes);
    let changed = statement.execute(params![file.folder, file.name, attributes, file.sequence]);
    expect_one(changed.map_err(failed("tagging a file"))?, "a file that was read is not there")?;
    note_latest(tx, file.folder, file.sequence)?;
    Ok(Ok(file))
}

/// A row that was read in this transaction is there to be written.
fn expect_one(changed: usize, otherwise: &'static str) -> Result<(), LedgerError> {
    match changed {
        1 => Ok(()),
        _ => Err(LedgerErrorKind::Corrupt.because(otherwise)),
    }
}
