//! An organization that is removed, by a server that is killed again and again meanwhile.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::client::Proof;
use crate::harness::server::{blob_files, run, text, verify};
use crate::harness::{Answer, Client, Server};

const FOLDERS: usize = 12;
const FILES_PER_FOLDER: usize = 50;
const FILES: usize = FOLDERS * FILES_PER_FOLDER;
const KILLS: u64 = 6;
const REMOVAL_MAX: Duration = Duration::from_secs(60);

/// A client with a key of the operator.
fn operator(server: &Server) -> Client {
    let scopes = ["key", "create", "--operator", "--scopes", "read,delete,admin"];
    let made = server.cli(&scopes);
    Client::new(server.base(), made["id"].as_str().unwrap(), made["key"].as_str().unwrap())
}

async fn fill(client: &Client) {
    for folder in 0..FOLDERS {
        let puts = (0..FILES_PER_FOLDER).map(async |file| {
            let path = format!("/f{folder}/{file}");
            client.merple_put(&path, Bytes::from(path.clone())).await.unwrap().expect(201);
        });
        join_all(puts).await;
    }
}

async fn ask(client: &Client, method: Method, target: &str) -> Answer {
    client.send(method, target, Proof::Bearer).await.unwrap()
}

fn number(answer: &Value, of: &str) -> u64 {
    answer[of]["files"].as_u64().unwrap()
}

#[tokio::test]
async fn a_removal_survives_kills_and_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let mut server = Server::start(&data);
    let (member, other) = (server.member("goes"), server.member("stays"));
    let mut operator = operator(&server);
    fill(&member.client).await;
    other.client.merple_put("/kept", "kept".into()).await.unwrap().expect(201);

    let target = format!("/delenda/v1/organizations/{}", member.organization);
    let refused = ask(&operator, Method::DELETE, &target).await.expect(409).json();
    assert_eq!(refused["type"], "/problems/conflict");
    server.cli(&["org", "disable", &member.organization]);
    let refused = ask(&operator, Method::DELETE, &target).await.expect(409).json();
    assert_eq!(
        (&refused["type"], &refused["files"]),
        (&"/problems/confirmation-required".into(), &FILES.into())
    );
    let removed = format!("{target}?confirm={FILES}");
    let answer = ask(&operator, Method::DELETE, &removed).await.expect(202).json();
    assert_eq!(number(&answer["deletion"], "doomed"), FILES as u64);

    let mut remaining = FILES as u64;
    for kill in 0..KILLS {
        server.kill9();
        server = Server::start(&data);
        operator = server.again(&operator);
        let answer = ask(&operator, Method::DELETE, &removed).await.json();
        assert!(number(&answer, "remaining") <= remaining, "nothing comes back");
        remaining = number(&answer, "remaining");
        let late = server.again(&member.client).merple_get("/f0/0").await.unwrap();
        assert_eq!(late.status, 401);
        tokio::time::sleep(Duration::from_millis(5 * kill)).await;
    }
    let begun = Instant::now();
    let settled = loop {
        let answer = ask(&operator, Method::GET, &format!("{target}/removal")).await;
        if answer.status == 200 {
            break answer.json();
        }
        assert!(begun.elapsed() < REMOVAL_MAX, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(number(&settled, "remaining"), 0);
    assert_eq!(number(&settled["deletion"], "purged"), FILES as u64);
    assert_eq!(ask(&operator, Method::GET, &target).await.status, 404);
    let keys = server.cli(&["key", "list"]);
    let owners: Vec<&Value> =
        keys.as_array().unwrap().iter().map(|key| &key["organization"]).collect();
    assert!(!owners.contains(&&Value::from(member.organization.clone())), "{keys}");
    let kept = server.again(&other.client).merple_get("/kept").await.unwrap().expect(200);
    assert_eq!(kept.body, "kept");
    server.terminate();
    let found = verify(&data);
    assert_eq!(found["stored_blobs"], 1);
    assert_eq!(blob_files(&data).len(), 1);
}

#[tokio::test]
async fn an_administrator_removes_the_only_organization_and_none_comes_back() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let key = server.first_key();
    let known = server.cli(&["key", "list"])[0]["id"].as_str().unwrap().to_owned();
    let client = Client::new(server.base(), &known, &key);
    client.merple_put("/a/one", "1".into()).await.unwrap().expect(201);
    let listed = server.cli(&["org", "list"]);
    let id = listed[0]["id"].as_str().unwrap().to_owned();
    client.sirv_lock("/a/one").await.unwrap().expect(200);
    server.terminate();

    let place = data.to_str().unwrap().to_owned();
    let remove = |more: &[&str]| {
        let mut arguments = vec!["org", "remove", &id, "--data", &place];
        arguments.extend(more);
        run(&arguments)
    };
    let refused = |more: &[&str], reason: &str| {
        let refused = remove(more);
        let said = text(&refused.stderr);
        assert!(refused.status.code() == Some(1) && said.contains(reason), "{said}");
    };
    refused(&["--locked", "--confirm", "1"], "it is switched on");
    assert!(run(&["org", "disable", &id, "--data", &place]).status.success());
    refused(&["--confirm", "1"], "are locked: give --locked");
    refused(&["--locked"], "it holds 1 files: give --confirm 1");
    assert!(remove(&["--locked", "--confirm", "1"]).status.success());

    let server = Server::start(&data);
    let begun = Instant::now();
    while server.cli(&["org", "remove", &id])["settled"] != true {
        assert!(begun.elapsed() < REMOVAL_MAX, "the removal does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.cli(&["org", "list"]), serde_json::json!([]));
    server.terminate();
    // Another start makes nothing anew: this is no first one.
    let server = Server::start(&data);
    assert_eq!(server.cli(&["org", "list"]), serde_json::json!([]));
    server.terminate();
    assert_eq!(verify(&data)["stored_blobs"], 0);
    assert_eq!(blob_files(&data).len(), 0);
}
