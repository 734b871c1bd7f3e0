//! Lists of deletions, of their items, and the trail of who did what.

use http::Method;
use serde_json::{Value, json};

use super::deletions::{DELETIONS, deleted, get};
use super::problem;
use crate::http::tests::app::TestApp;

const AUDIT: &str = "/delenda/v1/audit";

/// All members of a list under this name, read in pages.
async fn whole(app: &TestApp, (target, name): (&str, &str), filters: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(app, &format!("{target}?{filters}&cursor={cursor}")).await;
        all.extend_from_slice(page[name].as_array().unwrap());
        match page["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return all,
        }
    }
}

async fn ids(app: &TestApp, filters: &str) -> Vec<Value> {
    let all = whole(app, (DELETIONS, "deletions"), filters).await;
    all.iter().map(|deletion| deletion["id"].clone()).collect()
}

/// Two deletions through the native door and one through another, one second apart; their ids.
async fn three(app: &TestApp) -> Vec<Value> {
    let second = std::time::Duration::from_secs(1);
    let first = deleted(app, &json!({ "paths": ["/no"], "atomic": false })).await;
    app.clock.advance(second);
    let file = app.upload("a.png").await;
    let target = format!("/api/uploads/files/{file}");
    assert_eq!(app.bearer(Method::DELETE, &target).await.status, 200);
    app.clock.advance(second);
    let third = deleted(app, &json!({ "paths": ["/no"], "atomic": false })).await;
    let all = ids(app, "").await;
    assert_eq!((all.len(), &all[0], &all[2]), (3, &third["id"], &first["id"]));
    all
}

