//! `POST /v2/files/copy`: a file, or a folder with all below it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::call::Call;
use crate::domain::entry::Entry;
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::error::ApiError;
use crate::http::state::Service;

pub(super) async fn copy(State(service): State<Service>, call: Call) -> Response {
    call.answer(copied(&service, &call).await)
}

async fn copied(service: &Service, call: &Call) -> Result<Response, ApiError> {
    let from = EntryPath::parse_written(call.required("from")?)?;
    let to = EntryPath::parse_written(call.required("to")?)?;
    call.asked.require(Scope::Read)?;
    call.asked.require(Scope::Write)?;
    let realm = &call.asked.caller.realm;
    if to.says_folder
        && let Some(Entry::File(_)) = service.ledger.entry_at(realm, &from).await?
    {
        return Err(ApiError::Invalid("to names a folder, and from a file".to_owned()));
    }
    service.copies().copy(realm, &from, &to.path).await?;
    Ok(StatusCode::OK.into_response())
}
