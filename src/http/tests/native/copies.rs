//! Copies of entries: what comes with them, where they may go, and that they happen once.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{Answer, Native, kind_of};

const FILES: &str = "/delenda/v1/files";
const ENTRIES: &str = "/delenda/v1/entries";

async fn stored(native: &Native, path: &str, content: &str) -> Value {
    let answer = native.put(&format!("{FILES}{path}"), &[], content).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
    answer.json()
}

async fn at(native: &Native, path: &str) -> Value {
    native.get(&format!("/delenda/v1/entry?path={path}"), &[]).await.json()
}

async fn copy(native: &Native, id: &Value, headers: &[(&str, &str)], body: Value) -> Answer {
    let target = format!("{ENTRIES}/{}/copies", id.as_str().unwrap());
    native.ask(Method::POST, &target, headers, body.to_string()).await
}

async fn copy_to(native: &Native, id: &Value, path: &str) -> Answer {
    copy(native, id, &[], json!({ "path": path })).await
}

async fn read(native: &Native, path: &str) -> String {
    native.get(&format!("{FILES}{path}"), &[]).await.text().to_owned()
}

#[tokio::test]
async fn a_copied_file_has_bytes_type_and_tags_and_neither_lock_nor_fate() {
    let native = Native::new().await;
    let file = stored(&native, "/a/one.txt", "content").await;
    let target = format!("{ENTRIES}/{}", file["id"].as_str().unwrap());
    let change = json!({ "tags": { "set": ["x", "y"] }, "locked": true }).to_string();
    assert_eq!(native.ask(Method::PATCH, &target, &[], change).await.status, 200);
    let made = copy_to(&native, &file["id"], "/b/c/two.txt").await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made, at(&native, "/b/c/two.txt").await);
    assert_eq!(
        (&made["locked"], &made["tags"], &made["content_type"], &made["size"]),
        (&json!(false), &json!(["x", "y"]), &file["content_type"], &json!(7))
    );
    assert!(made["id"] != file["id"] && made["etag"] != file["etag"]);
    let unlock = json!({ "locked": false }).to_string();
    assert_eq!(native.ask(Method::PATCH, &target, &[], unlock).await.status, 200);
    assert_eq!(native.ask(Method::DELETE, &target, &[], "").await.status, 200);
    assert_eq!(read(&native, "/b/c/two.txt").await, "content");
    let named = copy(&native, &made["id"], &[], json!({ "parent": "/", "name": "three" })).await;
    assert_eq!(named.json()["path"], "/three");
    native.app.stored_blobs_become(2).await;
}

