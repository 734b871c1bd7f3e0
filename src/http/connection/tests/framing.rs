//! What stands on the wire, and what is made of it.

use super::*;

const SMUGGLED: &str = "DELETE /things/1 HTTP/1.1\r\nHost: h\r\n\r\n";

/// One head that must be refused: its 400 closes the connection, and nothing behind it runs.
#[track_caller]
fn assert_refused(server: &Server, head: &str, answer: &str) {
    assert_eq!(statuses(answer), [400], "{head:?} was answered {answer:?}");
    assert!(answer.to_lowercase().contains("connection: close"), "{head:?}: {answer}");
    assert_eq!(server.deletes(), 0, "{head:?}");
}

#[tokio::test]
async fn an_unsound_head_is_a_400_that_closes_and_nothing_behind_it_is_served() {
    let server = Server::start().await;
    let length = SMUGGLED.len();
    for head in [
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "DELETE /things/9 HTTP/1.1\r\nHost: h\r\n\n",
        "DELETE /things/9 HTTP/1.1\nHost: h\n\n",
        "DELETE /things/9 HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
        "DELETE /things/9 HTTP/1.1\r\nX: y\r\n\r\n",
        "DELETE /things/9 HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        "DELETE /things/9 HTTP/1.1\r\nHost: h/x\r\n\r\n",
        "DELETE http://other/things/9 HTTP/1.1\r\nHost: h\r\n\r\n",
        "DELETE /things/9#fragment HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n",
    ] {
        let answer = server.exchange(format!("{head}{SMUGGLED}")).await;
        assert_refused(&server, head, &answer);
        assert!(answer.contains("\r\n\r\n/") || head.starts_with("CONNECT"), "{answer}");
    }
    let hidden = format!(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nContent-Length: 0\r\n\r\n"
    );
    let answer = server.exchange(format!("{hidden}{SMUGGLED}")).await;
    assert_refused(&server, &hidden, &answer);
}

#[tokio::test]
async fn what_the_parser_rejects_is_a_400_that_closes() {
    let server = Server::start().await;
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 100000000000000000000\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "X: a\r\n folded\r\n",
        "X: a\0b\r\n",
        "no colon\r\n",
    ] {
        let head = format!("POST /echo HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let answer = server.exchange(format!("{head}{SMUGGLED}")).await;
        assert_refused(&server, &head, &answer);
    }
    for line in
        ["GET /a b HTTP/1.1", "GET /\0 HTTP/1.1", "GET /", "GET / HTTP/3.0", "G T / HTTP/1.1"]
    {
        let head = format!("{line}\r\nHost: h\r\n\r\n");
        let answer = server.exchange(format!("{head}{SMUGGLED}")).await;
        assert_refused(&server, &head, &answer);
    }
    let head = "POST /echo HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.exchange(format!("{head}0\r\n\r\n{SMUGGLED}")).await;
    assert_refused(&server, head, &answer);
}

#[tokio::test]
async fn a_preface_of_another_protocol_gets_no_service() {
    let server = Server::start().await;
    let answer = server.exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(statuses(&answer).iter().all(|status| *status == 400), "{answer}");
    let upgrade = "GET /ping HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let answer = server.exchange(upgrade).await;
    assert_eq!(statuses(&answer), [200]);
}

#[tokio::test]
async fn a_broken_chunk_ends_the_connection_and_nothing_behind_it_is_served() {
    let server = Server::start().await;
    for chunks in [
        "FFFFFFFFFFFFFFFFF\r\n",
        "1_0\r\n",
        "1;a\nb\r\nx\r\n0\r\n\r\n",
        "1\nx\r\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "+1\r\nx\r\n0\r\n\r\n",
    ] {
        for path in ["/echo", "/unread"] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked");
            let answer = server.exchange(format!("{head}\r\n\r\n{chunks}{SMUGGLED}")).await;
            let statuses = statuses(&answer);
            assert!(statuses.iter().all(|status| (400..500).contains(status)), "{answer}");
            assert_eq!(server.deletes(), 0, "{chunks:?}");
        }
    }
}

