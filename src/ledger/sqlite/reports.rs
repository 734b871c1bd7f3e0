//! Reports of commands.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::keepsakes::status_word;
use super::rows::failed;
use super::writer::WriteTx;
use super::{SqliteLedger, commands};
use crate::domain::command::{Command, ReportChange};
use crate::domain::id::CommandId;
use crate::domain::organization::Realm;
use crate::ledger::LedgerError;
use crate::ledger::reports::{CommandQuery, ReportLedger};

/// Behind every identity.
const LAST_ID: [u8; 16] = [0xFF; 16];

#[async_trait]
impl ReportLedger for SqliteLedger {
    async fn command_page(
        &self,
        realm: &Realm,
        query: CommandQuery,
    ) -> Result<Vec<Command>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| page(connection, &realm, query)).await
    }

    async fn change_report(
        &self,
        realm: &Realm,
        id: CommandId,
        change: ReportChange,
    ) -> Result<Option<Command>, LedgerError> {
        let realm = realm.clone();
        self.writer()?.run(move |tx| change_report(tx, &realm, id, &change)).await
    }
}

fn page(
    connection: &Connection,
    realm: &Realm,
    query: CommandQuery,
) -> Result<Vec<Command>, LedgerError> {
    // Two texts, so that each has its index.
    let sql = match query.status {
        None => {
            "select id from commands where organization = ?1 and id < ?2 and ?3 is null \
             order by id desc"
        }
        Some(_) => {
            "select id from commands indexed by commands_by_status where organization = ?1 \
             and json_extract(report, '$.status') = ?3 and id < ?2 order by id desc"
        }
    };
    let context = "listing commands";
    let before = query.before.map_or(LAST_ID, |id| *id.as_bytes());
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let mut rows = statement
        .query(params![realm.organization, before, query.status.map(status_word)])
        .map_err(failed(context))?;
    let mut page = Vec::new();
    while (page.len() as u64) < query.limit {
        let Some(row) = rows.next().map_err(failed(context))? else { break };
        let id = row.get(0).map_err(failed(context))?;
        page.extend(commands::read(connection, realm, id)?);
    }
    Ok(page)
}

fn change_report(
    tx: &WriteTx<'_>,
    realm: &Realm,
    id: CommandId,
    change: &ReportChange,
) -> Result<Option<Command>, LedgerError> {
    let Some(mut command) = commands::read(tx.connection, realm, id)? else { return Ok(None) };
    change.apply(&mut command.report);
    let report = commands::report_text(&command.report)?;
    let sql = "update commands set report = ?3 where organization = ?1 and id = ?2";
    let changed = tx.connection.execute(sql, params![realm.organization, id, report]);
    changed.map_err(failed("changing a report"))?;
    Ok(Some(command))
}
