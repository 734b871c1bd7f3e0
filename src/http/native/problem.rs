//! Errors as problem documents (RFC 9457). The `type` of a kind is stable; the texts are not.

use std::borrow::Cow;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::json;
use crate::http::usual::Usual;

/// A problem document (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "the shape of what `render` writes, for the document")]
pub(super) struct ProblemSchema {
    /// Stable for its kind: one of those that `/problems/{type}` explains.
    #[schema(format = "uri-reference")]
    r#type: String,
    /// What its kind is called.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What there is to say of this one.
    detail: Option<String>,
    /// The topmost locked entries that stand against it.
    locked: Option<Vec<String>>,
    /// The parts of the service that cannot do their work: `database`, `blobs`, `ballast`.
    failing: Option<Vec<String>>,
}

#[derive(Default, Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<&'a [&'a str]>,
}

/// The problem document of a service of which these parts cannot do their work.
pub(super) fn not_ready(failing: &[&str]) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let problem = Problem {
        r#type: "/problems/not-ready",
        title: "Not ready",
        status: status.as_u16(),
        detail: Some(format!("Not in order: {}", failing.join(", ")).into()),
        failing: Some(failing),
        ..Problem::default()
    };
    json::render(status, "application/problem+json", &problem)
}

/// The problem document of an error.
pub(super) fn render(error: &ApiError) -> Response {
    let Usual { status, title, detail } = Usual::of(error);
    let mut problem = Problem {
        r#type: type_of(error),
        title,
        status: status.as_u16(),
        detail,
        ..Problem::default()
    };
    if let ApiError::Locked(paths) = error {
        problem.locked = Some(paths.iter().map(ToString::to_string).collect());
    }
    if let ApiError::RateLimited(limited) = error {
        let until = limited.until.iso8601();
        problem.detail = Some(format!("The next request is accepted at {until}").into());
    }
    json::render(status, "application/problem+json", &problem)
}

/// A kind of problem that only one resource has.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    r#type: &'static str,
    title: &'static str,
    status: StatusCode,
}

/// More streams than an organization may have at one time.
pub(super) const TOO_MANY_STREAMS: Kind = Kind {
    r#type: "/problems/too-many-streams",
    title: "Too many streams",
    status: StatusCode::TOO_MANY_REQUESTS,
};

/// The problem document of such a kind.
pub(super) fn plain(kind: Kind, detail: &str) -> Response {
    let Kind { r#type, title, status } = kind;
    let detail = Some(Cow::Borrowed(detail));
    let problem = Problem { r#type, title, status: status.as_u16(), detail, ..Problem::default() };
    json::render(status, "application/problem+json", &problem)
}

fn type_of(error: &ApiError) -> &'static str {
    match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => "/problems/unauthenticated",
        ApiError::OrganizationRequired => "/problems/organization-required",
        ApiError::OrganizationMismatch => "/problems/organization-mismatch",
        ApiError::Forbidden(_) | ApiError::OperatorsOnly => "/problems/forbidden",
        ApiError::OutsidePrefix => "/problems/outside-prefix",
        ApiError::SignatureRefused => "/problems/signature-refused",
        ApiError::NotFound => "/problems/not-found",
        ApiError::MethodNotAllowed { .. } => "/problems/method-not-allowed",
        ApiError::Invalid(_) => "/problems/invalid",
        ApiError::Unprocessable(_) => "/problems/unprocessable",
        ApiError::Conflict(_) => "/problems/conflict",
        ApiError::Locked(_) => "/problems/locked",
        ApiError::IdempotencyMismatch => "/problems/idempotency-mismatch",
        ApiError::TooLarge { .. } => "/problems/too-large",
        ApiError::UnsupportedMediaType => "/problems/unsupported-media-type",
        ApiError::HeadTooLong(_) => "/problems/head-too-long",
        ApiError::PreconditionFailed => "/problems/precondition-failed",
        ApiError::ChecksumMismatch => "/problems/checksum-mismatch",
        ApiError::RangeNotSatisfiable { .. } => "/problems/range-not-satisfiable",
        ApiError::RateLimited(_) => "/problems/rate-limited",
        ApiError::Timeout => "/problems/timeout",
        ApiError::NotImplemented => "/problems/not-implemented",
        ApiError::InsufficientStorage(_) => "/problems/insufficient-storage",
        ApiError::BytesRemain => "/problems/bytes-remain",
        ApiError::Unavailable(_) => "/problems/unavailable",
        ApiError::Internal(_) => "/problems/internal",
    }
}
