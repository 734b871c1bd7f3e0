//! Webhooks: made, listed, changed, rotated, removed, and the messages to them.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{Native, kind_of, problem};
use crate::domain::organization::Realm;
use crate::domain::webhooks::{Attempt, Tried, WEBHOOKS_MAX};
use crate::http::tests::app::{Answer, TestApp};
use crate::ledger::webhooks::{RoundLimits, SettledRound};
use crate::ledger::{Lease, LeaseToken};
use crate::webhooks::egress::Egress;

const WEBHOOKS: &str = "/delenda/v1/webhooks";
const URL: &str = "https://a.example/hook?token=1";
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

impl Native {
    async fn hook(&self) -> Value {
        let made = self.post(WEBHOOKS, &json!({ "url": URL }).to_string()).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
        assert_eq!(made.header("cache-control"), "no-store");
        made.json()
    }

    async fn change(&self, id: &str, change: &Value) -> Answer {
        let target = format!("{WEBHOOKS}/{id}");
        self.ask(Method::PATCH, &target, &[], change.to_string()).await
    }

    async fn with_key(&self, target: &str, key: &str, body: &str) -> Answer {
        let headers = [("idempotency-key", key)];
        self.ask(Method::POST, target, &headers, body.to_owned()).await
    }

    /// Messages in a state, the newest first.
    async fn messages(&self, id: &str, query: &str) -> Vec<Value> {
        let page = self.get(&format!("{WEBHOOKS}/{id}/messages{query}"), &[]).await;
        assert_eq!(page.status.as_u16(), 200, "{}", page.text());
        page.json()["messages"].as_array().unwrap().clone()
    }

    /// Lets one round of messages end so; how many they were.
    async fn round(&self, tried: Tried) -> usize {
        let (ledger, now) = (&self.app.service.ledger, self.app.clock_now());
        let token = LeaseToken([4; 16]);
        let lease = Lease { token, began_at: now, expires_at: now.plus(Duration::from_secs(60)) };
        let limits = RoundLimits { webhooks_max: 1, messages_max: 100 };
        let round = ledger.lease_messages(now, lease, limits).await.unwrap().remove(0);
        let error = (tried != Tried::Delivered).then(|| "the answer was 500".to_owned());
        let status = Some(if error.is_some() { 500 } else { 200 });
        let attempt = Attempt { at_ms: now.millis(), duration_ms: 7, status, error };
        let tries = round.messages.iter().map(|one| (one.id, attempt.clone(), tried)).collect();
        let (organization, webhook) = (round.organization, round.webhook.id);
        let settled = SettledRound { organization, webhook, token, tries, is_gone: false };
        assert!(ledger.settle_round(settled, now).await.unwrap());
        round.messages.len()
    }
}

