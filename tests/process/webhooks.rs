//! Webhooks against the real binary, and receivers that are there, slow, failing or gone.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::Proof;
use crate::harness::receiver::{Receiver, Reply};
use crate::harness::server::verify;
use crate::harness::{Answer, Client, Server};

const WEBHOOKS: &str = "/delenda/v1/webhooks";
const WAIT_MAX: Duration = Duration::from_secs(30);
const POLL_PERIOD: Duration = Duration::from_millis(20);
/// Receivers of this machine, and two short pauses.
const NEARBY: &str = "webhook_networks = '127.0.0.1'\nwebhook_retry_seconds = '1,1'\n";

impl Client {
    async fn hooks(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let target = format!("{WEBHOOKS}{path}");
        let asked = match body {
            Some(body) => self.send_json(method, &target, Proof::Bearer, &body).await,
            None => self.send(method, &target, Proof::Bearer).await,
        };
        asked.unwrap()
    }

    /// Makes a webhook; its id and its secret.
    async fn hook(&self, url: &str) -> (String, String) {
        let made = self.hooks(Method::POST, "", Some(json!({ "url": url }))).await.expect(201);
        let made = made.json();
        let member = |name: &str| made[name].as_str().unwrap().to_owned();
        (member("id"), member("secret"))
    }

