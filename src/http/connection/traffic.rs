//! What the two sides of one connection share: the socket's side leaves a verdict for each head,
//! the service takes one for each request, and both know whether an answer is under way.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::heads::{Fault, Verdict};

/// The state of one connection. The verdicts in it are bounded by the parser's buffer, since
/// nobody reads the socket further than that.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    verdicts: Mutex<VecDeque<Verdict>>,
    answering: AtomicUsize,
}

impl Traffic {
    fn verdicts(&self) -> MutexGuard<'_, VecDeque<Verdict>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the verdict of the next head.
    pub(super) fn leave(&self, verdict: Verdict) {
        self.verdicts().push_back(verdict);
    }

    /// Takes the verdict of the request that is served now. A request without one stands behind a
    /// fault, or is one that only the parser saw: it is never served.
    pub(super) fn take(&self) -> Verdict {
        self.verdicts().pop_front().unwrap_or(Err(Fault::Unframed))
    }

    /// Notes that an answer is under way, until the returned mark is dropped.
    pub(super) fn begin_answer(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::SeqCst);
        Answering(Arc::clone(self))
    }

    /// Whether a request waits for its answer, or an answer for its end.
    pub(super) fn is_busy(&self) -> bool {
        self.answering.load(Ordering::SeqCst) > 0 || !self.verdicts().is_empty()
    }
}

/// Marks an answer that is under way.
#[derive(Debug)]
pub(super) struct Answering(Arc<Traffic>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A body that carries the mark of its answer until it has been sent or given up.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    _answering: Answering,
}

impl AnswerBody {
    /// `body`, under way until it is dropped.
    pub(super) fn new(body: Body, answering: Answering) -> Self {
        Self { body, _answering: answering }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
