//! Deletions by filters: found, refused, planned, gone on with in steps, cancelled.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::deletions::{DELETIONS, delete, deleted, get};
use super::{post, problem};
use crate::domain::organization::DEFAULT_PLAN;
use crate::domain::plans::{PlanLimits, Plans};
use crate::http::tests::app::{Answer, TestApp};

/// An application whose requests take so many files by filters in their commit.
async fn taking(matched_files_max: usize) -> TestApp {
    TestApp::with(|settings| settings.matched_files_max = matched_files_max).await
}

async fn with_files(app: &TestApp, paths: &[&str]) {
    for path in paths {
        app.upload_to(path).await;
    }
}

async fn is_there(app: &TestApp, path: &str) -> bool {
    let key = [("x-user-api-key", app.key.as_str())];
    app.call(Method::GET, &format!("/fso?path={path}"), &key, "").await.status == 200
}

async fn live_files(app: &TestApp) -> u64 {
    app.usage().await.live.files
}

/// A best effort at all files beneath `/t`.
fn all_of_t() -> Value {
    json!({ "matching": [{ "prefix": "/t" }], "atomic": false })
}

async fn cancel(app: &TestApp, deletion: &Value) -> Answer {
    let target = format!("{DELETIONS}/{}/cancel", deletion["id"].as_str().unwrap());
    post(app, &target, &[], "").await
}

