//! Webhooks as they are kept, and the outbox as it is emptied.

use std::time::Duration;

use futures::future::join_all;
use uuid::Uuid;

use super::fixture::{Fixture, LEASE_DURATION, beneath};
use super::once::once;
use crate::domain::clock::Timestamp;
use crate::domain::id::{MessageId, WebhookId};
use crate::domain::once::Repeat;
use crate::domain::organization::Realm;
use crate::domain::webhooks::{
    Attempt, DisabledBy, ENDED_MESSAGES_MAX, Events, FAILING_DURATION_MAX, FormerSigner, Message,
    MessageState, NewMessage, PENDING_MESSAGES_MAX, Tried, WEBHOOKS_MAX, Webhook, WebhookSecret,
};
use crate::ledger::webhooks::{
    MessageQuery, NewWebhook, Round, RoundLimits, SettledRound, SignerRotation, WebhookChange,
    WebhookRefusal,
};
use crate::ledger::{Lease, LeaseToken};

const PAUSE: Duration = Duration::from_secs(5);

impl Fixture {
    async fn test_message(&self, realm: &Realm, webhook: WebhookId) -> Message {
        let new = NewMessage::test(self.id(), self.now(), &"a test");
        let added = self.ledger.add_message(realm, webhook, new, None).await.unwrap();
        self.assert_sound().await;
        added.unwrap()
    }

    async fn rounds(&self, lease: Lease, webhooks_max: usize, messages_max: usize) -> Vec<Round> {
        let limits = RoundLimits { webhooks_max, messages_max };
        let rounds = self.ledger.lease_messages(self.now(), lease, limits).await.unwrap();
        self.assert_sound().await;
        rounds
    }

    async fn end(&self, round: &Round, token: LeaseToken, tried: Tried) -> bool {
        self.end_as(round, token, (tried, false)).await
    }

    async fn end_as(
        &self,
        round: &Round,
        token: LeaseToken,
        (tried, is_gone): (Tried, bool),
    ) -> bool {
        let attempt = attempt(self.now(), tried);
        let tries = round.messages.iter().map(|one| (one.id, attempt.clone(), tried)).collect();
        let (organization, webhook) = (round.organization, round.webhook.id);
        let settled = SettledRound { organization, webhook, token, tries, is_gone };
        let ended = self.ledger.settle_round(settled, self.now()).await.unwrap();
        self.assert_sound().await;
        ended
    }

    /// Leases all that is due for one webhook, and ends it so.
    async fn try_all(&self, tried: Tried) -> usize {
        let lease = self.lease();
        let rounds = self.rounds(lease, 1, 100_000).await;
        let Some(round) = rounds.first() else { return 0 };
        assert!(self.end(round, lease.token, tried).await);
        round.messages.len()
    }

    async fn known(&self, realm: &Realm, id: WebhookId) -> Webhook {
        self.ledger.webhook(realm, id).await.unwrap().expect("the realm sees the webhook")
    }

    async fn state_of(&self, realm: &Realm, of: (WebhookId, MessageId)) -> Message {
        self.ledger.message(realm, of).await.unwrap().expect("the realm sees the message")
    }

    async fn switch(&self, realm: &Realm, id: WebhookId, enabled: bool) -> Webhook {
        let change = WebhookChange { enabled: Some(enabled), ..WebhookChange::default() };
        let changed = self.ledger.change_webhook(realm, id, change, self.now()).await.unwrap();
        self.assert_sound().await;
        changed.unwrap()
    }
}

fn attempt(at: Timestamp, tried: Tried) -> Attempt {
    let error = (tried != Tried::Delivered).then(|| "the answer was 500".to_owned());
    let status = Some(if error.is_some() { 500 } else { 204 });
    Attempt { at_ms: at.millis(), duration_ms: 3, status, error }
}

pub(super) fn new_webhook(fixture: &Fixture) -> NewWebhook {
    let url = "https://a.example/".to_owned();
    NewWebhook { id: fixture.id(), url, events: Events::all(), secret: WebhookSecret([9; 32]) }
}

fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

