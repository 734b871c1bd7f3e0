//! Webhooks, their messages and the outbox.

mod count;
mod keep;
mod messages;
mod outbox;
mod rows;
mod tell;

use async_trait::async_trait;

pub(super) use self::count::{message_counts, oldest_message_at};
use self::rows::{message, webhook};
pub(super) use self::tell::{Hearers, tell, void_leases};
use super::SqliteLedger;
use crate::domain::clock::Timestamp;
use crate::domain::id::{MessageId, WebhookId};
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::webhooks::{Message, NewMessage, Webhook};
use crate::ledger::webhooks::{
    MessageQuery, NewWebhook, Round, RoundLimits, SettledRound, SignerRotation, WebhookChange,
    WebhookRefusal,
};
use crate::ledger::{Lease, LedgerError, OutboxLedger, WebhookLedger};

#[async_trait]
impl WebhookLedger for SqliteLedger {
    async fn create_webhook(
        &self,
        realm: &Realm,
        new: NewWebhook,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Webhook, WebhookRefusal>, LedgerError> {
        let realm = realm.clone();
        self.writer()?.run(move |tx| keep::create(tx, &realm, (&new, once.as_ref()), now)).await
    }

    async fn webhook(&self, realm: &Realm, id: WebhookId) -> Result<Option<Webhook>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| webhook(connection, &realm, id)).await
    }

    async fn webhook_page(
        &self,
        realm: &Realm,
        after: Option<WebhookId>,
        limit: u64,
    ) -> Result<Vec<Webhook>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| keep::page(connection, &realm, after, limit)).await
    }

    async fn change_webhook(
        &self,
        realm: &Realm,
        id: WebhookId,
        change: WebhookChange,
        now: Timestamp,
    ) -> Result<Option<Webhook>, LedgerError> {
        let realm = realm.clone();
        self.writer()?.run(move |tx| keep::change(tx, &realm, (id, &change), now)).await
    }

    async fn rotate_webhook(
        &self,
        realm: &Realm,
        rotation: SignerRotation,
        once: Option<Once>,
    ) -> Result<Result<Webhook, WebhookRefusal>, LedgerError> {
        let realm = realm.clone();
        self.writer()?.run(move |tx| keep::rotate(tx, &realm, rotation, once.as_ref())).await
    }

    async fn remove_webhook(&self, realm: &Realm, id: WebhookId) -> Result<bool, LedgerError> {
        let realm = realm.clone();
        self.writer()?.run(move |tx| keep::remove(tx, &realm, id)).await
    }

    async fn add_message(
        &self,
        realm: &Realm,
        webhook: WebhookId,
        new: NewMessage,
        once: Option<Once>,
    ) -> Result<Result<Message, WebhookRefusal>, LedgerError> {
        let realm = realm.clone();
        self.writer()?
            .run(move |tx| messages::add(tx, &realm, (webhook, &new), once.as_ref()))
            .await
    }

    async fn redeliver_message(
        &self,
        realm: &Realm,
        of: (WebhookId, MessageId),
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Message, WebhookRefusal>, LedgerError> {
        let realm = realm.clone();
        self.writer()?
            .run(move |tx| messages::redeliver(tx, &realm, of, (once.as_ref(), now)))
            .await
    }

    async fn message(
        &self,
        realm: &Realm,
        (id, of): (WebhookId, MessageId),
    ) -> Result<Option<Message>, LedgerError> {
        let realm = realm.clone();
        self.readers
            .run(move |connection| match webhook(connection, &realm, id)? {
                Some(_) => message(connection, (realm.organization, id), of),
                None => Ok(None),
            })
            .await
    }

    async fn message_page(
        &self,
        realm: &Realm,
        webhook: WebhookId,
        query: MessageQuery,
    ) -> Result<Option<Vec<Message>>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| messages::page(connection, &realm, webhook, query)).await
    }
}

#[async_trait]
impl OutboxLedger for SqliteLedger {
    async fn lease_messages(
        &self,
        now: Timestamp,
        lease: Lease,
        limits: RoundLimits,
    ) -> Result<Vec<Round>, LedgerError> {
        // Most looks find nothing: they need not make the writer commit.
        match self.readers.run(move |connection| outbox::is_any_due(connection, now)).await? {
            false => Ok(Vec::new()),
            true => {
                self.writer()?.run_behind(move |tx| outbox::lease(tx, now, lease, limits)).await
            }
        }
    }

    async fn settle_round(
        &self,
        settled: SettledRound,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        self.writer()?.run_behind(move |tx| outbox::settle(tx, &settled, now)).await
    }
}
