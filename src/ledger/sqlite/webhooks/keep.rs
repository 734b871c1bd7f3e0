//! Webhooks made, changed, rotated and removed.

use rusqlite::{Connection, params};

use super::super::once;
use super::super::rows::failed;
use super::super::writer::WriteTx;
use super::outbox::release;
use super::rows::{webhook, webhooks, write_standing};
use crate::domain::clock::Timestamp;
use crate::domain::id::WebhookId;
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::webhooks::{WEBHOOKS_MAX, Webhook};
use crate::ledger::LedgerError;
use crate::ledger::webhooks::{NewWebhook, SignerRotation, WebhookChange, WebhookRefusal};

pub(super) fn create(
    tx: &WriteTx<'_>,
    realm: &Realm,
    (new, once): (&NewWebhook, Option<&Once>),
    now: Timestamp,
) -> Result<Result<Webhook, WebhookRefusal>, LedgerError> {
    let organization = realm.organization;
    if let Some(repeat) = once::repeat(tx.connection, Some(organization), once)? {
        return Ok(Err(WebhookRefusal::Repeated(repeat)));
    }
    if webhooks(tx.connection, organization)?.len() >= WEBHOOKS_MAX {
        return Ok(Err(WebhookRefusal::TooMany));
    }
    let sql = "insert into webhooks (organization, id, prefix, url, events, secret, created_at) \
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let events = new.events.words().join(" ");
    let values = params![organization, new.id, realm.prefix, new.url, events, new.secret.0, now];
    tx.connection.execute(sql, values).map_err(failed("making a webhook"))?;
    tx.hearers.add(organization);
    once::remember(tx, Some(organization), once, new.id)?;
    Ok(webhook(tx.connection, realm, new.id)?.ok_or(WebhookRefusal::Missing))
}

pub(super) fn page(
    connection: &Connection,
    realm: &Realm,
    after: Option<WebhookId>,
    limit: u64,
) -> Result<Vec<Webhook>, LedgerError> {
    // There are a few of them at most.
    let mut all = webhooks(connection, realm.organization)?;
    all.retain(|one| realm.sees(&one.prefix) && after.is_none_or(|end| one.id > end));
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}

pub(super) fn change(
    tx: &WriteTx<'_>,
    realm: &Realm,
    (id, change): (WebhookId, &WebhookChange),
    now: Timestamp,
) -> Result<Option<Webhook>, LedgerError> {
    let Some(mut changed) = webhook(tx.connection, realm, id)? else { return Ok(None) };
    let context = "changing a webhook";
    let events = change.events.map(|events| events.words().join(" "));
    let sql = "update webhooks set url = coalesce(?3, url), events = coalesce(?4, events) \
               where organization = ?1 and id = ?2";
    let values = params![realm.organization, id, change.url, events];
    tx.connection.execute(sql, values).map_err(failed(context))?;
    if let Some(enabled) = change.enabled {
        changed.standing = changed.standing.switched(enabled, now);
        write_standing(tx.connection, realm.organization, &changed)?;
        // A round that is under way ends as the round of nobody.
        release(tx.connection, (realm.organization, id), changed.standing)?;
    }
    webhook(tx.connection, realm, id)
}

pub(super) fn rotate(
    tx: &WriteTx<'_>,
    realm: &Realm,
    rotation: SignerRotation,
    once: Option<&Once>,
) -> Result<Result<Webhook, WebhookRefusal>, LedgerError> {
    let (organization, id) = (realm.organization, rotation.webhook);
    if webhook(tx.connection, realm, id)?.is_none() {
        return Ok(Err(WebhookRefusal::Missing));
    }
    if let Some(repeat) = once::repeat(tx.connection, Some(organization), once)? {
        return Ok(Err(WebhookRefusal::Repeated(repeat)));
    }
    once::remember(tx, Some(organization), once, rotation.id)?;
    let sql = "update webhooks set former_secret = case when ?4 is null then null else secret end, \
               former_until = ?4, secret = ?3 where organization = ?1 and id = ?2";
    let values = params![organization, id, rotation.secret.0, rotation.former_until];
    tx.connection.execute(sql, values).map_err(failed("rotating a webhook's secret"))?;
    Ok(webhook(tx.connection, realm, id)?.ok_or(WebhookRefusal::Missing))
}

pub(super) fn remove(tx: &WriteTx<'_>, realm: &Realm, id: WebhookId) -> Result<bool, LedgerError> {
    if webhook(tx.connection, realm, id)?.is_none() {
        return Ok(false);
    }
    let context = "removing a webhook";
    for sql in [
        "delete from webhook_messages where organization = ?1 and webhook = ?2",
        "delete from webhooks where organization = ?1 and id = ?2",
    ] {
        tx.connection.execute(sql, params![realm.organization, id]).map_err(failed(context))?;
    }
    Ok(true)
}
