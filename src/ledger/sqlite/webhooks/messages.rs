//! Messages asked for, listed, and delivered anew.

use rusqlite::{Connection, params};

use super::super::once;
use super::super::rows::{failed, signed};
use super::super::writer::WriteTx;
use super::rows::{MESSAGE_COLUMNS, message, read_message, webhook, write_message, write_standing};
use super::tell::{due, put};
use crate::domain::clock::Timestamp;
use crate::domain::id::{MessageId, WebhookId};
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::webhooks::{Message, MessageState, NewMessage};
use crate::ledger::LedgerError;
use crate::ledger::webhooks::{MessageQuery, WebhookRefusal};

/// Behind every identity.
const LAST_ID: [u8; 16] = [u8::MAX; 16];

pub(super) fn add(
    tx: &WriteTx<'_>,
    realm: &Realm,
    (id, new): (WebhookId, &NewMessage),
    once: Option<&Once>,
) -> Result<Result<Message, WebhookRefusal>, LedgerError> {
    let organization = realm.organization;
    let Some(mut webhook) = webhook(tx.connection, realm, id)? else {
        return Ok(Err(WebhookRefusal::Missing));
    };
    if let Some(repeat) = once::repeat(tx.connection, Some(organization), once)? {
        return Ok(Err(WebhookRefusal::Repeated(repeat)));
    }
    match (webhook.standing.disabled, webhook.has_room()) {
        (Some(_), _) => return Ok(Err(WebhookRefusal::Disabled)),
        (None, false) => return Ok(Err(WebhookRefusal::Full)),
        (None, true) => {}
    }
    once::remember(tx, Some(organization), once, new.id)?;
    let kept = put(tx, organization, &mut webhook, new.clone())?;
    Ok(kept.ok_or(WebhookRefusal::Full))
}

pub(super) fn redeliver(
    tx: &WriteTx<'_>,
    realm: &Realm,
    (id, of): (WebhookId, MessageId),
    (once, now): (Option<&Once>, Timestamp),
) -> Result<Result<Message, WebhookRefusal>, LedgerError> {
    let (organization, connection) = (realm.organization, tx.connection);
    let Some(mut webhook) = webhook(connection, realm, id)? else {
        return Ok(Err(WebhookRefusal::Missing));
    };
    let Some(before) = message(connection, (organization, id), of)? else {
        return Ok(Err(WebhookRefusal::Missing));
    };
    if let Some(repeat) = once::repeat(connection, Some(organization), once)? {
        return Ok(Err(WebhookRefusal::Repeated(repeat)));
    }
    let waits = before.state == MessageState::Pending;
    match (webhook.standing.disabled, waits || webhook.has_room()) {
        (Some(_), _) => return Ok(Err(WebhookRefusal::Disabled)),
        (None, false) => return Ok(Err(WebhookRefusal::Full)),
        (None, true) => {}
    }
    once::remember(tx, Some(organization), once, of)?;
    webhook.counts = webhook.counts.again(before.state);
    let again = before.again(now);
    write_message(connection, (organization, id), &again)?;
    write_standing(connection, organization, &webhook)?;
    due(connection, (organization, id), now)?;
    Ok(Ok(again))
}

pub(super) fn page(
    connection: &Connection,
    realm: &Realm,
    id: WebhookId,
    query: MessageQuery,
) -> Result<Option<Vec<Message>>, LedgerError> {
    if webhook(connection, realm, id)?.is_none() {
        return Ok(None);
    }
    let context = "listing messages";
    let which = match query.state {
        Some(_) => "and state = ?5",
        None => "and ?5 is null",
    };
    let sql = format!(
        "select {MESSAGE_COLUMNS} from webhook_messages where organization = ?1 and webhook = ?2 \
         and id < ?3 {which} order by id desc limit ?4"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let before = query.before.map_or(LAST_ID, |id| *id.as_bytes());
    let state = query.state.map(MessageState::as_str);
    let values = params![realm.organization, id, before, signed(query.limit), state];
    let rows = statement.query_map(values, read_message);
    rows.and_then(Iterator::collect).map(Some).map_err(failed(context))
}
