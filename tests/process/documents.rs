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
    let (server, client) = server();
    let asked = [format!("{}/openapi/{dialect}.json", server.base())];
    let header = header(&client).await;
    hold_document(&server, &client, &asked, &header).await;
    server.terminate();
}

/// A server, and whoever made what the requests can meet.
fn server() -> (Held, Client) {
    let home = TempDir::new().unwrap();
    let server = Server::start_configured(&home.path().join("data"), CONFIGURATION);
    let member = server.member("documents");
    (Held { server, organization: member.organization, home }, member.client)
}

/// A server in a directory of its own.
struct Held {
    server: Server,
    organization: String,
    home: TempDir,
}

impl Held {
    fn base(&self) -> &str {
        self.server.base()
    }

    fn terminate(self) {
        self.server.terminate();
    }
}

/// Holds the server against what is `asked` of it: a document, and which part of it.
async fn hold_document(held: &Held, client: &Client, asked: &[String], header: &str) {
    let command = furnish(client).await;
    let expendable = held.server.client(&held.organization, &[]).key_id;
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let config = clients.join("schemathesis.toml");
    let run = Command::new(python())
        .args(["-m", "schemathesis.cli", "--config-file", config.to_str().unwrap(), "run"])
        .args(asked)
        .args(["--no-color", "--header", header])
        .envs([("ORGANIZATION", &held.organization), ("COMMAND", &command)])
        .envs([("OWN_KEY", &client.key_id), ("EXPENDABLE_KEY", &expendable)])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", clients)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(held.home.path())
        .output();
    let run = run.unwrap_or_else(|error| panic!("{} is needed: {error}", python()));
    let (out, err) = (text(&run.stdout), text(&run.stderr));
    assert!(run.status.success(), "{asked:?}: {out}{err}");
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
    let (server, client) = server();
    let asked = [format!("{}/openapi.json", server.base())];
    let header = bearer(&client).await;
    hold_document(&server, &client, &asked, &header).await;
    server.terminate();
}

#[tokio::test]
async fn the_native_api_answers_operators_as_its_document_says() {
    let (held, client) = server();
    let scopes = ["--scopes", "read,write,delete,admin"];
    let made = held.server.cli(&["key", "create", "--operator", scopes[0], scopes[1]]);
    let asked = [
        format!("{}/openapi.json", held.base()),
        "--include-path-regex".to_owned(),
        "^/delenda/v1/(organizations|keys)".to_owned(),
    ];
    let header = format!("Authorization: Bearer {}", made["key"].as_str().unwrap());
    hold_document(&held, &client, &asked, &header).await;
    held.terminate();
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
