//! Tokens: who gets one, what it allows, and when it dies.

use super::*;
use crate::domain::organization::Scope;

async fn issue(sirv: &Sirv, body: &Value) -> Answer {
    sirv.app.send(json_request(Method::POST, "/v2/token", body)).await
}

#[tokio::test]
async fn a_key_with_its_id_gets_a_token_with_its_scopes() {
    let sirv = Sirv::new().await;
    let organization = sirv.app.ours.id;
    let key = sirv.key_of(organization, Scopes::usual(), "/").await;
    let body = json!({"clientId": key.id.to_string(), "clientSecret": key.text});
    let answer = issue(&sirv, &body).await;
    assert_eq!(answer.status.as_u16(), 200);
    let said: Value = serde_json::from_str(answer.text()).unwrap();
    let token = said["token"].as_str().unwrap();
    assert_eq!(
        said,
        json!({"token": token, "expiresIn": 1200, "scope": ["read", "write", "delete"]})
    );
    let stat = |token: &str| {
        request_as(token, Method::GET, "/v2/files/stat?filename=/uploads").body(Body::empty())
    };
    assert_eq!(sirv.app.send(stat(token).unwrap()).await.status.as_u16(), 200);
    let scheme = Request::get("/v2/files/stat?filename=/uploads")
        .header("authorization", format!("bEARER {token}"));
    let answer = sirv.app.send(scheme.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status.as_u16(), 200);
    sirv.app.clock.advance(Duration::from_secs(1199));
    assert_eq!(sirv.app.send(stat(token).unwrap()).await.status.as_u16(), 200);
    sirv.app.clock.advance(Duration::from_secs(1));
    let expired = sirv.app.send(stat(token).unwrap()).await;
    assert_eq!(shown(&expired), (401, UNAUTHENTICATED));
}

#[tokio::test]
async fn a_pair_that_does_not_fit_gets_no_token() {
    let sirv = Sirv::new().await;
    let other = sirv.key_of(sirv.app.theirs.id, Scopes::all(), "/").await;
    let unknown = format!("ffsk_{}", "0".repeat(64));
    let own = sirv.key.id.to_string();
    for (id, secret) in [
        (own.as_str(), other.text.as_str()),
        (&other.id.to_string(), &sirv.key.text),
        (&own, &unknown),
        (&own, ""),
        ("", &sirv.key.text),
        (&own.to_uppercase(), &sirv.key.text),
    ] {
        let answer = issue(&sirv, &json!({"clientId": id, "clientSecret": secret})).await;
        assert_eq!(shown(&answer), (401, UNAUTHENTICATED), "{id}");
    }
}

#[tokio::test]
async fn a_token_lives_as_long_as_was_asked_for_within_bounds() {
    let sirv = Sirv::new().await;
    let body = |seconds: Value| {
        json!({"clientId": sirv.key.id.to_string(), "clientSecret": sirv.key.text,
               "expiresIn": seconds})
    };
    for seconds in [5, 604_800] {
        let answer = issue(&sirv, &body(json!(seconds))).await;
        let said: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!((answer.status.as_u16(), &said["expiresIn"]), (200, &json!(seconds)));
    }
    for seconds in [json!(4), json!(604_801), json!(0)] {
        let expected = error(400, "Bad Request", "expiresIn must be from 5 to 604800");
        assert_eq!(shown(&issue(&sirv, &body(seconds)).await), (400, expected.as_str()));
    }
    for wrong in [json!(-1), json!(1.5), json!("60")] {
        assert_eq!(issue(&sirv, &body(wrong)).await.status.as_u16(), 400);
    }
    assert_eq!(issue(&sirv, &json!({"clientId": "x"})).await.status.as_u16(), 400);
    let empty = Request::post("/v2/token").body(Body::empty()).unwrap();
    let expected = error(400, "Bad Request", "the body is empty");
    assert_eq!(shown(&sirv.app.send(empty).await), (400, expected.as_str()));
}

#[tokio::test]
async fn only_a_token_opens_anything() {
    let sirv = Sirv::new().await;
    sirv.upload("/a").await;
    let tampered = format!("{}x", sirv.token);
    let unsigned = {
        let parts: Vec<&str> = sirv.token.split('.').collect();
        // {"alg":"none","typ":"JWT"}
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1])
    };
    for credential in [
        format!("Bearer {}", sirv.key.text),
        format!("Bearer {tampered}"),
        format!("Bearer {unsigned}"),
        format!("Basic {}", sirv.token),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        sirv.token.clone(),
    ] {
        let request = Request::get("/v2/files/stat?filename=/a")
            .header("authorization", &credential)
            .header("x-user-api-key", &sirv.key.text)
            .header("x-api-key", &sirv.key.text);
        let answer = sirv.app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(shown(&answer), (401, UNAUTHENTICATED), "{credential}");
    }
    let twice = sirv
        .request(Method::GET, "/v2/files/stat?filename=/a")
        .header("authorization", format!("Bearer {}", sirv.token));
    let answer = sirv.app.send(twice.body(Body::empty()).unwrap()).await;
    assert_eq!(shown(&answer), (401, UNAUTHENTICATED));
    let elsewhere = Request::delete("/fso?path=/a").header("x-user-api-key", &sirv.token);
    let answer = sirv.app.send(elsewhere.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status.as_u16(), 401);
}

