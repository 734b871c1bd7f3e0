//! Files by their paths: upload, stat, download, and the locks.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};

use super::Sirv;
use super::call::Call;
use super::wire::Facts;
use crate::domain::entry::Entry;
use crate::domain::organization::Scope;
use crate::domain::overwrite::Overwrite;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::raw::RawTarget;
use crate::http::state::Service;
use crate::http::{content, json, raw};

pub(super) async fn upload(
    State(service): State<Service>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Response {
    call.answer(store(&service, &call, &headers, body).await)
}

async fn store(
    service: &Service,
    call: &Call,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    raw::check(service, headers)?;
    let written = filename_of(call.required("filename")?)?;
    if written.says_folder {
        return Err(ApiError::Invalid("filename names a folder".to_owned()));
    }
    call.asked.require(Scope::Write)?;
    let target = RawTarget { path: written.path, overwrite: Overwrite::Always };
    raw::store(service, &call.asked.caller.realm, target, headers, body).await?;
    Ok(StatusCode::OK.into_response())
}

pub(super) async fn stat(State(service): State<Service>, call: Call) -> Response {
    call.answer(describe(&service, &call).await)
}

async fn describe(service: &Service, call: &Call) -> Result<Response, ApiError> {
    let written = filename_of(call.required("filename")?)?;
    call.asked.require(Scope::Read)?;
    let entry = service.ledger.entry_at(&call.asked.caller.realm, &written).await?;
    let entry = entry.ok_or(ApiError::NotFound)?;
    Ok(json::answer(StatusCode::OK, &Facts::of(&entry)))
}

/// The one authenticated answer without the headers of limits, as the product has it.
pub(super) async fn download(
    State(service): State<Service>,
    asked: Authenticated<Sirv>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, DialectError<Sirv>> {
    let filename = asked.query.single("filename")?;
    let filename = filename.ok_or_else(|| ApiError::Invalid("filename is required".to_owned()))?;
    let written = filename_of(filename)?;
    asked.require(Scope::Read)?;
    let realm = &asked.caller.realm;
    match service.ledger.entry_at(realm, &written).await? {
        None => Err(ApiError::NotFound.into()),
        Some(Entry::Folder(_)) => {
            Err(ApiError::Invalid("filename names a folder".to_owned()).into())
        }
        Some(Entry::File(file)) => {
            let head = method == Method::HEAD;
            Ok(content::serve(&service, realm, file, &headers, head).await?)
        }
    }
}

pub(super) async fn lock(State(service): State<Service>, call: Call) -> Response {
    call.answer(set_lock(&service, &call, Scope::Write, true).await)
}

pub(super) async fn unlock(State(service): State<Service>, call: Call) -> Response {
    call.answer(set_lock(&service, &call, Scope::Admin, false).await)
}

async fn set_lock(
    service: &Service,
    call: &Call,
    scope: Scope,
    locked: bool,
) -> Result<Response, ApiError> {
    let written = filename_of(call.required("filename")?)?;
    if written.path.is_root() {
        return Err(ApiError::Invalid("'/' cannot be locked".to_owned()));
    }
    call.asked.require(scope)?;
    match service.ledger.set_lock(&call.asked.caller.realm, &written, locked).await? {
        true => Ok(StatusCode::OK.into_response()),
        false => Err(ApiError::NotFound),
    }
}

pub(super) fn filename_of(text: &str) -> Result<WrittenPath, ApiError> {
    EntryPath::parse_written(text).map_err(|error| ApiError::Invalid(error.to_string()))
}
