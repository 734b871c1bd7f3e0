//! Commands: any worker reports its work and stores what came of it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::Native;
use crate::domain::command::{Command, CommandReport, CommandStatus, CommandType, Output};
use crate::domain::entry::{Origin, UploadRefusal};
use crate::domain::id::CommandId;
use crate::domain::organization::Scope;
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
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCommand {
    command_type: Option<CommandType>,
    status: Option<CommandStatus>,
    metadata: Option<Value>,
    original_request: Option<Value>,
}

/// Makes a command. Without a word about it, it is one that succeeded.
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

/// Stores an output of a command under the worker's name for it.
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
    let id = id.parse(CommandId::parse).ok_or(ApiError::NotFound)?;
    let name = name.0.ok_or(ApiError::NotFound)?;
    let command = service.ledger.command(realm, id).await?.ok_or(ApiError::NotFound)?;
    if command.closed {
        // Known before any byte is read; the commit checks it again.
        return Err(ApiError::from(UploadRefusal::CommandClosed).into());
    }
    let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok());
    let upload = UploadRequest {
        entry: service.ids.next(),
        path: output_path(&realm.prefix, command.created_at, id, &name)?,
        overwrite: true,
        attributes: attributes(name.clone(), media_type(given, &name)),
        output_of: Some((id, name.clone())),
        origin: Origin::CommandOutput,
    };
    let (bytes, body) = (announced_length(&headers), request.into_body().into_data_stream());
    let stored = service.uploader.store_announced(realm, upload, bytes, body).await?;
    let status = if stored.created { StatusCode::CREATED } else { StatusCode::OK };
    let file = stored.file;
    let output = Output {
        key: name,
        file: file.id,
        title: file.attributes.title,
        size: file.content.size,
        content_type: file.attributes.content_type,
        live: Some(file.blob),
    };
    let organization = authenticated.caller.organization.id;
    let answer = OutputAnswer::of(&service, &headers, organization, &output);
    Ok(json::answer(status, &answer))
}
