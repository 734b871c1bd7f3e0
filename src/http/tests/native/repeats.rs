//! Every POST of the native API with an idempotency key: one table, held against the document, so
//! that no route is left out of it.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use super::deletions::DELETIONS;
use super::{COMMANDS, Native, kind_of};
use crate::http::tests::app::{Answer, TestApp};

/// Longer than a plan lives.
const LATER: Duration = Duration::from_hours(2);
const ORGANIZATIONS: &str = "/delenda/v1/organizations";
const KEYS: &str = "/delenda/v1/keys";
const FOLDERS: &str = "/delenda/v1/folders";
const UPLOADS: &str = "/delenda/v1/uploads";
const WEBHOOKS: &str = "/delenda/v1/webhooks";

/// A request that has one effect.
struct Row {
    /// The route, as the document names it.
    route: &'static str,
    by: String,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// What differs in another request.
    other: Other,
    status: u16,
    /// What shows the effect, and how much more of it there is with it.
    seen: (&'static str, isize),
    /// What a repeat is told when everything has come to its end.
    later: u16,
}

enum Other {
    Body(String),
    Header(&'static str, String),
}

impl Row {
    fn new(route: &'static str, body: &Value, other: &Value, seen: &'static str) -> Self {
        Self {
            route,
            by: String::new(),
            target: route.to_owned(),
            headers: Vec::new(),
            body: body.to_string(),
            other: Other::Body(other.to_string()),
            status: 201,
            seen: (seen, 1),
            later: 201,
        }
    }

    fn at(self, target: String) -> Self {
        Self { target, ..self }
    }

