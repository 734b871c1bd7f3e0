//! Checkpoints, off the writer's path.
//!
//! The log is copied into the database by a thread of its own while the writer goes on; then,
//! with the writer held for a moment, the little that came meanwhile, so that the next commit
//! begins the log anew. In a quiet moment the log is emptied: names of deleted files do not
//! linger in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::rows::{failed, unsigned};
use super::writer::Waiting;
use super::{ballast, connection};
use crate::ledger::{LedgerError, LedgerErrorKind};

/// Bytes in the log from which it is copied. A log that grows makes each commit wait for the file
/// system's journal, one whose file is long already does not.
const LOG_BYTES_USUAL: u64 = 64 << 20;
/// Bytes in the log from which it is copied, where its file has become so long that they fit.
/// What is written again and again meanwhile is copied once; recovery reads so much in about half
/// a second.
const LOG_BYTES_MAX: u64 = 256 << 20;
/// Bytes in the log from which it is copied, however full the volume is.
const LOG_BYTES_MIN: u64 = 16 << 20;
/// The part of the volume's free space that the log may take.
const LOG_PART_OF_FREE: u64 = 16;
/// Bytes of a page.
const PAGE_BYTES: u64 = 4096;
/// How often the log is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How long a checkpoint may hold the writer up while a long read is in its way; then it is left
/// to the next look.
const HOLD_MAX: Duration = Duration::from_millis(10);
/// Pages that the last copy, for which the writer waits, should not exceed.
const LAST_PAGES_MAX: u64 = 256;
/// Copies after which the last one is made whatever came meanwhile.
const LAST_COPIES_MAX: u32 = 4;
/// How long the log must be unchanged before it is emptied.
const QUIET: Duration = Duration::from_secs(2);

/// The thread, until it is dropped.
pub(super) struct Checkpointer {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(file: &Path, waiting: Arc<Waiting>) -> Result<Self, LedgerError> {
        let connection = connection::open_writer(file)?;
        connection.busy_timeout(HOLD_MAX).map_err(failed("bounding the wait of checkpoints"))?;
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let log = Log::at(log.into());
        let (stop, stopped) = mpsc::sync_channel(0);
        let run = move || {
            let mut log = log;
            while stopped.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = look(&connection, &mut log, &waiting) {
                    tracing::warn!(%error, "a checkpoint failed and is tried again");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("ledger-checkpoint".to_owned())
            .spawn(run)
            .map_err(|e| LedgerErrorKind::Unavailable.caused_by("starting the checkpointer", e))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpointer ended in a panic");
        }
    }
}

/// What the log looked like. Its file keeps its length when it begins anew, so that the change of
/// its time says whether anything was written, and the pages say how much.
struct Log {
    file: PathBuf,
    changed: Option<std::time::SystemTime>,
    unchanged_since: Instant,
    emptied: bool,
}

impl Log {
    fn at(file: PathBuf) -> Self {
        Self { file, changed: None, unchanged_since: Instant::now(), emptied: false }
    }

    /// The length in bytes, once it is known whether the log changed.
    fn look(&mut self) -> u64 {
        let Ok(there) = std::fs::metadata(&self.file) else { return 0 };
        let changed = there.modified().ok();
        if changed != self.changed {
            self.changed = changed;
            self.unchanged_since = Instant::now();
            self.emptied = false;
        }
        there.len()
    }

    fn is_quiet(&self) -> bool {
        !self.emptied && self.unchanged_since.elapsed() >= QUIET
    }
}

fn look(connection: &Connection, log: &mut Log, waiting: &Waiting) -> Result<(), LedgerError> {
    let length = log.look();
    if log.is_quiet() {
        if length > 0 && checkpoint(connection, "pragma wal_checkpoint(truncate)")?.was_busy {
            return Ok(());
        }
        log.emptied = true;
        log.changed = std::fs::metadata(&log.file).ok().and_then(|there| there.modified().ok());
        return Ok(());
    }
    // The file keeps its length when the log begins anew: only its frames say how full it is.
    if length < LOG_BYTES_MIN {
        return Ok(());
    }
    let log_bytes = checkpoint(connection, "pragma wal_checkpoint(noop)")?.log_pages * PAGE_BYTES;
    if log_bytes < log_bytes_max(&log.file, length) {
        return Ok(());
    }
    checkpoint(connection, "pragma wal_checkpoint(passive)")?;
    // While the background work holds still, little comes after the next copy, and the last one,
    // which alone makes the writer wait, has little to copy.
    waiting.end_log(true);
    let ended = end_log(connection);
    waiting.end_log(false);
    ended
}

fn log_bytes_max(log: &Path, length: u64) -> u64 {
    let free = ballast::free_bytes(log).unwrap_or(0);
    // An eighth is left for what comes while it is copied.
    let fitting = (length - length / 8).clamp(LOG_BYTES_USUAL, LOG_BYTES_MAX);
    fitting.min((free / LOG_PART_OF_FREE).max(LOG_BYTES_MIN))
}

fn end_log(connection: &Connection) -> Result<(), LedgerError> {
    for _ in 0..LAST_COPIES_MAX {
        let copied = checkpoint(connection, "pragma wal_checkpoint(passive)")?;
        let now = checkpoint(connection, "pragma wal_checkpoint(noop)")?;
        if now.log_pages.saturating_sub(copied.copied_pages) <= LAST_PAGES_MAX {
            break;
        }
    }
    let began = Instant::now();
    let last = checkpoint(connection, "pragma wal_checkpoint(restart)")?;
    let Checkpointed { was_busy, log_pages, .. } = last;
    tracing::debug!(log_pages, was_busy, held = ?began.elapsed(), "the log begins anew");
    Ok(())
}

/// What a checkpoint says of itself.
struct Checkpointed {
    /// A read or a write was in its way.
    was_busy: bool,
    /// Pages in the log.
    log_pages: u64,
    /// Those of them that the database holds too.
    copied_pages: u64,
}

/// Runs a checkpoint of some kind.
fn checkpoint(connection: &Connection, sql: &'static str) -> Result<Checkpointed, LedgerError> {
    let said = connection.query_row(sql, [], |row| {
        Ok(Checkpointed {
            was_busy: row.get(0)?,
            log_pages: unsigned(row.get(1)?),
            copied_pages: unsigned(row.get(2)?),
        })
    });
    said.map_err(failed(sql))
}
