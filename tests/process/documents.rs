//! The real binary held against its own documents: requests made up from a document by
//! schemathesis, well formed and not, and every answer compared with what the document promises.
//! What is tried and what is excepted stands in `tests/clients/schemathesis.toml`.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::client::Proof;
use crate::harness::server::text;
use crate::harness::{Client, Server, python};

/// Batches are made up by the hundred; what they are limited to is tested where the limits are.
const CONFIGURATION: &str =
    "batch_deletions_per_hour = 1000000\nbatch_attempts_per_minute = 1000000\n";
/// Seconds for which a token works: longer than any test.
const TOKEN_SECONDS: u64 = 3600;

/// Holds the server against the document that it serves for this dialect. `header` makes the
/// header with which a request proves who asks.
async fn hold(dialect: &str, header: impl AsyncFnOnce(&Client) -> String) {
    hold_document(&format!("/openapi/{dialect}.json"), header).await;
}

async fn hold_document(document: &str, header: impl AsyncFnOnce(&Client) -> String) {
    let home = TempDir::new().unwrap();
    let server = Server::start_configured(&home.path().join("data"), CONFIGURATION);
    let member = server.member("documents");
    let command = furnish(&member.client).await;
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/schemathesis.toml");
    let run = Command::new(python())
        .args(["-m", "schemathesis.cli", "--config-file", config.to_str().unwrap(), "run"])
        .arg(format!("{}{document}", server.base()))
        .args(["--no-color", "--header", &header(&member.client).await])
        .envs([("ORGANIZATION", &member.organization), ("COMMAND", &command)])
        .current_dir(home.path())
        .output();
    let run = run.unwrap_or_else(|error| panic!("{} is needed: {error}", python()));
    assert!(run.status.success(), "{document}: {}{}", text(&run.stdout), text(&run.stderr));
    server.terminate();
}

/// Stores what the requests can meet; the id of a command with an output.
async fn furnish(client: &Client) -> String {
    for path in ["/kept/one.txt", "/kept/two words.txt"] {
        client.merple_put(path, Bytes::from_static(b"content")).await.unwrap().expect(201);
    }
    let made = client.command_create().await.unwrap().expect(201).json();
    let command = made["command_id"].as_str().unwrap().to_owned();
    let output = client.command_output(&command, "out", Bytes::from_static(b"output"));
    output.await.unwrap().expect(201);
    command
}

async fn bearer(client: &Client) -> String {
    format!("Authorization: Bearer {}", client.key)
}

#[test]
fn every_example_in_a_document_is_of_its_schema() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = ["renderio", "swiftia", "templated", "merple", "sirv"]
        .map(|dialect| project.join("docs/dialects").join(dialect).join("openapi.json"));
    let script = project.join("tests/clients/examples.py");
    let run = Command::new(python()).arg(script).args(documents).output();
    let run = run.unwrap_or_else(|error| panic!("{} is needed: {error}", python()));
    let printed = format!("{}{}", text(&run.stdout), text(&run.stderr));
    assert!(run.status.success() && printed.ends_with(" examples\n"), "{printed}");
}

#[tokio::test]
async fn the_native_api_answers_as_its_document_says() {
    hold_document("/openapi.json", bearer).await;
}

#[tokio::test]
async fn renderio_answers_as_its_document_says() {
    hold("renderio", async |client| format!("X-API-KEY: {}", client.key)).await;
}

#[tokio::test]
async fn swiftia_answers_as_its_document_says() {
    hold("swiftia", bearer).await;
}

#[tokio::test]
async fn templated_answers_as_its_document_says() {
    hold("templated", bearer).await;
}

#[tokio::test]
async fn merple_answers_as_its_document_says() {
    hold("merple", async |client| format!("x-user-api-key: {}", client.key)).await;
}

#[tokio::test]
async fn sirv_answers_as_its_document_says() {
    hold("sirv", async |client| {
        let (id, key) = (&client.key_id, &client.key);
        let body = json!({ "clientId": id, "clientSecret": key, "expiresIn": TOKEN_SECONDS });
        let issued =
            client.send_json(reqwest::Method::POST, "/v2/token", Proof::Nothing, &body).await;
        let issued = issued.unwrap().expect(200).json();
        format!("Authorization: Bearer {}", issued["token"].as_str().unwrap())
    })
    .await;
}
