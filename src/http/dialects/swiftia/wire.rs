//! The texts of the dialect.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::domain::entry::FileRecord;
use crate::domain::id::OrganizationId;
use crate::http::error::ApiError;
use crate::http::signing::absolute_url;
use crate::http::state::Service;
use crate::ledger::FileKind;

/// The answer where no key is good.
#[derive(Serialize)]
pub(super) struct Unauthorized {
    pub(super) error: &'static str,
}

/// The shape of almost every error.
#[derive(Serialize)]
pub(super) struct Message {
    pub(super) message: Cow<'static, str>,
}

/// The answer to one request too many.
#[derive(Serialize)]
pub(super) struct RateLimitExceeded {
    pub(super) status: u16,
    pub(super) message: &'static str,
    pub(super) code: &'static str,
    #[serde(rename = "retryAfter")]
    pub(super) retry_after: u64,
}

/// The answer to a delete. `error` stands there only where the bytes remain.
#[derive(Serialize)]
pub(super) struct Deletion {
    pub(super) id: String,
    pub(super) deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'static str>,
}

/// The answer to a list. Sizes are in megabytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) sub_size: Option<f64>,
    pub(super) used_size: f64,
    pub(super) used_size_percent: f64,
    pub(super) total: u64,
    pub(super) files: Vec<File>,
}

/// A file. What would have to be read out of the media is not known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    id: String,
    name: String,
    r#type: &'static str,
    size: u64,
    length: Option<f64>,
    status: &'static str,
    description: Option<String>,
    tags: Vec<String>,
    job_id: Option<String>,
    url: String,
    thumbnail_url: Option<String>,
    created_at: String,
}

impl File {
    pub(super) fn of(
        service: &Service,
        headers: &HeaderMap,
        organization: OrganizationId,
        file: FileRecord,
    ) -> Self {
        let url = absolute_url(service, headers, organization, &file);
        let attributes = file.attributes;
        Self {
            id: file.id.to_string(),
            name: attributes.title,
            r#type: type_of(FileKind::of(&attributes.content_type)),
            size: file.content.size,
            length: None,
            status: "completed",
            description: attributes.description,
            tags: attributes.tags,
            job_id: file.command.map(|command| command.to_string()),
            url,
            thumbnail_url: None,
            created_at: file.created_at.iso8601(),
        }
    }
}

fn type_of(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Image => "image",
        FileKind::Video => "video",
        FileKind::Audio => "audio",
        FileKind::Other => "other",
    }
}

/// The kind that a `type` asks for.
pub(super) fn kind_of(word: &str) -> Option<FileKind> {
    [FileKind::Image, FileKind::Video, FileKind::Audio, FileKind::Other]
        .into_iter()
        .find(|kind| type_of(*kind) == word)
}

/// Status and message of every error but those with a shape of their own.
pub(super) fn message(error: &ApiError) -> (StatusCode, Cow<'static, str>) {
    use StatusCode as S;
    let (status, text) = match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => (S::UNAUTHORIZED, "Unauthorized"),
        ApiError::OrganizationRequired => (S::BAD_REQUEST, "Organization ID is required"),
        ApiError::OrganizationMismatch => (
            S::FORBIDDEN,
            "Organization ID mismatch. API key is bound to a different organization.",
        ),
        ApiError::Forbidden(scope) => {
            let text = format!("The API key lacks the scope '{}'", scope.as_str());
            return (S::FORBIDDEN, text.into());
        }
        ApiError::SignatureRefused => (S::FORBIDDEN, "The url is not valid"),
        ApiError::NotFound => (S::NOT_FOUND, "File not found"),
        ApiError::MethodNotAllowed { .. } => (S::METHOD_NOT_ALLOWED, "Method not allowed"),
        ApiError::Invalid(text) => return (S::BAD_REQUEST, text.clone().into()),
        ApiError::Unprocessable(text) => return (S::UNPROCESSABLE_ENTITY, text.clone().into()),
        ApiError::Conflict(text) => return (S::CONFLICT, text.clone().into()),
        ApiError::Locked(_) => (S::FORBIDDEN, "File is locked"),
        ApiError::TooLarge { limit } => {
            return (S::PAYLOAD_TOO_LARGE, format!("At most {limit} bytes are accepted").into());
        }
        ApiError::UnsupportedMediaType => {
            (S::UNSUPPORTED_MEDIA_TYPE, "The media type is not accepted")
        }
        ApiError::HeadTooLong(part) => (part.status(), part.text()),
        ApiError::PreconditionFailed => (S::PRECONDITION_FAILED, "The precondition does not hold"),
        ApiError::RangeNotSatisfiable { .. } => {
            (S::RANGE_NOT_SATISFIABLE, "The range lies outside of the file")
        }
        ApiError::RateLimited(_) => {
            (S::TOO_MANY_REQUESTS, "Rate limit exceeded. Please try again later.")
        }
        ApiError::Timeout => (S::REQUEST_TIMEOUT, "The request took too long to arrive"),
        ApiError::NotImplemented => (S::NOT_IMPLEMENTED, "Not implemented"),
        ApiError::InsufficientStorage(text) => {
            return (S::INSUFFICIENT_STORAGE, text.clone().into());
        }
        ApiError::BytesRemain => (S::INTERNAL_SERVER_ERROR, BYTES_REMAIN),
        ApiError::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "Service unavailable"),
        ApiError::Internal(_) => (S::INTERNAL_SERVER_ERROR, "Internal server error"),
    };
    (status, text.into())
}

/// What a delete says whose bytes were not gone in time.
pub(super) const BYTES_REMAIN: &str = "Failed to delete file from storage";
