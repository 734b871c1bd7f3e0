//! What webhooks are told, in the very transaction of what it tells.

use serde_json::Value;

use super::fixture::{Fixture, STEP, beneath, by_path};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::domain::filter::FileFilter;
use crate::domain::id::{DeletionId, WebhookId};
use crate::domain::organization::Realm;
use crate::domain::webhooks::{
    Event, Events, Message, MessageState, PURGE_FAILING_DURATION_MIN, Webhook, WebhookSecret,
};
use crate::ledger::webhooks::{MessageQuery, NewWebhook, WebhookChange};

impl Fixture {
    /// A webhook that hears of everything that the realm sees.
    pub(crate) async fn webhook(&self, realm: &Realm) -> Webhook {
        self.webhook_of(realm, Events::all()).await
    }

    async fn webhook_of(&self, realm: &Realm, events: Events) -> Webhook {
        let (id, url) = (self.id(), "https://a.example/hook".to_owned());
        let new = NewWebhook { id, url, events, secret: WebhookSecret([3; 32]) };
        let made = self.ledger.create_webhook(realm, new, None, self.now()).await.unwrap();
        self.assert_sound().await;
        made.unwrap()
    }

    /// All messages of a webhook, the oldest first.
    pub(crate) async fn messages(&self, realm: &Realm, webhook: WebhookId) -> Vec<Message> {
        let query = MessageQuery { state: None, before: None, limit: 100_000 };
        let page = self.ledger.message_page(realm, webhook, query).await.unwrap();
        let mut messages = page.expect("the realm sees the webhook");
        messages.reverse();
        messages
    }

    /// What a webhook was told: events, with the deletion and how that failed.
    async fn told(&self, realm: &Realm, webhook: &Webhook) -> Vec<(String, DeletionId, String)> {
        self.messages(realm, webhook.id).await.iter().map(told).collect()
    }
}

/// What a message tells.
pub(super) fn told(message: &Message) -> (String, DeletionId, String) {
    let body: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(body["type"], message.event.as_str());
    assert_eq!(body["timestamp"], message.created_at.iso8601());
    let deletion = DeletionId::parse(body["data"]["id"].as_str().unwrap()).unwrap();
    let failure = body["data"]["failure"].as_str().unwrap_or_default();
    (message.event.as_str().to_owned(), deletion, failure.to_owned())
}

fn settled(id: DeletionId) -> (String, DeletionId, String) {
    (Event::DeletionSettled.as_str().to_owned(), id, String::new())
}

fn failed(id: DeletionId, failure: &str) -> (String, DeletionId, String) {
    (Event::DeletionFailed.as_str().to_owned(), id, failure.to_owned())
}

fn in_steps(fixture: &Fixture, realm: &Realm) -> DeleteRequest {
    let filter = FileFilter { larger_than: Some(0), ..FileFilter::default() };
    let selectors = vec![Selector::Matching(filter)];
    DeleteRequest { matched_files_max: 0, ..fixture.lenient(realm, selectors) }
}

/// A message is there when the last byte is gone, and not before; with what the record says.
pub(crate) async fn a_deletion_that_settles_is_told(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    fixture.upload_each(&realm, &["/a", "/t/1", "/t/2"]).await;
    let file = fixture.delete_path(&realm, "/a").await.id;
    let tree = fixture.delete_path(&realm, "/t").await.id;
    assert_eq!(fixture.told(&realm, &webhook).await, []);
    fixture.purge().await;
    assert_eq!(fixture.told(&realm, &webhook).await, [settled(file)]);
    fixture.expand(1).await;
    assert_eq!(fixture.told(&realm, &webhook).await, [settled(file)]);
    fixture.purge().await;
    assert_eq!(fixture.told(&realm, &webhook).await, [settled(file), settled(tree)]);
    let message = fixture.messages(&realm, webhook.id).await.pop().unwrap();
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let record = fixture.record(&realm, tree).await;
    assert_eq!(body["data"]["settled_at"], record.settled_at.unwrap().iso8601());
    assert_eq!(body["data"]["state"], "settled");
    assert_eq!(body["data"]["doomed"]["files"], 2);
    assert_eq!(body["data"]["purged"]["files"], 2);
    let keys: Vec<&String> = body["data"].as_object().unwrap().keys().collect();
    assert!(!keys.iter().any(|key| *key == "failure"), "{keys:?}");
    assert_eq!((message.state, message.due_at), (MessageState::Pending, Some(fixture.now())));
}

