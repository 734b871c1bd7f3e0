//! Errors that a request can bring about, brought about: through each door one request for each.

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::super::app::{Answer, Part, TestApp, form};
use crate::blobs::faulty::{Call, Failing};
use crate::domain::organization::Scope;

/// Bytes of an upload at most, in these tests.
const UPLOAD_BYTES_MAX: u64 = 1000;
/// The type of the forms that are sent.
const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=boundary-of-the-form");

/// A door with keys for it: the header that holds them, and what it says for each.
struct Door {
    app: TestApp,
    header: &'static str,
    /// May do everything.
    all: String,
    /// May do everything but one thing.
    others: String,
    /// May do everything, in one folder.
    prefixed: String,
}

impl Door {
    /// The doors that take a key behind this word in this header.
    async fn open(header: &'static str, word: &str, lacking: Scope) -> Self {
        let app = TestApp::with(|settings| settings.upload_bytes_max = UPLOAD_BYTES_MAX).await;
        let mut keys = Vec::new();
        let others = Scope::ALL.into_iter().filter(|scope| *scope != lacking);
        let others: crate::domain::organization::Scopes = others.collect();
        for (scopes, prefix) in [
            ("read,write,delete,admin", "/"),
            (others.to_string().as_str(), "/"),
            ("read,write,delete,admin", "/team"),
        ] {
            let (id, key) = app.new_key(Some(app.ours.id), scopes, prefix).await;
            let proof = match word {
                "token" => token(&app, &id.to_string(), &key).await,
                _ => key,
            };
            keys.push(match header {
                "authorization" => format!("Bearer {proof}"),
                _ => proof,
            });
        }
        let [all, others, prefixed] = keys.try_into().unwrap();
        Self { app, header, all, others, prefixed }
    }

    async fn call(
        &self,
        key: &str,
        call: (Method, &str),
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut all = vec![(self.header, key)];
        all.extend_from_slice(headers);
        self.app.call(call.0, call.1, &all, body).await
    }

    /// A request without a body.
    async fn plain(&self, key: &str, method: Method, target: &str) -> Answer {
        self.call(key, (method, target), &[], Body::empty()).await
    }
}

