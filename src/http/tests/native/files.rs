//! Files by their paths: stored, read, replaced and deleted under conditions.

use http::Method;
use serde_json::{Value, json};

use super::{Native, TestApp, kind_of};
use crate::blobs::faulty::{Call, Failing};
use crate::domain::plans::{PlanLimits, Plans};

const FILES: &str = "/delenda/v1/files";

#[tokio::test]
async fn a_file_is_stored_read_and_replaced() {
    let native = Native::new().await;
    let target = format!("{FILES}/a/my%20file.txt");
    let first = native.put(&target, &[("content-type", "text/plain")], "12345").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let entry = first.json();
    assert_eq!(entry["etag"], first.header("etag"));
    assert_eq!(
        entry,
        json!({
            "id": entry["id"], "path": "/a/my file.txt", "kind": "file", "locked": false,
            "created_at": "2023-11-14T22:13:20.000Z", "size": 5, "etag": entry["etag"],
            "content_type": "text/plain", "tags": [], "modified_at": "2023-11-14T22:13:20.000Z",
        })
    );
    let second = native.put(&target, &[], "1234567").await;
    assert_eq!((second.status.as_u16(), &second.json()["id"]), (200, &entry["id"]));
    assert_ne!(second.header("etag"), first.header("etag"));
    let read = native.get(&target, &[]).await;
    assert_eq!((read.status.as_u16(), read.text()), (200, "1234567"));
    assert_eq!(read.header("etag"), second.header("etag"));
    assert_eq!(read.header("x-content-type-options"), "nosniff");
    assert!(read.header("content-disposition").starts_with("inline"));
    let head = native.ask(Method::HEAD, &target, &[], "").await;
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.text()), (200, "7", ""));
    native.app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn a_file_is_read_in_ranges_and_under_conditions() {
    let native = Native::new().await;
    let target = format!("{FILES}/page.html");
    let stored = native.put(&target, &[], "0123456789").await;
    let etag = stored.header("etag").to_owned();
    for (headers, status, body) in [
        (vec![("range", "bytes=2-4")], 206, "234"),
        (vec![("range", "bytes=2-4"), ("if-range", "\"other\"")], 200, "0123456789"),
        (vec![("if-none-match", etag.as_str())], 304, ""),
        (vec![("if-none-match", "\"other\"")], 200, "0123456789"),
        (vec![("if-match", &etag)], 200, "0123456789"),
        (vec![("if-modified-since", "Tue, 14 Nov 2023 22:13:20 GMT")], 304, ""),
        (vec![("if-modified-since", "Tue, 14 Nov 2023 22:13:19 GMT")], 200, "0123456789"),
    ] {
        let answer = native.get(&target, &headers).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, body), "{headers:?}");
        assert_eq!(answer.header("etag"), etag, "{headers:?}");
        if status < 300 {
            assert!(answer.header("content-disposition").starts_with("attachment"));
        }
    }
    let failed = native.get(&target, &[("if-match", "\"other\"")]).await;
    assert_eq!(kind_of(&failed), (412, "/problems/precondition-failed".to_owned()));
    let beyond = native.get(&target, &[("range", "bytes=10-")]).await;
    assert_eq!(kind_of(&beyond), (416, "/problems/range-not-satisfiable".to_owned()));
    assert_eq!(beyond.header("content-range"), "bytes */10");
}

