//! The calls on commands.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Renderio;
use super::wire::FilesDeleted;
use crate::deletion::request::{Door, Selector};
use crate::domain::id::CommandId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::outputs::CommandAnswer;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::MissedSubject;

/// Deletes all live outputs of a command, and answers when their bytes are gone.
pub(super) async fn delete_files(
    State(service): State<Service>,
    authenticated: Authenticated<Renderio>,
    command: Segment<3>,
) -> Result<Response, DialectError<Renderio>> {
    authenticated.query.only(&[])?;
    authenticated.require(Scope::Delete)?;
    let command = command.parse(CommandId::parse).ok_or(ApiError::NotFound)?;
    let selectors = vec![Selector::Outputs(command)];
    let mut request = service.delete_request(&authenticated.caller, Door::Renderio, selectors);
    request.joins_missed = true;
    let subject = MissedSubject::Outputs(command);
    let at_most = service.settings.bytes_gone_wait;
    let decided = service.deleter.delete_and_wait(request, subject, at_most).await?;
    let awaited = decided.map_err(|declined| service.declined(declined))?;
    match awaited.bytes_gone {
        true => {
            let answer = FilesDeleted { deleted: true, files_deleted: awaited.files };
            Ok(json::answer(StatusCode::OK, &answer))
        }
        false => Err(ApiError::BytesRemain.into()),
    }
}

/// A command with all outputs it ever had.
pub(super) async fn get_command(
    State(service): State<Service>,
    authenticated: Authenticated<Renderio>,
    command: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Renderio>> {
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let id = command.parse(CommandId::parse).ok_or(ApiError::NotFound)?;
    let command = service.ledger.command(&caller.realm, id).await?.ok_or(ApiError::NotFound)?;
    let answer = CommandAnswer::of(&service, &headers, caller.organization.id, command);
    Ok(json::answer(StatusCode::OK, &answer))
}
