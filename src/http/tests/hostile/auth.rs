//! Rows 97 and 100 to 108: keys, and whose things they open.

use std::collections::HashSet;

use super::*;

/// A harmless and a harmful call of every dialect, each on a file of ours.
fn calls(hostile: &Hostile) -> Vec<(Method, String, &'static str)> {
    let file = &hostile.files[0];
    vec![
        (Method::DELETE, "/fso?path=/a".to_owned(), "x-user-api-key"),
        (Method::GET, "/fso?path=/ab".to_owned(), "x-user-api-key"),
        (Method::DELETE, format!("/api/uploads/files/{file}"), "authorization"),
        (Method::GET, format!("/api/uploads/files/{file}"), "authorization"),
        (Method::DELETE, format!("/v1/uploads?ids={file}"), "authorization"),
        (Method::GET, "/v1/uploads".to_owned(), "authorization"),
        (Method::DELETE, format!("/api/v1/commands/{UNKNOWN}/files"), "x-api-key"),
        (Method::GET, format!("/api/v1/commands/{UNKNOWN}"), "x-api-key"),
        (Method::GET, "/v2/files/stat?filename=/ab".to_owned(), "authorization"),
        (Method::POST, "/v2/files/upload?filename=/ab".to_owned(), "authorization"),
        (Method::POST, "/v2/files/batch/delete".to_owned(), "authorization"),
        (Method::GET, "/delenda/v1/usage".to_owned(), "authorization"),
        (Method::POST, "/delenda/v1/commands".to_owned(), "authorization"),
    ]
}

/// The text that opens a door, as it stands in the door's own header.
fn proof(pass: &Pass, target: &str, header: &str) -> String {
    match (header, target.starts_with("/v2")) {
        ("authorization", true) => format!("Bearer {}", pass.token),
        ("authorization", false) => format!("Bearer {}", pass.key),
        (_, _) => pass.key.clone(),
    }
}

/// Every call with these headers is one and the same 401 of its dialect, and changes nothing.
async fn assert_closed(
    hostile: &Hostile,
    row: u32,
    headers_of: impl Fn(&str, &str) -> Vec<(String, Vec<u8>)>,
) {
    let before = hostile.state().await;
    for (method, target, header) in calls(hostile) {
        let mut request = http::Request::builder().method(method.clone()).uri(&target);
        for (name, value) in headers_of(&target, header) {
            request = request.header(name, value);
        }
        let answer = hostile.app.send(request.body(Body::empty()).unwrap()).await;
        let case = format!("row {row}: {method} {target}");
        assert_refused(&answer, 401, &case);
        let bare = hostile.app.call(method, &target, &[], "").await;
        assert_eq!(answer.text(), bare.text(), "{case}");
        hostile.assert_unchanged(&before, &case).await;
    }
}

#[tokio::test]
async fn what_is_no_key_is_one_and_the_same_401() {
    let hostile = Hostile::new().await;
    let random = format!("ffsk_{}", "0123456789abcdef".repeat(4));
    for text in [
        String::new(),
        " ".to_owned(),
        "ffsk_".to_owned(),
        random.clone(),
        random.to_uppercase(),
        format!("{random} "),
        format!("{} {}", &random[..20], &random[20..]),
        hostile.ours.key[..68].to_owned(),
        format!("{}0", hostile.ours.key),
        "\u{e9}\u{20ac}".to_owned(),
        "k".repeat(60_000),
        UNKNOWN.to_owned(),
    ] {
        assert_closed(&hostile, 100, |_, header| {
            let text = match header {
                "authorization" => format!("Bearer {text}"),
                _ => text.clone(),
            };
            vec![(header.to_owned(), text.into_bytes())]
        })
        .await;
    }
}

