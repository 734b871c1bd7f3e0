//! Segments of a request's path that name something. A segment that is no text names nothing:
//! it is not found, and no refusal of its own.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::error::ApiError;
use super::query::decode_segment;
use crate::domain::path::{EntryPath, PathError, WrittenPath};

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

/// All of the request's path from the segment at `INDEX` on, counted from 0 after the first `/`: a
/// path in the tree. Each segment is decoded once and for itself, so that an escaped `/` separates
/// nothing; it is refused, as is whatever else is ambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail<const INDEX: usize>(Result<WrittenPath, TailError>);

/// Why the rest of a request's path names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum TailError {
    /// A segment is no text.
    #[error("path has a malformed percent escape, or is not valid UTF-8")]
    Undecodable,
    /// It is text, and no path.
    #[error(transparent)]
    NoPath(#[from] PathError),
}

impl<const INDEX: usize> Tail<INDEX> {
    fn of(path: &str) -> Self {
        let segments = path.strip_prefix('/').unwrap_or(path).split('/').skip(INDEX);
        Self(written(segments))
    }

    /// The path, where it is one.
    pub fn written(self) -> Result<WrittenPath, ApiError> {
        self.0.map_err(|error| ApiError::Invalid(error.to_string()))
    }
}

fn written<'a>(segments: impl Iterator<Item = &'a str>) -> Result<WrittenPath, TailError> {
    let mut text = String::new();
    for segment in segments {
        let segment = decode_segment(segment).ok_or(TailError::Undecodable)?;
        if segment.contains('/') {
            return Err(PathError::Slash.into());
        }
        text.push('/');
        text.push_str(&segment);
    }
    Ok(EntryPath::parse_written(&text)?)
}

impl<S: Sync, const INDEX: usize> FromRequestParts<S> for Tail<INDEX> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(path: &str) -> Result<(String, bool), TailError> {
        let Tail(written) = Tail::<2>::of(path);
        written.map(|written| (written.path.to_string(), written.says_folder))
    }

    #[test]
    fn the_rest_of_a_path_is_decoded_once_and_segment_by_segment() {
        for (path, expected) in [
            ("/api/files/a", ("/a", false)),
            ("/api/files/a/b.txt", ("/a/b.txt", false)),
            ("/api/files/a/", ("/a", true)),
            ("/api/files/", ("/", true)),
            ("/api/files/a%20b+c", ("/a b+c", false)),
            ("/api/files/%2541", ("/%41", false)),
            ("/api/files/%C3%A4", ("/ä", false)),
            ("/api/files/a;b=c", ("/a;b=c", false)),
        ] {
            assert_eq!(tail(path), Ok((expected.0.to_owned(), expected.1)), "{path}");
        }
    }

    #[test]
    fn what_is_ambiguous_names_nothing() {
        for path in ["a%2Fb", "%2F", "a%2f", "a//b", "//", ".", "a/..", "%2e%2e", "a%00", "a%0a"] {
            let told = tail(&format!("/api/files/{path}"));
            assert!(matches!(told, Err(TailError::NoPath(_))), "{path}: {told:?}");
        }
        for path in ["%", "a%2", "%zz", "a/%ff"] {
            assert_eq!(tail(&format!("/api/files/{path}")), Err(TailError::Undecodable), "{path}");
        }
    }
}
