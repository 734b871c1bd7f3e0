//! Deletions that are watched while the real binary works them off: what is told is monotone and
//! ends exact, for everybody who watches, also over a restart.
//!
//! How a million files go is measured by `scripts/bench`, which watches nothing; here it is as many as
//! the suite has time for.

use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::Proof;
use crate::harness::events::{Watch, assert_course};
use crate::harness::server::{blob_files, verify};
use crate::harness::{Client, Server};

const DELETIONS: &str = "/delenda/v1/deletions";
/// Files of the deletion that is watched.
const FILES: u64 = 4000;

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
    let puts = stream::iter(0..FILES).map(|number| {
        let client = &client;
        async move {
            let path = format!("/t/{:02}/{number}", number % 50);
            client.merple_put(&path, Bytes::from_static(b"1234567")).await.unwrap().expect(201);
        }
    });
    puts.buffer_unordered(32).collect::<Vec<()>>().await;
    let deletion = delete(&client, "/t").await;
    let whole = Watch::open(&client, &deletion, None).await;
    let broken = async {
        let mut watch = Watch::open(&client, &deletion, None).await;
        let first = watch.next().await.expect("it begins with how far it is");
        drop(watch);
        let mut events = vec![first.clone()];
        if first.name == "progress" {
            let again = Watch::open(&client, &deletion, Some(first.id)).await;
            events.extend(again.rest().await);
        }
        events
    };
    let (whole, broken) = tokio::join!(whole.rest(), broken);
    assert_course(&whole, FILES, FILES * 7);
    assert_course(&broken, FILES, FILES * 7);
    let target = format!("{DELETIONS}/{deletion}");
    let record = client.send(Method::GET, &target, Proof::Bearer).await.unwrap().expect(200).json();
    assert_eq!(record["doomed"], json!({ "files": FILES, "bytes": FILES * 7, "folders": 51 }));
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
    let mut watch = Watch::open(&client, &deletion, None).await;
    let first = watch.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["percent"]), ("progress", &json!(0)));
    server.send_sigterm();
    assert!(watch.next().await.is_none(), "the stop ends the stream");
    server.wait_for_exit();

    let server = Server::start(&data);
    let client = server.again(&client);
    let watch = Watch::open(&client, &deletion, Some(first.id)).await;
    std::fs::remove_dir(&blob).unwrap();
    let mut events = vec![first];
    events.extend(watch.rest().await);
    assert_course(&events, 1, 7);
    let target = format!("{DELETIONS}/{deletion}/events");
    let last = events.last().unwrap().id;
    let request = client.request(Method::GET, &target, Proof::Bearer).await.unwrap();
    let answer = request.header("last-event-id", last).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    verify(&server.terminate());
}
