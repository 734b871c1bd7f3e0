//! `POST /fso` and `GET /fso`: a file by its path.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use super::wire::StoredFile;
use super::{Merple, archives, path_of};
use crate::domain::entry::Entry;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::raw::RawTarget;
use crate::http::state::Service;
use crate::http::{content, json, raw};

pub(super) async fn store(
    State(service): State<Service>,
    asked: Authenticated<Merple>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, DialectError<Merple>> {
    raw::check(&service, &headers)?;
    let (text, written) = path_of(&asked.query)?;
    let overwrite = overwrite_of(&asked.query)?;
    if written.says_folder {
        if !archives::is_archive(&headers) {
            let text = "a path that ends in '/' names a folder, which takes application/zip";
            return Err(ApiError::Invalid(text.to_owned()).into());
        }
        asked.require(Scope::Write)?;
        let (target, sent) = ((text, written.path), (&headers, body));
        return Ok(archives::store(&service, &asked, target, overwrite, sent).await?);
    }
    asked.require(Scope::Write)?;
    let target = RawTarget { path: written.path, overwrite: overwrite.into() };
    let stored = raw::store(&service, &asked.caller.realm, target, &headers, body).await?;
    let size = stored.file.content.size;
    Ok(json::answer(StatusCode::CREATED, &StoredFile { path: text, size }))
}

pub(super) async fn read(
    State(service): State<Service>,
    asked: Authenticated<Merple>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, DialectError<Merple>> {
    let (_, written) = path_of(&asked.query)?;
    asked.require(Scope::Read)?;
    let realm = &asked.caller.realm;
    match service.ledger.entry_at(realm, &written).await? {
        None => Err(ApiError::NotFound.into()),
        Some(Entry::Folder(_)) => Err(ApiError::Invalid("the path is a folder".to_owned()).into()),
        Some(Entry::File(file)) => {
            let head = method == Method::HEAD;
            Ok(content::serve(&service, realm, file, &headers, head).await?)
        }
    }
}

fn overwrite_of(query: &Query) -> Result<bool, ApiError> {
    match query.single("overwrite")? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::Invalid("overwrite must be true or false".to_owned())),
    }
}
