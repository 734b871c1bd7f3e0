//! Uploads in pieces: what was acknowledged is there after `kill -9`, and the upload goes on.

use bytes::Bytes;
use reqwest::Method;
use tempfile::TempDir;

use crate::harness::client::{Proof, answer};
use crate::harness::server::{blob_files, verify};
use crate::harness::{Answer, Client, Server};

const MEBIBYTE: usize = 1 << 20;
/// Of the whole upload: several times what is acknowledged on the way.
const LENGTH: usize = 70 * MEBIBYTE;

fn content() -> Bytes {
    (0_u8..251).cycle().take(LENGTH).collect()
}

/// Begins an upload to `/big`, for which the header was encoded by hand; where it is.
async fn begin(client: &Client) -> String {
    let request = client.request(Method::POST, "/delenda/v1/uploads", Proof::Bearer).await.unwrap();
    let request = request
        .header("tus-resumable", "1.0.0")
        .header("upload-length", LENGTH)
        .header("upload-metadata", "path L2JpZw==");
    let made = answer(request).await.unwrap().expect(201);
    made.header("location").unwrap().to_owned()
}

async fn patch(client: &Client, target: &str, from: usize, body: Bytes) -> reqwest::Result<Answer> {
    let request = client.request(Method::PATCH, target, Proof::Bearer).await?;
    let request = request
        .header("tus-resumable", "1.0.0")
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", from);
    answer(request.body(body)).await
}

async fn offset(client: &Client, target: &str) -> usize {
    let request = client.request(Method::HEAD, target, Proof::Bearer).await.unwrap();
    let looked = answer(request.header("tus-resumable", "1.0.0")).await.unwrap().expect(200);
    looked.header("upload-offset").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_where_it_was_acknowledged_after_every_kill() {
    let (home, content) = (TempDir::new().unwrap(), content());
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("own").client;
    let target = begin(&client).await;
    patch(&client, &target, 0, content.slice(..MEBIBYTE)).await.unwrap().expect(204);
    server.kill9();
    verify(&data);

    let server = Server::start(&data);
    let client = server.again(&client);
    assert_eq!(offset(&client, &target).await, MEBIBYTE);
    // Killed in the middle of a piece: what was acknowledged on the way counts.
    let sent = content.clone();
    let (sending, to) = (client.clone(), target.clone());
    let piece = tokio::spawn(async move {
        let chunks = (0..LENGTH / MEBIBYTE - 1).map(move |number| {
            let from = (number + 1) * MEBIBYTE;
            sent.slice(from..from + MEBIBYTE)
        });
        let slowly = futures::stream::unfold(chunks, |mut chunks| async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>(chunks.next()?), chunks))
        });
        let request = sending.request(Method::PATCH, &to, Proof::Bearer).await.unwrap();
        let request = request
            .header("tus-resumable", "1.0.0")
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", MEBIBYTE);
        request.body(reqwest::Body::wrap_stream(slowly)).send().await
    });
    while offset(&client, &target).await == MEBIBYTE {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    server.kill9();
    assert!(piece.await.unwrap().is_err(), "the piece was whole before the kill");
    verify(&data);

    let server = Server::start(&data);
    let client = server.again(&client);
    let from = offset(&client, &target).await;
    assert!((16 * MEBIBYTE..LENGTH).contains(&from), "{from}");
    let done = patch(&client, &target, from, content.slice(from..)).await.unwrap().expect(204);
    assert_eq!(done.header("upload-offset"), Some(LENGTH.to_string().as_str()));
    server.kill9();

    let server = Server::start(&data);
    let client = server.again(&client);
    assert_eq!(offset(&client, &target).await, LENGTH);
    let read = client.send(Method::GET, "/delenda/v1/files/big", Proof::Bearer).await.unwrap();
    assert!(read.expect(200).body == content, "the bytes are others");
    let given_up = begin(&client).await;
    patch(&client, &given_up, 0, content.slice(..MEBIBYTE)).await.unwrap().expect(204);
    assert_eq!(blob_files(&data).len(), 2);
    let request = client.request(Method::DELETE, &given_up, Proof::Bearer).await.unwrap();
    answer(request.header("tus-resumable", "1.0.0")).await.unwrap().expect(204);
    client.settled_usage().await;
    while blob_files(&data).len() > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let data = server.terminate();
    let found = verify(&data);
    assert_eq!((&found["stored_blobs"], &found["condemned_blobs"]), (&1.into(), &0.into()));
}
