//! Raw bytes against a server with a small router: what is refused, what is bounded, and that
//! nothing smuggled is ever served.

mod framing;
mod heads;
mod patience;
mod shapes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use futures::StreamExt;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{ConnectionSettings, serve};
use crate::http::error::ApiError;

/// No exchange of a test takes longer.
const EXCHANGE_MAX: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    deletes: Arc<AtomicUsize>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

fn render(path: &str, error: ApiError) -> Response {
    match error {
        ApiError::Invalid(text) => {
            (StatusCode::BAD_REQUEST, format!("{path}: {text}")).into_response()
        }
        ApiError::HeadTooLong(part) => (part.status(), format!("{path}: {part:?}")).into_response(),
        ApiError::TooLarge { limit } => {
            (StatusCode::PAYLOAD_TOO_LARGE, format!("{path}: {limit}")).into_response()
        }
        other => (StatusCode::INTERNAL_SERVER_ERROR, format!("{path}: {other:?}")).into_response(),
    }
}

fn router(deletes: Arc<AtomicUsize>) -> Router {
    let count = move || async move {
        deletes.fetch_add(1, Ordering::SeqCst);
        "deleted"
    };
    Router::new()
        .route("/ping", get(|| async { "pong" }))
        .route("/things/{id}", delete(count))
        .route("/echo", post(|body: Bytes| async { body }))
        .route("/unread", post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too much") }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(400)).await;
                "slow"
            }),
        )
        .route("/stuck", get(std::future::pending::<()>))
        .route(
            "/stream",
            get(|| async {
                let parts = ["a", "b", "c"].map(|part| Ok::<_, std::io::Error>(Bytes::from(part)));
                Body::from_stream(futures::stream::iter(parts))
            }),
        )
        .route(
            "/flood",
            get(|| async {
                let part =
                    || async { Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16_384])) };
                Body::from_stream(futures::stream::repeat_with(part).then(std::convert::identity))
            }),
        )
        .route("/panic", get(panics))
}

#[expect(clippy::panic, reason = "the test is about panics")]
async fn panics() -> &'static str {
    panic!("as the test wants it")
}

impl Server {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ConnectionSettings)) -> Self {
        let mut settings = ConnectionSettings::new(render);
        change(&mut settings);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let deletes = Arc::new(AtomicUsize::new(0));
        let stop = CancellationToken::new();
        let router = router(Arc::clone(&deletes));
        let serving = tokio::spawn(serve(listener, router, settings, stop.clone()));
        Self { address, deletes, stop, serving }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends bytes on a new connection and reads until the server closes it.
    async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.read_to_end().await
    }

    fn deletes(&self) -> usize {
        self.deletes.load(Ordering::SeqCst)
    }
}

struct Client(TcpStream);

impl Client {
    /// The server may have refused and closed before all is sent; what it says is read later.
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.0.write_all(bytes.as_ref()).await);
    }

    /// All that comes until the server closes.
    async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.0.read_to_end(&mut bytes);
        tokio::time::timeout(EXCHANGE_MAX, read).await.expect("the server closes").ok();
        String::from_utf8(bytes).unwrap()
    }

    /// What comes until `end` has come, or the server closes.
    async fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        let mut space = [0; 4096];
        while !text.contains(end) {
            let read = tokio::time::timeout(EXCHANGE_MAX, self.0.read(&mut space));
            match read.await.expect("the server answers") {
                Ok(count) if count > 0 => {
                    text.push_str(str::from_utf8(&space[..count]).unwrap());
                }
                Ok(_) | Err(_) => break,
            }
        }
        text
    }
}

/// The statuses of all answers in `text`, in order.
fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.")
        .skip(1)
        .filter_map(|answer| answer.split(' ').nth(1)?.parse().ok())
        .collect()
}