/// Made once, listed by pages as the realm sees them, and no more than there may be.
pub(crate) async fn webhooks_are_made_and_listed(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let below = beneath(&realm, "/a");
    let token = Some(once(&fixture, "key", "make"));
    let new = new_webhook(&fixture);
    let make = async |new: NewWebhook, once| {
        fixture.ledger.create_webhook(&realm, new, once, fixture.now()).await.unwrap()
    };
    let made = make(new.clone(), token.clone()).await.unwrap();
    assert_eq!((made.id, &made.url, made.secret), (new.id, &new.url, new.secret));
    assert_eq!((made.former, made.standing.disabled, made.created_at), (None, None, fixture.now()));
    let again = make(new_webhook(&fixture), token).await;
    let repeat = Repeat::Of(Uuid::from(made.id));
    assert_eq!(again, Err(WebhookRefusal::Repeated(repeat)));
    let another = make(new_webhook(&fixture), Some(once(&fixture, "key", "other"))).await;
    assert_eq!(another, Err(WebhookRefusal::Repeated(Repeat::OtherRequest)));
    let narrow = fixture.webhook(&below).await;
    let mut all = vec![made.clone(), narrow.clone()];
    while all.len() < WEBHOOKS_MAX {
        all.push(fixture.webhook(&realm).await);
    }
    let full = make(new_webhook(&fixture), None).await;
    assert_eq!(full, Err(WebhookRefusal::TooMany));
    let page = async |realm: &Realm, after, limit| {
        fixture.ledger.webhook_page(realm, after, limit).await.unwrap()
    };
    assert_eq!(page(&realm, None, 100).await, all);
    assert_eq!(page(&realm, None, 3).await, all[..3]);
    assert_eq!(page(&realm, Some(all[2].id), 100).await, all[3..]);
    assert_eq!(page(&below, None, 100).await, std::slice::from_ref(&narrow));
    assert_eq!(page(&other, None, 100).await, []);
    for unseen in [&below, &other] {
        assert_eq!(fixture.ledger.webhook(unseen, made.id).await.unwrap(), None);
        assert!(!fixture.ledger.remove_webhook(unseen, made.id).await.unwrap());
    }
    assert!(fixture.ledger.remove_webhook(&realm, made.id).await.unwrap());
    assert!(!fixture.ledger.remove_webhook(&realm, made.id).await.unwrap());
    assert_eq!(page(&realm, None, 100).await, all[1..]);
}

/// What is given changes; a rotation happens once and leaves the secret before some grace.
pub(crate) async fn a_webhook_changes_where_it_is_given(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let made = fixture.webhook(&realm).await;
    let change = async |realm: &Realm, change| {
        fixture.ledger.change_webhook(realm, made.id, change, fixture.now()).await.unwrap()
    };
    assert_eq!(change(&realm, WebhookChange::default()).await, Some(made.clone()));
    assert_eq!(change(&other, WebhookChange::default()).await, None);
    let url = Some("http://b.example/".to_owned());
    let moved = change(&realm, WebhookChange { url, ..WebhookChange::default() }).await.unwrap();
    assert_eq!(moved, Webhook { url: "http://b.example/".to_owned(), ..made.clone() });
    let events = Events::parse(["deletion.failed"]);
    let changed = WebhookChange { events, enabled: Some(false), ..WebhookChange::default() };
    let changed = change(&realm, changed).await.unwrap();
    assert_eq!((Some(changed.events), &changed.url), (events, &moved.url));
    assert_eq!(changed.standing.disabled.unwrap().by, DisabledBy::Owner);
    fixture.clock.advance(PAUSE);
    assert_eq!(fixture.switch(&realm, made.id, false).await.standing, changed.standing);
    assert_eq!(fixture.switch(&realm, made.id, true).await.standing.disabled, None);

    let until = fixture.now().plus(PAUSE);
    let rotation = SignerRotation {
        id: fixture.id(),
        webhook: made.id,
        secret: WebhookSecret([8; 32]),
        former_until: Some(until),
    };
    let rotate = async |realm: &Realm, rotation, once| {
        fixture.ledger.rotate_webhook(realm, rotation, once).await.unwrap()
    };
    let token = Some(once(&fixture, "key", "rotate"));
    let rotated = rotate(&realm, rotation, token.clone()).await.unwrap();
    assert_eq!(rotated.secret, rotation.secret);
    assert_eq!(rotated.former, Some(FormerSigner { secret: made.secret, until }));
    let again = SignerRotation { id: fixture.id(), secret: WebhookSecret([7; 32]), ..rotation };
    let repeated = rotate(&realm, again, token).await;
    assert_eq!(repeated, Err(WebhookRefusal::Repeated(Repeat::Of(rotation.id))));
    assert_eq!(fixture.known(&realm, made.id).await, rotated);
    assert_eq!(rotate(&other, again, None).await, Err(WebhookRefusal::Missing));
    let last = SignerRotation { former_until: None, ..again };
    let last = rotate(&realm, last, None).await.unwrap();
    assert_eq!((last.secret, last.former), (again.secret, None));
}

