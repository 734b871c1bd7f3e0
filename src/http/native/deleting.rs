//! Deleting one entry, by its path or its id: the short form of a deletion with one selector.

use http::HeaderMap;
use http::header::TRANSFER_ENCODING;
use serde::Serialize;
use utoipa::ToSchema;

use crate::deletion::record::Committed;
use crate::deletion::request::{DeleteRequest, Door, FoldersPolicy, Precondition, Selector};
use crate::domain::id::BlobId;
use crate::domain::organization::Caller;
use crate::http::conditions::{Wanted, wanted_of};
use crate::http::error::ApiError;
use crate::http::json::announced_length;
use crate::http::query::Query;
use crate::http::state::Service;

/// What a deletion of one entry took.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedEntry {
    /// The deletion.
    id: String,
    files: u64,
    /// The bytes of the files.
    bytes: u64,
    folders: u64,
}

impl DeletedEntry {
    /// What this deletion took.
    pub(super) fn of(committed: &Committed) -> Self {
        let Committed { id, counts, .. } = committed;
        let (files, bytes, folders) = (counts.files, counts.bytes, counts.folders);
        Self { id: id.to_string(), files, bytes, folders }
    }
}

/// How one entry is to be deleted.
#[derive(Debug)]
pub(super) struct Asked {
    folders: FoldersPolicy,
    /// One of these, if any are named; whatever is found is a version for `If-Match: *`.
    versions: Option<Vec<BlobId>>,
    /// How many files the caller says are meant to go.
    confirmed: Option<u64>,
}

impl Asked {
    /// Reads `recursive`, `confirm` and the conditions; refuses every other parameter, and a body.
    pub(super) fn read(query: &Query, headers: &HeaderMap) -> Result<Self, ApiError> {
        check_without_body(headers)?;
        query.only(&["organization", "recursive", "confirm"])?;
        let folders = match query.single("recursive")? {
            None | Some("false") => FoldersPolicy::EmptyOnly,
            Some("true") => FoldersPolicy::Whole,
            Some(_) => {
                return Err(ApiError::Invalid("recursive must be true or false".to_owned()));
            }
        };
        let versions = match wanted_of(headers)? {
            None | Some(Wanted::Any) => None,
            Some(Wanted::Versions(versions)) => Some(versions),
        };
        let confirmed = match query.single("confirm")? {
            None => None,
            Some("") => return Err(ApiError::Invalid("confirm is a number of files".to_owned())),
            Some(_) => Some(query.number("confirm", 0, 0..=u64::MAX)?),
        };
        Ok(Self { folders, versions, confirmed })
    }
}

/// Refuses a body: what it says, such as `dry_run`, might have been meant to spare something.
pub(super) fn check_without_body(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.contains_key(TRANSFER_ENCODING) || announced_length(headers) > 0 {
        true => Err(ApiError::Invalid("a body is not taken here".to_owned())),
        false => Ok(()),
    }
}

/// Deletes what the selector names, or nothing.
pub(super) async fn delete(
    service: &Service,
    caller: &Caller,
    selector: Selector,
    asked: Asked,
) -> Result<DeletedEntry, ApiError> {
    let request = service.delete_request(caller, Door::Native, vec![selector]);
    let preconditions = asked.versions.map(|versions| Precondition { selector: 0, versions });
    let preconditions = preconditions.into_iter().collect();
    let guard = service.guard(caller, asked.confirmed)?;
    let request = DeleteRequest { folders: asked.folders, preconditions, guard, ..request };
    let decided = service.deleter.delete(request).await?;
    let committed = decided.map_err(|declined| service.declined(declined))?;
    Ok(DeletedEntry::of(&committed))
}
