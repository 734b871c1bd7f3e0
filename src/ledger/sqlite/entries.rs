//! Reading entries.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{FILE_COLUMNS, FileRow, failed, file_record, file_row};
use super::tree::{Chain, Grounds, Way, child_file, is_seen, live_child};
use super::{SqliteLedger, intents, locks, usage, versions};
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::entry::{
    Entry, FileRecord, FolderNumber, NewVersion, Sequence, Stored, UploadRefusal,
};
use crate::domain::id::EntryId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::{EntryName, EntryPath, WrittenPath};
use crate::ledger::{EntryLedger, FileKind, FilePage, FileQuery, LedgerError};

#[async_trait]
impl EntryLedger for SqliteLedger {
    async fn reserve_intents(
        &self,
        count: usize,
        expires_at: Timestamp,
    ) -> Result<Vec<BlobKey>, LedgerError> {
        let ids = self.ids.clone();
        self.writer()?.run(move |tx| intents::reserve(tx, &ids, count, expires_at)).await
    }

    async fn commit_version(
        &self,
        realm: &Realm,
        version: NewVersion,
        now: Timestamp,
    ) -> Result<Result<Stored, UploadRefusal>, LedgerError> {
        let writer = self.writer()?;
        if writer.is_ballast_spent() {
            return Ok(Err(UploadRefusal::ReserveSpent));
        }
        let realm = realm.clone();
        let ids = self.ids.clone();
        writer.run(move |tx| versions::commit(tx, &ids, &realm, &version, now)).await
    }

    async fn file(&self, realm: &Realm, id: EntryId) -> Result<Option<FileRecord>, LedgerError> {
        let realm = realm.clone();
        self.readers
            .run(move |connection| {
                let grounds = Grounds::of(connection, realm.organization)?;
                match live_row(connection, &grounds, realm.organization, id)? {
                    Some(row) if is_seen(connection, &realm, &row)? => {
                        child_file(connection, row.folder, row.name.as_str())
                    }
                    Some(_) | None => Ok(None),
                }
            })
            .await
    }

    async fn entry_at(
        &self,
        realm: &Realm,
        path: &WrittenPath,
    ) -> Result<Option<Entry>, LedgerError> {
        let (realm, path) = (realm.clone(), path.clone());
        self.readers.run(move |connection| entry_at(connection, &realm, &path)).await
    }

    async fn files(&self, realm: &Realm, query: &FileQuery) -> Result<FilePage, LedgerError> {
        let (realm, query) = (realm.clone(), query.clone());
        self.readers.run(move |connection| list(connection, &realm, &query)).await
    }

    async fn exist_elsewhere(
        &self,
        organization: OrganizationNumber,
        ids: &[EntryId],
    ) -> Result<Vec<bool>, LedgerError> {
        let ids = ids.to_vec();
        self.readers
            .run(move |connection| {
                let others = other_organizations(connection, organization)?;
                ids.iter()
                    .map(|id| {
                        for (other, grounds) in &others {
                            if live_row(connection, grounds, *other, *id)?.is_some() {
                                return Ok(true);
                            }
                        }
                        Ok(false)
                    })
                    .collect()
            })
            .await
    }

    async fn set_lock(
        &self,
        realm: &Realm,
        path: &WrittenPath,
        locked: bool,
    ) -> Result<bool, LedgerError> {
        let (realm, path) = (realm.clone(), path.clone());
        self.writer()?.run(move |tx| locks::set(tx, &realm, &path, locked)).await
    }
}

/// The live file with this id in an organization.
pub(super) fn live_row(
    connection: &Connection,
    grounds: &Grounds,
    organization: OrganizationNumber,
    id: EntryId,
) -> Result<Option<FileRow>, LedgerError> {
    const SQL: &str = "select f.id, f.folder, f.name, f.blob_number, f.blob_id, f.size, f.locked, \
         f.sequence from files f join folders d on d.folder = f.folder \
         where f.organization = ?1 and f.id = ?2 and d.doomed = 0 and f.sequence > d.doomed_through";
    let mut statement = connection.prepare_cached(SQL).map_err(failed("finding a file"))?;
    let found = statement.query_row(params![organization, id], file_row).optional();
    let Some(row) = found.map_err(failed("finding a file"))? else { return Ok(None) };
    // Below a tree whose root is doomed already, marks may not have come down yet.
    let is_below_doom =
        grounds.has_unmarked_trees && Chain::up(connection, row.folder)?.path.is_none();
    Ok((!is_below_doom).then_some(row))
}

