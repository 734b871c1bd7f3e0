//! An upload that was begun: how far it is, its next piece, its end.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};

use super::super::Native;
use super::headers::{self, UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET};
use crate::domain::id::UploadId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json::check_encoding;
use crate::http::pieces::being_written;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::resumable::GivenUp;
use crate::uploads::Piece;

/// Tells how far an upload is
#[utoipa::path(
    head,
    path = "/delenda/v1/uploads/{id}",
    tag = "uploads",
    params(
        ("id" = String, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses(
        (status = 200, description = "`Upload-Offset` is where it goes on"),
        (status = 404, description = "No such upload, or not any more"),
        (status = 412, description = "Another version of the protocol"),
    )
)]
pub(super) async fn look(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    headers::check_version(&headers)?;
    authenticated.require(Scope::Write)?;
    let id = id.parse(UploadId::parse).ok_or(ApiError::NotFound)?;
    let upload = service.uploader.partial(&authenticated.caller.realm, id).await?;
    let upload = upload.ok_or(ApiError::NotFound)?;
    let mut response = StatusCode::OK.into_response();
    headers::write_offset(&mut response, upload.received);
    headers::write_expiry(&mut response, upload.expires_at);
    headers::insert(&mut response, UPLOAD_METADATA, &upload.metadata);
    headers::insert(&mut response, CACHE_CONTROL, "no-store");
    response.headers_mut().insert(UPLOAD_LENGTH, upload.length.into());
    Ok(response)
}

/// Takes the next piece of an upload
///
/// What is acknowledged is durable. The piece that makes the upload whole is answered when the
/// file is there, with `Content-Location`.
#[utoipa::path(
    patch,
    path = "/delenda/v1/uploads/{id}",
    tag = "uploads",
    params(
        ("id" = String, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u64, Header, description = "Where the piece begins"),
        ("Upload-Checksum" = Option<String>, Header, description = "Of the piece: `sha1` or `sha256`, and the sum in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "`Upload-Offset` is where it goes on"),
        (status = 404, description = "No such upload, or not any more"),
        (status = 409, description = "It goes on elsewhere, is being written, or the file cannot go there"),
        (status = 412, description = "Another version of the protocol, or a file lies there"),
        (status = 413, description = "More than was announced, or than the plan lets one file have"),
        (status = 415, description = "The body is no piece"),
        (status = 423, description = "Locked"),
        (status = 460, description = "The piece is not what its checksum says: nothing of it counts"),
        (status = 507, description = "No space is left"),
    )
)]
pub(super) async fn append(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let (head, body) = request.into_parts();
    check_encoding(&head.headers)?;
    if !headers::is_piece(&head.headers)? {
        return Err(ApiError::UnsupportedMediaType.into());
    }
    headers::check_version(&head.headers)?;
    let offset = headers::bytes(&head.headers, &UPLOAD_OFFSET)?;
    let proof = headers::proof(&head.headers)?;
    authenticated.require(Scope::Write)?;
    let id = id.parse(UploadId::parse).ok_or(ApiError::NotFound)?;
    let piece = Piece { offset, body: body.into_data_stream(), proof };
    let realm = &authenticated.caller.realm;
    let progress = service.uploader.append(realm, id, piece).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    headers::write_offset(&mut response, progress.received);
    headers::write_expiry(&mut response, progress.expires_at);
    if let Some(file) = &progress.file {
        headers::write_file(&mut response, file);
    }
    Ok(response)
}

/// Gives an upload up
///
/// Its bytes are purged like any others. An upload that is a file by now stays.
#[utoipa::path(
    delete,
    path = "/delenda/v1/uploads/{id}",
    tag = "uploads",
    params(
        ("id" = String, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such upload, or not any more"),
        (status = 409, description = "It is a file by now, or a piece of it is being written"),
        (status = 412, description = "Another version of the protocol"),
    )
)]
pub(super) async fn give_up(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    headers::check_version(&headers)?;
    authenticated.query.only(&["organization"])?;
    authenticated.require(Scope::Write)?;
    let id = id.parse(UploadId::parse).ok_or(ApiError::NotFound)?;
    let given_up = service.uploader.give_up(&authenticated.caller.realm, id).await?;
    match given_up.ok_or_else(being_written)? {
        GivenUp::Condemned => Ok(StatusCode::NO_CONTENT.into_response()),
        GivenUp::Missing => Err(ApiError::NotFound.into()),
        GivenUp::Finished => {
            Err(ApiError::Conflict("the upload is a file by now, which stays".to_owned()).into())
        }
    }
}
