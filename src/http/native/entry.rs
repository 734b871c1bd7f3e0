//! Entries as answers show them.

use axum::response::Response;
use http::header::ETAG;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::entry::{Entry, FileRecord, FolderRecord};
use crate::domain::path::EntryPath;
use crate::http::conditions::etag_of;
use crate::http::json;

/// A file or a folder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Entry)]
pub(super) struct EntryAnswer {
    /// For life: overwriting, renaming and moving keep it.
    id: String,
    path: String,
    kind: Kind,
    /// Its own lock; a folder above may be locked too.
    locked: bool,
    created_at: String,
    #[serde(flatten)]
    #[schema(inline)]
    of_kind: OfKind,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EntryKind)]
enum Kind {
    File,
    Folder,
}

/// What only files have, or only folders.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = EntryContent)]
struct OfKind {
    /// Of a file: bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Of a file: names its present version, in quotes, as `If-Match` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// Of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// Of a file: when its present version was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_at: Option<String>,
    /// Of a folder: how many files lie right in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    /// Of a folder: the bytes of the files right in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

impl EntryAnswer {
    /// What lies at `path`.
    pub(super) fn of(path: &EntryPath, entry: &Entry) -> Self {
        match entry {
            Entry::File(file) => Self::of_file(path, file),
            Entry::Folder(folder) => Self::of_folder(path, folder),
        }
    }

    /// The file at `path`.
    pub(super) fn of_file(path: &EntryPath, file: &FileRecord) -> Self {
        let of_kind = OfKind {
            size: Some(file.content.size),
            etag: Some(etag_of(file.blob.id)),
            content_type: Some(file.attributes.content_type.clone()),
            tags: Some(file.attributes.tags.clone()),
            modified_at: Some(file.modified_at.iso8601()),
            ..OfKind::default()
        };
        Self {
            id: file.id.to_string(),
            path: path.to_string(),
            kind: Kind::File,
            locked: file.locked,
            created_at: file.created_at.iso8601(),
            of_kind,
        }
    }

    /// The folder at `path`.
    pub(super) fn of_folder(path: &EntryPath, folder: &FolderRecord) -> Self {
        let (files, bytes) = (Some(folder.direct.files), Some(folder.direct.bytes));
        Self {
            id: folder.id.to_string(),
            path: path.to_string(),
            kind: Kind::Folder,
            locked: folder.locked,
            created_at: folder.created_at.iso8601(),
            of_kind: OfKind { files, bytes, ..OfKind::default() },
        }
    }

    /// An answer that is this entry, with the tag of its version where it has one.
    pub(super) fn answer(&self, status: StatusCode) -> Response {
        let mut response = json::answer(status, self);
        let etag = self.of_kind.etag.as_deref().and_then(|etag| HeaderValue::try_from(etag).ok());
        if let Some(etag) = etag {
            response.headers_mut().insert(ETAG, etag);
        }
        response
    }
}
