//! The calls on files.

use std::convert::Infallible;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Renderio;
use super::page::page_of;
use super::wire::{FileDeleted, FilePage, FileStored, StoredFile};
use crate::deletion::request::{Door, Selector};
use crate::domain::entry::Origin;
use crate::domain::id::EntryId;
use crate::domain::organization::Scope;
use crate::domain::overwrite::Overwrite;
use crate::domain::plans::Target;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::multipart::{self, FormError, FormFile, read_form};
use crate::http::placing::{attributes, title_of, upload_path};
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::MissedSubject;
use crate::uploads::UploadRequest;

/// Stores the file of a form.
pub(super) async fn upload(
    State(service): State<Service>,
    authenticated: Authenticated<Renderio>,
    request: Request,
) -> Result<Response, DialectError<Renderio>> {
    multipart::check(&service, request.headers()).map_err(no_form)?;
    authenticated.require(Scope::Write)?;
    let realm = &authenticated.caller.realm;
    let mut form = read_form(&service, realm, Target::New, request).await.map_err(no_form)?;
    let file = form.file.take();
    let FormFile { received, name, content_type } =
        file.ok_or_else(|| ApiError::Unprocessable("field 'file' is missing".to_owned()))?;
    let entry = service.ids.next();
    let title = title_of(&name);
    let upload = UploadRequest {
        entry,
        path: upload_path(&realm.prefix, service.clock.now(), entry, &title)?,
        overwrite: Overwrite::Never,
        attributes: attributes(title, content_type),
        output_of: None,
        origin: Origin::RenderioUpload,
    };
    let stored = service.uploader.attach::<Infallible>(realm, upload, received).await?;
    Ok(json::answer(StatusCode::OK, &FileStored { file_id: stored.file.id.to_string() }))
}

fn no_form(error: FormError) -> ApiError {
    match error {
        FormError::Unreadable(text) => ApiError::Unprocessable(text),
        FormError::Other(error) => error,
    }
}

/// A page of files that are live and of what is kept of those that are not, newest first.
pub(super) async fn list(
    State(service): State<Service>,
    authenticated: Authenticated<Renderio>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Renderio>> {
    let page = page_of(&authenticated.query)?;
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let files = service.ledger.known_files(&caller.realm, page).await?.into_iter();
    let organization = caller.organization.id;
    let files = files.map(|file| StoredFile::of(&service, &headers, organization, file)).collect();
    let answer = FilePage { files, limit: page.limit, offset: page.offset };
    Ok(json::answer(StatusCode::OK, &answer))
}

/// A file, or what is kept of it.
pub(super) async fn get_file(
    State(service): State<Service>,
    authenticated: Authenticated<Renderio>,
    file: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Renderio>> {
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let id = file.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let known = service.ledger.known_file(&caller.realm, id).await?.ok_or(ApiError::NotFound)?;
    let answer = StoredFile::of(&service, &headers, caller.organization.id, known);
    Ok(json::answer(StatusCode::OK, &answer))
}

/// Deletes one file, and answers when its bytes are gone.
pub(super) async fn delete(
    State(service): State<Service>,
    authenticated: Authenticated<Renderio>,
    file: Segment<3>,
) -> Result<Response, DialectError<Renderio>> {
    authenticated.query.only(&[])?;
    authenticated.require(Scope::Delete)?;
    let file = file.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let subject = (Selector::File(file), MissedSubject::File(file));
    let caller = &authenticated.caller;
    let awaited = service.delete_and_wait(caller, Door::Renderio, subject).await?;
    let gone = awaited.bytes_gone.then(|| file.to_string());
    let file_id = gone.ok_or(ApiError::BytesRemain)?;
    Ok(json::answer(StatusCode::OK, &FileDeleted { deleted: true, file_id }))
}