#[tokio::test]
async fn a_token_dies_with_its_key() {
    let sirv = Sirv::new().await;
    assert!(sirv.is_there("/uploads").await);
    sirv.revoke().await;
    let answer = sirv.get("/v2/files/stat?filename=/uploads").await;
    assert_eq!(shown(&answer), (401, UNAUTHENTICATED));
    let body = json!({"clientId": sirv.key.id.to_string(), "clientSecret": sirv.key.text});
    assert_eq!(shown(&issue(&sirv, &body).await), (401, UNAUTHENTICATED));
}

#[tokio::test]
async fn a_token_dies_with_its_organization_and_with_the_end_of_its_key() {
    let sirv = Sirv::new().await;
    let other = sirv.key_of(sirv.app.theirs.id, Scopes::all(), "/").await;
    let token = sirv.token_for(&other).await;
    let stat = async |token: &str| {
        let request = request_as(token, Method::GET, "/v2/files/stat?filename=/uploads");
        sirv.app.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(stat(&token).await.status.as_u16(), 200);
    let now = sirv.app.clock.now();
    let ledger = &sirv.app.service.ledger;
    assert!(ledger.disable_organization(sirv.app.theirs.id, now).await.unwrap());
    assert_eq!(shown(&stat(&token).await), (401, UNAUTHENTICATED));
    let body = json!({"clientId": other.id.to_string(), "clientSecret": other.text});
    assert_eq!(shown(&issue(&sirv, &body).await), (401, UNAUTHENTICATED));
    // A key that ends before its token takes the token along, at the very millisecond.
    let ends_at = now.plus(Duration::from_millis(2_500));
    let (id, text) = sirv.app.new_key_until(sirv.app.ours.id, ends_at).await;
    let token = sirv.token_for(&KeyPair { id, text }).await;
    sirv.app.clock.set(ends_at.minus(Duration::from_millis(1)));
    assert_eq!(stat(&token).await.status.as_u16(), 200);
    sirv.app.clock.set(ends_at);
    assert_eq!(shown(&stat(&token).await), (401, UNAUTHENTICATED));
}

#[tokio::test]
async fn a_token_with_an_altered_payload_opens_nothing() {
    let sirv = Sirv::new().await;
    let theirs = sirv.token_for(&sirv.key_of(sirv.app.theirs.id, Scopes::all(), "/").await).await;
    let part = |token: &str, index: usize| token.split('.').nth(index).unwrap().to_owned();
    let own = |index: usize| part(&sirv.token, index);
    let long = format!("{}.{}.{}", own(0), "A".repeat(60_000), own(2));
    for forged in [
        // The payload of another organization's token under the signature of one's own.
        format!("{}.{}.{}", own(0), part(&theirs, 1), own(2)),
        format!("{}.{}.{}", own(0), own(1), part(&theirs, 2)),
        format!("{}.{}", own(0), own(1)),
        format!("{}.{}.", own(0), own(1)),
        format!("{}.{}.{}.{}", own(0), own(1), own(2), own(2)),
        long,
    ] {
        let request = request_as(&forged, Method::GET, "/v2/files/stat?filename=/uploads");
        let answer = sirv.app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(shown(&answer), (401, UNAUTHENTICATED), "{forged:.200}");
    }
}

#[tokio::test]
async fn each_call_needs_its_scope() {
    let sirv = Sirv::new().await;
    for (method, call, scope) in [
        (Method::POST, "upload", Scope::Write),
        (Method::GET, "stat", Scope::Read),
        (Method::GET, "download", Scope::Read),
        (Method::POST, "lock", Scope::Write),
        (Method::POST, "unlock", Scope::Admin),
    ] {
        let others = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let token = sirv.token_of(others, "/").await;
        let target = format!("/v2/files/{call}?filename=/uploads");
        let request = request_as(&token, method, &target).body(Body::empty());
        let answer = sirv.app.send(request.unwrap()).await;
        let text = format!("The API key lacks the scope '{}'", scope.as_str());
        assert_eq!(shown(&answer), (403, error(403, "Forbidden", &text).as_str()), "{call}");
    }
}