async fn token(app: &TestApp, id: &str, key: &str) -> String {
    let body = json!({ "clientId": id, "clientSecret": key }).to_string();
    let headers = [("content-type", "application/json")];
    let answer = app.call(Method::POST, "/v2/token", &headers, body).await;
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn check(answer: &Answer, media_type: &str, status: u16, body: &Value) {
    assert_eq!((answer.status.as_u16(), answer.json()), (status, body.clone()));
    assert_eq!(answer.header("content-type"), media_type, "{body}");
}

fn too_large() -> String {
    form(&[Part::File("a.png", "image/png", &"a".repeat(1001))])
}

fn small() -> String {
    form(&[Part::File("a.png", "image/png", "a")])
}

#[tokio::test]
async fn what_a_request_to_renderio_can_do_wrong_is_told_in_its_shape() {
    let door = Door::open("x-api-key", "key", Scope::Write).await;
    let told = |answer: &Answer, status: u16, code: &str, text: &str| {
        check(answer, super::JSON, status, &json!({ "error": code, "message": text }));
    };
    let files = "/api/v1/files";
    let answer = door.plain("no", Method::GET, files).await;
    told(&answer, 401, "UNAUTHORIZED", "Missing or invalid API key");
    let post = || (Method::POST, "/api/v1/files/upload");
    let answer = door.call(&door.others, post(), &[FORM], small()).await;
    told(&answer, 403, "FORBIDDEN", "The API key lacks the scope 'write'");
    let answer = door.plain(&door.all, Method::PATCH, files).await;
    told(&answer, 405, "METHOD_NOT_ALLOWED", "Method not allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    told(&door.plain(&door.all, Method::GET, "/api/v1/else").await, 404, "NOT_FOUND", "Not found");
    let answer = door.plain(&door.all, Method::GET, &format!("{files}?limit=a")).await;
    let text = "query parameter 'limit' must be a whole number from 1 to 100";
    told(&answer, 400, "INVALID_REQUEST", text);
    let answer = door.call(&door.all, post(), &[FORM], too_large()).await;
    told(&answer, 413, "PAYLOAD_TOO_LARGE", "At most 1000 bytes are accepted");
    let encoded = [FORM, ("content-encoding", "gzip")];
    let answer = door.call(&door.all, post(), &encoded, small()).await;
    told(&answer, 415, "INVALID_REQUEST", "The media type is not accepted");
    let answer = door.call(&door.all, post(), &[], small()).await;
    told(&answer, 422, "VALIDATION_ERROR", "the body is not multipart/form-data");
    let answer = door.plain(&door.all, Method::POST, "/api/v1/run-ffmpeg-command").await;
    told(&answer, 501, "NOT_IMPLEMENTED", "Not implemented");
    let stored = door.call(&door.all, post(), &[FORM], small()).await.json();
    let file = stored["file_id"].as_str().unwrap();
    door.app.lock(&format!("/uploads/2023-11-14/{file}-a.png"), true).await;
    let answer = door.plain(&door.all, Method::DELETE, &format!("{files}/{file}")).await;
    told(&answer, 409, "CONFLICT", "A file is locked");
    door.app.faults.fail(Call::Finish, Failing::Afterwards);
    let answer = door.call(&door.all, post(), &[FORM], small()).await;
    told(&answer, 503, "UNAVAILABLE", "Not available for the moment");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn what_a_request_to_swiftia_can_do_wrong_is_told_in_its_shape() {
    let door = Door::open("authorization", "key", Scope::Delete).await;
    let told = |answer: &Answer, status: u16, text: &str| {
        check(answer, super::JSON, status, &json!({ "message": text }));
    };
    let files = "/api/uploads/files";
    let answer = door.plain("Bearer no", Method::GET, files).await;
    check(&answer, super::JSON, 401, &json!({ "error": "Unauthorized" }));
    let answer = door.plain(&door.others, Method::DELETE, &format!("{files}/a")).await;
    told(&answer, 403, "The API key lacks the scope 'delete'");
    let answer = door.plain(&door.all, Method::PATCH, files).await;
    told(&answer, 405, "Method not allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    told(&door.plain(&door.all, Method::GET, "/api/uploads/else").await, 404, "File not found");
    let answer = door.plain(&door.all, Method::GET, &format!("{files}?a=%zz")).await;
    told(&answer, 400, "the query has a malformed percent escape");
    let post = || (Method::POST, files);
    let outside = form(&[Part::Text("path", "/else/a"), Part::File("a.png", "image/png", "a")]);
    let answer = door.call(&door.prefixed, post(), &[FORM], outside).await;
    told(&answer, 403, "The path lies outside of the API key's prefix");
    let folder = form(&[Part::Text("path", "/uploads"), Part::File("a.png", "image/png", "a")]);
    let answer = door.call(&door.all, post(), &[FORM], folder).await;
    told(&answer, 409, "a folder is at this path");
    let answer = door.call(&door.all, post(), &[FORM], too_large()).await;
    told(&answer, 413, "At most 1000 bytes are accepted");
    let encoded = [FORM, ("content-encoding", "gzip")];
    let answer = door.call(&door.all, post(), &encoded, small()).await;
    told(&answer, 415, "The media type is not accepted");
    door.app.faults.fail(Call::Finish, Failing::Afterwards);
    let answer = door.call(&door.all, post(), &[FORM], small()).await;
    told(&answer, 503, "Not available for the moment");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn what_a_request_to_templated_can_do_wrong_is_told_in_its_shape() {
    let door = Door::open("authorization", "key", Scope::Read).await;
    let told = |answer: &Answer, status: u16, text: &str| {
        check(answer, super::JSON, status, &json!({ "error": text }));
    };
    told(&door.plain("Bearer no", Method::GET, "/v1/uploads").await, 401, "Not authorized");
    let answer = door.plain(&door.others, Method::GET, "/v1/uploads").await;
    told(&answer, 403, "The API key lacks the scope 'read'");
    let answer = door.plain(&door.all, Method::PATCH, "/v1/uploads").await;
    told(&answer, 405, "Method not allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD,DELETE");
    told(&door.plain(&door.all, Method::GET, "/v1/else").await, 404, "Not found");
    let answer = door.plain(&door.all, Method::GET, "/v1/uploads?limit=101").await;
    told(&answer, 400, "query parameter 'limit' must be a whole number from 1 to 100");
    let post = || (Method::POST, "/v1/upload");
    let answer = door.call(&door.all, post(), &[FORM], too_large()).await;
    told(&answer, 413, "At most 1000 bytes are accepted");
    let encoded = [FORM, ("content-encoding", "gzip")];
    let answer = door.call(&door.all, post(), &encoded, small()).await;
    told(&answer, 415, "The media type is not accepted");
    door.app.faults.fail(Call::Finish, Failing::Afterwards);
    let answer = door.call(&door.all, post(), &[FORM], small()).await;
    told(&answer, 503, "Not available for the moment");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn what_a_request_to_merple_can_do_wrong_is_told_in_its_shape() {
    let door = Door::open("x-user-api-key", "key", Scope::Write).await;
    let told = |answer: &Answer, status: u16, text: &str| {
        check(answer, super::JSON, status, &json!({ "error": text }));
    };
    let answer = door.plain("no", Method::GET, "/fso?path=/a").await;
    told(&answer, 401, "Missing or invalid API key");
    let answer = door.plain(&door.others, Method::POST, "/fso?path=/a").await;
    told(&answer, 403, "The API key lacks the scope 'write'");
    let answer = door.plain(&door.all, Method::PATCH, "/fso").await;
    told(&answer, 405, "Method not allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD,POST,DELETE");
    let answer = door.plain(&door.all, Method::GET, "/fso?path=/a").await;
    told(&answer, 404, "File or folder not found");
    told(&door.plain(&door.all, Method::GET, "/fso").await, 400, "path is required");
    let answer = door.plain(&door.prefixed, Method::POST, "/fso?path=/a").await;
    told(&answer, 403, "The path lies outside of the API key's prefix");
    assert_eq!(door.plain(&door.all, Method::POST, "/fso?path=/a").await.status, 201);
    let answer = door.plain(&door.all, Method::POST, "/fso?path=/a").await;
    told(&answer, 409, "a file exists at this path");
    let post = || (Method::POST, "/fso?path=/b");
    let answer = door.call(&door.all, post(), &[], "b".repeat(1001)).await;
    told(&answer, 413, "At most 1000 bytes are accepted");
    let answer = door.call(&door.all, post(), &[("content-encoding", "gzip")], "b").await;
    told(&answer, 415, "The media type is not accepted");
    let get = (Method::GET, "/fso?path=/a");
    let answer = door.call(&door.all, get, &[("range", "bytes=1-")], "").await;
    told(&answer, 416, "The range lies outside of the file, which has 0 bytes");
    assert_eq!(answer.header("content-range"), "bytes */0");
    door.app.lock("/a", true).await;
    let answer = door.plain(&door.all, Method::DELETE, "/fso?path=/a").await;
    let locked = json!({ "error": "Locked: nothing was changed", "locked": ["/a"] });
    check(&answer, super::JSON, 409, &locked);
    door.app.faults.fail(Call::Finish, Failing::Afterwards);
    let answer = door.call(&door.all, post(), &[], "b").await;
    told(&answer, 503, "Not available for the moment");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn what_a_request_to_sirv_can_do_wrong_is_told_in_its_shape() {
    let door = Door::open("authorization", "token", Scope::Write).await;
    let told = |answer: &Answer, status: u16, reason: &str, text: &str| {
        let body = json!({ "statusCode": status, "error": reason, "message": text });
        check(answer, super::JSON, status, &body);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    };
    let stat = "/v2/files/stat?filename=/a";
    let answer = door.plain("Bearer no", Method::GET, stat).await;
    told(&answer, 401, "Unauthorized", "Missing authentication");
    let upload = || (Method::POST, "/v2/files/upload?filename=/a");
    let answer = door.call(&door.others, upload(), &[], "a").await;
    told(&answer, 403, "Forbidden", "The API key lacks the scope 'write'");
    let answer = door.plain(&door.all, Method::PATCH, stat).await;
    told(&answer, 405, "Method Not Allowed", "Method not allowed");
    told(&door.plain(&door.all, Method::GET, stat).await, 404, "Not Found", "Not found");
    let answer = door.plain(&door.all, Method::GET, "/v2/files/stat").await;
    told(&answer, 400, "Bad Request", "filename is required");
    let answer = door.call(&door.prefixed, upload(), &[], "a").await;
    told(&answer, 403, "Forbidden", "The path lies outside of the API key's prefix");
    let onto = (Method::POST, "/v2/files/upload?filename=/uploads");
    let answer = door.call(&door.all, onto, &[], "a").await;
    told(&answer, 409, "Conflict", "a folder is at this path");
    let answer = door.call(&door.all, upload(), &[], "a".repeat(1001)).await;
    told(&answer, 413, "Request Entity Too Large", "At most 1000 bytes are accepted");
    let batch = || (Method::POST, "/v2/files/batch/delete");
    let answer = door.call(&door.all, batch(), &[("content-type", "text/plain")], "{}").await;
    told(&answer, 415, "Unsupported Media Type", "The media type is not accepted");
    for _ in 0..10 {
        let accepted = door.call(&door.all, batch(), &[], "{\"filenames\":[\"/a\"]}").await;
        assert_eq!(accepted.status, 200);
    }
    let answer = door.call(&door.all, batch(), &[], "{\"filenames\":[\"/a\"]}").await;
    let until = "2023-11-14T23:13:20.000Z (UTC)";
    let text =
        format!("Rate limit exceeded. Too many requests. Stop sending requests until {until}");
    told(&answer, 429, "Too Many Requests", &text);
    assert_eq!(answer.header("retry-after"), "3600");
    assert_eq!(door.call(&door.all, upload(), &[], "a").await.status, 200);
    door.app.lock("/a", true).await;
    let answer = door.call(&door.all, upload(), &[], "a").await;
    told(&answer, 423, "Locked", "Locked");
    door.app.lock("/a", false).await;
    door.app.faults.fail(Call::Finish, Failing::Afterwards);
    let answer = door.call(&door.all, upload(), &[], "a").await;
    told(&answer, 503, "Service Unavailable", "Not available for the moment");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn what_a_request_to_the_native_api_can_do_wrong_is_a_problem() {
    let door = Door::open("authorization", "key", Scope::Write).await;
    let told = |answer: &Answer, status: u16, word: &str, title: &str, detail: Option<&str>| {
        let mut body =
            json!({ "type": format!("/problems/{word}"), "title": title, "status": status });
        if let Some(detail) = detail {
            body["detail"] = json!(detail);
        }
        check(answer, "application/problem+json", status, &body);
    };
    let usage = "/delenda/v1/usage";
    let answer = door.plain("Bearer no", Method::GET, usage).await;
    told(&answer, 401, "unauthenticated", "Missing or invalid API key", None);
    let commands = "/delenda/v1/commands";
    let answer = door.plain(&door.others, Method::POST, commands).await;
    let detail = Some("The API key lacks the scope 'write'");
    told(&answer, 403, "forbidden", "The API key may not do this", detail);
    let answer = door.plain(&door.all, Method::PATCH, usage).await;
    told(&answer, 405, "method-not-allowed", "Method not allowed", None);
    let answer = door.plain(&door.all, Method::GET, "/delenda/v1/else").await;
    told(&answer, 404, "not-found", "Not found", None);
    let answer = door.plain(&door.all, Method::GET, "/delenda/v1/usage?organization=else").await;
    let title = "The API key belongs to another organization";
    told(&answer, 403, "organization-mismatch", title, None);
    let answer = door.plain(&door.all, Method::GET, "/delenda/v1/usage?a=%zz").await;
    let detail = Some("the query has a malformed percent escape");
    told(&answer, 400, "invalid", "The request is not valid", detail);
    let answer = door.call(&door.all, (Method::POST, commands), &[FORM], "{}").await;
    let title = "The media type is not accepted";
    told(&answer, 415, "unsupported-media-type", title, None);
    let made = door.plain(&door.all, Method::POST, commands).await;
    let command = made.json()["command_id"].as_str().unwrap().to_owned();
    let output = format!("{commands}/{command}/outputs/a");
    let answer = door.call(&door.all, (Method::PUT, &output), &[], "a".repeat(1001)).await;
    let detail = Some("At most 1000 bytes are accepted");
    told(&answer, 413, "too-large", "The body is too large", detail);
    door.app.faults.fail(Call::Finish, Failing::Afterwards);
    let answer = door.call(&door.all, (Method::PUT, &output), &[], "a").await;
    told(&answer, 503, "unavailable", "Not available for the moment", None);
    assert_eq!(answer.header("retry-after"), "1");
}
