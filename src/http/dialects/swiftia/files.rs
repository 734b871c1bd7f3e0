//! Listing, showing and deleting files.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Swiftia;
use super::wire::{BYTES_REMAIN, Deletion, File, Page, kind_of};
use crate::deletion::request::{Door, Selector};
use crate::domain::id::EntryId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::outputs::megabytes;
use crate::http::placing::tags_of;
use crate::http::query::Query;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::{FileQuery, MissedSubject};

/// Files on a page, unless the request says otherwise.
const PAGE_FILES: u64 = 50;
/// Files on a page at most.
const PAGE_FILES_MAX: u64 = 100;

/// Deletes one file, and answers when its bytes are gone.
pub(super) async fn delete(
    State(service): State<Service>,
    authenticated: Authenticated<Swiftia>,
    file: Segment<3>,
) -> Result<Response, DialectError<Swiftia>> {
    authenticated.query.only(&["organizationId"])?;
    authenticated.require(Scope::Delete)?;
    let file = file.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let subject = (Selector::File(file), MissedSubject::File(file));
    let caller = &authenticated.caller;
    let awaited = service.delete_and_wait(caller, Door::Swiftia, subject).await?;
    let (status, error) = match awaited.bytes_gone {
        true => (StatusCode::OK, None),
        false => (StatusCode::INTERNAL_SERVER_ERROR, Some(BYTES_REMAIN)),
    };
    let id = file.to_string();
    Ok(json::answer(status, &Deletion { id, deleted: awaited.bytes_gone, error }))
}

/// A page of files, with what the organization uses.
pub(super) async fn list(
    State(service): State<Service>,
    authenticated: Authenticated<Swiftia>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Swiftia>> {
    let query = file_query(&authenticated.query)?;
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let page = service.ledger.files(&caller.realm, &query).await?;
    let used = service.ledger.usage(&caller.realm).await?.live.bytes;
    let space = service.space_of(&caller.organization).await?;
    let percent = space.filter(|bytes| *bytes > 0);
    let percent = percent.map_or(0.0, |bytes| megabytes(used) / megabytes(bytes) * 100.0);
    let organization = caller.organization.id;
    let files = page.files.into_iter();
    let answer = Page {
        sub_size: space.map(megabytes),
        used_size: megabytes(used),
        used_size_percent: percent,
        total: page.total,
        files: files.map(|file| File::of(&service, &headers, organization, file)).collect(),
    };
    Ok(json::answer(StatusCode::OK, &answer))
}

fn file_query(query: &Query) -> Result<FileQuery, ApiError> {
    let kind = match query.single("type")? {
        None | Some("") => None,
        Some(word) => Some(kind_of(word).ok_or_else(|| {
            ApiError::Invalid("type must be image, video, audio or other".to_owned())
        })?),
    };
    let tags = query.single("tags")?.unwrap_or_default();
    Ok(FileQuery {
        kind,
        any_tag: tags_of(tags.split(','))?,
        text: None,
        offset: query.number("offset", 0, 0..=u64::from(u32::MAX))?,
        limit: query.number("limit", PAGE_FILES, 1..=PAGE_FILES_MAX)?,
    })
}

/// One file.
pub(super) async fn get_file(
    State(service): State<Service>,
    authenticated: Authenticated<Swiftia>,
    file: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Swiftia>> {
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let id = file.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let file = service.ledger.file(&caller.realm, id).await?.ok_or(ApiError::NotFound)?;
    let answer = File::of(&service, &headers, caller.organization.id, file);
    Ok(json::answer(StatusCode::OK, &answer))
}
