//! The texts of the dialect.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::domain::entry::FileRecord;
use crate::domain::id::OrganizationId;
use crate::http::error::ApiError;
use crate::http::signing::absolute_url;
use crate::http::state::Service;
use crate::http::usual::Usual;

/// The shape of every error but one.
#[derive(Serialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: Cow<'static, str>,
}

/// The answer to a delete that was refused whole.
#[derive(Serialize)]
pub(super) struct NothingDeleted {
    pub(super) not_found: Vec<String>,
    pub(super) unauthorized: Vec<String>,
    pub(super) error: &'static str,
}

/// What such an answer says.
pub(super) const NOTHING_DELETED: &str = "Cannot delete uploads: some uploads were not found or \
                                          you don't have permission to delete them";

/// The answer to a delete.
#[derive(Serialize)]
pub(super) struct Deleted {
    pub(super) deleted: Vec<String>,
    pub(super) message: String,
}

/// An upload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Upload {
    id: String,
    name: String,
    url: String,
    size: u64,
    content_type: String,
    tags: Vec<String>,
    external_id: Option<String>,
    created_at: String,
}

impl Upload {
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
            url,
            size: file.content.size,
            content_type: attributes.content_type,
            tags: attributes.tags,
            external_id: attributes.external_id,
            created_at: file.created_at.iso8601(),
        }
    }
}

/// An account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account<'a> {
    pub(super) email: &'static str,
    pub(super) name: &'a str,
    pub(super) api_usage: u64,
    pub(super) api_quota: u64,
    pub(super) usage_percentage: u64,
    pub(super) plan: &'a str,
}

/// Status and text of every error.
pub(super) fn error(error: &ApiError) -> (StatusCode, Cow<'static, str>) {
    let told = match error {
        ApiError::Unauthenticated => Usual::own(StatusCode::UNAUTHORIZED, "Not authorized"),
        ApiError::OrganizationGone => Usual::own(StatusCode::NOT_FOUND, "User not found"),
        ApiError::Locked(_) => Usual::own(StatusCode::BAD_REQUEST, "The upload is locked"),
        ApiError::BytesRemain | ApiError::Internal(_) => {
            Usual::own(StatusCode::INTERNAL_SERVER_ERROR, "An unexpected error occurred")
        }
        usual => Usual::of(usual),
    };
    (told.status, told.text())
}
