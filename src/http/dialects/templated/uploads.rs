//! Listing and making uploads.

use std::convert::Infallible;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Templated;
use super::wire::Upload;
use crate::domain::entry::{Attributes, Origin};
use crate::domain::organization::{Realm, Scope};
use crate::domain::overwrite::Overwrite;
use crate::domain::plans::Target;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::multipart::{Form, FormError, FormFile, read_form};
use crate::http::placing::{attributes, tags_of, title_of, upload_path};
use crate::http::query::Query;
use crate::http::state::Service;
use crate::http::{json, multipart};
use crate::ledger::FileQuery;
use crate::uploads::{Received, UploadRequest};

/// Uploads on a page, unless the request says otherwise.
const PAGE_UPLOADS: u64 = 15;
/// Uploads on a page at most.
const PAGE_UPLOADS_MAX: u64 = 100;

/// A page of uploads.
pub(super) async fn list(
    State(service): State<Service>,
    authenticated: Authenticated<Templated>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Templated>> {
    let query = file_query(&authenticated.query)?;
    authenticated.require(Scope::Read)?;
    let caller = &authenticated.caller;
    let page = service.ledger.files(&caller.realm, &query).await?;
    let files = page.files.into_iter();
    let uploads: Vec<Upload> =
        files.map(|file| Upload::of(&service, &headers, caller.organization.id, file)).collect();
    Ok(json::answer(StatusCode::OK, &uploads))
}

fn file_query(query: &Query) -> Result<FileQuery, ApiError> {
    let text = query.single("query")?.filter(|text| !text.is_empty());
    let page = query.number("page", 0, 0..=u64::from(u32::MAX))?;
    let limit = query.number("limit", PAGE_UPLOADS, 1..=PAGE_UPLOADS_MAX)?;
    Ok(FileQuery {
        kind: None,
        any_tag: tags_of(query.all("tags").flat_map(|tags| tags.split(',')))?,
        text: text.map(str::to_owned),
        offset: page * limit,
        limit,
    })
}

/// Stores the file of a form.
pub(super) async fn upload(
    State(service): State<Service>,
    authenticated: Authenticated<Templated>,
    request: Request,
) -> Result<Response, DialectError<Templated>> {
    let headers = request.headers().clone();
    multipart::check(&service, &headers).map_err(FormError::invalid)?;
    authenticated.require(Scope::Write)?;
    let realm = &authenticated.caller.realm;
    let form =
        read_form(&service, realm, Target::New, request).await.map_err(FormError::invalid)?;
    let (upload, received) = uploaded(&service, realm, form)?;
    let stored = service.uploader.attach::<Infallible>(realm, upload, received).await?;
    let organization = authenticated.caller.organization.id;
    let answer = Upload::of(&service, &headers, organization, stored.file);
    Ok(json::answer(StatusCode::OK, &answer))
}

/// What a form asks to store, and its bytes.
fn uploaded(
    service: &Service,
    realm: &Realm,
    mut form: Form,
) -> Result<(UploadRequest, Received), ApiError> {
    let file = form.file.take();
    let FormFile { received, name, content_type } =
        file.ok_or_else(|| ApiError::Invalid("field 'file' is missing".to_owned()))?;
    let (entry, title) = (service.ids.next(), title_of(&name));
    let upload = UploadRequest {
        entry,
        path: upload_path(&realm.prefix, service.clock.now(), entry, &title)?,
        overwrite: Overwrite::Never,
        attributes: Attributes {
            tags: tags_of(form.all("tags").chain(form.all("tags[]")))?,
            external_id: form.single("externalId")?.map(str::to_owned),
            ..attributes(title, content_type)
        },
        output_of: None,
        origin: Origin::Ordinary,
    };
    Ok((upload, received))
}
