//! Bytes: gone when it is said, kept when something is locked, and never reported gone when the
//! disk would not let them go.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::disks::Disk;
use crate::harness::server::{blob_files, verify};
use crate::harness::{Client, Server};

const CONTENT: Bytes = Bytes::from_static(b"content");

async fn upload(client: &Client, name: &str) -> String {
    let answer = client.swiftia_put(name, None, CONTENT).await.unwrap().expect(201);
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn after_every_kind_of_delete_no_byte_is_left() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("one").client;
    let (single, many) = (upload(&client, "single").await, upload(&client, "many").await);
    let command = client.command_create().await.unwrap().expect(201).json();
    let command = command["command_id"].as_str().unwrap();
    client.command_output(command, "out", CONTENT).await.unwrap().expect(201);
    for path in ["/a/1", "/a/2", "/b/sub/1", "/c", "/c"] {
        client.merple_put(path, CONTENT).await.unwrap().expect(201);
    }
    client.settled_usage().await;
    assert_eq!(blob_files(&data).len(), 2 + 1 + 4, "the overwritten version is gone");

    client.swiftia_delete(&single).await.unwrap().expect(200);
    assert_eq!(blob_files(&data).len(), 6, "gone before the answer");
    client.renderio_delete(command).await.unwrap().expect(200);
    assert_eq!(blob_files(&data).len(), 5, "gone before the answer");
    client.templated_delete(&[many]).await.unwrap().expect(200);
    client.merple_delete("/a").await.unwrap().expect(200);
    client.sirv_delete(&["/b", "/c"]).await.unwrap().expect(200);
    let usage = client.settled_usage().await;
    assert_eq!(blob_files(&data), Vec::<PathBuf>::new());
    assert_eq!(usage["settled"], json!({ "files": 8, "bytes": 8 * CONTENT.len() }));
    server.terminate();
    assert_eq!(verify(&data)["condemned_blobs"], 0);
    assert_eq!(blob_files(&data), Vec::<PathBuf>::new());
}

/// Whether any of the ledger's files, once it is closed, contains this text.
fn is_in_the_ledger(data: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut files = files.filter(|path| path.is_file());
    files.any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn what_is_remembered_of_an_upload_survives_a_restart_and_has_no_name() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("one").client;
    let name = "dismissal-of-j-smith.pdf";
    let single = client.renderio_put(name, CONTENT).await.unwrap();
    let swept = client.renderio_put(name, CONTENT).await.unwrap();
    client.renderio_delete_file(&single).await.unwrap().expect(200);
    assert_eq!(blob_files(&data).len(), 1, "gone before the answer");
    let folder = client.sirv_delete(&["/uploads"]).await.unwrap().expect(200).json();
    let result = client.sirv_result(folder["id"].as_str().unwrap()).await;
    assert_eq!(result["skipped"], json!(["/uploads"]));
    client.templated_delete(std::slice::from_ref(&swept)).await.unwrap().expect(200);
    client.settled_usage().await;
    let data = server.terminate();
    verify(&data);
    assert!(is_in_the_ledger(&data, "/uploads"), "the search finds what is there");
    assert!(!is_in_the_ledger(&data, name), "a deleted file's name is kept nowhere");
    let server = Server::start(&data);
    let client = server.again(&client);
    for file in [&single, &swept] {
        let shown = client.renderio_file(file).await.unwrap().expect(200).json();
        let told = (&shown["is_deleted"], &shown["storage_url"], &shown["rendi_store_type"]);
        assert_eq!(told, (&json!(true), &json!(null), &json!("UPLOAD")));
        client.renderio_delete_file(file).await.unwrap().expect(404);
    }
    server.terminate();
}