/// The deletion as it is when it has settled.
async fn settled(app: &TestApp, deletion: &Value) -> Value {
    let target = format!("{DELETIONS}/{}", deletion["id"].as_str().unwrap());
    for _look in 0..1000 {
        let record = get(app, &target).await;
        if record["state"] == "settled" {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{deletion} does not settle");
}

#[tokio::test]
async fn a_filter_takes_what_meets_all_its_conditions_and_is_numbered_last() {
    let app = TestApp::new().await;
    with_files(&app, &["/t/a", "/t/sub/b", "/tt/c", "/d"]).await;
    let body = json!({
        "matching": [{ "prefix": "/t", "larger_than": 10 }, { "prefix": "/t", "larger_than": 11 }],
        "commands": ["no-command"],
        "paths": ["/d"],
        "missing": "count",
    });
    let made = deleted(&app, &body).await;
    let items = made["items"].as_array().unwrap();
    let told: Vec<_> = items
        .iter()
        .map(|item| (item["index"].clone(), item["selector"].clone(), item["files"].clone()))
        .collect();
    let expected = [(0, "path", 1), (1, "nothing", 0), (2, "filter", 2), (3, "filter", 0)];
    let expected: Vec<_> =
        expected.iter().map(|(i, word, n)| (json!(i), json!(word), json!(n))).collect();
    assert_eq!(told, expected);
    assert_eq!(made["doomed"], json!({ "files": 3, "bytes": 33, "folders": 0 }));
    assert!(!is_there(&app, "/t/sub/b").await && is_there(&app, "/tt/c").await);
    assert_eq!(settled(&app, &made).await["cancelled_at"], Value::Null);
}

#[tokio::test]
async fn an_age_is_counted_back_from_the_request() {
    let app = TestApp::new().await;
    app.upload_to("/old").await;
    app.clock.advance(Duration::from_secs(3601));
    app.upload_to("/new").await;
    for age in [json!("2h"), json!(3601)] {
        let made = deleted(&app, &json!({ "matching": [{ "older_than": age }] })).await;
        assert_eq!(made["doomed"]["files"], 0, "{age}");
    }
    let made = deleted(&app, &json!({ "matching": [{ "older_than": "1h" }] })).await;
    assert_eq!(made["doomed"]["files"], 1);
    assert!(is_there(&app, "/new").await && !is_there(&app, "/old").await);
}

#[tokio::test]
async fn a_filter_that_means_everything_or_nothing_deletes_nothing() {
    let app = TestApp::new().await;
    app.upload_to("/a").await;
    let filter = json!({ "prefix": "/a" });
    for matching in [
        json!([]),
        json!(null),
        json!({}),
        json!([{}]),
        json!([null]),
        json!([{ "prefix": "/" }]),
        json!([{ "older_than": 0 }]),
        json!([{ "media_type": "*/*" }]),
        json!([filter, { "prefix": "/" }]),
        json!([{ "prefix": "/a", "name": "x" }]),
        Value::Array(vec![filter.clone(); 11]),
    ] {
        let (status, _) = problem(&delete(&app, &json!({ "matching": matching })).await);
        assert_eq!(status, 400, "{matching}");
    }
    let plan = "01890000-0000-7000-8000-000000000000";
    let both = json!({ "matching": [filter], "plan": plan });
    assert_eq!(problem(&delete(&app, &both).await).0, 400);
    assert!(is_there(&app, "/a").await);
    let ten = json!({ "matching": vec![filter; 10] });
    assert_eq!(deleted(&app, &ten).await["doomed"]["files"], 1);
}

#[tokio::test]
async fn a_prefix_outside_of_the_keys_own_is_forbidden() {
    let app = TestApp::new().await;
    with_files(&app, &["/mine/a", "/other/b"]).await;
    let (_, key) = app.new_key(Some(app.ours.id), "read,delete", "/mine").await;
    let bearer = format!("Bearer {key}");
    let ask = async |filter: Value| {
        let body = json!({ "matching": [filter] }).to_string();
        app.call(Method::POST, DELETIONS, &[("authorization", &bearer)], body).await
    };
    let (status, refused) = problem(&ask(json!({ "prefix": "/other" })).await);
    assert_eq!((status, &refused["items"][0]["outcome"]), (403, &json!("forbidden")));
    let made = ask(json!({ "larger_than": 0 })).await;
    assert_eq!(made.json()["doomed"]["files"], 1, "{}", made.text());
    assert!(is_there(&app, "/other/b").await && !is_there(&app, "/mine/a").await);
}

#[tokio::test]
async fn an_atomic_request_that_finds_too_many_is_refused_with_their_count() {
    let app = taking(2).await;
    with_files(&app, &["/t/a", "/t/b", "/t/c"]).await;
    let body = json!({ "matching": [{ "prefix": "/t" }] });
    let mut dry = body.clone();
    dry["dry_run"] = json!(true);
    for body in [&body, &dry] {
        let (status, refused) = problem(&delete(&app, body).await);
        assert_eq!((status, &refused["files"]), (409, &json!(3)), "{body}");
        assert_eq!(refused["type"], "/problems/too-many-files");
        let detail = "filters find 3 files, and an atomic request takes 2 at most";
        assert_eq!(refused["detail"], detail);
    }
    assert_eq!(live_files(&app).await, 3);
    let fewer = json!({ "matching": [{ "prefix": "/t/a" }, { "prefix": "/t/b" }] });
    assert_eq!(deleted(&app, &fewer).await["doomed"]["files"], 2);
}

#[tokio::test]
async fn a_plan_of_a_filter_takes_what_it_told_and_nothing_later() {
    let app = TestApp::new().await;
    with_files(&app, &["/t/a", "/t/b"]).await;
    let dry = json!({ "matching": [{ "prefix": "/t" }], "dry_run": true });
    let plan = delete(&app, &dry).await.json();
    assert_eq!((&plan["doomed"]["files"], &plan["no_plan"]), (&json!(2), &Value::Null));
    assert_eq!(plan["sample"], json!(["/t/a", "/t/b"]));
    app.upload_to("/t/later").await;
    let made = deleted(&app, &json!({ "plan": plan["plan"] })).await;
    assert_eq!(made["doomed"]["files"], 2);
    assert!(is_there(&app, "/t/later").await);
}

#[tokio::test]
async fn what_would_go_on_in_steps_is_counted_and_makes_no_plan() {
    let app = taking(2).await;
    with_files(&app, &["/t/a", "/t/b", "/t/c", "/t/d", "/t/e"]).await;
    let mut dry = all_of_t();
    dry["dry_run"] = json!(true);
    let told = delete(&app, &dry).await.json();
    assert_eq!(told["doomed"], json!({ "files": 5, "bytes": 55, "folders": 0 }));
    assert_eq!((&told["plan"], &told["no_plan"]), (&Value::Null, &json!("goes_in_steps")));
    assert_eq!(told["items"][0]["outcome"], "selecting");
    assert_eq!(live_files(&app).await, 5);
}

#[tokio::test]
async fn the_guard_wants_all_steps_confirmed_by_the_count_of_the_dry_run() {
    let app = TestApp::with(|settings| {
        let limits = PlanLimits { guard_files_max: Some(3), ..PlanLimits::default() };
        settings.plans = Plans::new([(DEFAULT_PLAN.to_owned(), limits)]);
        settings.matched_files_max = 2;
    })
    .await;
    with_files(&app, &["/t/a", "/t/b", "/t/c", "/t/d"]).await;
    let (status, refused) = problem(&delete(&app, &all_of_t()).await);
    assert_eq!((status, &refused["files"]), (409, &json!(4)));
    assert_eq!(refused["type"], "/problems/confirmation-required");
    assert_eq!(live_files(&app).await, 4);
    let mut confirmed = all_of_t();
    confirmed["confirm"] = json!(4);
    let made = deleted(&app, &confirmed).await;
    assert_eq!(settled(&app, &made).await["doomed"]["files"], 4);
}

#[tokio::test]
async fn a_best_effort_goes_on_in_steps_and_settles_with_all_of_it() {
    let app = taking(2).await;
    with_files(&app, &["/t/a", "/t/b", "/t/c", "/t/d", "/t/locked", "/else"]).await;
    app.lock("/t/locked", true).await;
    let made = deleted(&app, &all_of_t()).await;
    // It goes on while the answer is made.
    let outcome = made["items"][0]["outcome"].as_str().unwrap();
    assert!(["selecting", "partly"].contains(&outcome), "{outcome}");
    assert_eq!(made["items"][0]["selector"], "filter");
    let end = settled(&app, &made).await;
    assert_eq!(end["doomed"], json!({ "files": 4, "bytes": 44, "folders": 0 }));
    assert_eq!(end["purged"], json!({ "files": 4, "bytes": 44 }));
    assert_eq!((&end["percent"], &end["locked_files"]), (&json!(100), &json!(1)));
    assert_eq!(live_files(&app).await, 2);
    let items = get(&app, &format!("{DELETIONS}/{}/items", made["id"].as_str().unwrap())).await;
    assert_eq!(
        items["items"],
        json!([{
            "index": 0, "selector": "filter", "outcome": "partly", "files": 4, "bytes": 44,
            "folders": 0, "locked": ["/t/locked"], "locked_count": 1,
        }])
    );
}

#[tokio::test]
async fn a_cancelled_deletion_takes_nothing_more_and_keeps_what_it_took() {
    let app = taking(2).await;
    with_files(&app, &["/t/a", "/t/b", "/t/c", "/t/d"]).await;
    // Nobody works the steps off.
    app.stop.cancel();
    let made = deleted(&app, &all_of_t()).await;
    assert_eq!((&made["state"], &made["percent"]), (&json!("selecting"), &json!(0)));
    let listed = async |state: &str| {
        let page = get(&app, &format!("{DELETIONS}?state={state}")).await;
        page["deletions"].as_array().unwrap().len()
    };
    assert_eq!((listed("selecting").await, listed("purging").await), (1, 0));
    let answer = cancel(&app, &made).await;
    let record = answer.json();
    assert_eq!(answer.status.as_u16(), 200, "{record}");
    assert_eq!((&record["id"], &record["state"]), (&made["id"], &json!("purging")));
    assert_eq!(record["cancelled_at"], json!(app.iso_now()));
    assert_eq!(record["doomed"]["files"], 2);
    assert_eq!((listed("selecting").await, listed("purging").await), (0, 1));
    assert_eq!(live_files(&app).await, 2);
    // A repeat, whose first answer was lost, is told the same.
    app.clock.advance(Duration::from_secs(5));
    let again = cancel(&app, &made).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, record));
    let items = get(&app, &format!("{DELETIONS}/{}/items", made["id"].as_str().unwrap())).await;
    let item = &items["items"][0];
    assert_eq!((&item["outcome"], &item["files"]), (&json!("cancelled"), &json!(2)));
    let (_, admin) = app.new_key(Some(app.ours.id), "admin", "/").await;
    let trail = app.as_bearer(Method::GET, "/delenda/v1/audit", &admin).await.json();
    assert_eq!(trail["entries"][0]["outcome"], "partial");
}

