//! The native API: commands, outputs, usage, and its problem documents.

mod commands;
mod deletion_events;
mod deletion_filters;
mod deletion_lists;
mod deletions;
mod entries;
mod files;
mod idempotency;
mod keys;
mod organizations;
mod repeats;
mod uploads;
mod webhooks;

use std::sync::Arc;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::http::tests::app::{Answer, NOW, TestApp};

const COMMANDS: &str = "/delenda/v1/commands";

async fn post(app: &TestApp, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let bearer = format!("Bearer {}", app.key);
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    app.call(Method::POST, target, &all, body.to_owned()).await
}

async fn put(app: &TestApp, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let bearer = format!("Bearer {}", app.key);
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    app.call(Method::PUT, target, &all, body.to_owned()).await
}

/// Sends a request with this key.
async fn ask(app: &TestApp, key: &str, (method, target): (Method, &str), body: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    app.call(method, target, &[("authorization", &bearer)], body.to_owned()).await
}

/// Status and document of an error.
fn problem(answer: &Answer) -> (u16, Value) {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let (status, document) = (answer.status.as_u16(), answer.json());
    assert_eq!(document["status"], status, "{document}");
    (status, document)
}

/// Status and type of an error.
fn kind_of(answer: &Answer) -> (u16, String) {
    let (status, document) = problem(answer);
    (status, document["type"].as_str().unwrap().to_owned())
}

/// A key, and the application that it opens.
struct Native {
    app: Arc<TestApp>,
    key: String,
}

impl Native {
    /// With all scopes.
    async fn new() -> Self {
        Self::of(TestApp::new().await).await
    }

    async fn of(app: TestApp) -> Self {
        let all = "read,write,delete,admin";
        let key = app.new_key(Some(app.ours.id), all, "/").await.1;
        Self { app: Arc::new(app), key }
    }

    /// With a key that sees this much of the same organization.
    async fn beneath(&self, prefix: &str) -> Self {
        self.keyed("read,write,delete,admin", prefix).await
    }

    async fn with_scopes(&self, scopes: &str) -> Self {
        self.keyed(scopes, "/").await
    }

    async fn keyed(&self, scopes: &str, prefix: &str) -> Self {
        let key = self.app.new_key(Some(self.app.ours.id), scopes, prefix).await.1;
        Self { app: Arc::clone(&self.app), key }
    }

    /// With a key of the other organization.
    async fn stranger(&self) -> Self {
        let all = "read,write,delete,admin";
        let key = self.app.new_key(Some(self.app.theirs.id), all, "/").await.1;
        Self { app: Arc::clone(&self.app), key }
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        self.app.call(method, target, &all, body).await
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, target, headers, "").await
    }

    async fn put(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.ask(Method::PUT, target, headers, body.to_owned()).await
    }

    async fn post(&self, target: &str, body: &str) -> Answer {
        self.ask(Method::POST, target, &[], body.to_owned()).await
    }
}

#[tokio::test]
async fn a_command_is_made_of_a_report_or_of_nothing() {
    let app = TestApp::new().await;
    let answer = post(&app, COMMANDS, &[("content-type", "application/json")], "").await;
    let command = answer.json();
    let expected = json!({
        "command_id": command["command_id"], "status": "SUCCESS",
        "command_type": "FFMPEG_COMMAND", "output_files": {},
        "original_request": { "input_files": {}, "output_files": {} },
        "created_at": NOW.iso8601(), "closed": false,
    });
    assert_eq!((answer.status.as_u16(), &command), (201, &expected));
    let report = json!({
        "command_type": "CHAINED_COMMAND", "status": "PROCESSING", "metadata": { "a": [1] },
        "original_request": { "ffmpeg_command": "-i {{in}} {{out}}" },
    });
    let answer = post(&app, COMMANDS, &[], &report.to_string()).await;
    let mut command = answer.json();
    let id = command["command_id"].take();
    let mut expected = report;
    expected["command_id"] = Value::Null;
    expected["output_files"] = json!({});
    expected["created_at"] = json!(NOW.iso8601());
    expected["closed"] = json!(false);
    assert_eq!((answer.status.as_u16(), command), (201, expected));
    let target = format!("/api/v1/commands/{}", id.as_str().unwrap());
    let shown = app.call(Method::GET, &target, &[("x-api-key", &app.key)], "").await;
    assert_eq!((shown.status.as_u16(), &shown.json()["command_id"]), (200, &id));
}

