//! Progress as server-sent events.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures::StreamExt;
use http::{Request, Response};
use serde_json::{Value, json};

use super::deletions::{DELETIONS, deleted};
use super::problem;
use crate::blobs::faulty::{Call, Failing};
use crate::http::streams::{Rhythm, STREAMS_PER_ORGANIZATION_MAX};
use crate::http::tests::app::{NOW, TestApp};

/// How long a test waits for a piece of a stream.
const PIECE_WAIT: Duration = Duration::from_secs(10);

/// An application whose streams speak often.
async fn quick() -> TestApp {
    TestApp::with(|settings| {
        settings.rhythm = Rhythm {
            event_interval_min: Duration::from_millis(1),
            keep_alive_interval: Duration::from_millis(300),
            key_look_interval: Duration::from_millis(50),
            duration_max: Duration::from_mins(1),
        };
    })
    .await
}

/// A deletion of files whose bytes cannot go yet; the target of its events.
async fn stuck(app: &TestApp, files: usize) -> String {
    app.faults.fail(Call::Remove, Failing::Always);
    for file in 0..files {
        app.upload_to(&format!("/t/{file}")).await;
    }
    let made = deleted(app, &json!({ "paths": ["/t"] })).await;
    assert_eq!(made["doomed"]["files"], files);
    format!("{DELETIONS}/{}/events", made["id"].as_str().unwrap())
}

fn release(app: &TestApp) {
    app.faults.heal();
    app.clock.advance(Duration::from_secs(600));
}

async fn open(app: &TestApp, target: &str, last: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().uri(target);
    request = request.header("authorization", format!("Bearer {}", app.key));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    app.open(request.body(Body::empty()).unwrap()).await
}

struct Stream(BodyDataStream);

impl Stream {
    async fn of(app: &TestApp, target: &str, last: Option<&str>) -> Self {
        let response = open(app, target, last).await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut stream = Self(response.into_body().into_data_stream());
        assert_eq!(stream.piece().await.as_deref(), Some("retry: 2000\n\n"));
        stream
    }

    /// The next piece; `None` at the end.
    async fn piece(&mut self) -> Option<String> {
        let piece = tokio::time::timeout(PIECE_WAIT, self.0.next()).await.expect("it speaks");
        piece.map(|piece| String::from_utf8(piece.unwrap().to_vec()).unwrap())
    }

    /// The next event: its id, its name, its data. Comments are passed over.
    async fn event(&mut self) -> Option<(u64, String, Value)> {
        loop {
            let piece = self.piece().await?;
            if piece.starts_with(':') {
                continue;
            }
            let mut lines = piece.lines().map(|line| line.split_once(": ").unwrap_or((line, "")));
            let mut line = |name: &str| {
                let (field, value) = lines.next().unwrap();
                assert_eq!(field, name);
                value.to_owned()
            };
            let (id, event, data) = (line("id"), line("event"), line("data"));
            return Some((id.parse().unwrap(), event, serde_json::from_str(&data).unwrap()));
        }
    }
}

#[tokio::test]
async fn a_stream_tells_of_progress_and_ends_with_the_deletion() {
    let app = quick().await;
    let target = stuck(&app, 3).await;
    let mut streams =
        [Stream::of(&app, &target, None).await, Stream::of(&app, &target, None).await];
    for stream in &mut streams {
        let (id, event, data) = stream.event().await.unwrap();
        assert_eq!((id, event.as_str()), (5, "progress"));
        let doomed = json!({ "files": 3, "bytes": 33, "folders": 1 });
        let expected = json!({ "state": "purging", "doomed": doomed, "percent": 0,
                               "purged": { "files": 0, "bytes": 0 } });
        assert_eq!(data, expected);
    }
    let drained = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        release(&app);
        app.drained().await;
    };
    let watched = async {
        for stream in &mut streams {
            let mut last = (5, 0);
            loop {
                let (id, event, data) = stream.event().await.expect("the end is told");
                let purged = data["purged"]["files"].as_u64().unwrap();
                assert!(id > last.0 && purged >= last.1, "{id} {data} after {last:?}");
                last = (id, purged);
                if event == "settled" {
                    assert_eq!((id, purged, &data["percent"]), (9, 3, &json!(100)));
                    assert_eq!(data["state"], "settled");
                    break;
                }
            }
            assert_eq!(stream.piece().await, None);
        }
    };
    tokio::join!(drained, watched);
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_it_has_not_seen() {
    let app = quick().await;
    let target = stuck(&app, 2).await;
    let (id, ..) = Stream::of(&app, &target, None).await.event().await.unwrap();
    let mut again = Stream::of(&app, &target, Some(&id.to_string())).await;
    assert_eq!(again.piece().await.as_deref(), Some(": still there\n\n"));
    release(&app);
    app.drained().await;
    let (settled, event, _) = {
        let mut last = again.event().await.unwrap();
        while last.1 != "settled" {
            last = again.event().await.unwrap();
        }
        last
    };
    assert_eq!(event, "settled");
    // From another process, or much later: the record tells it again, once.
    for last in [None, Some(id.to_string()), Some("x".to_owned()), Some("0".to_owned())] {
        let mut stream = Stream::of(&app, &target, last.as_deref()).await;
        let (id, event, _) = stream.event().await.unwrap();
        assert_eq!((id, event.as_str()), (settled, "settled"));
        assert_eq!(stream.piece().await, None);
    }
    let answer = open(&app, &target, Some(&settled.to_string())).await;
    assert_eq!(answer.status().as_u16(), 204);
}

#[tokio::test]
async fn a_stream_ends_with_the_server_its_key_and_its_organization() {
    let app = quick().await;
    let target = stuck(&app, 1).await;
    let (key, text) = app.new_key(Some(app.ours.id), "read", "/").await;
    let request = Request::builder().uri(&target).header("authorization", format!("Bearer {text}"));
    let response = app.open(request.body(Body::empty()).unwrap()).await;
    let mut revoked = Stream(response.into_body().into_data_stream());
    let mut others = Stream::of(&app, &target, None).await;
    assert!(revoked.piece().await.is_some() && revoked.event().await.is_some());
    assert!(others.event().await.is_some());
    app.service.ledger.revoke_key(key, NOW).await.unwrap();
    assert_eq!(revoked.event().await, None);
    app.service.ledger.disable_organization(app.ours.id, NOW).await.unwrap();
    assert_eq!(others.event().await, None);

    let app = quick().await;
    let target = stuck(&app, 1).await;
    let mut stream = Stream::of(&app, &target, None).await;
    assert!(stream.event().await.is_some());
    app.stop.cancel();
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn an_organization_has_so_many_streams_and_no_more() {
    let app = quick().await;
    let target = stuck(&app, 1).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_PER_ORGANIZATION_MAX {
        streams.push(Stream::of(&app, &target, None).await);
    }
    assert_eq!(app.service.progress.followed(), 1);
    let answer = app.bearer(http::Method::GET, &target).await;
    let (status, document) = problem(&answer);
    assert_eq!((status, &document["type"]), (429, &json!("/problems/too-many-streams")));
    assert_eq!(answer.header("retry-after"), "15");
    streams.pop();
    Stream::of(&app, &target, None).await;
    drop(streams);
    let forgotten = async {
        while app.service.progress.followed() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PIECE_WAIT, forgotten).await.expect("nobody looks for nobody");
}
