//! Limits, the headers that tell of them, and the headers for browsers.

use super::*;

const EMPTY_BATCH: &str = r#"{"filenames":[]}"#;

fn bucket(answer: &Answer) -> [&str; 4] {
    ["limit", "remaining", "reset", "type"]
        .map(|part| answer.header(&format!("x-ratelimit-{part}")))
}

fn global(answer: &Answer) -> [&str; 3] {
    ["limit", "remaining", "reset"].map(|part| answer.header(&format!("x-global-ratelimit-{part}")))
}

#[tokio::test]
async fn ten_batches_in_an_hour_are_accepted_and_no_more() {
    let sirv = Sirv::new().await;
    // 2023-11-14T22:13:20Z
    let start = 1_700_000_000;
    for accepted in 1..=10 {
        let answer = sirv.batch(r#"{"filenames":["/gone"]}"#).await;
        assert_eq!(answer.status.as_u16(), 200);
        let (remaining, reset) = ((10 - accepted).to_string(), (start + 3600).to_string());
        let expected = ["10", &remaining, &reset, "rest:post:files:batch:delete"];
        assert_eq!(bucket(&answer), expected);
        // Refused requests do not count; a bucket that is used up is told before what is wrong.
        let status = if accepted < 10 { 400 } else { 429 };
        assert_eq!(sirv.batch(EMPTY_BATCH).await.status.as_u16(), status);
    }
    sirv.app.clock.advance(Duration::from_millis(1_500));
    let refused = sirv.batch(r#"{"filenames":["/gone"]}"#).await;
    let message = "Rate limit exceeded. Too many requests. Stop sending requests until \
                   2023-11-14T23:13:20.000Z (UTC)";
    let expected = error(429, "Too Many Requests", message);
    assert_eq!(shown(&refused), (429, expected.as_str()));
    assert_eq!(refused.header("retry-after"), "3599");
    let reset = (start + 3600).to_string();
    assert_eq!(bucket(&refused), ["10", "0", &reset, "rest:post:files:batch:delete"]);
    sirv.app.clock.advance(Duration::from_secs(3599));
    assert_eq!(sirv.batch(r#"{"filenames":["/gone"]}"#).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_malformed_query_is_told_with_the_headers_of_every_authenticated_answer() {
    let sirv = Sirv::new().await;
    for target in ["/v2/files/stat?filename=%zz", "/v2/files/stat?filename=%ff", "/v2/files/stat"] {
        let answer = sirv.get(target).await;
        assert_eq!(answer.status.as_u16(), 400, "{target}");
        assert_eq!(global(&answer)[0], "1000000", "{target}");
    }
    let answer = sirv.post(&format!("{BATCH}?%zz"), r#"{"filenames":["/gone"]}"#).await;
    assert_eq!((answer.status.as_u16(), global(&answer)[0]), (400, "1000000"));
    assert_eq!(bucket(&answer)[..2], ["10", "10"]);
}

#[tokio::test]
async fn another_organization_has_its_own_allowance() {
    let sirv = Sirv::new().await;
    for _ in 0..10 {
        sirv.submit(&["/gone"]).await;
    }
    let other = sirv.app.theirs.id;
    let token = sirv.token_for(&sirv.key_of(other, Scopes::all(), "/").await).await;
    let body = Body::from(r#"{"filenames":["/gone"]}"#);
    let request = request_as(&token, Method::POST, BATCH).body(body).unwrap();
    assert_eq!(sirv.app.send(request).await.status.as_u16(), 200);
    // Another key of the same organization shares the first one's.
    let token = sirv.token_of(Scopes::all(), "/").await;
    let body = Body::from(r#"{"filenames":["/gone"]}"#);
    let request = request_as(&token, Method::POST, BATCH).body(body).unwrap();
    assert_eq!(sirv.app.send(request).await.status.as_u16(), 429);
}

#[tokio::test]
async fn a_flood_of_refused_attempts_is_refused() {
    let sirv = Sirv::new().await;
    for _ in 0..600 {
        assert_eq!(sirv.batch(EMPTY_BATCH).await.status.as_u16(), 400);
    }
    let refused = sirv.batch(r#"{"filenames":["/gone"]}"#).await;
    assert_eq!(refused.status.as_u16(), 429);
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(refused.header("x-ratelimit-limit"), "10");
    sirv.app.clock.advance(Duration::from_millis(59_999));
    let refused = sirv.batch(r#"{"filenames":["/gone"]}"#).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    sirv.app.clock.advance(Duration::from_millis(1));
    assert_eq!(sirv.batch(r#"{"filenames":["/gone"]}"#).await.status.as_u16(), 200);
}

#[tokio::test]
async fn authenticated_answers_tell_how_many_calls_are_left() {
    let sirv = Sirv::new().await;
    // The token was the first of them.
    sirv.upload("/a").await;
    let reset = "1700002800";
    let stat = sirv.get("/v2/files/stat?filename=/a").await;
    assert_eq!(global(&stat), ["1000000", "999997", reset]);
    let missing = sirv.get("/v2/files/stat?filename=/b").await;
    assert_eq!((missing.status.as_u16(), global(&missing)), (404, ["1000000", "999996", reset]));
    let refused = sirv.batch(EMPTY_BATCH).await;
    assert_eq!(global(&refused), ["1000000", "999995", reset]);
    let download = sirv.get("/v2/files/download?filename=/a").await;
    assert_eq!((download.status.as_u16(), global(&download)), (200, ["", "", ""]));
    let request = Request::get("/v2/files/stat?filename=/a").body(Body::empty()).unwrap();
    let nobody = sirv.app.send(request).await;
    assert_eq!((nobody.status.as_u16(), global(&nobody)), (401, ["", "", ""]));
    // Calls through other doors are calls of the organization too.
    assert_eq!(sirv.app.bearer(Method::GET, "/v1/uploads").await.status.as_u16(), 200);
    let stat = sirv.get("/v2/files/stat?filename=/a").await;
    assert_eq!(global(&stat), ["1000000", "999992", reset]);
}

#[tokio::test]
async fn the_general_headers_tell_the_plans_limit_and_its_429_does_too() {
    let limits = PlanLimits { requests_per_minute: Some(3), ..PlanLimits::default() };
    let sirv = Sirv::with_plan(limits).await;
    let reset = "1700000060";
    sirv.app.clock.advance(Duration::from_millis(10_001));
    let first = sirv.get("/v2/files/stat?filename=/uploads").await;
    assert_eq!((first.status.as_u16(), global(&first)), (200, ["3", "1", reset]));
    let last = sirv.get("/v2/files/stat?filename=/uploads").await;
    assert_eq!((last.status.as_u16(), global(&last)), (200, ["3", "0", reset]));
    let message = "Rate limit exceeded. Too many requests. Stop sending requests until \
                   2023-11-14T22:14:20.000Z (UTC)";
    let expected = error(429, "Too Many Requests", message);
    for target in ["/v2/files/stat?filename=/uploads", "/v2/account/limits"] {
        let refused = sirv.get(target).await;
        assert_eq!(shown(&refused), (429, expected.as_str()));
        assert_eq!(global(&refused), ["3", "0", reset]);
        assert_eq!(refused.header("retry-after"), "50");
        assert_eq!(refused.header("access-control-allow-origin"), "*");
    }
    let token = json!({"clientId": sirv.key.id.to_string(), "clientSecret": sirv.key.text});
    let refused = sirv.app.send(json_request(Method::POST, "/v2/token", &token)).await;
    assert_eq!(shown(&refused), (429, expected.as_str()));
    sirv.app.clock.advance(Duration::from_millis(49_999));
    let again = sirv.get("/v2/files/stat?filename=/uploads").await;
    // The token's request has left the window.
    assert_eq!((again.status.as_u16(), global(&again)), (200, ["3", "0", "1700000071"]));
}

#[tokio::test]
async fn a_plan_has_its_own_number_of_batches_and_attempts() {
    let sirv = Sirv::with_plan(PlanLimits {
        batch_deletions_per_hour: Some(1),
        batch_attempts_per_minute: Some(3),
        ..PlanLimits::default()
    })
    .await;
    let refused = |answer: Answer, wait: &str| {
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, wait));
        answer
    };
    for _ in 0..3 {
        assert_eq!(sirv.batch(EMPTY_BATCH).await.status.as_u16(), 400);
    }
    refused(sirv.batch(EMPTY_BATCH).await, "60");
    sirv.app.clock.advance(Duration::from_secs(60));
    sirv.submit(&["/gone"]).await;
    let second = refused(sirv.batch(r#"{"filenames":["/gone"]}"#).await, "3600");
    assert_eq!(bucket(&second)[..2], ["1", "0"]);
    // Over both limits: the longer wait is told.
    for _ in 0..3 {
        refused(sirv.batch(EMPTY_BATCH).await, "3600");
    }
    sirv.app.clock.advance(Duration::from_secs(3600));
    sirv.submit(&["/gone"]).await;
}

#[tokio::test]
async fn a_jobs_progress_tells_of_the_bucket_and_takes_nothing_from_it() {
    let sirv = Sirv::new().await;
    let job = sirv.submit(&["/gone"]).await;
    let reset = (1_700_000_000 + 3600).to_string();
    for _ in 0..20 {
        let answer = sirv.progress(&job).await;
        assert_eq!(bucket(&answer), ["10", "9", &reset, "rest:post:files:batch:delete"]);
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_call() {
    let sirv = Sirv::new().await;
    for target in [BATCH, "/v2/token", "/v2/files/upload", "/v2/files/stat"] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(target)
            .header("origin", "https://example.com")
            .header("access-control-request-method", "POST");
        let answer = sirv.app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(shown(&answer), (204, ""), "{target}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(
            answer.header("access-control-allow-methods"),
            "GET, HEAD, POST, DELETE, OPTIONS"
        );
        assert_eq!(
            answer.header("access-control-allow-headers"),
            "authorization, content-type, range"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    sirv.upload("/a").await;
    for target in ["/v2/files/stat?filename=/a", "/v2/files/stat", "/v2/nothing", "/v2/files/lock"]
    {
        let answer = sirv.get(target).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{target}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_told_in_the_same_shape() {
    let sirv = Sirv::new().await;
    let nothing = sirv.get("/v2/files/nothing").await;
    assert_eq!(shown(&nothing), (404, NOT_FOUND));
    let method = sirv.get("/v2/files/upload").await;
    let expected = error(405, "Method Not Allowed", "Method not allowed");
    assert_eq!(shown(&method), (405, expected.as_str()));
    assert_eq!(method.header("allow"), "POST,OPTIONS");
    assert_eq!(method.header("content-type"), "application/json; charset=utf-8");
}