#[tokio::test]
async fn what_has_taken_all_that_it_will_cannot_be_cancelled() {
    let app = TestApp::new().await;
    app.upload_to("/a").await;
    let made = deleted(&app, &json!({ "paths": ["/a"] })).await;
    for _settled_or_not in 0..2 {
        let (status, refused) = problem(&cancel(&app, &made).await);
        assert_eq!((status, &refused["type"]), (409, &json!("/problems/conflict")));
        settled(&app, &made).await;
    }
    for nothing in ["no-deletion", "01890000-0000-7000-8000-000000000000"] {
        assert_eq!(problem(&cancel(&app, &json!({ "id": nothing })).await).0, 404, "{nothing}");
    }
    let target = format!("{DELETIONS}/{}/cancel", made["id"].as_str().unwrap());
    let (status, _) = problem(&post(&app, &target, &[], "{\"force\":true}").await);
    assert_eq!(status, 400);
}

#[tokio::test]
async fn whoever_may_not_delete_or_does_not_see_it_cannot_cancel() {
    let app = taking(1).await;
    with_files(&app, &["/t/a", "/t/b"]).await;
    app.stop.cancel();
    let made = deleted(&app, &all_of_t()).await;
    let target = format!("{DELETIONS}/{}/cancel", made["id"].as_str().unwrap());
    let (_, reader) = app.new_key(Some(app.ours.id), "read,write", "/").await;
    let (_, narrow) = app.new_key(Some(app.ours.id), "read,delete", "/t").await;
    let (_, foreign) = app.new_key(Some(app.theirs.id), "read,delete", "/").await;
    for (key, expected) in [(&reader, 403), (&narrow, 404), (&foreign, 404)] {
        let answer = app.as_bearer(Method::POST, &target, key).await;
        assert_eq!(problem(&answer).0, expected);
    }
    let record = get(&app, &format!("{DELETIONS}/{}", made["id"].as_str().unwrap())).await;
    assert_eq!(record["state"], "selecting");
}

