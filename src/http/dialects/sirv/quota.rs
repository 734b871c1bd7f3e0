//! What the headers of an answer say of limits: the requests of an organization, and the bucket
//! of a route that has one of its own.

use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::deletion::record::AllowanceState;
use crate::http::limits::{RequestsLeft, seconds_rounded_up};

const GLOBAL_LIMIT: HeaderName = HeaderName::from_static("x-global-ratelimit-limit");
const GLOBAL_REMAINING: HeaderName = HeaderName::from_static("x-global-ratelimit-remaining");
const GLOBAL_RESET: HeaderName = HeaderName::from_static("x-global-ratelimit-reset");
/// Stands on every answer that tells how a bucket is.
pub(super) const BUCKET_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const TYPE: HeaderName = HeaderName::from_static("x-ratelimit-type");

/// Writes the headers of all requests together.
pub(super) fn write_global(left: RequestsLeft, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(GLOBAL_LIMIT, left.limit.into());
    headers.insert(GLOBAL_REMAINING, left.remaining.into());
    headers.insert(GLOBAL_RESET, left.reset_seconds().into());
}

/// Writes the headers of a bucket.
pub(super) fn write_bucket(bucket: &'static str, state: AllowanceState, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(BUCKET_LIMIT, state.limit.into());
    headers.insert(REMAINING, state.remaining.into());
    headers.insert(RESET, seconds_rounded_up(state.resets_at).into());
    headers.insert(TYPE, HeaderValue::from_static(bucket));
}
