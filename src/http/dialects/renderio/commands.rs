//! The calls on commands.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Renderio;
use super::page::page_of;
use super::wire::{CommandPage, FilesDeleted};
use crate::deletion::request::{Door, Selector};
use crate::domain::command::CommandStatus;
use crate::domain::id::CommandId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::outputs::CommandAnswer;
use crate::http::query::Query;
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
    let subject = (Selector::Outputs(command), MissedSubject::Outputs(command));
    let caller = &authenticated.caller;
    let awaited = service.delete_and_wait(caller, Door::Renderio, subject).await?;
    let gone = awaited.bytes_gone.then_some(awaited.files);
    let files_deleted = gone.ok_or(ApiError::BytesRemain)?;
    Ok(json::answer(StatusCode::OK, &FilesDeleted { deleted: true, files_deleted }))
}

/// A page of commands, newest first.
pub(super) async fn list(
    State(service): State<Service>,
    authenticated: Authenticated<Renderio>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Renderio>> {
    let page = page_of(&authenticated.query)?;
    let status = status_of(&authenticated.query)?;
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let commands = service.ledger.commands(&caller.realm, status, page).await?.into_iter();
    let organization = caller.organization.id;
    let commands = commands
        .map(|command| CommandAnswer::of(&service, &headers, organization, command))
        .collect();
    let answer = CommandPage { commands, limit: page.limit, offset: page.offset };
    Ok(json::answer(StatusCode::OK, &answer))
}

fn status_of(query: &Query) -> Result<Option<CommandStatus>, ApiError> {
    match query.single("status")? {
        None | Some("") => Ok(None),
        Some("QUEUED") => Ok(Some(CommandStatus::Queued)),
        Some("PROCESSING") => Ok(Some(CommandStatus::Processing)),
        Some("SUCCESS") => Ok(Some(CommandStatus::Success)),
        Some("FAILED") => Ok(Some(CommandStatus::Failed)),
        Some(_) => Err(ApiError::Invalid(
            "status must be QUEUED, PROCESSING, SUCCESS or FAILED".to_owned(),
        )),
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
