//! What an error usually is: for each kind its status, what the kind is called, and what is to be
//! said of this one. A dialect starts from here and changes only what its contract has otherwise;
//! its shape, and any word of its own for a kind, stay in its folder.
//!
//! The cause of a failure that is ours is never a part of it.

use std::borrow::Cow;

use http::StatusCode;

use super::error::ApiError;

/// How an error is answered where no contract says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usual {
    /// The status of its kind.
    pub status: StatusCode,
    /// What its kind is called.
    pub title: &'static str,
    /// What there is to say of this error beyond its kind.
    pub detail: Option<Cow<'static, str>>,
}

impl Usual {
    /// The usual answer to an error.
    pub fn of(error: &ApiError) -> Self {
        let (status, title) = kind(error);
        Self { status, title, detail: detail(error) }
    }

    /// An answer in a dialect's own words.
    pub fn own(status: StatusCode, text: &'static str) -> Self {
        Self { status, title: text, detail: None }
    }

    /// All that a shape with room for a single text can say.
    pub fn text(self) -> Cow<'static, str> {
        self.detail.unwrap_or(Cow::Borrowed(self.title))
    }
}

fn kind(error: &ApiError) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => {
            (S::UNAUTHORIZED, "Missing or invalid API key")
        }
        ApiError::OrganizationRequired => (S::BAD_REQUEST, "An organization must be named"),
        ApiError::OrganizationMismatch => {
            (S::FORBIDDEN, "The API key belongs to another organization")
        }
        ApiError::Forbidden(_) => (S::FORBIDDEN, "The API key may not do this"),
        ApiError::OperatorsOnly => (S::FORBIDDEN, "Only an operator key may do this"),
        ApiError::OutsidePrefix => (S::FORBIDDEN, "The path lies outside of the API key's prefix"),
        ApiError::SignatureRefused => (S::FORBIDDEN, "The url is not valid, or not any more"),
        ApiError::NotFound => (S::NOT_FOUND, "Not found"),
        ApiError::MethodNotAllowed { .. } => (S::METHOD_NOT_ALLOWED, "Method not allowed"),
        ApiError::Invalid(_) => (S::BAD_REQUEST, "The request is not valid"),
        ApiError::Unprocessable(_) => (S::UNPROCESSABLE_ENTITY, "The content is not acceptable"),
        ApiError::Conflict(_) => (S::CONFLICT, "Conflict"),
        ApiError::Locked(_) => (S::LOCKED, "Locked"),
        ApiError::IdempotencyMismatch => {
            (S::UNPROCESSABLE_ENTITY, "Another request was made with the same idempotency key")
        }
        ApiError::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "The body is too large"),
        ApiError::UnsupportedMediaType => {
            (S::UNSUPPORTED_MEDIA_TYPE, "The media type is not accepted")
        }
        ApiError::HeadTooLong(part) => (part.status(), part.text()),
        ApiError::PreconditionFailed => (S::PRECONDITION_FAILED, "The precondition does not hold"),
        ApiError::Unconfirmed { .. } => (S::CONFLICT, "Nothing was deleted"),
        ApiError::ChecksumMismatch => {
            (checksum_mismatch(), "The body is not what its checksum says")
        }
        ApiError::RangeNotSatisfiable { .. } => {
            (S::RANGE_NOT_SATISFIABLE, "The range lies outside of the file")
        }
        ApiError::RateLimited(_) => (S::TOO_MANY_REQUESTS, "Too many requests"),
        ApiError::Timeout => (S::REQUEST_TIMEOUT, "The request took too long to arrive"),
        ApiError::NotImplemented => (S::NOT_IMPLEMENTED, "Not implemented"),
        ApiError::InsufficientStorage(_) => (S::INSUFFICIENT_STORAGE, "No space is left"),
        ApiError::BytesRemain => {
            (S::INTERNAL_SERVER_ERROR, "Deleted, but the bytes are not removed yet")
        }
        ApiError::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "Not available for the moment"),
        ApiError::Internal(_) => (S::INTERNAL_SERVER_ERROR, "Internal server error"),
    }
}

/// A status of the protocol of uploads in pieces, which no other standard has.
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}

fn detail(error: &ApiError) -> Option<Cow<'static, str>> {
    let text = match error {
        ApiError::Invalid(text)
        | ApiError::Unprocessable(text)
        | ApiError::Conflict(text)
        | ApiError::InsufficientStorage(text) => text.clone(),
        ApiError::Forbidden(scope) => format!("The API key lacks the scope '{}'", scope.as_str()),
        ApiError::TooLarge { limit } => format!("At most {limit} bytes are accepted"),
        ApiError::Unconfirmed { files } => {
            format!("{files} files would go: send 'confirm' with this number")
        }
        ApiError::RangeNotSatisfiable { size } => {
            format!("The range lies outside of the file, which has {size} bytes")
        }
        ApiError::Unauthenticated
        | ApiError::OrganizationGone
        | ApiError::OrganizationRequired
        | ApiError::OrganizationMismatch
        | ApiError::OutsidePrefix
        | ApiError::SignatureRefused
        | ApiError::NotFound
        | ApiError::MethodNotAllowed { .. }
        | ApiError::Locked(_)
        | ApiError::IdempotencyMismatch
        | ApiError::OperatorsOnly
        | ApiError::UnsupportedMediaType
        | ApiError::HeadTooLong(_)
        | ApiError::PreconditionFailed
        | ApiError::ChecksumMismatch
        | ApiError::RateLimited(_)
        | ApiError::Timeout
        | ApiError::NotImplemented
        | ApiError::BytesRemain
        | ApiError::Unavailable(_)
        | ApiError::Internal(_) => return None,
    };
    Some(Cow::Owned(text))
}
