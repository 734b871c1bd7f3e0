//! Opening connections, with the settings on which durability rests.

use std::os::unix::ffi::OsStrExt;
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

/// A connection that reads what a stopped or killed server left, and leaves every file as it is
/// and makes none. Where a log lies, its index is kept in memory, and closing does not checkpoint;
/// where none does, the database is read as a file that nobody changes.
pub(super) fn open_inspector(file: &Path) -> Result<Connection, LedgerError> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let has_log = Path::new(&log)
        .try_exists()
        .map_err(|error| LedgerErrorKind::Unavailable.caused_by("looking for a log", error))?;
    let connection = if has_log { open_beside_log(file)? } else { open_unchanging(file)? };
    set_usual(&connection, WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", "on").map_err(failed("forbidding writes"))?;
    Ok(connection)
}

fn open_beside_log(file: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection =
        Connection::open_with_flags(file, flags).map_err(failed("opening the database"))?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(failed("keeping the log at closing"))?;
    // Before anything else looks into the file: the first look makes the index of the log.
    connection
        .pragma_update(None, "locking_mode", "exclusive")
        .map_err(failed("taking the database for inspection"))?;
    Ok(connection)
}

fn open_unchanging(file: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_URI;
    let escaped: String = file
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
        .map_err(failed("opening the database"))
}

fn open(file: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, LedgerError> {
    let connection =
        Connection::open_with_flags(file, flags).map_err(failed("opening the database"))?;
    set_usual(&connection, cache_kib)?;
    Ok(connection)
}

fn set_usual(connection: &Connection, cache_kib: i64) -> Result<(), LedgerError> {
    connection.busy_timeout(LOCK_WAIT).map_err(failed("setting the lock wait"))?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    // Without it some statements are planned anew for each value that is bound to them, which
    // cost half of a delete.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(failed("keeping the plans of statements"))?;
    connection
        .pragma_update(None, "cache_size", -cache_kib)
        .map_err(failed("setting the cache size"))?;
    connection
        .pragma_update(None, "temp_store", "memory")
        .map_err(failed("setting the temporary store"))
}
