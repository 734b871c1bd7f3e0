//! What is read of webhooks for whoever watches the service.

use rusqlite::Connection;

use super::super::rows::{failed, unsigned};
use crate::domain::clock::Timestamp;
use crate::domain::webhooks::MessageCounts;
use crate::ledger::LedgerError;

/// The messages of all webhooks.
pub(in super::super) fn message_counts(
    connection: &Connection,
) -> Result<MessageCounts, LedgerError> {
    let context = "counting messages";
    let sql = "select coalesce(sum(pending), 0), coalesce(sum(dead), 0), \
               coalesce(sum(dropped), 0) from webhooks";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let counts = statement.query_row([], |row| {
        Ok(MessageCounts {
            pending: unsigned(row.get(0)?),
            dead: unsigned(row.get(1)?),
            dropped: unsigned(row.get(2)?),
        })
    });
    counts.map_err(failed(context))
}

/// Since when the oldest message has waited for a webhook that is switched on.
pub(in super::super) fn oldest_message_at(
    connection: &Connection,
) -> Result<Option<Timestamp>, LedgerError> {
    let context = "looking for the oldest message";
    let sql = "select min((select m.created_at from webhook_messages m \
               where m.organization = w.organization and m.webhook = w.id \
               and m.state = 'pending' order by m.id limit 1)) from webhooks w \
               where w.pending > 0 and w.disabled_at is null";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    statement.query_row([], |row| row.get(0)).map_err(failed(context))
}
