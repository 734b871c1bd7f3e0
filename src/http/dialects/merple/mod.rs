//! Merple: one path at a time, header `x-user-api-key`.
//!
//! | call | answer |
//! |---|---|
//! | `DELETE /fso?path=/p` | 200 `{"deleted":true,"path":"/p"}`: a file, or a folder with all below it |
//! | `POST /fso?path=/p[&overwrite=true]`, raw body | 201 `{"path":"/p","size":N}`, parents are made |
//! | `POST /fso?path=/p/[&overwrite=true]`, `application/zip` | 201 `{"path":"/p/","files":N,"size":N}`: all of the archive below the folder, which is made |
//! | `GET`, `HEAD /fso?path=/p` | 200 with the bytes; 206, 304 and 416 as usual |
//! | `GET /fsos?path=/p&path=/q` | 200 `application/zip`: files, and folders with all below them |
//! | `GET /fso-info?path=/p[&depth=N]` | 200 `{path,name,size,last_modified,nested:[…]}` |
//!
//! | what is wrong | status |
//! |---|---|
//! | no `path`, a repeated one, one that is not absolute or malformed; on a delete also `/` and any other parameter; reading a folder | 400 |
//! | no key, a key that does not work, the header twice | 401 |
//! | the key lacks the scope; an upload beyond the key's prefix | 403 |
//! | nothing at the path, or nothing that the key sees | 404 |
//! | another method | 405 |
//! | an upload where a file is, without `overwrite=true`; where a folder is; below a file | 409 |
//! | something locked, or `/uploads` or `/commands` as such: `{"error":…,"locked":[paths]}` | 409 |
//! | an archive that is damaged, has more entries or bytes than the limits say, or has an entry that would leave the folder, is a link or a device, stands twice, is encrypted or packed by an unknown method | 400 |
//! | more than 10,000 entries in one `/fso-info`, more than 1,000 paths or 200,000 files in one `/fsos` | 400 |
//! | a file of an archive where a file is, without `overwrite=true` | 409 |
//! | no space left | 507 |
//!
//! Errors are `{"error":TEXT}`, those of the server included. Where the vendor says nothing: a
//! delete answers at the commit and echoes `path` as it was asked for, with its trailing `/` where
//! it had one; a trailing `/` says "a folder", so that it finds no file; `overwrite` is `true` or
//! `false` and nothing else. In an archive that goes out, entries have their whole paths without
//! the first `/`, so that none of them meet; what is named twice, or lies in a folder that is named
//! too, is in it once. A file that is deleted meanwhile breaks the answer off. A folder's `size` is
//! that of the files right in it, its `last_modified` the time when it was made; `nested` is absent
//! for files, and for folders below the levels asked for: one by default.

mod archives;
mod delete;
mod files;
mod info;
mod wire;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderName, StatusCode};

use crate::domain::path::{EntryPath, WrittenPath};
use crate::http::dialect::{Credential, Dialect, bare_key};
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::query::Query;
use crate::http::state::Service;
use crate::http::usual::Usual;

const KEY_HEADER: HeaderName = HeaderName::from_static("x-user-api-key");

/// The dialect.
#[derive(Debug)]
pub struct Merple;

/// Its routes.
pub fn routes() -> Router<Service> {
    Router::new()
        .route("/fso", get(files::read).post(files::store).delete(delete::delete))
        .route("/fsos", get(archives::read))
        .route("/fso-info", get(info::read))
}

impl Dialect for Merple {
    const NAME: &'static str = "merple";

    fn credential(headers: &HeaderMap) -> Credential {
        bare_key(headers, &KEY_HEADER)
    }

    fn render_error(error: &ApiError) -> Response {
        let locked = if let ApiError::Locked(paths) = error {
            Some(paths.iter().map(EntryPath::as_str).collect())
        } else {
            None
        };
        let told = describe(error);
        json::answer(told.status, &wire::ErrorBody { error: &told.text(), locked })
    }
}

fn describe(error: &ApiError) -> Usual {
    match error {
        ApiError::Locked(_) => Usual::own(StatusCode::CONFLICT, "Locked: nothing was changed"),
        ApiError::NotFound => Usual::own(StatusCode::NOT_FOUND, "File or folder not found"),
        usual => Usual::of(usual),
    }
}

/// The `path` of a request: its text as given, and what it says.
fn path_of(query: &Query) -> Result<(&str, WrittenPath), ApiError> {
    let text = query.single("path")?;
    let text = text.ok_or_else(|| ApiError::Invalid("path is required".to_owned()))?;
    let written = EntryPath::parse_written(text);
    let written = written.map_err(|error| ApiError::Invalid(error.to_string()))?;
    Ok((text, written))
}
