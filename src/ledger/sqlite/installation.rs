//! What belongs to the whole installation: its schema, its identity, its counters, its secrets.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::failed;
use super::writer::WriteTx;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::organization::OrganizationNumber;
use crate::domain::random::Random;
use crate::ledger::{LedgerError, LedgerErrorKind};

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// The next of each number to be drawn. None is ever drawn twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counters {
    sequence: i64,
    blob: i64,
    batch: i64,
    folder: i64,
    organization: i64,
}

fn draw(counter: &mut i64) -> i64 {
    *counter += 1;
    *counter - 1
}

impl WriteTx<'_> {
    /// Larger than every sequence that was drawn before.
    pub(super) fn next_sequence(&mut self) -> Sequence {
        Sequence(draw(&mut self.counters.sequence))
    }

    pub(super) fn next_blob(&mut self) -> i64 {
        draw(&mut self.counters.blob)
    }

    pub(super) fn next_batch(&mut self) -> i64 {
        draw(&mut self.counters.batch)
    }

    pub(super) fn next_folder(&mut self) -> FolderNumber {
        FolderNumber(draw(&mut self.counters.folder))
    }

    pub(super) fn next_organization(&mut self) -> OrganizationNumber {
        OrganizationNumber(draw(&mut self.counters.organization))
    }
}

impl Counters {
    /// Writes all of them; once for each group of transactions.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), LedgerError> {
        let sql = "update installation set next_sequence = ?1, next_blob = ?2, next_batch = ?3, \
                   next_folder = ?4, next_organization = ?5 where only_row = 1";
        let mut statement = connection.prepare_cached(sql).map_err(failed("writing counters"))?;
        statement
            .execute(params![self.sequence, self.blob, self.batch, self.folder, self.organization])
            .map(|_| ())
            .map_err(failed("writing counters"))
    }
}

/// What is installed here.
pub(super) struct Installed {
    pub(super) id: [u8; 16],
    pub(super) counters: Counters,
}

/// A database that a newer program has migrated.
#[derive(Debug, thiserror::Error)]
#[error(
    "it has version {theirs} and this program knows {ours} at most: start the newer program, or \
     restore the backup that was made before the upgrade"
)]
struct Newer {
    theirs: i64,
    ours: i64,
}

/// Refuses a database that a newer program has made its own, before anything of it is touched.
pub(super) fn refuse_newer(connection: &Connection) -> Result<(), LedgerError> {
    let context = "reading the version of the database";
    let history = "refinery_schema_history";
    if !connection.table_exists(None, history).map_err(failed(context))? {
        return Ok(());
    }
    let sql = "select coalesce(max(version), 0) from refinery_schema_history";
    let theirs: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(failed(context))?;
    let ours = migrations::migrations::runner();
    let ours = ours.get_migrations().iter().map(|migration| i64::from(migration.version()));
    let ours = ours.max().unwrap_or(0);
    if theirs <= ours {
        return Ok(());
    }
    Err(LedgerErrorKind::Corrupt.caused_by("opening the database", Newer { theirs, ours }))
}

/// Brings the schema up to this program's; true where this made the installation.
pub(super) fn migrate(
    connection: &mut Connection,
    random: &dyn Random,
) -> Result<bool, LedgerError> {
    // All of them in one transaction: an upgrade that fails has changed nothing.
    migrations::migrations::runner()
        .set_grouped(true)
        .run(connection)
        .map_err(|error| LedgerErrorKind::Corrupt.caused_by("migrating the database", error))?;
    let mut id = [0; 16];
    random.fill(&mut id);
    connection
        .execute("insert or ignore into installation values (1, ?1, 1, 1, 1, 1, 1)", [id])
        .map(|made| made == 1)
        .map_err(failed("recording the installation"))
}

/// Reads what is installed.
pub(super) fn read(connection: &Connection) -> Result<Installed, LedgerError> {
    let sql = "select id, next_sequence, next_blob, next_batch, next_folder, next_organization \
               from installation";
    connection
        .query_row(sql, [], |row| {
            let counters = Counters {
                sequence: row.get(1)?,
                blob: row.get(2)?,
                batch: row.get(3)?,
                folder: row.get(4)?,
                organization: row.get(5)?,
            };
            Ok(Installed { id: row.get(0)?, counters })
        })
        .map_err(failed("reading the installation"))
}

/// The last sequence that was drawn before the snapshot of this connection.
pub(super) fn last_sequence(connection: &Connection) -> Result<Sequence, LedgerError> {
    let context = "reading the last sequence";
    let sql = "select next_sequence - 1 from installation";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    statement.query_row([], |row| row.get(0)).map_err(failed(context))
}

/// The secret of this name, which becomes `fresh` where it has none yet.
pub(super) fn secret(
    tx: &WriteTx<'_>,
    name: &str,
    fresh: &[u8; 32],
) -> Result<[u8; 32], LedgerError> {
    let kept = tx
        .connection
        .query_row("select secret from secrets where name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(failed("reading a secret"))?;
    if let Some(secret) = kept {
        return Ok(secret);
    }
    tx.connection
        .execute("insert into secrets (name, secret) values (?1, ?2)", params![name, fresh])
        .map_err(failed("keeping a secret"))?;
    Ok(*fresh)
}
