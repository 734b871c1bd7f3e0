//! Batches: what is taken, what becomes of it, and what the job says.

use super::*;
use crate::blobs::faulty::{Call, Failing};
use crate::domain::organization::Scope;

/// Longer than a failed purge waits for its first retry.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_batch_is_gone_at_the_answer_and_its_job_ends_with_the_bytes() {
    let sirv = Sirv::new().await;
    for path in ["/f/one", "/f/deep/two", "/g/three", "/g/four"] {
        sirv.upload(path).await;
    }
    sirv.app.faults.fail(Call::Remove, Failing::Always);
    let job = sirv.submit(&["/f", "/g/three"]).await;
    assert_eq!(job.len(), 32);
    assert!(job.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{job}");
    for (path, expected) in
        [("/f", false), ("/f/one", false), ("/g/three", false), ("/g/four", true)]
    {
        assert_eq!(sirv.is_there(path).await, expected, "{path}");
    }
    assert_eq!(shown(&sirv.progress(&job).await), (200, r#"{"progress":0}"#));
    sirv.app.faults.heal();
    let time_passes = async {
        loop {
            sirv.app.clock.advance(RETRY_PAUSE);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let said = tokio::select! {
        said = sirv.ended(&job) => said,
        () = time_passes => String::new(),
    };
    assert_eq!(said, result("[]", 0, 3, 2));
    assert_eq!(sirv.app.stored.keys().len(), 1);
}

#[tokio::test]
async fn an_empty_folder_is_a_folder() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/b/file").await;
    assert_eq!(sirv.delete(&["/a/b/file"]).await, result("[]", 0, 1, 0));
    assert_eq!(sirv.delete(&["/a/"]).await, result("[]", 0, 0, 2));
}

#[tokio::test]
async fn what_is_not_there_is_counted_once_for_each_path() {
    let sirv = Sirv::new().await;
    sirv.upload("/file").await;
    let asked = ["/gone", "/gone", "/gone/", "relative", "relative", "//x", "", "/file/", "/file"];
    // `/gone`, `relative`, `//x` and the empty text; `/file` is asked for as a file, too.
    assert_eq!(sirv.delete(&asked).await, result("[]", 4, 1, 0));
    assert_eq!(sirv.delete(&["/file"]).await, result("[]", 1, 0, 0));
}

#[tokio::test]
async fn a_trailing_slash_finds_no_file() {
    let sirv = Sirv::new().await;
    sirv.upload("/file").await;
    assert_eq!(sirv.delete(&["/file/"]).await, result("[]", 1, 0, 0));
    assert!(sirv.is_there("/file").await);
}

#[tokio::test]
async fn what_overlaps_counts_once() {
    let sirv = Sirv::new().await;
    for path in ["/a/b/one", "/a/b/two", "/a/three"] {
        sirv.upload(path).await;
    }
    let asked = ["/a/b/one", "/a", "/a/", "/a/b", "/a/three"];
    assert_eq!(sirv.delete(&asked).await, result("[]", 0, 3, 2));
}

#[tokio::test]
async fn a_thousand_paths_are_taken_and_one_more_is_not() {
    let sirv = Sirv::new().await;
    sirv.upload("/p500").await;
    let paths: Vec<String> = (0..=1000).map(|number| format!("/p{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(sirv.delete(&paths[..1000]).await, result("[]", 999, 1, 0));
    let answer = sirv.batch(json!({ "filenames": paths }).to_string()).await;
    let expected = error(400, "Bad Request", "filenames must not be more than 1000");
    assert_eq!(shown(&answer), (400, expected.as_str()));
    assert_eq!(sirv.delete(&["/p1"; 1000]).await, result("[]", 1, 0, 0));
}

/// Characters are counted, not bytes: 1,024 of them are taken, whatever their bytes, and one more
/// refuses the batch.
#[tokio::test]
async fn a_filename_of_1024_characters_is_taken_and_one_more_refuses_the_batch() {
    let sirv = Sirv::new().await;
    sirv.upload("/a").await;
    for letter in ["a", "ä"] {
        let filename = |characters: usize| format!("/{}", letter.repeat(characters - 1));
        assert_eq!(sirv.delete(&[&filename(1024)]).await, result("[]", 1, 0, 0), "{letter}");
        let body = json!({ "filenames": ["/a", filename(1025)] }).to_string();
        assert_eq!(sirv.batch(body).await.status.as_u16(), 400, "{letter}");
    }
    assert!(sirv.is_there("/a").await);
}

#[tokio::test]
async fn a_result_is_still_told_after_more_than_seven_days() {
    let sirv = Sirv::new().await;
    sirv.upload("/f/a").await;
    let job = sirv.submit(&["/f"]).await;
    let said = sirv.ended(&job).await;
    sirv.app.clock.advance(Duration::from_hours(30 * 24));
    let token = sirv.token_for(&sirv.key).await;
    let request = request_as(&token, Method::GET, &format!("{BATCH}?id={job}"));
    let answer = sirv.app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(shown(&answer), (200, said.as_str()));
}

#[tokio::test]
async fn what_is_locked_is_skipped_and_named() {
    let sirv = Sirv::new().await;
    for path in ["/f/free", "/f/held", "/f/sub/gone", "/g/in/file", "/h"] {
        sirv.upload(path).await;
    }
    sirv.lock("/f/held").await;
    sirv.lock("/g").await;
    let said = sirv.delete(&["/f", "/g/", "/g/in/file", "/h", "/gone"]).await;
    assert_eq!(said, result(r#"["/f/held","/g"]"#, 1, 3, 1));
    for (path, expected) in [
        ("/f/free", false),
        ("/f/held", true),
        ("/f/sub", false),
        ("/g/in/file", true),
        ("/h", false),
    ] {
        assert_eq!(sirv.is_there(path).await, expected, "{path}");
    }
    let unlocked = sirv.post("/v2/files/unlock?filename=/f/held", "").await;
    assert_eq!(shown(&unlocked), (200, ""));
    assert_eq!(sirv.delete(&["/f"]).await, result("[]", 0, 1, 1));
}

#[tokio::test]
async fn below_a_lock_the_path_that_was_asked_for_is_named() {
    let sirv = Sirv::new().await;
    sirv.upload("/g/in/file").await;
    sirv.lock("/g").await;
    let said = sirv.delete(&["/g/in"]).await;
    assert_eq!(said, result(r#"["/g/in"]"#, 0, 0, 0));
}

#[tokio::test]
async fn the_reserved_folders_are_skipped_and_named() {
    let sirv = Sirv::new().await;
    sirv.upload("/uploads/a").await;
    let said = sirv.delete(&["/uploads", "/commands/"]).await;
    assert_eq!(said, result(r#"["/commands","/uploads"]"#, 0, 0, 0));
    assert!(sirv.is_there("/uploads/a").await);
    assert_eq!(sirv.delete(&["/uploads/a"]).await, result("[]", 0, 1, 0));
}

#[tokio::test]
async fn a_body_that_is_no_batch_deletes_nothing() {
    let sirv = Sirv::new().await;
    sirv.upload("/a").await;
    let long = json!({ "filenames": ["/a", format!("/{}", "ä".repeat(1024))] }).to_string();
    for (body, message) in [
        ("", "the body is empty"),
        (r#"{"filenames":[]}"#, "filenames must not be empty"),
        (r#"{"filenames":["/a","/"]}"#, "'/' cannot be deleted"),
        (r#"{"filenames":["/a","/b\u0000"]}"#, "a filename has a control character"),
        (r#"{"filenames":["/a","b\n"]}"#, "a filename has a control character"),
        (&long, "a filename must not be longer than 1024 characters"),
    ] {
        let expected = error(400, "Bad Request", message);
        assert_eq!(shown(&sirv.batch(body.to_owned()).await), (400, expected.as_str()), "{body}");
    }
    for body in [
        "{}",
        "[]",
        r#"["/a"]"#,
        r#"{"filenames":"/a"}"#,
        r#"{"filenames":null}"#,
        r#"{"filenames":["/a",1]}"#,
        r#"{"filenames":["/a"],"dryRun":true}"#,
        r#"{"filenames":["/a"],"filenames":["/a"]}"#,
        r#"{"Filenames":["/a"]}"#,
        r#"{"filenames":["/a"]}x"#,
        r#"{"filenames":["/a"]"#,
        r#"{"filenames":["\ud800"]}"#,
    ] {
        let answer = sirv.batch(body).await;
        assert_eq!(answer.status.as_u16(), 400, "{body}");
        let error: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!((&error["statusCode"], &error["error"]), (&json!(400), &json!("Bad Request")));
    }
    let query = sirv.post(&format!("{BATCH}?dry_run=1"), r#"{"filenames":["/a"]}"#).await;
    let expected = error(400, "Bad Request", "unknown query parameter 'dry_run'");
    assert_eq!(shown(&query), (400, expected.as_str()));
    assert!(sirv.is_there("/a").await);
}

#[tokio::test]
async fn a_body_of_32768_bytes_is_taken_and_one_byte_more_is_not() {
    let sirv = Sirv::new().await;
    let body = |bytes: usize| {
        let body = r#"{"filenames":["/gone"]}"#;
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert_eq!(sirv.batch(body(32_768)).await.status.as_u16(), 200);
    let expected = error(413, "Request Entity Too Large", "At most 32768 bytes are accepted");
    assert_eq!(shown(&sirv.batch(body(32_769)).await), (413, expected.as_str()));
    let chunks = [body(20_000), body(20_000)].map(Ok::<_, std::io::Error>);
    let chunked = Body::from_stream(futures::stream::iter(chunks));
    assert_eq!(shown(&sirv.batch(chunked).await), (413, expected.as_str()));
    // Announced, and never sent: the answer does not wait for it.
    let announced = sirv.request(Method::POST, BATCH).header("content-length", "1000000000000");
    let silent = Body::from_stream(futures::stream::pending::<Result<&str, std::io::Error>>());
    let answer = sirv.app.send(announced.body(silent).unwrap()).await;
    assert_eq!(shown(&answer), (413, expected.as_str()));
}

#[tokio::test]
async fn a_batch_is_json_or_does_not_say() {
    let sirv = Sirv::new().await;
    let batch = async |name: &str, value: &str| {
        let request = sirv.request(Method::POST, BATCH).header(name, value);
        sirv.app.send(request.body(Body::from(r#"{"filenames":["/gone"]}"#)).unwrap()).await
    };
    for taken in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(batch("content-type", taken).await.status.as_u16(), 200, "{taken}");
    }
    assert_eq!(sirv.batch(r#"{"filenames":["/gone"]}"#).await.status.as_u16(), 200);
    let expected = error(415, "Unsupported Media Type", "The media type is not accepted");
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "application/json; charset=utf-16"),
        ("content-encoding", "gzip"),
    ] {
        assert_eq!(shown(&batch(name, value).await), (415, expected.as_str()), "{value}");
    }
}

#[tokio::test]
async fn a_job_that_is_not_there_is_not_found() {
    let sirv = Sirv::new().await;
    sirv.upload("/a").await;
    let job = sirv.submit(&["/a"]).await;
    let hyphens =
        format!("{}-{}-{}-{}-{}", &job[..8], &job[8..12], &job[12..16], &job[16..20], &job[20..]);
    let long = "a".repeat(10_000);
    for id in ["0", "Gbycla6K12E2hx5H4ZGFqpNY681VKwbj", &job.to_uppercase(), &hyphens, &long] {
        assert_eq!(shown(&sirv.progress(id).await), (404, NOT_FOUND), "{id}");
    }
    for (target, message) in [
        (BATCH.to_owned(), "id is required"),
        (format!("{BATCH}?id={job}&id={job}"), "query parameter 'id' is given more than once"),
    ] {
        let expected = error(400, "Bad Request", message);
        assert_eq!(shown(&sirv.get(&target).await), (400, expected.as_str()));
    }
    let extra = sirv.get(&format!("{BATCH}?id={job}&_=1")).await;
    assert_eq!(extra.status.as_u16(), 200);
}

#[tokio::test]
async fn a_job_of_another_organization_or_of_another_door_is_not_found() {
    let sirv = Sirv::new().await;
    sirv.upload("/a").await;
    let job = sirv.submit(&["/a"]).await;
    let other = sirv.app.theirs.id;
    let foreign = sirv.token_for(&sirv.key_of(other, Scopes::all(), "/").await).await;
    let target = format!("{BATCH}?id={job}");
    let request = request_as(&foreign, Method::GET, &target).body(Body::empty());
    assert_eq!(shown(&sirv.app.send(request.unwrap()).await), (404, NOT_FOUND));
    let elsewhere = sirv.delete_through_another_door("/b").await;
    assert_eq!(shown(&sirv.progress(&elsewhere).await), (404, NOT_FOUND));
}

#[tokio::test]
async fn an_organization_deletes_only_what_is_its_own() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/file").await;
    let other = sirv.app.theirs.id;
    let foreign = sirv.token_for(&sirv.key_of(other, Scopes::all(), "/").await).await;
    let beside = sirv.token_of(Scopes::all(), "/b").await;
    for token in [foreign, beside] {
        let request = request_as(&token, Method::POST, BATCH);
        let body = Body::from(r#"{"filenames":["/a/file","/a"]}"#);
        let answer = sirv.app.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status.as_u16(), 200);
        let job: Value = serde_json::from_str(answer.text()).unwrap();
        let target = format!("{BATCH}?id={}", job["id"].as_str().unwrap());
        let request = request_as(&token, Method::GET, &target).body(Body::empty());
        let said = sirv.app.send(request.unwrap()).await;
        assert_eq!(said.text(), result("[]", 2, 0, 0));
    }
    assert!(sirv.is_there("/a/file").await);
}

#[tokio::test]
async fn a_batch_needs_delete_and_its_progress_delete_or_read() {
    let sirv = Sirv::new().await;
    let job = sirv.submit(&["/gone"]).await;
    for (scope, submit, poll) in [
        (Scope::Read, 403, 200),
        (Scope::Write, 403, 403),
        (Scope::Delete, 200, 200),
        (Scope::Admin, 403, 403),
    ] {
        let token = sirv.token_of([scope].into_iter().collect(), "/").await;
        let body = Body::from(r#"{"filenames":["/gone"]}"#);
        let request = request_as(&token, Method::POST, BATCH).body(body);
        assert_eq!(sirv.app.send(request.unwrap()).await.status.as_u16(), submit, "{scope:?}");
        let target = format!("{BATCH}?id={job}");
        let request = request_as(&token, Method::GET, &target).body(Body::from("[]"));
        assert_eq!(sirv.app.send(request.unwrap()).await.status.as_u16(), poll, "{scope:?}");
    }
}
