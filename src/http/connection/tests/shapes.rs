//! Refusals of heads have the shape of whose path they stand on, and a body in every case: with the
//! service's own rendering of errors in front of the small router.

use serde_json::{Value, json};

use super::*;
use crate::http::router::render_error;

async fn server() -> Server {
    Server::with(|settings| settings.render = render_error).await
}

/// The one answer to these bytes: status, media type and body.
async fn refused(server: &Server, bytes: &str) -> (u16, String, Value) {
    let answer = server.exchange(bytes).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let head = head.to_lowercase();
    assert!(head.contains("\r\nconnection: close"), "{head}");
    assert_eq!(server.deletes(), 0, "{bytes:.80}");
    let media_type = head.split("\r\ncontent-type: ").nth(1).unwrap().lines().next().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    (statuses(&answer)[0], media_type.to_owned(), body)
}

#[tokio::test]
async fn a_head_that_the_parser_would_refuse_bare_has_a_body() {
    let server = server().await;
    let native = "application/problem+json";
    for (bytes, status, kind) in [
        ("nonsense\r\n\r\n", 400, "/problems/invalid"),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "/problems/invalid"),
        ("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "/problems/invalid"),
        ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "/problems/invalid"),
        ("GET / HTTP/3.0\r\nHost: h\r\n\r\n", 400, "/problems/invalid"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "/problems/invalid"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400, "/problems/invalid"),
        ("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400, "/problems/invalid"),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n",
            413,
            "/problems/too-large",
        ),
    ] {
        let (found, media_type, body) = refused(&server, bytes).await;
        assert_eq!((found, media_type.as_str()), (status, native), "{bytes:?}");
        assert_eq!((&body["type"], &body["status"]), (&json!(kind), &json!(status)), "{bytes:?}");
    }
    let headers = "x: y\r\n".repeat(100);
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
    let (status, media_type, body) = refused(&server, &many).await;
    assert_eq!((status, media_type.as_str()), (431, native));
    assert_eq!(body["type"], "/problems/head-too-long");
}

#[tokio::test]
async fn a_target_that_is_too_long_is_told_in_the_shape_of_its_path() {
    let server = server().await;
    let query = "q".repeat(400_000);
    let text = "the request target is too long";
    for (path, expected) in [
        ("/v1/uploads", json!({ "error": text })),
        ("/fso", json!({ "error": text })),
        ("/api/uploads/files", json!({ "message": text })),
        ("/api/v1/commands", json!({ "error": "INVALID_REQUEST", "message": text })),
        ("/v2/files/stat", json!({ "statusCode": 414, "error": "URI Too Long", "message": text })),
    ] {
        for bytes in [70_000, 400_000] {
            let head = format!("DELETE {path}?{} HTTP/1.1\r\nHost: h\r\n\r\n", &query[..bytes]);
            let (status, media_type, body) = refused(&server, &head).await;
            assert_eq!((status, &body), (414, &expected), "{path}");
            assert_eq!(media_type, "application/json; charset=utf-8", "{path}");
        }
    }
}

#[tokio::test]
async fn a_refusal_comes_after_the_answers_to_what_stood_before_it() {
    let server = server().await;
    let ping = "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n";
    let answer = server.exchange(format!("{ping}{ping}DELETE /v1/x HTTP/9\r\n{ping}")).await;
    assert_eq!(statuses(&answer), [200, 200, 400]);
    assert!(answer.ends_with("{\"error\":\"malformed request line\"}"), "{answer}");
}

#[tokio::test]
async fn a_head_in_pieces_is_served_like_a_whole_one() {
    let server = server().await;
    let mut client = server.connect().await;
    let traffic = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
                   GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    for piece in traffic.as_bytes().chunks(7) {
        client.send(piece).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let answer = client.read_to_end().await;
    assert_eq!(statuses(&answer), [200, 200]);
    assert!(answer.contains("abcHTTP/1.1") && answer.ends_with("pong"), "{answer}");
}
