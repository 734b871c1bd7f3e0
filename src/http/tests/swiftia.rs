//! Swiftia's table, row by row.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::app::{Answer, Part, TestApp};
use crate::blobs::faulty::{Call, Failing};

const FILES: &str = "/api/uploads/files";
const MISMATCH: &str =
    "{\"message\":\"Organization ID mismatch. API key is bound to a different organization.\"}";
const NOT_FOUND: (u16, &str) = (404, "{\"message\":\"File not found\"}");
const UNAUTHORIZED: (u16, &str) = (401, "{\"error\":\"Unauthorized\"}");

async fn delete(app: &TestApp, file: &str) -> Answer {
    app.bearer(Method::DELETE, &format!("{FILES}/{file}")).await
}

#[tokio::test]
async fn a_deleted_file_and_its_bytes_are_gone_at_the_answer() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    let url = app.bearer(Method::GET, &format!("{FILES}/{file}")).await.json()["url"].clone();
    let answer = delete(&app, &file).await;
    assert_eq!(answer.both(), (200, format!("{{\"id\":\"{file}\",\"deleted\":true}}").as_str()));
    assert!(app.stored.keys().is_empty());
    assert_eq!(delete(&app, &file).await.both(), NOT_FOUND);
    let shown = app.bearer(Method::GET, &format!("{FILES}/{file}")).await;
    assert_eq!(shown.both(), NOT_FOUND);
    let list = app.bearer(Method::GET, FILES).await.json();
    assert_eq!((&list["total"], &list["usedSize"]), (&json!(0), &json!(0.0)));
    let target = url.as_str().unwrap().strip_prefix("https://files.test").unwrap().to_owned();
    let fetched = app.call(Method::GET, &target, &[], "").await;
    assert_eq!(fetched.status, 404);
}

