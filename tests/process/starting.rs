//! Starting, refusing to start, and stopping.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use crate::harness::Server;
use crate::harness::server::{delenda, text, verify};

#[test]
fn the_first_key_is_written_for_the_owner_alone_and_once() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let key = server.first_key();
    assert!(key.starts_with("ffsk_") && key.len() == 5 + 64, "the form of a key");
    let mode = std::fs::metadata(data.join("first-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.terminate();
    let server = Server::start(&data);
    assert_eq!(server.first_key(), key);
    server.terminate();
}

#[test]
fn one_line_is_printed_and_nothing_after_it() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    server.member("one");
    server.send_sigterm();
    assert_eq!(server.wait_for_exit(), Vec::<String>::new());
}

#[test]
fn a_second_instance_on_one_data_directory_is_refused() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let mut server = Server::start(&data);
    let Err((status, log)) = Server::try_start(&data) else { panic!("a second instance runs") };
    assert_ne!(status.code(), Some(0));
    assert!(log.contains("data directory") || log.contains("in use"), "{log}");
    assert!(server.is_running());
    server.terminate();
    verify(&data);
}

#[tokio::test]
async fn blobs_on_an_unmounted_disk_are_an_error_and_not_an_absence() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("one").client;
    client.merple_put("/kept", Bytes::from_static(b"kept")).await.unwrap().expect(201);
    server.terminate();

    let (blobs, disk) = (data.join("blobs"), home.path().join("disk"));
    std::fs::rename(&blobs, &disk).unwrap();
    std::fs::create_dir(&blobs).unwrap();
    let Err((status, log)) = Server::try_start(&data) else { panic!("runs without its blobs") };
    assert_ne!(status.code(), Some(0));
    assert!(log.contains("blob"), "{log}");
    let refused = delenda(&["verify", "--data", data.to_str().unwrap(), "--json"]);
    let refused = { refused }.output().unwrap();
    assert!(!refused.status.success(), "{}", text(&refused.stdout));
    assert_eq!(std::fs::read_dir(&blobs).unwrap().count(), 0, "nothing is made there");

    std::fs::remove_dir(&blobs).unwrap();
    std::fs::rename(&disk, &blobs).unwrap();
    let server = Server::start(&data);
    let kept = server.again(&client).merple_get("/kept").await.unwrap().expect(200);
    assert_eq!(kept.body, "kept");
    server.terminate();
    verify(&data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_it_cleanly_with_requests_in_flight() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("one").client;
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let client = client.clone();
            tokio::spawn(async move { upload_until_refused(&client, worker).await })
        })
        .collect();
    // A body that never ends must not hold the process either.
    let endless = tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    send_half_an_upload(&endless, &client.key).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.send_sigterm();
    let ended = tokio::task::spawn_blocking(move || server.wait_for_exit()).await.unwrap();
    assert_eq!(ended, Vec::<String>::new());

    let mut stored = Vec::new();
    for worker in workers {
        stored.extend(worker.await.unwrap());
    }
    assert!(!stored.is_empty());
    verify(&data);
    let server = Server::start(&data);
    let client = server.again(&client);
    for path in &stored {
        assert_eq!(client.merple_get(path).await.unwrap().expect(200).body, *path);
    }
    server.terminate();
}

/// Uploads until there is no answer; the paths that were acknowledged.
async fn upload_until_refused(client: &crate::harness::Client, worker: usize) -> Vec<String> {
    const UPLOADS_MAX: usize = 100_000;
    let mut stored = Vec::new();
    for number in 0..UPLOADS_MAX {
        let path = format!("/w{worker}/{number}");
        match client.merple_put(&path, Bytes::from(path.clone())).await {
            Ok(answer) if answer.status == 201 => stored.push(path),
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text());
                break;
            }
            Err(_) => break,
        }
    }
    stored
}

async fn send_half_an_upload(stream: &tokio::net::TcpStream, key: &str) {
    let head = format!(
        "POST /fso?path=/half HTTP/1.1\r\nHost: localhost\r\nx-user-api-key: {key}\r\n\
         Content-Length: 1000000\r\n\r\nhalf"
    );
    stream.writable().await.unwrap();
    assert_eq!(stream.try_write(head.as_bytes()).unwrap(), head.len());
}
