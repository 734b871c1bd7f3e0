//! Archives of many bytes and many entries through the real binary, while its memory is watched.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::{Body, Method};
use tempfile::TempDir;

use crate::harness::client::{Proof, answer};
use crate::harness::server::{blob_files, verify};
use crate::harness::{Client, Server};

/// Memory that an archive may take beside what the server had before, whatever its size.
const GROWTH_BYTES_MAX: u64 = 96 << 20;
const PIECE: usize = 1 << 20;
/// How long one archive may take, of a server that was built for debugging.
const TRANSFER_MAX: Duration = Duration::from_secs(400);

/// Bytes that no packer makes smaller.
fn noise(number: usize) -> Bytes {
    let mut state = number as u64 + 1;
    let mut piece = Vec::with_capacity(PIECE);
    while piece.len() < PIECE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.extend_from_slice(&state.to_le_bytes());
    }
    piece.into()
}

async fn put(client: &Client, path: &str, megabytes: usize) {
    let pieces = (0..megabytes).map(|number| Ok::<_, std::io::Error>(noise(number)));
    let body = Body::wrap_stream(stream::iter(pieces));
    let target = format!("/fso?path={path}");
    let request = client.request(Method::POST, &target, Proof::Merple).await.unwrap();
    answer(request.timeout(TRANSFER_MAX).body(body)).await.unwrap().expect(201);
}

async fn put_many(client: &Client, folder: &str, count: usize) {
    let files = stream::iter(0..count).map(|number| async move {
        let path = format!("{folder}/{:02}/a name of usual length {number}.txt", number % 50);
        client.merple_put(&path, Bytes::from(vec![b'7'; 2000])).await.unwrap().expect(201);
    });
    files.buffer_unordered(32).collect::<Vec<()>>().await;
}

/// Downloads an archive and sends it back into a folder, piece by piece, holding none of it.
async fn pass_on(client: &Client, from: &str, to: &str) -> u64 {
    let target = format!("/fsos?path={from}");
    let request = client.request(Method::GET, &target, Proof::Merple).await.unwrap();
    let response = request.timeout(TRANSFER_MAX).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let target = format!("/fso?path={to}/");
    let request = client.request(Method::POST, &target, Proof::Merple).await.unwrap();
    let request = request.header("content-type", "application/zip").timeout(TRANSFER_MAX);
    let sent = request.body(Body::wrap_stream(response.bytes_stream()));
    let unpacked = answer(sent).await.unwrap().expect(201).json();
    unpacked["files"].as_u64().unwrap()
}

/// Sends back and forth a file of this size and a folder with thousands of files, and fails where
/// the server took more memory for it than any archive may.
async fn pass_through(megabytes: usize, files: usize) {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let client = server.member("packer").client;
    put(&client, "/warm/up", 8).await;
    assert_eq!(pass_on(&client, "/warm", "/warmer").await, 1);
    let before = server.memory_peak_bytes();
    put(&client, "/large/file", megabytes).await;
    assert_eq!(pass_on(&client, "/large", "/once").await, 1);
    put_many(&client, "/many", files).await;
    assert_eq!(pass_on(&client, "/many", "/again").await, files as u64);
    let grown = server.memory_peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "archives took {grown} bytes of memory");
    let last = noise(megabytes - 1);
    let target = "/fso?path=/once/large/file";
    let request = client.request(Method::GET, target, Proof::Merple).await.unwrap();
    let range = format!("bytes=-{PIECE}");
    let end = answer(request.header("range", range)).await.unwrap().expect(206);
    assert!(end.body == last, "the end of the file is not what was sent");
    let copied = client.sirv_copy("/again", "/and/again").await.unwrap();
    assert_eq!(copied.expect(200).status, 200);
    let live = client.usage().await.unwrap().expect(200).json();
    assert_eq!(live["live"]["files"], 2 + 2 + 3 * files);
    let data = server.terminate();
    verify(&data);
}

