//! The socket as the parser sees it: every byte that comes in passes the scanner first, a head is
//! held back until it is whole, and no silence lasts for ever.
//!
//! The parser's own time-out for heads also runs while a connection rests between two requests;
//! here each kind of silence has its own bound. Closing takes a moment: what a client still sends
//! is read and thrown away for a second at most, since a reset would take our last answer, such
//! as a 413, out of the client's hands.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::heads::{Position, Scanner};
use super::refusal::stand_in;
use super::traffic::Traffic;

/// How long a client may keep us waiting, by what we wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From the first byte of a head to its last; for the first one, from the beginning of the
    /// connection.
    pub head_max: Duration,
    /// Between an answer and the next request's first byte.
    pub idle_max: Duration,
    /// Without one byte of a body, or without room for one byte of an answer.
    pub silence_max: Duration,
}

/// How long what comes in after our last byte is read and thrown away.
const LINGER_MAX: Duration = Duration::from_secs(1);
/// How much of it at most.
const LINGER_BYTES_MAX: u64 = 4 << 20;

/// Bytes that are read at once while a head is held back.
const PIECE_BYTES: usize = 8 << 10;

/// What the reading side waits for. Waiting for another thing begins a new time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Head { number: u64 },
    Rest { after_heads: u64 },
    BodyBytes { after_bytes: u64 },
    Nothing,
}

/// A byte stream with a scanner and time-outs.
#[derive(Debug)]
pub(super) struct ScannedStream<S> {
    inner: S,
    scanner: Scanner,
    /// The beginning of a head that is not whole yet.
    held: BytesMut,
    /// What was held back and may be passed on now.
    ready: BytesMut,
    traffic: Arc<Traffic>,
    patience: Patience,
    heads: u64,
    bytes: u64,
    awaited: Awaited,
    read_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    /// Set once our side is closed; counts what was thrown away since.
    lingering: Option<(Pin<Box<Sleep>>, u64)>,
}

impl<S> ScannedStream<S> {
    pub(super) fn new(inner: S, traffic: Arc<Traffic>, patience: Patience) -> Self {
        Self {
            inner,
            scanner: Scanner::default(),
            held: BytesMut::new(),
            ready: BytesMut::new(),
            traffic,
            patience,
            heads: 0,
            bytes: 0,
            awaited: Awaited::Nothing,
            read_timer: None,
            write_timer: None,
            lingering: None,
        }
    }

    /// How many of these bytes may be passed on.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        let Self { scanner, traffic, heads, .. } = self;
        self.bytes += bytes.len() as u64;
        scanner.feed(bytes, &mut |verdict| {
            *heads += 1;
            traffic.leave(verdict);
        })
    }

    /// Holds back what may not be passed on. A head that is refused gives way to its stand-in.
    fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        if self.scanner.position() == Position::Refused {
            let beginning = std::mem::take(&mut self.held);
            self.ready.extend_from_slice(&stand_in(&beginning));
        }
    }

    /// Passes on what was held back and has become sound; whether there was anything.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..count]);
        self.ready.advance(count);
        count > 0
    }

    fn awaits(&self) -> Awaited {
        match self.scanner.position() {
            Position::Body => Awaited::BodyBytes { after_bytes: self.bytes },
            Position::Head => Awaited::Head { number: self.heads },
            Position::Between if self.heads == 0 => Awaited::Head { number: 0 },
            Position::Between if self.traffic.is_busy() => Awaited::Nothing,
            // Behind a fault, the refusal is on its way out, and the connection ends with it.
            Position::Between | Position::Refused | Position::Unframed => {
                Awaited::Rest { after_heads: self.heads }
            }
        }
    }

    /// Ends with an error when the client has kept us waiting for too long.
    fn poll_read_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let awaited = self.awaits();
        if awaited != self.awaited {
            self.awaited = awaited;
            let limit = match awaited {
                Awaited::Head { .. } => Some(self.patience.head_max),
                Awaited::Rest { .. } => Some(self.patience.idle_max),
                Awaited::BodyBytes { .. } => Some(self.patience.silence_max),
                Awaited::Nothing => None,
            };
            set(&mut self.read_timer, limit);
        }
        poll_timer(&mut self.read_timer, context)
    }

    /// The same for the writing side: a client that takes nothing.
    fn poll_write_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.write_timer.is_none() {
            set(&mut self.write_timer, Some(self.patience.silence_max));
        }
        poll_timer(&mut self.write_timer, context)
    }

    fn written<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(outcome) => {
                self.write_timer = None;
                Poll::Ready(outcome)
            }
            Poll::Pending => self.poll_write_patience(context).map(Err),
        }
    }
}

