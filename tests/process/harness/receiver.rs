//! A receiver of webhooks: keeps what it is sent, and answers as it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;

const WAIT_MAX: Duration = Duration::from_secs(30);
const POLL_PERIOD: Duration = Duration::from_millis(10);

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// By a status.
    Status(u16),
    /// By a redirect to this url.
    Redirect(String),
    /// Not at all.
    Silence,
}

/// What was sent.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    /// A header, which must be there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().unwrap()
    }

    /// By which a repeat is known.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Which of the signatures this secret made, by a computation of this file's own.
    pub fn signed_by(&self, secret: &str) -> Option<usize> {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(self.id().as_bytes());
        mac.update(b".");
        mac.update(self.header("webhook-timestamp").as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        let own = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').position(|signature| signature == own)
    }
}

/// What a receiver has, and what it will say.
#[derive(Default)]
struct Desk {
    received: Vec<Received>,
    next: VecDeque<Reply>,
    usual: Option<Reply>,
}

/// A receiver that listens on this machine until it is dropped.
pub struct Receiver {
    desk: Arc<Mutex<Desk>>,
    port: u16,
    listening: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// One that answers 204 unless it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let desk: Arc<Mutex<Desk>> = Arc::default();
        let listening = tokio::spawn(listen(listener, Arc::clone(&desk)));
        Self { desk, port, listening }
    }

    /// Where it is, by its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Where it is, by a name.
    pub fn named_url(&self) -> String {
        format!("http://localhost:{}/hook", self.port)
    }

    /// Answers the next requests so, and those behind them as usual.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.desk.lock().unwrap().next.extend(replies);
    }

    /// Answers so from now on.
    pub fn reply_always(&self, reply: Reply) {
        self.desk.lock().unwrap().usual = Some(reply);
    }

    /// Everything that was sent so far.
    pub fn received(&self) -> Vec<Received> {
        self.desk.lock().unwrap().received.clone()
    }

    /// Everything, once it is this much.
    pub async fn received_become(&self, count: usize) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(begun.elapsed() < WAIT_MAX, "only {} came", received.len());
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, desk: Arc<Mutex<Desk>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let service = service_fn(move |request| receive(Arc::clone(&desk), request));
            let serving = hyper::server::conn::http1::Builder::new();
            // A sender that goes away is no failure of the receiver's.
            let _ = serving.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn receive(
    desk: Arc<Mutex<Desk>>,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    assert_eq!(request.method(), "POST");
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let reply = {
        let mut desk = desk.lock().unwrap();
        desk.received.push(Received { headers: parts.headers, body });
        desk.next.pop_front().or_else(|| desk.usual.clone()).unwrap_or(Reply::Status(204))
    };
    let answer = match reply {
        Reply::Status(status) => Response::builder().status(status),
        Reply::Redirect(to) => Response::builder().status(307).header("location", to),
        Reply::Silence => std::future::pending().await,
    };
    Ok(answer.body(Empty::new()).unwrap())
}
