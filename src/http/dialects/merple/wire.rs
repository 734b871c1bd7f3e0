//! The texts of the dialect.

use serde::Serialize;

/// The body of every error.
#[derive(Serialize)]
pub(super) struct ErrorBody<'a> {
    pub(super) error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locked: Option<Vec<&'a str>>,
}

/// The answer to a delete.
#[derive(Serialize)]
pub(super) struct Deleted<'a> {
    pub(super) deleted: bool,
    /// As it was asked for.
    pub(super) path: &'a str,
}

/// The answer to an upload.
#[derive(Serialize)]
pub(super) struct StoredFile<'a> {
    pub(super) path: &'a str,
    pub(super) size: u64,
}

/// The answer to an archive.
#[derive(Serialize)]
pub(super) struct UnpackedFolder<'a> {
    pub(super) path: &'a str,
    pub(super) files: u64,
    pub(super) size: u64,
}

/// An entry.
#[derive(Serialize)]
pub(super) struct Info {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) last_modified: String,
    /// What a folder holds; absent for files, and for folders below what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nested: Option<Vec<Info>>,
}
