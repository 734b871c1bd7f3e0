//! Commands after they are made: listed, read, reported on, emptied.

use http::Method;
use serde_json::{Value, json};

use super::{COMMANDS, ask as ask_with, post, problem, put};
use crate::http::tests::app::{Answer, TestApp};

async fn made(app: &TestApp) -> String {
    let made = post(app, COMMANDS, &[], "").await.json();
    made["command_id"].as_str().unwrap().to_owned()
}

async fn ask(app: &TestApp, method: Method, target: &str, body: &str) -> Answer {
    ask_with(app, &app.key, (method, target), body).await
}

async fn patch(app: &TestApp, id: &str, body: &str) -> Answer {
    ask(app, Method::PATCH, &format!("{COMMANDS}/{id}"), body).await
}

fn ids(page: &Value) -> Vec<&str> {
    let commands = page["commands"].as_array().unwrap();
    commands.iter().map(|command| command["command_id"].as_str().unwrap()).collect()
}

async fn page(app: &TestApp, query: &str) -> Value {
    let answer = app.bearer(Method::GET, &format!("{COMMANDS}?{query}")).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn commands_are_listed_newest_first_by_cursors() {
    let app = TestApp::new().await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(made(&app).await);
    }
    all.reverse();
    let first = page(&app, "limit=2").await;
    assert_eq!(ids(&first), all[..2]);
    made(&app).await;
    let mut seen: Vec<String> = ids(&first).into_iter().map(str::to_owned).collect();
    let mut next = first["cursor"].clone();
    while let Some(cursor) = next.as_str() {
        let page = page(&app, &format!("limit=2&cursor={cursor}")).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        next = page["cursor"].clone();
    }
    assert_eq!(seen, all);
    assert_eq!(ids(&page(&app, "").await).len(), 6);
    assert_eq!(page(&app, "status=FAILED").await, json!({ "commands": [], "cursor": null }));
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_alone() {
    let app = TestApp::new().await;
    for _ in 0..3 {
        made(&app).await;
    }
    let cursor = page(&app, "limit=1").await["cursor"].as_str().unwrap().to_owned();
    let (_, theirs) = app.new_key(Some(app.theirs.id), "read,write", "/").await;
    let (_, other) = app.new_key(Some(app.ours.id), "read", "/").await;
    let same = format!("{COMMANDS}?cursor={cursor}");
    assert_eq!(app.as_bearer(Method::GET, &same, &other).await.status, 200);
    let refused = [
        app.as_bearer(Method::GET, &same, &theirs).await,
        app.bearer(Method::GET, &format!("{same}&status=SUCCESS")).await,
        app.bearer(Method::GET, &format!("{same}A")).await,
        app.bearer(Method::GET, &format!("{COMMANDS}?cursor=01890000")).await,
    ];
    for answer in refused {
        let (status, document) = problem(&answer);
        assert_eq!((status, &document["type"]), (400, &json!("/problems/invalid")));
        assert_eq!(document["detail"], "the cursor is not one of this list");
    }
    for wrong in ["limit=0", "limit=1001", "status=DONE", "cursor=&cursor="] {
        let answer = app.bearer(Method::GET, &format!("{COMMANDS}?{wrong}")).await;
        assert_eq!(problem(&answer).0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_worker_reports_the_end_of_a_command() {
    let app = TestApp::new().await;
    let begun = post(&app, COMMANDS, &[], r#"{"status":"PROCESSING","metadata":{"a":1}}"#).await;
    let begun = begun.json();
    let id = begun["command_id"].as_str().unwrap();
    let end = r#"{"status":"FAILED","error_status":"OOM","error_message":"out of memory",
                  "total_processing_seconds":2.5}"#;
    let ended = patch(&app, id, end).await;
    assert_eq!(ended.status.as_u16(), 200, "{}", ended.text());
    let mut expected = begun.clone();
    for (member, value) in [
        ("status", json!("FAILED")),
        ("error_status", json!("OOM")),
        ("error_message", json!("out of memory")),
        ("total_processing_seconds", json!(2.5)),
    ] {
        expected[member] = value;
    }
    assert_eq!(ended.json(), expected);
    let read = app.bearer(Method::GET, &format!("{COMMANDS}/{id}")).await;
    assert_eq!(read.json(), expected);
    assert_eq!(ids(&page(&app, "status=FAILED").await), [id]);
    assert!(ids(&page(&app, "status=PROCESSING").await).is_empty());
    let without = patch(&app, id, r#"{"metadata":null}"#).await.json();
    assert_eq!(without.get("metadata"), None);
    assert_eq!(without["error_status"], "OOM");
    assert_eq!(patch(&app, id, "{}").await.json(), without);
    for (body, status) in [
        ("", 400),
        ("[]", 400),
        (r#"{"status":null}"#, 400),
        (r#"{"closed":true}"#, 400),
        (r#"{"total_processing_seconds":-1}"#, 422),
    ] {
        assert_eq!(problem(&patch(&app, id, body).await).0, status, "{body}");
    }
    assert_eq!(app.bearer(Method::GET, &format!("{COMMANDS}/{id}")).await.json(), without);
}

#[tokio::test]
async fn all_outputs_of_a_command_are_deleted_together() {
    let app = TestApp::new().await;
    let id = made(&app).await;
    let outputs = format!("{COMMANDS}/{id}/outputs");
    for name in ["a", "b"] {
        let answer = ask(&app, Method::PUT, &format!("{outputs}/{name}"), "12345").await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.text());
    }
    let unknown = app.bearer(Method::DELETE, &format!("{outputs}?dry_run=true")).await;
    assert_eq!(problem(&unknown).0, 400);
    let deleted = app.bearer(Method::DELETE, &outputs).await;
    assert_eq!(deleted.status.as_u16(), 200, "{}", deleted.text());
    let deleted = deleted.json();
    assert_eq!((&deleted["files"], &deleted["bytes"]), (&json!(2), &json!(10)));
    let command = app.bearer(Method::GET, &format!("{COMMANDS}/{id}")).await.json();
    assert_eq!((&command["closed"], &command["created_at"]), (&json!(true), &json!(app.iso_now())));
    for name in ["a", "b"] {
        assert_eq!(command["output_files"][name]["is_deleted"], true);
    }
    let late = ask(&app, Method::PUT, &format!("{outputs}/c"), "1").await;
    assert_eq!(problem(&late).0, 409);
    let again = app.bearer(Method::DELETE, &outputs).await.json();
    assert_eq!(again["files"], 0);
    app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn a_locked_output_keeps_all_of_them() {
    let app = TestApp::new().await;
    let id = made(&app).await;
    let outputs = format!("{COMMANDS}/{id}/outputs");
    ask(&app, Method::PUT, &format!("{outputs}/a"), "12345").await;
    let date = &app.iso_now()[..10];
    app.lock(&format!("/commands/{date}/{id}-a"), true).await;
    let (status, document) = problem(&app.bearer(Method::DELETE, &outputs).await);
    assert_eq!((status, &document["type"]), (423, &json!("/problems/locked")));
    let command = app.bearer(Method::GET, &format!("{COMMANDS}/{id}")).await.json();
    assert_eq!(command["closed"], false);
    assert_eq!(app.usage().await.live.files, 1);
}

#[tokio::test]
async fn a_command_beyond_the_prefix_or_of_others_is_not_there() {
    let app = TestApp::new().await;
    let id = made(&app).await;
    ask(&app, Method::PUT, &format!("{COMMANDS}/{id}/outputs/a"), "1").await;
    let (_, narrow) = app.new_key(Some(app.ours.id), "read,write,delete", "/narrow").await;
    let (_, theirs) = app.new_key(Some(app.theirs.id), "read,write,delete", "/").await;
    for key in [narrow, theirs] {
        let bearer = format!("Bearer {key}");
        for id in [id.as_str(), "01890000-0000-7000-8000-000000000000", "no"] {
            let target = format!("{COMMANDS}/{id}");
            let outputs = format!("{target}/outputs");
            for (method, target, body) in [
                (Method::GET, &target, ""),
                (Method::PATCH, &target, "{}"),
                (Method::DELETE, &outputs, ""),
            ] {
                let headers = [("authorization", bearer.as_str())];
                let answer = app.call(method, target, &headers, body).await;
                assert_eq!(problem(&answer).0, 404, "{target}");
            }
        }
        let list = app.as_bearer(Method::GET, COMMANDS, &key).await.json();
        assert_eq!(list, json!({ "commands": [], "cursor": null }));
    }
}

#[tokio::test]
async fn an_output_is_stored_whole_and_under_its_conditions() {
    let app = TestApp::new().await;
    let target = format!("{COMMANDS}/{}/outputs/out", made(&app).await);
    let unclear = format!("{target}?overwrite=false");
    for (target, headers, status) in [
        (&target, &[("if-match", "*")][..], 412),
        (&target, &[("if-none-match", "*")], 201),
        (&target, &[("if-none-match", "*")], 412),
        (&target, &[("if-match", "\"other\"")], 412),
        (&target, &[("if-match", "*"), ("if-none-match", "*")], 400),
        (&target, &[("content-range", "bytes 0-0/9")], 400),
        (&unclear, &[], 400),
        (&target, &[("if-match", "*")], 200),
        (&target, &[], 200),
    ] {
        let answer = put(&app, target, headers, "x").await;
        assert_eq!(answer.status.as_u16(), status, "{target} {headers:?}: {}", answer.text());
    }
}
