//! The texts of the dialect.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::domain::entry::Origin;
use crate::domain::id::OrganizationId;
use crate::domain::keepsake::KnownFile;
use crate::http::error::ApiError;
use crate::http::outputs::{CommandAnswer, UnreadMedia, megabytes};
use crate::http::signing::absolute_blob_url;
use crate::http::state::Service;
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

/// The answer to a delete of one file.
#[derive(Serialize)]
pub(super) struct FileDeleted {
    pub(super) deleted: bool,
    pub(super) file_id: String,
}

/// The answer to an upload.
#[derive(Serialize)]
pub(super) struct FileStored {
    pub(super) file_id: String,
}

/// A page of commands.
#[derive(Serialize)]
pub(super) struct CommandPage {
    pub(super) commands: Vec<CommandAnswer>,
    pub(super) limit: u64,
    pub(super) offset: u64,
}

/// A page of files.
#[derive(Serialize)]
pub(super) struct FilePage {
    pub(super) files: Vec<StoredFile>,
    pub(super) limit: u64,
    pub(super) offset: u64,
}

/// A file, live or deleted.
#[derive(Serialize)]
pub(super) struct StoredFile {
    file_id: String,
    storage_url: Option<String>,
    status: &'static str,
    rendi_store_type: &'static str,
    is_deleted: bool,
    size_mbytes: Option<f64>,
    mime_type: String,
    #[serde(flatten)]
    media: UnreadMedia,
    sample_rate: Option<u32>,
    channels: Option<u32>,
    created_at: String,
}

impl StoredFile {
    pub(super) fn of(
        service: &Service,
        headers: &HeaderMap,
        organization: OrganizationId,
        file: KnownFile,
    ) -> Self {
        let storage_url = file
            .live
            .map(|blob| absolute_blob_url(service, headers, (organization, file.id, blob.id)));
        Self {
            file_id: file.id.to_string(),
            is_deleted: storage_url.is_none(),
            storage_url,
            status: "STORED",
            rendi_store_type: store_type(file.origin),
            size_mbytes: Some(megabytes(file.size)),
            mime_type: file.content_type,
            media: UnreadMedia::default(),
            sample_rate: None,
            channels: None,
            created_at: file.created_at.iso8601(),
        }
    }
}

fn store_type(origin: Origin) -> &'static str {
    match origin {
        Origin::CommandOutput => "OUTPUT",
        Origin::RenderioUpload => "UPLOAD",
        Origin::Ordinary => "STORED_FILE",
    }
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
        | ApiError::ChecksumMismatch
        | ApiError::RangeNotSatisfiable { .. }
        | ApiError::Timeout => "INVALID_REQUEST",
        ApiError::OrganizationMismatch
        | ApiError::Forbidden(_)
        | ApiError::OperatorsOnly
        | ApiError::OutsidePrefix
        | ApiError::SignatureRefused => "FORBIDDEN",
        ApiError::NotFound => "NOT_FOUND",
        ApiError::MethodNotAllowed { .. } => "METHOD_NOT_ALLOWED",
        ApiError::Unprocessable(_) | ApiError::IdempotencyMismatch => "VALIDATION_ERROR",
        ApiError::Conflict(_) | ApiError::Locked(_) | ApiError::Unconfirmed { .. } => "CONFLICT",
        ApiError::TooLarge { .. } => "PAYLOAD_TOO_LARGE",
        ApiError::RateLimited(_) => "RATE_LIMITED",
        ApiError::NotImplemented => "NOT_IMPLEMENTED",
        ApiError::InsufficientStorage(_) => "INSUFFICIENT_STORAGE",
        ApiError::BytesRemain | ApiError::Internal(_) => "INTERNAL_ERROR",
        ApiError::Unavailable(_) => "UNAVAILABLE",
    }
}
