//! What belongs to no dialect: health, signed urls, ranges, unknown paths.

use std::time::Duration;

use axum::response::IntoResponse;
use http::Method;
use http_body_util::BodyExt;
use serde_json::json;

use super::app::{Answer, NOW, TestApp};
use crate::blobs::BlobStore;
use crate::blobs::faulty::{Call, Failing};
use crate::http::dialect::{Dialect, DialectError};
use crate::http::dialects::renderio::Renderio;
use crate::http::dialects::swiftia::Swiftia;
use crate::http::dialects::templated::Templated;
use crate::http::error::{ApiError, RateLimited};
use crate::http::native::Native;

/// The target of the signed url of a fresh file of eleven bytes, with the file's id.
async fn signed(app: &TestApp) -> (String, String) {
    let file = app.upload("a.png").await;
    let target = format!("/api/uploads/files/{file}");
    let shown = app.bearer(Method::GET, &target).await.json();
    let url = shown["url"].as_str().unwrap().strip_prefix("https://files.test").unwrap();
    (url.to_owned(), file)
}

async fn fetch(app: &TestApp, target: &str, headers: &[(&str, &str)]) -> Answer {
    app.call(Method::GET, target, headers, "").await
}

#[tokio::test]
async fn health_needs_no_key() {
    let app = TestApp::new().await;
    let answer = fetch(&app, "/healthz", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok"));
    assert_eq!(answer.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn unknown_paths_are_problems_and_never_normalised() {
    let app = TestApp::new().await;
    for target in ["/", "/nothing", "//api/v1/commands/a", "/./v1/uploads", "/api/../v1/uploads"] {
        let answer = app.bearer(Method::GET, target).await;
        assert_eq!(answer.header("content-type"), "application/problem+json", "{target}");
        assert_eq!(
            answer.json(),
            json!({ "type": "/problems/not-found", "title": "Not found", "status": 404 })
        );
    }
    let answer = app.bearer(Method::POST, "/healthz").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET,HEAD"));
}

#[tokio::test]
async fn a_path_that_misses_a_route_is_answered_by_whose_path_it_is() {
    let app = TestApp::new().await;
    let merple = json!({ "error": "file or folder not found" });
    let sirv = json!({ "statusCode": 404, "error": "Not Found", "message": "Not found" });
    let templated = json!({ "error": "Not found" });
    let renderio = json!({ "error": "NOT_FOUND", "message": "Not found" });
    let swiftia = json!({ "message": "File not found" });
    for (targets, expected) in [
        (&["/fso/", "/FSO", "/fso;v=1", "/fso/x?path=/a", "/fsos/x", "/Fso-Info/"][..], merple),
        (&["/v2", "/v2/", "/V2/files", "/v2;v=1/files/stat", "/v2/files/stat/"][..], sirv),
        (&["/v1", "/v1/", "/V1/uploads", "/v1/uploads/", "/v1/uploads;v=1"][..], templated),
        (&["/api/v1", "/api/v1/", "/API/v1/commands", "/api/v1;x/commands"][..], renderio),
        (&["/api/uploads", "/api/uploads/", "/api/Uploads/files/"][..], swiftia),
    ] {
        for target in targets {
            let answer = app.bearer(Method::DELETE, target).await;
            assert_eq!((answer.status.as_u16(), &answer.json()), (404, &expected), "{target}");
        }
    }
    for target in ["/api", "/api/", "/api/v2", "/v3", "/v1x", "/fsox", "/delenda", "/files"] {
        let answer = app.bearer(Method::DELETE, target).await;
        assert_eq!(answer.json()["type"], "/problems/not-found", "{target}");
    }
}

#[tokio::test]
async fn head_is_where_get_is() {
    let app = TestApp::new().await;
    let (target, file) = signed(&app).await;
    let answer = app.call(Method::HEAD, &target, &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
    assert_eq!(answer.header("content-length"), "11");
    assert_eq!(app.faults.count(Call::Read), 0);
    let answer = app.bearer(Method::HEAD, &format!("/api/uploads/files/{file}")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
}

#[tokio::test]
async fn a_signed_url_gives_the_bytes_with_careful_headers() {
    let app = TestApp::new().await;
    let (target, _) = signed(&app).await;
    let answer = fetch(&app, &target, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "bytes of it"));
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", "11"),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-disposition", "inline; filename=\"a.png\"; filename*=UTF-8''a.png"),
        ("last-modified", "Tue, 14 Nov 2023 22:13:20 GMT"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let etag = answer.header("etag");
    assert!(etag.len() == 38 && etag.starts_with('"'), "{etag}");
}

#[tokio::test]
async fn what_a_browser_could_run_is_a_download_with_an_encoded_name() {
    let app = TestApp::new().await;
    let name = "e vil\u{e9}%.html";
    let parts = [super::app::Part::File(name, "text/html", "<script>")];
    let file = app.upload_as(&app.key, &parts).await;
    let shown = app.bearer(Method::GET, &format!("/api/uploads/files/{file}")).await.json();
    let url = shown["url"].as_str().unwrap().strip_prefix("https://files.test").unwrap().to_owned();
    let answer = fetch(&app, &url, &[]).await;
    let expected = "attachment; filename=\"e vil__.html\"; filename*=UTF-8''e%20vil%C3%A9%25.html";
    assert_eq!(answer.header("content-disposition"), expected);
}

#[tokio::test]
async fn ranges_and_conditions_hold() {
    let app = TestApp::new().await;
    let (target, _) = signed(&app).await;
    let etag = fetch(&app, &target, &[]).await.header("etag").to_owned();
    for (headers, status, range, text) in [
        (vec![("range", "bytes=0-4")], 206, "bytes 0-4/11", "bytes"),
        (vec![("range", "bytes=9-")], 206, "bytes 9-10/11", "it"),
        (vec![("range", "bytes=-2")], 206, "bytes 9-10/11", "it"),
        (vec![("range", "bytes=0-0,2-3")], 200, "", "bytes of it"),
        (vec![("range", "bytes=0-4"), ("if-range", etag.as_str())], 206, "bytes 0-4/11", "bytes"),
        (vec![("range", "bytes=0-4"), ("if-range", "\"old\"")], 200, "", "bytes of it"),
        (vec![("if-none-match", etag.as_str())], 304, "", ""),
        (vec![("if-none-match", "\"old\"")], 200, "", "bytes of it"),
    ] {
        let answer = fetch(&app, &target, &headers).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, text), "{headers:?}");
        assert_eq!(answer.header("content-range"), range, "{headers:?}");
    }
    let answer = fetch(&app, &target, &[("range", "bytes=11-")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-range")), (416, "bytes */11"));
}

#[tokio::test]
async fn a_signed_url_is_good_for_one_version_until_it_expires_or_is_deleted() {
    let app = TestApp::new().await;
    let (target, file) = signed(&app).await;
    let forged = target.replace("expires=1", "expires=2");
    assert_eq!(fetch(&app, &forged, &[]).await.status, 403);
    let (path, _) = target.split_once('?').unwrap();
    assert_eq!(fetch(&app, path, &[]).await.status, 403);
    assert_eq!(fetch(&app, &format!("{target}&expires=1"), &[]).await.status, 400);
    assert_eq!(fetch(&app, "/files/a/b/c?expires=1&signature=00", &[]).await.status, 404);
    app.clock.advance(Duration::from_secs(3599));
    assert_eq!(fetch(&app, &target, &[]).await.status, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(fetch(&app, &target, &[]).await.status, 403);
    app.clock.set(NOW);
    app.bearer(Method::DELETE, &format!("/api/uploads/files/{file}")).await;
    let gone = fetch(&app, &target, &[]).await;
    assert_eq!(gone.status, 404);
    assert_eq!(gone.json()["type"], "/problems/not-found");
    app.clock.advance(Duration::from_secs(7200));
    assert_eq!(fetch(&app, &target, &[]).await.status, 404);
}

#[tokio::test]
async fn a_disabled_organization_ends_its_urls() {
    let app = TestApp::new().await;
    let (target, _) = signed(&app).await;
    app.service.ledger.disable_organization(app.ours.id, NOW).await.unwrap();
    assert_eq!(fetch(&app, &target, &[]).await.status, 404);
}

#[tokio::test]
async fn bytes_that_are_missing_under_a_live_row_are_an_error_and_never_a_404() {
    let app = TestApp::new().await;
    let (target, _) = signed(&app).await;
    app.stored.remove(&app.stored.keys()).await;
    let answer = fetch(&app, &target, &[]).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["type"], "/problems/internal");
    assert_eq!(app.usage().await.live.files, 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_a_503_that_says_when_to_come_back() {
    let app = TestApp::new().await;
    let (target, _) = signed(&app).await;
    app.faults.fail(Call::Read, Failing::Always);
    let answer = fetch(&app, &target, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
    assert_eq!(
        answer.json(),
        json!({
            "type": "/problems/unavailable", "title": "Not available for the moment", "status": 503,
        })
    );
}

#[tokio::test]
async fn an_upload_that_fails_leaves_nothing() {
    let app = TestApp::new().await;
    app.faults.fail(Call::Finish, Failing::Afterwards);
    let parts = [super::app::Part::File("a.png", "image/png", "1")];
    let answer = app.post_form("/api/uploads/files", &app.key, &parts).await;
    assert_eq!(answer.both(), (503, "{\"message\":\"Service unavailable\"}"));
    app.faults.heal();
    app.stored_blobs_become(0).await;
    assert_eq!(app.usage().await.live.files, 0);
}

#[tokio::test]
async fn absolute_urls_fall_back_to_the_host_of_the_request() {
    let app = TestApp::with(|settings| settings.public_url = None).await;
    let file = app.upload("a.png").await;
    let bearer = format!("Bearer {}", app.key);
    let headers = [("authorization", bearer.as_str()), ("host", "files.local:8080")];
    let answer = fetch(&app, &format!("/api/uploads/files/{file}"), &headers).await;
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://files.local:8080/files/"), "{url}");
}

async fn rendered<D: Dialect>(error: ApiError) -> Answer {
    let response = DialectError::<D>::from(error).into_response();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

fn one_too_many() -> ApiError {
    let wait = Duration::from_millis(29_001);
    ApiError::RateLimited(RateLimited { limit: 60, until: NOW.plus(wait), wait })
}

#[tokio::test]
async fn one_request_too_many_is_a_429_that_says_when_to_come_back() {
    let swiftia = rendered::<Swiftia>(one_too_many()).await;
    let expected = "{\"status\":429,\"message\":\"Rate limit exceeded. Please try again later.\",\
                    \"code\":\"RATE_LIMIT_EXCEEDED\",\"retryAfter\":30}";
    assert_eq!(swiftia.both(), (429, expected));
    for (name, value) in [
        ("retry-after", "30"),
        ("x-ratelimit-limit", "60"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1700000029001"),
    ] {
        assert_eq!(swiftia.header(name), value, "{name}");
    }
    let renderio = rendered::<Renderio>(one_too_many()).await;
    let expected = "{\"error\":\"RATE_LIMITED\",\"message\":\"Too many requests\"}";
    assert_eq!((renderio.both(), renderio.header("retry-after")), ((429, expected), "30"));
    let templated = rendered::<Templated>(one_too_many()).await;
    let expected = "{\"error\":\"Too many requests\"}";
    assert_eq!((templated.both(), templated.header("retry-after")), ((429, expected), "30"));
}

#[tokio::test]
async fn a_failure_of_ours_never_shows_its_cause() {
    let failure = || ApiError::Internal("a secret cause".into());
    let renderio = rendered::<Renderio>(failure()).await;
    let expected = "{\"error\":\"INTERNAL_ERROR\",\"message\":\"An internal error occurred\"}";
    assert_eq!(renderio.both(), (500, expected));
    let swiftia = rendered::<Swiftia>(failure()).await;
    assert_eq!(swiftia.both(), (500, "{\"message\":\"Internal server error\"}"));
    let templated = rendered::<Templated>(failure()).await;
    assert_eq!(templated.both(), (500, "{\"error\":\"An unexpected error occurred\"}"));
    let native = rendered::<Native>(failure()).await;
    assert_eq!(
        native.json(),
        json!({ "type": "/problems/internal", "title": "The server failed", "status": 500 })
    );
}

#[tokio::test]
async fn a_request_that_came_too_slowly_ends_its_connection() {
    let answer = rendered::<Templated>(ApiError::Timeout).await;
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (408, "close"));
}
