//! Commands and their outputs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::entries::live_row;
use super::rows::{FileRow, failed, read_json, unsigned};
use super::tree::{Grounds, is_seen};
use super::writer::WriteTx;
use super::{SqliteLedger, once};
use crate::domain::clock::Timestamp;
use crate::domain::command::{Command, CommandReport, Output};
use crate::domain::entry::FileRecord;
use crate::domain::id::{CommandId, EntryId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;
use crate::ledger::{CommandLedger, LedgerError, LedgerErrorKind, NewCommand};

#[async_trait]
impl CommandLedger for SqliteLedger {
    async fn create_command(
        &self,
        realm: &Realm,
        new: NewCommand,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<(), Repeat>, LedgerError> {
        let organization = realm.organization;
        self.writer()?.run(move |tx| create(tx, organization, &new, once.as_ref(), now)).await
    }

    async fn command(&self, realm: &Realm, id: CommandId) -> Result<Option<Command>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| read(connection, &realm, id)).await
    }
}

fn create(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    new: &NewCommand,
    once: Option<&Once>,
    now: Timestamp,
) -> Result<Result<(), Repeat>, LedgerError> {
    if let Some(repeat) = once::repeat(tx.connection, Some(organization), once)? {
        return Ok(Err(repeat));
    }
    Grounds::of(tx.connection, organization)?;
    let report = report_text(&new.report)?;
    let sql = "insert into commands (organization, id, created_at, report) values (?1, ?2, ?3, ?4)";
    let made = tx.connection.execute(sql, params![organization, new.id, now, report]);
    made.map_err(failed("making a command"))?;
    once::remember(tx, Some(organization), once, new.id).map(Ok)
}

/// How a report is written.
pub(super) fn report_text(report: &CommandReport) -> Result<String, LedgerError> {
    let text = serde_json::to_string(report);
    text.map_err(|error| LedgerErrorKind::Corrupt.caused_by("writing a report", error))
}

/// The command with its outputs, where the realm sees it. Of what is gone it shows only what the
/// realm sees by the rule of keepsakes.
pub(super) fn read(
    connection: &Connection,
    realm: &Realm,
    id: CommandId,
) -> Result<Option<Command>, LedgerError> {
    let sql = "select created_at, closed, report from commands where organization = ?1 and id = ?2";
    let context = "reading a command";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row(params![realm.organization, id], |row| {
        let report: String = row.get(2)?;
        let (created_at, closed) = (row.get(0)?, row.get(1)?);
        Ok(Command { id, created_at, closed, report: read_json(2, &report)?, outputs: Vec::new() })
    });
    let Some(mut command) = found.optional().map_err(failed(context))? else { return Ok(None) };
    let grounds = Grounds::of(connection, realm.organization)?;
    let mut live = BTreeMap::new();
    for file in live_outputs(connection, &grounds, realm, id)? {
        if !is_seen(connection, realm, &file)? {
            return Ok(None);
        }
        live.insert(file.id, file.blob.key);
    }
    for OutputRow { mut output, blob_number, prefix } in outputs(connection, realm, id)? {
        let blob = live.get(&output.file).copied();
        output.live = blob.filter(|blob| blob.number == blob_number);
        if output.live.is_some() || realm.sees(&prefix) {
            command.outputs.push(output);
        }
    }
    Ok(Some(command))
}

/// An output that is not known to be live, and the version that it is.
struct OutputRow {
    output: Output,
    blob_number: i64,
    /// Beneath which the key saw that stored it.
    prefix: EntryPath,
}

fn outputs(
    connection: &Connection,
    realm: &Realm,
    command: CommandId,
) -> Result<Vec<OutputRow>, LedgerError> {
    let sql = "select o.output, o.file, o.title, k.size, k.content_type, \
               o.blob_number, k.prefix \
               from outputs o join keepsakes k on k.organization = o.organization \
               and k.file = o.file and k.blob_number = o.blob_number \
               where o.organization = ?1 and o.command = ?2 order by o.output";
    let context = "reading outputs";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let rows = statement.query_map(params![realm.organization, command], |row| {
        let output = Output {
            key: row.get(0)?,
            file: row.get(1)?,
            title: row.get(2)?,
            size: unsigned(row.get(3)?),
            content_type: row.get(4)?,
            live: None,
        };
        Ok(OutputRow { output, blob_number: row.get(5)?, prefix: row.get(6)? })
    });
    rows.and_then(Iterator::collect).map_err(failed(context))
}

/// The live files that are outputs of a command, by their own links: one that was moved away is an
/// output still, also after the worker stored its key again and the record names the new file.
pub(super) fn live_outputs(
    connection: &Connection,
    grounds: &Grounds,
    realm: &Realm,
    command: CommandId,
) -> Result<Vec<FileRow>, LedgerError> {
    let sql = "select id from files indexed by files_of_commands \
               where organization = ?1 and command = ?2 order by id";
    let context = "finding the outputs of a command";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_map(params![realm.organization, command], |row| row.get(0));
    let ids: Vec<EntryId> = found.and_then(Iterator::collect).map_err(failed(context))?;
    let mut files = Vec::with_capacity(ids.len());
    for id in ids {
        files.extend(live_row(connection, grounds, realm.organization, id)?);
    }
    Ok(files)
}

/// Whether a command takes no more outputs; `None` where there is no such command.
pub(super) fn is_closed(
    connection: &Connection,
    realm: &Realm,
    command: CommandId,
) -> Result<Option<bool>, LedgerError> {
    let sql = "select closed from commands where organization = ?1 and id = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed("reading a command"))?;
    let found = statement.query_row(params![realm.organization, command], |row| row.get(0));
    found.optional().map_err(failed("reading a command"))
}

/// Lets a command take no more outputs.
pub(super) fn close(
    tx: &WriteTx<'_>,
    realm: &Realm,
    command: CommandId,
) -> Result<(), LedgerError> {
    let sql = "update commands set closed = 1 where organization = ?1 and id = ?2";
    let closed = tx.connection.execute(sql, params![realm.organization, command]);
    closed.map(|_| ()).map_err(failed("closing a command"))
}

/// Records which version is an output. A version of the same file that was this output before is
/// replaced, and so is what was kept of it.
pub(super) fn record_output(
    tx: &WriteTx<'_>,
    realm: &Realm,
    command: CommandId,
    output: &str,
    file: &FileRecord,
) -> Result<(), LedgerError> {
    let context = "recording an output";
    let sql = "delete from keepsakes where organization = ?1 and file = ?4 and blob_number = \
         (select blob_number from outputs where organization = ?1 and command = ?2 \
         and output = ?3 and file = ?4)";
    let replaced = params![realm.organization, command, output, file.id];
    tx.connection.execute(sql, replaced).map_err(failed(context))?;
    let sql = "insert or replace into outputs \
         (organization, command, output, file, blob_number, title) values (?1, ?2, ?3, ?4, ?5, ?6)";
    let (blob, title) = (file.blob.number, &file.attributes.title);
    let recorded = params![realm.organization, command, output, file.id, blob, title];
    tx.connection.execute(sql, recorded).map(|_| ()).map_err(failed(context))
}
