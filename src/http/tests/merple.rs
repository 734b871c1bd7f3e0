//! The contract, row by row, with whole bodies.

use axum::body::Body;
use http::{Method, Request};

use super::app::{Answer, TestApp};
use crate::domain::organization::{Scope, Scopes};
use crate::http::error::ApiError;
use crate::http::router::render_error;

struct Merple {
    app: TestApp,
    key: String,
}

impl Merple {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let key = app.key.clone();
        Self { app, key }
    }

    async fn with(&self, key: &str, method: Method, query: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/fso{query}"))
            .header("x-user-api-key", key)
            .body(Body::from(body.to_owned()));
        self.app.send(request.unwrap()).await
    }

    async fn delete(&self, query: &str) -> (u16, String) {
        shown(&self.with(&self.key, Method::DELETE, query, "").await)
    }

    async fn post(&self, query: &str, body: &str) -> (u16, String) {
        shown(&self.with(&self.key, Method::POST, query, body).await)
    }

    async fn get(&self, query: &str) -> (u16, String) {
        shown(&self.with(&self.key, Method::GET, query, "").await)
    }

    async fn lock(&self, path: &str) {
        self.app.lock(path, true).await;
    }
}

fn shown(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.text().to_owned())
}

fn answer(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

fn error(status: u16, text: &str) -> (u16, String) {
    (status, format!(r#"{{"error":"{text}"}}"#))
}

const NOT_FOUND: &str = "File or folder not found";

#[tokio::test]
async fn a_file_is_stored_read_and_deleted_for_good() {
    let merple = Merple::new().await;
    let stored = merple.post("?path=/a/b%20c.txt", "bytes").await;
    assert_eq!(stored, answer(201, r#"{"path":"/a/b c.txt","size":5}"#));
    assert_eq!(merple.get("?path=/a/b%20c.txt").await, answer(200, "bytes"));
    let deleted = merple.delete("?path=/a/b%20c.txt").await;
    assert_eq!(deleted, answer(200, r#"{"deleted":true,"path":"/a/b c.txt"}"#));
    assert_eq!(merple.get("?path=/a/b%20c.txt").await, error(404, NOT_FOUND));
    assert_eq!(merple.delete("?path=/a/b%20c.txt").await, error(404, NOT_FOUND));
    merple.app.drained().await;
    assert_eq!(merple.app.stored.keys(), []);
}

#[tokio::test]
async fn a_folder_goes_with_all_below_it_with_or_without_a_trailing_slash() {
    let merple = Merple::new().await;
    for (asked, path) in [("?path=/f", "/f"), ("?path=/f/", "/f/")] {
        merple.post("?path=/f/one", "1").await;
        merple.post("?path=/f/deep/er/two", "2").await;
        merple.post("?path=/ff", "3").await;
        let deleted = merple.delete(asked).await;
        assert_eq!(deleted, answer(200, &format!(r#"{{"deleted":true,"path":"{path}"}}"#)));
        for gone in ["?path=/f", "?path=/f/one", "?path=/f/deep/er/two"] {
            assert_eq!(merple.get(gone).await, error(404, NOT_FOUND));
        }
        assert_eq!(merple.get("?path=/ff").await.0, 200);
    }
}

#[tokio::test]
async fn a_trailing_slash_finds_no_file() {
    let merple = Merple::new().await;
    merple.post("?path=/file", "1").await;
    assert_eq!(merple.delete("?path=/file/").await, error(404, NOT_FOUND));
    assert_eq!(merple.get("?path=/file/").await, error(404, NOT_FOUND));
    assert_eq!(merple.get("?path=/file").await, answer(200, "1"));
}

#[tokio::test]
async fn a_path_that_means_nothing_deletes_nothing() {
    let merple = Merple::new().await;
    merple.post("?path=/a", "1").await;
    for (query, text) in [
        ("", "path is required"),
        ("?", "path is required"),
        ("?Path=/a", "unknown query parameter 'Path'"),
        ("?path=", "path is empty"),
        ("?path=a", "path must be absolute and start with '/'"),
        ("?path=/", "'/' cannot be deleted"),
        ("?path=%2F", "'/' cannot be deleted"),
        ("?path=//a", "path has an empty segment"),
        ("?path=/x/../a", "path has a '.' or '..' segment"),
        ("?path=/a%00", "path has a control character"),
        ("?path=/a%ff", "the query is not valid UTF-8"),
        ("?path=/a&path=/a", "query parameter 'path' is given more than once"),
        ("?path=/a&dry_run=true", "unknown query parameter 'dry_run'"),
    ] {
        assert_eq!(merple.delete(query).await, error(400, text), "{query}");
    }
    assert_eq!(merple.get("?path=/a").await, answer(200, "1"));
}

#[tokio::test]
async fn what_is_locked_refuses_the_whole_delete() {
    let merple = Merple::new().await;
    merple.post("?path=/f/free", "1").await;
    merple.post("?path=/f/held/file", "2").await;
    merple.lock("/f/held").await;
    let text = "Locked: nothing was changed";
    let refused = |path: &str| answer(409, &format!(r#"{{"error":"{text}","locked":["{path}"]}}"#));
    assert_eq!(merple.delete("?path=/f").await, refused("/f/held"));
    assert_eq!(merple.delete("?path=/f/held/").await, refused("/f/held"));
    assert_eq!(merple.delete("?path=/f/held/file").await, refused("/f/held/file"));
    let overwritten = merple.post("?path=/f/held/file&overwrite=true", "3").await;
    assert_eq!(overwritten, refused("/f/held/file"));
    assert_eq!(merple.get("?path=/f/free").await, answer(200, "1"));
    assert_eq!(merple.get("?path=/f/held/file").await, answer(200, "2"));
}

#[tokio::test]
async fn the_reserved_folders_are_refused_like_something_locked() {
    let merple = Merple::new().await;
    merple.post("?path=/uploads/a", "1").await;
    for path in ["/uploads", "/commands"] {
        let refused = merple.delete(&format!("?path={path}")).await;
        let text = "Locked: nothing was changed";
        assert_eq!(refused, answer(409, &format!(r#"{{"error":"{text}","locked":["{path}"]}}"#)));
    }
    assert_eq!(merple.delete("?path=/uploads/a").await.0, 200);
}

#[tokio::test]
async fn a_file_is_replaced_only_where_that_was_asked_for() {
    let merple = Merple::new().await;
    assert_eq!(merple.post("?path=/a", "1").await.0, 201);
    let exists = error(409, "a file exists at this path");
    assert_eq!(merple.post("?path=/a", "2").await, exists);
    assert_eq!(merple.post("?path=/a&overwrite=false", "2").await, exists);
    let unclear = error(400, "overwrite must be true or false");
    assert_eq!(merple.post("?path=/a&overwrite=1", "2").await, unclear);
    assert_eq!(merple.get("?path=/a").await, answer(200, "1"));
    assert_eq!(merple.post("?path=/a&overwrite=true", "two").await.0, 201);
    assert_eq!(merple.get("?path=/a").await, answer(200, "two"));
}

#[tokio::test]
async fn a_file_and_a_folder_do_not_take_each_others_place() {
    let merple = Merple::new().await;
    merple.post("?path=/a/b", "1").await;
    let folder = merple.post("?path=/a&overwrite=true", "2").await;
    assert_eq!(folder, error(409, "a folder is at this path"));
    let below = merple.post("?path=/a/b/c", "2").await;
    assert_eq!(below, error(409, "a file is where a folder would have to be: /a/b"));
    assert_eq!(merple.post("?path=/", "2").await.0, 400);
    assert_eq!(merple.get("?path=/a").await, error(400, "the path is a folder"));
}

#[tokio::test]
async fn a_path_that_ends_in_a_slash_takes_an_archive_and_no_file() {
    let merple = Merple::new().await;
    let plain = merple.post("?path=/a/", "1").await;
    let text = "a path that ends in '/' names a folder, which takes application/zip";
    assert_eq!(plain, error(400, text));
    assert_eq!(merple.get("?path=/a").await, error(404, NOT_FOUND));
}

#[tokio::test]
async fn head_has_the_headers_and_a_range_a_part() {
    let merple = Merple::new().await;
    merple.post("?path=/a.png", "0123456789").await;
    let head = merple.with(&merple.key, Method::HEAD, "?path=/a.png", "").await;
    assert_eq!(shown(&head), answer(200, ""));
    assert_eq!(head.header("content-length"), "10");
    assert_eq!(head.header("content-type"), "image/png");
    assert!(!head.header("etag").is_empty() && !head.header("last-modified").is_empty());
    let request = Request::get("/fso?path=/a.png")
        .header("x-user-api-key", &merple.key)
        .header("range", "bytes=2-4")
        .body(Body::empty());
    let part = merple.app.send(request.unwrap()).await;
    assert_eq!(shown(&part), answer(206, "234"));
}

#[tokio::test]
async fn a_key_that_is_not_good_opens_nothing() {
    let merple = Merple::new().await;
    merple.post("?path=/a", "1").await;
    let refused = error(401, "Missing or invalid API key");
    let unknown = format!("ffsk_{}", "0".repeat(64));
    for key in ["", "Bearer x", &merple.key.to_uppercase(), &unknown] {
        let answered = merple.with(key, Method::DELETE, "?path=/a", "").await;
        assert_eq!(shown(&answered), refused, "{key}");
    }
    let other_header = Request::delete("/fso?path=/a")
        .header("authorization", format!("Bearer {}", merple.key))
        .body(Body::empty());
    assert_eq!(shown(&merple.app.send(other_header.unwrap()).await), refused);
    let twice = Request::delete("/fso?path=/a")
        .header("x-user-api-key", &merple.key)
        .header("x-user-api-key", &merple.key)
        .body(Body::empty());
    assert_eq!(shown(&merple.app.send(twice.unwrap()).await), refused);
    assert_eq!(merple.get("?path=/a").await, answer(200, "1"));
}

#[tokio::test]
async fn each_call_needs_its_scope() {
    let merple = Merple::new().await;
    for (method, scope) in
        [(Method::GET, Scope::Read), (Method::POST, Scope::Write), (Method::DELETE, Scope::Delete)]
    {
        let others: Scopes = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let ours = Some(merple.app.ours.id);
        let (_, key) = merple.app.new_key(ours, &others.to_string(), "/").await;
        let refused = merple.with(&key, method, "?path=/a", "").await;
        let text = format!("The API key lacks the scope '{}'", scope.as_str());
        assert_eq!(shown(&refused), error(403, &text));
    }
}

#[tokio::test]
async fn other_organizations_and_what_lies_beyond_a_prefix_are_missing() {
    let merple = Merple::new().await;
    merple.post("?path=/a/file", "1").await;
    let (ours, theirs) = (Some(merple.app.ours.id), Some(merple.app.theirs.id));
    let (_, foreign) = merple.app.new_key(theirs, "read,write,delete", "/").await;
    let (_, beside) = merple.app.new_key(ours, "read,write,delete", "/b").await;
    for key in [&foreign, &beside] {
        for (method, path) in [(Method::DELETE, "/a/file"), (Method::GET, "/a/file")] {
            let answered = merple.with(key, method, &format!("?path={path}"), "").await;
            assert_eq!(shown(&answered), error(404, NOT_FOUND));
        }
    }
    let upload = merple.with(&beside, Method::POST, "?path=/a/other", "2").await;
    assert_eq!(upload.status.as_u16(), 403);
    let upload = merple.with(&beside, Method::POST, "?path=/b/other", "2").await;
    assert_eq!(upload.status.as_u16(), 201);
    assert_eq!(merple.get("?path=/a/file").await, answer(200, "1"));
}

#[tokio::test]
async fn methods_that_do_not_exist_are_told_in_the_same_shape() {
    let merple = Merple::new().await;
    let answered = merple.with(&merple.key, Method::PUT, "?path=/a", "").await;
    assert_eq!(shown(&answered), error(405, "Method not allowed"));
    assert_eq!(answered.header("allow"), "GET,HEAD,POST,DELETE");
    assert_eq!(answered.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn a_refusal_before_the_routes_has_the_shape_of_its_path() {
    for (path, status, body) in [
        ("/fso", 400, r#"{"error":"no host"}"#),
        ("/v2/files/stat", 400, r#"{"statusCode":400,"error":"Bad Request","message":"no host"}"#),
        ("/v1/uploads", 400, r#"{"error":"no host"}"#),
        ("/api/uploads/files/x", 400, r#"{"message":"no host"}"#),
        ("/api/v1/files", 400, r#"{"error":"INVALID_REQUEST","message":"no host"}"#),
    ] {
        let response = render_error(path, ApiError::Invalid("no host".to_owned()));
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
        let bytes = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(bytes, body, "{path}");
    }
}