#[tokio::test]
async fn deletions_of_every_door_are_listed_newest_first_in_pages() {
    let app = TestApp::new().await;
    let all = three(&app).await;
    app.drained().await;
    for limit in [1, 2, 3, 1000] {
        assert_eq!(ids(&app, &format!("limit={limit}")).await, all, "{limit}");
    }
    let mut oldest_first = all.clone();
    oldest_first.reverse();
    assert_eq!(ids(&app, "limit=2&order=oldest").await, oldest_first);
    let key = get(&app, DELETIONS).await["deletions"][0]["key"].clone();
    for (filters, expected) in [
        ("door=swiftia", &all[1..2]),
        ("door=native&limit=1", &[all[0].clone(), all[2].clone()]),
        ("door=merple", &[]),
        ("state=purging", &[]),
        ("state=settled&limit=1", &all[..]),
        (&format!("key={}", key.as_str().unwrap()), &all[..]),
        ("key=01890000-0000-7000-8000-000000000000", &[]),
        ("since=2023-11-14T22:13:21Z&until=2023-11-14T22:13:22Z", &all[1..2]),
    ] {
        assert_eq!(ids(&app, filters).await, expected, "{filters}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_the_list_that_gave_it() {
    let app = TestApp::new().await;
    three(&app).await;
    let page = get(&app, &format!("{DELETIONS}?limit=1&door=native")).await;
    let cursor = page["cursor"].as_str().unwrap();
    let (_, admin) = app.new_key(Some(app.ours.id), "read,admin", "/").await;
    let (_, foreign) = app.new_key(Some(app.theirs.id), "read,admin", "/").await;
    let own = format!("{DELETIONS}?door=native&cursor={cursor}");
    assert_eq!(app.as_bearer(Method::GET, &own, &admin).await.status, 200);
    for (target, key) in [
        (own, &foreign),
        (format!("{DELETIONS}?cursor={cursor}"), &admin),
        (format!("{DELETIONS}?door=sirv&cursor={cursor}"), &admin),
        (format!("{DELETIONS}?door=native&order=oldest&cursor={cursor}"), &admin),
        (format!("{AUDIT}?door=native&cursor={cursor}"), &admin),
        (format!("{DELETIONS}?door=native&cursor=x{cursor}"), &admin),
    ] {
        let (status, document) = problem(&app.as_bearer(Method::GET, &target, key).await);
        assert_eq!((status, &document["type"]), (400, &json!("/problems/invalid")), "{target}");
    }
    for wrong in ["state=gone", "door=x", "key=x", "since=now", "order=up", "limit=0", "limit=1001"]
    {
        let answer = app.bearer(Method::GET, &format!("{DELETIONS}?{wrong}")).await;
        assert_eq!(problem(&answer).0, 400, "{wrong}");
    }
}

/// A filter that is misspelt would list what it was meant to leave out.
#[tokio::test]
async fn a_list_refuses_a_parameter_that_it_does_not_have() {
    let app = TestApp::new().await;
    three(&app).await;
    let (_, admin) = app.new_key(Some(app.ours.id), "read,admin", "/").await;
    let (_, operator) = app.new_key(None, "read,admin", "/").await;
    let one = get(&app, DELETIONS).await["deletions"][0]["id"].as_str().unwrap().to_owned();
    for (list, key) in [
        (DELETIONS, &admin),
        (AUDIT, &admin),
        (&format!("{DELETIONS}/{one}/items"), &admin),
        ("/delenda/v1/entries", &admin),
        ("/delenda/v1/commands", &admin),
        ("/delenda/v1/keys", &admin),
        ("/delenda/v1/webhooks", &admin),
        ("/delenda/v1/organizations", &operator),
    ] {
        assert_eq!(app.as_bearer(Method::GET, list, key).await.status, 200, "{list}");
        let misspelt = app.as_bearer(Method::GET, &format!("{list}?sinse=x"), key).await;
        let (status, document) = problem(&misspelt);
        assert_eq!((status, &document["type"]), (400, &json!("/problems/invalid")), "{list}");
    }
}

#[tokio::test]
async fn items_come_in_pages_and_by_their_outcomes() {
    let app = TestApp::new().await;
    let mut paths = Vec::new();
    for number in 0..5 {
        let path = format!("/{number}");
        if number % 2 == 0 {
            app.upload_to(&path).await;
        }
        paths.push(path);
    }
    let made = deleted(&app, &json!({ "paths": paths, "atomic": false })).await;
    let target = format!("{DELETIONS}/{}/items", made["id"].as_str().unwrap());
    for limit in [1, 2, 5, 1000] {
        let items = whole(&app, (&target, "items"), &format!("limit={limit}")).await;
        assert_eq!(json!(items), made["items"], "{limit}");
    }
    for (outcome, expected) in
        [("deleted", vec![0, 2, 4]), ("missing", vec![1, 3]), ("locked", vec![])]
    {
        let filters = format!("outcome={outcome}&limit=1");
        let items = whole(&app, (&target, "items"), &filters).await;
        let indexes: Vec<u64> = items.iter().map(|item| item["index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, expected, "{outcome}");
    }
    let other = deleted(&app, &json!({ "paths": paths, "atomic": false })).await;
    let other = format!("{DELETIONS}/{}/items", other["id"].as_str().unwrap());
    let cursor = get(&app, &format!("{target}?limit=1")).await["cursor"].clone();
    let cursor = cursor.as_str().unwrap();
    for wrong in [
        format!("{other}?cursor={cursor}"),
        format!("{target}?outcome=deleted&cursor={cursor}"),
        format!("{target}?outcome=gone"),
        format!("{target}?limit=0"),
    ] {
        assert_eq!(problem(&app.bearer(Method::GET, &wrong).await).0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_trail_says_who_did_what_and_is_for_administrators() {
    let app = TestApp::new().await;
    app.upload_to("/t/locked").await;
    app.upload_to("/t/free").await;
    app.upload_to("/whole").await;
    app.lock("/t/locked", true).await;
    let partial = deleted(&app, &json!({ "paths": ["/t"], "atomic": false })).await;
    let complete = deleted(&app, &json!({ "paths": ["/whole"] })).await;
    let nothing = deleted(&app, &json!({ "paths": ["/no"], "atomic": false })).await;
    app.drained().await;
    assert_eq!(problem(&app.bearer(Method::GET, AUDIT).await).0, 403);
    let (_, admin) = app.new_key(Some(app.ours.id), "admin", "/").await;
    let oldest = format!("{AUDIT}?order=oldest&limit=2");
    let first = app.as_bearer(Method::GET, &oldest, &admin).await.json();
    let at = "2023-11-14T22:13:20.000Z";
    let expected = json!({
        "deletion": partial["id"], "at": at, "key": partial["key"], "door": "native",
        "outcome": "partial", "doomed": { "files": 1, "bytes": 11, "folders": 0 },
        "missing": 0, "locked": 1, "locked_files": 0, "state": "settled", "settled_at": at,
        "cancelled_at": null,
    });
    assert_eq!(first["entries"][0], expected);
    assert_eq!(first["entries"][1]["deletion"], complete["id"]);
    assert_eq!(first["entries"][1]["outcome"], "complete");
    let next = format!("{oldest}&cursor={}", first["cursor"].as_str().unwrap());
    let last = app.as_bearer(Method::GET, &next, &admin).await.json();
    assert_eq!(last["entries"][0]["deletion"], nothing["id"]);
    assert_eq!(
        (&last["entries"][0]["outcome"], &last["cursor"]),
        (&json!("nothing"), &Value::Null)
    );
    let newest = app.as_bearer(Method::GET, AUDIT, &admin).await.json();
    assert_eq!(newest["entries"][0], last["entries"][0]);
}
