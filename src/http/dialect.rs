//! The seam between the edge and the dialects: where a dialect's key is, and how its refusals
//! look. Everything else that differs is in a dialect's own folder.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, AUTHORIZATION, CONNECTION, CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::error::{ApiError, Source};
use super::query::Query;

/// Whole seconds after which a client may come back when a part of the service was away.
const UNAVAILABLE_RETRY_SECONDS: u64 = 1;

/// What the headers of a request offer as proof.
#[derive(Debug)]
pub enum Credential {
    /// The dialect's own header is absent.
    Absent,
    /// It is there twice, or is not in the form that the dialect takes.
    Malformed,
    /// An API key.
    Key(SecretString),
    /// A token of the dialect's own.
    Token(SecretString),
}

/// What differs between dialects before a handler runs.
pub trait Dialect: Send + Sync + 'static {
    /// The word for it in logs.
    const NAME: &'static str;

    /// Reads the dialect's own header and no other.
    fn credential(headers: &HeaderMap) -> Credential;

    /// Renders an error in the dialect's own shape, with the usual status and text but where the
    /// contract has others. Headers that belong to the kind of error (`Allow`, `Retry-After`) are
    /// added by the caller, for all dialects alike.
    fn render_error(error: &ApiError) -> Response;

    /// Whether a key that belongs to no organization may name one, and which one it names.
    /// Dialects that know no operator keys answer `None`, which makes them a 401.
    fn named_organization(_query: &Query) -> Result<Option<NamedOrganization>, ApiError> {
        Ok(None)
    }
}

/// How a request names the organization that it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedOrganization {
    /// The dialect has a place for it, and it is empty.
    Unnamed,
    /// This text stands there, whether or not it is an id.
    Named(String),
}

/// Reads `Authorization: Bearer TEXT`, the scheme in any letter case.
pub fn bearer(headers: &HeaderMap) -> Credential {
    read_once(headers, &AUTHORIZATION, |text| {
        let (scheme, rest) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(rest)
    })
}

/// Reads a header that holds nothing but a key.
pub fn bare_key(headers: &HeaderMap, name: &HeaderName) -> Credential {
    read_once(headers, name, |text| Some(text))
}

fn read_once(
    headers: &HeaderMap,
    name: &HeaderName,
    key_of: fn(&str) -> Option<&str>,
) -> Credential {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Credential::Absent,
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(key_of)
            .map_or(Credential::Malformed, |key| Credential::Key(SecretString::from(key))),
        (Some(_), Some(_)) => Credential::Malformed,
    }
}

/// An error on its way out of a handler: rendered by the dialect, with the headers that belong to
/// the kind of error, and with its cause kept for whoever logs.
pub struct DialectError<D>(pub ApiError, PhantomData<D>);

impl<D> std::fmt::Debug for DialectError<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DialectError").field(&self.0).finish()
    }
}

impl<D, E: Into<ApiError>> From<E> for DialectError<D> {
    fn from(error: E) -> Self {
        Self(error.into(), PhantomData)
    }
}

impl<D: Dialect> IntoResponse for DialectError<D> {
    fn into_response(self) -> Response {
        finish(D::render_error(&self.0), self.0)
    }
}

/// The cause of an answer of failure, kept with the response until it is logged.
#[derive(Clone, Debug)]
pub struct Cause(pub Arc<Source>);

/// Adds to a rendered error what is the same in every dialect.
fn finish(mut response: Response, error: ApiError) -> Response {
    let headers = response.headers_mut();
    match error {
        ApiError::MethodNotAllowed { allow } => {
            // An empty list is the router's own: it writes the header.
            if !allow.is_empty() {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
        }
        ApiError::RateLimited(limited) => {
            headers.insert(RETRY_AFTER, limited.retry_after_seconds().into());
        }
        ApiError::Timeout | ApiError::HeadTooLong(_) => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        ApiError::RangeNotSatisfiable { size } => {
            if let Ok(range) = HeaderValue::try_from(format!("bytes */{size}")) {
                headers.insert(CONTENT_RANGE, range);
            }
        }
        ApiError::Unavailable(source) => {
            headers.insert(RETRY_AFTER, UNAVAILABLE_RETRY_SECONDS.into());
            response.extensions_mut().insert(Cause(Arc::new(source)));
        }
        ApiError::Internal(source) => {
            response.extensions_mut().insert(Cause(Arc::new(source)));
        }
        ApiError::Unauthenticated
        | ApiError::OrganizationGone
        | ApiError::OrganizationRequired
        | ApiError::OrganizationMismatch
        | ApiError::Forbidden(_)
        | ApiError::OperatorsOnly
        | ApiError::OutsidePrefix
        | ApiError::SignatureRefused
        | ApiError::NotFound
        | ApiError::Invalid(_)
        | ApiError::Unprocessable(_)
        | ApiError::Conflict(_)
        | ApiError::Locked(_)
        | ApiError::IdempotencyMismatch
        | ApiError::TooLarge { .. }
        | ApiError::UnsupportedMediaType
        | ApiError::PreconditionFailed
        | ApiError::Unconfirmed { .. }
        | ApiError::ChecksumMismatch
        | ApiError::NotImplemented
        | ApiError::InsufficientStorage(_)
        | ApiError::BytesRemain => {}
    }
    response
}
