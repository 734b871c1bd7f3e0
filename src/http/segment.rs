//! Segments of a request's path that name something. A segment that is no text names nothing:
//! it is not found, and no refusal of its own.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::query::decode_segment;

/// The segment at `INDEX` of the request's path, counted from 0 after the first `/`, decoded
/// once; `None` where it cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<const INDEX: usize>(pub Option<String>);

impl<const INDEX: usize> Segment<INDEX> {
    /// What `parse` makes of the segment, where it is a text at all.
    pub fn parse<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.0.as_deref().and_then(parse)
    }
}

impl<S: Sync, const INDEX: usize> FromRequestParts<S> for Segment<INDEX> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let path = parts.uri.path();
        let raw = path.strip_prefix('/').unwrap_or(path).split('/').nth(INDEX);
        Ok(Self(raw.and_then(decode_segment)))
    }
}
