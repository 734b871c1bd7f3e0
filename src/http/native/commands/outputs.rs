//! What came of a command: stored one by one, deleted together.

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use crate::deletion::request::{DeleteRequest, Door, Selector};
use crate::domain::command::{Command, Output};
use crate::domain::entry::{FileRecord, Origin, UploadRefusal};
use crate::domain::id::CommandId;
use crate::domain::organization::{Realm, Scope};
use crate::http::auth::Authenticated;
use crate::http::conditions::{overwrite_of, wanted_of};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json::{self, announced_length, check_encoding, check_length};
use crate::http::media::media_type;
use crate::http::native::Native;
use crate::http::native::deleting::{DeletedEntry, check_without_body};
use crate::http::outputs::OutputAnswer;
use crate::http::placing::{attributes, output_path};
use crate::http::raw::check_whole;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::uploads::UploadRequest;

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
        ("If-Match" = Option<String>, Header, description = "Versions of which one must be there"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: no such output may be there"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The output, which replaces one", body = Object),
        (status = 201, description = "The output", body = Object),
        (status = 404, description = "No such command"),
        (status = 409, description = "Its outputs were deleted: it takes no more"),
        (status = 412, description = "Another version is there, or none, or one at all"),
        (status = 413, description = "More than the plan lets one file have"),
        (status = 423, description = "Locked"),
        (status = 507, description = "No space is left"),
    )
)]
pub(in crate::http::native) async fn put(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    (id, name): (Segment<3>, Segment<5>),
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let headers = request.headers().clone();
    check_length(&headers, service.settings.upload_bytes_max)?;
    check_encoding(&headers)?;
    check_whole(&headers)?;
    authenticated.query.only(&["organization"])?;
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

/// Deletes all outputs of a command
///
/// All of them or none; the command takes no more from then on. Answered when the deletion is
/// durable: the bytes go behind the answer.
#[utoipa::path(
    delete,
    path = "/delenda/v1/commands/{id}/outputs",
    tag = "commands",
    params(
        ("id" = String, Path, description = "The command"),
        ("confirm" = Option<u64>, Query, description = "How many files are meant to go, where that is more than the guard lets go unasked"),
    ),
    responses(
        (status = 200, description = "The deletion, and what went", body = DeletedEntry),
        (status = 404, description = "No such command"),
        (status = 409, description = "More would go than the guard lets go unasked: nothing was changed"),
        (status = 423, description = "An output is locked: nothing was changed"),
    )
)]
pub(in crate::http::native) async fn delete(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    check_without_body(&headers)?;
    if wanted_of(&headers)?.is_some() {
        return Err(ApiError::Invalid("'if-match' is not taken here".to_owned()).into());
    }
    let query = &authenticated.query;
    query.only(&["organization", "confirm"])?;
    let confirmed = query.single("confirm")?.map(|_| query.number("confirm", 0, 0..=u64::MAX));
    let confirmed = confirmed.transpose()?;
    authenticated.require(Scope::Delete)?;
    let id = id.parse(CommandId::parse).ok_or(ApiError::NotFound)?;
    let caller = &authenticated.caller;
    let request = DeleteRequest {
        guard: service.guard(caller, confirmed)?,
        ..service.delete_request(caller, Door::Native, vec![Selector::Outputs(id)])
    };
    let decided = service.deleter.delete(request).await?;
    let committed = decided.map_err(|declined| service.declined(declined))?;
    Ok(json::answer(StatusCode::OK, &DeletedEntry::of(&committed)))
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
        overwrite: overwrite_of(headers)?,
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