#[tokio::test]
async fn a_key_opens_nothing_in_a_form_that_is_not_the_dialects() {
    let hostile = Hostile::new().await;
    let ours = hostile.ours.clone();
    for scheme in ["Basic ", "Bearer", "Bearer  ", "Token ", "", "Bearer\t"] {
        assert_closed(&hostile, 100, |target, header| {
            let proof = proof(&ours, target, header);
            let proof = proof.strip_prefix("Bearer ").unwrap_or(&proof).to_owned();
            let proof = if header == "authorization" {
                format!("{scheme}{proof}")
            } else {
                format!("Bearer {proof}")
            };
            vec![(header.to_owned(), proof.into_bytes())]
        })
        .await;
    }
    // Row 100: never from the query. Row 101: another dialect's header is not read.
    let before = hostile.state().await;
    for (method, target, header) in calls(&hostile) {
        let separator = if target.contains('?') { '&' } else { '?' };
        let key = &hostile.ours.key;
        let in_query =
            format!("{target}{separator}key={key}&api_key={key}&token={key}&access_token={key}");
        let answer = hostile.app.call(method.clone(), &in_query, &[], "").await;
        assert_refused(&answer, 401, "row 100: a key in the query");
        let others = ["authorization", "x-api-key", "x-user-api-key", "cookie", "x-auth-token"];
        let texts: Vec<(&str, String)> = others
            .into_iter()
            .filter(|other| *other != header)
            .map(|other| (other, proof(&hostile.ours, &target, other)))
            .collect();
        let headers: Vec<(&str, &str)> =
            texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let answer = hostile.app.call(method, &target, &headers, "").await;
        assert_refused(&answer, 401, "row 101: a key in another header");
        hostile.assert_unchanged(&before, "rows 100 and 101").await;
    }
    // A raw key is no token, and a token no key.
    assert_closed(&hostile, 101, |target, header| {
        let text = if target.starts_with("/v2") { &ours.key } else { &ours.token };
        vec![(header.to_owned(), format!("Bearer {text}").into_bytes())]
    })
    .await;
}

#[tokio::test]
async fn two_keys_in_one_header_open_nothing_and_a_second_header_is_not_read() {
    let hostile = Hostile::new().await;
    let (ours, theirs) = (hostile.ours.clone(), hostile.theirs.clone());
    for (one, other) in [(&ours, &theirs), (&theirs, &ours), (&ours, &ours)] {
        assert_closed(&hostile, 102, |target, header| {
            let proofs = [proof(one, target, header), proof(other, target, header)];
            proofs.map(|proof| (header.to_owned(), proof.into_bytes())).to_vec()
        })
        .await;
    }
    // Each dialect reads its own header alone: the other organization's key elsewhere is no key.
    let own = format!("Bearer {}", ours.key);
    let headers = [("x-user-api-key", theirs.key.as_str()), ("authorization", own.as_str())];
    let answer = hostile.app.call(Method::GET, "/delenda/v1/usage", &headers, "").await;
    assert_eq!(answer.json()["live"]["files"], OURS.len(), "row 102");
    let headers = [("x-user-api-key", ours.key.as_str()), ("authorization", own.as_str())];
    let before = hostile.state().await;
    let answer = hostile.app.call(Method::DELETE, "/fso?path=/no", &headers, "").await;
    assert_refused(&answer, 404, "row 102");
    hostile.assert_unchanged(&before, "row 102").await;
}

#[tokio::test]
async fn a_key_that_was_good_once_opens_nothing() {
    let hostile = Hostile::new().await;
    let (id, key) = hostile.app.new_key(Some(hostile.app.ours.id), "read,write,delete", "/").await;
    let token = token(&hostile.app, (id, &key), hostile.app.ours.id, "read,write,delete");
    let revoked = Pass { key, token };
    hostile.app.service.ledger.revoke_key(id, hostile.app.service.clock.now()).await.unwrap();
    assert_closed(&hostile, 103, |target, header| {
        vec![(header.to_owned(), proof(&revoked, target, header).into_bytes())]
    })
    .await;
    // By the contract a suspended organization is a 401, and Templated's 404, and no 403.
    let ours = hostile.ours.clone();
    let at = hostile.app.service.clock.now();
    hostile.app.service.ledger.disable_organization(hostile.app.ours.id, at).await.unwrap();
    for (method, target, header) in calls(&hostile) {
        let proof = proof(&ours, &target, header);
        let answer = hostile.app.call(method, &target, &[(header, &proof)], "").await;
        let status = if target.starts_with("/v1/") { 404 } else { 401 };
        assert_refused(&answer, status, &format!("row 103: {target}"));
    }
}

