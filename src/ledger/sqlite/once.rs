//! Effects that happen once.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::SqliteLedger;
use super::rows::failed;
use super::writer::WriteTx;
use crate::domain::clock::Timestamp;
use crate::domain::once::{Once, Repeat, RequestDigest};
use crate::domain::organization::OrganizationNumber;
use crate::ledger::{LedgerError, OnceLedger};

/// Stands for the whole installation, whose organizations are numbered from 1.
const NO_ORGANIZATION: OrganizationNumber = OrganizationNumber(0);

/// What is known of this effect. To be asked in the transaction that has it, before anything else.
pub(super) fn repeat(
    connection: &Connection,
    organization: Option<OrganizationNumber>,
    once: Option<&Once>,
) -> Result<Option<Repeat>, LedgerError> {
    let Some(once) = once else { return Ok(None) };
    let organization = organization.unwrap_or(NO_ORGANIZATION);
    let sql = "select request, made from idempotency where organization = ?1 and token = ?2";
    let context = "looking for a repeated request";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row(params![organization, once.token.0], |row| {
        let made = Uuid::from_bytes(row.get(1)?);
        Ok(once.repeats(RequestDigest(row.get(0)?), made))
    });
    found.optional().map_err(failed(context))
}

/// Remembers what an effect made, in the transaction that has it.
pub(super) fn remember(
    tx: &WriteTx<'_>,
    organization: Option<OrganizationNumber>,
    once: Option<&Once>,
    made: impl Into<Uuid>,
) -> Result<(), LedgerError> {
    let Some(once) = once else { return Ok(()) };
    let organization = organization.unwrap_or(NO_ORGANIZATION);
    let sql = "insert into idempotency (organization, token, request, made, at) \
               values (?1, ?2, ?3, ?4, ?5)";
    let context = "remembering a request";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let made: Uuid = made.into();
    let values = params![organization, once.token.0, once.request.0, made.as_bytes(), once.at];
    statement.execute(values).map(|_| ()).map_err(failed(context))
}

#[async_trait]
impl OnceLedger for SqliteLedger {
    async fn repeat_of(
        &self,
        organization: Option<OrganizationNumber>,
        once: &Once,
    ) -> Result<Option<Repeat>, LedgerError> {
        let once = once.clone();
        self.readers.run(move |connection| repeat(connection, organization, Some(&once))).await
    }

    async fn forget_effects(&self, until: Timestamp, limit: usize) -> Result<usize, LedgerError> {
        self.writer()?
            .run_behind(move |tx| {
                let sql = "delete from idempotency where (organization, token) in \
                           (select organization, token from idempotency where at <= ?1 \
                           order by at limit ?2)";
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let forgotten = tx.connection.execute(sql, params![until, limit]);
                forgotten.map_err(failed("forgetting requests"))
            })
            .await
    }
}