/// What is settled with its commit, or with the end of its steps or its trees alone, is told too.
pub(crate) async fn a_deletion_of_nothing_is_told(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    let nothing = fixture.lenient(&realm, vec![by_path("/nothing")]);
    let nothing = fixture.delete(nothing).await.unwrap().id;
    assert_eq!(fixture.told(&realm, &webhook).await, [settled(nothing)]);
    let steps = fixture.delete(in_steps(&fixture, &realm)).await.unwrap().id;
    fixture.upload(&realm, "/t/a", 1).await;
    fixture.delete_path(&realm, "/t/a").await;
    let folder = fixture.delete_path(&realm, "/t").await.id;
    fixture.clock.advance(std::time::Duration::from_millis(1));
    fixture.drain().await;
    let all = fixture.told(&realm, &webhook).await;
    assert!(all.contains(&settled(steps)) && all.contains(&settled(folder)), "{all:?}");
    assert_eq!(all.len(), 4);
}

/// The end of a deletion that somebody ended is told at once, and its settling when it comes.
pub(crate) async fn a_cancelled_deletion_is_told(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    fixture.upload_each(&realm, &["/a", "/b", "/c"]).await;
    let id = fixture.delete(in_steps(&fixture, &realm)).await.unwrap().id;
    fixture.select_once(None, 1).await.unwrap();
    fixture.ledger.cancel_deletion(&realm, id, None, fixture.now()).await.unwrap().unwrap();
    assert_eq!(fixture.told(&realm, &webhook).await, [failed(id, "cancelled")]);
    fixture.ledger.cancel_deletion(&realm, id, None, fixture.now()).await.unwrap().unwrap();
    fixture.drain().await;
    let expected = [failed(id, "cancelled"), settled(id)];
    assert_eq!(fixture.told(&realm, &webhook).await, expected);
    // One of which nothing had gone settles in the same transaction.
    let id = fixture.delete(in_steps(&fixture, &realm)).await.unwrap().id;
    fixture.ledger.cancel_deletion(&realm, id, None, fixture.now()).await.unwrap().unwrap();
    let all = fixture.told(&realm, &webhook).await;
    assert_eq!(all.len(), 4);
    assert!(all.contains(&failed(id, "cancelled")) && all.contains(&settled(id)), "{all:?}");
}

/// Bytes that cannot go are told of once, after a while, and their end when it comes.
pub(crate) async fn a_purge_that_keeps_failing_is_told_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let webhook = fixture.webhook(&realm).await;
    fixture.upload_each(&realm, &["/t/1", "/t/2"]).await;
    let id = fixture.delete_path(&realm, "/t").await.id;
    fixture.expand(STEP.blobs).await;
    let keep_all = async || {
        let lease = fixture.lease();
        let batches = fixture.lease_due(lease).await;
        assert_eq!(batches.len(), 1);
        fixture.settle(&batches, lease.token, |_| true).await;
    };
    fixture.clock.advance(super::fixture::LEASE_DURATION);
    keep_all().await;
    fixture.clock.advance(PURGE_FAILING_DURATION_MIN - std::time::Duration::from_millis(1));
    keep_all().await;
    assert_eq!(fixture.told(&realm, &webhook).await, []);
    for _ in 0..3 {
        fixture.clock.advance(super::fixture::RETRY_PAUSE);
        keep_all().await;
        assert_eq!(fixture.told(&realm, &webhook).await, [failed(id, "purge_failing")]);
    }
    fixture.purge().await;
    let expected = [failed(id, "purge_failing"), settled(id)];
    assert_eq!(fixture.told(&realm, &webhook).await, expected);
}

/// Everybody hears what they asked for of what was asked beneath their prefix, while they are on.
pub(crate) async fn a_webhook_hears_what_it_asked_for(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let below = beneath(&realm, "/a");
    let all = fixture.webhook(&realm).await;
    let narrow = fixture.webhook(&below).await;
    let failures = Events::parse(["deletion.failed"]).unwrap();
    let failures = fixture.webhook_of(&realm, failures).await;
    let off = fixture.webhook(&realm).await;
    let switch = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    fixture.ledger.change_webhook(&realm, off.id, switch, fixture.now()).await.unwrap().unwrap();
    let foreign = fixture.webhook(&other).await;
    fixture.upload_each(&realm, &["/a/1", "/a/2"]).await;
    let wide = fixture.delete_path(&realm, "/a/1").await.id;
    let narrowly = fixture.delete_path(&below, "/a/2").await.id;
    fixture.drain().await;
    let mut heard = fixture.told(&realm, &all).await;
    heard.sort_by_key(|(_, id, _)| *id);
    assert_eq!(heard, [settled(wide), settled(narrowly)]);
    assert_eq!(fixture.told(&below, &narrow).await, [settled(narrowly)]);
    for silent in [&failures, &off] {
        assert_eq!(fixture.told(&realm, silent).await, []);
    }
    assert_eq!(fixture.told(&other, &foreign).await, []);
}
