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
            (Method::DELETE, format!("{one}?confirm=0&locked=remove")),
            (Method::GET, format!("{one}/usage")),
            (Method::GET, format!("{one}/removal")),
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
        (Method::DELETE, format!("{ORGANIZATIONS}/{none}")),
        (Method::GET, format!("{ORGANIZATIONS}/{none}/removal")),
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

#[tokio::test]
async fn a_page_tells_what_each_uses_where_that_is_asked_for() {
    let app = TestApp::new().await;
    let key = operator(&app).await;
    app.upload("a.png").await;
    let page = async |query: &str| {
        app.as_bearer(Method::GET, &format!("{ORGANIZATIONS}{query}"), &key).await
    };
    let told = page("?usage=true&limit=1").await.json();
    let usage = format!("{ORGANIZATIONS}/{}/usage", app.ours.id);
    let usage = app.as_bearer(Method::GET, &usage, &key).await.json();
    assert_eq!(told["organizations"][0]["usage"], usage);
    assert_eq!(told["organizations"][0]["usage"]["live"]["files"], 1);
    let cursor = told["cursor"].as_str().unwrap();
    let told = page(&format!("?usage=true&limit=1&cursor={cursor}")).await.json();
    assert_eq!(told["organizations"][0]["id"], app.theirs.id.to_string());
    assert_eq!(told["organizations"][0]["usage"]["uploaded"]["files"], 0);
    assert_eq!(page("").await.json()["organizations"][0].get("usage"), None);
    assert_eq!(problem(&page("?usage=yes").await).0, 400);
}

#[tokio::test]
async fn operators_that_name_no_organization_have_a_limit_of_their_own() {
    let app = TestApp::with(|settings| settings.operator_requests_per_minute = 2).await;
    let key = operator(&app).await;
    let list = async || app.as_bearer(Method::GET, ORGANIZATIONS, &key).await;
    assert_eq!(
        [list().await.status, list().await.status].map(|status| status.as_u16()),
        [200, 200]
    );
    let refused = list().await;
    assert_eq!(problem(&refused).0, 429);
    assert_eq!(refused.header("retry-after"), "60");
    // What names an organization counts for that one, and so does all that is not an operator's.
    let named = format!("/delenda/v1/usage?organization={}", app.ours.id);
    assert_eq!(app.as_bearer(Method::GET, &named, &key).await.status, 200);
    assert_eq!(app.bearer(Method::GET, "/delenda/v1/usage").await.status, 200);
    app.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(list().await.status, 200);
}

#[tokio::test]
async fn an_organization_is_removed_when_all_stands_for_it() {
    let app = TestApp::new().await;
    let key = operator(&app).await;
    app.upload_to("/a/one").await;
    app.upload_to("/two").await;
    app.lock("/a", true).await;
    let target = format!("{ORGANIZATIONS}/{}", app.ours.id);
    let remove =
        async |query: &str| app.as_bearer(Method::DELETE, &format!("{target}{query}"), &key).await;
    let refused = async |query: &str| {
        let (status, problem) = problem(&remove(query).await);
        (status, problem["type"].clone(), problem["files"].clone())
    };
    let kind = |name: &str| Value::from(format!("/problems/{name}"));
    assert_eq!(refused("?confirm=2&locked=remove").await, (409, kind("conflict"), Value::Null));
    let off = ask(&app, &key, (Method::PATCH, &target), r#"{"disabled":true}"#).await;
    assert_eq!(off.status, 200);
    for query in ["?locked=no", "?confirm=x", "?confirm=", "?force=true", "?confirm=2&confirm=2"] {
        assert_eq!(refused(query).await.0, 400, "{query}");
    }
    assert_eq!(refused("?confirm=2").await, (423, kind("locked"), Value::Null));
    for query in ["?locked=remove", "?locked=remove&confirm=1", "?locked=remove&confirm=3"] {
        assert_eq!(refused(query).await, (409, kind("confirmation-required"), json!(2)), "{query}");
    }
    for scopes in ["read,write,delete", "read,write,admin"] {
        let lesser = app.new_key(None, scopes, "/").await.1;
        let answer = app.as_bearer(Method::DELETE, &target, &lesser).await;
        assert_eq!(problem(&answer).0, 403, "{scopes}");
    }
    assert_eq!(app.as_bearer(Method::GET, &format!("{target}/removal"), &key).await.status, 404);

    let removed = remove("?locked=remove&confirm=2").await;
    assert_eq!(removed.status, 202, "{}", removed.text());
    let removed = removed.json();
    assert_eq!(removed["id"], app.ours.id.to_string());
    assert_eq!(removed["deletion"]["doomed"]["files"], 2);
    assert_eq!(app.as_bearer(Method::GET, &target, &key).await.status, 404);
    assert_eq!(app.as_bearer(Method::GET, &format!("{target}/usage"), &key).await.status, 404);
    assert_eq!(app.bearer(Method::GET, "/delenda/v1/usage").await.status, 401);
    let named = format!("/delenda/v1/usage?organization={}", app.ours.id);
    let never = named.replace(&app.ours.id.to_string(), "019a0000-0000-7000-8000-000000000000");
    let named = app.as_bearer(Method::GET, &named, &key).await;
    let never = app.as_bearer(Method::GET, &never, &key).await;
    assert_eq!((named.status, named.text()), (never.status, never.text()));

    let settled = async || app.as_bearer(Method::GET, &format!("{target}/removal"), &key).await;
    while settled().await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let settled = settled().await.json();
    assert_eq!(settled["remaining"], json!({ "files": 0, "bytes": 0 }));
    assert_eq!(settled["deletion"]["state"], "settled");
    // A repeat tells the same, whatever it says.
    let again = remove("").await;
    assert_eq!((again.status.as_u16(), again.json()), (200, settled));
}
