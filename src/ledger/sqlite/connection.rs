//! Opening connections, with the settings on which durability rests.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::rows::failed;
use crate::ledger::{LedgerError, LedgerErrorKind};

/// How long a connection waits for a lock that another one of this process holds.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// Pages that the writer keeps in memory, in KiB.
const WRITER_CACHE_KIB: i64 = 24 * 1024;
/// Pages that each reader keeps in memory, in KiB.
const READER_CACHE_KIB: i64 = 2 * 1024;
/// Statements that each connection keeps prepared.
const PREPARED_STATEMENTS: usize = 128;

/// The one connection that writes. Refuses a database that would give back committed deletes
/// after a power cut.
pub(super) fn open_writer(file: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = open(file, flags, WRITER_CACHE_KIB)?;
    let set = |name, value: &str| connection.pragma_update(None, name, value);
    set("journal_mode", "wal").map_err(failed("setting the journal mode"))?;
    set("synchronous", "full").map_err(failed("setting the synchronous mode"))?;
    set("secure_delete", "on").map_err(failed("setting secure deletion"))?;
    // The checkpointer does it, off the writer's path.
    set("wal_autocheckpoint", "0").map_err(failed("setting the checkpoint threshold"))?;
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
    let journal = read("journal_mode").map_err(failed("reading the journal mode"))?;
    let synchronous: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(failed("reading the synchronous mode"))?;
    match (journal.as_str(), synchronous) {
        ("wal", 2 | 3) => Ok(connection),
        _ => Err(LedgerErrorKind::Corrupt
            .because("the database cannot be put into WAL mode with synchronous=FULL")),
    }
}

/// A connection that reads.
pub(super) fn open_reader(file: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = open(file, flags, READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", "on").map_err(failed("forbidding writes"))?;
    Ok(connection)
}

/// A connection that reads what a stopped or killed server left, and leaves every file as it is:
/// the index of the log is kept in memory, and closing does not checkpoint.
pub(super) fn open_inspector(file: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = open(file, flags, WRITER_CACHE_KIB)?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(failed("keeping the log at closing"))?;
    connection
        .pragma_update(None, "locking_mode", "exclusive")
        .map_err(failed("taking the database for inspection"))?;
    connection.pragma_update(None, "query_only", "on").map_err(failed("forbidding writes"))?;
    Ok(connection)
}

fn open(file: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, LedgerError> {
    let connection =
        Connection::open_with_flags(file, flags).map_err(failed("opening the database"))?;
    connection.busy_timeout(LOCK_WAIT).map_err(failed("setting the lock wait"))?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    connection
        .pragma_update(None, "cache_size", -cache_kib)
        .map_err(failed("setting the cache size"))?;
    connection
        .pragma_update(None, "temp_store", "memory")
        .map_err(failed("setting the temporary store"))?;
    Ok(connection)
}
