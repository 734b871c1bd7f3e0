//! Uploading a file, by id or to a path.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::Swiftia;
use super::wire::File;
use crate::domain::entry::{Attributes, Origin};
use crate::domain::organization::{Caller, Scope};
use crate::domain::overwrite::Overwrite;
use crate::domain::path::EntryPath;
use crate::domain::plans::Target;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::multipart::{Form, FormError, FormFile, read_form};
use crate::http::placing::{attributes, tags_of, title_of, upload_path};
use crate::http::state::Service;
use crate::http::{json, multipart};
use crate::uploads::{Received, UploadRequest};

/// Stores the file of a form.
pub(super) async fn upload(
    State(service): State<Service>,
    authenticated: Authenticated<Swiftia>,
    request: Request,
) -> Result<Response, DialectError<Swiftia>> {
    let headers = request.headers().clone();
    multipart::check(&service, &headers).map_err(FormError::invalid)?;
    authenticated.require(Scope::Write)?;
    let realm = &authenticated.caller.realm;
    let form =
        read_form(&service, realm, Target::Unknown, request).await.map_err(FormError::invalid)?;
    let caller = &authenticated.caller;
    let (upload, received) = place(&service, caller, form)?;
    let stored = service
        .uploader
        .attach::<std::convert::Infallible>(&caller.realm, upload, received)
        .await?;
    let answer = File::of(&service, &headers, caller.organization.id, stored.file);
    Ok(json::answer(StatusCode::CREATED, &answer))
}

fn place(
    service: &Service,
    caller: &Caller,
    mut form: Form,
) -> Result<(UploadRequest, Received), ApiError> {
    let file = form.file.take();
    let FormFile { received, name, content_type } =
        file.ok_or_else(|| ApiError::Invalid("field 'file' is missing".to_owned()))?;
    let entry = service.ids.next();
    let title = title_of(&name);
    let written = form.single("path")?.filter(|path| !path.is_empty());
    let path = match written {
        Some(path) => file_path(path)?,
        None => upload_path(&caller.realm.prefix, service.clock.now(), entry, &title)?,
    };
    let overwrite = Overwrite::from(written.is_some());
    let attributes = Attributes {
        tags: tags_of(form.all("tags").flat_map(|tags| tags.split(',')))?,
        description: form.single("description")?.map(str::to_owned),
        ..attributes(title, content_type)
    };
    let origin = Origin::Ordinary;
    let upload = UploadRequest { entry, path, overwrite, attributes, output_of: None, origin };
    Ok((upload, received))
}

fn file_path(text: &str) -> Result<EntryPath, ApiError> {
    let written = EntryPath::parse_written(text)?;
    match written.says_folder {
        true => Err(ApiError::Invalid("the path of a file must not end in '/'".to_owned())),
        false => Ok(written.path),
    }
}