fn id_of(shown: &Value) -> String {
    shown["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_webhook_is_made_and_its_secret_shown_once() {
    let native = Native::new().await;
    let made = native.hook().await;
    let (id, secret) = (id_of(&made), made["secret"].as_str().unwrap());
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let mut expected = json!({
        "id": id, "secret": secret, "url": URL,
        "events": ["deletion.settled", "deletion.failed"], "prefix": "/",
        "created_at": native.app.iso_now(), "enabled": true, "disabled_at": null,
        "disabled_by": null, "failing_since": null, "former_signs_until": null,
        "pending": 0, "dead": 0, "dropped": 0,
    });
    assert_eq!(made, expected);
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(native.get(&format!("{WEBHOOKS}/{id}"), &[]).await.json(), expected);
    let list = native.get(WEBHOOKS, &[]).await;
    assert_eq!(list.json(), json!({ "webhooks": [expected], "cursor": null }));
    assert!(!list.text().contains("whsec_"));
    let body = json!({ "url": URL, "events": ["deletion.failed"] }).to_string();
    let one = native.post(WEBHOOKS, &body).await.json();
    assert_eq!(one["events"], json!(["deletion.failed"]));
    assert_ne!(one["secret"], made["secret"]);
}

#[tokio::test]
async fn a_repeat_makes_no_second_webhook_and_shows_the_secret_again() {
    let native = Native::new().await;
    let body = json!({ "url": URL }).to_string();
    let first = native.with_key(WEBHOOKS, "one", &body).await;
    let again = native.with_key(WEBHOOKS, "one", &body).await;
    assert_eq!((again.status.as_u16(), again.json()), (201, first.json()));
    let other = json!({ "url": "https://b.example/" }).to_string();
    let mismatch = native.with_key(WEBHOOKS, "one", &other).await;
    assert_eq!(kind_of(&mismatch), (422, "/problems/idempotency-mismatch".to_owned()));
    let id = id_of(&first.json());
    let rotate = format!("{WEBHOOKS}/{id}/rotate");
    let rotated = native.with_key(&rotate, "two", "").await.json();
    assert_ne!(rotated["secret"], first.json()["secret"]);
    assert_eq!(native.with_key(&rotate, "two", "").await.json(), rotated);
    // What was replaced is not shown any more, and what is gone is not made again.
    assert_eq!(native.with_key(WEBHOOKS, "one", &body).await.json()["secret"], Value::Null);
    let gone = native.ask(Method::DELETE, &format!("{WEBHOOKS}/{id}"), &[], "").await;
    assert_eq!((gone.status.as_u16(), gone.text()), (204, ""));
    assert_eq!(kind_of(&native.with_key(WEBHOOKS, "one", &body).await).0, 404);
    assert_eq!(native.get(WEBHOOKS, &[]).await.json()["webhooks"], json!([]));
}

#[tokio::test]
async fn a_rotation_leaves_the_secret_before_some_grace() {
    let native = Native::new().await;
    let id = id_of(&native.hook().await);
    let rotate = format!("{WEBHOOKS}/{id}/rotate");
    let rotated = native.post(&rotate, "").await;
    assert_eq!((rotated.status.as_u16(), rotated.header("cache-control")), (200, "no-store"));
    let day = native.app.clock_now().plus(Duration::from_secs(86_400)).iso8601();
    assert_eq!(rotated.json()["former_signs_until"], day);
    let none = native.post(&rotate, r#"{"grace_seconds":0}"#).await.json();
    assert_eq!(none["former_signs_until"], Value::Null);
    assert_eq!(kind_of(&native.post(&rotate, r#"{"grace_seconds":604801}"#).await).0, 422);
    assert_eq!(native.post(&rotate, r#"{"grace_seconds":10}"#).await.status, 200);
    native.app.clock.advance(Duration::from_secs(10));
    let shown = native.get(&format!("{WEBHOOKS}/{id}"), &[]).await.json();
    assert_eq!(shown["former_signs_until"], Value::Null);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_is_refused() {
    let native = Native::new().await;
    for (body, status) in [
        (json!({ "url": "http://127.0.0.1/" }), 422),
        (json!({ "url": "http://2130706433/" }), 422),
        (json!({ "url": "https://user:secret@a.example/" }), 422),
        (json!({ "url": "ftp://a.example/" }), 422),
        (json!({ "url": "https://a.example:22/" }), 422),
        (json!({ "url": "" }), 422),
        (json!({ "url": URL, "events": [] }), 422),
        (json!({ "url": URL, "events": ["deletion.made"] }), 422),
        (json!({ "url": URL, "events": ["webhook.test"] }), 422),
        (json!({ "url": URL, "events": ["deletion.failed", "deletion.failed"] }), 422),
        (json!({ "url": URL, "events": "deletion.failed" }), 400),
        (json!({ "url": URL, "secret": "whsec_own" }), 400),
        (json!({}), 400),
        (json!([]), 400),
    ] {
        let refused = native.post(WEBHOOKS, &body.to_string()).await;
        let (told, document) = problem(&refused);
        assert_eq!(told, status, "{body}: {document}");
        assert!(!refused.text().contains("secret@"), "{}", refused.text());
    }
    assert_eq!(native.get(WEBHOOKS, &[]).await.json()["webhooks"], json!([]));
    for _ in 0..WEBHOOKS_MAX {
        native.hook().await;
    }
    let full = native.post(WEBHOOKS, &json!({ "url": URL }).to_string()).await;
    assert_eq!(kind_of(&full), (409, "/problems/conflict".to_owned()));
    // Unless the operator has listed the network.
    let app = TestApp::with(|settings| settings.egress = Egress::parse("127.0.0.0/8").unwrap());
    let near = Native::of(app.await).await;
    let made = near.post(WEBHOOKS, r#"{"url":"http://127.0.0.1:8080/"}"#).await;
    assert_eq!(made.status.as_u16(), 201);
}

#[tokio::test]
async fn a_change_of_a_webhook_is_of_what_is_given() {
    let native = Native::new().await;
    let made = native.hook().await;
    let id = id_of(&made);
    let off = native.change(&id, &json!({ "enabled": false })).await.json();
    assert_eq!((&off["enabled"], &off["disabled_by"]), (&json!(false), &json!("owner")));
    assert_eq!((&off["url"], &off["events"]), (&made["url"], &made["events"]));
    let both = json!({ "url": "https://b.example/", "events": ["deletion.settled"] });
    let moved = native.change(&id, &both).await.json();
    assert_eq!((&moved["url"], &moved["events"]), (&both["url"], &both["events"]));
    assert_eq!(moved["disabled_at"], off["disabled_at"]);
    let on = native.change(&id, &json!({ "enabled": true })).await.json();
    assert_eq!((&on["enabled"], &on["disabled_at"]), (&json!(true), &Value::Null));
    for (change, status) in [
        (json!({ "url": "http://10.0.0.1/" }), 422),
        (json!({ "events": [] }), 422),
        (json!({ "url": null }), 400),
        (json!({ "secret": "whsec_own" }), 400),
    ] {
        let refused = native.change(&id, &change).await;
        assert_eq!(problem(&refused).0, status, "{change}");
    }
    assert_eq!(problem(&native.change(NOBODY, &json!({})).await).0, 404);
    assert_eq!(native.change(&id, &json!({})).await.json(), on);
}

/// What the native API shows of a deletion is what webhooks are told of it.
#[tokio::test]
async fn a_message_tells_what_is_shown_of_the_deletion() {
    let native = Native::new().await;
    let id = id_of(&native.hook().await);
    native.put("/delenda/v1/files/a/one.txt", &[], "12345").await;
    let asked = json!({ "paths": ["/a", "/none"], "missing": "count" }).to_string();
    let asked = native.post("/delenda/v1/deletions", &asked).await;
    assert_eq!(asked.status.as_u16(), 201, "{}", asked.text());
    let deletion = id_of(&asked.json());
    native.app.drained().await;
    let message = native.messages(&id, "").await.remove(0);
    let shown = native.get(&format!("/delenda/v1/deletions/{deletion}"), &[]).await.json();
    assert_eq!(shown["state"], "settled");
    let expected = json!({
        "id": message["id"], "event": "deletion.settled", "state": "pending",
        "created_at": shown["settled_at"], "due_at": shown["settled_at"], "ended_at": null,
        "attempts": [],
        "payload": { "type": "deletion.settled", "timestamp": shown["settled_at"], "data": shown },
    });
    assert_eq!(message, expected);
    assert!(!message.to_string().contains("one.txt"));
}

#[tokio::test]
async fn messages_are_listed_by_state_and_delivered_anew() {
    let native = Native::new().await;
    let id = id_of(&native.hook().await);
    let test = format!("{WEBHOOKS}/{id}/test");
    let mut sent = Vec::new();
    for _ in 0..3 {
        let answer = native.post(&test, "").await;
        assert_eq!(answer.status.as_u16(), 202, "{}", answer.text());
        sent.insert(0, answer.json());
        native.app.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(sent[0]["payload"]["data"], json!({ "webhook": id }));
    assert_eq!(native.messages(&id, "").await, sent);
    let first = native.get(&format!("{WEBHOOKS}/{id}/messages?limit=2"), &[]).await.json();
    let cursor = first["cursor"].as_str().unwrap();
    let rest = native.messages(&id, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!((first["messages"].as_array().unwrap().len(), &rest[..]), (2, &sent[2..]));
    // A cursor is one of this list, and of this state.
    let foreign = format!("{WEBHOOKS}/{id}/messages?state=dead&cursor={cursor}");
    assert_eq!(problem(&native.get(&foreign, &[]).await).0, 400);
    let unknown = format!("{WEBHOOKS}/{id}/messages?state=lost");
    assert_eq!(problem(&native.get(&unknown, &[]).await).0, 400);

    assert_eq!(native.round(Tried::Dead).await, 3);
    assert_eq!(native.messages(&id, "?state=pending").await, Vec::<Value>::new());
    let dead = native.messages(&id, "?state=dead").await;
    assert_eq!(dead.len(), 3);
    let attempt = json!({
        "at": native.app.iso_now(), "duration_ms": 7, "status": 500,
        "error": "the answer was 500",
    });
    assert_eq!(dead[0]["attempts"], json!([attempt]));
    let one = format!("{WEBHOOKS}/{id}/messages/{}", id_of(&dead[1]));
    assert_eq!(native.get(&one, &[]).await.json(), dead[1]);
    let again = native.with_key(&format!("{one}/redeliver"), "again", "").await;
    assert_eq!((again.status.as_u16(), &again.json()["state"]), (202, &json!("pending")));
    assert_eq!(native.round(Tried::Delivered).await, 1);
    // A repeat has no effect: it shows the message as it is now.
    let repeat = native.with_key(&format!("{one}/redeliver"), "again", "").await.json();
    assert_eq!((&repeat["state"], &repeat["id"]), (&json!("delivered"), &dead[1]["id"]));
    assert_eq!(repeat["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(native.messages(&id, "?state=dead").await.len(), 2);
    assert_eq!(native.messages(&id, "?state=delivered").await, [repeat]);
    let nobody = format!("{WEBHOOKS}/{id}/messages/{NOBODY}/redeliver");
    assert_eq!(problem(&native.post(&nobody, "").await).0, 404);
}

#[tokio::test]
async fn a_webhook_that_is_off_is_sent_nothing() {
    let native = Native::new().await;
    let id = id_of(&native.hook().await);
    let test = format!("{WEBHOOKS}/{id}/test");
    let message = id_of(&native.post(&test, "").await.json());
    native.change(&id, &json!({ "enabled": false })).await;
    let again = format!("{WEBHOOKS}/{id}/messages/{message}/redeliver");
    for refused in [&test, &again] {
        let refused = native.post(refused, "").await;
        assert_eq!(kind_of(&refused), (409, "/problems/conflict".to_owned()));
    }
    assert_eq!(native.messages(&id, "?state=pending").await.len(), 1);
}

#[tokio::test]
async fn webhooks_are_seen_within_the_prefix_of_their_keeper() {
    let native = Native::new().await;
    let (narrow, stranger) = (native.beneath("/a").await, native.stranger().await);
    let (wide, own) = (native.hook().await, narrow.hook().await);
    assert_eq!(own["prefix"], "/a");
    let (wide, own) = (id_of(&wide), id_of(&own));
    let count = async |who: &Native| {
        who.get(WEBHOOKS, &[]).await.json()["webhooks"].as_array().unwrap().len()
    };
    assert_eq!((count(&native).await, count(&narrow).await, count(&stranger).await), (2, 1, 0));
    for (who, id) in [(&narrow, &wide), (&stranger, &wide), (&stranger, &own)] {
        let one = format!("{WEBHOOKS}/{id}");
        for (method, path) in [
            (Method::GET, ""),
            (Method::DELETE, ""),
            (Method::GET, "/messages"),
            (Method::POST, "/rotate"),
            (Method::POST, "/test"),
        ] {
            let refused = who.ask(method, &format!("{one}{path}"), &[], "").await;
            assert_eq!(problem(&refused).0, 404, "{path}");
        }
        assert_eq!(problem(&who.change(id, &json!({ "enabled": false })).await).0, 404);
    }
    // What was asked beneath the prefix is told to both, all else to the wider one.
    for (who, path) in [(&native, "/a/one"), (&narrow, "/a/two")] {
        who.put(&format!("/delenda/v1/files{path}"), &[], "1").await;
        let gone = who.ask(Method::DELETE, &format!("/delenda/v1/files{path}"), &[], "").await;
        assert_eq!(gone.status.as_u16(), 200);
    }
    native.app.drained().await;
    assert_eq!(native.messages(&wide, "").await.len(), 2);
    assert_eq!(narrow.messages(&own, "").await.len(), 1);
}

#[tokio::test]
async fn an_operator_keeps_the_webhooks_of_the_organization_that_it_names() {
    let native = Native::new().await;
    let (_, operator) = native.app.new_key(None, "admin", "/").await;
    let body = json!({ "url": URL }).to_string();
    let operator = Native { app: native.app.clone(), key: operator };
    assert_eq!(problem(&operator.post(WEBHOOKS, &body).await).0, 400);
    let named = format!("{WEBHOOKS}?organization={}", native.app.ours.id);
    assert_eq!(operator.post(&named, &body).await.status.as_u16(), 201);
    assert_eq!(native.get(WEBHOOKS, &[]).await.json()["webhooks"].as_array().unwrap().len(), 1);
    let realm = Realm::whole(native.app.theirs.number);
    let theirs = native.app.service.ledger.webhook_page(&realm, None, 9).await.unwrap();
    assert_eq!(theirs, []);
}
