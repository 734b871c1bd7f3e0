//! The pages of the account.

use super::*;

#[tokio::test]
async fn an_account_is_the_organization_on_this_server() {
    let limits = PlanLimits { file_bytes_max: Some(50_000_000), ..PlanLimits::default() };
    let sirv = Sirv::with_plan(limits).await;
    let answer = sirv.get("/v2/account").await;
    assert_eq!(
        answer.json(),
        json!({
            "dateCreated": "2023-11-14T22:13:20.000Z", "alias": "ours",
            "fileSizeLimit": 50_000_000, "fetching": { "enabled": false },
            "minify": { "enabled": false }, "cdnTempURL": "files.test", "cdnURL": "files.test",
            "aliases": { "ours": { "prefix": "/", "cdn": false } },
            "status": { "status": "active", "details": {} },
        })
    );
    assert_eq!(answer.header("x-global-ratelimit-limit"), "1000000");
    assert_eq!(answer.header("x-ratelimit-limit"), "");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn storage_is_told_in_bytes() {
    let limits = PlanLimits { quota_bytes: Some(1000), ..PlanLimits::default() };
    let sirv = Sirv::with_plan(limits).await;
    sirv.upload("/p/a").await;
    sirv.upload("/b").await;
    let storage = |used: u64, files: u64| {
        json!({
            "plan": 1000, "burstable": 1000, "extra": 0, "used": used, "files": files,
            "quotaExceededDate": null,
        })
    };
    assert_eq!(sirv.get("/v2/account/storage").await.json(), storage(10, 2));
    sirv.submit(&["/b"]).await;
    assert_eq!(sirv.get("/v2/account/storage").await.json(), storage(5, 1));
    // A key with a prefix counts what lies there.
    let token = sirv.token_of(Scopes::usual(), "/q").await;
    let request = request_as(&token, Method::GET, "/v2/account/storage").body(Body::empty());
    assert_eq!(sirv.app.send(request.unwrap()).await.json(), storage(0, 0));
    // Without a quota it would be the store's capacity, and this one knows none.
    let sirv = Sirv::new().await;
    assert_eq!(sirv.get("/v2/account/storage").await.json()["plan"], Value::Null);
}

#[tokio::test]
async fn limits_tell_of_all_requests_and_of_batches() {
    let limits = PlanLimits { requests_per_minute: Some(7), ..PlanLimits::default() };
    let sirv = Sirv::with_plan(limits).await;
    sirv.submit(&["/gone"]).await;
    sirv.app.clock.advance(Duration::from_millis(1));
    assert_eq!(
        sirv.get("/v2/account/limits").await.json(),
        json!({
            "rest:global": { "count": 3, "limit": 7, "remaining": 4, "reset": 1_700_000_060 },
            "rest:post:files:batch:delete": {
                "count": 1, "limit": 10, "remaining": 9, "reset": 1_700_003_600,
            },
        })
    );
}

#[tokio::test]
async fn the_account_is_read_with_the_scope_to_read() {
    let sirv = Sirv::new().await;
    let token = sirv.token_of(Scopes::parse("write,delete,admin").unwrap(), "/").await;
    for page in ["", "/storage", "/limits"] {
        let request = request_as(&token, Method::GET, &format!("/v2/account{page}"));
        let answer = sirv.app.send(request.body(Body::empty()).unwrap()).await;
        let text = "The API key lacks the scope 'read'";
        assert_eq!(shown(&answer), (403, error(403, "Forbidden", text).as_str()), "{page}");
    }
}