#[tokio::test]
async fn bytes_that_remain_are_a_500_and_the_repeat_gets_the_missed_success_once() {
    let app = TestApp::with(|settings| settings.bytes_gone_wait = Duration::from_millis(50)).await;
    let file = app.upload("a.png").await;
    app.faults.fail(Call::Remove, Failing::Always);
    let failed = format!(
        "{{\"id\":\"{file}\",\"deleted\":false,\"error\":\"Failed to delete file from storage\"}}"
    );
    assert_eq!(delete(&app, &file).await.both(), (500, failed.as_str()));
    let shown = app.bearer(Method::GET, &format!("{FILES}/{file}")).await;
    assert_eq!(shown.both(), NOT_FOUND);
    assert_eq!(delete(&app, &file).await.both(), (500, failed.as_str()));
    app.faults.heal();
    app.clock.advance(Duration::from_secs(600));
    app.drained().await;
    let repeated = delete(&app, &file).await;
    assert_eq!(repeated.both(), (200, format!("{{\"id\":\"{file}\",\"deleted\":true}}").as_str()));
    assert_eq!(delete(&app, &file).await.both(), NOT_FOUND);
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_gets_the_missed_success_once() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    app.faults.fail(Call::Remove, Failing::Always);
    let waiting = tokio::time::timeout(Duration::from_millis(200), delete(&app, &file)).await;
    assert!(waiting.is_err(), "the bytes cannot be gone");
    tokio::time::sleep(Duration::from_millis(100)).await;
    app.faults.heal();
    app.clock.advance(Duration::from_secs(600));
    app.drained().await;
    let repeated = delete(&app, &file).await;
    assert_eq!(repeated.both(), (200, format!("{{\"id\":\"{file}\",\"deleted\":true}}").as_str()));
    assert_eq!(delete(&app, &file).await.both(), NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_not_found_whatever_it_is() {
    let app = TestApp::new().await;
    let (_, their_key) = app.new_key(Some(app.theirs.id), "read,write,delete", "/").await;
    let parts = [Part::File("a.png", "image/png", "theirs")];
    let foreign = app.upload_as(&their_key, &parts).await;
    let own = app.upload("a.png").await;
    let (upper, braces, simple) =
        (own.to_uppercase(), format!("%7B{own}%7D"), own.replace('-', ""));
    for id in [
        "01890000-0000-7000-8000-000000000000",
        foreign.as_str(),
        upper.as_str(),
        &braces,
        &simple,
        "..",
        "%2e%2e",
        "a%2fb",
        "%ff",
        "%zz",
        "%00",
        "x'--",
        "*",
        "%25",
        &"a".repeat(8192),
    ] {
        assert_eq!(delete(&app, id).await.both(), NOT_FOUND, "{id:.60}");
        let shown = app.bearer(Method::GET, &format!("{FILES}/{id}")).await;
        assert_eq!(shown.both(), NOT_FOUND, "{id:.60}");
    }
    assert_eq!(delete(&app, "").await.both(), NOT_FOUND);
    assert_eq!(app.stored.keys().len(), 2);
}

#[tokio::test]
async fn a_locked_file_is_a_403_and_stays() {
    let app = TestApp::new().await;
    let file = app.upload_to("/kept/a.png").await;
    app.lock("/kept/", true).await;
    assert_eq!(delete(&app, &file).await.both(), (403, "{\"message\":\"File is locked\"}"));
    app.lock("/kept/", false).await;
    assert_eq!(delete(&app, &file).await.status, 200);
}

#[tokio::test]
async fn a_file_outside_the_keys_prefix_is_not_found() {
    let app = TestApp::new().await;
    let (_, key) = app.new_key(Some(app.ours.id), "read,write,delete", "/team").await;
    let outside = app.upload("a.png").await;
    let answer = app.as_bearer(Method::DELETE, &format!("{FILES}/{outside}"), &key).await;
    assert_eq!(answer.both(), NOT_FOUND);
    let inside = app.upload_as(&key, &[Part::File("b.png", "image/png", "b")]).await;
    let list = app.as_bearer(Method::GET, FILES, &key).await.json();
    assert_eq!((&list["total"], &list["files"][0]["id"]), (&json!(1), &json!(inside)));
    let answer = app.as_bearer(Method::DELETE, &format!("{FILES}/{inside}"), &key).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn keys_that_are_none_are_one_and_the_same_401() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    let target = format!("{FILES}/{file}");
    let (revoked_id, revoked) = app.new_key(Some(app.ours.id), "delete", "/").await;
    app.service.ledger.revoke_key(revoked_id, super::app::NOW).await.unwrap();
    let (bearer, their) =
        (format!("Bearer {}", app.key), app.new_key(Some(app.theirs.id), "delete", "/").await.1);
    let other = format!("Bearer {their}");
    let random = format!("Bearer ffsk_{}", "0".repeat(64));
    let with_revoked = format!("Bearer {revoked}");
    let key = app.key.as_str();
    let (spaced, upper, basic) =
        (format!("{bearer} "), bearer.to_uppercase(), format!("Basic {key}"));
    let long = format!("Bearer {}", "f".repeat(100_000));
    for headers in [
        vec![],
        vec![("authorization", "")],
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", key)],
        vec![("authorization", &basic)],
        vec![("authorization", &spaced)],
        vec![("authorization", &upper)],
        vec![("authorization", &random)],
        vec![("authorization", &with_revoked)],
        vec![("authorization", &long)],
        vec![("authorization", &bearer), ("authorization", &bearer)],
        vec![("authorization", &bearer), ("authorization", &other)],
        vec![("x-api-key", key)],
        vec![("x-user-api-key", key)],
    ] {
        let answer = app.call(Method::DELETE, &target, &headers, "").await;
        assert_eq!(answer.both(), UNAUTHORIZED, "{headers:.80?}");
    }
    let in_query = app.call(Method::DELETE, &format!("{target}?key={key}"), &[], "").await;
    assert_eq!(in_query.both(), UNAUTHORIZED);
    let lower = format!("bearer {key}");
    let answer = app.call(Method::GET, &target, &[("authorization", &lower)], "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn expired_keys_and_disabled_organizations_are_401() {
    let app = TestApp::new().await;
    app.service.ledger.disable_organization(app.ours.id, super::app::NOW).await.unwrap();
    assert_eq!(app.bearer(Method::GET, FILES).await.both(), UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_without_the_scope_is_a_403() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    let (_, key) = app.new_key(Some(app.ours.id), "read,write", "/").await;
    let answer = app.as_bearer(Method::DELETE, &format!("{FILES}/{file}"), &key).await;
    let expected = "{\"message\":\"The API key lacks the scope 'delete'\"}";
    assert_eq!(answer.both(), (403, expected));
    let (_, key) = app.new_key(Some(app.ours.id), "delete", "/").await;
    assert_eq!(app.as_bearer(Method::GET, FILES, &key).await.status, 403);
    let parts = [Part::File("b.png", "image/png", "b")];
    assert_eq!(app.post_form(FILES, &key, &parts).await.status, 403);
}

#[tokio::test]
async fn a_bound_key_may_name_its_organization_and_no_other() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    let target = |query: &str| format!("{FILES}/{file}?{query}");
    let (ours, theirs) = (app.ours.id, app.theirs.id);
    for (query, expected) in [
        (format!("organizationId={theirs}"), (403, MISMATCH)),
        ("organizationId=01890000-0000-7000-8000-000000000000".to_owned(), (403, MISMATCH)),
        ("organizationId=nobody".to_owned(), (403, MISMATCH)),
        ("organizationId=".to_owned(), (400, "{\"message\":\"Organization ID is required\"}")),
        (
            format!("organizationId={ours}&organizationId={ours}"),
            (400, "{\"message\":\"query parameter 'organizationId' is given more than once\"}"),
        ),
        ("dry_run=true".to_owned(), (400, "{\"message\":\"unknown query parameter 'dry_run'\"}")),
        ("a=%zz".to_owned(), (400, "{\"message\":\"the query has a malformed percent escape\"}")),
    ] {
        let answer = app.bearer(Method::DELETE, &target(&query)).await;
        assert_eq!(answer.both(), expected, "{query}");
    }
    let answer = app.bearer(Method::DELETE, &target(&format!("organizationId={ours}"))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_operator_key_must_name_an_organization() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    let (_, operator) = app.new_key(None, "read,delete", "/").await;
    let target = format!("{FILES}/{file}");
    let unnamed = app.as_bearer(Method::DELETE, &target, &operator).await;
    assert_eq!(unnamed.both(), (400, "{\"message\":\"Organization ID is required\"}"));
    let foreign = format!("{target}?organizationId={}", app.theirs.id);
    assert_eq!(app.as_bearer(Method::DELETE, &foreign, &operator).await.both(), NOT_FOUND);
    let named = format!("{target}?organizationId={}", app.ours.id);
    assert_eq!(app.as_bearer(Method::DELETE, &named, &operator).await.status, 200);
}

#[tokio::test]
async fn an_upload_answers_the_whole_file() {
    let app = TestApp::new().await;
    let parts = [
        Part::Text("tags", "b, a,,b"),
        Part::File("käse 1.png", "application/octet-stream", "123456"),
        Part::Text("description", "a cheese"),
        Part::Text("tags", "c"),
        Part::Text("unknown", "ignored"),
    ];
    let answer = app.post_form(FILES, &app.key, &parts).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut file = answer.json();
    let url = file["url"].take().as_str().unwrap().to_owned();
    let id = file["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": id, "name": "käse 1.png", "type": "image", "size": 6, "length": null,
        "status": "completed", "description": "a cheese", "tags": ["b", "a", "c"],
        "jobId": null, "url": null, "thumbnailUrl": null,
        "createdAt": "2023-11-14T22:13:20.000Z",
    });
    assert_eq!(file, expected);
    let target = url.strip_prefix("https://files.test").unwrap();
    let fetched = app.call(Method::GET, target, &[], "").await;
    assert_eq!((fetched.status.as_u16(), fetched.text()), (200, "123456"));
    let shown = app.bearer(Method::GET, &format!("{FILES}/{id}")).await;
    let (mut shown, status) = (shown.json(), shown.status);
    shown["url"].take();
    assert_eq!((status.as_u16(), shown), (200, expected));
}

#[tokio::test]
async fn an_upload_to_a_path_replaces_what_lies_there_and_keeps_its_id() {
    let app = TestApp::new().await;
    let first = app.upload_to("/a/b.png").await;
    let second = app.upload_to("/a/b.png").await;
    assert_eq!(first, second);
    app.stored_blobs_become(1).await;
    app.lock("/a/b.png", true).await;
    let parts = [Part::File("b.png", "image/png", "new"), Part::Text("path", "/a/b.png")];
    let answer = app.post_form(FILES, &app.key, &parts).await;
    assert_eq!(answer.both(), (403, "{\"message\":\"File is locked\"}"));
    app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn uploads_that_mean_nothing_are_refused_and_leave_nothing() {
    let app = TestApp::new().await;
    let file = Part::File("b.png", "image/png", "new");
    for (parts, status, expected) in [
        (vec![], 400, "missing"),
        (vec![Part::Text("tags", "a")], 400, "missing"),
        (vec![Part::Text("path", "/a/"), Part::File("b", "", "b")], 400, "must not end in '/'"),
        (vec![Part::Text("path", "a/b"), Part::File("b", "", "b")], 400, "absolute"),
        (vec![Part::Text("path", "/a/../b"), Part::File("b", "", "b")], 400, "'..'"),
        (vec![Part::File("b", "", "b"), Part::File("c", "", "c")], 400, "more than once"),
        (
            vec![
                Part::File("b", "", "b"),
                Part::Text("description", "1"),
                Part::Text("description", "2"),
            ],
            400,
            "more than once",
        ),
        (vec![Part::Text("path", "/uploads"), Part::File("b", "", "b")], 409, "folder"),
    ] {
        let answer = app.post_form(FILES, &app.key, &parts).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(expected), "{}", answer.text());
    }
    let bearer = format!("Bearer {}", app.key);
    let plain = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = app.call(Method::POST, FILES, &plain, "{}").await;
    let expected = "{\"message\":\"the body is not multipart/form-data\"}";
    assert_eq!(answer.both(), (400, expected));
    let cut = super::app::form(&[file]);
    let media_type = "multipart/form-data; boundary=boundary-of-the-form";
    let headers = [("authorization", bearer.as_str()), ("content-type", media_type)];
    let answer = app.call(Method::POST, FILES, &headers, cut[..cut.len() - 10].to_owned()).await;
    assert_eq!(answer.status, 400);
    app.stored_blobs_become(0).await;
    assert_eq!(app.usage().await.live.files, 0);
}

#[tokio::test]
async fn forms_are_bounded() {
    let app = TestApp::with(|settings| settings.upload_bytes_max = 1000).await;
    let large = "x".repeat(1001);
    let answer = app.post_form(FILES, &app.key, &[Part::File("a", "", &large)]).await;
    assert_eq!(answer.both(), (413, "{\"message\":\"At most 1000 bytes are accepted\"}"));
    let text = "x".repeat(65_537);
    let answer = app.post_form(FILES, &app.key, &[Part::Text("description", &text)]).await;
    assert_eq!(answer.status, 413);
    let many: Vec<Part<'_>> = (0..101).map(|_| Part::Text("tags", "a")).collect();
    let answer = app.post_form(FILES, &app.key, &many).await;
    assert_eq!(answer.both(), (400, "{\"message\":\"the form has more than 100 parts\"}"));
    app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn endless_headers_of_a_part_are_cut_off() {
    let app = TestApp::new().await;
    let begin = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n";
    let chunks = std::iter::once(begin.to_owned())
        .chain(std::iter::repeat_with(|| format!("X-Header: {}\r\n", "x".repeat(10_000))));
    let chunks = futures::stream::iter(chunks.map(Ok::<_, std::io::Error>));
    let bearer = format!("Bearer {}", app.key);
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=b")];
    let body = axum::body::Body::from_stream(chunks);
    let answer = app.call(Method::POST, FILES, &headers, body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let app = TestApp::new().await;
    let begin = super::app::form(&[Part::File("a.png", "image/png", &"x".repeat(1000))]);
    let begin = begin[..begin.len() - 40].to_owned();
    let chunks = futures::stream::once(async { Ok::<_, std::io::Error>(begin) });
    let endless = futures::StreamExt::chain(chunks, futures::stream::pending());
    let bearer = format!("Bearer {}", app.key);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "multipart/form-data; boundary=boundary-of-the-form"),
    ];
    let body = axum::body::Body::from_stream(endless);
    let call = app.call(Method::POST, FILES, &headers, body);
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    let abandoned = async {
        while app.faults.count(Call::Remove) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), abandoned).await.unwrap();
    app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn a_list_is_a_page_newest_first_by_type_and_tag() {
    let app = TestApp::new().await;
    let mut ids = Vec::new();
    for (name, media_type, tags) in [
        ("a.png", "image/png", "x,y"),
        ("b.mp4", "video/mp4", "y"),
        ("c.mp3", "audio/mpeg", ""),
        ("d.txt", "text/plain", "z"),
    ] {
        app.clock.advance(Duration::from_secs(1));
        let parts = [Part::File(name, media_type, "0123456789"), Part::Text("tags", tags)];
        ids.push(app.upload_as(&app.key, &parts).await);
    }
    let list = async |query: &str| {
        let answer = app.bearer(Method::GET, &format!("{FILES}?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let list = answer.json();
        let names: Vec<String> = list["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["name"].as_str().unwrap().to_owned())
            .collect();
        (list["total"].as_u64().unwrap(), names.join(" "))
    };
    assert_eq!(list("").await, (4, "d.txt c.mp3 b.mp4 a.png".to_owned()));
    assert_eq!(list("limit=2&offset=1&unknown=1").await, (4, "c.mp3 b.mp4".to_owned()));
    assert_eq!(list("type=image").await, (1, "a.png".to_owned()));
    assert_eq!(list("type=other").await, (1, "d.txt".to_owned()));
    assert_eq!(list("tags=x,z").await, (2, "d.txt a.png".to_owned()));
    assert_eq!(list("type=video&tags=x").await, (0, String::new()));
    for wrong in ["limit=0", "limit=101", "offset=-1", "type=cats", "limit=1&limit=2"] {
        let answer = app.bearer(Method::GET, &format!("{FILES}?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    let all = app.bearer(Method::GET, FILES).await.json();
    assert_eq!(
        (&all["subSize"], &all["usedSize"], &all["usedSizePercent"]),
        (&json!(null), &json!(0.000_04), &json!(0.0))
    );
}

#[tokio::test]
async fn unknown_routes_and_methods_answer_in_this_shape() {
    let app = TestApp::new().await;
    let answer = app.bearer(Method::GET, "/api/uploads/nothing").await;
    assert_eq!(answer.both(), NOT_FOUND);
    let answer = app.bearer(Method::PATCH, FILES).await;
    assert_eq!(answer.both(), (405, "{\"message\":\"Method not allowed\"}"));
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
}
