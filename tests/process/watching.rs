//! What operators see of a running server, and what they may copy beside it.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::client::{Answer, Proof};
use crate::harness::server::{run_json, text, verify};
use crate::harness::{Client, Server};

async fn get(client: &Client, target: &str) -> Answer {
    client.send(Method::GET, target, Proof::Nothing).await.unwrap()
}

#[tokio::test]
async fn a_server_tells_its_own_machine_how_it_does() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let client = server.member("watched").client;
    client.merple_put("/a/one.txt", Bytes::from_static(b"content")).await.unwrap().expect(201);
    client.merple_delete("/a/one.txt").await.unwrap().expect(200);
    client.settled_usage().await;
    let metrics = get(&client, "/metrics").await.expect(200).text();
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(value("delenda_commit_group_jobs_count") > 3.0);
    assert!(value("delenda_commit_sync_duration_seconds_sum") > 0.0);
    assert!((value("delenda_purge_blobs_removed_total") - 1.0).abs() < 0.5);
    assert!((value("delenda_purge_lag_seconds_count") - 1.0).abs() < 0.5);
    assert!(value("delenda_free_bytes{volume=\"database\"}") > 0.0);
    assert!(value("delenda_free_bytes{volume=\"blobs\"}") > 0.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    let through_a_proxy = client.request(Method::GET, "/metrics", Proof::Nothing).await.unwrap();
    let through_a_proxy = through_a_proxy.header("x-forwarded-for", "192.0.2.7").send().await;
    assert_eq!(through_a_proxy.unwrap().status().as_u16(), 401);
    server.terminate();
}

#[tokio::test]
async fn a_server_whose_blobs_are_not_there_is_not_ready_until_they_are_back() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("watched").client;
    assert_eq!(get(&client, "/readyz").await.expect(200).json(), json!({ "ready": true }));
    let (mark, away) = (data.join("blobs/.delenda"), data.join("blobs/.away"));
    std::fs::rename(&mark, &away).unwrap();
    let problem = get(&client, "/readyz").await.expect(503).json();
    assert_eq!(
        (&problem["type"], &problem["failing"]),
        (&json!("/problems/not-ready"), &json!(["blobs"]))
    );
    get(&client, "/healthz").await.expect(200);
    std::fs::rename(&away, &mark).unwrap();
    get(&client, "/readyz").await.expect(200);
    server.terminate();
}

#[test]
fn the_page_of_documents_shows_every_call_of_every_document() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/page.mjs");
    let run = Command::new("node").arg(script).arg(server.base()).output().unwrap();
    let printed = format!("{}{}", text(&run.stdout), text(&run.stderr));
    assert_eq!(printed, "6 documents\n");
    server.terminate();
}

/// Copies what is there and not copied yet.
fn copy_new(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_new(&entry.path(), &target),
            false if target.exists() => {}
            false => {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

/// The way of `docs/operations.md` where nothing better is to be had.
#[tokio::test]
async fn a_copy_made_beside_a_running_server_has_all_that_lived_when_its_database_was_read() {
    let home = TempDir::new().unwrap();
    let (data, copy) = (home.path().join("data"), home.path().join("copy"));
    let server = Server::start(&data);
    let client = server.member("copied").client;
    let put = async |path: &str| {
        client.merple_put(path, Bytes::from_static(b"content")).await.unwrap().expect(201);
    };
    put("/early.txt").await;
    copy_new(&data.join("blobs"), &copy.join("blobs"));
    put("/between.txt").await;
    let database = rusqlite::Connection::open(data.join("delenda.db")).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let target = copy.join("delenda.db");
    database.execute("vacuum into ?1", [target.to_str().unwrap()]).unwrap();
    drop(database);
    copy_new(&data.join("blobs"), &copy.join("blobs"));
    client.merple_delete("/early.txt").await.unwrap().expect(200);
    put("/late.txt").await;
    client.settled_usage().await;
    server.terminate();
    verify(&data);

    let found = run_json(&["verify", "--data", copy.to_str().unwrap(), "--json"]);
    assert_eq!((&found["missing_blobs"], &found["disagreements"]), (&json!([]), &json!([])));
    let restored = Server::start(&copy);
    let client = restored.again(&client);
    for (path, status) in [("/early.txt", 200), ("/between.txt", 200), ("/late.txt", 404)] {
        let target = format!("/fso?path={path}");
        client.send(Method::GET, &target, Proof::Merple).await.unwrap().expect(status);
    }
    restored.terminate();
}