/// What is due is leased together, bounded, and by nobody else until the lease ends.
pub(crate) async fn due_messages_are_leased_in_rounds(fixture: Fixture) {
    let realm = fixture.realm().await;
    let (one, other) = (fixture.webhook(&realm).await, fixture.webhook(&realm).await);
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(fixture.test_message(&realm, one.id).await);
        fixture.clock.advance(Duration::from_millis(1));
    }
    let later = fixture.test_message(&realm, other.id).await;
    let lease = fixture.lease();
    let rounds = fixture.rounds(lease, 1, 2).await;
    assert_eq!((rounds.len(), rounds[0].webhook.id), (1, one.id));
    assert_eq!(rounds[0].webhook.counts.pending, 3);
    assert_eq!(rounds[0].messages, sent[..2]);
    let next = fixture.rounds(fixture.lease(), 9, 9).await;
    assert_eq!((next.len(), ids(&next[0].messages)), (1, vec![later.id]));
    assert_eq!(fixture.rounds(fixture.lease(), 9, 9).await, []);
    assert!(fixture.end(&rounds[0], lease.token, Tried::Delivered).await);
    let rest = fixture.rounds(fixture.lease(), 9, 9).await;
    assert_eq!((rest.len(), ids(&rest[0].messages)), (1, ids(&sent[2..])));
    // Whatever became of the others, they are due again when their leases have ended.
    fixture.clock.advance(LEASE_DURATION);
    let again = fixture.rounds(fixture.lease(), 9, 9).await;
    assert_eq!(again.len(), 2);
}

/// A round that others have by now changes nothing, nor does one that was settled before.
pub(crate) async fn who_lost_a_round_settles_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    let message = fixture.test_message(&realm, webhook.id).await;
    let of = (webhook.id, message.id);
    let lost = fixture.lease();
    let round = fixture.rounds(lost, 1, 1).await.remove(0);
    fixture.clock.advance(LEASE_DURATION);
    let held = fixture.lease();
    assert_eq!(fixture.rounds(held, 1, 1).await.len(), 1);
    assert!(!fixture.end_as(&round, lost.token, (Tried::Dead, true)).await);
    assert_eq!(fixture.state_of(&realm, of).await, message);
    assert!(fixture.end(&round, held.token, Tried::Delivered).await);
    assert!(!fixture.end(&round, held.token, Tried::Dead).await);
    let arrived = fixture.state_of(&realm, of).await;
    assert_eq!((arrived.state, arrived.attempts.len()), (MessageState::Delivered, 1));
    assert_eq!(fixture.known(&realm, webhook.id).await.standing.disabled, None);
    // Switching it off ends a round that is under way; so does removing it.
    fixture.test_message(&realm, webhook.id).await;
    for remove in [false, true] {
        fixture.clock.advance(LEASE_DURATION);
        let lease = fixture.lease();
        let round = fixture.rounds(lease, 1, 1).await.remove(0);
        if remove {
            assert!(fixture.ledger.remove_webhook(&realm, webhook.id).await.unwrap());
            assert!(!fixture.end(&round, lease.token, Tried::Dead).await);
            continue;
        }
        fixture.switch(&realm, webhook.id, false).await;
        assert!(!fixture.end(&round, lease.token, Tried::Dead).await);
        assert_eq!(fixture.rounds(fixture.lease(), 1, 1).await, []);
        fixture.switch(&realm, webhook.id, true).await;
    }
}