#[tokio::test]
async fn a_conditional_upload_replaces_what_it_wants_or_nothing() {
    let native = Native::new().await;
    let target = format!("{FILES}/a");
    let create = [("if-none-match", "*")];
    assert_eq!(native.put(&target, &create, "1").await.status, 201);
    let known = native.get(&target, &[]).await.header("etag").to_owned();
    assert_eq!(kind_of(&native.put(&target, &create, "2").await).0, 412);
    assert_eq!(native.put(&target, &[("if-match", &known)], "3").await.status, 200);
    for wrong in [known.as_str(), "\"other\"", "W/\"x\"", "01890000-0000-7000-8000-000000000000"] {
        let answer = native.put(&target, &[("if-match", wrong)], "4").await;
        assert_eq!(kind_of(&answer).0, 412, "{wrong}");
    }
    assert_eq!(native.put(&target, &[("if-match", "*")], "5").await.status, 200);
    let nowhere = format!("{FILES}/b");
    assert_eq!(kind_of(&native.put(&nowhere, &[("if-match", "*")], "6").await).0, 412);
    for unclear in [
        vec![("if-none-match", known.as_str())],
        vec![("if-none-match", "*"), ("if-match", "*")],
        vec![("if-unmodified-since", "Tue, 14 Nov 2023 22:13:20 GMT")],
    ] {
        assert_eq!(kind_of(&native.put(&target, &unclear, "7").await).0, 400, "{unclear:?}");
    }
    assert_eq!(native.get(&target, &[]).await.text(), "5");
    native.app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn of_uploads_that_race_for_one_version_one_wins() {
    let native = Native::new().await;
    let target = format!("{FILES}/a");
    let etag = native.put(&target, &[], "0").await.header("etag").to_owned();
    let headers = [("if-match", etag.as_str())];
    let bodies = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let puts = bodies.map(|body| native.put(&target, &headers, body));
    let answers = futures::future::join_all(puts).await;
    let won: Vec<usize> = (0..8).filter(|index| answers[*index].status == 200).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 7);
    assert_eq!(native.get(&target, &[]).await.text(), bodies[won[0]]);
    native.app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn a_path_that_is_ambiguous_is_refused_by_every_method() {
    let native = Native::new().await;
    native.put(&format!("{FILES}/a/b"), &[], "1").await;
    let before = native.app.usage().await;
    for path in [
        "a%2Fb", "a%2fb", "a//b", "./a", "a/../a/b", "%2e%2e/a", "a/%00", "a/%0a", "a/%ff", "a/%",
        "a/b%zz", "/a/b",
    ] {
        let target = format!("{FILES}/{path}");
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = native.ask(method.clone(), &target, &[], "").await;
            assert_eq!(kind_of(&answer).0, 400, "{method} {path}");
        }
    }
    for path in ["a/", "a/b/"] {
        let answer = native.put(&format!("{FILES}/{path}"), &[], "2").await;
        assert_eq!(kind_of(&answer).0, 400, "{path}");
    }
    assert_eq!(kind_of(&native.ask(Method::DELETE, &format!("{FILES}/"), &[], "").await).0, 404);
    assert_eq!(native.app.usage().await, before);
}

#[tokio::test]
async fn a_file_does_not_go_where_something_else_is() {
    let native = Native::new().await;
    for path in ["a/b", "held/file"] {
        native.put(&format!("{FILES}/{path}"), &[], "1").await;
    }
    native.app.lock("/held", true).await;
    for (path, status) in [("a", 409), ("a/b/c", 409), ("uploads", 409), ("held/file", 423)] {
        let answer = native.put(&format!("{FILES}/{path}"), &[], "2").await;
        assert_eq!(kind_of(&answer).0, status, "{path}");
    }
    let locked = native.put(&format!("{FILES}/held/file"), &[], "2").await.json();
    assert_eq!(locked["locked"], json!(["/held/file"]));
    assert_eq!(kind_of(&native.get(&format!("{FILES}/a"), &[]).await).0, 400);
    assert_eq!(kind_of(&native.get(&format!("{FILES}/a/b/"), &[]).await).0, 404);
    native.app.stored_blobs_become(2).await;
}

/// The body of an answer about a deletion, without its id.
fn deleted(answer: &super::Answer) -> (u16, Value) {
    let mut body = answer.json();
    assert!(body["id"].take().is_string());
    (answer.status.as_u16(), body)
}

/// Whoever sends a part, or something that is not understood, may not mean to replace the whole.
#[tokio::test]
async fn a_part_or_an_unclear_request_replaces_nothing() {
    let native = Native::new().await;
    let target = format!("{FILES}/whole");
    native.put(&target, &[], "0123456789").await;
    let part = [("content-range", "bytes 3-4/10")];
    let unclear = format!("{target}?overwrite=false");
    for (target, headers) in [(&target, &part[..]), (&unclear, &[])] {
        let answer = native.ask(Method::PUT, target, headers, "xx").await;
        assert_eq!(answer.status.as_u16(), 400, "{target}: {}", answer.text());
    }
    assert_eq!(native.ask(Method::GET, &target, &[], "").await.text(), "0123456789");
}

/// What is not understood might have been meant to spare something.
#[tokio::test]
async fn a_delete_with_a_body_deletes_nothing() {
    let native = Native::new().await;
    let target = format!("{FILES}/spared");
    let stored = native.put(&target, &[], "x").await.json();
    let by_id = format!("/delenda/v1/entries/{}", stored["id"].as_str().unwrap());
    let command = native.ask(Method::POST, "/delenda/v1/commands", &[], "").await.json();
    let outputs =
        format!("/delenda/v1/commands/{}/outputs", command["command_id"].as_str().unwrap());
    for target in [&target, &by_id, &outputs] {
        for headers in [&[("content-length", "16")][..], &[("transfer-encoding", "chunked")]] {
            let answer = native.ask(Method::DELETE, target, headers, "{\"dry_run\":true}").await;
            assert_eq!(answer.status.as_u16(), 400, "{target}: {}", answer.text());
        }
    }
    let conditional = [("if-match", "\"x\"")];
    let answer = native.ask(Method::DELETE, &outputs, &conditional, "").await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
    assert_eq!(native.ask(Method::GET, &target, &[], "").await.text(), "x");
}

