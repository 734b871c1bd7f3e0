//! Deletions as a resource: accepted or refused, read back, listed.

use http::Method;
use serde_json::{Value, json};

use super::{post, problem};
use crate::blobs::faulty::{Call, Failing};
use crate::domain::organization::DEFAULT_PLAN;
use crate::domain::plans::{PlanLimits, Plans};
use crate::http::tests::app::{Answer, TestApp};

pub(super) const DELETIONS: &str = "/delenda/v1/deletions";

pub(super) async fn delete(app: &TestApp, body: &Value) -> Answer {
    post(app, DELETIONS, &[], &body.to_string()).await
}

/// Commits a deletion; its answer.
pub(super) async fn deleted(app: &TestApp, body: &Value) -> Value {
    let answer = delete(app, body).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text());
    answer.json()
}

pub(super) async fn get(app: &TestApp, target: &str) -> Value {
    let answer = app.bearer(Method::GET, target).await;
    assert_eq!(answer.status.as_u16(), 200, "{target}: {}", answer.text());
    answer.json()
}

/// What lies at a path, as one door sees it.
async fn is_there(app: &TestApp, path: &str) -> bool {
    let key = [("x-user-api-key", app.key.as_str())];
    app.call(Method::GET, &format!("/fso?path={path}"), &key, "").await.status == 200
}

