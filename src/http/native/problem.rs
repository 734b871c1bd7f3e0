//! Errors as problem documents (RFC 9457). The `type` of a kind is stable; the texts are not.

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use crate::http::error::ApiError;
use crate::http::json;

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<Vec<String>>,
}

/// The problem document of an error.
pub(super) fn render(error: &ApiError) -> Response {
    let (status, r#type, title) = kind(error);
    let mut problem =
        Problem { r#type, title, status: status.as_u16(), detail: detail(error), locked: None };
    if let ApiError::Locked(paths) = error {
        problem.locked = Some(paths.iter().map(ToString::to_string).collect());
    }
    json::render(status, "application/problem+json", &problem)
}

fn kind(error: &ApiError) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as S;
    match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => {
            (S::UNAUTHORIZED, "/problems/unauthenticated", "The key is missing or does not work")
        }
        ApiError::OrganizationRequired => {
            (S::BAD_REQUEST, "/problems/organization-required", "An organization must be named")
        }
        ApiError::OrganizationMismatch => {
            (S::FORBIDDEN, "/problems/organization-mismatch", "The key is not this organization's")
        }
        ApiError::Forbidden(_) => (S::FORBIDDEN, "/problems/forbidden", "The key may not do this"),
        ApiError::SignatureRefused => {
            (S::FORBIDDEN, "/problems/signature-refused", "The url is not valid, or not any more")
        }
        ApiError::NotFound => (S::NOT_FOUND, "/problems/not-found", "Not found"),
        ApiError::MethodNotAllowed { .. } => {
            (S::METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "Method not allowed")
        }
        ApiError::Invalid(_) => (S::BAD_REQUEST, "/problems/invalid", "The request is not valid"),
        ApiError::Unprocessable(_) => {
            (S::UNPROCESSABLE_ENTITY, "/problems/unprocessable", "The content is not acceptable")
        }
        ApiError::Conflict(_) => (S::CONFLICT, "/problems/conflict", "Conflict"),
        ApiError::Locked(_) => (S::LOCKED, "/problems/locked", "Locked"),
        ApiError::TooLarge { .. } => {
            (S::PAYLOAD_TOO_LARGE, "/problems/too-large", "The body is too large")
        }
        ApiError::UnsupportedMediaType => (
            S::UNSUPPORTED_MEDIA_TYPE,
            "/problems/unsupported-media-type",
            "The media type is not taken here",
        ),
        ApiError::HeadTooLong(part) => {
            (part.status(), "/problems/head-too-long", "The head of the request is too long")
        }
        ApiError::PreconditionFailed => (
            S::PRECONDITION_FAILED,
            "/problems/precondition-failed",
            "What is there is not what was asked for",
        ),
        ApiError::RangeNotSatisfiable { .. } => (
            S::RANGE_NOT_SATISFIABLE,
            "/problems/range-not-satisfiable",
            "The range lies outside of the file",
        ),
        ApiError::RateLimited(_) => {
            (S::TOO_MANY_REQUESTS, "/problems/rate-limited", "Too many requests")
        }
        ApiError::Timeout => {
            (S::REQUEST_TIMEOUT, "/problems/timeout", "The request took too long to arrive")
        }
        ApiError::NotImplemented => {
            (S::NOT_IMPLEMENTED, "/problems/not-implemented", "Not implemented")
        }
        ApiError::InsufficientStorage(_) => {
            (S::INSUFFICIENT_STORAGE, "/problems/insufficient-storage", "No space is left")
        }
        ApiError::BytesRemain => (
            S::INTERNAL_SERVER_ERROR,
            "/problems/bytes-remain",
            "Deleted, but the bytes are not removed yet",
        ),
        ApiError::Unavailable(_) => {
            (S::SERVICE_UNAVAILABLE, "/problems/unavailable", "Not available for the moment")
        }
        ApiError::Internal(_) => {
            (S::INTERNAL_SERVER_ERROR, "/problems/internal", "The server failed")
        }
    }
}

/// What a title cannot say. The cause of a failure that is ours is never shown.
fn detail(error: &ApiError) -> Option<String> {
    match error {
        ApiError::Invalid(text)
        | ApiError::Unprocessable(text)
        | ApiError::Conflict(text)
        | ApiError::InsufficientStorage(text) => Some(text.clone()),
        ApiError::HeadTooLong(part) => Some(part.text().to_owned()),
        ApiError::Forbidden(scope) => {
            Some(format!("the key lacks what '{}' allows here", scope.as_str()))
        }
        ApiError::TooLarge { limit } => Some(format!("at most {limit} bytes are taken")),
        ApiError::RangeNotSatisfiable { size } => Some(format!("the file has {size} bytes")),
        ApiError::RateLimited(limited) => {
            Some(format!("the next request is taken at {}", limited.until.iso8601()))
        }
        ApiError::Unauthenticated
        | ApiError::OrganizationGone
        | ApiError::OrganizationRequired
        | ApiError::OrganizationMismatch
        | ApiError::SignatureRefused
        | ApiError::NotFound
        | ApiError::MethodNotAllowed { .. }
        | ApiError::Locked(_)
        | ApiError::UnsupportedMediaType
        | ApiError::PreconditionFailed
        | ApiError::Timeout
        | ApiError::NotImplemented
        | ApiError::BytesRemain
        | ApiError::Unavailable(_)
        | ApiError::Internal(_) => None,
    }
}