    /// Messages in a state, once there are so many.
    async fn messages_become(&self, hook: &str, state: &str, count: usize) -> Vec<Value> {
        let (begun, path) = (Instant::now(), format!("/{hook}/messages?state={state}"));
        loop {
            let page = self.hooks(Method::GET, &path, None).await.expect(200).json();
            let messages = page["messages"].as_array().unwrap().clone();
            if messages.len() == count {
                return messages;
            }
            assert!(begun.elapsed() < WAIT_MAX, "{count} {state} wanted: {page}");
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }

    /// Stores a file and deletes it; the deletion's id.
    async fn delete_one(&self, path: &str) -> String {
        self.merple_put(path, "bytes".into()).await.unwrap().expect(201);
        let target = format!("/delenda/v1/files{path}");
        let deleted = self.send(Method::DELETE, &target, Proof::Bearer).await.unwrap();
        deleted.expect(200).json()["id"].as_str().unwrap().to_owned()
    }

    async fn deletion(&self, id: &str) -> Value {
        let target = format!("/delenda/v1/deletions/{id}");
        self.send(Method::GET, &target, Proof::Bearer).await.unwrap().expect(200).json()
    }
}

fn statuses(message: &Value) -> Vec<u64> {
    let attempts = message["attempts"].as_array().unwrap().iter();
    attempts.filter_map(|attempt| attempt["status"].as_u64()).collect()
}

fn start(data: &Path) -> Server {
    Server::start_configured(data, NEARBY)
}

#[tokio::test]
async fn a_settled_deletion_is_told_and_the_signature_is_right() {
    let home = TempDir::new().unwrap();
    let server = start(&home.path().join("data"));
    let (client, other) = (server.member("ours").client, server.member("theirs").client);
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let (hook, secret) = client.hook(&receiver.url()).await;
    other.hook(&elsewhere.url()).await;
    let deletion = client.delete_one("/secret name.txt").await;
    let told = receiver.received_become(1).await.remove(0);
    assert_eq!(told.signed_by(&secret), Some(0));
    assert_eq!(told.header("content-type"), "application/json");
    let sent_at: i64 = told.header("webhook-timestamp").parse().unwrap();
    let body = told.json();
    assert_eq!(body["type"], "deletion.settled");
    assert_eq!(body["data"], client.deletion(&deletion).await);
    assert_eq!(body["timestamp"], body["data"]["settled_at"]);
    assert!(sent_at > 1_700_000_000, "{sent_at}");
    let text = String::from_utf8(told.body.to_vec()).unwrap();
    assert!(!text.contains("secret name"), "{text}");
    // While a secret is replaced, each of both proves who sends.
    let rotated = client.hooks(Method::POST, &format!("/{hook}/rotate"), None).await.expect(200);
    let fresh = rotated.json()["secret"].as_str().unwrap().to_owned();
    client.hooks(Method::POST, &format!("/{hook}/test"), None).await.expect(202);
    let told = receiver.received_become(2).await.remove(1);
    assert_eq!(told.json()["type"], "webhook.test");
    assert_eq!((told.signed_by(&fresh), told.signed_by(&secret)), (Some(0), Some(1)));
    let messages = client.messages_become(&hook, "delivered", 2).await;
    assert_eq!(messages[1]["payload"], body);
    assert_eq!(statuses(&messages[1]), [204]);
    assert!(elsewhere.received().is_empty());
    verify(&server.terminate());
}

#[tokio::test]
async fn a_message_is_tried_again_and_dies_and_is_delivered_anew() {
    let home = TempDir::new().unwrap();
    let server = start(&home.path().join("data"));
    let client = server.member("ours").client;
    let receiver = Receiver::start().await;
    let (hook, secret) = client.hook(&receiver.url()).await;
    receiver.reply([Reply::Status(500), Reply::Status(503)]);
    client.delete_one("/one").await;
    let tries = receiver.received_become(3).await;
    assert!(tries.iter().all(|told| told.id() == tries[0].id() && told.body == tries[0].body));
    assert!(tries.iter().all(|told| told.signed_by(&secret) == Some(0)));
    let arrived = client.messages_become(&hook, "delivered", 1).await;
    assert_eq!(statuses(&arrived[0]), [500, 503, 204]);

    receiver.reply_always(Reply::Status(500));
    client.delete_one("/two").await;
    let dead = client.messages_become(&hook, "dead", 1).await.remove(0);
    assert_eq!(statuses(&dead), [500, 500, 500]);
    assert_eq!(dead["attempts"][0]["error"], "the answer was 500");
    let shown = client.hooks(Method::GET, &format!("/{hook}"), None).await.expect(200).json();
    assert_eq!((&shown["dead"], &shown["pending"]), (&json!(1), &json!(0)));
    assert!(shown["failing_since"].is_string() && shown.get("secret").is_none());
    let metrics = client.send(Method::GET, "/metrics", Proof::Nothing).await.unwrap();
    let metrics = metrics.expect(200).text();
    for line in [
        "delenda_webhook_messages_dead 1",
        "delenda_webhook_messages_pending 0",
        "delenda_webhook_messages_delivered_total 1",
        "delenda_webhook_attempts_failed_total 5",
        "delenda_webhook_messages_died_total 1",
        "delenda_webhook_oldest_age_seconds 0",
    ] {
        assert!(metrics.lines().any(|there| there == line), "{line}");
    }
    receiver.reply_always(Reply::Status(200));
    let id = dead["id"].as_str().unwrap();
    let again = format!("/{hook}/messages/{id}/redeliver");
    client.hooks(Method::POST, &again, None).await.expect(202);
    let arrived = client.messages_become(&hook, "delivered", 2).await;
    assert_eq!(statuses(&arrived[0]), [500, 500, 500, 200]);
    let last = receiver.received().pop().unwrap();
    assert_eq!((last.id(), last.json()), (id, dead["payload"].clone()));
    verify(&server.terminate());
}

#[tokio::test]
async fn a_kill_between_settling_and_delivery_loses_no_message() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = start(&data);
    let client = server.member("ours").client;
    let receiver = Receiver::start().await;
    let (hook, secret) = client.hook(&receiver.url()).await;
    // The first try reaches the receiver and is never answered: nobody knows that it arrived.
    receiver.reply_always(Reply::Silence);
    client.delete_one("/one").await;
    let first = receiver.received_become(1).await.remove(0);
    client.delete_one("/two").await;
    client.settled_usage().await;
    client.messages_become(&hook, "pending", 2).await;
    server.kill9();
    verify(&data);
    receiver.reply_always(Reply::Status(204));
    let server = start(&data);
    let client = server.again(&client);
    client.messages_become(&hook, "delivered", 2).await;
    let all = receiver.received();
    assert!(all.len() >= 3 && all.iter().all(|told| told.signed_by(&secret) == Some(0)));
    let repeats: Vec<_> = all.iter().filter(|told| told.id() == first.id()).collect();
    assert!(repeats.len() >= 2 && repeats.iter().all(|told| told.body == first.body));
    // Killed at once behind the answers, it tells all the same: the purge goes on, and so do they.
    let mut deletions = Vec::new();
    for name in ["/three", "/four", "/five"] {
        deletions.push(client.delete_one(name).await);
    }
    server.kill9();
    let server = start(&data);
    let client = server.again(&client);
    let told = client.messages_become(&hook, "delivered", 5).await;
    let told: Vec<&str> =
        told.iter().map(|one| one["payload"]["data"]["id"].as_str().unwrap()).collect();
    assert!(deletions.iter().all(|id| told.contains(&id.as_str())), "{told:?}");
    verify(&server.terminate());
}

