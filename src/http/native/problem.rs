//! Errors as problem documents (RFC 9457). The `type` of a kind is stable; the texts are not.

use std::borrow::Cow;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::deletions::ItemAnswer;
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
    /// The items that stood against a deletion. What is not among them would have gone.
    items: Option<Vec<ItemAnswer>>,
    /// How many files a deletion would take that has to be confirmed, or that is too large.
    files: Option<u64>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ItemAnswer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
}

impl<'a> Problem<'a> {
    fn new(r#type: &'a str, title: &'a str, status: StatusCode) -> Self {
        Self { r#type, title, status: status.as_u16(), ..Self::default() }
    }

    fn saying(self, detail: impl Into<Cow<'a, str>>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    fn into_answer(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        json::render(status, "application/problem+json", &self)
    }
}

/// The problem document of a service of which these parts cannot do their work.
pub(super) fn not_ready(failing: &[&str]) -> Response {
    let problem = Problem::new("/problems/not-ready", "Not ready", StatusCode::SERVICE_UNAVAILABLE);
    let problem = Problem { failing: Some(failing), ..problem };
    problem.saying(format!("Not in order: {}", failing.join(", "))).into_answer()
}

/// The problem document of more streams than an organization may have at one time.
pub(super) fn too_many_streams(streams_max: usize) -> Response {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let problem = Problem::new("/problems/too-many-streams", "Too many streams", status);
    problem.saying(format!("At most {streams_max} are open for an organization")).into_answer()
}

/// The problem document of a request to delete that was refused whole, with what stood against
/// it.
pub(super) fn deletion_refused(status: StatusCode, items: Vec<ItemAnswer>) -> Response {
    let problem = Problem::new("/problems/deletion-refused", "Nothing was deleted", status);
    Problem { items: Some(items), ..problem }.into_answer()
}

/// The problem document of an atomic deletion whose filters find more files than it may take.
pub(super) fn too_many_files(files: u64, files_max: usize) -> Response {
    let (kind, title) = ("/problems/too-many-files", "Nothing was deleted");
    let problem = Problem::new(kind, title, StatusCode::CONFLICT);
    let detail =
        format!("filters find {files} files, and an atomic request takes {files_max} at most");
    Problem { files: Some(files), ..problem }.saying(detail).into_answer()
}

/// The problem document of a plan since which too much has changed.
pub(super) fn plan_again() -> Response {
    let problem = Problem::new("/problems/conflict", "Conflict", StatusCode::CONFLICT);
    problem.saying("too much has changed since the plan was made: plan again").into_answer()
}

/// The problem document of an error.
pub(super) fn render(error: &ApiError) -> Response {
    let Usual { status, title, detail } = Usual::of(error);
    let mut problem = Problem { detail, ..Problem::new(type_of(error), title, status) };
    if let ApiError::Locked(paths) = error {
        problem.locked = Some(paths.iter().map(ToString::to_string).collect());
    }
    if let ApiError::Unconfirmed { files } = error {
        problem.files = Some(*files);
    }
    if let ApiError::RateLimited(limited) = error {
        let until = limited.until.iso8601();
        problem.detail = Some(format!("The next request is accepted at {until}").into());
    }
    problem.into_answer()
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
        ApiError::Unconfirmed { .. } => "/problems/confirmation-required",
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
