//! Idempotency keys against the real binary: clients that repeat until they have an answer, and a
//! server that is killed under them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::harness::client::{Proof, answer};
use crate::harness::server::verify;
use crate::harness::{Client, Server};
use crate::selecting::unpack;

/// Clients that all want the same.
const CLIENTS: usize = 8;
/// Requests, each of which has an idempotency key and is made by every client.
const REQUESTS: usize = 120;
const KILLS: usize = 6;
/// Files that a filter finds, more than go with one commit.
const STEPPED_FILES: usize = 14_000;
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(2);
const STORM_MAX: Duration = Duration::from_secs(120);

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Key,
    Deletion,
    Command,
    DryRun,
    /// Of the plan of the dry run before it.
    Commit,
    Cancel,
}

/// In this order, again and again.
const KINDS: [Kind; 6] =
    [Kind::Key, Kind::Deletion, Kind::Command, Kind::DryRun, Kind::Commit, Kind::Cancel];

fn kind(number: usize) -> Kind {
    KINDS[number % KINDS.len()]
}

/// The file that a request deletes; a commit that of its dry run.
fn path(number: usize) -> String {
    format!("/storm/{}", if kind(number) == Kind::Commit { number - 1 } else { number })
}

/// A request: its target, its body, and the status of its success.
fn wish(number: usize, before: Option<&Value>, cancelled: &str) -> (String, Value, u16) {
    let deletions = "/delenda/v1/deletions";
    let (target, body, status) = match kind(number) {
        Kind::Key => ("/delenda/v1/keys", json!({ "scopes": ["read"] }), 201),
        Kind::Deletion => (deletions, json!({ "paths": [path(number)] }), 201),
        Kind::Command => ("/delenda/v1/commands", json!({ "metadata": number }), 201),
        Kind::DryRun => (deletions, json!({ "paths": [path(number)], "dry_run": true }), 200),
        Kind::Commit => (deletions, json!({ "plan": before.unwrap()["plan"] }), 201),
        Kind::Cancel => {
            return (format!("{deletions}/{cancelled}/cancel"), json!({}), 200);
        }
    };
    (target.to_owned(), body, status)
}

/// What an answer says of the effect; how far a deletion is changes from one to the next.
fn effect(answer: &Value) -> Value {
    match (answer.get("dry_run"), answer.get("doomed")) {
        (None, Some(doomed)) => json!({
            "id": answer["id"], "doomed": doomed, "items": answer["items"],
            "cancelled_at": answer["cancelled_at"],
        }),
        (Some(_), _) | (None, None) => answer.clone(),
    }
}

/// Stores a file where there may be one.
async fn store(client: &watch::Receiver<Client>, path: &str, text: &'static str) {
    loop {
        let present = client.borrow().clone();
        match present.merple_put(path, text.into()).await {
            Ok(answer) if answer.status == 201 => return,
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_cut_off) => {}
        }
        tokio::time::sleep(PAUSE_BETWEEN_TRIES).await;
    }
}

/// Tries until there is an answer: whatever went wrong on the way may or may not have had effect.
async fn insist(
    client: &watch::Receiver<Client>,
    number: usize,
    (target, body, status): (String, Value, u16),
    tries: &AtomicUsize,
) -> Value {
    loop {
        tries.fetch_add(1, Ordering::Relaxed);
        let present = client.borrow().clone();
        let request = present.request(Method::POST, &target, Proof::Bearer).await.unwrap();
        let request = request.header("idempotency-key", format!("request-{number}")).json(&body);
        match answer(request).await {
            Ok(answer) if answer.status == status => return answer.json(),
            Ok(answer) => assert_eq!(answer.status, 503, "{target} {body}: {}", answer.text()),
            Err(_cut_off) => {}
        }
        tokio::time::sleep(PAUSE_BETWEEN_TRIES).await;
    }
}