#[tokio::test]
async fn no_private_address_is_reached_unless_it_is_configured() {
    let home = TempDir::new().unwrap();
    let server = Server::start_configured(&home.path().join("data"), "webhook_retry_seconds = '1'");
    let client = server.member("ours").client;
    let receiver = Receiver::start().await;
    let private = ["http://10.0.0.1/", "http://[::1]:8080/", "http://169.254.169.254/latest"];
    for url in private.iter().copied().chain([receiver.url().as_str(), server.base()]) {
        let refused = client.hooks(Method::POST, "", Some(json!({ "url": url }))).await;
        let problem = refused.expect(422).json();
        assert_eq!(problem["type"], "/problems/unprocessable", "{url}");
    }
    // A name may be given; where it leads is seen when it is resolved.
    let (hook, _) = client.hook(&receiver.named_url()).await;
    client.delete_one("/one").await;
    let dead = client.messages_become(&hook, "dead", 1).await.remove(0);
    let attempts = dead["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        assert_eq!(attempt["status"], Value::Null);
        let refused = "the url leads to an address that webhooks may not connect to";
        assert_eq!(attempt["error"], refused);
    }
    assert!(receiver.received().is_empty());
    server.terminate();
}

#[tokio::test]
async fn one_receiver_that_is_slow_or_gone_or_elsewhere_hinders_no_other() {
    let home = TempDir::new().unwrap();
    let server = start(&home.path().join("data"));
    let client = server.member("ours").client;
    let (slow, gone, moved) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let (good, other) = (Receiver::start().await, Receiver::start().await);
    slow.reply_always(Reply::Silence);
    gone.reply_always(Reply::Status(410));
    moved.reply_always(Reply::Redirect(other.url()));
    let (gone_hook, _) = client.hook(&gone.url()).await;
    let (moved_hook, _) = client.hook(&moved.url()).await;
    client.hook(&slow.url()).await;
    client.hook(&good.url()).await;
    let begun = Instant::now();
    for number in 0..20 {
        client.delete_one(&format!("/{number}")).await;
    }
    good.received_become(20).await;
    // The slow one has its first few under way, and is given up only after 15 seconds.
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    assert!((1..20).contains(&slow.received().len()));
    // Who is gone is asked no more, who redirects is not followed.
    client.messages_become(&moved_hook, "dead", 20).await;
    let shown = async |hook: &str| {
        client.hooks(Method::GET, &format!("/{hook}"), None).await.expect(200).json()
    };
    let off = shown(&gone_hook).await;
    assert_eq!((&off["enabled"], &off["disabled_by"]), (&json!(false), &json!("gone")));
    assert!(gone.received().len() < 20, "{}", gone.received().len());
    let refused = client.hooks(Method::POST, &format!("/{gone_hook}/test"), None).await;
    refused.expect(409);
    assert!(other.received().is_empty());
    let on = shown(&moved_hook).await;
    assert_eq!((&on["enabled"], &on["dead"]), (&json!(true), &json!(20)));
    verify(&server.terminate());
}
