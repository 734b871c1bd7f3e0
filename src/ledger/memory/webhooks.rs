//! The model's webhooks and its outbox.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Holdings, MemoryLedger, State};
use crate::deletion::told;
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeletionId, MessageId, WebhookId};
use crate::domain::once::Once;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::webhooks::{
    ENDED_MESSAGES_MAX, FormerSigner, Message, MessageCounts, MessageState, NewMessage, Notice,
    Standing, WEBHOOKS_MAX, Webhook,
};
use crate::ledger::webhooks::{
    MessageQuery, NewWebhook, Round, RoundLimits, SettledRound, SignerRotation, WebhookChange,
    WebhookRefusal,
};
use crate::ledger::{Lease, LeaseToken, LedgerError, OutboxLedger, WebhookLedger};

/// A webhook with its messages.
pub(super) struct WebhookRow {
    webhook: Webhook,
    messages: BTreeMap<MessageId, Message>,
    /// Who holds what is due, and until when.
    lease: Option<(LeaseToken, Timestamp)>,
    /// When its last round ended: whoever waited meanwhile comes first.
    served_at: Timestamp,
}

impl WebhookRow {
    fn put(&mut self, new: NewMessage) -> Option<Message> {
        if !self.webhook.has_room() {
            self.webhook.counts.dropped += 1;
            return None;
        }
        self.webhook.counts.pending += 1;
        let message = Message::new(new);
        self.messages.insert(message.id, message.clone());
        Some(message)
    }

    fn with_state(&self, state: MessageState) -> impl Iterator<Item = &Message> {
        self.messages.values().filter(move |message| message.state == state)
    }

    fn forget(&mut self, state: MessageState) {
        let ended: Vec<MessageId> = self.with_state(state).map(|message| message.id).collect();
        let kept = usize::try_from(ENDED_MESSAGES_MAX).unwrap_or(usize::MAX);
        for id in ended.iter().rev().skip(kept) {
            self.messages.remove(id);
        }
        let dead = self.with_state(MessageState::Dead).count() as u64;
        self.webhook.counts.dead = dead;
    }

    /// Since when there is something to be sent; `None` where there is not, at this time.
    fn due_at(&self, now: Timestamp) -> Option<Timestamp> {
        let is_on = self.webhook.standing.disabled.is_none();
        let is_free = self.lease.is_none_or(|(_, expires_at)| expires_at <= now);
        let first = self.messages.values().filter_map(|message| message.due_at).min();
        let first = first.filter(|at| is_on && is_free && *at <= now)?;
        Some(first.max(self.served_at))
    }

    /// What hinders another message.
    fn refusal(&self, waits: bool) -> Option<WebhookRefusal> {
        match (self.webhook.standing.disabled, waits || self.webhook.has_room()) {
            (Some(_), _) => Some(WebhookRefusal::Disabled),
            (None, false) => Some(WebhookRefusal::Full),
            (None, true) => None,
        }
    }
}

impl Holdings {
    fn webhook_row(&self, realm: &Realm, id: WebhookId) -> Option<&WebhookRow> {
        self.webhooks.get(&id).filter(|row| realm.sees(&row.webhook.prefix))
    }
}

impl State {
    fn webhook_row(&self, realm: &Realm, id: WebhookId) -> Option<&WebhookRow> {
        self.holdings(realm.organization).webhook_row(realm, id)
    }

    fn webhook_row_mut(&mut self, realm: &Realm, id: WebhookId) -> Option<&mut WebhookRow> {
        let row = self.holdings_mut(realm.organization).webhooks.get_mut(&id);
        row.filter(|row| realm.sees(&row.webhook.prefix))
    }

    /// The messages of all webhooks, and since when the oldest has waited for one that is on.
    pub(super) fn messages(&self) -> (MessageCounts, Option<Timestamp>) {
        let (mut counts, mut oldest) = (MessageCounts::default(), None);
        for row in self.organizations.values().flat_map(|one| one.webhooks.values()) {
            counts.pending += row.with_state(MessageState::Pending).count() as u64;
            counts.dead += row.with_state(MessageState::Dead).count() as u64;
            counts.dropped += row.webhook.counts.dropped;
            let waiting = row.with_state(MessageState::Pending).map(|message| message.created_at);
            let waiting = waiting.filter(|_| row.webhook.standing.disabled.is_none()).min();
            oldest = [oldest, waiting].into_iter().flatten().min();
        }
        (counts, oldest)
    }

    /// Puts a message about a deletion in the outbox of everybody who hears of it.
    pub(super) fn tell(
        &mut self,
        (organization, deletion): (OrganizationNumber, DeletionId),
        notice: Notice,
        now: Timestamp,
    ) {
        let holdings = self.holdings_mut(organization);
        let deletion = &holdings.deletions[&deletion];
        for row in holdings.webhooks.values_mut() {
            if row.webhook.hears(notice.event(), &deletion.prefix) {
                row.put(told::message(&row.webhook, &deletion.record, notice, now));
            }
        }
    }