/// The live entry at a path that the realm sees.
pub(super) fn entry_at(
    connection: &Connection,
    realm: &Realm,
    path: &WrittenPath,
) -> Result<Option<Entry>, LedgerError> {
    if !realm.sees(&path.path) {
        return Ok(None);
    }
    let grounds = Grounds::of(connection, realm.organization)?;
    let way = Way::along(connection, grounds.root, &path.path)?;
    let depth = path.path.names().count();
    if way.folders.len() == depth + 1 {
        return Ok(Some(Entry::Folder(way.last().record.clone())));
    }
    let Some(name) = path.path.name() else { return Ok(None) };
    if way.folders.len() != depth || path.says_folder {
        return Ok(None);
    }
    Ok(live_child(connection, way.last(), &name)?.map(Entry::File))
}

fn other_organizations(
    connection: &Connection,
    organization: OrganizationNumber,
) -> Result<Vec<(OrganizationNumber, Grounds)>, LedgerError> {
    let sql = "select organization from organizations where organization <> ?1 \
               and removed_by is null";
    let mut statement = connection.prepare_cached(sql).map_err(failed("listing others"))?;
    let others = statement.query_map([organization], |row| row.get(0));
    let others: Vec<OrganizationNumber> =
        others.and_then(Iterator::collect).map_err(failed("listing others"))?;
    others.into_iter().map(|other| Ok((other, Grounds::of(connection, other)?))).collect()
}

/// What of a folder decides whether its files are listed.
struct Shelf {
    live: bool,
    doomed_through: Sequence,
    /// Where it lies, if that decides what is seen of it.
    path: Option<EntryPath>,
}

impl Shelf {
    fn shows(&self, realm: &Realm, name: &EntryName, sequence: Sequence) -> bool {
        let is_in_sight = match &self.path {
            None => true,
            Some(path) => path.child(name).is_ok_and(|path| realm.sees(&path)),
        };
        self.live && sequence > self.doomed_through && is_in_sight
    }
}

fn shelf(
    connection: &Connection,
    grounds: &Grounds,
    realm: &Realm,
    folder: FolderNumber,
) -> Result<Shelf, LedgerError> {
    let row = super::tree::folder(connection, folder)?;
    let doomed_through = row.doomed_through;
    if realm.prefix.is_root() && !grounds.has_unmarked_trees {
        return Ok(Shelf { live: !row.doomed, doomed_through, path: None });
    }
    let path = Chain::up(connection, folder)?.path;
    Ok(Shelf { live: path.is_some(), doomed_through, path })
}

/// Walks the organization's files from the newest on, as far as the page needs it.
fn list(
    connection: &Connection,
    realm: &Realm,
    query: &FileQuery,
) -> Result<FilePage, LedgerError> {
    let grounds = Grounds::of(connection, realm.organization)?;
    let filters = query.kind.is_some() || !query.any_tag.is_empty() || query.text.is_some();
    let counted = match filters || !realm.prefix.is_root() {
        true => None,
        false => Some(usage::read_usage(connection, realm.organization)?.live.files),
    };
    let sql =
        format!("select {FILE_COLUMNS} from files f where f.organization = ?1 order by f.id desc");
    let context = "listing files";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let mut rows = statement.query(params![realm.organization]).map_err(failed(context))?;
    let mut shelves: HashMap<FolderNumber, Shelf> = HashMap::new();
    let mut page = FilePage::default();
    let text = query.text.as_deref().map(str::to_lowercase);
    let mut matched = 0;
    while let Some(row) = rows.next().map_err(failed(context))? {
        let folder: FolderNumber = row.get(1).map_err(failed(context))?;
        let sequence: Sequence = row.get(3).map_err(failed(context))?;
        let name: EntryName = row.get(2).map_err(failed(context))?;
        let shelf = match shelves.entry(folder) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(slot) => slot.insert(shelf(connection, &grounds, realm, folder)?),
        };
        if !shelf.shows(realm, &name, sequence) {
            continue;
        }
        let on_page = matched >= query.offset && (page.files.len() as u64) < query.limit;
        if filters || on_page {
            let file = file_record(row).map_err(failed(context))?;
            if !matches(&file, query, text.as_deref()) {
                continue;
            }
            if on_page {
                page.files.push(file);
            }
        }
        matched += 1;
        if counted.is_some() && page.files.len() as u64 == query.limit {
            break;
        }
    }
    page.total = counted.unwrap_or(matched);
    Ok(page)
}

fn matches(file: &FileRecord, query: &FileQuery, text: Option<&str>) -> bool {
    let attributes = &file.attributes;
    let has = |wanted: &String| attributes.tags.contains(wanted);
    let contains = |text: &str| {
        let mut texts = attributes.tags.iter().chain([&attributes.title]);
        texts.any(|candidate| candidate.to_lowercase().contains(text))
    };
    query.kind.is_none_or(|kind| FileKind::of(&attributes.content_type) == kind)
        && (query.any_tag.is_empty() || query.any_tag.iter().any(has))
        && text.is_none_or(contains)
}