#[tokio::test]
async fn archives_take_little_memory_whatever_they_hold() {
    pass_through(64, 1000).await;
}

#[tokio::test]
async fn archives_of_a_gigabyte_take_no_more_memory() {
    pass_through(1024, 9000).await;
}

/// Downloads a folder and holds none of it; the number of entries that the archive says it has,
/// which is the last thing in it.
async fn entries_downloaded(client: &Client, folder: &str) -> u64 {
    /// The three records at the end, of which the first and longest has the number at its byte 32.
    const END_BYTES: usize = 56 + 20 + 22;
    let target = format!("/fsos?path={folder}");
    let request = client.request(Method::GET, &target, Proof::Merple).await.unwrap();
    let response = request.timeout(TRANSFER_MAX).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let mut pieces = response.bytes_stream();
    let mut end = Vec::new();
    while let Some(piece) = pieces.next().await {
        end.extend_from_slice(&piece.unwrap());
        end.drain(..end.len().saturating_sub(END_BYTES));
    }
    assert_eq!(&end[..4], b"PK\x06\x06", "the archive has no long end");
    u64::from_le_bytes(end[32..40].try_into().unwrap())
}

/// What goes out may have far more entries than what comes in: here a folder of a hundred
/// thousand files, of each of which only a line is kept until the end.
#[tokio::test]
async fn a_download_of_a_hundred_thousand_files_takes_no_more_memory() {
    const FILES: usize = 1000;
    const FOLDERS: usize = 100;
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let client = server.member("packer").client;
    put_many(&client, "/all/0", FILES).await;
    let folders_of_one = 1 + 50;
    let one = (FILES + folders_of_one) as u64;
    assert_eq!(pass_on(&client, "/all/0", "/warm").await, FILES as u64);
    let before = server.memory_peak_bytes();
    for number in 1..FOLDERS {
        let copied = client.sirv_copy("/all/0", &format!("/all/{number}")).await.unwrap();
        copied.expect(200);
    }
    let entries = entries_downloaded(&client, "/all").await;
    assert_eq!(entries, 1 + FOLDERS as u64 * one);
    let grown = server.memory_peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "the download took {grown} bytes of memory");
    server.terminate();
}

/// All or nothing also where the process ends while it unpacks: nothing of the archive is there
/// afterwards, and nothing of it is left on the disk.
#[tokio::test]
async fn a_killed_unpacking_leaves_nothing() {
    const WAIT_MAX: Duration = Duration::from_secs(60);
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let fast_sweep = "sweep_interval_seconds = 1\n";
    let server = Server::start_configured(&data, fast_sweep);
    let client = server.member("packer").client;
    put_many(&client, "/from", 800).await;
    let stored = blob_files(&data).len();
    let unpacking = tokio::spawn({
        let client = client.clone();
        async move {
            let archive = client.send(Method::GET, "/fsos?path=/from", Proof::Merple).await;
            let archive = archive.unwrap().expect(200).body;
            let target = "/fso?path=/to/";
            let request = client.request(Method::POST, target, Proof::Merple).await.unwrap();
            let request = request.header("content-type", "application/zip");
            answer(request.body(archive)).await
        }
    });
    let begun = Instant::now();
    while blob_files(&data).len() < stored + 20 {
        assert!(begun.elapsed() < WAIT_MAX, "nothing is unpacked");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let data = server.kill9();
    let answered = unpacking.await.unwrap();
    let server = Server::start_configured(&data, fast_sweep);
    let client = server.again(&client);
    let target = "/fso-info?path=/to";
    let there = client.send(Method::GET, target, Proof::Merple).await.unwrap();
    let was_answered = answered.is_ok_and(|answer| answer.status == 201);
    assert!(!was_answered, "the kill came too late to prove anything");
    assert_eq!(there.status, 404, "{}", there.text());
    while blob_files(&data).len() != stored {
        assert!(begun.elapsed() < WAIT_MAX, "what was unpacked is not swept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    verify(&server.terminate());
}
