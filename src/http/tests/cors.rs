//! What pages of other origins may read.

use http::Method;

use super::app::{Answer, TestApp};
use crate::http::cors::Origins;

const PAGE: &str = "https://app.example";
const OTHER: &str = "https://evil.example";

async fn app(origins: &str) -> TestApp {
    let origins = Origins::parse(origins).unwrap();
    TestApp::with(|settings| settings.cors_origins = origins).await
}

async fn from(app: &TestApp, origin: &str, target: &str) -> Answer {
    let bearer = format!("Bearer {}", app.key);
    let headers = [("origin", origin), ("authorization", bearer.as_str())];
    app.call(Method::GET, target, &headers, "").await
}

async fn preflight(app: &TestApp, origin: &str, target: &str) -> Answer {
    let headers = [("origin", origin), ("access-control-request-method", "DELETE")];
    app.call(Method::OPTIONS, target, &headers, "").await
}

fn allowed(answer: &Answer) -> &str {
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn no_page_reads_anything_unless_the_operator_says_so() {
    let app = app("").await;
    for target in ["/v1/uploads", "/fso?path=/a", "/nothing", "/healthz"] {
        assert_eq!(allowed(&from(&app, PAGE, target).await), "", "{target}");
        let asked = preflight(&app, PAGE, target).await;
        assert_eq!(allowed(&asked), "", "{target}");
        assert!(asked.status.is_client_error(), "{target}");
    }
}

#[tokio::test]
async fn pages_of_the_listed_origins_read_every_answer_and_others_none() {
    let app = app("https://app.example, http://localhost:3000").await;
    for target in ["/v1/uploads", "/fso?path=/a", "/nothing", "/delenda/v1/usage"] {
        let answer = from(&app, PAGE, target).await;
        assert_eq!((allowed(&answer), answer.header("vary")), (PAGE, "origin"), "{target}");
        assert_eq!(answer.header("access-control-expose-headers"), "*");
        let answer = from(&app, OTHER, target).await;
        assert_eq!((allowed(&answer), answer.header("vary")), ("", "origin"), "{target}");
        let asked = preflight(&app, PAGE, target).await;
        assert_eq!((asked.status.as_u16(), allowed(&asked)), (204, PAGE), "{target}");
        assert!(asked.header("access-control-allow-methods").contains("DELETE"));
        assert!(asked.header("access-control-allow-headers").contains("x-user-api-key"));
        let asked = preflight(&app, OTHER, target).await;
        assert_eq!(allowed(&asked), "", "{target}");
        assert!(asked.status.is_client_error(), "{target}");
    }
}

#[tokio::test]
async fn a_star_opens_everything_to_every_page_without_credentials() {
    let app = app("*").await;
    let answer = from(&app, OTHER, "/v1/uploads").await;
    assert_eq!((allowed(&answer), answer.header("vary")), ("*", ""));
    let answer = app.bearer(Method::GET, "/v1/uploads").await;
    assert_eq!(allowed(&answer), "");
}

#[tokio::test]
async fn the_dialect_that_is_open_to_all_stays_so_whatever_is_listed() {
    for origins in ["", "https://app.example", "*"] {
        let app = app(origins).await;
        for target in ["/v2/files/stat", "/v2/files/batch/delete", "/v2/nothing"] {
            assert_eq!(allowed(&from(&app, OTHER, target).await), "*", "{origins}: {target}");
        }
        let asked = preflight(&app, OTHER, "/v2/files/batch/delete").await;
        assert_eq!((asked.status.as_u16(), allowed(&asked)), (204, "*"), "{origins}");
        assert_eq!(
            asked.header("access-control-allow-headers"),
            "authorization, content-type, range"
        );
    }
}

#[tokio::test]
async fn what_a_page_asks_beforehand_changes_nothing() {
    let app = app("*").await;
    let file = app.upload("a.png").await;
    for target in [format!("/v1/uploads?ids={file}"), format!("/api/uploads/files/{file}")] {
        assert_eq!(preflight(&app, PAGE, &target).await.status, 204);
    }
    assert_eq!(app.usage().await.live.files, 1);
}