    fn create_webhook(
        &mut self,
        realm: &Realm,
        new: NewWebhook,
        once: Option<&Once>,
        now: Timestamp,
    ) -> Result<Webhook, WebhookRefusal> {
        let organization = Some(realm.organization);
        if let Some(repeat) = self.repeat(organization, once) {
            return Err(WebhookRefusal::Repeated(repeat));
        }
        if self.holdings(realm.organization).webhooks.len() >= WEBHOOKS_MAX {
            return Err(WebhookRefusal::TooMany);
        }
        self.remember(organization, once, new.id);
        let NewWebhook { id, url, events, secret } = new;
        let (standing, counts) = (Standing::default(), MessageCounts::default());
        let (prefix, created_at) = (realm.prefix.clone(), now);
        let webhook =
            Webhook { id, prefix, url, events, secret, former: None, created_at, standing, counts };
        let row = WebhookRow {
            webhook: webhook.clone(),
            messages: BTreeMap::new(),
            lease: None,
            served_at: now,
        };
        self.holdings_mut(realm.organization).webhooks.insert(id, row);
        Ok(webhook)
    }

    fn settle_round(&mut self, settled: SettledRound, now: Timestamp) -> bool {
        let holdings = self.holdings_mut(settled.organization);
        let row = holdings.webhooks.get_mut(&settled.webhook);
        let is_holder =
            |row: &&mut WebhookRow| row.lease.is_some_and(|(token, _)| token == settled.token);
        let Some(row) = row.filter(is_holder) else { return false };
        let tries: Vec<_> = settled.tries.iter().map(|(_, _, tried)| *tried).collect();
        for (id, attempt, tried) in settled.tries {
            let waits = |message: &&mut Message| message.state == MessageState::Pending;
            if let Some(message) = row.messages.get_mut(&id).filter(waits) {
                *message = message.clone().after(attempt, tried, now);
                row.webhook.counts = row.webhook.counts.after(tried);
            }
        }
        row.forget(MessageState::Delivered);
        row.forget(MessageState::Dead);
        row.webhook.standing = row.webhook.standing.after(&tries, settled.is_gone, now);
        row.lease = None;
        row.served_at = now;
        true
    }

    fn lease_messages(&mut self, now: Timestamp, lease: Lease, limits: RoundLimits) -> Vec<Round> {
        let mut due = Vec::new();
        for (number, holdings) in &self.organizations {
            if holdings.organization.disabled_at.is_none() {
                let rows = holdings.webhooks.iter();
                due.extend(rows.filter_map(|(id, row)| Some((row.due_at(now)?, *number, *id))));
            }
        }
        due.sort();
        due.truncate(limits.webhooks_max);
        let mut rounds = Vec::new();
        for (_, organization, id) in due {
            let holdings = self.holdings_mut(organization);
            let row = holdings.webhooks.get_mut(&id).expect("it was found above");
            row.lease = Some((lease.token, lease.expires_at));
            let is_due = |message: &&Message| message.due_at.is_some_and(|at| at <= now);
            let mut messages: Vec<Message> =
                row.messages.values().filter(is_due).cloned().collect();
            messages.sort_by_key(|message| (message.due_at, message.id));
            messages.truncate(limits.messages_max);
            rounds.push(Round { organization, webhook: row.webhook.clone(), messages });
        }
        rounds
    }
}

