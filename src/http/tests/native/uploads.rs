//! Uploads in pieces: tus 1.0.0, from its discovery to a file, or to nothing.

use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;

use super::{Answer, Native, TestApp, kind_of};
use crate::blobs::faulty::{Call, Failing};
use crate::deletion::sweep::sweep;
use crate::domain::clock::Clock;
use crate::domain::plans::{PlanLimits, Plans};

const UPLOADS: &str = "/delenda/v1/uploads";
const PIECE: (&str, &str) = ("content-type", "application/offset+octet-stream");
const HOUR: Duration = Duration::from_secs(3600);

fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name} {}", STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// Asks in the words of the protocol.
async fn ask(
    native: &Native,
    (method, target): (Method, &str),
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let all = [&[("tus-resumable", "1.0.0")], headers].concat();
    let answer = native.ask(method, target, &all, body).await;
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    answer
}

async fn create(native: &Native, path: &str, length: &str, headers: &[(&str, &str)]) -> Answer {
    let metadata = metadata(&[("path", path)]);
    let own = [("upload-length", length), ("upload-metadata", metadata.as_str())];
    ask(native, (Method::POST, UPLOADS), &[&own[..], headers].concat(), "").await
}

/// Begins an upload; where it is.
async fn begun(native: &Native, path: &str, length: u64) -> String {
    let answer = create(native, path, &length.to_string(), &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.header("location").to_owned()
}

async fn patch(native: &Native, target: &str, offset: u64, body: impl Into<Body>) -> Answer {
    let offset = offset.to_string();
    ask(native, (Method::PATCH, target), &[PIECE, ("upload-offset", &offset)], body).await
}

/// Where an upload goes on; `None` where it is not there.
async fn offset(native: &Native, target: &str) -> Option<u64> {
    let answer = ask(native, (Method::HEAD, target), &[], "").await;
    assert_eq!(answer.text(), "");
    match answer.status.as_u16() {
        200 => Some(answer.header("upload-offset").parse().unwrap()),
        404 => None,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_is_spoken_is_told_without_a_key() {
    let app = TestApp::with(|settings| settings.upload_bytes_max = 1000).await;
    let answer = app.call(Method::OPTIONS, UPLOADS, &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
    for (name, value) in [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-extension", "creation,creation-with-upload,expiration,checksum,termination"),
        ("tus-max-size", "1000"),
        ("tus-checksum-algorithm", "sha1,sha256"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn an_upload_comes_in_pieces_and_becomes_a_file() {
    let native = Native::new().await;
    let said = metadata(&[("path", "/a/b.txt"), ("content_type", "text/csv"), ("tags", "x,y")]);
    let headers = [("upload-length", "10"), ("upload-metadata", said.as_str())];
    let made = ask(&native, (Method::POST, UPLOADS), &headers, "").await;
    assert_eq!((made.status.as_u16(), made.text()), (201, ""), "{}", made.text());
    assert_eq!(made.header("upload-expires"), "Wed, 15 Nov 2023 22:13:20 GMT");
    let target = made.header("location").to_owned();
    let first = patch(&native, &target, 0, "0123").await;
    assert_eq!((first.status.as_u16(), first.header("upload-offset")), (204, "4"));
    assert_eq!(first.header("content-location"), "");
    let look = ask(&native, (Method::HEAD, &target), &[], "").await;
    assert_eq!((look.header("upload-offset"), look.header("upload-length")), ("4", "10"));
    assert_eq!(
        (look.header("upload-metadata"), look.header("cache-control")),
        (&*said, "no-store")
    );
    let file = "/delenda/v1/files/a/b.txt";
    assert_eq!(native.get(file, &[]).await.status, 404);
    native.app.clock.advance(HOUR);
    let second = patch(&native, &target, 4, "45").await;
    assert_eq!(second.header("upload-expires"), "Wed, 15 Nov 2023 23:13:20 GMT");
    let last = patch(&native, &target, 6, "6789").await;
    assert_eq!((last.status.as_u16(), last.header("upload-offset")), (204, "10"));
    let read = native.get(file, &[]).await;
    assert_eq!((read.text(), read.header("etag")), ("0123456789", last.header("etag")));
    let entry = native.get(last.header("content-location"), &[]).await.json();
    assert_eq!(
        (&entry["path"], &entry["content_type"], &entry["tags"]),
        (&"/a/b.txt".into(), &"text/csv".into(), &serde_json::json!(["x", "y"]))
    );
    // Whoever missed the answer learns that it is whole, and may send nothing again.
    assert_eq!(offset(&native, &target).await, Some(10));
    assert_eq!(patch(&native, &target, 10, "").await.status, 204);
    assert_eq!(kind_of(&patch(&native, &target, 10, "x").await).0, 413);
    native.app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn an_upload_may_begin_with_its_first_piece_or_need_none() {
    let native = Native::new().await;
    let said = metadata(&[("path", "/a")]);
    let own = [("upload-length", "5"), ("upload-metadata", said.as_str()), PIECE];
    let part = ask(&native, (Method::POST, UPLOADS), &own, "012").await;
    assert_eq!((part.status.as_u16(), part.header("upload-offset")), (201, "3"));
    let last = patch(&native, part.header("location"), 3, "34").await;
    assert_eq!(last.status, 204);
    let whole = ask(&native, (Method::POST, UPLOADS), &own, "56789").await;
    assert_eq!((whole.status.as_u16(), whole.header("upload-offset")), (201, "5"));
    assert_eq!(whole.header("content-location"), last.header("content-location"));
    assert_eq!(native.get("/delenda/v1/files/a", &[]).await.text(), "56789");
    let empty = create(&native, "/empty", "0", &[]).await;
    assert_eq!((empty.status.as_u16(), empty.header("upload-offset")), (201, "0"));
    assert_eq!(native.get("/delenda/v1/files/empty", &[]).await.header("content-length"), "0");
    let long = ask(&native, (Method::POST, UPLOADS), &own, "0123456789").await;
    assert_eq!((kind_of(&long).0, long.header("location")), (413, ""));
    native.app.stored_blobs_become(2).await;
}

#[tokio::test]
async fn what_is_not_the_protocol_is_refused() {
    let native = Native::new().await;
    let target = begun(&native, "/a", 10).await;
    for (headers, status) in [
        (vec![PIECE, ("upload-offset", "0")], 412),
        (vec![("tus-resumable", "0.2.2"), PIECE, ("upload-offset", "0")], 412),
    ] {
        let answer = native.ask(Method::PATCH, &target, &headers, "1").await;
        assert_eq!(kind_of(&answer).0, status, "{headers:?}");
        assert_eq!(answer.header("tus-version"), "1.0.0");
    }
    for (headers, status) in [
        (vec![("upload-offset", "0")], 415),
        (vec![("content-type", "application/octet-stream"), ("upload-offset", "0")], 415),
        (vec![PIECE], 400),
        (vec![PIECE, ("upload-offset", "-1")], 400),
        (vec![PIECE, ("upload-offset", "1")], 409),
        (vec![PIECE, ("upload-offset", "0"), ("upload-checksum", "md5 aaaa")], 400),
        (vec![PIECE, ("upload-offset", "0"), ("content-encoding", "gzip")], 415),
    ] {
        let answer = ask(&native, (Method::PATCH, &target), &headers, "1").await;
        assert_eq!(kind_of(&answer).0, status, "{headers:?}");
    }
    assert_eq!(kind_of(&patch(&native, &target, 0, "01234567890").await).0, 413);
    assert_eq!(offset(&native, &target).await, Some(0));
    let said = metadata(&[("path", "/b")]);
    for (headers, status) in [
        (vec![("upload-metadata", said.as_str())], 400),
        (vec![("upload-length", "5"), ("upload-defer-length", "1")], 400),
        (vec![("upload-length", "5")], 400),
        (vec![("upload-length", "5"), ("upload-metadata", "path Lw==")], 400),
        (vec![("upload-length", "5"), ("upload-metadata", &said), ("if-match", "*")], 400),
    ] {
        let answer = ask(&native, (Method::POST, UPLOADS), &headers, "").await;
        assert_eq!(kind_of(&answer).0, status, "{headers:?}");
    }
    let huge = create(&native, "/b", "9000000000000000000", &[]).await;
    assert_eq!(kind_of(&huge).0, 413);
}

#[tokio::test]
async fn a_piece_that_is_not_what_its_checksum_says_does_not_count() {
    let native = Native::new().await;
    let target = begun(&native, "/a", 22).await;
    let of_hello = ("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    let send = async |offset: &str, body: &'static str| {
        let headers = [PIECE, of_hello, ("upload-offset", offset)];
        ask(&native, (Method::PATCH, &target), &headers, body).await
    };
    let wrong = send("0", "HELLO world").await;
    assert_eq!(kind_of(&wrong), (460, "/problems/checksum-mismatch".to_owned()));
    assert_eq!(offset(&native, &target).await, Some(0));
    assert_eq!(send("0", "hello world").await.header("upload-offset"), "11");
    // Not even a piece that would make it whole.
    assert_eq!(send("11", "HELLO world").await.status, 460);
    assert_eq!(offset(&native, &target).await, Some(11));
    assert_eq!(send("11", "hello world").await.header("upload-offset"), "22");
    let read = native.get("/delenda/v1/files/a", &[]).await;
    assert_eq!(read.text(), "hello worldhello world");
}

/// A body that gives these bytes and then breaks off.
fn broken(bytes: &'static str) -> Body {
    let broke = Err(std::io::Error::other("the line broke"));
    Body::from_stream(futures::stream::iter([Ok(Bytes::from_static(bytes.as_bytes())), broke]))
}

#[tokio::test]
async fn what_came_of_a_piece_that_broke_off_counts() {
    let native = Native::new().await;
    let target = begun(&native, "/a", 10).await;
    assert_eq!(kind_of(&patch(&native, &target, 0, broken("0123")).await).0, 400);
    assert_eq!(offset(&native, &target).await, Some(4));
    let offset_four =
        [PIECE, ("upload-offset", "4"), ("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")];
    let proven = ask(&native, (Method::PATCH, &target), &offset_four, broken("45")).await;
    assert_eq!((kind_of(&proven).0, offset(&native, &target).await), (400, Some(4)));
    // All bytes came, and then an error: they are a file only once that is certain.
    assert_eq!(kind_of(&patch(&native, &target, 4, broken("456789")).await).0, 400);
    assert_eq!(offset(&native, &target).await, Some(4));
    assert_eq!(patch(&native, &target, 4, "456789").await.status, 204);
    assert_eq!(native.get("/delenda/v1/files/a", &[]).await.text(), "0123456789");
}

#[tokio::test]
async fn bytes_that_are_not_durable_are_not_acknowledged() {
    let native = Native::new().await;
    let target = begun(&native, "/a", 10).await;
    for call in [Call::Reopen, Call::Write, Call::Acknowledge] {
        native.app.faults.fail(call, Failing::Always);
        assert_eq!(kind_of(&patch(&native, &target, 0, "0123").await).0, 503, "{call:?}");
        native.app.faults.heal();
        assert_eq!(offset(&native, &target).await, Some(0), "{call:?}");
    }
    assert_eq!(patch(&native, &target, 0, "0123").await.status, 204);
    native.app.faults.fail(Call::Finish, Failing::Always);
    assert_eq!(kind_of(&patch(&native, &target, 4, "456789").await).0, 503);
    native.app.faults.heal();
    assert_eq!(offset(&native, &target).await, Some(4));
    assert_eq!(patch(&native, &target, 4, "456789").await.status, 204);
    assert_eq!(native.get("/delenda/v1/files/a", &[]).await.text(), "0123456789");
    native.app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn one_piece_is_written_at_a_time() {
    let native = Native::new().await;
    let target = begun(&native, "/a", 10).await;
    let (sender, body) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = futures::stream::unfold(body, |mut body| async { Some((body.recv().await?, body)) });
    let first = patch(&native, &target, 0, Body::from_stream(body));
    let meanwhile = async {
        sender.send(Ok(Bytes::from_static(b"0123"))).await.unwrap();
        sender.send(Ok(Bytes::from_static(b"45"))).await.unwrap();
        assert_eq!(kind_of(&patch(&native, &target, 0, "x").await).0, 409);
        let ended = ask(&native, (Method::DELETE, &target), &[], "").await;
        assert_eq!(kind_of(&ended).0, 409);
        drop(sender);
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    assert_eq!(first.header("upload-offset"), "6");
    assert_eq!(patch(&native, &target, 6, "6789").await.status, 204);
    assert_eq!(native.get("/delenda/v1/files/a", &[]).await.text(), "0123456789");
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let native = Native::new().await;
    let target = begun(&native, "/a", 10).await;
    patch(&native, &target, 0, "0123").await;
    native.app.stored_blobs_become(1).await;
    let unclear = format!("{target}?x=1");
    assert_eq!(kind_of(&ask(&native, (Method::DELETE, &unclear), &[], "").await).0, 400);
    assert_eq!(ask(&native, (Method::DELETE, &target), &[], "").await.status, 204);
    for method in [Method::DELETE, Method::HEAD] {
        assert_eq!(ask(&native, (method, &target), &[], "").await.status, 404);
    }
    assert_eq!(kind_of(&patch(&native, &target, 4, "45").await).0, 404);
    native.app.stored_blobs_become(0).await;
    let whole = begun(&native, "/b", 1).await;
    patch(&native, &whole, 0, "1").await;
    assert_eq!(kind_of(&ask(&native, (Method::DELETE, &whole), &[], "").await).0, 409);
    assert_eq!(native.get("/delenda/v1/files/b", &[]).await.text(), "1");
}

#[tokio::test]
async fn an_unfinished_upload_is_swept_when_it_expired() {
    let native = Native::new().await;
    let (idle, slow) = (begun(&native, "/idle", 10).await, begun(&native, "/slow", 1000).await);
    patch(&native, &idle, 0, "0123").await;
    let mut sent = 0;
    for _ in 0..7 {
        assert_eq!(patch(&native, &slow, sent, "0").await.status, 204);
        sent += 1;
        native.app.clock.advance(HOUR * 23);
    }
    assert_eq!(offset(&native, &idle).await, None);
    let service = &native.app.service;
    sweep(service.ledger.as_ref(), service.clock.now()).await.unwrap();
    native.app.stored_blobs_become(1).await;
    // However it goes on, it ends: a week after it began.
    assert_eq!(patch(&native, &slow, sent, "0").await.status, 204);
    native.app.clock.advance(HOUR * 7);
    assert_eq!(offset(&native, &slow).await, None);
    assert_eq!(kind_of(&patch(&native, &slow, sent + 1, "0").await).0, 404);
    sweep(service.ledger.as_ref(), native.app.clock.now()).await.unwrap();
    native.app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn what_the_plan_has_no_room_for_is_not_begun_and_not_finished() {
    let limits = PlanLimits {
        quota_bytes: Some(10),
        file_bytes_max: Some(9),
        media_types: vec!["image/*".to_owned()],
        ..PlanLimits::default()
    };
    let plans = Plans::new([("default".to_owned(), limits)]);
    let native = Native::of(TestApp::with(|settings| settings.plans = plans).await).await;
    native.put("/delenda/v1/files/a.png", &[], "12345").await;
    for (path, length, status) in
        [("/b.png", "10", 413), ("/b.png", "6", 507), ("/b.txt", "1", 415), ("/a.png", "9", 201)]
    {
        let answer = create(&native, path, length, &[]).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {length}: {}", answer.text());
    }
    let target = begun(&native, "/b.png", 5).await;
    patch(&native, &target, 0, "01").await;
    native.put("/delenda/v1/files/c.png", &[], "1").await;
    assert_eq!(kind_of(&patch(&native, &target, 2, "234").await).0, 507);
    assert_eq!(offset(&native, &target).await, Some(2));
    native.ask(Method::DELETE, "/delenda/v1/files/c.png", &[], "").await;
    assert_eq!(patch(&native, &target, 2, "234").await.status, 204);
}

#[tokio::test]
async fn an_upload_is_refused_in_the_end_as_any_other() {
    let native = Native::new().await;
    let only_new = create(&native, "/a", "1", &[("if-none-match", "*")]).await;
    let (over, below) = (begun(&native, "/a", 1).await, begun(&native, "/a/b", 1).await);
    native.put("/delenda/v1/files/a", &[], "0").await;
    native.app.lock("/a", true).await;
    let only_new = only_new.header("location").to_owned();
    for (target, status) in [(&only_new, 412), (&over, 423), (&below, 409)] {
        assert_eq!(kind_of(&patch(&native, target, 0, "1").await).0, status);
        assert_eq!(offset(&native, target).await, Some(0));
    }
    native.app.lock("/a", false).await;
    assert_eq!(patch(&native, &over, 0, "1").await.status, 204);
    assert_eq!(native.get("/delenda/v1/files/a", &[]).await.text(), "1");
}

/// I7
#[tokio::test]
async fn an_upload_is_nobody_elses() {
    let native = Native::new().await;
    let target = begun(&native, "/team/a", 4).await;
    let never = format!("{UPLOADS}/01890000-0000-7000-8000-000000000000");
    for other in [native.stranger().await, native.beneath("/other").await] {
        for target in [&target, &never] {
            assert_eq!(offset(&other, target).await, None);
            assert_eq!(kind_of(&patch(&other, target, 0, "0123").await).0, 404);
            assert_eq!(kind_of(&ask(&other, (Method::DELETE, target), &[], "").await).0, 404);
        }
    }
    let outside = create(&native.beneath("/other").await, "/team/a", "4", &[]).await;
    assert_eq!(kind_of(&outside).0, 403);
    let reader = native.with_scopes("read,delete").await;
    assert_eq!(kind_of(&patch(&reader, &target, 0, "0123").await).0, 403);
    assert_eq!(patch(&native.beneath("/team").await, &target, 0, "0123").await.status, 204);
}

#[tokio::test]
async fn an_upload_is_begun_once_however_often_it_is_asked_for() {
    let native = Native::new().await;
    let once = [("idempotency-key", "one")];
    let first = create(&native, "/a", "4", &once).await;
    let target = first.header("location").to_owned();
    patch(&native, &target, 0, "01").await;
    let again = create(&native, "/a", "4", &once).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (201, &*target));
    assert_eq!(again.header("upload-offset"), "2");
    let other = create(&native, "/a", "5", &once).await;
    assert_eq!(kind_of(&other), (422, "/problems/idempotency-mismatch".to_owned()));
    ask(&native, (Method::DELETE, &target), &[], "").await;
    assert_eq!(kind_of(&create(&native, "/a", "4", &once).await).0, 404);
    // One whose first piece broke off is found again by its key.
    let said = metadata(&[("path", "/b")]);
    let own = [("upload-length", "4"), ("upload-metadata", said.as_str()), PIECE];
    let own = [&own[..], &[("idempotency-key", "three")]].concat();
    let broke = ask(&native, (Method::POST, UPLOADS), &own, broken("01")).await;
    assert_eq!(kind_of(&broke).0, 400);
    let again = ask(&native, (Method::POST, UPLOADS), &own, "0123").await;
    assert_eq!((again.status.as_u16(), again.header("upload-offset")), (201, "2"));
    assert_eq!(patch(&native, again.header("location"), 2, "23").await.status, 204);
    assert_eq!(create(&native, "/a", "4", &[("idempotency-key", "two")]).await.status, 201);
}
