//! Commands one by one and by pages.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Shown;
use crate::domain::command::CommandStatus;
use crate::domain::id::CommandId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::cursor::{List, foreign_cursor};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::native::Native;
use crate::http::query::Query;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::reports::CommandQuery;

/// A page of commands.
#[derive(Serialize, ToSchema)]
#[schema(as = CommandPage)]
struct CommandList {
    #[schema(value_type = Vec<Object>)]
    commands: Vec<Shown>,
    /// Where the next page begins; `null` on the last one.
    cursor: Option<String>,
}

/// The commands, newest first
#[utoipa::path(
    get,
    path = "/delenda/v1/commands",
    tag = "commands",
    params(
        ("status" = Option<String>, Query, description = "`QUEUED`, `PROCESSING`, `SUCCESS` or `FAILED`"),
        ("cursor" = Option<String>, Query, description = "Where the page begins, as the one before it says"),
        ("limit" = Option<u64>, Query, description = "Items of the page, 1 to 1,000; 100 unless said"),
    ),
    responses((status = 200, description = "A page", body = CommandList))
)]
pub(in crate::http::native) async fn list(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    let (query, caller) = (&authenticated.query, &authenticated.caller);
    let (status, word) = status_of(query)?;
    let filters = word.map(|word| ("status", word));
    let list = List {
        route: "/delenda/v1/commands",
        organization: Some(caller.organization.id),
        filters: filters.as_slice(),
    };
    query.only(&["organization", "status", "limit", "cursor"])?;
    let page = list.asked(&service.signer, query)?;
    let before = page.after.map(position).transpose()?;
    authenticated.require(Scope::Read)?;
    let asked = CommandQuery { status, before, limit: page.limit };
    let commands = service.ledger.command_page(&caller.realm, asked).await?;
    let full = commands.len() as u64 == page.limit;
    let last = commands.last().filter(|_| full);
    let cursor = last.map(|last| list.cursor(&service.signer, last.id.as_bytes()));
    let shown = commands.into_iter().map(|one| Shown::of(&service, &headers, caller, one));
    Ok(json::answer(StatusCode::OK, &CommandList { commands: shown.collect(), cursor }))
}

fn position(bytes: Vec<u8>) -> Result<CommandId, ApiError> {
    bytes.try_into().map(CommandId::from_bytes).map_err(|_| foreign_cursor())
}

/// A status with its word.
fn status_of(query: &Query) -> Result<(Option<CommandStatus>, Option<&str>), ApiError> {
    let word = query.single("status")?.filter(|word| !word.is_empty());
    let status = match word {
        None => None,
        Some("QUEUED") => Some(CommandStatus::Queued),
        Some("PROCESSING") => Some(CommandStatus::Processing),
        Some("SUCCESS") => Some(CommandStatus::Success),
        Some("FAILED") => Some(CommandStatus::Failed),
        Some(_) => {
            let text = "status must be QUEUED, PROCESSING, SUCCESS or FAILED";
            return Err(ApiError::Invalid(text.to_owned()));
        }
    };
    Ok((status, word))
}

/// A command, with all outputs that it ever had
#[utoipa::path(
    get,
    path = "/delenda/v1/commands/{id}",
    tag = "commands",
    params(("id" = String, Path, description = "The command")),
    responses(
        (status = 200, description = "The command", body = Object),
        (status = 404, description = "No such command"),
    )
)]
pub(in crate::http::native) async fn command(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let id = id.parse(CommandId::parse).ok_or(ApiError::NotFound)?;
    let command = service.ledger.command(&caller.realm, id).await?.ok_or(ApiError::NotFound)?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&service, &headers, caller, command)))
}
