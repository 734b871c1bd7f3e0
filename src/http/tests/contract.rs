//! What the contracts have in common, asked of every door that it holds for.

use std::time::Duration;

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::app::{Answer, TestApp};

/// Headers with a key for every door but the one that takes tokens.
fn headers(key: &str) -> [(&'static str, String); 3] {
    let key = || key.to_owned();
    [
        ("authorization", format!("Bearer {}", key())),
        ("x-api-key", key()),
        ("x-user-api-key", key()),
    ]
}

async fn ask(app: &TestApp, method: Method, target: &str, more: &[(&str, &str)]) -> Answer {
    ask_with(app, method, target, more, Body::empty()).await
}

async fn ask_with(
    app: &TestApp,
    method: Method,
    target: &str,
    more: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let own = headers(&app.key);
    let mut all: Vec<(&str, &str)> =
        own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.extend_from_slice(more);
    app.call(method, target, &all, body).await
}

/// A token for everything that the usual key may do, as a header's value.
async fn token(app: &TestApp) -> String {
    let (id, secret) = app.new_key(Some(app.ours.id), "read,write,delete", "/").await;
    let body = json!({ "clientId": id.to_string(), "clientSecret": secret }).to_string();
    let json = [("content-type", "application/json")];
    let answer = app.call(Method::POST, "/v2/token", &json, body).await.json();
    format!("Bearer {}", answer["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_page_is_as_long_as_the_contract_says_unless_limit_says_otherwise() {
    let app = TestApp::new().await;
    for _ in 0..101 {
        app.clock.advance(Duration::from_secs(1));
        app.upload("a.png").await;
        assert_eq!(ask(&app, Method::POST, "/delenda/v1/commands", &[]).await.status, 201);
    }
    for (target, list, usual) in [
        ("/v1/uploads", "", 15),
        ("/api/uploads/files", "files", 50),
        ("/api/v1/files", "files", 50),
        ("/api/v1/commands", "commands", 50),
    ] {
        for (query, expected) in
            [("", usual), ("?limit=", usual), ("?limit=100", 100), ("?limit=1", 1)]
        {
            let answer = ask(&app, Method::GET, &format!("{target}{query}"), &[]).await.json();
            let list = if list.is_empty() { &answer } else { &answer[list] };
            assert_eq!(list.as_array().unwrap().len(), expected, "{target}{query}");
        }
        for query in ["?limit=101", "?limit=0", "?limit=a", "?limit=1&limit=1"] {
            let answer = ask(&app, Method::GET, &format!("{target}{query}"), &[]).await;
            assert_eq!(answer.status, 400, "{target}{query}");
        }
    }
}

#[tokio::test]
async fn an_operator_key_opens_only_doors_that_can_name_an_organization() {
    let app = TestApp::new().await;
    let (id, operator) = app.new_key(None, "read,write,delete,admin", "/").await;
    let organization = app.ours.id;
    let own = headers(&operator);
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (target, status) in [
        (format!("/api/uploads/files?organizationId={organization}"), 200),
        (format!("/delenda/v1/usage?organization={organization}"), 200),
        (format!("/api/v1/files?organizationId={organization}"), 401),
        (format!("/v1/uploads?organizationId={organization}"), 401),
        (format!("/fso-info?path=/uploads&organization={organization}"), 401),
    ] {
        let answer = app.call(Method::GET, &target, &own, "").await;
        assert_eq!(answer.status, status, "{target}");
    }
    let body = json!({ "clientId": id.to_string(), "clientSecret": operator }).to_string();
    let json = [("content-type", "application/json")];
    assert_eq!(app.call(Method::POST, "/v2/token", &json, body).await.status, 401);
}

/// Each delete there is, of something that is there.
fn deletes(file: &str, command: &str) -> [(Method, String); 7] {
    [
        (Method::DELETE, format!("/api/v1/files/{file}?")),
        (Method::DELETE, format!("/api/v1/commands/{command}/files?")),
        (Method::DELETE, format!("/api/uploads/files/{file}?")),
        (Method::DELETE, format!("/v1/uploads?ids={file}&")),
        (Method::DELETE, format!("/v1/upload/{file}?")),
        (Method::DELETE, "/fso?path=/a.png&".to_owned()),
        (Method::POST, "/v2/files/delete?filename=/a.png&".to_owned()),
    ]
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_on_every_delete_and_ignored_elsewhere() {
    let app = TestApp::new().await;
    let token = token(&app).await;
    let ask = async |method: Method, target: &str| match target.starts_with("/v2") {
        true => app.call(method, target, &[("authorization", &token)], "").await,
        false => ask(&app, method, target, &[]).await,
    };
    let file = app.upload_to("/a.png").await;
    let made = ask(Method::POST, "/delenda/v1/commands?extra=1").await.json();
    let command = made["command_id"].as_str().unwrap();
    for (method, target) in deletes(&file, command) {
        let answer = ask(method, &format!("{target}dry_run=true")).await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.text().contains("unknown query parameter 'dry_run'"), "{}", answer.text());
    }
    assert_eq!(app.usage().await.live.files, 1);
    for target in [
        format!("/api/v1/files/{file}?"),
        format!("/api/v1/commands/{command}?"),
        "/api/v1/files?".to_owned(),
        format!("/api/uploads/files/{file}?"),
        "/api/uploads/files?".to_owned(),
        "/v1/uploads?".to_owned(),
        "/v1/account?".to_owned(),
        "/fso?path=/a.png&".to_owned(),
        "/fsos?path=/a.png&".to_owned(),
        "/fso-info?path=/a.png&".to_owned(),
        "/v2/files/stat?filename=/a.png&".to_owned(),
        "/v2/files/download?filename=/a.png&".to_owned(),
        "/v2/files/readdir?dirname=/&".to_owned(),
        "/v2/files/meta/tags?filename=/a.png&".to_owned(),
        "/v2/account?".to_owned(),
    ] {
        assert_eq!(ask(Method::GET, &format!("{target}extra=1")).await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn what_real_clients_add_to_their_requests_is_taken() {
    let app = TestApp::new().await;
    let json = [("content-type", "application/json")];
    let fresh = async |body: &'static str| {
        let file = app.upload("a.png").await;
        let target = format!("/api/uploads/files/{file}");
        let read = ask_with(&app, Method::GET, &target, &json, body).await;
        assert_eq!(read.status, 200, "{body:?}");
        ask_with(&app, Method::DELETE, &target, &json, body).await.status.as_u16()
    };
    for body in ["", "[]", "{}"] {
        assert_eq!(fresh(body).await, 200, "{body:?}");
    }
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        let proof = format!("{scheme} {}", app.key);
        for target in ["/api/uploads/files", "/v1/uploads", "/delenda/v1/usage"] {
            let answer = app.call(Method::GET, target, &[("authorization", &proof)], "").await;
            assert_eq!(answer.status, 200, "{scheme} {target}");
        }
    }
    // Raw uploads: no type, any type, no announced length.
    let token = token(&app).await;
    for (index, media_type) in
        [None, Some("image/png"), Some("x/y; z"), Some("application/json")].into_iter().enumerate()
    {
        let mut more = vec![("transfer-encoding", "chunked")];
        more.extend(media_type.map(|media_type| ("content-type", media_type)));
        let body = || {
            let pieces = ["by", "tes"].map(Ok::<_, std::io::Error>);
            Body::from_stream(futures::stream::iter(pieces))
        };
        let target = format!("/fso?path=/merple/{index}");
        let answer = ask_with(&app, Method::POST, &target, &more, body()).await;
        assert_eq!(answer.status, 201, "{media_type:?}");
        more.push(("authorization", &token));
        let target = format!("/v2/files/upload?filename=/sirv/{index}");
        assert_eq!(app.call(Method::POST, &target, &more, body()).await.status, 200);
        let target = format!("/fso?path=/sirv/{index}");
        assert_eq!(ask(&app, Method::GET, &target, &[]).await.text(), "bytes", "{media_type:?}");
    }
}
