//! The seam between the edge and the dialects: where a dialect's key is, and how its refusals
//! look. Everything else that differs is in a dialect's own folder.

use axum::response::Response;
use http::HeaderMap;
use secrecy::SecretString;

use super::error::ApiError;

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

    /// Renders an error in the dialect's own shape: one exhaustive match. Headers that belong to
    /// the kind of error (`Allow`, `Retry-After`) are added by the caller, for all dialects alike.
    fn render_error(error: &ApiError) -> Response;

    /// Whether a key that belongs to no organization may name one, and which one it names.
    /// Dialects that know no operator keys answer `None`, which makes them a 401.
    fn named_organization(_query: &super::query::Query) -> Option<NamedOrganization> {
        None
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
