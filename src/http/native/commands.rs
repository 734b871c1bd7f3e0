//! Commands: any worker reports its work and stores what came of it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Native;
use crate::domain::command::{Command, CommandReport, CommandStatus, CommandType, Output};
use crate::domain::entry::{FileRecord, Origin, UploadRefusal};
use crate::domain::id::CommandId;
use crate::domain::organization::{Realm, Scope};
use crate::domain::overwrite::Overwrite;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json::{self, BodyLimits, announced_length, check_encoding, check_length};
use crate::http::media::media_type;
use crate::http::outputs::{CommandAnswer, OutputAnswer};
use crate::http::placing::{attributes, output_path};
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::uploads::UploadRequest;

/// Bytes of a report at most.
const REPORT_BYTES_MAX: u64 = 1 << 20;

/// A command as a worker reports it. Whatever is left out has its usual value.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCommand {
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
    request_body = Option<NewCommand>,
    responses(
        (status = 201, description = "The command", body = Object),
        (status = 413, description = "The report is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(super) async fn create(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, DialectError<Native>> {
    let limits =
        BodyLimits { bytes_max: REPORT_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let new: Option<NewCommand> = json::read_optional(&headers, body, limits).await?;
    authenticated.require(Scope::Write)?;
    let NewCommand { command_type, status, metadata, original_request } = new.unwrap_or_default();
    let report = CommandReport {
        status: status.unwrap_or(CommandStatus::Success),
        command_type: command_type.unwrap_or(CommandType::FfmpegCommand),
        metadata,
        original_request,
        total_processing_seconds: None,
        ffmpeg_command_run_seconds: None,
        error_status: None,
        error_message: None,
    };
    let (caller, id, created_at) = (&authenticated.caller, service.ids.next(), service.clock.now());
    service.ledger.create_command(&caller.realm, id, report.clone(), created_at).await?;
    let command = Command { id, created_at, report, closed: false, outputs: Vec::new() };
    let answer = CommandAnswer::of(&service, &headers, caller.organization.id, command);
    Ok(json::answer(StatusCode::CREATED, &answer))
}

/// Stores an output of a command
///
/// The last part of the path is the worker's name for it.
#[utoipa::path(
    put,
    path = "/delenda/v1/commands/{id}/outputs/{name}",
    tag = "commands",
    params(
        ("id" = String, Path, description = "The command"),
        ("name" = String, Path, description = "The worker's name for the output"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The output, which replaces one", body = Object),
        (status = 201, description = "The output", body = Object),
        (status = 404, description = "No such command"),
        (status = 409, description = "Its outputs were deleted: it takes no more"),
        (status = 413, description = "More than the plan lets one file have"),
        (status = 423, description = "Locked"),
        (status = 507, description = "No space is left"),
    )
)]
pub(super) async fn put_output(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    (id, name): (Segment<3>, Segment<5>),
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let headers = request.headers().clone();
    check_length(&headers, service.settings.upload_bytes_max)?;
    check_encoding(&headers)?;
    authenticated.require(Scope::Write)?;
    let realm = &authenticated.caller.realm;
    let command = open_command(&service, realm, &id).await?;
    let name = name.0.ok_or(ApiError::NotFound)?;
    let upload = output_upload(&service, realm, &command, (&headers, &name))?;
    let (bytes, body) = (announced_length(&headers), request.into_body().into_data_stream());
    let stored = service.uploader.store_announced(realm, upload, bytes, body).await?;
    let status = if stored.created { StatusCode::CREATED } else { StatusCode::OK };
    let organization = authenticated.caller.organization.id;
    let answer = OutputAnswer::of(&service, &headers, organization, &output_of(name, stored.file));
    Ok(json::answer(status, &answer))
}

/// The command, if it takes outputs: known before any byte is read; the commit checks it again.
async fn open_command(
    service: &Service,
    realm: &Realm,
    id: &Segment<3>,
) -> Result<Command, ApiError> {
    let id = id.parse(CommandId::parse).ok_or(ApiError::NotFound)?;
    let command = service.ledger.command(realm, id).await?.ok_or(ApiError::NotFound)?;
    match command.closed {
        true => Err(ApiError::from(UploadRefusal::CommandClosed)),
        false => Ok(command),
    }
}

fn output_upload(
    service: &Service,
    realm: &Realm,
    command: &Command,
    (headers, name): (&HeaderMap, &str),
) -> Result<UploadRequest, ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok());
    Ok(UploadRequest {
        entry: service.ids.next(),
        path: output_path(&realm.prefix, command.created_at, command.id, name)?,
        overwrite: Overwrite::Always,
        attributes: attributes(name.to_owned(), media_type(given, name)),
        output_of: Some((command.id, name.to_owned())),
        origin: Origin::CommandOutput,
    })
}

fn output_of(name: String, file: FileRecord) -> Output {
    Output {
        key: name,
        file: file.id,
        title: file.attributes.title,
        size: file.content.size,
        content_type: file.attributes.content_type,
        live: Some(file.blob),
    }
}
