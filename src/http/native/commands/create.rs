//! Making a command, once where the client says so.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{REPORT_BYTES_MAX, Shown};
use crate::domain::command::{Command, CommandReport, CommandStatus, CommandType};
use crate::domain::id::CommandId;
use crate::domain::once::Repeat;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::Posted;
use crate::http::json;
use crate::http::native::Native;
use crate::http::state::Service;
use crate::ledger::NewCommand;

/// A command as a worker reports it. Whatever is left out has its usual value.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCommand)]
struct Report {
    /// `FFMPEG_COMMAND`, `CHAINED_COMMAND` or `MULTIPLE_COMMAND`.
    #[schema(value_type = Option<String>)]
    command_type: Option<CommandType>,
    /// `QUEUED`, `PROCESSING`, `SUCCESS` or `FAILED`.
    #[schema(value_type = Option<String>)]
    status: Option<CommandStatus>,
    metadata: Option<Value>,
    original_request: Option<Value>,
}

/// Makes a command
///
/// Without a word about it, it is one that succeeded.
#[utoipa::path(
    post,
    path = "/delenda/v1/commands",
    tag = "commands",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless")),
    request_body = Option<Report>,
    responses(
        (status = 201, description = "The command", body = Object),
        (status = 413, description = "The report is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "Another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn create(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let caller = &authenticated.caller;
    let posted = Posted::<Report>::read(&service, caller.key, request, REPORT_BYTES_MAX).await?;
    authenticated.require(Scope::Write)?;
    let report = posted.body.unwrap_or_default().into_report();
    let (id, created_at) = (service.ids.next(), service.clock.now());
    let new = NewCommand { id, report: report.clone() };
    let made = service.ledger.create_command(&caller.realm, new, posted.once, created_at).await?;
    let command = match made {
        Ok(()) => Command { id, created_at, report, closed: false, outputs: Vec::new() },
        Err(Repeat::OtherRequest) => return Err(ApiError::IdempotencyMismatch.into()),
        Err(Repeat::Of(made)) => {
            let before = service.ledger.command(&caller.realm, CommandId::from(made)).await?;
            before.ok_or(ApiError::NotFound)?
        }
    };
    let answer = Shown::of(&service, &posted.headers, caller, command);
    Ok(json::answer(StatusCode::CREATED, &answer))
}

impl Report {
    fn into_report(self) -> CommandReport {
        let Self { command_type, status, metadata, original_request } = self;
        CommandReport {
            status: status.unwrap_or(CommandStatus::Success),
            command_type: command_type.unwrap_or(CommandType::FfmpegCommand),
            metadata,
            original_request,
            total_processing_seconds: None,
            ffmpeg_command_run_seconds: None,
            error_status: None,
            error_message: None,
        }
    }
}
