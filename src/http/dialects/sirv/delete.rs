//! `POST /v2/files/delete`: one file, or one folder with nothing in it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::call::Call;
use super::files::filename_of;
use crate::deletion::request::{DeleteRequest, Door, FoldersPolicy, Selector};
use crate::domain::organization::Scope;
use crate::http::error::ApiError;
use crate::http::state::Service;

pub(super) async fn delete_one(State(service): State<Service>, call: Call) -> Response {
    call.answer(delete(&service, &call).await)
}

async fn delete(service: &Service, call: &Call) -> Result<Response, ApiError> {
    call.asked.query.only(&["filename"])?;
    let written = filename_of(call.required("filename")?)?;
    if written.path.is_root() {
        return Err(ApiError::Invalid("'/' cannot be deleted".to_owned()));
    }
    call.asked.require(Scope::Delete)?;
    let selectors = vec![Selector::Path(written)];
    let request = DeleteRequest {
        folders: FoldersPolicy::EmptyOnly,
        ..service.delete_request(&call.asked.caller, Door::Sirv, selectors)
    };
    match service.deleter.delete(request).await? {
        Ok(_committed) => Ok(StatusCode::OK.into_response()),
        Err(declined) => Err(service.declined(declined)),
    }
}
