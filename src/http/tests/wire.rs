//! The whole service behind a real socket: what only the router and the connection together show.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::app::TestApp;
use crate::http::connection::{ConnectionSettings, serve};
use crate::http::router::{render_error, router};

const EXCHANGE_MAX: Duration = Duration::from_secs(10);

/// A connection to the application.
async fn connect(app: &TestApp) -> TcpStream {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = ConnectionSettings::new(render_error);
    tokio::spawn(serve(listener, router(app.service.clone()), settings, app.stop.clone()));
    TcpStream::connect(address).await.unwrap()
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    tokio::time::timeout(EXCHANGE_MAX, read).await.expect("the server closes").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Sends the head of an upload, and then a byte each ten milliseconds until the server closes.
async fn drip(app: &TestApp, framing: &str, drop: &str) -> String {
    let (mut reading, mut writing) = connect(app).await.into_split();
    let key = &app.key;
    let head = format!(
        "POST /fso?path=/drip HTTP/1.1\r\nHost: h\r\nx-user-api-key: {key}\r\n{framing}\r\n\r\n"
    );
    let dripping = async {
        let mut sent = writing.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            sent = writing.write_all(drop.as_bytes()).await;
        }
    };
    let mut answer = Vec::new();
    let answered = async {
        // The end may come as a reset, since bytes are still on their way.
        let mut space = [0; 1024];
        while let Ok(count @ 1..) = reading.read(&mut space).await {
            answer.extend_from_slice(&space[..count]);
        }
    };
    let both = async {
        tokio::select! {
            () = dripping => {}
            () = answered => {}
        }
    };
    tokio::time::timeout(EXCHANGE_MAX, both).await.expect("the server gives up");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_that_drips_on_the_wire_is_a_408_that_closes() {
    let app = TestApp::with(|settings| {
        settings.body_idle_max = Duration::from_millis(200);
        settings.body_bytes_per_second_min = 1000;
    })
    .await;
    // Row 92. The second one sends chunks, and so more bytes of framing than of the body.
    for (framing, drop) in
        [("Content-Length: 1000000", "b"), ("Transfer-Encoding: chunked", "1\r\nb\r\n")]
    {
        let begun = Instant::now();
        let answer = drip(&app, framing, drop).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{framing}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(
            answer.ends_with("{\"error\":\"The request took too long to arrive\"}"),
            "{answer}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        app.stored_blobs_become(0).await;
        assert_eq!(app.usage().await.live.files, 0);
    }
}

#[tokio::test]
async fn the_old_protocol_gets_whole_answers_and_a_closed_connection() {
    let app = TestApp::new().await;
    let file = app.upload_to("/a.png").await;
    let key = app.key.clone();
    for (request, status, end) in [
        (
            format!("GET /fso?path=/a.png HTTP/1.0\r\nx-user-api-key: {key}\r\n\r\n"),
            200,
            "bytes of it",
        ),
        (format!("GET /v1/uploads HTTP/1.0\r\nauthorization: Bearer {key}\r\n\r\n"), 200, "}]"),
        ("GET /v1/uploads HTTP/1.0\r\n\r\n".to_owned(), 401, "}"),
        (
            format!(
                "POST /fso?path=/b HTTP/1.0\r\nx-user-api-key: {key}\r\nContent-Length: 2\r\n\r\nab"
            ),
            201,
            "}",
        ),
        (
            format!(
                "DELETE /v1/uploads?ids={file} HTTP/1.0\r\nauthorization: Bearer {key}\r\n\r\n"
            ),
            200,
            "}",
        ),
    ] {
        let mut stream = connect(&app).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.0 {status} ")), "{request}: {answer}");
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        assert!(!head.contains("transfer-encoding"), "{answer}");
        assert!(head.contains("\r\ncontent-length: "), "{answer}");
        assert!(answer.ends_with(end), "{answer}");
    }
}

#[tokio::test]
async fn the_old_protocol_may_ask_to_stay() {
    let app = TestApp::new().await;
    let mut stream = connect(&app).await;
    let stay = "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let last = "GET /healthz HTTP/1.0\r\n\r\n";
    stream.write_all(format!("{stay}{stay}{last}").as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(answer.matches("HTTP/1.0 200 OK").count(), 3, "{answer}");
}