/// A timer that is there is moved, since that is cheaper than a new one.
fn set(timer: &mut Option<Pin<Box<Sleep>>>, limit: Option<Duration>) {
    match (timer.as_mut(), limit) {
        (Some(sleep), Some(limit)) => sleep.as_mut().reset(Instant::now() + limit),
        (None, Some(limit)) => *timer = Some(Box::pin(tokio::time::sleep(limit))),
        (_, None) => *timer = None,
    }
}

fn poll_timer(timer: &mut Option<Pin<Box<Sleep>>>, context: &mut Context<'_>) -> Poll<io::Error> {
    match timer {
        Some(sleep) => {
            ready!(sleep.as_mut().poll(context));
            Poll::Ready(io::Error::from(io::ErrorKind::TimedOut))
        }
        None => Poll::Pending,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ScannedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.give(buffer) {
                return Poll::Ready(Ok(()));
            }
            if self.scanner.position() == Position::Refused {
                return self.poll_read_patience(context).map(Err);
            }
            let read = match self.held.is_empty() {
                true => self.poll_read_through(context, buffer),
                false => self.poll_read_held(context),
            };
            match read {
                Poll::Ready(Ok(Read::Held)) => {}
                Poll::Ready(Ok(Read::Passed | Read::Ended)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_read_patience(context).map(Err),
            }
        }
    }
}

/// What became of what was read.
enum Read {
    /// Some of it is in the reader's buffer.
    Passed,
    /// All of it is held back, or ready to be given.
    Held,
    /// Nothing came, nor will.
    Ended,
}

impl<S: AsyncRead + Unpin> ScannedStream<S> {
    /// Reads straight into the reader's buffer, and takes an unfinished head out of it again.
    fn poll_read_through(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Read>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let after = buffer.filled().len();
        if after == before {
            return Poll::Ready(Ok(Read::Ended));
        }
        let sound = before + self.scan(&buffer.filled()[before..]);
        if sound < after {
            self.hold(&buffer.filled()[sound..]);
            buffer.set_filled(sound);
        }
        Poll::Ready(Ok(if sound > before { Read::Passed } else { Read::Held }))
    }

    /// Reads the next piece of a head that is held back.
    fn poll_read_held(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Read>> {
        let mut space = [0; PIECE_BYTES];
        let mut piece = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut piece))?;
        let piece = piece.filled();
        if piece.is_empty() {
            return Poll::Ready(Ok(Read::Ended));
        }
        let sound = self.scan(piece);
        if sound > 0 {
            self.ready = std::mem::take(&mut self.held);
            self.ready.extend_from_slice(&piece[..sound]);
        }
        self.hold(&piece[sound..]);
        Poll::Ready(Ok(Read::Held))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ScannedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.written(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(context);
        self.written(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let outcome = Pin::new(&mut self.inner).poll_shutdown(context);
            ready!(self.written(outcome, context))?;
            self.lingering = Some((Box::pin(tokio::time::sleep(LINGER_MAX)), 0));
        }
        self.poll_linger(context).map(Ok)
    }
}

impl<S: AsyncRead + Unpin> ScannedStream<S> {
    /// Ends with the client's side, an error, or the bounds.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((timer, thrown_away)) = &mut self.lingering else { return Poll::Ready(()) };
        let mut space = [0; 8192];
        while *thrown_away < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.inner).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *thrown_away += buffer.filled().len() as u64;
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return timer.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}
