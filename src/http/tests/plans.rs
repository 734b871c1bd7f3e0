//! The limits of plans through every door, at their edges, and the pages that tell of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{Method, Request};
use serde_json::{Value, json};

use super::app::{Answer, Part, TestApp, form};
use crate::domain::plans::{PlanLimits, Plans};

const FILE: &str = "/api/uploads/files";
const FORM: &str = "multipart/form-data; boundary=boundary-of-the-form";
/// When the window of a request ends that comes when a test begins.
const WINDOW_END_SECONDS: i64 = 1_700_000_060;

async fn app_with(limits: PlanLimits) -> TestApp {
    let plans = Plans::new([("default".to_owned(), limits)]);
    TestApp::with(|settings| settings.plans = plans).await
}

async fn two_requests_a_minute() -> TestApp {
    app_with(PlanLimits { requests_per_minute: Some(2), ..PlanLimits::default() }).await
}

/// A request through each door, with its own header: none of them changes anything.
async fn ask_each(app: &TestApp) -> [Answer; 5] {
    let key = app.key.as_str();
    let none = "01890000-0000-7000-8000-000000000000";
    let renderio = format!("/api/v1/commands/{none}");
    [
        app.call(Method::GET, &renderio, &[("x-api-key", key)], "").await,
        app.bearer(Method::GET, FILE).await,
        app.bearer(Method::GET, "/v1/uploads").await,
        app.call(Method::GET, "/fso?path=/none", &[("x-user-api-key", key)], "").await,
        app.bearer(Method::GET, "/delenda/v1/usage").await,
    ]
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status.as_u16()).collect()
}

#[tokio::test]
async fn the_request_after_the_last_of_a_minute_is_a_429_in_each_dialects_shape() {
    let app = two_requests_a_minute().await;
    assert_eq!(app.bearer(Method::GET, FILE).await.status, 200);
    app.clock.advance(Duration::from_millis(20_500));
    // What is refused for another reason counts: it was asked.
    assert_eq!(app.bearer(Method::GET, &format!("{FILE}/none")).await.status, 404);
    let refused = ask_each(&app).await;
    assert_eq!(statuses(&refused), [429; 5]);
    for answer in &refused {
        assert_eq!(answer.header("retry-after"), "40", "{}", answer.text());
    }
    let [renderio, swiftia, templated, merple, native] = refused;
    assert_eq!(renderio.json()["error"], "RATE_LIMITED");
    assert!(renderio.json()["message"].is_string());
    let expected = json!({
        "status": 429, "message": "Rate limit exceeded. Please try again later.",
        "code": "RATE_LIMIT_EXCEEDED", "retryAfter": 40,
    });
    assert_eq!(swiftia.json(), expected);
    let headers = ["limit", "remaining", "reset"].map(|name| format!("x-ratelimit-{name}"));
    let headers = headers.each_ref().map(|name| swiftia.header(name));
    assert_eq!(headers, ["2", "0", &format!("{WINDOW_END_SECONDS}000")]);
    assert!(templated.json()["error"].is_string());
    assert!(merple.json()["error"].is_string());
    assert_eq!(native.json()["type"], "/problems/rate-limited");
    // One millisecond before the end of the window, and at it.
    app.clock.advance(Duration::from_millis(39_499));
    assert_eq!(app.bearer(Method::GET, FILE).await.status, 429);
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(app.bearer(Method::GET, FILE).await.status, 200);
    assert_eq!(app.bearer(Method::GET, FILE).await.status, 429);
}

#[tokio::test]
async fn a_request_that_is_one_too_many_changes_nothing() {
    let app = two_requests_a_minute().await;
    let file = app.upload("a.png").await;
    assert_eq!(app.bearer(Method::GET, FILE).await.status, 200);
    let target = format!("{FILE}/{file}");
    assert_eq!(app.bearer(Method::DELETE, &target).await.status, 429);
    let part = [Part::File("b.png", "image/png", "1")];
    assert_eq!(app.post_form("/v1/upload", &app.key, &part).await.status, 429);
    assert_eq!(app.usage().await.live.files, 1);
    app.stored_blobs_become(1).await;
}

