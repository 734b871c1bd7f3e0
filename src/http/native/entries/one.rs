//! One entry by its identity: what it is, its bytes, its deletion.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use super::super::Native;
use super::super::deleting::{self, DeletedEntry};
use super::super::entry::EntryAnswer;
use crate::deletion::request::Selector;
use crate::domain::id::EntryId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::content;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// Tells of an entry
#[utoipa::path(
    get,
    path = "/delenda/v1/entries/{id}",
    tag = "entries",
    params(("id" = String, Path, description = "The entry")),
    responses(
        (status = 200, description = "The entry", body = EntryAnswer),
        (status = 404, description = "No such entry"),
    )
)]
pub(super) async fn read(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Read)?;
    let id = id.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let found = service.ledger.entry(&authenticated.caller.realm, id).await?;
    let found = found.ok_or(ApiError::NotFound)?;
    Ok(EntryAnswer::of(&found.path, &found.entry).answer(StatusCode::OK))
}

/// Reads a file by its identity
///
/// Whole or a range of it, under the usual conditions.
#[utoipa::path(
    method(get, head),
    path = "/delenda/v1/entries/{id}/content",
    tag = "entries",
    params(
        ("id" = String, Path, description = "The file"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Match" = Option<String>, Header, description = "Versions of which one is wanted"),
        ("If-None-Match" = Option<String>, Header, description = "Versions that are known already"),
    ),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "The bytes of the range", body = Vec<u8>, content_type = "*/*"),
        (status = 304, description = "The version is known already"),
        (status = 404, description = "No such file"),
        (status = 412, description = "The version is not the one that is wanted"),
        (status = 416, description = "The range lies outside of the file"),
    )
)]
pub(super) async fn content(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Read)?;
    let id = id.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let realm = &authenticated.caller.realm;
    let file = service.ledger.file(realm, id).await?.ok_or(ApiError::NotFound)?;
    let head = method == Method::HEAD;
    Ok(content::serve(&service, realm, file, &headers, head).await?)
}

/// Deletes an entry
///
/// A file, or a folder; all of it or nothing. What is deleted is gone with the answer, and its
/// bytes are on their way.
#[utoipa::path(
    delete,
    path = "/delenda/v1/entries/{id}",
    tag = "entries",
    params(
        ("id" = String, Path, description = "The entry"),
        ("recursive" = Option<bool>, Query, description = "Whether a folder goes with all below it"),
        ("confirm" = Option<u64>, Query, description = "How many files are meant to go, where a limit asks for it"),
        ("If-Match" = Option<String>, Header, description = "Versions of which the file must be one"),
    ),
    responses(
        (status = 200, description = "What went", body = DeletedEntry),
        (status = 404, description = "No such entry"),
        (status = 409, description = "The folder holds something and `recursive` was not asked for, or `confirm` is missing"),
        (status = 412, description = "It is of another version"),
        (status = 423, description = "Something of it is locked: nothing went"),
    )
)]
pub(super) async fn delete(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    let selector = id.parse(EntryId::parse).map(Selector::Entry);
    Ok(deleting::answer(&service, &authenticated, &headers, selector).await?)
}