#[tokio::test]
async fn an_organization_that_is_not_the_keys_is_one_and_the_same_403() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    let (ours, theirs) = (hostile.app.ours.id, hostile.app.theirs.id);
    let file = &hostile.files[0];
    let mut bodies = HashSet::new();
    for (query, status) in [
        (format!("organizationId={theirs}"), 403),
        (format!("organizationId={UNKNOWN}"), 403),
        ("organizationId=*".to_owned(), 403),
        (format!("organizationId={}", ours.to_string().to_uppercase()), 403),
        (format!("organizationId={ours}&organizationId={ours}"), 400),
        (format!("organizationId={ours}&organizationId={theirs}"), 400),
        ("organizationId=".to_owned(), 400),
        (format!("organizationid={ours}"), 400),
    ] {
        let target = format!("/api/uploads/files/{file}?{query}");
        let answer = hostile.ask(Method::DELETE, &target).await;
        assert_refused(&answer, status, &format!("row 104: {query}"));
        if status == 403 {
            bodies.insert(answer.text().to_owned());
        }
        hostile.assert_unchanged(&before, &format!("row 104: {query}")).await;
    }
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn a_signed_url_is_good_for_nothing_else() {
    let hostile = Hostile::new().await;
    let shown = hostile.ask(Method::GET, &format!("/api/uploads/files/{}", hostile.files[0])).await;
    let shown = shown.json();
    let url = shown["url"].as_str().unwrap().strip_prefix("https://files.test").unwrap();
    let before = hostile.state().await;
    let ours = hostile.app.ours.id.to_string();
    let theirs = hostile.app.theirs.id.to_string();
    for (target, status) in [
        (url.replace(&ours, &theirs), 403),
        (url.replace(&hostile.files[0], &hostile.files[1]), 403),
        (url.replace(&hostile.files[0], &hostile.foreign), 403),
        (url.replace("signature=", "signature=00"), 403),
        (url.replace("expires=", "expires=9"), 403),
        (url.to_uppercase().replace("/FILES", "/files"), 404),
    ] {
        let answer = hostile.app.call(Method::GET, &target, &[], "").await;
        assert_refused(&answer, status, &format!("row 106: {target}"));
    }
    for method in [Method::DELETE, Method::POST, Method::PUT] {
        let answer = hostile.app.call(method, url, &[], "").await;
        assert_refused(&answer, 405, "row 106");
        assert!(answer.header("allow").contains("GET"), "row 106");
    }
    hostile.assert_unchanged(&before, "row 106").await;
}

#[tokio::test]
async fn headers_of_proxies_and_members_of_bodies_change_nobodys_mind() {
    let hostile = Hostile::new().await;
    let theirs = hostile.app.theirs.id.to_string();
    let before = hostile.state().await;
    let spoofed = [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-user-id", theirs.as_str()),
        ("x-organization-id", theirs.as_str()),
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/fso?path=/ab"),
    ];
    // Row 97 and row 94: only what the request line and the key say counts.
    for target in ["/fso?path=/ab", "/v1/uploads", "/delenda/v1/usage"] {
        let plain = hostile.ask(Method::GET, target).await;
        let asked = (Method::GET, target);
        let answer = hostile.ask_as(&hostile.ours, asked, &spoofed, "").await;
        assert_eq!((answer.status, answer.text()), (plain.status, plain.text()), "row 97");
        let answer = hostile.app.call(Method::GET, target, &spoofed, "").await;
        assert_refused(&answer, 401, "row 97");
    }
    for body in [
        "{\"tenant_id\":1}",
        "{\"organization\":\"x\"}",
        "{\"locked\":false}",
        "{\"closed\":false}",
    ] {
        let asked = (Method::POST, "/delenda/v1/commands");
        let answer = hostile.ask_as(&hostile.ours, asked, &[], body).await;
        assert_refused(&answer, 400, &format!("row 108: {body}"));
    }
    hostile.assert_unchanged(&before, "rows 94, 97 and 108").await;
}
