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

/// Clients that all want the same.
const CLIENTS: usize = 8;
/// Requests, each of which has an idempotency key and is made by every client.
const REQUESTS: usize = 120;
const KILLS: usize = 6;
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(2);
const STORM_MAX: Duration = Duration::from_secs(120);

/// The file that a request deletes.
fn path(number: usize) -> String {
    format!("/storm/{number}")
}

/// What a request asks for: a key, a deletion or a command.
fn wish(number: usize) -> (&'static str, Value) {
    match number % 3 {
        0 => ("/delenda/v1/keys", json!({ "scopes": ["read"] })),
        1 => ("/delenda/v1/deletions", json!({ "paths": [path(number)] })),
        _ => ("/delenda/v1/commands", json!({ "metadata": number })),
    }
}

/// What an answer says of the effect; how far a deletion is changes from one to the next.
fn effect(answer: &Value) -> Value {
    match answer.get("doomed") {
        Some(doomed) => json!({ "id": answer["id"], "doomed": doomed, "items": answer["items"] }),
        None => answer.clone(),
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
async fn insist(client: &watch::Receiver<Client>, number: usize, tries: &AtomicUsize) -> Value {
    let (target, body) = wish(number);
    loop {
        tries.fetch_add(1, Ordering::Relaxed);
        let present = client.borrow().clone();
        let request = present.request(Method::POST, target, Proof::Bearer).await.unwrap();
        let request = request.header("idempotency-key", format!("request-{number}")).json(&body);
        match answer(request).await {
            Ok(answer) if answer.status == 201 => return answer.json(),
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_cut_off) => {}
        }
        tokio::time::sleep(PAUSE_BETWEEN_TRIES).await;
    }
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
    for number in (0..REQUESTS).filter(|number| number % 3 == 1) {
        store(&seen, &path(number), "old").await;
    }
    let storm: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (seen, tries) = (seen.clone(), Arc::clone(&tries));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for number in 0..REQUESTS {
                    answers.push(effect(&insist(&seen, number, &tries).await));
                    // What comes to the name now is no repeat's to take.
                    if client == 0 && number % 3 == 1 {
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
    let third = REQUESTS / 3;
    assert_eq!((commands.len(), keys.len(), deletions.len()), (third, third + 1, third));
    for (number, answer) in answers[0].iter().enumerate() {
        match number % 3 {
            2 => assert_eq!(&commands[answer["command_id"].as_str().unwrap()], answer),
            1 => {
                assert_eq!(answer["doomed"]["files"], 1);
                let there = client.merple_get(&path(number)).await.unwrap().expect(200);
                assert_eq!(there.text(), "new");
            }
            _ => {
                let (id, key) = (answer["id"].as_str().unwrap(), answer["key"].as_str().unwrap());
                let usage = Client::new(server.base(), id, key).usage().await.unwrap();
                usage.expect(200);
            }
        }
    }
    server.terminate();
    verify(&data);
}