#[tokio::test]
async fn a_folder_is_copied_whole_in_one_commit_or_not_at_all() {
    let native = Native::new().await;
    for path in ["/t/a", "/t/d/b", "/t/d/e/c"] {
        stored(&native, path, path).await;
    }
    native.post("/delenda/v1/folders", r#"{"path":"/t/empty"}"#).await;
    let top = at(&native, "/t").await;
    let made = copy_to(&native, &top["id"], "/u/v").await;
    assert_eq!((made.status.as_u16(), &made.json()["kind"]), (201, &json!("folder")));
    for path in ["/a", "/d/b", "/d/e/c"] {
        assert_eq!(read(&native, &format!("/u/v{path}")).await, format!("/t{path}"));
    }
    assert_eq!(at(&native, "/u/v/empty").await["kind"], "folder");
    assert_eq!(kind_of(&copy_to(&native, &top["id"], "/t/d/x").await).0, 400);
    // What is there stays, and nothing comes beside it.
    for path in ["/u/v", "/t", "/t/a"] {
        assert_eq!(kind_of(&copy_to(&native, &top["id"], path).await).0, 409, "{path}");
    }
    assert_eq!(kind_of(&copy_to(&native, &top["id"], "/t/a/below").await).0, 400);
    native.app.stored_blobs_become(6).await;
}

#[tokio::test]
async fn both_ends_lie_within_the_prefix() {
    let native = Native::new().await;
    let (inside, outside) =
        (stored(&native, "/in/a", "1").await, stored(&native, "/out/a", "2").await);
    let keyed = native.beneath("/in").await;
    assert_eq!(copy_to(&keyed, &inside["id"], "/in/b").await.status, 201);
    assert_eq!(kind_of(&copy_to(&keyed, &outside["id"], "/in/c").await).0, 404);
    assert_eq!(kind_of(&copy_to(&keyed, &inside["id"], "/out/b").await).0, 403);
    let stranger = native.stranger().await;
    let foreign = copy_to(&stranger, &inside["id"], "/mine").await;
    let never = copy_to(&stranger, &json!("01890000-0000-7000-8000-000000000000"), "/mine").await;
    assert_eq!((foreign.status.as_u16(), foreign.text()), (404, never.text()));
    for scopes in ["read", "write", "delete,admin"] {
        let lesser = native.with_scopes(scopes).await;
        assert_eq!(kind_of(&copy_to(&lesser, &inside["id"], "/in/d").await).0, 403, "{scopes}");
    }
}

#[tokio::test]
async fn a_copy_is_of_the_version_that_is_wanted() {
    let native = Native::new().await;
    let old = stored(&native, "/a", "old").await;
    let new = stored(&native, "/a", "newer").await;
    let tag = |file: &Value| file["etag"].as_str().unwrap().to_owned();
    let to = |path: &str| json!({ "path": path });
    let refused = copy(&native, &old["id"], &[("if-match", &tag(&old))], to("/b")).await;
    assert_eq!(kind_of(&refused).0, 412);
    let either = format!("{}, {}", tag(&old), tag(&new));
    let made = copy(&native, &old["id"], &[("if-match", &either)], to("/b")).await;
    assert_eq!((made.status.as_u16(), read(&native, "/b").await.as_str()), (201, "newer"));
    let any = copy(&native, &old["id"], &[("if-match", "*")], to("/c")).await;
    assert_eq!(any.status, 201);
}

#[tokio::test]
async fn a_copy_goes_into_a_locked_folder_as_any_file_does_and_takes_no_lock_out() {
    let native = Native::new().await;
    let file = stored(&native, "/a", "1").await;
    stored(&native, "/locked/x", "2").await;
    let folder = at(&native, "/locked").await;
    let target = format!("{ENTRIES}/{}", folder["id"].as_str().unwrap());
    native.ask(Method::PATCH, &target, &[], r#"{"locked":true}"#).await;
    let put = native.put(&format!("{FILES}/locked/y"), &[], "1").await;
    let copied = copy_to(&native, &file["id"], "/locked/z").await;
    assert_eq!((put.status.as_u16(), copied.status.as_u16()), (201, 201));
    // What is there already is not replaced.
    for path in ["/locked/x", "/locked/y", "/locked"] {
        assert_eq!(kind_of(&copy_to(&native, &file["id"], path).await).0, 409, "{path}");
    }
    let out = copy_to(&native, &folder["id"], "/free").await;
    assert_eq!((out.status.as_u16(), &out.json()["locked"]), (201, &json!(false)));
    assert_eq!(native.ask(Method::DELETE, &format!("{FILES}/free/x"), &[], "").await.status, 200);
}

#[tokio::test]
async fn a_copy_is_made_once_and_shown_where_it_is() {
    let native = Native::new().await;
    let file = stored(&native, "/a", "1").await;
    let key = [("idempotency-key", "one")];
    let asked = (0..4).map(|_| copy(&native, &file["id"], &key, json!({ "path": "/b" })));
    let answers = join_all(asked).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{}", answers[0].text());
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
    let other = copy(&native, &file["id"], &key, json!({ "path": "/c" })).await;
    assert_eq!(kind_of(&other).0, 422);
    // Also when its source is gone, and when it lies elsewhere.
    native.ask(Method::DELETE, &format!("{FILES}/a"), &[], "").await;
    let made = answers[0].json();
    let target = format!("{ENTRIES}/{}", made["id"].as_str().unwrap());
    native.ask(Method::PATCH, &target, &[], r#"{"path":"/moved"}"#).await;
    let again = copy(&native, &file["id"], &key, json!({ "path": "/b" })).await;
    assert_eq!((again.status.as_u16(), &again.json()["path"]), (201, &json!("/moved")));
    native.ask(Method::DELETE, &target, &[], "").await;
    let gone = copy(&native, &file["id"], &key, json!({ "path": "/b" })).await;
    assert_eq!(kind_of(&gone).0, 404);
    native.app.stored_blobs_become(0).await;
}