/// Index and outcome of each item.
fn outcomes(answer: &Value) -> Vec<(u64, &str)> {
    let items = answer["items"].as_array().unwrap().iter();
    items.map(|i| (i["index"].as_u64().unwrap(), i["outcome"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_deletion_is_a_resource_from_its_commit_to_its_end() {
    let app = TestApp::new().await;
    let file = app.upload_to("/one").await;
    app.upload_to("/t/a").await;
    app.upload_to("/t/sub/b").await;
    app.faults.fail(Call::Remove, Failing::Always);
    let body = json!({ "ids": [file], "paths": ["/t"] });
    let answer = delete(&app, &body).await;
    let made = answer.json();
    assert_eq!(answer.status.as_u16(), 201, "{made}");
    let location = answer.header("location").to_owned();
    assert_eq!(location, format!("{DELETIONS}/{}", made["id"].as_str().unwrap()));
    assert_eq!(answer.header("preference-applied"), "");
    let expected = json!({
        "id": made["id"], "state": "purging", "door": "native", "key": made["key"],
        "committed_at": "2023-11-14T22:13:20.000Z", "settled_at": null, "cancelled_at": null,
        "doomed": { "files": 3, "bytes": 33, "folders": 2 }, "purged": { "files": 0, "bytes": 0 },
        "percent": 0, "missing": 0, "locked": 0, "locked_files": 0,
        "changed": { "files": 0, "bytes": 0, "folders": 0 },
        "items": [
            { "index": 0, "selector": "id", "id": file, "outcome": "deleted",
              "files": 1, "bytes": 11, "folders": 0 },
            { "index": 1, "selector": "path", "outcome": "deleted",
              "files": 2, "bytes": 22, "folders": 2 },
        ],
    });
    assert_eq!(made, expected);
    assert!(!is_there(&app, "/one").await && !is_there(&app, "/t/a").await);
    app.faults.heal();
    app.clock.advance(std::time::Duration::from_secs(600));
    app.drained().await;
    let mut settled = get(&app, &location).await;
    assert_eq!(settled["settled_at"], "2023-11-14T22:23:20.000Z");
    settled["settled_at"] = Value::Null;
    let mut expected = expected;
    expected.as_object_mut().unwrap().remove("items");
    (expected["state"], expected["percent"]) = (json!("settled"), json!(100));
    expected["purged"] = json!({ "files": 3, "bytes": 33 });
    assert_eq!(settled, expected);
    let items = get(&app, &format!("{location}/items")).await;
    assert_eq!(items, json!({ "items": made["items"], "cursor": null }));
}

#[tokio::test]
async fn a_refused_request_lists_what_stood_against_it_and_changes_nothing() {
    let app = TestApp::new().await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    for path in ["/a", "/t/locked", "/t/free"] {
        app.upload_to(path).await;
    }
    app.lock("/t/locked", true).await;
    let (_, narrow) = app.new_key(Some(app.ours.id), "delete", "/t").await;
    let item = |index, selector, outcome| {
        json!({ "index": index, "selector": selector, "outcome": outcome,
                "files": 0, "bytes": 0, "folders": 0 })
    };
    let mut missing = item(0, "id", "missing");
    missing["id"] = json!(unknown);
    let mut locked = item(1, "path", "locked");
    locked["locked"] = json!(["/t/locked"]);
    locked["locked_count"] = json!(1);
    let gone = item(1, "path", "missing");
    let nothing = item(2, "nothing", "missing");
    for (body, status, items) in [
        (json!({ "ids": [unknown], "paths": ["/a"] }), 404, json!([missing])),
        (json!({ "ids": [unknown], "paths": ["/gone"] }), 404, json!([missing, gone])),
        (json!({ "paths": ["/a", "/t"] }), 423, json!([locked])),
        (json!({ "paths": ["/a", "/t"], "missing": "count" }), 423, json!([locked])),
        (
            json!({ "ids": [unknown], "paths": ["/t"], "commands": ["x"] }),
            409,
            json!([missing, locked, nothing]),
        ),
        (
            json!({ "ids": [unknown], "paths": ["/t"], "atomic": false, "missing": "refuse" }),
            404,
            json!([missing]),
        ),
        (json!({ "ids": [unknown], "dry_run": true }), 404, json!([missing])),
    ] {
        let answer = delete(&app, &body).await;
        let expected = json!({
            "type": "/problems/deletion-refused", "title": "Nothing was deleted",
            "status": status, "items": items,
        });
        assert_eq!(problem(&answer), (status, expected), "{body}");
    }
    let bearer = format!("Bearer {narrow}");
    let body = json!({ "paths": ["/a"] }).to_string();
    let answer = app.call(Method::POST, DELETIONS, &[("authorization", &bearer)], body).await;
    let (status, refused) = problem(&answer);
    assert_eq!((status, &refused["items"]), (403, &json!([item(0, "path", "forbidden")])));
    for path in ["/a", "/t/locked", "/t/free"] {
        assert!(is_there(&app, path).await, "{path}");
    }
    assert_eq!(get(&app, DELETIONS).await["deletions"], json!([]));
}

#[tokio::test]
async fn best_effort_takes_what_it_can_and_tells_of_the_rest() {
    let app = TestApp::new().await;
    for path in ["/a", "/t/locked", "/t/free"] {
        app.upload_to(path).await;
    }
    app.lock("/t/locked", true).await;
    let paths = ["/a", "/t", "/gone", "/t/locked", "/a"];
    let made = deleted(&app, &json!({ "paths": paths, "atomic": false })).await;
    let expected = [(0, "deleted"), (1, "partly"), (2, "missing"), (3, "within"), (4, "within")];
    assert_eq!(outcomes(&made), expected);
    assert_eq!((&made["items"][3]["within"], &made["items"][4]["within"]), (&json!(1), &json!(0)));
    assert_eq!(made["items"][1]["locked"], json!(["/t/locked"]));
    assert_eq!((&made["missing"], &made["locked"]), (&json!(1), &json!(1)));
    assert_eq!(made["doomed"], json!({ "files": 2, "bytes": 22, "folders": 0 }));
    assert!(is_there(&app, "/t/locked").await && !is_there(&app, "/t/free").await);
    let nothing = deleted(&app, &json!({ "paths": ["/gone"], "atomic": false })).await;
    assert_eq!((&nothing["state"], &nothing["percent"]), (&json!("settled"), &json!(100)));
}

#[tokio::test]
async fn a_folder_goes_by_its_id_and_a_version_by_its_tag() {
    let app = TestApp::new().await;
    let file = app.upload_to("/t/a").await;
    let shown = app.call(Method::GET, "/fso?path=/t/a", &[("x-user-api-key", &app.key)], "").await;
    let tag = shown.header("etag").to_owned();
    app.upload_to("/b").await;
    let body = json!({ "ids": [{ "id": file, "if_match": "\"other\"" }], "paths": ["/b"] });
    let answer = delete(&app, &body).await;
    let (status, refused) = problem(&answer);
    assert_eq!((status, outcomes(&refused)), (412, vec![(0, "precondition_failed")]));
    assert!(is_there(&app, "/b").await);
    let body = json!({ "paths": [{ "path": "/t/a", "if_match": tag }, { "path": "/t", "if_match": tag }],
                       "atomic": false });
    let made = deleted(&app, &body).await;
    assert_eq!(outcomes(&made), [(0, "deleted"), (1, "precondition_failed")]);
    assert_eq!(made["items"][0]["id"], json!(file));
    app.upload_to("/t/c").await;
    let realm = crate::domain::organization::Realm::whole(app.ours.number);
    let path = crate::domain::path::EntryPath::parse_written("/t").unwrap();
    let entry = app.service.ledger.entry_at(&realm, &path).await.unwrap().unwrap();
    let crate::domain::entry::Entry::Folder(folder) = entry else { panic!("a folder") };
    let made = deleted(&app, &json!({ "ids": [folder.id.to_string()] })).await;
    assert_eq!(made["doomed"], json!({ "files": 1, "bytes": 11, "folders": 1 }));
}

#[tokio::test]
async fn the_outputs_of_a_command_go_together() {
    let app = TestApp::new().await;
    let command = post(&app, super::COMMANDS, &[], "").await.json()["command_id"].clone();
    let target = format!("{}/{}/outputs", super::COMMANDS, command.as_str().unwrap());
    for name in ["a", "b"] {
        assert_eq!(super::put(&app, &format!("{target}/{name}"), &[], "1234").await.status, 201);
    }
    let made = deleted(&app, &json!({ "commands": [command, "no-id"], "missing": "count" })).await;
    assert_eq!(outcomes(&made), [(0, "deleted"), (1, "missing")]);
    assert_eq!(
        (&made["items"][0]["selector"], &made["items"][0]["id"]),
        (&json!("command"), &command)
    );
    assert_eq!(made["doomed"], json!({ "files": 2, "bytes": 8, "folders": 0 }));
    assert_eq!(super::put(&app, &format!("{target}/c"), &[], "1234").await.status, 409);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_go_and_deletes_nothing() {
    let app = TestApp::new().await;
    app.upload_to("/t/a").await;
    app.upload_to("/t/b").await;
    let body = json!({ "paths": ["/t", "/gone"], "atomic": false, "dry_run": true });
    let answer = delete(&app, &body).await;
    assert_eq!(answer.status.as_u16(), 200);
    let told = answer.json();
    assert_eq!(told["dry_run"], true);
    assert_eq!(told["doomed"], json!({ "files": 2, "bytes": 22, "folders": 1 }));
    assert_eq!(
        (told["missing"].as_u64(), outcomes(&told)),
        (Some(1), vec![(0, "deleted"), (1, "missing")])
    );
    assert!(is_there(&app, "/t/a").await);
    assert_eq!(get(&app, DELETIONS).await["deletions"], json!([]));
    let done = deleted(&app, &json!({ "paths": ["/t", "/gone"], "atomic": false })).await;
    assert_eq!((&done["doomed"], &done["items"]), (&told["doomed"], &told["items"]));
}

#[tokio::test]
async fn a_client_says_how_long_it_wants_to_wait() {
    let app = TestApp::new().await;
    let asked = async |path: &str, prefer: &str| {
        app.upload_to(path).await;
        let body = json!({ "paths": [path] }).to_string();
        post(&app, DELETIONS, &[("prefer", prefer)], &body).await
    };
    for (prefer, status) in [("wait=20", 201), ("wait=20, respond-async", 201)] {
        let answer = asked("/a", prefer).await;
        let applied = answer.header("preference-applied").to_owned();
        assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (status, &json!("settled")));
        assert!(applied.contains("wait=20"), "{applied}");
    }
    app.faults.fail(Call::Remove, Failing::Always);
    for (prefer, status) in
        [("respond-async", 202), ("wait=1", 201), ("wait=0", 201), ("respond-async, wait=1", 202)]
    {
        let answer = asked("/a", prefer).await;
        assert_eq!(answer.header("preference-applied"), prefer);
        assert!(answer.header("location").starts_with(DELETIONS));
        assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (status, &json!("purging")));
    }
    let answer = asked("/a", "return=minimal, wait=soon").await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (201, ""));
}

#[tokio::test]
async fn a_request_that_is_repeated_under_its_key_deletes_once() {
    let app = TestApp::new().await;
    app.upload_to("/a").await;
    let once = [("idempotency-key", "only-once")];
    let body = json!({ "paths": ["/a"] }).to_string();
    let first = post(&app, DELETIONS, &once, &body).await;
    app.drained().await;
    app.upload_to("/a").await;
    let again = post(&app, DELETIONS, &once, &body).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.header("location"), again.header("location"));
    let (first, again) = (first.json(), again.json());
    assert_eq!((&first["id"], &first["items"]), (&again["id"], &again["items"]));
    assert_eq!(again["state"], "settled");
    assert!(is_there(&app, "/a").await);
    let other = json!({ "paths": ["/b"] }).to_string();
    let (status, mismatch) = problem(&post(&app, DELETIONS, &once, &other).await);
    assert_eq!((status, &mismatch["type"]), (422, &json!("/problems/idempotency-mismatch")));
}

#[tokio::test]
async fn a_request_that_means_nothing_is_refused() {
    let app = TestApp::new().await;
    app.upload_to("/a").await;
    for (target, body) in [
        ("", ""),
        ("", "[]"),
        ("", "null"),
        ("", "{}"),
        ("", "{\"paths\":[\"/\"]}"),
        ("", "{\"paths\":[\"/a\"],\"paths\":[\"/a\"]}"),
        ("", "{\"paths\":[\"/a\"],\"recursive\":true}"),
        ("", "{\"paths\":[\"/a\"],\"locked\":\"skip\"}"),
        ("?dry_run=true", "{\"paths\":[\"/a\"]}"),
        ("?organization=x&organization=x", "{\"paths\":[\"/a\"]}"),
    ] {
        let answer = post(&app, &format!("{DELETIONS}{target}"), &[], body).await;
        let (status, document) = problem(&answer);
        assert_eq!((status, &document["type"]), (400, &json!("/problems/invalid")), "{body}");
    }
    let text = [("content-type", "text/plain")];
    assert_eq!(post(&app, DELETIONS, &text, "{\"paths\":[\"/a\"]}").await.status, 415);
    assert_eq!(post(&app, DELETIONS, &[], &" ".repeat((4 << 20) + 1)).await.status, 413);
    assert!(is_there(&app, "/a").await);
}

#[tokio::test]
async fn what_a_key_may_see_of_deletions_is_what_it_may_ask_for() {
    let app = TestApp::new().await;
    app.upload_to("/a/x").await;
    let wide = deleted(&app, &json!({ "paths": ["/a/x"] })).await["id"].clone();
    let (_, narrow) = app.new_key(Some(app.ours.id), "read,delete", "/a").await;
    let (_, writer) = app.new_key(Some(app.ours.id), "write", "/").await;
    let (_, deleter) = app.new_key(Some(app.ours.id), "delete", "/").await;
    let (_, foreign) = app.new_key(Some(app.theirs.id), "read,delete", "/").await;
    for part in ["", "/items", "/events"] {
        let target = format!("{DELETIONS}/{}{part}", wide.as_str().unwrap());
        for (key, status) in [(&narrow, 404), (&foreign, 404), (&writer, 403), (&deleter, 200)] {
            let answer = app.open(request(&target, key)).await;
            assert_eq!(answer.status().as_u16(), status, "{target}");
        }
        let unknown = format!("{DELETIONS}/01890000-0000-7000-8000-000000000000{part}");
        assert_eq!(app.bearer(Method::GET, &unknown).await.status, 404);
        assert_eq!(app.bearer(Method::GET, &format!("{DELETIONS}/no{part}")).await.status, 404);
    }
    app.upload_to("/a/y").await;
    let bearer = format!("Bearer {narrow}");
    let body = json!({ "paths": ["/a/y"] }).to_string();
    let own = app.call(Method::POST, DELETIONS, &[("authorization", &bearer)], body).await.json();
    let list = app.as_bearer(Method::GET, DELETIONS, &narrow).await.json();
    assert_eq!(list["deletions"].as_array().unwrap().len(), 1);
    assert_eq!(list["deletions"][0]["id"], own["id"]);
    assert_eq!(get(&app, DELETIONS).await["deletions"].as_array().unwrap().len(), 2);
    let list = app.as_bearer(Method::GET, DELETIONS, &foreign).await.json();
    assert_eq!(list, json!({ "deletions": [], "cursor": null }));
}

fn request(target: &str, key: &str) -> http::Request<axum::body::Body> {
    let request = http::Request::builder().uri(target);
    let request = request.header("authorization", format!("Bearer {key}"));
    request.body(axum::body::Body::empty()).unwrap()
}

#[tokio::test]
async fn an_operator_finds_a_deletion_where_it_was_told() {
    let app = TestApp::new().await;
    app.upload_to("/a").await;
    let (_, operator) = app.new_key(None, "read,delete", "/").await;
    let bearer = format!("Bearer {operator}");
    let target = format!("{DELETIONS}?organization={}", app.ours.id);
    let body = json!({ "paths": ["/a"] }).to_string();
    let made = app.call(Method::POST, &target, &[("authorization", &bearer)], body).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let found = app.as_bearer(Method::GET, made.header("location"), &operator).await;
    assert_eq!(found.json()["id"], made.json()["id"]);
}

#[tokio::test]
async fn a_large_deletion_is_confirmed_by_the_count_of_its_dry_run() {
    let app = TestApp::with(|settings| {
        let limits = PlanLimits { guard_files_max: Some(1), ..PlanLimits::default() };
        settings.plans = Plans::new([(DEFAULT_PLAN.to_owned(), limits)]);
    })
    .await;
    app.upload_to("/t/a").await;
    app.upload_to("/t/b").await;
    let told = delete(&app, &json!({ "paths": ["/t"], "dry_run": true })).await.json();
    assert_eq!(told["doomed"]["files"], 2);
    for confirm in [json!({}), json!({ "confirm": 1 }), json!({ "confirm": 3 })] {
        let mut body = confirm.clone();
        body["paths"] = json!(["/t"]);
        let (status, problem) = problem(&delete(&app, &body).await);
        assert_eq!((status, &problem["files"]), (409, &json!(2)), "{confirm}");
        assert_eq!(problem["type"], "/problems/confirmation-required");
    }
    assert!(is_there(&app, "/t/a").await);
    let made = deleted(&app, &json!({ "paths": ["/t"], "confirm": 2 })).await;
    assert_eq!(made["doomed"]["files"], 2);
}

#[tokio::test]
async fn a_plan_is_committed_as_it_was_made_and_once() {
    let app = TestApp::new().await;
    let told = async |body: &Value| delete(&app, body).await.json();
    for path in ["/t/a", "/t/b"] {
        app.upload_to(path).await;
    }
    let plan = told(&json!({ "paths": ["/t"], "dry_run": true })).await;
    assert_eq!(plan["sample"], json!(["/t/a", "/t/b"]));
    assert_eq!(plan["expires_at"], "2023-11-14T23:13:20.000Z");
    assert_eq!(plan["digest"].as_str().unwrap().len(), 64);
    app.upload_to("/t/later").await;
    let made = deleted(&app, &json!({ "plan": plan["plan"] })).await;
    assert_eq!(made["doomed"], json!({ "files": 2, "bytes": 22, "folders": 0 }));
    assert_eq!(made["changed"], json!({ "files": 0, "bytes": 0, "folders": 1 }));
    assert_eq!(
        (outcomes(&made), &made["items"][0]["changed"]["folders"]),
        (vec![(0, "partly")], &json!(1))
    );
    assert!(is_there(&app, "/t/later").await);
    let (status, spent) = problem(&delete(&app, &json!({ "plan": plan["plan"] })).await);
    assert_eq!((status, &spent["type"]), (409, &json!("/problems/conflict")));
    let plan = told(&json!({ "paths": ["/t"], "dry_run": true })).await;
    app.clock.advance(std::time::Duration::from_secs(3600));
    for plan in [&plan["plan"], &json!("no-plan"), &json!("01890000-0000-7000-8000-000000000000")] {
        assert_eq!(problem(&delete(&app, &json!({ "plan": plan })).await).0, 404, "{plan}");
    }
    assert!(is_there(&app, "/t/later").await);
}
