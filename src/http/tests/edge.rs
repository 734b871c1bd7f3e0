//! What belongs to no dialect: health, signed urls, ranges, unknown paths.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::app::{Answer, NOW, Part, TestApp};
use crate::blobs::BlobStore;
use crate::blobs::faulty::{Call, Failing};

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
    let merple = json!({ "error": "File or folder not found" });
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
    let parts = [Part::File(name, "text/html", "<script>")];
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
async fn a_signed_url_ends_when_its_file_is_overwritten_even_by_the_same_bytes() {
    let app = TestApp::new().await;
    let parts = [Part::Text("path", "/a.png"), Part::File("a.png", "image/png", "same")];
    let url_of = async || {
        let answer = app.post_form("/api/uploads/files", &app.key, &parts).await.json();
        let url = answer["url"].as_str().unwrap().to_owned();
        url.strip_prefix("https://files.test").unwrap().to_owned()
    };
    let first = url_of().await;
    assert_eq!(fetch(&app, &first, &[]).await.text(), "same");
    let second = url_of().await;
    assert_eq!(fetch(&app, &first, &[]).await.status, 404);
    assert_eq!(fetch(&app, &second, &[]).await.text(), "same");
    // Gone with the folder above it, too, and not back with another file of its name.
    let merple = [("x-user-api-key", app.key.as_str())];
    assert_eq!(app.call(Method::DELETE, "/fso?path=/a.png", &merple, "").await.status, 200);
    let third = url_of().await;
    assert_eq!(fetch(&app, &second, &[]).await.status, 404);
    assert_eq!(fetch(&app, &third, &[]).await.status, 200);
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
    let parts = [Part::File("a.png", "image/png", "1")];
    let answer = app.post_form("/api/uploads/files", &app.key, &parts).await;
    assert_eq!(answer.both(), (503, "{\"message\":\"Not available for the moment\"}"));
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