    async fn send(&self, app: &Native, once: &str, other: Option<&Other>) -> Answer {
        let by = if self.by.is_empty() { &app.key } else { &self.by };
        let bearer = format!("Bearer {by}");
        let mut all = vec![("authorization", bearer.as_str()), ("idempotency-key", once)];
        let (mut body, mut changed) = (self.body.as_str(), None);
        match other {
            None => {}
            Some(Other::Body(text)) => body = text,
            Some(Other::Header(name, value)) => changed = Some((*name, value.as_str())),
        }
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        all.extend(own.filter(|(name, _)| changed.is_none_or(|(other, _)| other != *name)));
        all.extend(changed);
        app.app.call(Method::POST, &self.target, &all, body.to_owned()).await
    }
}

/// All of an answer that says something.
fn told(answer: &Answer) -> Value {
    let headers = ["location", "upload-offset", "upload-expires", "content-location", "etag"];
    let headers = headers.map(|name| answer.header(name));
    json!([answer.status.as_u16(), headers, answer.text()])
}

/// How many things a list shows; how many files live, where it is no list.
async fn count(app: &Native, seen: &str) -> usize {
    let (_, operator) = app.app.new_key(None, "read,write,admin", "/").await;
    let asks_whole = seen.starts_with(ORGANIZATIONS);
    let key = if asks_whole { &operator } else { &app.key };
    let page = app.app.as_bearer(Method::GET, seen, key).await.json();
    let members = page.as_object().unwrap().values();
    let list = members.filter_map(Value::as_array).map(Vec::len).next();
    list.unwrap_or_else(|| usize::try_from(page["live"]["files"].as_u64().unwrap()).unwrap())
}

async fn deletion(app: &Native, body: &Value) -> Value {
    let answer = app.post(DELETIONS, &body.to_string()).await;
    assert!([200, 201].contains(&answer.status.as_u16()), "{}", answer.text());
    answer.json()
}

fn in_steps(prefix: &str) -> Value {
    json!({ "matching": [{ "prefix": prefix }], "atomic": false })
}

fn metadata(path: &str) -> String {
    format!("path {}", STANDARD.encode(path))
}

fn tus(path: &str, length: &str) -> Vec<(&'static str, String)> {
    vec![
        ("tus-resumable", "1.0.0".to_owned()),
        ("upload-length", length.to_owned()),
        ("upload-metadata", metadata(path)),
    ]
}

/// All calls, each in every way in which it can be asked.
async fn rows(app: &Native) -> Vec<Row> {
    let mut rows = deletions(app).await;
    rows.extend(others(app).await);
    rows.extend(webhooks(app).await);
    rows
}

async fn webhooks(app: &Native) -> Vec<Row> {
    let webhook = async || {
        let made = app.post(WEBHOOKS, r#"{"url":"https://a.example/a"}"#).await.json();
        format!("{WEBHOOKS}/{}", made["id"].as_str().unwrap())
    };
    let (rotated, webhook) = (webhook().await, webhook().await);
    let sent = app.post(&format!("{webhook}/test"), "").await.json();
    let message = format!("{webhook}/messages/{}", sent["id"].as_str().unwrap());
    let messages: &'static str = format!("{webhook}/messages").leak();
    let url = |path: &str| json!({ "url": format!("https://a.example/{path}") });
    let nothing_more = |route, target: String, seen| Row {
        status: 202,
        seen: (messages, seen),
        later: 202,
        body: String::new(),
        ..Row::new(route, &json!({}), &json!({}), "").at(target)
    };
    vec![
        Row::new(WEBHOOKS, &url("b"), &url("c"), WEBHOOKS),
        Row {
            status: 200,
            seen: (WEBHOOKS, 0),
            later: 200,
            ..Row::new(
                "/delenda/v1/webhooks/{id}/rotate",
                &json!({}),
                &json!({ "grace_seconds": 60 }),
                "",
            )
        }
        .at(format!("{rotated}/rotate")),
        nothing_more("/delenda/v1/webhooks/{id}/test", format!("{webhook}/test"), 1),
        nothing_more(
            "/delenda/v1/webhooks/{id}/messages/{message}/redeliver",
            format!("{message}/redeliver"),
            0,
        ),
    ]
}

async fn deletions(app: &Native) -> Vec<Row> {
    let plan = deletion(app, &json!({ "paths": ["/planned"], "dry_run": true })).await;
    let begun = deletion(app, &in_steps("/steps")).await["id"].as_str().unwrap().to_owned();
    let cancel = "/delenda/v1/deletions/{id}/cancel";
    vec![
        Row::new(DELETIONS, &json!({ "paths": ["/a"] }), &json!({ "paths": ["/b"] }), DELETIONS),
        Row::new(DELETIONS, &in_steps("/more"), &in_steps("/b"), DELETIONS),
        Row::new(DELETIONS, &json!({ "plan": plan["plan"] }), &json!({ "plan": "b" }), DELETIONS),
        Row {
            status: 200,
            seen: (DELETIONS, 0),
            later: 404,
            ..Row::new(
                DELETIONS,
                &json!({ "paths": ["/b"], "dry_run": true }),
                &json!({ "paths": ["/b"] }),
                DELETIONS,
            )
        },
        Row {
            status: 200,
            seen: ("/delenda/v1/deletions?state=selecting", -1),
            later: 200,
            body: String::new(),
            ..Row::new(cancel, &json!({}), &json!({}), "")
        }
        .at(format!("{DELETIONS}/{begun}/cancel")),
    ]
}

async fn others(app: &Native) -> Vec<Row> {
    let key = app.post(KEYS, r#"{"scopes":["read"]}"#).await.json();
    let copied = app.app.upload_to("/source").await;
    let (_, operator) = app.app.new_key(None, "read,write,admin", "/").await;
    let rotate = "/delenda/v1/keys/{id}/rotate";
    let live = "/delenda/v1/usage";
    // Valid now, and over when it is repeated at last.
    let soon = json!({ "scopes": ["read"], "expires_at": "2023-11-14T22:43:20Z" });
    vec![
        Row::new(COMMANDS, &json!({ "status": "QUEUED" }), &json!({}), COMMANDS),
        Row {
            by: operator,
            ..Row::new(
                ORGANIZATIONS,
                &json!({ "name": "a" }),
                &json!({ "name": "b" }),
                ORGANIZATIONS,
            )
        },
        Row::new(KEYS, &soon, &json!({ "scopes": ["read"] }), KEYS),
        Row {
            status: 200,
            seen: (KEYS, 0),
            later: 200,
            ..Row::new(rotate, &json!({}), &json!({ "grace_seconds": 60 }), KEYS)
        }
        .at(format!("{KEYS}/{}/rotate", key["id"].as_str().unwrap())),
        Row {
            seen: (live, 1),
            ..Row::new(
                "/delenda/v1/entries/{id}/copies",
                &json!({ "path": "/copied" }),
                &json!({ "path": "/other" }),
                "",
            )
        }
        .at(format!("/delenda/v1/entries/{copied}/copies")),
        Row {
            seen: ("/delenda/v1/entries?path=/folders", 1),
            ..Row::new(FOLDERS, &json!({ "path": "/folders/a" }), &json!({ "path": "/b" }), "")
        },
        Row {
            headers: tus("/pieces", "10"),
            other: Other::Header("upload-length", "11".to_owned()),
            seen: (live, 0),
            ..Row::new(UPLOADS, &json!(""), &json!(""), live)
        },
        Row {
            headers: tus("/empty", "0"),
            body: String::new(),
            other: Other::Header("upload-metadata", metadata("/other")),
            seen: (live, 1),
            ..Row::new(UPLOADS, &json!(""), &json!(""), live)
        },
    ]
}

async fn app() -> Native {
    let app = Native::of(TestApp::with(|settings| settings.matched_files_max = 1).await).await;
    for path in ["/a", "/b", "/planned/x", "/steps/1", "/steps/2", "/more/1", "/more/2"] {
        app.app.upload_to(path).await;
    }
    app.post(FOLDERS, r#"{"path":"/folders"}"#).await;
    // Nobody works off what the requests begin, so that all answers can be the same.
    app.app.stop.cancel();
    app
}

#[tokio::test]
async fn every_post_has_one_effect_and_one_answer_however_often_it_is_repeated() {
    let app = app().await;
    let rows = rows(&app).await;
    let mut firsts = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let name = format!("{} {}", row.target, row.body);
        let once = format!("row-{number}");
        let (seen, effects) = row.seen;
        let before = count(&app, seen).await;
        for malformed in ["", "a b", &"k".repeat(256)] {
            let refused = row.send(&app, malformed, None).await;
            assert_eq!(kind_of(&refused), (400, "/problems/invalid".to_owned()), "{name}");
        }
        assert_eq!(count(&app, seen).await, before, "{name}");
        let first = row.send(&app, &once, None).await;
        assert_eq!(first.status.as_u16(), row.status, "{name}: {}", first.text());
        let effect = count(&app, seen).await;
        assert_eq!(effect, before.checked_add_signed(effects).unwrap(), "{name}");
        for _repeat in 0..2 {
            assert_eq!(told(&row.send(&app, &once, None).await), told(&first), "{name}");
        }
        let mismatch = row.send(&app, &once, Some(&row.other)).await;
        let expected = (422, "/problems/idempotency-mismatch".to_owned());
        assert_eq!(kind_of(&mismatch), expected, "{name}");
        assert_eq!(count(&app, seen).await, effect, "{name}");
        firsts.push((once, first, effect));
    }
    app.app.clock.advance(LATER);
    let now = app.app.clock_now();
    app.app.service.ledger.forget_plans(now, 10).await.unwrap();
    for (row, (once, first, _)) in rows.iter().zip(&firsts) {
        let name = format!("{} {}", row.target, row.body);
        let before = count(&app, row.seen.0).await;
        let later = row.send(&app, once, None).await;
        assert_eq!(later.status.as_u16(), row.later, "{name}: {}", later.text());
        if row.later == row.status {
            assert_eq!(told(&later), told(first), "{name}");
        }
        assert_eq!(count(&app, row.seen.0).await, before, "{name}");
    }
}

#[tokio::test]
async fn the_table_names_every_post_that_the_document_has() {
    let app = app().await;
    let document = app.get("/openapi.json", &[]).await.json();
    let paths = document["paths"].as_object().unwrap();
    let posts = paths.iter().filter(|(_, calls)| calls.get("post").is_some());
    let documented: BTreeSet<String> = posts.map(|(path, _)| path.clone()).collect();
    let tried: BTreeSet<String> = rows(&app).await.iter().map(|row| row.route.to_owned()).collect();
    assert_eq!(tried, documented);
}

/// Also when what it spoke of is gone, and after its plan was committed.
#[tokio::test]
async fn a_repeated_dry_run_tells_what_the_first_one_told() {
    let app = app().await;
    let once = [("idempotency-key", "one")];
    let body = r#"{"paths":["/b","/steps"],"dry_run":true}"#;
    let ask = async || app.ask(Method::POST, DELETIONS, &once, body).await;
    let first = ask().await;
    assert_eq!(first.json()["sample"].as_array().unwrap().len(), 3, "{}", first.text());
    app.app.upload_to("/steps/3").await;
    deletion(&app, &json!({ "paths": ["/b"] })).await;
    assert_eq!((ask().await.status.as_u16(), ask().await.text()), (200, first.text()));
    let made = deletion(&app, &json!({ "plan": first.json()["plan"] })).await;
    assert_eq!((&made["doomed"]["files"], &made["changed"]["files"]), (&json!(2), &json!(1)));
    assert_eq!(told(&ask().await), told(&first));
}

/// What keeps no plan has no effect, and is asked anew.
#[tokio::test]
async fn a_dry_run_without_a_plan_is_not_remembered() {
    let app = app().await;
    let once = [("idempotency-key", "one")];
    let body = r#"{"matching":[{"prefix":"/steps"}],"atomic":false,"dry_run":true}"#;
    for files in [2, 3] {
        let answer = app.ask(Method::POST, DELETIONS, &once, body).await.json();
        assert_eq!((&answer["plan"], &answer["doomed"]["files"]), (&Value::Null, &json!(files)));
        app.app.upload_to("/steps/3").await;
    }
}