/// A message is tried again when its pause is over, dies when it is told to, and can be delivered
/// anew.
pub(crate) async fn a_message_is_tried_until_it_is_dead_and_can_begin_anew(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    let message = fixture.test_message(&realm, webhook.id).await;
    let of = (webhook.id, message.id);
    assert_eq!(fixture.try_all(Tried::Again(fixture.now().plus(PAUSE))).await, 1);
    assert_eq!(fixture.try_all(Tried::Delivered).await, 0);
    let waiting = fixture.state_of(&realm, of).await;
    assert_eq!((waiting.failures, waiting.due_at), (1, Some(fixture.now().plus(PAUSE))));
    fixture.clock.advance(PAUSE);
    assert_eq!(fixture.try_all(Tried::Dead).await, 1);
    let dead = fixture.state_of(&realm, of).await;
    assert_eq!((dead.state, dead.ended_at), (MessageState::Dead, Some(fixture.now())));
    let counts = fixture.known(&realm, webhook.id).await.counts;
    assert_eq!((counts.pending, counts.dead), (0, 1));
    let gauges = fixture.ledger.gauges().await.unwrap();
    assert_eq!((gauges.messages, gauges.oldest_message_at), (counts, None));
    let redeliver = async |of, once| {
        fixture.ledger.redeliver_message(&realm, of, once, fixture.now()).await.unwrap()
    };
    let token = Some(once(&fixture, "key", "again"));
    let again = redeliver(of, token.clone()).await.unwrap();
    fixture.assert_sound().await;
    assert_eq!((again.state, again.failures), (MessageState::Pending, 0));
    assert_eq!((again.id, &again.body), (message.id, &message.body));
    let gauges = fixture.ledger.gauges().await.unwrap();
    assert_eq!((gauges.messages.pending, gauges.messages.dead), (1, 0));
    assert_eq!(gauges.oldest_message_at, Some(message.created_at));
    let repeat = Repeat::Of(Uuid::from(message.id));
    assert_eq!(redeliver(of, token).await, Err(WebhookRefusal::Repeated(repeat)));
    let nobody = (webhook.id, fixture.id::<MessageId>());
    assert_eq!(redeliver(nobody, None).await, Err(WebhookRefusal::Missing));
    assert_eq!(fixture.try_all(Tried::Delivered).await, 1);
    let arrived = fixture.state_of(&realm, of).await;
    let statuses: Vec<_> = arrived.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(204)]);
    // What has arrived can be sent once more, too.
    assert_eq!(redeliver(of, None).await.unwrap().state, MessageState::Pending);
    assert_eq!(fixture.try_all(Tried::Delivered).await, 1);
}

/// A receiver that is gone, or fails for days, gets no more; what waits, waits for it to be switched
/// on.
pub(crate) async fn a_webhook_that_is_gone_is_switched_off(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    let first = fixture.test_message(&realm, webhook.id).await;
    let second = fixture.test_message(&realm, webhook.id).await;
    let lease = fixture.lease();
    let round = fixture.rounds(lease, 1, 1).await.remove(0);
    assert_eq!(ids(&round.messages), [first.id]);
    assert!(fixture.end_as(&round, lease.token, (Tried::Dead, true)).await);
    let off = fixture.known(&realm, webhook.id).await;
    assert_eq!(off.standing.disabled.unwrap().by, DisabledBy::Gone);
    assert_eq!((off.counts.pending, off.counts.dead), (1, 1));
    assert_eq!(fixture.try_all(Tried::Delivered).await, 0);
    let new = NewMessage::test(fixture.id(), fixture.now(), &());
    let refused = fixture.ledger.add_message(&realm, webhook.id, new, None).await.unwrap();
    assert_eq!(refused, Err(WebhookRefusal::Disabled));
    let of = (webhook.id, first.id);
    let again = fixture.ledger.redeliver_message(&realm, of, None, fixture.now()).await.unwrap();
    assert_eq!(again, Err(WebhookRefusal::Disabled));
    fixture.switch(&realm, webhook.id, true).await;
    let lease = fixture.lease();
    let round = fixture.rounds(lease, 1, 9).await.remove(0);
    assert_eq!(ids(&round.messages), [second.id]);
    assert!(fixture.end(&round, lease.token, Tried::Again(fixture.now().plus(PAUSE))).await);
    assert_eq!(fixture.known(&realm, webhook.id).await.standing.failing_since, Some(fixture.now()));
    fixture.clock.advance(FAILING_DURATION_MAX);
    assert_eq!(fixture.try_all(Tried::Again(fixture.now().plus(PAUSE))).await, 1);
    let off = fixture.known(&realm, webhook.id).await;
    assert_eq!(off.standing.disabled.unwrap().by, DisabledBy::Failing);
}

/// A webhook that has had its round goes behind those that have waited, however much it has due.
pub(crate) async fn webhooks_are_served_in_turn(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let busy = fixture.webhook(&realm).await;
    for _ in 0..4 {
        fixture.test_message(&realm, busy.id).await;
    }
    fixture.clock.advance(Duration::from_secs(1));
    let late = fixture.webhook(&other).await;
    fixture.test_message(&other, late.id).await;
    let mut served = Vec::new();
    for _ in 0..5 {
        fixture.clock.advance(Duration::from_secs(1));
        let lease = fixture.lease();
        let round = fixture.rounds(lease, 1, 1).await.remove(0);
        served.push((round.organization, round.webhook.id));
        assert!(fixture.end(&round, lease.token, Tried::Delivered).await);
    }
    let (busy, late) = ((realm.organization, busy.id), (other.organization, late.id));
    assert_eq!(served, [busy, late, busy, busy, busy]);
    // Nothing is sent for an organization that is switched off.
    fixture.test_message(&realm, busy.1).await;
    let all = fixture.ledger.organizations().await.unwrap();
    let owner = all.iter().find(|one| one.number == realm.organization).unwrap();
    fixture.ledger.disable_organization(owner.id, fixture.now()).await.unwrap();
    assert_eq!(fixture.rounds(fixture.lease(), 9, 9).await, []);
}

