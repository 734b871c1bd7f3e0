//! Keepsakes: written with the version, read beside the live files.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::entries::live_row;
use super::rows::{FileRow, corrupt, failed, signed, unsigned};
use super::tree::{Grounds, child_file, is_seen};
use super::writer::WriteTx;
use super::{SqliteLedger, commands};
use crate::domain::clock::Timestamp;
use crate::domain::command::{Command, CommandStatus};
use crate::domain::entry::{FileRecord, NewVersion, Origin};
use crate::domain::id::{CommandId, EntryId};
use crate::domain::keepsake::KnownFile;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::{KeepsakeLedger, LedgerError, Page};

#[async_trait]
impl KeepsakeLedger for SqliteLedger {
    async fn known_file(
        &self,
        realm: &Realm,
        id: EntryId,
    ) -> Result<Option<KnownFile>, LedgerError> {
        let realm = realm.clone();
        self.readers
            .run(move |connection| {
                let grounds = Grounds::of(connection, realm.organization)?;
                known_file(connection, &grounds, &realm, id)
            })
            .await
    }

    async fn known_files(&self, realm: &Realm, page: Page) -> Result<Vec<KnownFile>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| known_files(connection, &realm, page)).await
    }

    async fn commands(
        &self,
        realm: &Realm,
        status: Option<CommandStatus>,
        page: Page,
    ) -> Result<Vec<Command>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| commands(connection, &realm, status, page)).await
    }
}

/// Keeps of a version what is to outlive its file, if anything.
pub(super) fn keep(
    tx: &WriteTx<'_>,
    realm: &Realm,
    version: &NewVersion,
    file: &FileRecord,
) -> Result<(), LedgerError> {
    if version.kept_as().is_none() {
        return Ok(());
    }
    let sql = "insert into keepsakes (organization, file, blob_number, command, prefix, size, \
               content_type, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let context = "keeping what outlives a file";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let kept = statement.execute(params![
        realm.organization,
        file.id,
        file.blob.number,
        file.command,
        realm.prefix,
        signed(file.content.size),
        file.attributes.content_type,
        file.created_at
    ]);
    kept.map(|_| ()).map_err(failed(context))
}

/// A row of `keepsakes`.
struct Keepsake {
    blob_number: i64,
    command: Option<CommandId>,
    prefix: EntryPath,
    size: u64,
    content_type: String,
    created_at: Timestamp,
}

impl Keepsake {
    fn origin(&self) -> Origin {
        match self.command {
            Some(_) => Origin::CommandOutput,
            None => Origin::RenderioUpload,
        }
    }
}

/// What was kept of a file, the latest version first.
fn keepsakes(
    connection: &Connection,
    realm: &Realm,
    file: EntryId,
) -> Result<Vec<Keepsake>, LedgerError> {
    let sql = "select blob_number, command, prefix, size, content_type, created_at \
               from keepsakes where organization = ?1 and file = ?2 order by blob_number desc";
    let context = "reading what was kept of a file";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let rows = statement.query_map(params![realm.organization, file], |row| {
        Ok(Keepsake {
            blob_number: row.get(0)?,
            command: row.get(1)?,
            prefix: row.get(2)?,
            size: unsigned(row.get(3)?),
            content_type: row.get(4)?,
            created_at: row.get(5)?,
        })
    });
    rows.and_then(Iterator::collect).map_err(failed(context))
}

fn known_file(
    connection: &Connection,
    grounds: &Grounds,
    realm: &Realm,
    id: EntryId,
) -> Result<Option<KnownFile>, LedgerError> {
    let live = live_row(connection, grounds, realm.organization, id)?;
    let kept = keepsakes(connection, realm, id)?;
    match live {
        Some(row) if is_seen(connection, realm, &row)? => {
            Ok(Some(live_file(connection, &row, &kept)?))
        }
        Some(_) => Ok(None),
        None => Ok(kept.into_iter().find(|kept| realm.sees(&kept.prefix)).map(|kept| KnownFile {
            id,
            origin: kept.origin(),
            size: kept.size,
            content_type: kept.content_type,
            created_at: kept.created_at,
            live: None,
        })),
    }
}