#[tokio::test]
async fn the_keys_of_an_organization_share_its_limit_and_no_other_organization_does() {
    let app = two_requests_a_minute().await;
    let (_, second) = app.new_key(Some(app.ours.id), "read", "/p").await;
    let (_, other) = app.new_key(Some(app.theirs.id), "read", "/").await;
    assert_eq!(app.bearer(Method::GET, FILE).await.status, 200);
    assert_eq!(app.as_bearer(Method::GET, FILE, &second).await.status, 200);
    assert_eq!(app.as_bearer(Method::GET, FILE, &second).await.status, 429);
    assert_eq!(app.as_bearer(Method::GET, FILE, &other).await.status, 200);
    // Whoever has no key uses up nothing, and health is nobody's.
    for _ in 0..3 {
        assert_eq!(app.as_bearer(Method::GET, FILE, "ffsk_none").await.status, 401);
        assert_eq!(app.call(Method::GET, "/healthz", &[], "").await.status, 200);
    }
    assert_eq!(app.as_bearer(Method::GET, FILE, &other).await.status, 200);
    assert_eq!(app.as_bearer(Method::GET, FILE, &other).await.status, 429);
}

/// A token of the usual key, for the dialect that takes no keys.
async fn token(app: &TestApp) -> String {
    let (id, secret) = app.new_key(Some(app.ours.id), "read,write", "/").await;
    let body = json!({ "clientId": id.to_string(), "clientSecret": secret }).to_string();
    let headers = [("content-type", "application/json")];
    let answer = app.call(Method::POST, "/v2/token", &headers, body).await;
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// Seven bytes through each way of uploading one file that there is.
async fn upload_each(app: &TestApp) -> [Answer; 7] {
    let (key, part) = (app.key.as_str(), [Part::File("a.png", "image/png", "1234567")]);
    let command = app.bearer(Method::POST, "/delenda/v1/commands").await.json();
    let output =
        format!("/delenda/v1/commands/{}/outputs/a.png", command["command_id"].as_str().unwrap());
    let bearer = format!("Bearer {key}");
    let png = [("authorization", bearer.as_str()), ("content-type", "image/png")];
    let to_path = [Part::Text("path", "/swiftia.png"), Part::File("a.png", "image/png", "1234567")];
    let renderio = [("x-api-key", key), ("content-type", FORM)];
    let token = format!("Bearer {}", token(app).await);
    let sirv = [("authorization", token.as_str()), ("content-type", "image/png")];
    [
        app.post_form(FILE, key, &to_path).await,
        app.post_form("/v1/upload", key, &part).await,
        app.call(Method::POST, "/fso?path=/a.png", &[("x-user-api-key", key)], "1234567").await,
        app.post_form(FILE, key, &part).await,
        app.call(Method::PUT, &output, &png, "1234567").await,
        app.call(Method::POST, "/api/v1/files/upload", &renderio, form(&part)).await,
        app.call(Method::POST, "/v2/files/upload?filename=/sirv.png", &sirv, "1234567").await,
    ]
}

#[tokio::test]
async fn what_the_quota_has_no_room_for_is_a_507_in_each_dialects_shape() {
    let app = app_with(PlanLimits { quota_bytes: Some(6), ..PlanLimits::default() }).await;
    let refused = upload_each(&app).await;
    assert_eq!(statuses(&refused), [507; 7]);
    let text = "the quota of 6 bytes leaves no room for this";
    let [by_path, templated, merple, by_id, native, renderio, sirv] = refused;
    for swiftia in [by_path, by_id] {
        assert_eq!(swiftia.json(), json!({ "message": text }));
    }
    for plain in [templated, merple] {
        assert_eq!(plain.json(), json!({ "error": text }));
    }
    let code = json!({ "error": "INSUFFICIENT_STORAGE", "message": text });
    assert_eq!(renderio.json(), code);
    let reason = json!({ "statusCode": 507, "error": "Insufficient Storage", "message": text });
    assert_eq!(sirv.json(), reason);
    let document = native.json();
    assert_eq!(document["type"], "/problems/insufficient-storage");
    assert_eq!(document["detail"], text);
    assert_eq!(app.usage().await.uploaded.files, 0);
    app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn a_quota_holds_through_all_doors_together() {
    let app = app_with(PlanLimits { quota_bytes: Some(21), ..PlanLimits::default() }).await;
    let answers = upload_each(&app).await;
    assert_eq!(statuses(&answers), [201, 200, 201, 507, 507, 507, 507]);
    // Overwriting counts the difference, and a deletion makes room at once.
    let merple = [("x-user-api-key", app.key.as_str())];
    let over = "/fso?path=/a.png&overwrite=true";
    assert_eq!(app.call(Method::POST, over, &merple, "12345678").await.status, 507);
    assert_eq!(app.call(Method::POST, over, &merple, "123456").await.status, 201);
    assert_eq!(app.call(Method::POST, "/fso?path=/b", &merple, "12").await.status, 507);
    assert_eq!(app.call(Method::POST, "/fso?path=/b", &merple, "1").await.status, 201);
    assert_eq!(app.call(Method::DELETE, "/fso?path=/a.png", &merple, "").await.status, 200);
    assert_eq!(app.call(Method::POST, "/fso?path=/c", &merple, "123456").await.status, 201);
    assert_eq!(app.usage().await.live.bytes, 21);
}

#[tokio::test]
async fn a_file_that_is_too_large_for_the_plan_is_a_413_and_another_type_a_415() {
    let app = app_with(PlanLimits { file_bytes_max: Some(6), ..PlanLimits::default() }).await;
    assert_eq!(statuses(&upload_each(&app).await), [413; 7]);
    let media_types = vec!["video/*".to_owned()];
    let app = app_with(PlanLimits { media_types, ..PlanLimits::default() }).await;
    assert_eq!(statuses(&upload_each(&app).await), [415; 7]);
    assert_eq!(app.usage().await.uploaded.files, 0);
    app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn too_many_bytes_that_wait_to_be_removed_are_a_507() {
    let app = app_with(PlanLimits { backlog_bytes_max: Some(10), ..PlanLimits::default() }).await;
    let merple = [("x-user-api-key", app.key.as_str())];
    assert_eq!(app.call(Method::POST, "/fso?path=/f/a", &merple, "12345678901").await.status, 201);
    app.faults.fail(crate::blobs::faulty::Call::Remove, crate::blobs::faulty::Failing::Always);
    assert_eq!(app.call(Method::DELETE, "/fso?path=/f", &merple, "").await.status, 200);
    let refused = app.call(Method::POST, "/fso?path=/b", &merple, "1").await;
    assert_eq!(refused.both().0, 507);
    app.faults.heal();
    app.clock.advance(Duration::from_secs(3600));
    app.drained().await;
    assert_eq!(app.call(Method::POST, "/fso?path=/b", &merple, "1").await.status, 201);
}

/// A body of chunks of one byte, and how many of them were taken.
fn counted_body(bytes: usize) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let chunks = (0..bytes).map(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
    });
    (Body::from_stream(stream::iter(chunks)), taken)
}

#[tokio::test]
async fn nothing_is_read_of_an_upload_that_announces_too_much() {
    let app = app_with(PlanLimits { quota_bytes: Some(6), ..PlanLimits::default() }).await;
    let request = || {
        let request = Request::post("/fso?path=/a").header("x-user-api-key", &app.key);
        request.header("content-type", "image/png")
    };
    let (body, taken) = counted_body(7);
    let announced = request().header("content-length", "7").body(body).unwrap();
    assert_eq!(app.send(announced).await.status, 507);
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    // Without an announcement it ends with the first byte that is too much.
    let (body, taken) = counted_body(1000);
    assert_eq!(app.send(request().body(body).unwrap()).await.status, 507);
    assert_eq!(taken.load(Ordering::SeqCst), 7);
    app.stored_blobs_become(0).await;
    let (body, _) = counted_body(6);
    assert_eq!(app.send(request().body(body).unwrap()).await.status, 201);
}

async fn limits(app: &TestApp) -> Value {
    let answer = app.bearer(Method::GET, "/delenda/v1/limits").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn limits_tell_the_plan_and_what_is_left_of_it() {
    let app = app_with(PlanLimits {
        requests_per_minute: Some(10),
        batch_deletions_per_hour: Some(3),
        quota_bytes: Some(100),
        quota_files: Some(5),
        backlog_bytes_max: Some(1000),
        file_bytes_max: Some(50),
        guard_files_max: Some(7),
        media_types: vec!["image/*".to_owned()],
        ..PlanLimits::default()
    })
    .await;
    app.upload("a.png").await;
    let window_end = "2023-11-14T22:14:20.000Z";
    let now = "2023-11-14T22:13:20.000Z";
    assert_eq!(
        limits(&app).await,
        json!({
            "plan": "default",
            "limits": {
                "requests_per_minute": 10, "batch_deletions_per_hour": 3,
                "batch_attempts_per_minute": 600, "quota_bytes": 100, "quota_files": 5,
                "backlog_bytes_max": 1000, "file_bytes_max": 50, "guard_files_max": 7,
                "guard_share_max": Value::Null,
                "media_types": ["image/*"],
            },
            "left": {
                "requests": { "remaining": 8, "resets_at": window_end },
                "batch_deletions": { "remaining": 3, "resets_at": now },
                "batch_attempts": { "remaining": 600, "resets_at": now },
                "storage": { "bytes": 89, "files": 4, "backlog_bytes": 1000 },
            },
        })
    );
    // What is left of the whole is not told to whoever sees a part.
    let (_, part) = app.new_key(Some(app.ours.id), "read", "/p").await;
    let answer = app.as_bearer(Method::GET, "/delenda/v1/limits", &part).await.json();
    assert_eq!(answer["left"]["storage"], Value::Null);
    let (_, blind) = app.new_key(Some(app.ours.id), "write", "/").await;
    let answer = app.as_bearer(Method::GET, "/delenda/v1/limits", &blind).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn the_default_plan_limits_batches_alone() {
    let app = TestApp::new().await;
    let none = Value::Null;
    assert_eq!(
        limits(&app).await,
        json!({
            "plan": "default",
            "limits": {
                "requests_per_minute": none, "batch_deletions_per_hour": 10,
                "batch_attempts_per_minute": 600, "quota_bytes": none, "quota_files": none,
                "backlog_bytes_max": none, "file_bytes_max": 5_497_558_138_880_u64,
                "guard_files_max": none, "guard_share_max": Value::Null,
                "media_types": none,
            },
            "left": {
                "requests": none,
                "batch_deletions": { "remaining": 10, "resets_at": "2023-11-14T22:13:20.000Z" },
                "batch_attempts": { "remaining": 600, "resets_at": "2023-11-14T22:13:20.000Z" },
                "storage": { "bytes": none, "files": none, "backlog_bytes": none },
            },
        })
    );
}

#[tokio::test]
async fn a_templated_account_tells_of_its_requests() {
    let limits = PlanLimits { requests_per_minute: Some(3), ..PlanLimits::default() };
    let app = app_with(limits).await;
    for (used, percent) in [(1, 33), (2, 66), (3, 100)] {
        let expected = json!({
            "email": "", "name": "ours", "apiUsage": used, "apiQuota": 3,
            "usagePercentage": percent, "plan": "default",
        });
        assert_eq!(app.bearer(Method::GET, "/v1/account").await.json(), expected);
    }
    assert_eq!(app.bearer(Method::GET, "/v1/account").await.status, 429);
    let app = TestApp::new().await;
    let unlimited = app.bearer(Method::GET, "/v1/account").await.json();
    assert_eq!((&unlimited["apiUsage"], &unlimited["apiQuota"]), (&json!(1), &json!(1_000_000)));
    let (_, blind) = app.new_key(Some(app.ours.id), "delete", "/").await;
    assert_eq!(app.as_bearer(Method::GET, "/v1/account", &blind).await.status, 403);
    app.service.ledger.disable_organization(app.ours.id, super::app::NOW).await.unwrap();
    let gone = app.bearer(Method::GET, "/v1/account").await;
    assert_eq!(gone.both(), (404, "{\"error\":\"User not found\"}"));
}

#[tokio::test]
async fn a_swiftia_list_tells_of_the_quota() {
    let app = app_with(PlanLimits { quota_bytes: Some(44), ..PlanLimits::default() }).await;
    let file = app.upload("a.png").await;
    let sizes = async || {
        let list = app.bearer(Method::GET, FILE).await.json();
        ["subSize", "usedSize", "usedSizePercent"].map(|name| list[name].clone())
    };
    assert_eq!(sizes().await, [json!(44e-6), json!(11e-6), json!(25.0)]);
    assert_eq!(app.bearer(Method::DELETE, &format!("{FILE}/{file}")).await.status, 200);
    assert_eq!(sizes().await, [json!(44e-6), json!(0.0), json!(0.0)]);
}