#[tokio::test]
async fn what_is_locked_stays_through_all_five_doors_and_a_restart() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("one").client;
    let put = client.swiftia_put("kept", Some("/held/kept"), CONTENT).await.unwrap().expect(201);
    let id = put.json()["id"].as_str().unwrap().to_owned();
    let free = upload(&client, "free").await;
    client.merple_put("/held/other", CONTENT).await.unwrap().expect(201);
    client.sirv_lock("/held").await.unwrap().expect(200);
    let server = Server::start(&server.kill9());
    let client = server.again(&client);

    let swiftia = client.swiftia_delete(&id).await.unwrap().expect(403);
    assert_eq!(swiftia.json(), json!({ "message": "File is locked" }));
    let templated = client.templated_delete(&[free.clone(), id.clone()]).await.unwrap().expect(400);
    assert_eq!(templated.json()["unauthorized"], json!([id]));
    for path in ["/held", "/held/kept"] {
        let merple = client.merple_delete(path).await.unwrap().expect(409);
        assert_eq!(merple.json()["locked"], json!([path]));
    }
    for path in ["/held", "/held/kept"] {
        client.sirv_rename(path, "/moved").await.unwrap().expect(423);
    }
    client.sirv_rename("/held/kept", "/held/new").await.unwrap().expect(423);
    client.sirv_delete_one("/held/kept").await.unwrap().expect(423);
    client.sirv_delete_one("/held").await.unwrap().expect(409);
    let answer = client.sirv_delete(&["/held/other", "/held"]).await.unwrap().expect(200);
    let job = answer.json()["id"].as_str().unwrap().to_owned();
    let result = client.sirv_result(&job).await;
    assert_eq!(result["deleted"], json!({ "files": 0, "dirs": 0 }));
    assert_eq!(result["notfound"], 0);
    for path in ["/held/kept", "/held/other"] {
        assert_eq!(client.sirv_get(path).await.unwrap().expect(200).body, CONTENT);
    }
    client.swiftia_get(&free).await.unwrap().expect(200);
    assert_eq!(client.usage().await.unwrap().json()["live"]["files"], 3);

    client.sirv_unlock("/held").await.unwrap().expect(200);
    client.merple_delete("/held").await.unwrap().expect(200);
    client.swiftia_get(&id).await.unwrap().expect(404);
    verify(&server.terminate());
}

/// Directories below the blobs' that nothing can be removed from, until dropped.
struct Immutable(Vec<PathBuf>);

impl Immutable {
    fn make(blobs: &Path) -> Self {
        let entries = std::fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().path());
        let directories: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        assert!(!directories.is_empty());
        let immutable = Self(directories);
        immutable.change("+i");
        immutable
    }

    fn change(&self, attribute: &str) {
        let status = Command::new("chattr").arg(attribute).args(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        self.change("-i");
    }
}

#[tokio::test]
#[ignore = "needs root and loop devices"]
async fn bytes_that_cannot_go_are_a_failure_that_a_repeat_makes_good_once() {
    let home = TempDir::new().unwrap();
    let mount_point = home.path().join("disk");
    std::fs::create_dir(&mount_point).unwrap();
    let disk = Disk::format(&home.path().join("disk.ext4"), 128, &mount_point);
    let data = disk.mount_point().join("data");
    let server = Server::start_configured(&data, "bytes_gone_wait_seconds = 1\n");
    let client = server.member("one").client;
    let id = upload(&client, "stubborn").await;
    let command = client.command_create().await.unwrap().expect(201).json();
    let command = command["command_id"].as_str().unwrap().to_owned();
    client.command_output(&command, "out", CONTENT).await.unwrap().expect(201);

    let immutable = Immutable::make(&data.join("blobs"));
    let failed = client.swiftia_delete(&id).await.unwrap().expect(500);
    let error = "Failed to delete file from storage";
    assert_eq!(failed.json(), json!({ "id": id, "deleted": false, "error": error }));
    let failed = client.renderio_delete(&command).await.unwrap().expect(500);
    assert_eq!(failed.json()["error"], "INTERNAL_ERROR");
    client.swiftia_get(&id).await.unwrap().expect(404);
    assert_eq!(client.usage().await.unwrap().json()["live"]["files"], 0);
    assert_eq!(client.swiftia_all().await.unwrap(), Vec::<Value>::new());
    client.swiftia_delete(&id).await.unwrap().expect(500);
    assert_eq!(blob_files(&data).len(), 2, "the bytes are still there");
    // A crash in between forgets nothing.
    let server = Server::start_configured(&server.kill9(), "bytes_gone_wait_seconds = 1\n");
    let client = server.again(&client);
    client.swiftia_get(&id).await.unwrap().expect(404);
    drop(immutable);

    let answer = until_answered(async || client.swiftia_delete(&id).await.unwrap()).await;
    assert_eq!(answer, json!({ "id": id, "deleted": true }));
    client.swiftia_delete(&id).await.unwrap().expect(404);
    let answer = until_answered(async || client.renderio_delete(&command).await.unwrap()).await;
    assert_eq!(answer, json!({ "deleted": true, "files_deleted": 1 }));
    let answer = client.renderio_delete(&command).await.unwrap().expect(200).json();
    assert_eq!(answer["files_deleted"], 0);
    assert_eq!(blob_files(&data), Vec::<PathBuf>::new());
    verify(&server.terminate());
}

/// Repeats a delete while its bytes are not gone yet.
async fn until_answered(ask: impl AsyncFn() -> crate::harness::Answer) -> Value {
    const REPEATS_MAX: usize = 60;
    for _ in 0..REPEATS_MAX {
        let answer = ask().await;
        if answer.status != 500 {
            return answer.expect(200).json();
        }
    }
    panic!("the bytes stay")
}
