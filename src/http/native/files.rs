//! Files by their paths: the path is the rest of the url, the body is the file.

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use super::Native;
use super::deleting::{self, DeletedEntry};
use super::entry::EntryAnswer;
use crate::deletion::request::Selector;
use crate::domain::entry::Entry;
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::auth::Authenticated;
use crate::http::conditions::overwrite_of;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::raw::{self, RawTarget};
use crate::http::segment::Tail;
use crate::http::state::Service;
use crate::http::{content, json};

/// Stores a file
///
/// Folders on the way are made. A file that lies there is replaced and keeps its id; with
/// `If-None-Match: *` only what is new is stored, with `If-Match` only that version is replaced.
#[utoipa::path(
    put,
    path = "/delenda/v1/files/{*path}",
    tag = "files",
    params(
        ("path" = String, Path, description = "The path of the file"),
        ("If-Match" = Option<String>, Header, description = "Versions of which one must lie there"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: nothing may lie there"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The file, which has a new version", body = EntryAnswer),
        (status = 201, description = "The file, which is new", body = EntryAnswer),
        (status = 409, description = "A folder lies there, or a file where a folder would have to be"),
        (status = 412, description = "Another version lies there, or none, or one at all"),
        (status = 413, description = "More than the plan lets one file have"),
        (status = 415, description = "A media type that the plan does not take, or an encoded body"),
        (status = 423, description = "Locked"),
        (status = 507, description = "No space is left"),
    )
)]
pub(super) async fn put(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    path: Tail<3>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let (head, body) = request.into_parts();
    raw::check(&service, &head.headers)?;
    raw::check_whole(&head.headers)?;
    authenticated.query.only(&["organization"])?;
    let path = file_path(path)?;
    let overwrite = overwrite_of(&head.headers)?;
    authenticated.require(Scope::Write)?;
    let target = RawTarget { path: path.clone(), overwrite };
    let realm = &authenticated.caller.realm;
    let stored = raw::store(&service, realm, target, &head.headers, body).await?;
    let status = if stored.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(EntryAnswer::of_file(&path, &stored.file).answer(status))
}

/// Reads a file
///
/// Whole or a range of it, under the usual conditions. What a browser might run is offered as a
/// download.
#[utoipa::path(
    method(get, head),
    path = "/delenda/v1/files/{*path}",
    tag = "files",
    params(
        ("path" = String, Path, description = "The path of the file"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Match" = Option<String>, Header, description = "Versions of which one is wanted"),
        ("If-None-Match" = Option<String>, Header, description = "Versions that are known already"),
    ),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "The bytes of the range", body = Vec<u8>, content_type = "*/*"),
        (status = 304, description = "The version is known already"),
        (status = 404, description = "Nothing there"),
        (status = 412, description = "The version is not the one that is wanted"),
        (status = 416, description = "The range lies outside of the file"),
    )
)]
pub(super) async fn read(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    path: Tail<3>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    let written = path.written()?;
    authenticated.require(Scope::Read)?;
    let realm = &authenticated.caller.realm;
    match service.ledger.entry_at(realm, &written).await? {
        None => Err(ApiError::NotFound.into()),
        Some(Entry::Folder(_)) => Err(names_a_folder().into()),
        Some(Entry::File(file)) => {
            let head = method == Method::HEAD;
            Ok(content::serve(&service, realm, file, &headers, head).await?)
        }
    }
}

/// Deletes a file or a folder
///
/// All of it or nothing; what is deleted is gone with the answer, and its bytes are on their way.
#[utoipa::path(
    delete,
    path = "/delenda/v1/files/{*path}",
    tag = "files",
    params(
        ("path" = String, Path, description = "The path; with a trailing `/`, of a folder"),
        ("recursive" = Option<bool>, Query, description = "Whether a folder goes with all below it"),
        ("confirm" = Option<u64>, Query, description = "How many files are meant to go, where a limit asks for it"),
        ("If-Match" = Option<String>, Header, description = "Versions of which one must lie there"),
    ),
    responses(
        (status = 200, description = "What went", body = DeletedEntry),
        (status = 404, description = "Nothing there"),
        (status = 409, description = "The folder holds something and `recursive` was not asked for, or `confirm` is missing"),
        (status = 412, description = "Another version lies there"),
        (status = 423, description = "Something of it is locked: nothing went"),
    )
)]
pub(super) async fn delete(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    path: Tail<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    let asked = deleting::Asked::read(&authenticated.query, &headers)?;
    let written = path.written()?;
    if written.path.is_root() {
        return Err(ApiError::Invalid("'/' cannot be deleted".to_owned()).into());
    }
    authenticated.require(Scope::Delete)?;
    let selector = Selector::Path(written);
    let deleted = deleting::delete(&service, &authenticated.caller, selector, asked).await?;
    Ok(json::answer(StatusCode::OK, &deleted))
}

/// The path of a file: none that says a folder.
fn file_path(path: Tail<3>) -> Result<EntryPath, ApiError> {
    let written = path.written()?;
    match written.says_folder {
        true => Err(names_a_folder()),
        false => Ok(written.path),
    }
}

fn names_a_folder() -> ApiError {
    ApiError::Invalid("the path names a folder".to_owned())
}
