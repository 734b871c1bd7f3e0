//! What can be said of a database without changing it, also while a server has it open.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::connection;
use super::rows::failed;
use crate::domain::clock::Timestamp;
use crate::ledger::LedgerError;

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The identity of the installation, which the sentinel of the blobs repeats.
    pub instance: [u8; 16],
    /// `wal`, or something under which commits are not what this service promises.
    pub journal_mode: String,
    /// The version of the migrations that were applied last.
    pub schema_version: i64,
    /// The latest time that any of the last rows names.
    pub newest: Option<Timestamp>,
    /// The plans that organizations have, each once, in order.
    pub plans: Vec<String>,
    /// Deletions whose bytes are not gone, and the time of the oldest of them.
    pub unsettled: (u64, Option<Timestamp>),
}

/// Examines a database. `is_served`: a server has it open; else whoever calls holds the lock of
/// its directory, so that nobody does.
pub fn examine(file: &Path, is_served: bool) -> Result<Examined, LedgerError> {
    let connection = match is_served {
        true => open_beside_server(file)?,
        false => connection::open_inspector(file)?,
    };
    let context = "examining the database";
    read(&connection).map_err(failed(context))
}

/// A connection that cannot write, and leaves the log to the server.
fn open_beside_server(file: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(file, flags).map_err(failed("opening the database"))
}

fn read(connection: &Connection) -> rusqlite::Result<Examined> {
    let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
    let instance = "select id from installation";
    let version = "select coalesce(max(version), 0) from refinery_schema_history";
    // Of each organization the last deletion: all of them might be many.
    let newest = "select max(at) from (
        select max(created_at) as at from organizations
        union all select max(created_at) from keys
        union all select max(at) from idempotency
        union all select max((select d.at from deletions d where d.organization = o.organization
            order by d.sequence desc limit 1)) from organizations o)";
    let unsettled = "select count(*), min(at) from deletions where settled_at is null";
    let mut plans = connection.prepare(
        "select distinct plan from organizations where removed_by is null order by plan",
    )?;
    let plans = plans.query_map([], |row| row.get(0))?;
    Ok(Examined {
        instance: connection.query_row(instance, [], |row| row.get(0))?,
        journal_mode: connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
        schema_version: connection.query_row(version, [], |row| row.get(0))?,
        newest: time(connection.query_row(newest, [], |row| row.get(0)).optional()?.flatten()),
        plans: plans.collect::<rusqlite::Result<_>>()?,
        unsettled: connection.query_row(unsettled, [], |row| {
            let oldest: Option<i64> = row.get(1)?;
            let count: i64 = row.get(0)?;
            Ok((u64::try_from(count).unwrap_or(0), time(oldest)))
        })?,
    })
}
