//! Entries by their identities, lists in pages, and folders.

use http::Method;
use serde_json::{Value, json};

use super::{Native, kind_of};

const FILES: &str = "/delenda/v1/files";
const ENTRIES: &str = "/delenda/v1/entries";
const FOLDERS: &str = "/delenda/v1/folders";

/// Stores one byte at each of these paths; the ids.
async fn put_each(native: &Native, paths: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for path in paths {
        let answer = native.put(&format!("{FILES}{path}"), &[], "1").await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        ids.push(answer.json()["id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn folder(native: &Native, path: &str) -> Value {
    native.post(FOLDERS, &json!({ "path": path }).to_string()).await.json()
}

async fn patch(native: &Native, id: &str, change: Value) -> (u16, Value) {
    let target = format!("{ENTRIES}/{id}");
    let answer = native.ask(Method::PATCH, &target, &[], change.to_string()).await;
    (answer.status.as_u16(), answer.json())
}

/// The paths of all pages of a list.
async fn pages(native: &Native, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = native.get(&format!("{ENTRIES}?{query}&cursor={cursor}"), &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        let entries = page["entries"].as_array().unwrap().iter();
        pages.push(entries.map(|entry| entry["path"].as_str().unwrap().to_owned()).collect());
        let Some(next) = page["cursor"].as_str() else { return pages };
        next.clone_into(&mut cursor);
        assert!(pages.len() < 100, "a list does not end");
    }
}

#[tokio::test]
async fn a_folder_is_made_once_and_told_again() {
    let native = Native::new().await;
    let made = native.post(FOLDERS, r#"{"path":"/a/b/"}"#).await;
    let folder = made.json();
    let expected = json!({
        "id": folder["id"], "path": "/a/b", "kind": "folder", "locked": false,
        "created_at": "2023-11-14T22:13:20.000Z", "files": 0, "bytes": 0,
    });
    assert_eq!((made.status.as_u16(), &folder), (201, &expected));
    let again = native.post(FOLDERS, r#"{"path":"/a/b"}"#).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, expected));
    put_each(&native, &["/f"]).await;
    for (body, status) in [
        (r#"{"path":"/f"}"#, 409),
        (r#"{"path":"/f/"}"#, 409),
        (r#"{"path":"/f/g"}"#, 409),
        (r#"{"path":"a"}"#, 400),
        (r#"{"path":"/a//b"}"#, 400),
        (r#"{"path":null}"#, 400),
        (r#"{"path":"/x","name":"y"}"#, 400),
        ("", 400),
        ("[]", 400),
    ] {
        assert_eq!(kind_of(&native.post(FOLDERS, body).await).0, status, "{body}");
    }
}

#[tokio::test]
async fn a_folder_is_made_once_however_often_it_is_asked_for() {
    let native = Native::new().await;
    let ask = async |path: &str| {
        let body = json!({ "path": path }).to_string();
        native.ask(Method::POST, FOLDERS, &[("idempotency-key", "one")], body).await
    };
    let first = ask("/a").await;
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(patch(&native, &id, json!({ "name": "b" })).await.0, 200);
    let again = ask("/a").await;
    assert_eq!((again.status.as_u16(), &again.json()["path"]), (201, &json!("/b")));
    assert_eq!(again.json()["id"], id.as_str());
    assert_eq!(kind_of(&ask("/c").await), (422, "/problems/idempotency-mismatch".to_owned()));
    let target = format!("{ENTRIES}/{id}");
    assert_eq!(native.ask(Method::DELETE, &target, &[], "").await.status, 200);
    assert_eq!(kind_of(&ask("/a").await).0, 404);
}

#[tokio::test]
async fn an_entry_of_either_kind_is_told_and_read_by_its_identity() {
    let native = Native::new().await;
    let file = &put_each(&native, &["/a/file"]).await[0];
    let told = native.get(&format!("{ENTRIES}/{file}"), &[]).await;
    assert_eq!((told.status.as_u16(), &told.json()["path"]), (200, &json!("/a/file")));
    assert_eq!(told.json()["etag"], told.header("etag"));
    let folder = folder(&native, "/a").await;
    let id = folder["id"].as_str().unwrap();
    assert_eq!(native.get(&format!("{ENTRIES}/{id}"), &[]).await.json(), folder);
    assert_eq!(folder["files"], 1);
    let content = format!("{ENTRIES}/{file}/content");
    let read = native.get(&content, &[("range", "bytes=0-0")]).await;
    assert_eq!((read.status.as_u16(), read.text()), (206, "1"));
    assert_eq!(native.ask(Method::HEAD, &content, &[], "").await.header("content-length"), "1");
    for target in [
        format!("{ENTRIES}/{id}/content"),
        format!("{ENTRIES}/01890000-0000-7000-8000-000000000000"),
        format!("{ENTRIES}/no"),
        format!("{ENTRIES}/{}", file.to_uppercase()),
    ] {
        assert_eq!(kind_of(&native.get(&target, &[]).await).0, 404, "{target}");
    }
}

#[tokio::test]
async fn a_list_has_every_entry_once_on_pages_of_any_size() {
    let native = Native::new().await;
    put_each(&native, &["/t/a", "/t/c", "/t/b/x", "/t/b/y", "/t/d/z/q", "/u"]).await;
    let direct = ["/t/a", "/t/c", "/t/b", "/t/d"];
    let all = ["/t/a", "/t/c", "/t/b", "/t/b/x", "/t/b/y", "/t/d", "/t/d/z", "/t/d/z/q"];
    for limit in [1, 2, 3, 4, 8, 1000] {
        let found = pages(&native, &format!("path=/t&limit={limit}")).await;
        assert_eq!(found.len(), 4_usize.div_ceil(limit), "{limit}");
        assert_eq!(found.concat(), direct, "{limit}");
        let found = pages(&native, &format!("path=/t/&recursive=true&limit={limit}")).await;
        assert_eq!(found.len(), 8_usize.div_ceil(limit), "{limit}");
        assert_eq!(found.concat(), all, "{limit}");
    }
    let top = pages(&native, "").await.concat();
    assert_eq!(top, ["/u", "/commands", "/t", "/uploads"]);
    let inside = native.beneath("/t/b").await;
    assert_eq!(pages(&inside, "").await.concat(), ["/t/b/x", "/t/b/y"]);
    for (who, path, status) in [(&native, "/none", 404), (&native, "/u", 404), (&inside, "/t", 404)]
    {
        let answer = who.get(&format!("{ENTRIES}?path={path}"), &[]).await;
        assert_eq!(kind_of(&answer).0, status, "{path}");
    }
    for query in ["path=t", "recursive=yes", "limit=0", "limit=1001", "path=/t&path=/t", "path="] {
        assert_eq!(
            kind_of(&native.get(&format!("{ENTRIES}?{query}"), &[]).await).0,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_list_by_tags_has_the_files_with_all_of_them() {
    let native = Native::new().await;
    let paths: Vec<String> = (0..6).map(|number| format!("/t/{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let ids = put_each(&native, &paths).await;
    for (number, id) in ids.iter().enumerate() {
        let tags = if number % 2 == 0 { json!(["even", "any"]) } else { json!(["any"]) };
        assert_eq!(patch(&native, id, json!({ "tags": { "set": tags } })).await.0, 200);
    }
    for limit in [1, 2, 1000] {
        let query = |tags: &str| format!("path=/&recursive=true&limit={limit}{tags}");
        let even = pages(&native, &query("&tag=even&tag=any")).await.concat();
        assert_eq!(even, ["/t/0", "/t/2", "/t/4"], "{limit}");
        assert_eq!(pages(&native, &query("&tag=any")).await.concat(), paths, "{limit}");
        assert_eq!(pages(&native, &query("&tag=none")).await.concat(), [""; 0], "{limit}");
    }
}

/// I7: a cursor is good for its own list, and for nobody else's.
#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let native = Native::new().await;
    put_each(&native, &["/t/a", "/t/b", "/u/a", "/u/b"]).await;
    let first = native.get(&format!("{ENTRIES}?path=/t&limit=1"), &[]).await.json();
    let cursor = first["cursor"].as_str().unwrap();
    let theirs = native.stranger().await;
    put_each(&theirs, &["/t/a", "/t/b"]).await;
    for (who, query) in [
        (&native, "path=/u".to_owned()),
        (&native, "path=/t&recursive=true".to_owned()),
        (&native, "path=/t&tag=x".to_owned()),
        (&native, "path=/".to_owned()),
        (&theirs, "path=/t".to_owned()),
    ] {
        let answer = who.get(&format!("{ENTRIES}?{query}&cursor={cursor}"), &[]).await;
        assert_eq!(kind_of(&answer).0, 400, "{query}");
    }
    let bent = format!("{}A", &cursor[..cursor.len() - 1]);
    let answer = native.get(&format!("{ENTRIES}?path=/t&cursor={bent}x"), &[]).await;
    assert_eq!(kind_of(&answer).0, 400);
    let next =
        native.get(&format!("{ENTRIES}?path=/t/&recursive=false&cursor={cursor}"), &[]).await;
    assert_eq!(next.json()["entries"][0]["path"], "/t/b");
}

#[tokio::test]
async fn an_entry_is_moved_tagged_and_locked_in_one_call() {
    let native = Native::new().await;
    let file = &put_each(&native, &["/a/file"]).await[0];
    let change = json!({ "path": "/b/new", "tags": { "add": ["x"] }, "locked": true });
    let (status, entry) = patch(&native, file, change).await;
    assert_eq!(status, 200, "{entry}");
    assert_eq!(
        (&entry["path"], &entry["tags"], &entry["locked"]),
        (&json!("/b/new"), &json!(["x"]), &json!(true))
    );
    assert_eq!(native.get(&format!("{FILES}/b/new"), &[]).await.text(), "1");
    assert_eq!(kind_of(&native.get(&format!("{FILES}/a/file"), &[]).await).0, 404);
    // Locked: neither moved nor deleted, and unlocked only by who may.
    assert_eq!(patch(&native, file, json!({ "name": "c" })).await.0, 423);
    let target = format!("{ENTRIES}/{file}");
    assert_eq!(kind_of(&native.ask(Method::DELETE, &target, &[], "").await).0, 423);
    let plain = native.with_scopes("read,write,delete").await;
    assert_eq!(patch(&plain, file, json!({ "locked": false })).await.0, 403);
    assert_eq!(patch(&plain, file, json!({ "tags": { "remove": ["x"] } })).await.0, 200);
    let (status, entry) = patch(&native, file, json!({ "locked": false })).await;
    assert_eq!((status, &entry["locked"], &entry["tags"]), (200, &json!(false), &json!([])));
    let folder = folder(&native, "/b").await;
    let (status, entry) =
        patch(&native, folder["id"].as_str().unwrap(), json!({ "name": "c", "parent": "/d/e" }))
            .await;
    assert_eq!((status, &entry["path"]), (200, &json!("/d/e/c")));
    assert_eq!(native.get(&format!("{FILES}/d/e/c/new"), &[]).await.text(), "1");
}

#[tokio::test]
async fn a_refused_change_leaves_the_entry_as_it_was() {
    let native = Native::new().await;
    let ids = put_each(&native, &["/a/file", "/b/file"]).await;
    let folder = folder(&native, "/a").await;
    let folder = folder["id"].as_str().unwrap();
    let target = format!("{ENTRIES}/{}", ids[0]);
    let before = native.get(&target, &[]).await.json();
    let also = |mut change: Value| {
        change["locked"] = json!(true);
        change
    };
    for (id, change, status) in [
        (ids[0].as_str(), json!({ "path": "/b/file" }), 409),
        (&ids[0], json!({ "path": "/b/file/c" }), 409),
        (&ids[0], json!({ "parent": "/b" }), 409),
        (&ids[0], json!({ "name": "x".repeat(256) }), 400),
        (&ids[0], json!({ "tags": { "add": ["t".repeat(256)] } }), 400),
        (folder, json!({ "path": "/a/c" }), 400),
        (folder, json!({ "tags": { "add": ["t"] } }), 400),
        ("01890000-0000-7000-8000-000000000000", json!({ "name": "c" }), 404),
        ("no", json!({ "name": "c" }), 404),
    ] {
        assert_eq!(patch(&native, id, also(change.clone())).await.0, status, "{change}");
    }
    let stale = [("if-match", "\"01890000-0000-7000-8000-000000000000\"")];
    let answer = native.ask(Method::PATCH, &target, &stale, r#"{"name":"c"}"#).await;
    assert_eq!(kind_of(&answer).0, 412);
    assert_eq!(native.get(&target, &[]).await.json(), before);
    let known = before["etag"].as_str().unwrap();
    let answer =
        native.ask(Method::PATCH, &target, &[("if-match", known)], r#"{"name":"c"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, known));
}

#[tokio::test]
async fn an_entry_is_deleted_by_its_identity() {
    let native = Native::new().await;
    let ids = put_each(&native, &["/f/a", "/f/g/b", "/x"]).await;
    let folder = folder(&native, "/f").await;
    let folder = folder["id"].as_str().unwrap();
    let delete = async |id: &str, query: &str, headers: &[(&str, &str)]| {
        let target = format!("{ENTRIES}/{id}{query}");
        native.ask(Method::DELETE, &target, headers, "").await
    };
    assert_eq!(kind_of(&delete(folder, "", &[]).await).0, 409);
    let stale = [("if-match", "\"01890000-0000-7000-8000-000000000000\"")];
    assert_eq!(kind_of(&delete(&ids[2], "", &stale).await).0, 412);
    assert_eq!(kind_of(&delete(folder, "?recursive=true", &stale).await).0, 412);
    assert_eq!(kind_of(&delete(&ids[2], "?sure=1", &[]).await).0, 400);
    let gone = delete(folder, "?recursive=true", &[]).await;
    let body = gone.json();
    assert_eq!(
        (gone.status.as_u16(), body),
        (200, json!({ "id": gone.json()["id"], "files": 2, "bytes": 2, "folders": 2 }))
    );
    for id in [folder, &ids[0], &ids[1], "no"] {
        assert_eq!(kind_of(&delete(id, "?recursive=true", &[]).await).0, 404, "{id}");
        assert_eq!(kind_of(&native.get(&format!("{ENTRIES}/{id}"), &[]).await).0, 404, "{id}");
    }
    assert_eq!(delete(&ids[2], "", &[]).await.status, 200);
    native.app.drained().await;
    native.app.stored_blobs_become(0).await;
}
