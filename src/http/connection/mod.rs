//! Sockets: a bounded number of connections, each with time-outs, each head checked on the wire.
//!
//! Before: the operating system. After: the router. The stock accept loop has no time-outs, and
//! the stock parser takes requests that another reader in front of us would read differently;
//! both are made good here, and nowhere else.
//!
//! * [`heads`]: the scanner, which judges every head as its bytes stand on the wire.
//! * `refusal`: what the parser and the client get where a head is refused.
//! * `stream`: the socket with the scanner and the time-outs in it.
//! * `service`: refuses what is unsound, serves the rest, survives panics.
//!
//! The parser gets a head only when it is whole and sound, so that it has nothing left to reject:
//! every refusal is rendered like any other error. 400 for what could be read in two ways, 414 for a
//! target of more than 65,534 bytes, 431 for more than 100 headers or too many bytes of them, 413
//! for a length beyond all counting. The connection ends after each of them.

mod head;
pub mod heads;
mod refusal;
mod service;
mod stream;
mod traffic;

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::heads::HEAD_BYTES_MAX;
pub use self::stream::Patience;
use self::stream::ScannedStream;
use self::traffic::Traffic;
use super::error::ApiError;

/// Renders an error for the path that was asked for, in the shape of the dialect it belongs to.
pub type RenderError = fn(&str, ApiError) -> Response;

/// The first wait after a failed accept; it doubles with each failure that follows.
const ACCEPT_WAIT_MS_MIN: u64 = 10;
/// The longest wait after failed accepts.
const ACCEPT_WAIT_MS_MAX: u64 = 1000;

/// Room in the parser's buffer beyond the longest head.
const PARSER_BYTES_SPARE: usize = 8 << 10;

/// How connections are served.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionSettings {
    /// Connections at one time; further ones wait to be accepted.
    pub connections_max: usize,
    /// Time-outs.
    pub patience: Patience,
    /// How long requests that run at the stop may take to end.
    pub stop_max: Duration,
    /// Renders refusals of heads, and panics.
    pub render: RenderError,
}

impl ConnectionSettings {
    /// The usual bounds: 4,096 connections; 25 s for a head, the first one counted from the
    /// beginning of the connection; 75 s between requests, 60 s of silence within one; 30 s to
    /// stop.
    pub fn new(render: RenderError) -> Self {
        Self {
            connections_max: 4096,
            patience: Patience {
                head_max: Duration::from_secs(25),
                idle_max: Duration::from_secs(75),
                silence_max: Duration::from_mins(1),
            },
            stop_max: Duration::from_secs(30),
            render,
        }
    }
}

/// Who is at the other end of the connection on which a request came: an extension of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Serves connections until `stop`. From then on it accepts none, closes those that rest, lets
/// running requests end within [`ConnectionSettings::stop_max`], cuts off the others, and returns.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ConnectionSettings,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(settings.connections_max));
    let connections = TaskTracker::new();
    let cut_off = CancellationToken::new();
    while let Some((stream, permit)) = next_connection(&listener, &permits, &stop).await {
        let (router, stop, cut_off) = (router.clone(), stop.clone(), cut_off.clone());
        connections.spawn(async move {
            cut_off.run_until_cancelled(serve_connection(stream, router, settings, stop)).await;
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(settings.stop_max, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests did not end in time for the stop"
        );
        cut_off.cancel();
        connections.wait().await;
    }
}

/// The next connection, once there is room for it; `None` at the stop.
async fn next_connection(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let next = async {
        let permit = Arc::clone(permits).acquire_owned().await.expect("never closed");
        (accept(listener).await, permit)
    };
    stop.run_until_cancelled(next).await
}

/// Accepts a connection. Errors that a client caused are passed over; any other, such as a lack of
/// file descriptors, is waited out, since it would be there again at once.
async fn accept(listener: &TcpListener) -> TcpStream {
    let mut wait_ms = ACCEPT_WAIT_MS_MIN;
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => return stream,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, wait_ms, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                wait_ms = (wait_ms * 2).min(ACCEPT_WAIT_MS_MAX);
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    settings: ConnectionSettings,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let peer = stream.peer_addr().ok().map(|peer| Peer(peer.ip().to_canonical()));
    let traffic = Arc::new(Traffic::default());
    let io = ScannedStream::new(stream, Arc::clone(&traffic), settings.patience);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        service::answer(router.clone(), settings.render, Arc::clone(&traffic), request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The stream's own bounds are tighter; this one stands behind them.
        .header_read_timeout(settings.patience.idle_max + settings.patience.head_max)
        // More than any head that passes: this bound of the parser is never met.
        .max_buf_size(HEAD_BYTES_MAX + PARSER_BYTES_SPARE);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