#[tokio::test]
async fn a_file_is_deleted_under_its_condition() {
    let native = Native::new().await;
    let target = format!("{FILES}/a/file");
    let stale = native.put(&target, &[], "1").await.header("etag").to_owned();
    let etag = native.put(&target, &[], "12").await.header("etag").to_owned();
    let failed = native.ask(Method::DELETE, &target, &[("if-match", &stale)], "").await;
    assert_eq!(kind_of(&failed).0, 412);
    let unknown = native.ask(Method::DELETE, &format!("{target}?dry=1"), &[], "").await;
    assert_eq!(kind_of(&unknown).0, 400);
    let gone = native.ask(Method::DELETE, &target, &[("if-match", &etag)], "").await;
    let expected = json!({ "id": null, "files": 1, "bytes": 2, "folders": 0 });
    assert_eq!(deleted(&gone), (200, expected));
    assert_eq!(kind_of(&native.get(&target, &[]).await).0, 404);
    let again = native.ask(Method::DELETE, &target, &[("if-match", "*")], "").await;
    assert_eq!(kind_of(&again).0, 404);
    native.app.drained().await;
    native.app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn a_folder_goes_with_all_below_it_only_where_that_is_asked() {
    let native = Native::new().await;
    for path in ["f/a", "f/g/b", "held/x", "held/y"] {
        native.put(&format!("{FILES}/{path}"), &[], "1").await;
    }
    native.app.lock("/held/x", true).await;
    let delete =
        async |path: &str| native.ask(Method::DELETE, &format!("{FILES}/{path}"), &[], "").await;
    for (path, status) in [
        ("f", 409),
        ("f?recursive=false", 409),
        ("f?recursive=1", 400),
        ("f?recursive=true&recursive=true", 400),
        ("f/a/?recursive=true", 404),
        ("held?recursive=true", 423),
        ("uploads?recursive=true", 423),
    ] {
        assert_eq!(kind_of(&delete(path).await).0, status, "{path}");
    }
    let whole = json!({ "id": null, "files": 2, "bytes": 2, "folders": 2 });
    assert_eq!(deleted(&delete("f/?recursive=true").await), (200, whole));
    native.post("/delenda/v1/folders", r#"{"path":"/empty"}"#).await;
    let empty = json!({ "id": null, "files": 0, "bytes": 0, "folders": 1 });
    assert_eq!(deleted(&delete("empty").await), (200, empty));
    native.app.drained().await;
    native.app.stored_blobs_become(2).await;
}

#[tokio::test]
async fn more_than_a_limit_goes_only_where_just_that_is_confirmed() {
    let limits = PlanLimits { guard_files_max: Some(1), ..PlanLimits::default() };
    let plans = Plans::new([("default".to_owned(), limits)]);
    let native = Native::of(TestApp::with(|settings| settings.plans = plans).await).await;
    for path in ["f/a", "f/b", "x"] {
        native.put(&format!("{FILES}/{path}"), &[], "1").await;
    }
    for (target, status) in [
        ("f?recursive=true", 409),
        ("f?recursive=true&confirm=1", 409),
        ("f?recursive=true&confirm=", 400),
        ("f?recursive=true&confirm=-2", 400),
        ("x", 200),
        ("f?recursive=true&confirm=2", 200),
    ] {
        let answer = native.ask(Method::DELETE, &format!("{FILES}/{target}"), &[], "").await;
        assert_eq!(answer.status.as_u16(), status, "{target}: {}", answer.text());
        if status == 409 {
            let problem = answer.json();
            let kind = "/problems/confirmation-required";
            assert_eq!((&problem["type"], &problem["files"]), (&json!(kind), &json!(2)));
        }
    }
}

#[tokio::test]
async fn a_key_with_a_prefix_stays_within_it() {
    let native = Native::new().await;
    for path in ["team/a", "other/a"] {
        native.put(&format!("{FILES}/{path}"), &[], "1").await;
    }
    let inside = native.beneath("/team").await;
    for (path, put, read) in [("team/a", 200, 200), ("other/a", 403, 404), ("none", 403, 404)] {
        let target = format!("{FILES}/{path}");
        assert_eq!(inside.put(&target, &[], "2").await.status, put, "{path}");
        assert_eq!(inside.get(&target, &[]).await.status, read, "{path}");
        let gone = inside.ask(Method::DELETE, &target, &[], "").await.status.as_u16();
        assert_eq!(gone, read, "{path}");
    }
    assert_eq!(native.get(&format!("{FILES}/other/a"), &[]).await.text(), "1");
}

#[tokio::test]
async fn bytes_that_are_missing_are_never_taken_for_a_deletion() {
    let native = Native::new().await;
    let target = format!("{FILES}/a");
    native.put(&target, &[], "1").await;
    native.app.faults.fail(Call::Read, Failing::Always);
    assert_eq!(kind_of(&native.get(&target, &[]).await).0, 503);
    native.app.faults.heal();
    assert_eq!(native.get(&target, &[]).await.text(), "1");
}
