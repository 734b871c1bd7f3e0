//! The outbox, emptied in rounds.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::rows::{failed, signed};
use super::super::writer::WriteTx;
use super::rows::{
    MESSAGE_COLUMNS, Place, WEBHOOK_COLUMNS, WEBHOOK_WIDTH, message, read_message, read_webhook,
    webhook, write_message, write_standing,
};
use crate::domain::clock::Timestamp;
use crate::domain::id::MessageId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::webhooks::{
    ENDED_MESSAGES_MAX, Message, MessageState, Standing, Tried, Webhook,
};
use crate::ledger::webhooks::{Round, RoundLimits, SettledRound};
use crate::ledger::{Lease, LedgerError};

/// Webhooks with something to be sent. Nothing is sent for an organization that is switched off.
const DUE: &str = "from webhooks w join organizations o on o.organization = w.organization \
     where w.due_at <= ?1 and w.disabled_at is null and o.disabled_at is null";

pub(super) fn is_any_due(connection: &Connection, now: Timestamp) -> Result<bool, LedgerError> {
    let context = "looking at the outbox";
    let sql = format!("select 1 {DUE} limit 1");
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    statement.exists([now]).map_err(failed(context))
}

pub(super) fn lease(
    tx: &WriteTx<'_>,
    now: Timestamp,
    lease: Lease,
    limits: RoundLimits,
) -> Result<Vec<Round>, LedgerError> {
    let context = "leasing messages";
    let mut rounds = Vec::new();
    for (organization, webhook) in due_webhooks(tx.connection, now, limits.webhooks_max)? {
        let place = (organization, webhook.id);
        let messages = due_messages(tx.connection, place, now, limits.messages_max)?;
        if messages.is_empty() {
            // What was due has ended otherwise.
            release(tx.connection, place, webhook.standing)?;
            continue;
        }
        let sql = "update webhooks set due_at = ?3, lease_token = ?4 \
                   where organization = ?1 and id = ?2";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        let values = params![organization, webhook.id, lease.expires_at, lease.token.0];
        statement.execute(values).map_err(failed(context))?;
        rounds.push(Round { organization, webhook, messages });
    }
    Ok(rounds)
}

fn due_webhooks(
    connection: &Connection,
    now: Timestamp,
    webhooks_max: usize,
) -> Result<Vec<(OrganizationNumber, Webhook)>, LedgerError> {
    let context = "looking for webhooks with messages";
    let sql = format!(
        "select {WEBHOOK_COLUMNS}, w.organization {DUE} \
         order by w.due_at, w.organization, w.id limit ?2"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let rows = statement.query_map(params![now, signed(webhooks_max as u64)], |row| {
        Ok((row.get(WEBHOOK_WIDTH)?, read_webhook(row)?))
    });
    rows.and_then(Iterator::collect).map_err(failed(context))
}

fn due_messages(
    connection: &Connection,
    (organization, webhook): Place,
    now: Timestamp,
    messages_max: usize,
) -> Result<Vec<Message>, LedgerError> {
    let context = "reading due messages";
    let sql = format!(
        "select {MESSAGE_COLUMNS} from webhook_messages where organization = ?1 and webhook = ?2 \
         and due_at <= ?3 order by due_at, id limit ?4"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let values = params![organization, webhook, now, signed(messages_max as u64)];
    let rows = statement.query_map(values, read_message);
    rows.and_then(Iterator::collect).map_err(failed(context))
}

/// Ends a lease, if there is one: the webhook is due again with the first of what waits for it, and
/// never while it is switched off.
pub(super) fn release(
    connection: &Connection,
    (organization, webhook): Place,
    standing: Standing,
) -> Result<(), LedgerError> {
    let context = "ending a round";
    let sql = "update webhooks set lease_token = null, due_at = case when ?3 then null else \
         (select min(due_at) from webhook_messages m where m.organization = ?1 \
         and m.webhook = ?2 and m.due_at is not null) end where organization = ?1 and id = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![organization, webhook, standing.disabled.is_some()];
    statement.execute(values).map(|_| ()).map_err(failed(context))
}

pub(super) fn settle(
    tx: &WriteTx<'_>,
    settled: &SettledRound,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let (connection, organization) = (tx.connection, settled.organization);
    let place = (organization, settled.webhook);
    if !is_leased(connection, settled)? {
        return Ok(false);
    }
    let realm = Realm::whole(organization);
    let Some(mut webhook) = webhook(connection, &realm, settled.webhook)? else {
        return Ok(false);
    };
    for (id, attempt, tried) in &settled.tries {
        let before = message(connection, place, *id)?;
        let before = before.filter(|message| message.state == MessageState::Pending);
        let Some(before) = before else { continue };
        webhook.counts = webhook.counts.after(*tried);
        write_message(connection, place, &before.after(attempt.clone(), *tried, now))?;
    }
    forget(connection, place, MessageState::Delivered)?;
    let forgotten = forget(connection, place, MessageState::Dead)?;
    webhook.counts.dead = webhook.counts.dead.saturating_sub(forgotten);
    let tries: Vec<Tried> = settled.tries.iter().map(|(_, _, tried)| *tried).collect();
    webhook.standing = webhook.standing.after(&tries, settled.is_gone, now);
    write_standing(connection, organization, &webhook)?;
    release(connection, place, webhook.standing)?;
    send_behind(connection, place, now)?;
    Ok(true)
}

fn is_leased(connection: &Connection, settled: &SettledRound) -> Result<bool, LedgerError> {
    let context = "looking for a round";
    let sql = "select 1 from webhooks where organization = ?1 and id = ?2 and lease_token = ?3";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![settled.organization, settled.webhook, settled.token.0];
    statement.exists(values).map_err(failed(context))
}

/// Whoever has had a round goes behind those that have waited meanwhile.
fn send_behind(
    connection: &Connection,
    (organization, webhook): Place,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let context = "ending a round";
    let sql = "update webhooks set due_at = ?3 where organization = ?1 and id = ?2 \
               and due_at < ?3";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    statement.execute(params![organization, webhook, now]).map(|_| ()).map_err(failed(context))
}

/// Forgets what has ended so, but for the newest; how many.
fn forget(
    connection: &Connection,
    (organization, webhook): Place,
    state: MessageState,
) -> Result<u64, LedgerError> {
    let context = "forgetting messages";
    let sql = "select id from webhook_messages where organization = ?1 and webhook = ?2 \
               and state = ?3 order by id desc limit 1 offset ?4";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![organization, webhook, state.as_str(), signed(ENDED_MESSAGES_MAX)];
    let newest: Option<MessageId> =
        statement.query_row(values, |row| row.get(0)).optional().map_err(failed(context))?;
    let Some(newest) = newest else { return Ok(0) };
    let sql = "delete from webhook_messages where organization = ?1 and webhook = ?2 \
               and state = ?3 and id <= ?4";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![organization, webhook, state.as_str(), newest];
    statement.execute(values).map(|count| count as u64).map_err(failed(context))
}