#[tokio::test]
async fn trailers_are_read_over_and_reach_nobody() {
    let server = Server::start().await;
    let answer = server
        .exchange(
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\nX-Api-Key: k\r\nHost: other\r\n\r\n\
             GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .await;
    assert_eq!(statuses(&answer), [200, 200]);
    assert!(answer.contains("\r\n\r\nabcHTTP/1.1") && answer.ends_with("pong"), "{answer}");
}

#[tokio::test]
async fn too_many_headers_too_long_a_head_and_too_long_a_target_have_their_statuses() {
    let server = Server::start().await;
    let headers = |count: usize| "x: y\r\n".repeat(count);
    let head = |target: &str, headers: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n")
    };
    assert_eq!(statuses(&server.exchange(head("/ping", &headers(98))).await), [200]);
    assert_eq!(statuses(&server.exchange(head("/ping", &headers(99))).await), [431]);
    let megabyte = format!("X: {}\r\n", "v".repeat(1 << 20));
    assert_eq!(statuses(&server.exchange(head("/ping", &megabyte)).await), [431]);
    let endless = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n";
    assert_eq!(statuses(&server.exchange(endless).await), [413]);
    let target = |bytes: usize| format!("/ping?{}", "q".repeat(bytes - 6));
    let fitting = format!("X: {}\r\n", "v".repeat(30 * 1024));
    assert_eq!(statuses(&server.exchange(head(&target(65_534), &fitting)).await), [200]);
    assert_eq!(statuses(&server.exchange(head(&target(65_535), "")).await), [414]);
    assert_eq!(statuses(&server.exchange(head(&target(400_000), "")).await), [414]);
}

#[tokio::test]
async fn the_old_protocol_is_answered_without_chunks_and_closes() {
    let server = Server::start().await;
    let answer = server.exchange("GET /stream HTTP/1.0\r\n\r\n").await;
    assert_eq!(statuses(&answer), [200]);
    assert!(!answer.to_lowercase().contains("transfer-encoding"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
    let new = "GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert!(server.exchange(new).await.contains("transfer-encoding: chunked"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().await;
    let mut requests = SMUGGLED.repeat(100);
    requests.push_str("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nend");
    requests.push_str("GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let answer = server.exchange(requests).await;
    assert_eq!(statuses(&answer), [200; 102]);
    assert!(answer.contains("\r\n\r\nendHTTP/1.1") && answer.ends_with("pong"));
    assert_eq!(server.deletes(), 100);
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_never_taken_for_a_request() {
    let server = Server::start().await;
    let length = SMUGGLED.len();
    let head = format!("DELETE /things/9 HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    let ping = "GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    // In one piece, and with the body after the answer.
    let answer = server.exchange(format!("{head}{SMUGGLED}{ping}")).await;
    assert!(statuses(&answer).iter().all(|status| *status == 200), "{answer}");
    assert_eq!(server.deletes(), 1);
    let mut client = server.connect().await;
    client.send(&head).await;
    assert!(client.read_until("deleted").await.contains("deleted"));
    client.send(format!("{SMUGGLED}{ping}")).await;
    client.read_to_end().await;
    assert_eq!(server.deletes(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_after_the_first_answer_harms_nobody() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send(SMUGGLED.repeat(100)).await;
    assert!(client.read_until("deleted").await.contains("deleted"));
    drop(client);
    let done = server.deletes();
    assert!((1..=100).contains(&done), "{done}");
    let ping = "GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert!(server.exchange(ping).await.ends_with("pong"));
}

#[tokio::test]
async fn methods_that_a_path_lacks_are_a_405_and_overrides_are_not_heard() {
    let server = Server::start().await;
    for method in ["delete", "TRACE", "GET", "CONNECT", "POST"] {
        let answer = server
            .exchange(format!(
                "{method} /things/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                 X-HTTP-Method-Override: DELETE\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
            ))
            .await;
        assert_eq!(statuses(&answer), [405], "{method}: {answer}");
        assert!(answer.contains("allow: DELETE"), "{method}: {answer}");
    }
    assert_eq!(server.deletes(), 0);
}

#[tokio::test]
async fn a_path_is_matched_as_it_stands_on_the_wire() {
    let server = Server::start().await;
    for path in ["//things/1", "/./things/1", "/x/../things/1", "/things/1/", "/things;v=1/1"] {
        let request = format!("DELETE {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&server.exchange(request).await), [404], "{path}");
    }
    assert_eq!(server.deletes(), 0);
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    let server = Server::start().await;
    let body = "b".repeat(3 << 20);
    let length = body.len();
    let head = format!("POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    let answer = server.exchange(format!("{head}{body}")).await;
    assert_eq!(statuses(&answer), [413]);
    assert!(answer.ends_with("too much"), "{answer}");
    let huge = "POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n";
    assert_eq!(statuses(&server.exchange(huge).await), [413]);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_goes_on() {
    let server = Server::start().await;
    let answer = server
        .exchange(
            "GET /panic HTTP/1.1\r\nHost: h\r\n\r\n\
             GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .await;
    assert_eq!(statuses(&answer), [500, 200]);
    assert!(answer.contains("/panic: Internal") && answer.ends_with("pong"), "{answer}");
}