#[tokio::test]
async fn an_empty_report_is_none_in_every_form_in_which_clients_send_it() {
    let app = TestApp::new().await;
    for body in ["", "[]", " [] \n", "{}", "\r\n"] {
        let answer = post(&app, COMMANDS, &[("content-type", "application/json")], body).await;
        assert_eq!(answer.status.as_u16(), 201, "{body:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_report_that_means_nothing_is_refused() {
    let app = TestApp::new().await;
    for body in [
        "[{}]",
        "null",
        "{\"status\":\"DONE\"}",
        "{\"status\":\"SUCCESS\",\"status\":\"SUCCESS\"}",
        "{\"tenant_id\":1}",
        "{} {}",
    ] {
        let answer = post(&app, COMMANDS, &[], body).await;
        let (status, document) = problem(&answer);
        assert_eq!((status, &document["type"]), (400, &json!("/problems/invalid")), "{body}");
    }
    let answer = post(&app, COMMANDS, &[("content-type", "text/plain")], "{}").await;
    assert_eq!(answer.status, 415);
    let answer = post(&app, COMMANDS, &[], &" ".repeat((1 << 20) + 1)).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn an_output_is_stored_and_stored_again() {
    let app = TestApp::new().await;
    let made = post(&app, COMMANDS, &[], "").await.json();
    let command = made["command_id"].as_str().unwrap();
    let target = format!("{COMMANDS}/{command}/outputs/my%20out.mp4");
    let first = put(&app, &target, &[], "12345").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let second = put(&app, &target, &[("content-type", "video/webm")], "1234567").await;
    assert_eq!(second.status, 200);
    let (first, second) = (first.json(), second.json());
    assert_eq!(first["file_id"], second["file_id"]);
    assert_eq!(
        (&first["filename"], &first["mime_type"]),
        (&json!("my out.mp4"), &json!("video/mp4"))
    );
    assert_eq!(second["mime_type"], "video/webm");
    let url = |output: &Value| {
        let url = output["storage_url"].as_str().unwrap().to_owned();
        url.strip_prefix("https://files.test").unwrap().to_owned()
    };
    assert_eq!(app.call(Method::GET, &url(&first), &[], "").await.status, 404);
    assert_eq!(app.call(Method::GET, &url(&second), &[], "").await.text(), "1234567");
    app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn an_output_of_no_command_or_without_a_usable_name_is_refused() {
    let app = TestApp::new().await;
    let unknown = format!("{COMMANDS}/01890000-0000-7000-8000-000000000000/outputs/a");
    let not_found = json!({ "type": "/problems/not-found", "title": "Not found", "status": 404 });
    assert_eq!(problem(&put(&app, &unknown, &[], "1").await), (404, not_found.clone()));
    let made = post(&app, COMMANDS, &[], "").await.json();
    let command = made["command_id"].as_str().unwrap();
    let bad = |name: &str| format!("{COMMANDS}/{command}/outputs/{name}");
    assert_eq!(problem(&put(&app, &bad("%ff"), &[], "1").await), (404, not_found));
    for name in ["..", "a%2fb", "a%00", &"n".repeat(219)] {
        let answer = put(&app, &bad(name), &[], "1").await;
        assert_eq!(problem(&answer).0, 400, "{name:.20}");
    }
    let answer = put(&app, &bad("a"), &[("content-encoding", "gzip")], "1").await;
    assert_eq!(problem(&answer).0, 415);
    app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn usage_follows_a_file_to_its_end() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    let answer = app.bearer(Method::GET, "/delenda/v1/usage").await;
    let (one, none) = (json!({ "files": 1, "bytes": 11 }), json!({ "files": 0, "bytes": 0 }));
    assert_eq!(
        answer.json(),
        json!({ "uploaded": one, "live": one, "doomed": none, "condemned": none, "settled": none })
    );
    let target = format!("/api/uploads/files/{file}");
    assert_eq!(app.bearer(Method::DELETE, &target).await.status, 200);
    app.drained().await;
    let answer = app.bearer(Method::GET, "/delenda/v1/usage").await;
    assert_eq!(
        answer.json(),
        json!({ "uploaded": one, "live": none, "doomed": none, "condemned": none, "settled": one })
    );
}

#[tokio::test]
async fn an_operator_names_the_organization() {
    let app = TestApp::new().await;
    let (_, operator) = app.new_key(None, "read", "/").await;
    let usage = "/delenda/v1/usage";
    let unnamed = app.as_bearer(Method::GET, usage, &operator).await;
    let expected = json!({
        "type": "/problems/organization-required",
        "title": "An organization must be named", "status": 400,
    });
    assert_eq!(problem(&unnamed), (400, expected));
    let named = format!("{usage}?organization={}", app.ours.id);
    assert_eq!(app.as_bearer(Method::GET, &named, &operator).await.status, 200);
    assert_eq!(app.bearer(Method::GET, &named).await.status, 200);
    let foreign = format!("{usage}?organization={}", app.theirs.id);
    assert_eq!(problem(&app.bearer(Method::GET, &foreign).await).0, 403);
    let nobody = format!("{usage}?organization=01890000-0000-7000-8000-000000000000");
    assert_eq!(problem(&app.as_bearer(Method::GET, &nobody, &operator).await).0, 403);
    app.service.ledger.disable_organization(app.ours.id, NOW).await.unwrap();
    assert_eq!(problem(&app.as_bearer(Method::GET, &named, &operator).await).0, 401);
}
