//! `GET /metrics`: who may read it, and what it says.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::body::Body;
use http::{Method, Request};

use super::super::app::{Answer, TestApp};
use crate::http::connection::Peer;

const HERE: &str = "127.0.0.1";

/// Asks from an address of the network, with these headers.
async fn ask(app: &TestApp, from: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().uri("/metrics");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer(from.parse::<IpAddr>().unwrap()));
    app.send(request).await
}

/// An app that may be asked from its own machine.
async fn app() -> TestApp {
    TestApp::with(|settings| settings.public_url = None).await
}

#[tokio::test]
async fn metrics_are_read_from_this_machine_alone_unless_it_is_set_otherwise() {
    let app = app().await;
    for here in [HERE, "127.8.9.1", "::1"] {
        assert_eq!(ask(&app, here, &[]).await.status.as_u16(), 200, "{here}");
    }
    for elsewhere in ["192.0.2.7", "10.0.0.1", "2001:db8::1"] {
        assert_eq!(ask(&app, elsewhere, &[]).await.status.as_u16(), 401, "{elsewhere}");
    }
    // Of whom nothing is known may be anybody.
    assert_eq!(app.call(Method::GET, "/metrics", &[], "").await.status.as_u16(), 401);
    let public = TestApp::with(|settings| settings.metrics_public = true).await;
    assert_eq!(ask(&public, "192.0.2.7", &[]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_a_proxy_passes_on_is_not_asked_here() {
    let app = app().await;
    for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"] {
        assert_eq!(ask(&app, HERE, &[(name, "x")]).await.status.as_u16(), 401, "{name}");
    }
    let with_public_url = TestApp::new().await;
    assert_eq!(ask(&with_public_url, HERE, &[]).await.status.as_u16(), 401);
}

#[tokio::test]
async fn an_operator_reads_metrics_from_anywhere_and_no_organization_does() {
    let app = app().await;
    let status = async |key: &str| {
        let bearer = format!("Bearer {key}");
        ask(&app, "192.0.2.7", &[("authorization", &bearer)]).await.status.as_u16()
    };
    assert_eq!(status(&app.new_key(None, "read", "/").await.1).await, 200);
    assert_eq!(status(&app.new_key(None, "write", "/").await.1).await, 403);
    let all = app.new_key(Some(app.ours.id), "read,write,delete,admin", "/").await.1;
    assert_eq!(status(&all).await, 403);
    assert_eq!(status("ffsk_unknown").await, 401);
}

#[tokio::test]
async fn metrics_tell_of_requests_by_route_and_of_what_waits_and_name_nobody() {
    let meters = crate::meters::Meters::new(super::super::app::NOW);
    let _measured = metrics::set_default_local_recorder(meters.recorder());
    let app = TestApp::with_meters(meters.clone()).await;
    let id = app.upload_to("/confidential/plan.png").await;
    app.upload_to("/private/picture.png").await;
    let target = format!("/api/uploads/files/{id}");
    assert_eq!(app.bearer(Method::DELETE, &target).await.status.as_u16(), 200);
    assert_eq!(app.bearer(Method::DELETE, &target).await.status.as_u16(), 404);
    app.call(Method::from_bytes(b"BREW").unwrap(), "/coffee/pot", &[], "").await;
    app.drained().await;
    let answer = ask(&app, HERE, &[]).await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for line in [
        "delenda_live_files 1",
        "delenda_live_bytes 11",
        "delenda_condemned_batches 0",
        "delenda_purge_blobs_removed_total 1",
        "delenda_purge_lag_seconds_count 1",
        "delenda_ballast_spent 0",
        "delenda_request_duration_seconds_count{route=\"/api/uploads/files/{file}\",\
         method=\"DELETE\",dialect=\"swiftia\",status=\"2xx\"} 1",
        "delenda_request_duration_seconds_count{route=\"/api/uploads/files/{file}\",\
         method=\"DELETE\",dialect=\"swiftia\",status=\"4xx\"} 1",
        "delenda_request_duration_seconds_count{route=\"(none)\",method=\"(other)\",\
         dialect=\"native\",status=\"4xx\"} 1",
    ] {
        assert!(text.lines().any(|there| there == line), "{line} in {text}");
    }
    for secret in ["confidential", "private", "picture", "coffee", &id, &app.ours.id.to_string()] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// The values of a label of the latencies.
fn values<'a>(text: &'a str, label: &str) -> BTreeSet<&'a str> {
    let lines = text.lines().filter(|line| line.starts_with("delenda_request_duration_seconds"));
    let begin = format!("{label}=\"");
    lines.filter_map(|line| line.split(&begin).nth(1)?.split('"').next()).collect()
}

#[tokio::test]
async fn nothing_that_is_asked_makes_a_label_of_its_own() {
    let meters = crate::meters::Meters::new(super::super::app::NOW);
    let _measured = metrics::set_default_local_recorder(meters.recorder());
    let app = TestApp::with_meters(meters.clone()).await;
    for number in 0..40 {
        let method = Method::from_bytes(format!("BREW{number}").as_bytes()).unwrap();
        app.call(method, "/healthz", &[], "").await;
        for place in
            ["/made/up", "/delenda/v1/files", "/delenda/v1/entries", "/files", "/v2", "/api"]
        {
            app.bearer(Method::GET, &format!("{place}/{number}?a={number}")).await;
        }
        app.call(Method::GET, "/healthz", &[("host", &format!("h{number}"))], "").await;
    }
    let answer = ask(&app, HERE, &[]).await;
    let text = answer.text();
    for (label, most) in [("route", 7), ("method", 2), ("dialect", 6), ("status", 5)] {
        let values = values(text, label);
        assert!((1..=most).contains(&values.len()), "{label}: {values:?}");
    }
    let numbered = |value: &&str| value.contains(|letter: char| letter.is_ascii_digit());
    let routes: Vec<&str> = values(text, "route").into_iter().filter(numbered).collect();
    assert!(routes.iter().all(|route| route.starts_with("/delenda/v1/")), "{routes:?}");
}
