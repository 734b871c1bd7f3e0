//! The embedded ledger: SQLite, bundled, in WAL mode with `synchronous=FULL`.
//!
//! One thread writes and puts all transactions that wait into one commit (`writer`); a pool of
//! connections reads (`readers`); checkpoints run off the writer's path (`checkpoint`). Each other
//! file is one topic of the traits in the module above: pure SQL and no decisions but those which
//! the trait's documentation states.
//!
//! One process owns the database: whoever opens it holds the data directory's instance lock.

mod arrange;
mod attach;
mod ballast;
mod checkpoint;
mod commands;
mod condemned;
mod connection;
mod deletions;
mod entries;
mod examine;
mod expand;
mod fences;
mod gauges;
mod inspect;
mod installation;
mod intents;
mod keepsakes;
mod keys;
mod locks;
mod once;
mod organizations;
mod plans;
mod readers;
mod registry;
mod reports;
mod resumable;
mod rows;
mod sample;
mod selections;
mod snapshot;
mod stored_plans;
mod tree;
mod versions;
mod walk;
mod webhooks;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use self::examine::{Examined, examine};

use self::checkpoint::Checkpointer;
use self::keys::KeyCache;
use self::plans::PlanBook;
use self::readers::Readers;
use self::writer::Writer;
use super::{LedgerError, LedgerErrorKind};
use crate::domain::id::IdSource;
use crate::domain::random::Random;

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For serving and administration.
    ReadWrite,
    /// For `verify`: no file is written, made or removed.
    Inspect,
}

/// Where the database lies, and how it is used.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The database file. Made where there is none, unless it is only inspected.
    pub file: PathBuf,
    /// A file of reserved space on the same disk, given up when the disk is full.
    pub ballast: PathBuf,
    /// Connections that read.
    pub readers: usize,
    /// How it is opened.
    pub access: Access,
}

/// The SQLite ledger.
pub struct SqliteLedger {
    ids: Arc<IdSource>,
    instance_id: [u8; 16],
    fresh: bool,
    readers: Readers,
    /// None where the database is only inspected.
    writer: Option<Arc<Writer>>,
    checkpointer: Option<Checkpointer>,
    keys: KeyCache,
    plans: PlanBook,
}

impl SqliteLedger {
    /// Opens the database, and makes or migrates it where it may write.
    ///
    /// Fails where the database cannot be made as durable as promised, or is newer than this
    /// program.
    pub fn open(
        settings: &SqliteSettings,
        ids: Arc<IdSource>,
        random: &dyn Random,
    ) -> Result<Self, LedgerError> {
        match settings.access {
            Access::ReadWrite => Self::open_to_write(settings, ids, random),
            Access::Inspect => Self::open_to_inspect(settings, ids),
        }
    }

    fn open_to_write(
        settings: &SqliteSettings,
        ids: Arc<IdSource>,
        random: &dyn Random,
    ) -> Result<Self, LedgerError> {
        let mut connection = connection::open_writer(&settings.file)?;
        installation::refuse_newer(&connection)?;
        let fresh = installation::migrate(&mut connection, random)?;
        let installed = installation::read(&connection)?;
        condemned::void_leases(&connection)?;
        webhooks::void_leases(&connection)?;
        intents::expire_all(&connection)?;
        let hearers = webhooks::Hearers::read(&connection)?;
        let ballast = ballast::Ballast::at(settings.ballast.clone());
        let plans = PlanBook::default();
        let books = (plans.clone(), hearers);
        let writer = Writer::start(connection, installed.counters, ballast, books)?;
        let writer = Arc::new(writer);
        let readers = Readers::open(&settings.file, settings.readers)?;
        let checkpointer = Checkpointer::start(&settings.file, writer.waiting())?;
        Ok(Self {
            ids,
            instance_id: installed.id,
            fresh,
            readers,
            writer: Some(writer),
            checkpointer: Some(checkpointer),
            keys: KeyCache::default(),
            plans,
        })
    }

    fn open_to_inspect(settings: &SqliteSettings, ids: Arc<IdSource>) -> Result<Self, LedgerError> {
        let connection = connection::open_inspector(&settings.file)?;
        installation::refuse_newer(&connection)?;
        let installed = installation::read(&connection)?;
        Ok(Self {
            ids,
            instance_id: installed.id,
            fresh: false,
            readers: Readers::of(connection),
            writer: None,
            checkpointer: None,
            keys: KeyCache::default(),
            plans: PlanBook::default(),
        })
    }

    /// The identity of the installation, which its blob store must carry too.
    pub fn instance_id(&self) -> [u8; 16] {
        self.instance_id
    }

    /// Whether this opening made the database.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Ends the writer when all that was asked of it is committed, and leaves no log behind.
    pub fn close(mut self) {
        drop(self.checkpointer.take());
        drop(self.readers);
        if let Some(writer) = self.writer.take().and_then(Arc::into_inner) {
            writer.stop();
        }
    }

    fn writer(&self) -> Result<&Writer, LedgerError> {
        self.writer
            .as_deref()
            .ok_or_else(|| LedgerErrorKind::Unavailable.because("the database is only inspected"))
    }
}
