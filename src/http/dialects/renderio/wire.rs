//! The texts of the dialect.

use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

use crate::http::error::ApiError;

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

/// Status, code and message of every error.
pub(super) fn error(error: &ApiError) -> (StatusCode, &'static str, Cow<'static, str>) {
    use StatusCode as S;
    let (status, code, message) = match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => {
            (S::UNAUTHORIZED, "UNAUTHORIZED", "Missing or invalid API key")
        }
        ApiError::OrganizationRequired => {
            (S::BAD_REQUEST, "INVALID_REQUEST", "An organization must be named")
        }
        ApiError::OrganizationMismatch => {
            (S::FORBIDDEN, "FORBIDDEN", "The key belongs to another organization")
        }
        ApiError::Forbidden(scope) => {
            let message = format!("The API key lacks the scope '{}'", scope.as_str());
            return (S::FORBIDDEN, "FORBIDDEN", message.into());
        }
        ApiError::SignatureRefused => (S::FORBIDDEN, "FORBIDDEN", "The url is not valid"),
        ApiError::NotFound => (S::NOT_FOUND, "NOT_FOUND", "Not found"),
        ApiError::MethodNotAllowed { .. } => {
            (S::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "The method is not allowed here")
        }
        ApiError::Invalid(text) => {
            return (S::BAD_REQUEST, "INVALID_REQUEST", text.clone().into());
        }
        ApiError::Unprocessable(text) => {
            return (S::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", text.clone().into());
        }
        ApiError::Conflict(text) => return (S::CONFLICT, "CONFLICT", text.clone().into()),
        ApiError::Locked(_) => (S::CONFLICT, "CONFLICT", "A file is locked"),
        ApiError::TooLarge { limit } => {
            let message = format!("At most {limit} bytes are accepted");
            return (S::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message.into());
        }
        ApiError::UnsupportedMediaType => {
            (S::UNSUPPORTED_MEDIA_TYPE, "INVALID_REQUEST", "The media type is not accepted")
        }
        ApiError::HeadTooLong(part) => (part.status(), "INVALID_REQUEST", part.text()),
        ApiError::PreconditionFailed => {
            (S::PRECONDITION_FAILED, "INVALID_REQUEST", "The precondition does not hold")
        }
        ApiError::RangeNotSatisfiable { .. } => {
            (S::RANGE_NOT_SATISFIABLE, "INVALID_REQUEST", "The range lies outside of the file")
        }
        ApiError::RateLimited(_) => (S::TOO_MANY_REQUESTS, "RATE_LIMITED", "Too many requests"),
        ApiError::Timeout => {
            (S::REQUEST_TIMEOUT, "INVALID_REQUEST", "The request took too long to arrive")
        }
        ApiError::NotImplemented => {
            (S::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "Commands are not run here")
        }
        ApiError::InsufficientStorage(text) => {
            return (S::INSUFFICIENT_STORAGE, "INSUFFICIENT_STORAGE", text.clone().into());
        }
        ApiError::BytesRemain => (
            S::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "The files are deleted, but their bytes could not be removed in time",
        ),
        ApiError::Unavailable(_) => {
            (S::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Not available for the moment")
        }
        ApiError::Internal(_) => {
            (S::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "An internal error occurred")
        }
    };
    (status, code, message.into())
}
