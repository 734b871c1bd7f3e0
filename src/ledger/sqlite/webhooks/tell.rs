//! What a deletion's transaction puts in the outbox.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, params};

use super::super::deletions::record;
use super::super::rows::failed;
use super::super::writer::WriteTx;
use super::rows::{Place, webhooks, write_message, write_standing};
use crate::deletion::told;
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
use crate::domain::organization::OrganizationNumber;
use crate::domain::webhooks::{Message, NewMessage, Notice, Webhook};
use crate::ledger::LedgerError;

/// The organizations that have a webhook, or had one since the database was opened: all others pay
/// nothing for telling. Clones share them.
#[derive(Clone, Default)]
pub(in super::super) struct Hearers(Arc<RwLock<HashSet<OrganizationNumber>>>);

impl Hearers {
    /// Those that the database knows.
    pub(in super::super) fn read(connection: &Connection) -> Result<Self, LedgerError> {
        let context = "reading who has webhooks";
        let sql = "select distinct organization from webhooks";
        let mut statement = connection.prepare(sql).map_err(failed(context))?;
        let rows = statement.query_map([], |row| row.get(0));
        let all = rows.and_then(Iterator::collect).map_err(failed(context))?;
        Ok(Self(Arc::new(RwLock::new(all))))
    }

    /// Whether there is somebody to be told.
    pub(in super::super) fn has(&self, organization: OrganizationNumber) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&organization)
    }

    /// To be called in the transaction that makes a webhook, which those behind it see. One that is
    /// undone leaves somebody who is looked up in vain.
    pub(super) fn add(&self, organization: OrganizationNumber) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(organization);
    }
}

/// Leases of a process that has ended mean nothing: whoever opens the database owns it.
pub(in super::super) fn void_leases(connection: &Connection) -> Result<(), LedgerError> {
    let sql = "update webhooks set due_at = 0, lease_token = null where lease_token is not null";
    connection.execute(sql, []).map(|_| ()).map_err(failed("voiding old leases of webhooks"))
}

/// Puts a message about a deletion in the outbox of everybody who hears of it, in the transaction
/// of what it tells, as the deletion's record stands in it.
pub(in super::super) fn tell(
    tx: &WriteTx<'_>,
    (organization, deletion): (OrganizationNumber, DeletionId),
    notice: Notice,
    now: Timestamp,
) -> Result<(), LedgerError> {
    if !tx.hearers.has(organization) {
        return Ok(());
    }
    let Some((prefix, record)) = record::find(tx.connection, organization, deletion)? else {
        return Ok(());
    };
    for mut webhook in webhooks(tx.connection, organization)? {
        if webhook.hears(notice.event(), &prefix) {
            let new = told::message(&webhook, &record, notice, now);
            put(tx, organization, &mut webhook, new)?;
        }
    }
    Ok(())
}

/// Puts a message in the outbox of a webhook; where there is no room it is dropped, and counted.
/// `None` then.
pub(super) fn put(
    tx: &WriteTx<'_>,
    organization: OrganizationNumber,
    webhook: &mut Webhook,
    new: NewMessage,
) -> Result<Option<Message>, LedgerError> {
    if !webhook.has_room() {
        webhook.counts.dropped += 1;
        write_standing(tx.connection, organization, webhook)?;
        return Ok(None);
    }
    let (place, at, message) = ((organization, webhook.id), new.at, Message::new(new));
    webhook.counts.pending += 1;
    write_message(tx.connection, place, &message)?;
    write_standing(tx.connection, organization, webhook)?;
    due(tx.connection, place, at)?;
    Ok(Some(message))
}

/// Something is due for a webhook from then on. While it is leased its round comes first.
pub(super) fn due(
    connection: &Connection,
    (organization, webhook): Place,
    at: Timestamp,
) -> Result<(), LedgerError> {
    let context = "waking a webhook";
    let sql = "update webhooks set due_at = min(coalesce(due_at, ?3), ?3) \
         where organization = ?1 and id = ?2 and lease_token is null";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    statement.execute(params![organization, webhook, at]).map(|_| ()).map_err(failed(context))
}
