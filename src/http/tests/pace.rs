//! Bodies that drip, through every kind of reader: a 408 in the shape of the dialect, and nothing
//! is left of them.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use http::{Method, StatusCode};

use super::app::{Answer, TestApp};

const PATIENCE: Duration = Duration::from_millis(100);
const FORM: &str = "multipart/form-data; boundary=b";
const FORM_BEGIN: &str =
    "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";

async fn app() -> TestApp {
    TestApp::with(|settings| {
        settings.body_idle_max = PATIENCE;
        settings.body_bytes_per_second_min = 1000;
    })
    .await
}

/// `begin` at once, and then a byte every ten milliseconds without end.
fn dripping(begin: &'static str) -> Body {
    let begin =
        futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(begin.as_bytes()))]);
    let drops = futures::stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(Bytes::from_static(b" "))
    });
    Body::from_stream(begin.chain(drops))
}

async fn drip(app: &TestApp, target: &str, media_type: &str, begin: &'static str) -> Answer {
    let bearer = format!("Bearer {}", app.key);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-user-api-key", app.key.as_str()),
        ("content-type", media_type),
    ];
    let method = if target.contains("/outputs/") { Method::PUT } else { Method::POST };
    app.call(method, target, &headers, dripping(begin)).await
}

#[tokio::test]
async fn a_body_that_drips_is_a_408_and_leaves_nothing() {
    let app = app().await;
    let made = app.bearer(Method::POST, "/delenda/v1/commands").await.json();
    let output =
        format!("/delenda/v1/commands/{}/outputs/a.mp4", made["command_id"].as_str().unwrap());
    for (target, media_type, begin) in [
        ("/fso?path=/a", "image/png", "bytes"),
        ("/api/uploads/files", FORM, FORM_BEGIN),
        ("/api/uploads/files", FORM, "--b\r\nContent-Disposition"),
        ("/v1/upload", FORM, FORM_BEGIN),
        ("/v2/token", "application/json", "{"),
        ("/delenda/v1/commands", "application/json", "{"),
        (output.as_str(), "video/mp4", "bytes"),
    ] {
        let answer = drip(&app, target, media_type, begin).await;
        assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{target}: {}", answer.text());
        assert_eq!(answer.header("connection"), "close", "{target}");
        assert!(answer.header("content-type").contains("json"), "{target}");
        assert!(!answer.text().is_empty(), "{target}");
    }
    app.stored_blobs_become(0).await;
    assert_eq!(app.usage().await.live.files, 0);
}
