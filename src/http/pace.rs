//! How slowly a body may come. Before: the parser. After: whoever reads the body.
//!
//! Every body has some seconds of patience. Waiting for the client uses them up, and bytes that
//! come earn them back, at a floor so low that any link on which a file can be sent at all lies
//! above it. So silence is bounded and dripping is bounded, both by the same patience, while a slow
//! and honest client may take hours: at the floor it never runs out, and a stall of nearly the
//! whole patience is forgiven again and again. A size or a total time is no part of this.
//!
//! Only time in which we wait for the client counts: not that in which we write what came.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::state::Service;

/// How patient the server is with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long a client may be silent, and how long it may stay below the floor.
    pub patience_max: Duration,
    /// The floor, in bytes a second.
    pub bytes_per_second_min: u64,
}

impl Pace {
    /// The patience that this many bytes earn.
    fn earned(self, bytes: usize) -> Duration {
        let nanos = (bytes as u64).saturating_mul(1_000_000_000) / self.bytes_per_second_min.max(1);
        Duration::from_nanos(nanos).min(self.patience_max)
    }
}

/// The body came more slowly than the pace allows: the request is a 408, whoever notices it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub struct TooSlow;

/// Whether an error comes of a body that was too slow.
pub fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.any(<dyn Error>::is::<TooSlow>)
}

/// Puts the bound around the body of every request.
pub async fn bound(State(service): State<Service>, request: Request) -> Request {
    let pace = Pace {
        patience_max: service.settings.body_idle_max,
        bytes_per_second_min: service.settings.body_bytes_per_second_min,
    };
    request.map(|body| Body::new(PacedBody::new(body, pace)))
}

/// A body that ends with [`TooSlow`] once the patience with it is used up.
struct PacedBody {
    body: Body,
    pace: Pace,
    left: Duration,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl PacedBody {
    fn new(body: Body, pace: Pace) -> Self {
        Self { body, pace, left: pace.patience_max, waiting_since: None, timer: None }
    }

    /// Accounts for a piece that came.
    fn receive(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.left = (self.left + self.pace.earned(bytes)).min(self.pace.patience_max);
    }

    /// Ready once the patience is used up.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(now + self.left),
                None => self.timer = Some(Box::pin(tokio::time::sleep_until(now + self.left))),
            }
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl http_body::Body for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            self.receive(data.map_or(0, Bytes::len));
            return Poll::Ready(frame);
        }
        ready!(self.poll_patience(context));
        Poll::Ready(Some(Err(axum::Error::new(TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::{Stream, StreamExt};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);
    /// One byte a millisecond.
    const PACE: Pace = Pace { patience_max: PATIENCE, bytes_per_second_min: 1000 };

    /// A body of pieces of `bytes`, one after each pause.
    fn dripping(bytes: usize, pause_ms: u64, pieces: usize) -> Body {
        Body::from_stream(futures::stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; bytes]))
        }))
    }

    /// How long it took until the body was too slow; `None` where it ended well.
    async fn given_up_after(
        body: impl Stream<Item = Result<Bytes, axum::Error>>,
    ) -> Option<Duration> {
        let begun = Instant::now();
        let mut body = std::pin::pin!(body);
        while let Some(piece) = body.next().await {
            if let Err(error) = piece {
                assert!(is_too_slow(&error), "{error}");
                return Some(begun.elapsed());
            }
        }
        None
    }

    fn paced(body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> {
        Body::new(PacedBody::new(body, PACE)).into_data_stream()
    }

    #[tokio::test]
    async fn dripping_is_given_up_when_the_patience_is_used_up() {
        let drip = given_up_after(paced(dripping(1, 20, 1000))).await.unwrap();
        assert!(drip >= PATIENCE && drip < PATIENCE * 3, "{drip:?}");
        // Half of the pace uses up the patience half as fast.
        let half = given_up_after(paced(dripping(10, 20, 1000))).await.unwrap();
        assert!(half >= PATIENCE * 3 / 2 && half < PATIENCE * 6, "{half:?}");
    }

    #[tokio::test]
    async fn silence_is_given_up_and_earlier_haste_buys_no_more_of_it() {
        let fast = dripping(1_000_000, 1, 10).into_data_stream();
        let silent = futures::stream::pending::<Result<Bytes, axum::Error>>();
        let body = Body::from_stream(fast.chain(silent));
        let after = given_up_after(paced(body)).await.unwrap();
        assert!(after >= PATIENCE && after < PATIENCE * 3, "{after:?}");
    }

    #[tokio::test]
    async fn a_slow_and_honest_client_may_take_many_times_the_patience() {
        let begun = Instant::now();
        assert_eq!(given_up_after(paced(dripping(40, 20, 40))).await, None);
        assert!(begun.elapsed() > PATIENCE * 4);
        // Stalls of half the patience, each after which enough comes to make up for it.
        assert_eq!(given_up_after(paced(dripping(200, 100, 10))).await, None);
    }

    #[tokio::test]
    async fn time_in_which_nobody_reads_is_not_the_clients() {
        let mut body = std::pin::pin!(paced(dripping(1, 2, 6)));
        let begun = Instant::now();
        let mut pieces = 0;
        while let Some(piece) = body.next().await {
            piece.unwrap();
            pieces += 1;
            tokio::time::sleep(PATIENCE / 2).await;
        }
        assert_eq!(pieces, 6);
        assert!(begun.elapsed() >= PATIENCE * 3);
    }
}
