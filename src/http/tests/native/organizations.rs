//! Organizations: for operators alone.

use http::Method;
use serde_json::{Value, json};

use super::{ask, problem};
use crate::domain::plans::{PlanLimits, Plans};
use crate::http::tests::app::TestApp;

const ORGANIZATIONS: &str = "/delenda/v1/organizations";

async fn with_plans() -> TestApp {
    TestApp::with(|settings| {
        let tight = PlanLimits { quota_bytes: Some(11), ..PlanLimits::default() };
        settings.plans = Plans::new([("tight".to_owned(), tight)]);
    })
    .await
}

async fn operator(app: &TestApp) -> String {
    app.new_key(None, "read,write,delete,admin", "/").await.1
}

fn id(answer: &Value) -> &str {
    answer["id"].as_str().unwrap()
}

#[tokio::test]
async fn an_operator_makes_lists_and_reads_organizations() {
    let app = with_plans().await;
    let key = operator(&app).await;
    let made = ask(&app, &key, (Method::POST, ORGANIZATIONS), r#"{"name":"Acme"}"#).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let made = made.json();
    let expected = json!({
        "id": id(&made), "name": "Acme", "plan": "default", "created_at": app.iso_now(),
        "disabled_at": null,
    });
    assert_eq!(made, expected);
    let target = format!("{ORGANIZATIONS}/{}", id(&made));
    assert_eq!(app.as_bearer(Method::GET, &target, &key).await.json(), made);
    let mut seen = Vec::new();
    let mut target = format!("{ORGANIZATIONS}?limit=2");
    loop {
        let page = app.as_bearer(Method::GET, &target, &key).await.json();
        let names = page["organizations"].as_array().unwrap().iter();
        seen.extend(names.map(|one| one["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["cursor"].as_str() else { break };
        target = format!("{ORGANIZATIONS}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["ours", "theirs", "Acme"]);
    // It works: a key in it stores, and its usage is told.
    let usage = format!("{ORGANIZATIONS}/{}/usage", id(&made));
    let usage = app.as_bearer(Method::GET, &usage, &key).await.json();
    assert_eq!(usage["live"], json!({ "files": 0, "bytes": 0 }));
}

#[tokio::test]
async fn a_change_holds_at_once() {
    let app = with_plans().await;
    let key = operator(&app).await;
    let target = format!("{ORGANIZATIONS}/{}", app.ours.id);
    app.upload("a.png").await;
    let change = async |body: &str| {
        let answer = ask(&app, &key, (Method::PATCH, &target), body).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        answer.json()
    };
    let tight = change(r#"{"plan":"tight"}"#).await;
    assert_eq!((&tight["plan"], &tight["name"]), (&json!("tight"), &json!("ours")));
    // Eleven bytes are stored, and no more may be.
    let path = [("x-user-api-key", app.key.as_str())];
    assert_eq!(app.call(Method::POST, "/fso?path=/b", &path, "1").await.status, 507);
    assert_eq!(change(r#"{"plan":"default"}"#).await["plan"], "default");
    assert_eq!(app.call(Method::POST, "/fso?path=/b", &path, "1").await.status, 201);
    let off = change(r#"{"disabled":true,"name":"Gone"}"#).await;
    assert_eq!((&off["disabled_at"], &off["name"]), (&json!(app.iso_now()), &json!("Gone")));
    assert_eq!(app.bearer(Method::GET, "/delenda/v1/usage").await.status, 401);
    let usage = app.as_bearer(Method::GET, &format!("{target}/usage"), &key).await;
    assert_eq!(usage.json()["live"]["files"], 2);
    let on = change(r#"{"disabled":false}"#).await;
    assert_eq!(on["disabled_at"], Value::Null);
    assert_eq!(app.bearer(Method::GET, "/delenda/v1/usage").await.status, 200);
}

#[tokio::test]
async fn what_no_organization_can_be_is_refused() {
    let app = with_plans().await;
    let key = operator(&app).await;
    let target = format!("{ORGANIZATIONS}/{}", app.ours.id);
    let long = format!(r#"{{"name":"{}"}}"#, "n".repeat(256));
    for (body, status) in [
        (r#"{"name":" "}"#, 422),
        (r#"{"name":"a\u0000"}"#, 422),
        (long.as_str(), 422),
        (r#"{"name":"a","plan":"none"}"#, 422),
        (r#"{"name":"a","plan":""}"#, 422),
        (r#"{"name":null}"#, 400),
        (r#"{"name":"a","name":"b"}"#, 400),
        (r#"{"name":"a","id":"b"}"#, 400),
        ("", 400),
        ("[]", 400),
    ] {
        for asked in [(Method::POST, ORGANIZATIONS), (Method::PATCH, target.as_str())] {
            let answer = ask(&app, &key, asked, body).await;
            assert_eq!(problem(&answer).0, status, "{body}");
        }
    }
    let answer = ask(&app, &key, (Method::POST, ORGANIZATIONS), r#"{"plan":"tight"}"#).await;
    assert_eq!(problem(&answer).0, 400);
    let answer = ask(&app, &key, (Method::PATCH, &target), r#"{"disabled":null}"#).await;
    assert_eq!(problem(&answer).0, 400);
    let known = app.service.ledger.organizations().await.unwrap();
    assert_eq!(known, [app.ours.clone(), app.theirs.clone()]);
}

#[tokio::test]
async fn an_organization_whose_plan_is_gone_is_not_switched_on() {
    let app = TestApp::new().await;
    let key = operator(&app).await;
    let change = crate::ledger::registry::OrganizationChange {
        plan: Some("old".to_owned()),
        disabled: Some(true),
        ..Default::default()
    };
    let ledger = &app.service.ledger;
    ledger.change_organization(app.ours.id, change, app.service.clock.now()).await.unwrap();
    let target = format!("{ORGANIZATIONS}/{}", app.ours.id);
    let refused = ask(&app, &key, (Method::PATCH, &target), r#"{"disabled":false}"#).await;
    assert_eq!(problem(&refused).0, 422);
    let body = r#"{"disabled":false,"plan":"default"}"#;
    assert_eq!(ask(&app, &key, (Method::PATCH, &target), body).await.status, 200);
}

#[tokio::test]
async fn nobody_but_an_operator_is_told_anything() {
    let app = TestApp::new().await;
    let (_, admin) = app.new_key(Some(app.ours.id), "read,write,delete,admin", "/").await;
    let expected = json!({
        "type": "/problems/forbidden", "title": "Only an operator key may do this", "status": 403,
    });
    for id in [app.ours.id.to_string(), app.theirs.id.to_string(), "no".to_owned()] {
        let one = format!("{ORGANIZATIONS}/{id}");
        for (method, target) in [
            (Method::GET, ORGANIZATIONS.to_owned()),
            (Method::POST, ORGANIZATIONS.to_owned()),
            (Method::GET, one.clone()),
            (Method::PATCH, one.clone()),
            (Method::GET, format!("{one}/usage")),
        ] {
            let answer = ask(&app, &admin, (method, &target), "{}").await;
            assert_eq!(problem(&answer), (403, expected.clone()), "{target}");
            assert_eq!(app.call(Method::GET, &target, &[], "").await.status, 401);
        }
    }
}

#[tokio::test]
async fn an_operator_is_told_what_is_wrong_in_the_usual_order() {
    let app = TestApp::new().await;
    let (reader, none) = (app.new_key(None, "write", "/").await.1, "019a0000-0000-7000-8000-0");
    for (method, target) in [
        (Method::POST, ORGANIZATIONS.to_owned()),
        (Method::GET, ORGANIZATIONS.to_owned()),
        (Method::PATCH, format!("{ORGANIZATIONS}/{none}")),
        (Method::GET, format!("{ORGANIZATIONS}/{none}")),
        (Method::GET, format!("{ORGANIZATIONS}/{none}/usage")),
    ] {
        let bearer = format!("Bearer {reader}");
        let proof = ("authorization", bearer.as_str());
        let huge = ("content-length", "9000000000000000000");
        let coded = [("content-length", "5"), ("content-encoding", "gzip")];
        let bent = format!("{target}?%zz");
        for (target, headers, status) in [
            (&bent, vec![proof, huge], 413),
            (&bent, vec![proof, coded[0], coded[1]], 415),
            (&bent, vec![proof], 400),
            (&target, vec![proof], 403),
        ] {
            let body = r#"{"name":"a"}"#;
            let answer = app.call(method.clone(), target, &headers, body).await;
            assert_eq!(problem(&answer).0, status, "{method} {target}");
        }
        let all = operator(&app).await;
        if target != ORGANIZATIONS {
            let answer = ask(&app, &all, (method, &target), r#"{"name":"a"}"#).await;
            assert_eq!(problem(&answer).0, 404, "{target}");
        }
    }
}

#[tokio::test]
async fn an_organization_is_made_once() {
    let app = TestApp::new().await;
    let bearer = format!("Bearer {}", operator(&app).await);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "one")];
    let post =
        async |body: &'static str| app.call(Method::POST, ORGANIZATIONS, &headers, body).await;
    let (first, again) = (post(r#"{"name":"a"}"#).await, post(r#"{"name":"a"}"#).await);
    assert_eq!((first.status.as_u16(), first.text()), (201, again.text()));
    assert_eq!(problem(&post(r#"{"name":"b"}"#).await).0, 422);
    assert_eq!(app.service.ledger.organizations().await.unwrap().len(), 3);
}
