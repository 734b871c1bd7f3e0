//! Keys: made, listed, rotated and revoked, and never more than whoever makes them has.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{ask, problem};
use crate::http::tests::app::{Answer, TestApp};

const KEYS: &str = "/delenda/v1/keys";
const USAGE: &str = "/delenda/v1/usage";
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

async fn admin(app: &TestApp) -> String {
    app.new_key(Some(app.ours.id), "read,write,delete,admin", "/").await.1
}

async fn operator(app: &TestApp) -> String {
    app.new_key(None, "read,write,delete,admin", "/").await.1
}

async fn make(app: &TestApp, key: &str, body: &str) -> Value {
    let answer = ask(app, key, (Method::POST, KEYS), body).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

fn member(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}

async fn works(app: &TestApp, key: &str) -> bool {
    let answer = app.as_bearer(Method::GET, USAGE, key).await;
    match answer.status.as_u16() {
        200 => true,
        401 => false,
        other => panic!("{other} {}", answer.text()),
    }
}

async fn rotate(app: &TestApp, key: &str, id: &str, body: &str) -> Answer {
    ask(app, key, (Method::POST, &format!("{KEYS}/{id}/rotate")), body).await
}

fn without_secret(mut key: Value) -> Value {
    key.as_object_mut().unwrap().remove("key");
    key
}

#[tokio::test]
async fn an_admin_makes_a_key_whose_secret_is_shown_once() {
    let app = TestApp::new().await;
    let admin = admin(&app).await;
    let body = r#"{"scopes":["admin","read"],"prefix":"/a/","expires_at":"2024-01-01T00:00:00Z"}"#;
    let made = make(&app, &admin, body).await;
    let (id, secret) = (member(&made, "id"), member(&made, "key"));
    let expected = json!({
        "id": id, "key": secret, "organization": app.ours.id.to_string(),
        "scopes": ["read", "admin"], "prefix": "/a", "guard_files": null, "guard_share": null,
        "created_at": app.iso_now(),
        "expires_at": "2024-01-01T00:00:00.000Z", "revoked_at": null, "former_works_until": null,
    });
    assert_eq!(made, expected);
    assert!(works(&app, &secret).await);
    let read = app.as_bearer(Method::GET, &format!("{KEYS}/{id}"), &admin).await;
    assert_eq!(read.json(), without_secret(made));
    let usual = make(&app, &admin, "").await;
    assert_eq!(
        (&usual["scopes"], &usual["prefix"], &usual["expires_at"]),
        (&json!(["read", "write", "delete"]), &json!("/"), &Value::Null)
    );
    let list = app.as_bearer(Method::GET, KEYS, &admin).await;
    assert!(!list.text().contains("ffsk_"));
    assert_eq!(list.json()["keys"].as_array().unwrap().len(), 4);
    app.clock.advance(Duration::from_hours(24 * 365));
    assert!(!works(&app, &secret).await);
}

#[tokio::test]
async fn nobody_makes_a_key_that_has_more_than_their_own() {
    let app = TestApp::new().await;
    let (_, narrow) = app.new_key(Some(app.ours.id), "read,admin", "/a").await;
    for (body, status) in [
        (r#"{"scopes":["write"],"prefix":"/a"}"#, 403),
        (r#"{"prefix":"/a"}"#, 403),
        (r#"{"scopes":["read"]}"#, 403),
        (r#"{"scopes":["read"],"prefix":"/ab"}"#, 403),
        (r#"{"scopes":["read"],"prefix":"/a/b"}"#, 201),
        (r#"{"scopes":["read","admin"],"prefix":"/a"}"#, 201),
    ] {
        let answer = ask(&app, &narrow, (Method::POST, KEYS), body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
    }
    let ends = app.clock_now().plus(Duration::from_secs(60));
    let (_, brief) = app.new_key_until(app.ours.id, ends).await;
    let until = |seconds: u64| {
        let end = app.clock_now().plus(Duration::from_secs(seconds));
        format!(r#"{{"expires_at":"{}"}}"#, end.iso8601())
    };
    for (body, status) in [("{}".to_owned(), 422), (until(61), 422), (until(60), 201)] {
        let answer = ask(&app, &brief, (Method::POST, KEYS), &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
    }
    // Nor is a key's secret learnt by rotating it.
    let whole = make(&app, &admin(&app).await, "").await;
    let sibling = make(&app, &narrow, r#"{"scopes":["read"],"prefix":"/a"}"#).await;
    assert_eq!(rotate(&app, &narrow, &member(&whole, "id"), "").await.status, 404);
    assert_eq!(rotate(&app, &narrow, &member(&sibling, "id"), "").await.status, 200);
    assert_eq!(problem(&rotate(&app, &brief, &member(&whole, "id"), "").await).0, 422);
    let (writer, _) = app.new_key(Some(app.ours.id), "write", "/a").await;
    assert_eq!(problem(&rotate(&app, &narrow, &writer.to_string(), "").await).0, 403);
    assert!(works(&app, &member(&whole, "key")).await);
}

#[tokio::test]
async fn a_key_that_cannot_be_is_refused_and_not_made() {
    let app = TestApp::new().await;
    let admin = admin(&app).await;
    let before = app.service.ledger.keys().await.unwrap();
    for (body, status) in [
        (r#"{"scopes":[]}"#, 422),
        (r#"{"scopes":["read","read"]}"#, 422),
        (r#"{"scopes":["all"]}"#, 400),
        (r#"{"prefix":"a"}"#, 422),
        (r#"{"expires_at":"soon"}"#, 422),
        (r#"{"expires_at":"2023-11-14T22:13:20Z"}"#, 422),
        (r#"{"operator":true}"#, 400),
        (r#"{"organization":"x"}"#, 400),
        ("null", 400),
    ] {
        let answer = ask(&app, &admin, (Method::POST, KEYS), body).await;
        assert_eq!(problem(&answer).0, status, "{body}");
    }
    for body in [r#"{"grace_seconds":86401}"#, r#"{"grace_seconds":18446744073709551615}"#] {
        let answer = rotate(&app, &admin, &before[0].id.to_string(), body).await;
        assert_eq!(problem(&answer).0, 422, "{body}");
    }
    for body in [r#"{"grace_seconds":-1}"#, r#"{"grace_seconds":1.5}"#, r#"{"grace":1}"#] {
        let answer = rotate(&app, &admin, &before[0].id.to_string(), body).await;
        assert_eq!(problem(&answer).0, 400, "{body}");
    }
    assert_eq!(app.service.ledger.keys().await.unwrap(), before);
}

#[tokio::test]
async fn a_rotated_key_keeps_its_identity_and_its_old_secret_for_a_while() {
    let app = TestApp::new().await;
    let admin = admin(&app).await;
    let made = make(&app, &admin, "").await;
    let (id, first) = (member(&made, "id"), member(&made, "key"));
    let second = rotate(&app, &admin, &id, r#"{"grace_seconds":60}"#).await.json();
    let until = app.clock_now().plus(Duration::from_secs(60)).iso8601();
    assert_eq!((member(&second, "id"), member(&second, "former_works_until")), (id.clone(), until));
    let second = member(&second, "key");
    assert!(works(&app, &first).await && works(&app, &second).await);
    app.clock.advance(Duration::from_millis(59_999));
    assert!(works(&app, &first).await);
    app.clock.advance(Duration::from_millis(1));
    assert!(!works(&app, &first).await && works(&app, &second).await);
    let read = app.as_bearer(Method::GET, &format!("{KEYS}/{id}"), &admin).await.json();
    assert_eq!(read["former_works_until"], Value::Null);
    let third = member(&rotate(&app, &admin, &id, "").await.json(), "key");
    assert!(!works(&app, &second).await && works(&app, &third).await);
}

async fn token(app: &TestApp, id: &str, secret: &str) -> Answer {
    let body = json!({ "clientId": id, "clientSecret": secret, "expiresIn": 604_800 });
    app.call(Method::POST, "/v2/token", &[], body.to_string()).await
}

#[tokio::test]
async fn a_token_ends_with_the_secret_that_opened_it() {
    let app = TestApp::new().await;
    let admin = admin(&app).await;
    let made = make(&app, &admin, "").await;
    let (id, first) = (member(&made, "id"), member(&made, "key"));
    let old = member(&token(&app, &id, &first).await.json(), "token");
    let second = rotate(&app, &admin, &id, r#"{"grace_seconds":60}"#).await.json();
    let during = member(&token(&app, &id, &first).await.json(), "token");
    let new = member(&token(&app, &id, &member(&second, "key")).await.json(), "token");
    let opens = async |token: &str| app.as_bearer(Method::GET, "/v2/account", token).await.status;
    for token in [&old, &during, &new] {
        assert_eq!(opens(token).await, 200);
    }
    app.clock.advance(Duration::from_secs(60));
    for (token, status) in [(&old, 401), (&during, 401), (&new, 200)] {
        assert_eq!(opens(token).await, status);
    }
    assert_eq!(token(&app, &id, &first).await.status, 401);
    ask(&app, &admin, (Method::DELETE, &format!("{KEYS}/{id}")), "").await;
    assert_eq!(opens(&new).await, 401);
}

#[tokio::test]
async fn a_revoked_key_works_no_more_and_cannot_be_rotated() {
    let app = TestApp::new().await;
    let admin = admin(&app).await;
    let made = make(&app, &admin, "").await;
    let (id, target) = (member(&made, "id"), format!("{KEYS}/{}", member(&made, "id")));
    let unknown = ask(&app, &admin, (Method::DELETE, &format!("{target}?x=1")), "").await;
    assert_eq!(problem(&unknown).0, 400);
    assert!(works(&app, &member(&made, "key")).await);
    let mut expected = without_secret(made.clone());
    expected["revoked_at"] = json!(app.iso_now());
    for _ in 0..2 {
        let revoked = ask(&app, &admin, (Method::DELETE, &target), "").await;
        assert_eq!((revoked.status.as_u16(), revoked.json()), (200, expected.clone()));
        app.clock.advance(Duration::from_secs(1));
    }
    assert!(!works(&app, &member(&made, "key")).await);
    assert_eq!(problem(&rotate(&app, &admin, &id, "").await).0, 409);
}

#[tokio::test]
async fn keys_beyond_ones_own_are_not_there() {
    let app = TestApp::new().await;
    let (theirs, _) = app.new_key(Some(app.theirs.id), "read", "/").await;
    let (above, _) = app.new_key(Some(app.ours.id), "read", "/").await;
    let (operator, _) = app.new_key(None, "read", "/").await;
    let (_, narrow) = app.new_key(Some(app.ours.id), "read,write,delete,admin", "/a").await;
    let ids = [theirs, above, operator].map(|id| id.to_string());
    for id in ids.iter().map(String::as_str).chain([NOBODY, "no"]) {
        let target = format!("{KEYS}/{id}");
        let rotation = format!("{target}/rotate");
        for asked in
            [(Method::GET, &*target), (Method::DELETE, &*target), (Method::POST, &*rotation)]
        {
            let expected =
                json!({ "type": "/problems/not-found", "title": "Not found", "status": 404 });
            assert_eq!(problem(&ask(&app, &narrow, asked, "").await), (404, expected), "{id}");
        }
    }
    let list = app.as_bearer(Method::GET, KEYS, &narrow).await.json();
    assert_eq!(list["keys"].as_array().unwrap().len(), 1);
    let foreign = format!("{KEYS}?organization={}", app.theirs.id);
    assert_eq!(problem(&app.as_bearer(Method::GET, &foreign, &narrow).await).0, 403);
    // Without the scope nothing is told at all.
    for target in [KEYS.to_owned(), format!("{KEYS}/{above}")] {
        assert_eq!(problem(&app.bearer(Method::GET, &target).await).0, 403);
    }
}

#[tokio::test]
async fn an_operator_keeps_the_keys_of_every_organization() {
    let app = TestApp::new().await;
    let operator = operator(&app).await;
    let unnamed = ask(&app, &operator, (Method::POST, KEYS), "").await;
    assert_eq!(problem(&unnamed).1["type"], "/problems/organization-required");
    let named = format!("{KEYS}?organization={}", app.theirs.id);
    let made = ask(&app, &operator, (Method::POST, &named), "").await.json();
    assert_eq!(made["organization"], app.theirs.id.to_string());
    assert!(works(&app, &member(&made, "key")).await);
    let count = async |target: &str| {
        let list = app.as_bearer(Method::GET, target, &operator).await.json();
        list["keys"].as_array().unwrap().len()
    };
    assert_eq!((count(&named).await, count(KEYS).await), (1, 3));
    let id = member(&made, "id");
    let elsewhere = format!("{KEYS}/{id}?organization={}", app.ours.id);
    assert_eq!(app.as_bearer(Method::GET, &elsewhere, &operator).await.status, 404);
    let rotated = rotate(&app, &operator, &id, "").await.json();
    assert!(works(&app, &member(&rotated, "key")).await);
    let target = format!("{KEYS}/{id}");
    assert_eq!(ask(&app, &operator, (Method::DELETE, &target), "").await.status, 200);
    assert!(!works(&app, &member(&rotated, "key")).await);
}

async fn once(app: &TestApp, key: &str, target: &str, (once, body): (&str, &str)) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", once)];
    app.call(Method::POST, target, &headers, body.to_owned()).await
}

#[tokio::test]
async fn a_repeat_shows_the_same_secret_and_keeps_nothing_of_it() {
    let app = TestApp::new().await;
    let admin = admin(&app).await;
    let first = once(&app, &admin, KEYS, ("one", "{}")).await;
    let again = once(&app, &admin, KEYS, ("one", "{}")).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json(), again.json());
    let (id, secret) = (member(&first.json(), "id"), member(&first.json(), "key"));
    assert!(works(&app, &secret).await);
    let other = once(&app, &admin, KEYS, ("two", "{}")).await.json();
    assert_ne!(member(&other, "key"), secret);
    assert_eq!(problem(&once(&app, &admin, KEYS, ("one", "")).await).0, 422);

    let target = format!("{KEYS}/{id}/rotate");
    let rotated = once(&app, &admin, &target, ("three", "")).await;
    let repeated = once(&app, &admin, &target, ("three", "")).await;
    assert_eq!(rotated.text(), repeated.text());
    let second = member(&rotated.json(), "key");
    assert_ne!(second, secret);
    assert!(works(&app, &second).await && !works(&app, &secret).await);
    // What was shown first opens nothing any more, and is not shown as if it did.
    let late = once(&app, &admin, KEYS, ("one", "{}")).await;
    assert_eq!((late.status.as_u16(), late.json().get("key")), (201, None));
    rotate(&app, &admin, &id, "").await;
    let late = once(&app, &admin, &target, ("three", "")).await;
    assert_eq!((late.status.as_u16(), late.json().get("key")), (200, None));
}

#[tokio::test]
async fn a_key_that_rotates_itself_with_some_grace_can_repeat_it() {
    let app = TestApp::new().await;
    let (id, own) = app.new_key(Some(app.ours.id), "read,write,delete,admin", "/").await;
    let target = format!("{KEYS}/{id}/rotate");
    let body = r#"{"grace_seconds":60}"#;
    let first = once(&app, &own, &target, ("one", body)).await.json();
    let again = once(&app, &own, &target, ("one", body)).await.json();
    assert_eq!(first, again);
    // The new secret is the same key, and learns that it was done; what it shows is no other's.
    let new = member(&first, "key");
    let known = once(&app, &new, &target, ("one", body)).await;
    assert_eq!((known.status.as_u16(), known.json().get("key")), (200, None));
}
