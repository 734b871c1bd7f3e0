//! `/v2/files/meta/tags`: the tags of a file.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::call::Call;
use super::files::filename_of;
use super::wire::{GivenTags, Tags};
use crate::domain::entry::{Entry, TagChange};
use crate::domain::organization::Scope;
use crate::http::error::ApiError;
use crate::http::json::{self, BodyLimits};
use crate::http::placing::tags_of;
use crate::http::state::Service;

/// Bytes of a list of tags at most: as many as a file may have, each as long as it may be, with
/// every letter written as an escape.
const TAGS_BYTES_MAX: u64 = 262_144;

pub(super) async fn read(State(service): State<Service>, call: Call) -> Response {
    call.answer(tell(&service, &call).await)
}

async fn tell(service: &Service, call: &Call) -> Result<Response, ApiError> {
    let written = filename_of(call.required("filename")?)?;
    call.asked.require(Scope::Read)?;
    match service.ledger.entry_at(&call.asked.caller.realm, &written).await? {
        None => Err(ApiError::NotFound),
        Some(Entry::Folder(_)) => Err(ApiError::Invalid("the path names a folder".to_owned())),
        Some(Entry::File(file)) => {
            Ok(json::answer(StatusCode::OK, &Tags { tags: &file.attributes.tags }))
        }
    }
}

pub(super) async fn add(
    State(service): State<Service>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Response {
    call.answer(change(&service, &call, (&headers, body), TagChange::Add).await)
}

pub(super) async fn remove(
    State(service): State<Service>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Err(error) = call.asked.query.only(&["filename"]) {
        return call.answer(Err(error.into()));
    }
    call.answer(change(&service, &call, (&headers, body), TagChange::Remove).await)
}

async fn change(
    service: &Service,
    call: &Call,
    (headers, body): (&HeaderMap, Body),
    change_of: fn(Vec<String>) -> TagChange,
) -> Result<Response, ApiError> {
    let written = filename_of(call.required("filename")?)?;
    let limits = BodyLimits { bytes_max: TAGS_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let given: Option<GivenTags> = json::read(headers, body, limits).await?;
    let given = json::required(given)?;
    let change = change_of(tags_of(given.tags.iter().map(String::as_str))?);
    call.asked.require(Scope::Write)?;
    service.ledger.change_tags(&call.asked.caller.realm, &written, &change).await??;
    Ok(StatusCode::OK.into_response())
}
