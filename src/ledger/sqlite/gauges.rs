//! How much there is and how much waits, read in bounded time.

use std::path::PathBuf;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::rows::{failed, signed, unsigned};
use super::webhooks::{message_counts, oldest_message_at};
use super::{SqliteLedger, ballast};
use crate::domain::usage::Tally;
use crate::ledger::gauges::{COUNTED_ROWS_MAX, LOOKED_ROWS_MAX};
use crate::ledger::{Gauges, GaugesLedger, LedgerError, LedgerErrorKind};

#[async_trait]
impl GaugesLedger for SqliteLedger {
    async fn gauges(&self) -> Result<Gauges, LedgerError> {
        let gauges = self.readers.run(read).await?;
        Ok(Gauges { reserve_spent: self.is_reserve_spent(), ..gauges })
    }

    async fn check_writable(&self) -> Result<(), LedgerError> {
        let writer = self.writer()?;
        let is_read_only = self.readers.run(|connection| {
            let context = "looking at the volume of the database";
            let read_only = ballast::is_read_only(&file_of(connection));
            read_only.map_err(|error| LedgerErrorKind::Unavailable.caused_by(context, error))
        });
        if is_read_only.await? {
            return Err(LedgerErrorKind::Unavailable.because("the volume takes no change"));
        }
        // The writer's turn, with the database's lock, and nothing to be made durable.
        writer.run_behind(|_| Ok(())).await
    }

    fn is_reserve_spent(&self) -> bool {
        self.writer.as_deref().is_some_and(super::writer::Writer::is_ballast_spent)
    }
}

fn file_of(connection: &Connection) -> PathBuf {
    connection.path().map(PathBuf::from).unwrap_or_default()
}

fn read(connection: &Connection) -> Result<Gauges, LedgerError> {
    let [live, doomed, condemned] = usage(connection)?;
    let oldest = "select condemned_at from condemned order by batch limit 1";
    let mut statement = connection.prepare_cached(oldest).map_err(failed("the oldest batch"))?;
    let mut rows = statement.query([]).map_err(failed("the oldest batch"))?;
    let oldest = rows.next().map_err(failed("the oldest batch"))?;
    let oldest_condemned_at =
        oldest.map(|row| row.get(0)).transpose().map_err(failed("the oldest batch"))?;
    Ok(Gauges {
        live,
        doomed,
        condemned,
        batches: count(connection, "select count(*) from (select 1 from condemned limit ?1)")?,
        oldest_condemned_at,
        expansions: count(connection, "select count(*) from (select 1 from expansions limit ?1)")?,
        open_intents: count(connection, "select count(*) from (select 1 from intents limit ?1)")?,
        unsettled_deletions: unsettled(connection)?,
        messages: message_counts(connection)?,
        oldest_message_at: oldest_message_at(connection)?,
        free_bytes: ballast::free_bytes(&file_of(connection)).ok(),
        reserve_spent: false,
    })
}

/// Live, doomed and condemned.
fn usage(connection: &Connection) -> Result<[Tally; 3], LedgerError> {
    let context = "adding up usage";
    let sql = "select coalesce(sum(live_files), 0), coalesce(sum(live_bytes), 0), \
         coalesce(sum(doomed_files), 0), coalesce(sum(doomed_bytes), 0), \
         coalesce(sum(condemned_files), 0), coalesce(sum(condemned_bytes), 0) from organizations";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let sums = statement.query_row([], |row| {
        let tally = |at: usize| -> rusqlite::Result<Tally> {
            Ok(Tally { files: unsigned(row.get(at)?), bytes: unsigned(row.get(at + 1)?) })
        };
        Ok([tally(0)?, tally(2)?, tally(4)?])
    });
    sums.map_err(failed(context))
}

fn count(connection: &Connection, sql: &str) -> Result<u64, LedgerError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed("counting what waits"))?;
    let counted = statement.query_row([signed(COUNTED_ROWS_MAX)], |row| row.get(0));
    counted.map(unsigned).map_err(failed("counting what waits"))
}

/// A deletion is unsettled while a batch or a doomed folder of it waits; there is no index of it,
/// which each deletion would have to pay for.
fn unsettled(connection: &Connection) -> Result<u64, LedgerError> {
    let context = "counting unsettled deletions";
    let sql = "select count(distinct deletion) from (\
         select deletion from (select deletion from condemned order by batch limit ?1) \
         union all select deletion from (select deletion from expansions limit ?1))";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let counted = statement.query_row(params![signed(LOOKED_ROWS_MAX)], |row| row.get(0));
    counted.map(unsigned).map_err(failed(context))
}