#[async_trait]
impl WebhookLedger for MemoryLedger {
    async fn create_webhook(
        &self,
        realm: &Realm,
        new: NewWebhook,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Webhook, WebhookRefusal>, LedgerError> {
        let mut state = self.state();
        state.must_stand(realm.organization)?;
        Ok(state.create_webhook(realm, new, once.as_ref(), now))
    }

    async fn webhook(&self, realm: &Realm, id: WebhookId) -> Result<Option<Webhook>, LedgerError> {
        Ok(self.state().webhook_row(realm, id).map(|row| row.webhook.clone()))
    }

    async fn webhook_page(
        &self,
        realm: &Realm,
        after: Option<WebhookId>,
        limit: u64,
    ) -> Result<Vec<Webhook>, LedgerError> {
        let state = self.state();
        let rows = state.holdings(realm.organization).webhooks.iter();
        let later = rows.filter(|(id, row)| {
            realm.sees(&row.webhook.prefix) && after.is_none_or(|end| **id > end)
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(later.take(limit).map(|(_, row)| row.webhook.clone()).collect())
    }

    async fn change_webhook(
        &self,
        realm: &Realm,
        id: WebhookId,
        change: WebhookChange,
        now: Timestamp,
    ) -> Result<Option<Webhook>, LedgerError> {
        let mut state = self.state();
        let Some(row) = state.webhook_row_mut(realm, id) else { return Ok(None) };
        let WebhookChange { url, events, enabled } = change;
        row.webhook.url = url.unwrap_or_else(|| row.webhook.url.clone());
        row.webhook.events = events.unwrap_or(row.webhook.events);
        if let Some(enabled) = enabled {
            row.webhook.standing = row.webhook.standing.switched(enabled, now);
            row.lease = None;
        }
        Ok(Some(row.webhook.clone()))
    }

    async fn rotate_webhook(
        &self,
        realm: &Realm,
        rotation: SignerRotation,
        once: Option<Once>,
    ) -> Result<Result<Webhook, WebhookRefusal>, LedgerError> {
        let mut state = self.state();
        let organization = Some(realm.organization);
        if state.webhook_row(realm, rotation.webhook).is_none() {
            return Ok(Err(WebhookRefusal::Missing));
        }
        if let Some(repeat) = state.repeat(organization, once.as_ref()) {
            return Ok(Err(WebhookRefusal::Repeated(repeat)));
        }
        state.remember(organization, once.as_ref(), rotation.id);
        let row = state.webhook_row_mut(realm, rotation.webhook).expect("it was found above");
        let secret = std::mem::replace(&mut row.webhook.secret, rotation.secret);
        row.webhook.former = rotation.former_until.map(|until| FormerSigner { secret, until });
        Ok(Ok(row.webhook.clone()))
    }

    async fn remove_webhook(&self, realm: &Realm, id: WebhookId) -> Result<bool, LedgerError> {
        let mut state = self.state();
        let is_there = state.webhook_row(realm, id).is_some();
        if is_there {
            state.holdings_mut(realm.organization).webhooks.remove(&id);
        }
        Ok(is_there)
    }

    async fn add_message(
        &self,
        realm: &Realm,
        webhook: WebhookId,
        new: NewMessage,
        once: Option<Once>,
    ) -> Result<Result<Message, WebhookRefusal>, LedgerError> {
        let mut state = self.state();
        let organization = Some(realm.organization);
        let Some(row) = state.webhook_row(realm, webhook) else {
            return Ok(Err(WebhookRefusal::Missing));
        };
        let refusal = row.refusal(false);
        if let Some(repeat) = state.repeat(organization, once.as_ref()) {
            return Ok(Err(WebhookRefusal::Repeated(repeat)));
        }
        if let Some(refusal) = refusal {
            return Ok(Err(refusal));
        }
        state.remember(organization, once.as_ref(), new.id);
        let row = state.webhook_row_mut(realm, webhook).expect("it was found above");
        Ok(row.put(new).ok_or(WebhookRefusal::Full))
    }

    async fn redeliver_message(
        &self,
        realm: &Realm,
        (webhook, id): (WebhookId, MessageId),
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Message, WebhookRefusal>, LedgerError> {
        let mut state = self.state();
        let organization = Some(realm.organization);
        let row = state.webhook_row(realm, webhook);
        let Some((row, before)) = row.and_then(|row| Some((row, row.messages.get(&id)?))) else {
            return Ok(Err(WebhookRefusal::Missing));
        };
        let state_before = before.state;
        let refusal = row.refusal(state_before == MessageState::Pending);
        let again = before.clone().again(now);
        if let Some(repeat) = state.repeat(organization, once.as_ref()) {
            return Ok(Err(WebhookRefusal::Repeated(repeat)));
        }
        if let Some(refusal) = refusal {
            return Ok(Err(refusal));
        }
        state.remember(organization, once.as_ref(), id);
        let row = state.webhook_row_mut(realm, webhook).expect("it was found above");
        row.webhook.counts = row.webhook.counts.again(state_before);
        row.messages.insert(id, again.clone());
        Ok(Ok(again))
    }

    async fn message(
        &self,
        realm: &Realm,
        (webhook, id): (WebhookId, MessageId),
    ) -> Result<Option<Message>, LedgerError> {
        let state = self.state();
        let row = state.webhook_row(realm, webhook);
        Ok(row.and_then(|row| row.messages.get(&id)).cloned())
    }

    async fn message_page(
        &self,
        realm: &Realm,
        webhook: WebhookId,
        query: MessageQuery,
    ) -> Result<Option<Vec<Message>>, LedgerError> {
        let state = self.state();
        let Some(row) = state.webhook_row(realm, webhook) else { return Ok(None) };
        let wanted = row.messages.values().rev().filter(|message| {
            query.state.is_none_or(|state| message.state == state)
                && query.before.is_none_or(|end| message.id < end)
        });
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Ok(Some(wanted.take(limit).cloned().collect()))
    }
}

#[async_trait]
impl OutboxLedger for MemoryLedger {
    async fn lease_messages(
        &self,
        now: Timestamp,
        lease: Lease,
        limits: RoundLimits,
    ) -> Result<Vec<Round>, LedgerError> {
        Ok(self.state().lease_messages(now, lease, limits))
    }

    async fn settle_round(
        &self,
        settled: SettledRound,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        Ok(self.state().settle_round(settled, now))
    }
}
