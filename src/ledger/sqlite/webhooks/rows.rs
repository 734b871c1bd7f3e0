//! Between the rows of webhooks and messages and the words of the domain.

use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::super::rows::{failed, read_json, signed, unsigned};
use crate::domain::clock::Timestamp;
use crate::domain::id::{MessageId, WebhookId};
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::webhooks::{
    Disabled, DisabledBy, Event, Events, FormerSigner, Message, MessageCounts, MessageState,
    Standing, Webhook, WebhookSecret,
};
use crate::ledger::LedgerError;

/// Whose and which.
pub(super) type Place = (OrganizationNumber, WebhookId);

/// The columns that make a [`Webhook`], for a row named `w`.
pub(super) const WEBHOOK_COLUMNS: &str = "w.id, w.prefix, w.url, w.events, w.secret, \
     w.former_secret, w.former_until, w.created_at, w.disabled_at, w.disabled_by, w.failing_since, \
     w.pending, w.dead, w.dropped";
/// How many they are.
pub(super) const WEBHOOK_WIDTH: usize = 14;

/// The columns that make a [`Message`].
pub(super) const MESSAGE_COLUMNS: &str = "id, event, body, created_at, state, failures, due_at, \
     ended_at, attempts";

/// A column that holds a word that is none of those that are written.
fn unknown_word(column: usize) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, "an unknown word".into())
}

/// Reads [`WEBHOOK_COLUMNS`], which come first in the row.
pub(super) fn read_webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let events: String = row.get(3)?;
    let former: Option<[u8; 32]> = row.get(5)?;
    let until: Option<Timestamp> = row.get(6)?;
    let disabled_at: Option<Timestamp> = row.get(8)?;
    let by: Option<String> = row.get(9)?;
    let by = by.map(|word| DisabledBy::parse(&word).ok_or_else(|| unknown_word(9))).transpose()?;
    Ok(Webhook {
        id: row.get(0)?,
        prefix: row.get(1)?,
        url: row.get(2)?,
        events: Events::parse(events.split(' ')).ok_or_else(|| unknown_word(3))?,
        secret: WebhookSecret(row.get(4)?),
        former: former
            .zip(until)
            .map(|(secret, until)| FormerSigner { secret: WebhookSecret(secret), until }),
        created_at: row.get(7)?,
        standing: Standing {
            disabled: disabled_at.zip(by).map(|(at, by)| Disabled { at, by }),
            failing_since: row.get(10)?,
        },
        counts: MessageCounts {
            pending: unsigned(row.get(11)?),
            dead: unsigned(row.get(12)?),
            dropped: unsigned(row.get(13)?),
        },
    })
}

/// Reads [`MESSAGE_COLUMNS`], which come first in the row.
pub(super) fn read_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let (event, state): (String, String) = (row.get(1)?, row.get(4)?);
    let attempts: String = row.get(8)?;
    Ok(Message {
        id: row.get(0)?,
        event: Event::parse(&event).ok_or_else(|| unknown_word(1))?,
        body: row.get(2)?,
        created_at: row.get(3)?,
        state: MessageState::parse(&state).ok_or_else(|| unknown_word(4))?,
        failures: row.get(5)?,
        due_at: row.get(6)?,
        ended_at: row.get(7)?,
        attempts: read_json(8, &attempts)?,
    })
}

/// All webhooks of an organization, in the order in which they were made.
pub(super) fn webhooks(
    connection: &Connection,
    organization: OrganizationNumber,
) -> Result<Vec<Webhook>, LedgerError> {
    let context = "reading webhooks";
    let sql =
        format!("select {WEBHOOK_COLUMNS} from webhooks w where w.organization = ?1 order by w.id");
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let rows = statement.query_map([organization], read_webhook);
    rows.and_then(Iterator::collect).map_err(failed(context))
}

/// A webhook that the realm sees.
pub(super) fn webhook(
    connection: &Connection,
    realm: &Realm,
    id: WebhookId,
) -> Result<Option<Webhook>, LedgerError> {
    let context = "reading a webhook";
    let sql =
        format!("select {WEBHOOK_COLUMNS} from webhooks w where w.organization = ?1 and w.id = ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let found = statement.query_row(params![realm.organization, id], read_webhook);
    let found = found.optional().map_err(failed(context))?;
    Ok(found.filter(|webhook| realm.sees(&webhook.prefix)))
}

/// A message of a webhook.
pub(super) fn message(
    connection: &Connection,
    (organization, webhook): Place,
    id: MessageId,
) -> Result<Option<Message>, LedgerError> {
    let context = "reading a message";
    let sql = format!(
        "select {MESSAGE_COLUMNS} from webhook_messages \
         where organization = ?1 and webhook = ?2 and id = ?3"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let found = statement.query_row(params![organization, webhook, id], read_message);
    found.optional().map_err(failed(context))
}

/// Writes a message that is new, or in place of what it was.
pub(super) fn write_message(
    connection: &Connection,
    (organization, webhook): Place,
    message: &Message,
) -> Result<(), LedgerError> {
    let context = "writing a message";
    let attempts = serde_json::to_string(&message.attempts).expect("tries are texts and numbers");
    let sql = "insert or replace into webhook_messages (organization, webhook, id, event, body, \
         created_at, state, failures, due_at, ended_at, attempts) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let written = statement.execute(params![
        organization,
        webhook,
        message.id,
        message.event.as_str(),
        message.body,
        message.created_at,
        message.state.as_str(),
        message.failures,
        message.due_at,
        message.ended_at,
        attempts
    ]);
    written.map(|_| ()).map_err(failed(context))
}

/// Writes how a webhook stands and how many messages it has.
pub(super) fn write_standing(
    connection: &Connection,
    organization: OrganizationNumber,
    webhook: &Webhook,
) -> Result<(), LedgerError> {
    let context = "writing how a webhook stands";
    let sql = "update webhooks set disabled_at = ?3, disabled_by = ?4, failing_since = ?5, \
         pending = ?6, dead = ?7, dropped = ?8 where organization = ?1 and id = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let Standing { disabled, failing_since } = webhook.standing;
    let written = statement.execute(params![
        organization,
        webhook.id,
        disabled.map(|disabled| disabled.at),
        disabled.map(|disabled| disabled.by.as_str()),
        failing_since,
        signed(webhook.counts.pending),
        signed(webhook.counts.dead),
        signed(webhook.counts.dropped)
    ]);
    written.map(|_| ()).map_err(failed(context))
}
