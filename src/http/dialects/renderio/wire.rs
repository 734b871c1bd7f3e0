//! The texts of the dialect.

use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

use crate::http::error::ApiError;
use crate::http::usual::Usual;

/// The one shape of an error.
#[derive(Serialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: &'static str,
    pub(super) message: Cow<'static, str>,
}

/// The answer to a delete.
#[derive(Serialize)]
pub(super) struct FilesDeleted {
    pub(super) deleted: bool,
    pub(super) files_deleted: u64,
}

/// Status and body of every error.
pub(super) fn error(error: &ApiError) -> (StatusCode, ErrorAnswer) {
    let told = match error {
        ApiError::Locked(_) => Usual::own(StatusCode::CONFLICT, "A file is locked"),
        ApiError::BytesRemain => Usual { title: BYTES_REMAIN, ..Usual::of(error) },
        usual => Usual::of(usual),
    };
    (told.status, ErrorAnswer { error: code(error), message: told.text() })
}

/// What is said where the bytes of what was deleted are not gone in time.
const BYTES_REMAIN: &str = "The files are deleted, but their bytes could not be removed in time";

/// The dialect's word for a kind of error.
fn code(error: &ApiError) -> &'static str {
    match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => "UNAUTHORIZED",
        ApiError::OrganizationRequired
        | ApiError::Invalid(_)
        | ApiError::UnsupportedMediaType
        | ApiError::HeadTooLong(_)
        | ApiError::PreconditionFailed
        | ApiError::RangeNotSatisfiable { .. }
        | ApiError::Timeout => "INVALID_REQUEST",
        ApiError::OrganizationMismatch
        | ApiError::Forbidden(_)
        | ApiError::OutsidePrefix
        | ApiError::SignatureRefused => "FORBIDDEN",
        ApiError::NotFound => "NOT_FOUND",
        ApiError::MethodNotAllowed { .. } => "METHOD_NOT_ALLOWED",
        ApiError::Unprocessable(_) => "VALIDATION_ERROR",
        ApiError::Conflict(_) | ApiError::Locked(_) => "CONFLICT",
        ApiError::TooLarge { .. } => "PAYLOAD_TOO_LARGE",
        ApiError::RateLimited(_) => "RATE_LIMITED",
        ApiError::NotImplemented => "NOT_IMPLEMENTED",
        ApiError::InsufficientStorage(_) => "INSUFFICIENT_STORAGE",
        ApiError::BytesRemain | ApiError::Internal(_) => "INTERNAL_ERROR",
        ApiError::Unavailable(_) => "UNAVAILABLE",
    }
}