/// The outbox of a webhook is bounded, and so is what has left it.
pub(crate) async fn messages_are_bounded_in_number(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    let count = usize::try_from(PENDING_MESSAGES_MAX).unwrap();
    let add = async |()| {
        let new = NewMessage::test(fixture.id(), fixture.now(), &());
        fixture.ledger.add_message(&realm, webhook.id, new, None).await.unwrap()
    };
    let added = join_all((0..count).map(|_| add(()))).await;
    assert!(added.iter().all(Result::is_ok));
    assert_eq!(add(()).await, Err(WebhookRefusal::Full));
    fixture.upload(&realm, "/a", 1).await;
    fixture.delete_path(&realm, "/a").await;
    fixture.clock.advance(Duration::from_secs(1));
    fixture.drain().await;
    let counts = fixture.known(&realm, webhook.id).await.counts;
    assert_eq!((counts.pending, counts.dead, counts.dropped), (PENDING_MESSAGES_MAX, 0, 1));
    for tried in [Tried::Delivered, Tried::Dead] {
        let lease = fixture.lease();
        let round = fixture.rounds(lease, 1, 1_500).await.remove(0);
        assert_eq!(round.messages.len(), 1_500);
        assert!(fixture.end(&round, lease.token, tried).await);
    }
    let counts = fixture.known(&realm, webhook.id).await.counts;
    let expected = (PENDING_MESSAGES_MAX - 3_000, ENDED_MESSAGES_MAX);
    assert_eq!((counts.pending, counts.dead), expected);
    let query = |state| MessageQuery { state: Some(state), before: None, limit: 100_000 };
    for state in [MessageState::Delivered, MessageState::Dead] {
        let page = fixture.ledger.message_page(&realm, webhook.id, query(state)).await.unwrap();
        assert_eq!(page.unwrap().len() as u64, ENDED_MESSAGES_MAX);
    }
    assert!(fixture.ledger.remove_webhook(&realm, webhook.id).await.unwrap());
    fixture.assert_sound().await;
}

/// Newest first, by state, page by page, and for nobody who does not see the webhook.
pub(crate) async fn messages_come_by_pages(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let webhook = fixture.webhook(&realm).await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        fixture.clock.advance(Duration::from_secs(1));
        sent.insert(0, fixture.test_message(&realm, webhook.id).await.id);
    }
    let lease = fixture.lease();
    let round = fixture.rounds(lease, 1, 2).await.remove(0);
    assert!(fixture.end(&round, lease.token, Tried::Dead).await);
    let page = async |realm: &Realm, state, before, limit| {
        let query = MessageQuery { state, before, limit };
        let page = fixture.ledger.message_page(realm, webhook.id, query).await.unwrap();
        page.map(|messages| ids(&messages))
    };
    assert_eq!(page(&realm, None, None, 9).await.unwrap(), sent);
    assert_eq!(page(&realm, None, None, 2).await.unwrap(), sent[..2]);
    assert_eq!(page(&realm, None, Some(sent[1]), 9).await.unwrap(), sent[2..]);
    assert_eq!(page(&realm, Some(MessageState::Dead), None, 9).await.unwrap(), sent[3..]);
    assert_eq!(page(&realm, Some(MessageState::Dead), Some(sent[3]), 9).await.unwrap(), sent[4..]);
    assert_eq!(page(&realm, Some(MessageState::Delivered), None, 9).await.unwrap(), []);
    assert_eq!(page(&other, None, None, 9).await, None);
    assert_eq!(page(&beneath(&realm, "/a"), None, None, 9).await, None);
    let of = (webhook.id, sent[0]);
    assert_eq!(fixture.ledger.message(&other, of).await.unwrap(), None);
    let again = fixture.ledger.redeliver_message(&other, of, None, fixture.now()).await.unwrap();
    assert_eq!(again, Err(WebhookRefusal::Missing));
}