#[tokio::test]
async fn events_of_steps_grow_to_the_end() {
    let app = taking(1).await;
    let paths: Vec<String> = (0..20).map(|number| format!("/t/{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    with_files(&app, &paths).await;
    let made = deleted(&app, &all_of_t()).await;
    let target = format!("{DELETIONS}/{}/events", made["id"].as_str().unwrap());
    let stream = app.bearer(Method::GET, &target).await;
    let (ids, told): (Vec<u64>, Vec<Value>) = {
        let lines = |name: &'static str| {
            stream.text().lines().filter_map(move |line| line.strip_prefix(name))
        };
        let ids = lines("id: ").map(|id| id.parse().unwrap()).collect();
        (ids, lines("data: ").map(|data| serde_json::from_str(data).unwrap()).collect())
    };
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    for pair in told.windows(2) {
        for part in ["/doomed/files", "/purged/files", "/percent"] {
            let of = |event: &Value| event.pointer(part).and_then(Value::as_u64).unwrap();
            assert!(of(&pair[0]) <= of(&pair[1]), "{part}: {told:?}");
        }
    }
    let last = told.last().unwrap();
    assert_eq!((&last["state"], &last["doomed"]["files"]), (&json!("settled"), &json!(20)));
    assert_eq!((&last["purged"]["files"], &last["percent"]), (&json!(20), &json!(100)));
}
