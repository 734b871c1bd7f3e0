//! From a parsed request to an answer: the verdict first, then the router, and a 500 where a
//! handler panics. Nothing is served whose head is unsound.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::RenderError;
use super::heads::Fault;
use super::refusal::error_of;
use super::traffic::{AnswerBody, Traffic};
use crate::http::error::ApiError;

/// Answers one request of a connection.
pub(super) async fn answer(
    router: Router,
    render: RenderError,
    traffic: Arc<Traffic>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let answering = traffic.begin_answer();
    let response = match traffic.take() {
        Ok(()) => serve(router, render, request).await,
        Err(fault) => refuse(render, request.uri().path(), fault),
    };
    Ok(response.map(|body| AnswerBody::new(body, answering)))
}

async fn serve(router: Router, render: RenderError, request: Request<Incoming>) -> Response {
    let path = request.uri().path().to_owned();
    let served = AssertUnwindSafe(router.oneshot(request.map(Body::new))).catch_unwind().await;
    match served {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_panic) => {
            // The panic's own message has gone to standard error with its place in the source.
            tracing::error!("a handler panicked; its request is answered 500");
            render(&path, ApiError::Internal("a handler panicked".into()))
        }
    }
}

fn refuse(render: RenderError, path: &str, fault: Fault) -> Response {
    let mut response = render(path, error_of(fault));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
