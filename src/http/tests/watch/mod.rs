//! What is for whoever watches the service, and for whoever reads how to speak with it: health,
//! metrics, problem types, the page of documents.

mod metrics;
mod page;
mod problems;

use http::Method;
use serde_json::json;

use super::app::{Answer, TestApp};

async fn get(app: &TestApp, target: &str) -> Answer {
    app.call(Method::GET, target, &[], "").await
}

#[tokio::test]
async fn a_service_that_can_work_is_healthy_and_ready() {
    let app = TestApp::new().await;
    let healthy = get(&app, "/healthz").await;
    assert_eq!((healthy.status.as_u16(), healthy.text()), (200, "ok"));
    assert_eq!(get(&app, "/readyz").await.both(), (200, "{\"ready\":true}"));
}

#[tokio::test]
async fn without_its_blobs_a_service_is_healthy_and_not_ready() {
    let app = TestApp::new().await;
    app.stored.go_away();
    let answer = get(&app, "/readyz").await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let expected = json!({
        "type": "/problems/not-ready", "title": "Not ready", "status": 503,
        "detail": "Not in order: blobs", "failing": ["blobs"],
    });
    assert_eq!((answer.status.as_u16(), answer.json()), (503, expected));
    assert_eq!(get(&app, "/healthz").await.status.as_u16(), 200);
}
