//! `POST /fso` with an archive, and `GET /fsos`: many files in and out at once.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, StatusCode};

use super::Merple;
use super::wire::UnpackedFolder;
use crate::archives::{Pack, UnpackRequest, unpack};
use crate::domain::organization::Scope;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::media::media_type;
use crate::http::query::Query;
use crate::http::state::Service;

/// Paths of one download at most.
const PATHS_MAX: usize = 1000;

/// Whether the body of an upload is an archive.
pub(super) fn is_archive(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|text| text.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/zip")
}

/// Unpacks the body into the folder that `text` names.
pub(super) async fn store(
    service: &Service,
    asked: &Authenticated<Merple>,
    (text, target): (&str, EntryPath),
    overwrite: bool,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, ApiError> {
    let limits = service.settings.archives;
    json::check_length(headers, limits.bytes_max)?;
    json::check_encoding(headers)?;
    let media_type = |name: &str| media_type(None, name);
    let realm = &asked.caller.realm;
    let request = UnpackRequest { realm, target, overwrite, limits, media_type };
    let parts = (&service.uploader, &service.blobs, service.ids.as_ref());
    let unpacked = unpack(parts, request, body.into_data_stream()).await?;
    let answer = UnpackedFolder { path: text, files: unpacked.files, size: unpacked.bytes };
    Ok(json::answer(StatusCode::CREATED, &answer))
}

pub(super) async fn read(
    State(service): State<Service>,
    asked: Authenticated<Merple>,
) -> Result<Response, DialectError<Merple>> {
    let written = written_paths(&asked.query)?;
    asked.require(Scope::Read)?;
    let realm = &asked.caller.realm;
    let mut entries = Vec::with_capacity(written.len());
    for written in written {
        let entry = service.ledger.entry_at(realm, &written).await?;
        entries.push((written.path, entry.ok_or(ApiError::NotFound)?));
    }
    let (ledger, blobs) = (service.ledger.clone(), service.blobs.clone());
    let pack = Pack::of(ledger, blobs, realm.clone(), entries).await?;
    Ok((ARCHIVE_HEADERS, Body::from_stream(pack.into_stream())).into_response())
}

/// The paths that are to be packed, each of them well-formed.
fn written_paths(query: &Query) -> Result<Vec<WrittenPath>, ApiError> {
    let texts: Vec<&str> = query.all("path").collect();
    if texts.is_empty() {
        return Err(ApiError::Invalid("path is required".to_owned()));
    }
    if texts.len() > PATHS_MAX {
        return Err(ApiError::Invalid(format!("more than {PATHS_MAX} paths are given")));
    }
    let written: Result<Vec<WrittenPath>, _> =
        texts.into_iter().map(EntryPath::parse_written).collect();
    Ok(written?)
}

/// Every archive is made for whoever asked, and is saved rather than shown.
const ARCHIVE_HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "application/zip"),
    (CONTENT_DISPOSITION, "attachment; filename=\"files.zip\""),
    (CACHE_CONTROL, "private, no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