fn live_file(
    connection: &Connection,
    row: &FileRow,
    kept: &[Keepsake],
) -> Result<KnownFile, LedgerError> {
    let file = child_file(connection, row.folder, row.name.as_str())?;
    let file = file.ok_or(corrupt("a file is gone within one snapshot"))?;
    let kept = kept.iter().find(|kept| kept.blob_number == file.blob.number);
    Ok(KnownFile {
        id: file.id,
        origin: kept.map_or(Origin::Ordinary, Keepsake::origin),
        size: file.content.size,
        content_type: file.attributes.content_type,
        created_at: file.created_at,
        live: Some(file.blob),
    })
}

fn known_files(
    connection: &Connection,
    realm: &Realm,
    page: Page,
) -> Result<Vec<KnownFile>, LedgerError> {
    let grounds = Grounds::of(connection, realm.organization)?;
    // Both halves come in the order of an index, so that only as much is read as the page needs.
    let sql = "select f.id from files f join folders d on d.folder = f.folder \
               where f.organization = ?1 and d.doomed = 0 and f.sequence > d.doomed_through \
               union select k.file from keepsakes k where k.organization = ?1 \
               order by 1 desc limit ?2 offset ?3";
    let all_are_seen = realm.prefix.is_root() && !grounds.has_unmarked_trees;
    let cut = Cut::of(page, all_are_seen);
    let context = "listing what is known of files";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let mut rows = statement
        .query(params![realm.organization, cut.limit, cut.offset])
        .map_err(failed(context))?;
    cut.page(|| match rows.next().map_err(failed(context))? {
        None => Ok(None),
        Some(row) => {
            let id = row.get(0).map_err(failed(context))?;
            known_file(connection, &grounds, realm, id).map(Some)
        }
    })
}

fn commands(
    connection: &Connection,
    realm: &Realm,
    status: Option<CommandStatus>,
    page: Page,
) -> Result<Vec<Command>, LedgerError> {
    // Two texts, so that each has its index.
    let sql = match status {
        None => {
            "select id from commands where organization = ?1 and ?4 is null \
             order by id desc limit ?2 offset ?3"
        }
        Some(_) => {
            "select id from commands indexed by commands_by_status where organization = ?1 \
             and json_extract(report, '$.status') = ?4 order by id desc limit ?2 offset ?3"
        }
    };
    let cut = Cut::of(page, realm.prefix.is_root());
    let context = "listing commands";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let mut rows = statement
        .query(params![realm.organization, cut.limit, cut.offset, status.map(status_word)])
        .map_err(failed(context))?;
    cut.page(|| match rows.next().map_err(failed(context))? {
        None => Ok(None),
        Some(row) => {
            let id = row.get(0).map_err(failed(context))?;
            commands::read(connection, realm, id).map(Some)
        }
    })
}

/// How a report names its status.
pub(super) fn status_word(status: CommandStatus) -> &'static str {
    match status {
        CommandStatus::Queued => "QUEUED",
        CommandStatus::Processing => "PROCESSING",
        CommandStatus::Success => "SUCCESS",
        CommandStatus::Failed => "FAILED",
    }
}

/// A page of candidates: cut by the database where a realm sees all of them, else cut here from
/// those that it sees.
struct Cut {
    /// The `limit` of the query; negative for none.
    limit: i64,
    /// The `offset` of the query.
    offset: i64,
    left_to_skip: u64,
    page: Page,
}

impl Cut {
    fn of(page: Page, all_are_seen: bool) -> Self {
        match all_are_seen {
            true => Self {
                limit: signed(page.limit),
                offset: signed(page.offset),
                left_to_skip: 0,
                page,
            },
            false => Self { limit: -1, offset: 0, left_to_skip: page.offset, page },
        }
    }

    /// Reads candidates until the page is full or there are no more: `next` gives `None` at the
    /// end, and `Some(None)` for a candidate that is not seen.
    fn page<T>(
        mut self,
        mut next: impl FnMut() -> Result<Option<Option<T>>, LedgerError>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut page = Vec::new();
        while (page.len() as u64) < self.page.limit {
            match next()? {
                None => break,
                Some(None) => {}
                Some(Some(_)) if self.left_to_skip > 0 => self.left_to_skip -= 1,
                Some(Some(found)) => page.push(found),
            }
        }
        Ok(page)
    }
}