/// A deletion that was cancelled while its filter went on in steps. To cancel it again has no
/// effect but that the request is remembered.
async fn cancelled(client: &Client) -> Value {
    let puts = (0..2).map(|half| {
        let files = (0..STEPPED_FILES / 2).map(move |number| (format!("{half}-{number}"), 7));
        let files: Vec<_> = files.collect();
        async move { unpack(client, "/steps", &files).await }
    });
    join_all(puts).await;
    let body = json!({ "matching": [{ "prefix": "/steps" }], "atomic": false });
    let (bearer, deletions) = (Proof::Bearer, "/delenda/v1/deletions");
    let made = client.send_json(Method::POST, deletions, bearer, &body).await.unwrap();
    let made = made.expect(201).json();
    let target = format!("{deletions}/{}/cancel", made["id"].as_str().unwrap());
    client.send(Method::POST, &target, bearer).await.unwrap().expect(200).json()
}

/// What there is, by its identity.
async fn all(client: &Client, list: &str) -> Vec<Value> {
    let target = format!("/delenda/v1/{list}?limit=1000");
    let page = client.send(Method::GET, &target, Proof::Bearer).await.unwrap().expect(200).json();
    assert_eq!(page["cursor"], Value::Null);
    page[list].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_repeats_with_kills_has_one_effect_and_one_answer() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let mut server = Server::start(&data);
    let member = server.member("stormy").client;
    let (present, seen) = watch::channel(member.clone());
    let tries = Arc::new(AtomicUsize::new(0));
    let is_deleted = |number: &usize| matches!(kind(*number), Kind::Deletion | Kind::Commit);
    for number in (0..REQUESTS).filter(is_deleted) {
        store(&seen, &path(number), "old").await;
    }
    let cancelled = cancelled(&member).await;
    let cancelled_id = cancelled["id"].as_str().unwrap().to_owned();
    let storm: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (seen, tries, id) = (seen.clone(), Arc::clone(&tries), cancelled_id.clone());
            tokio::spawn(async move {
                let mut answers: Vec<Value> = Vec::new();
                for number in 0..REQUESTS {
                    let wish = wish(number, answers.last(), &id);
                    answers.push(effect(&insist(&seen, number, wish, &tries).await));
                    // What comes to the name now is no repeat's to take.
                    if client == 0 && is_deleted(&number) {
                        store(&seen, &path(number), "new").await;
                    }
                }
                answers
            })
        })
        .collect();
    // Each kill comes when some more requests were made, so that it cuts off some of them.
    for kill in 1..=KILLS {
        while tries.load(Ordering::Relaxed) < kill * CLIENTS * REQUESTS / (KILLS + 2) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill9();
        verify(&data);
        server = Server::start(&data);
        present.send_replace(server.again(&member));
    }
    let answers = tokio::time::timeout(STORM_MAX, join_all(storm)).await.unwrap();
    let answers: Vec<Vec<Value>> = answers.into_iter().map(Result::unwrap).collect();
    for others in &answers[1..] {
        assert_eq!(others, &answers[0], "every client has the same answers");
    }
    let client = server.again(&member);
    let commands: HashMap<String, Value> = all(&client, "commands")
        .await
        .into_iter()
        .map(|command| (command["command_id"].as_str().unwrap().to_owned(), command))
        .collect();
    let (keys, deletions) = (all(&client, "keys").await, all(&client, "deletions").await);
    let each = REQUESTS / KINDS.len();
    assert_eq!((commands.len(), keys.len(), deletions.len()), (each, each + 1, 2 * each + 1));
    for (number, answer) in answers[0].iter().enumerate() {
        match kind(number) {
            Kind::Command => assert_eq!(&commands[answer["command_id"].as_str().unwrap()], answer),
            Kind::Deletion | Kind::Commit => {
                assert_eq!(answer["doomed"]["files"], 1);
                let there = client.merple_get(&path(number)).await.unwrap().expect(200);
                assert_eq!(there.text(), "new");
            }
            Kind::DryRun => assert_eq!(answer["sample"], json!([path(number)])),
            Kind::Cancel => {
                assert_eq!(answer["cancelled_at"], cancelled["cancelled_at"]);
                assert_eq!(answer["doomed"], cancelled["doomed"]);
            }
            Kind::Key => {
                let (id, key) = (answer["id"].as_str().unwrap(), answer["key"].as_str().unwrap());
                let usage = Client::new(server.base(), id, key).usage().await.unwrap();
                usage.expect(200);
            }
        }
    }
    server.terminate();
    verify(&data);
}
