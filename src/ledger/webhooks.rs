//! Webhooks, and the outbox of messages to them.
//!
//! What is told and what happened are one transaction: the message about a deletion is in the outbox
//! if and only if what it tells is durable. Whoever settles, cancels or counts failures of a deletion
//! puts it there; no caller has to. An organization without webhooks pays nothing for that.
//!
//! The messages that are due for one webhook are leased together, a bounded number of them, and
//! settled together, so that whoever answers slowly holds up nobody else.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Lease, LeaseToken, LedgerError};
use crate::domain::clock::Timestamp;
use crate::domain::id::{MessageId, WebhookId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::webhooks::{
    Attempt, Events, Message, MessageState, NewMessage, Tried, Webhook, WebhookSecret,
};

/// Webhooks of organizations and their messages, for whoever keeps them. A realm sees the webhooks
/// whose prefix it sees, with all of their messages.
#[async_trait]
pub trait WebhookLedger: Send + Sync {
    /// Makes a webhook with the realm's prefix.
    async fn create_webhook(
        &self,
        realm: &Realm,
        new: NewWebhook,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Webhook, WebhookRefusal>, LedgerError>;

    /// A webhook.
    async fn webhook(&self, realm: &Realm, id: WebhookId) -> Result<Option<Webhook>, LedgerError>;

    /// Webhooks in the order in which they were made, from behind `after`. The page is full unless
    /// it is the last.
    async fn webhook_page(
        &self,
        realm: &Realm,
        after: Option<WebhookId>,
        limit: u64,
    ) -> Result<Vec<Webhook>, LedgerError>;

    /// Changes a webhook; how it is afterwards. `None` where there is none. Messages that wait go to
    /// the url that holds when they are tried.
    async fn change_webhook(
        &self,
        realm: &Realm,
        id: WebhookId,
        change: WebhookChange,
        now: Timestamp,
    ) -> Result<Option<Webhook>, LedgerError>;

    /// Gives a webhook another secret; the webhook afterwards. A secret that was replaced before,
    /// and would sign still, signs no more.
    async fn rotate_webhook(
        &self,
        realm: &Realm,
        rotation: SignerRotation,
        once: Option<Once>,
    ) -> Result<Result<Webhook, WebhookRefusal>, LedgerError>;

    /// Removes a webhook with all of its messages; false where there is none.
    async fn remove_webhook(&self, realm: &Realm, id: WebhookId) -> Result<bool, LedgerError>;

    /// Puts a message in the outbox of one webhook, whatever events that asks for.
    async fn add_message(
        &self,
        realm: &Realm,
        webhook: WebhookId,
        new: NewMessage,
        once: Option<Once>,
    ) -> Result<Result<Message, WebhookRefusal>, LedgerError>;

    /// Lets a message be delivered anew, at once and with all tries, under its identity.
    async fn redeliver_message(
        &self,
        realm: &Realm,
        of: (WebhookId, MessageId),
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Message, WebhookRefusal>, LedgerError>;

    /// A message.
    async fn message(
        &self,
        realm: &Realm,
        of: (WebhookId, MessageId),
    ) -> Result<Option<Message>, LedgerError>;

    /// Messages of a webhook, the newest first. The page is full unless it is the last. `None`
    /// where there is no such webhook.
    async fn message_page(
        &self,
        realm: &Realm,
        webhook: WebhookId,
        query: MessageQuery,
    ) -> Result<Option<Vec<Message>>, LedgerError>;
}

/// The outbox, for the one who empties it.
#[async_trait]
pub trait OutboxLedger: Send + Sync {
    /// Leases due messages of up to `webhooks_max` webhooks that are switched on, those that have
    /// waited longest first, of each up to `messages_max` messages, the longest due first.
    async fn lease_messages(
        &self,
        now: Timestamp,
        lease: Lease,
        limits: RoundLimits,
    ) -> Result<Vec<Round>, LedgerError>;

    /// Keeps how the tries of a round ended, and how its webhook stands after them. Whoever lost the
    /// lease changes nothing; false then.
    async fn settle_round(
        &self,
        settled: SettledRound,
        now: Timestamp,
    ) -> Result<bool, LedgerError>;
}

/// A webhook to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// Its identity.
    pub id: WebhookId,
    /// Where messages go.
    pub url: String,
    /// Of what.
    pub events: Events,
    /// What signs.
    pub secret: WebhookSecret,
}

/// What is to become of a webhook. `None`: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// Where messages go.
    pub url: Option<String>,
    /// Of what.
    pub events: Option<Events>,
    /// Whether it is switched on. One that is off already stays off since then.
    pub enabled: Option<bool>,
}

/// A secret that is to replace another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignerRotation {
    /// The identity of the rotation itself, by which its repeat finds it.
    pub id: Uuid,
    /// The webhook.
    pub webhook: WebhookId,
    /// What signs from now on.
    pub secret: WebhookSecret,
    /// Until when the secret that is replaced signs too; `None`: not any more.
    pub former_until: Option<Timestamp>,
}

/// Why nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookRefusal {
    /// There is no such webhook, or no such message.
    Missing,
    /// The organization has as many webhooks as it may have.
    TooMany,
    /// The webhook is switched off.
    Disabled,
    /// As many messages wait for the webhook as may.
    Full,
    /// It was to be done once, and this is known of it.
    Repeated(Repeat),
}

/// Which messages to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageQuery {
    /// Only those that stand so.
    pub state: Option<MessageState>,
    /// Only those that are older than this one.
    pub before: Option<MessageId>,
    /// How many to give at most.
    pub limit: u64,
}

/// How much one lease takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundLimits {
    /// Webhooks.
    pub webhooks_max: usize,
    /// Messages of each.
    pub messages_max: usize,
}

/// Messages that are due for one webhook, leased together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Whose.
    pub organization: OrganizationNumber,
    /// For whom.
    pub webhook: Webhook,
    /// What; never empty.
    pub messages: Vec<Message>,
}

/// How the tries of a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledRound {
    /// Whose.
    pub organization: OrganizationNumber,
    /// For whom.
    pub webhook: WebhookId,
    /// The lease under which it was worked on.
    pub token: LeaseToken,
    /// Each message that was tried.
    pub tries: Vec<(MessageId, Attempt, Tried)>,
    /// Whether the receiver said that it is gone for good.
    pub is_gone: bool,
}
