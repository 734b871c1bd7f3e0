//! Deletions that are watched while the real binary works them off: what is told is monotone and
//! ends exact, for everybody who watches, also over a restart.
//!
//! Here it is as many files as the suite has time for; `scripts/bench --million --only watch` does
//! the same with a million.

use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::Proof;
use crate::harness::events::{Watch, check_course, check_pace, watch_in_two};
use crate::harness::server::{blob_files, verify};
use crate::harness::{Client, Server};

const DELETIONS: &str = "/delenda/v1/deletions";
/// Files of one folder of the deletion that is watched: one is filled, the others are copies of it.
const FILES_OF_ONE: u64 = 1250;
const FOLDERS: u64 = 8;
const FILES: u64 = FILES_OF_ONE * FOLDERS;
/// When one of the connections is cut.
const CUT_PERCENT: u64 = 1;
/// Copies that are made at a time.
const COPIES_MAX: usize = 4;

/// Fills `/t`: `FOLDERS` folders with `FILES_OF_ONE` files each.
async fn fill(client: &Client) {
    let puts = stream::iter(0..FILES_OF_ONE).map(async |number| {
        let path = format!("/t/0/{number}");
        client.merple_put(&path, Bytes::from_static(b"1234567")).await.unwrap().expect(201);
    });
    puts.buffer_unordered(32).collect::<Vec<()>>().await;
    let copies = stream::iter(1..FOLDERS).map(async |number| {
        client.sirv_copy("/t/0", &format!("/t/{number}")).await.unwrap().expect(200);
    });
    copies.buffer_unordered(COPIES_MAX).collect::<Vec<()>>().await;
}

async fn request(client: &Client, deletion: &str) -> RequestBuilder {
    let target = format!("{DELETIONS}/{deletion}/events");
    client.request(Method::GET, &target, Proof::Bearer).await.unwrap()
}

async fn watch(client: &Client, deletion: &str, last: Option<u64>) -> Watch {
    Watch::open(request(client, deletion).await, last).await.unwrap()
}

async fn delete(client: &Client, path: &str) -> String {
    let body = json!({ "paths": [path] });
    let request = client.request(Method::POST, DELETIONS, Proof::Bearer).await.unwrap();
    let response = request.header("prefer", "respond-async").json(&body).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 202);
    let made: Value = response.json().await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_of_many_files_is_watched_from_two_connections_to_its_exact_end() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let client = server.member("watcher").client;
    fill(&client).await;
    let deletion = delete(&client, "/t").await;
    let whole = watch(&client, &deletion, None).await;
    let again = request(&client, &deletion).await;
    let cut = watch_in_two(|| again.try_clone().unwrap(), CUT_PERCENT);
    let (whole, cut) = tokio::join!(whole.rest(), cut);
    for events in [whole.unwrap(), cut.unwrap()] {
        check_course(&events, FILES, FILES * 7).unwrap();
        check_pace(&events).unwrap();
    }
    let target = format!("{DELETIONS}/{deletion}");
    let record = client.send(Method::GET, &target, Proof::Bearer).await.unwrap().expect(200).json();
    assert_eq!(
        record["doomed"],
        json!({ "files": FILES, "bytes": FILES * 7, "folders": FOLDERS + 1 })
    );
    assert_eq!((&record["state"], &record["percent"]), (&json!("settled"), &json!(100)));
    let data = server.terminate();
    assert_eq!(blob_files(&data).len(), 0);
    verify(&data);
}

#[tokio::test]
async fn a_stop_ends_the_streams_and_whoever_comes_back_hears_the_end() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("watcher").client;
    client.merple_put("/t/stuck", Bytes::from_static(b"1234567")).await.unwrap().expect(201);
    // A directory is what no unlink takes away.
    let [blob] = blob_files(&data).try_into().unwrap();
    std::fs::remove_file(&blob).unwrap();
    std::fs::create_dir(&blob).unwrap();
    let deletion = delete(&client, "/t").await;
    let mut begun = watch(&client, &deletion, None).await;
    let first = begun.next().await.unwrap().unwrap();
    assert_eq!((first.name.as_str(), &first.data["percent"]), ("progress", &json!(0)));
    server.send_sigterm();
    assert!(begun.next().await.unwrap().is_none(), "the stop ends the stream");
    server.wait_for_exit();

    let server = Server::start(&data);
    let client = server.again(&client);
    let again = watch(&client, &deletion, Some(first.id)).await;
    std::fs::remove_dir(&blob).unwrap();
    let mut events = vec![first];
    events.extend(again.rest().await.unwrap());
    check_course(&events, 1, 7).unwrap();
    let target = format!("{DELETIONS}/{deletion}/events");
    let last = events.last().unwrap().id;
    let request = client.request(Method::GET, &target, Proof::Bearer).await.unwrap();
    let answer = request.header("last-event-id", last).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    verify(&server.terminate());
}
