//! The pool of connections that read, each read in one snapshot.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection;
use super::rows::failed;
use crate::ledger::{LedgerError, LedgerErrorKind};

/// Connections that nobody uses at the moment, and permits for as many.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(file: &Path, count: usize) -> Result<Self, LedgerError> {
        let open = |_| connection::open_reader(file);
        let idle: Vec<Connection> = (0..count.max(1)).map(open).collect::<Result<_, _>>()?;
        Ok(Self::over(idle))
    }

    pub(super) fn of(connection: Connection) -> Self {
        Self::over(vec![connection])
    }

    fn over(idle: Vec<Connection>) -> Self {
        let permits = Arc::new(Semaphore::new(idle.len()));
        Self { idle: Arc::new(Mutex::new(idle)), permits }
    }

    /// Runs `work` in one snapshot, on a thread that may block.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    {
        let stopping = |_| LedgerErrorKind::Unavailable.because("the ledger is stopping");
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(stopping)?;
        let idle = Arc::clone(&self.idle);
        let read = tokio::task::spawn_blocking(move || {
            let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = lock().pop().expect("there is a connection for every permit");
            let outcome = in_snapshot(&connection, work);
            lock().push(connection);
            drop(permit);
            outcome
        });
        read.await.map_err(|error| LedgerErrorKind::Corrupt.caused_by("reading", error))?
    }
}

fn in_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    // Dropping the transaction ends it, also when the work panics.
    let transaction = connection.unchecked_transaction().map_err(failed("beginning a read"))?;
    work(&transaction)
}
