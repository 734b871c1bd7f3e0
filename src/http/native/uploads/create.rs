//! What of the protocol is spoken, and how an upload begins.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};

use super::super::Native;
use super::headers::{
    self, ALGORITHMS, EXTENSIONS, TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_MAX_SIZE, TUS_VERSION,
    UPLOAD_METADATA, VERSION,
};
use super::metadata;
use crate::domain::entry::Entry;
use crate::domain::id::UploadId;
use crate::domain::once::Repeat;
use crate::domain::organization::{Realm, Scope};
use crate::domain::overwrite::Overwrite;
use crate::domain::upload::PartialUpload;
use crate::http::auth::Authenticated;
use crate::http::conditions::overwrite_of;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::{once, repeat_of};
use crate::http::json::check_encoding;
use crate::http::state::Service;
use crate::ledger::Walked;
use crate::uploads::{BeginError, PartialRequest, Piece, Proof};

/// Tells what of tus is spoken
#[utoipa::path(
    options,
    path = "/delenda/v1/uploads",
    tag = "uploads",
    security(()),
    responses((status = 204, description = "The version, the extensions, the largest upload"))
)]
pub(super) async fn discover(State(service): State<Service>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    for (name, value) in
        [(TUS_VERSION, VERSION), (TUS_EXTENSION, EXTENSIONS), (TUS_CHECKSUM_ALGORITHM, ALGORITHMS)]
    {
        headers::insert(&mut response, name, value);
    }
    response.headers_mut().insert(TUS_MAX_SIZE, service.settings.upload_bytes_max.into());
    response
}

/// Begins an upload that comes in pieces
///
/// The path stands in the metadata. A body is its first piece. Where all its bytes are there, it is
/// a file at once.
#[utoipa::path(
    post,
    path = "/delenda/v1/uploads",
    tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u64, Header, description = "Bytes that it will have"),
        ("Upload-Metadata" = String, Header, description = "`path`, `content_type`, `tags`, in base64"),
        ("Upload-Checksum" = Option<String>, Header, description = "Of the body: `sha1` or `sha256`, and the sum in base64"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: no file may lie there in the end"),
    ),
    request_body(content = Option<Vec<u8>>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 201, description = "The upload, at `Location`"),
        (status = 404, description = "It expired meanwhile"),
        (status = 409, description = "Too many are unfinished, or the file cannot go there"),
        (status = 412, description = "Another version of the protocol, or a file lies there"),
        (status = 413, description = "More than the plan lets one file have, or than was announced"),
        (status = 415, description = "The body is no piece, or of a type that the plan does not take"),
        (status = 422, description = "Another request was made with this idempotency key"),
        (status = 423, description = "Locked"),
        (status = 460, description = "The body is not what its checksum says"),
        (status = 507, description = "No space is left"),
    )
)]
pub(super) async fn create(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let (head, body) = request.into_parts();
    let first = First::read(&service, &head.headers)?;
    let once = once(&service, authenticated.caller.key, &head, &first.asked())?;
    authenticated.require(Scope::Write)?;
    let realm = &authenticated.caller.realm;
    let (sends_piece, is_found_again) = (first.sends_piece, once.is_some());
    let begun = match repeat_of(&service, Some(realm.organization), once.as_ref()).await? {
        Some(repeat) => Err(BeginError::Repeated(repeat)),
        None => service.uploader.begin_partial(realm, first.request, once).await,
    };
    let upload = match begun {
        Err(BeginError::Repeated(Repeat::Of(made))) => {
            let before = service.uploader.partial(realm, UploadId::from(made)).await?;
            return Ok(as_it_is(&service, realm, &before.ok_or(ApiError::NotFound)?).await?);
        }
        begun => begun?,
    };
    let mut response = StatusCode::CREATED.into_response();
    headers::insert(&mut response, LOCATION, &format!("/delenda/v1/uploads/{}", upload.id));
    if sends_piece || upload.length == 0 {
        let piece = Piece { offset: 0, body: body.into_data_stream(), proof: first.proof };
        let appended = service.uploader.append(realm, upload.id, piece).await;
        if appended.is_err() && !is_found_again {
            end(&service, realm, &upload).await;
        }
        let progress = appended?;
        headers::write_offset(&mut response, progress.received);
        headers::write_expiry(&mut response, progress.expires_at);
        if let Some(file) = &progress.file {
            headers::write_file(&mut response, file);
        }
    } else {
        headers::write_offset(&mut response, upload.received);
        headers::write_expiry(&mut response, upload.expires_at);
    }
    Ok(response)
}

/// The answer to a repeat: the upload as it is by now, and the file that it has become. The piece
/// that it may bring again is not taken; the client goes on from the offset.
async fn as_it_is(
    service: &Service,
    realm: &Realm,
    upload: &PartialUpload,
) -> Result<Response, ApiError> {
    let mut response = StatusCode::CREATED.into_response();
    headers::insert(&mut response, LOCATION, &format!("/delenda/v1/uploads/{}", upload.id));
    headers::write_offset(&mut response, upload.received);
    headers::write_expiry(&mut response, upload.expires_at);
    let Some(file) = upload.file else { return Ok(response) };
    let found = service.ledger.entry(realm, file).await?;
    if let Some(Walked { entry: Entry::File(file), .. }) = found {
        headers::write_file(&mut response, &file);
    }
    Ok(response)
}

/// What the head of a request says of the upload that it begins.
struct First {
    request: PartialRequest,
    sends_piece: bool,
    proof: Option<Box<dyn Proof>>,
}

impl First {
    /// All that says what is asked, but for the bytes: they are not known yet.
    fn asked(&self) -> Vec<u8> {
        let PartialRequest { length, only_new, metadata, .. } = &self.request;
        format!("{length} {only_new} {metadata}").into_bytes()
    }

    fn read(service: &Service, headers: &HeaderMap) -> Result<Self, ApiError> {
        check_encoding(headers)?;
        let sends_piece = headers::is_piece(headers)?;
        headers::check_version(headers)?;
        let length = headers::upload_length(headers)?;
        let text = headers::single(headers, &UPLOAD_METADATA)?.unwrap_or_default();
        let metadata::Metadata { path, attributes } = metadata::read(text)?;
        let only_new = match overwrite_of(headers)? {
            Overwrite::Always => false,
            Overwrite::IfNone | Overwrite::Never => true,
            Overwrite::IfThere | Overwrite::IfVersion(_) => {
                return Err(ApiError::Invalid("'if-match' is not taken here".to_owned()));
            }
        };
        let proof = headers::proof(headers)?;
        let request = PartialRequest {
            id: service.ids.next(),
            entry: service.ids.next(),
            path,
            only_new,
            attributes,
            metadata: text.to_owned(),
            length,
        };
        Ok(Self { request, sends_piece, proof })
    }
}

/// Gives an upload up whose first piece failed together with its beginning. Nobody learns where it
/// is, but for whoever has an idempotency key to ask with.
async fn end(service: &Service, realm: &Realm, upload: &PartialUpload) {
    if let Err(error) = service.uploader.give_up(realm, upload.id).await {
        tracing::warn!(%error, "an upload that failed at its beginning waits for the sweep");
    }
}
