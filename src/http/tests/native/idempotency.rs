//! `Idempotency-Key`: one effect, and the same answer to each repeat.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{COMMANDS, problem};
use crate::http::tests::app::{Answer, TestApp};

async fn send(app: &TestApp, key: &str, target: &str, (once, body): (&str, &str)) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", once)];
    app.call(Method::POST, target, &headers, body.to_owned()).await
}

async fn commands(app: &TestApp) -> Vec<Value> {
    let list = app.bearer(Method::GET, COMMANDS).await.json();
    list["commands"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_repeat_has_no_effect_and_shows_what_was_made_as_it_is() {
    let app = TestApp::new().await;
    let body = r#"{"status":"QUEUED"}"#;
    let first = send(&app, &app.key, COMMANDS, ("one", body)).await;
    let again = send(&app, &app.key, COMMANDS, ("one", body)).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json(), again.json());
    let id = first.json()["command_id"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {}", app.key);
    let headers = [("authorization", bearer.as_str())];
    let target = format!("{COMMANDS}/{id}");
    app.call(Method::PATCH, &target, &headers, r#"{"status":"SUCCESS"}"#).await;
    let later = send(&app, &app.key, COMMANDS, ("one", body)).await;
    assert_eq!((later.status.as_u16(), &later.json()["status"]), (201, &json!("SUCCESS")));
    assert_eq!(commands(&app).await.len(), 1);
    let other = send(&app, &app.key, COMMANDS, ("two", body)).await;
    assert_ne!(other.json()["command_id"], id.as_str());
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let app = TestApp::new().await;
    let body = r#"{"status":"QUEUED"}"#;
    assert_eq!(send(&app, &app.key, COMMANDS, ("one", body)).await.status, 201);
    let named = format!("{COMMANDS}?organization={}", app.ours.id);
    for (target, body) in [(COMMANDS, "{}"), (COMMANDS, ""), (named.as_str(), body)] {
        let refused = send(&app, &app.key, target, ("one", body)).await;
        let expected = json!({
            "type": "/problems/idempotency-mismatch",
            "title": "Another request was made with the same idempotency key", "status": 422,
        });
        assert_eq!(problem(&refused), (422, expected), "{target} {body}");
    }
    assert_eq!(commands(&app).await.len(), 1);
    // Another caller's keys are its own.
    let (_, other) = app.new_key(Some(app.ours.id), "write", "/").await;
    assert_eq!(send(&app, &other, COMMANDS, ("one", "{}")).await.status, 201);
    assert_eq!(commands(&app).await.len(), 2);
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let app = TestApp::new().await;
    let (_, reader) = app.new_key(Some(app.ours.id), "read", "/").await;
    assert_eq!(problem(&send(&app, &reader, COMMANDS, ("one", "{}")).await).0, 403);
    assert_eq!(problem(&send(&app, &app.key, COMMANDS, ("one", "null")).await).0, 400);
    assert_eq!(send(&app, &app.key, COMMANDS, ("one", "{}")).await.status, 201);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_before_anything_happens() {
    let app = TestApp::new().await;
    for wrong in ["", "a b", &"k".repeat(256)] {
        assert_eq!(problem(&send(&app, &app.key, COMMANDS, (wrong, "{}")).await).0, 400);
    }
    let bearer = format!("Bearer {}", app.key);
    let one = ("idempotency-key", "one");
    let twice = [("authorization", bearer.as_str()), one, one];
    assert_eq!(problem(&app.call(Method::POST, COMMANDS, &twice, "{}").await).0, 400);
    assert!(commands(&app).await.is_empty());
}

#[tokio::test]
async fn of_many_at_once_one_has_the_effect_and_all_have_the_answer() {
    let app = TestApp::new().await;
    let asked = (0..20).map(|_| send(&app, &app.key, COMMANDS, ("one", "{}")));
    let answers = join_all(asked).await;
    assert!(answers.iter().all(|answer| answer.status.as_u16() == 201));
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
    assert_eq!(commands(&app).await.len(), 1);
}

#[tokio::test]
async fn a_folder_is_made_once_and_shown_where_it_is() {
    let app = TestApp::new().await;
    let folders = "/delenda/v1/folders";
    let body = r#"{"path":"/a/b"}"#;
    let first = send(&app, &app.key, folders, ("one", body)).await;
    let again = send(&app, &app.key, folders, ("one", body)).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json(), again.json());
    // Without its idempotency key the same request finds the folder there.
    let other = send(&app, &app.key, folders, ("two", body)).await;
    assert_eq!((other.status.as_u16(), other.json()), (200, first.json()));
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let target = format!("/delenda/v1/entries/{id}");
    assert_eq!(app.bearer(Method::DELETE, &target).await.status, 200);
    assert_eq!(problem(&send(&app, &app.key, folders, ("one", body)).await).0, 404);
    assert_eq!(send(&app, &app.key, folders, ("three", body)).await.status, 201);
}
