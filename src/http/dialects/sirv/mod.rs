//! Sirv: batches of paths that are deleted behind the answer, under `/v2`, with a token.
//!
//! | call | answer |
//! |---|---|
//! | `POST /v2/token` `{"clientId","clientSecret","expiresIn"?}` | 200 `{"token","expiresIn":1200,"scope":[…]}` |
//! | `POST /v2/files/batch/delete` `{"filenames":[…]}` | 200 `{"id":"<32 letters and digits>"}` once the job is durable |
//! | `GET /v2/files/batch/delete?id=` | 200 `{"progress":P}`; at the end `{"progress":100,"result":{"skipped":[…],"notfound":N,"deleted":{"files":N,"dirs":N}}}` |
//! | `POST /v2/files/delete?filename=` | 200, empty; one file, or a folder with nothing in it |
//! | `POST /v2/files/upload?filename=`, raw body | 200, empty; parents are made, a file is replaced |
//! | `GET /v2/files/stat?filename=` | 200 `{mtime,ctime,contentType,size,isDirectory,meta}` |
//! | `GET`, `HEAD /v2/files/download?filename=` | 200 with the bytes; 206, 304 and 416 as usual |
//! | `POST /v2/files/mkdir?dirname=` | 200, empty; parents are made |
//! | `POST /v2/files/rename?from=&to=` | 200, empty; a file, or a folder with all that is in it; parents are made |
//! | `GET /v2/files/readdir?dirname=&continuation=` | 200 `{"contents":[{filename,mtime,contentType,size,isDirectory,meta}],"continuation"?}`, 100 a page, in the order of the names |
//! | `GET /v2/files/meta/tags?filename=` | 200 `{"tags":[…]}` |
//! | `POST`, `DELETE /v2/files/meta/tags?filename=` `{"tags":[…]}` | 200, empty; the tags come to those that are there, or go |
//! | `POST /v2/files/copy?from=&to=` | 200, empty; a file, or a folder with all below it |
//! | `POST /v2/files/lock?filename=`, `POST /v2/files/unlock?filename=` | 200, empty |
//! | `GET /v2/account` | 200 `{dateCreated,alias,fileSizeLimit,fetching,minify,cdnTempURL,cdnURL,aliases,status}` |
//! | `GET /v2/account/storage` | 200 `{plan,burstable,extra,used,files,quotaExceededDate}`, in bytes |
//! | `GET /v2/account/limits` | 200 `{"rest:global":{count,limit,remaining,reset},"rest:post:files:batch:delete":{…}}` |
//!
//! | what is wrong | status |
//! |---|---|
//! | a parameter that is missing or repeated; on whatever deletes, one that is unknown | 400 |
//! | a batch that is empty, has more than 1,000 paths, a path of more than 1,024 characters, `/` or a control character in a path, an unknown or doubled member | 400 |
//! | `/` that is to be deleted, renamed or locked; a folder that is to go below itself; a path that would be too long; a continuation of another folder; tags of a folder, or too many | 400 |
//! | no token, an expired one, one whose key is revoked; a key itself; a wrong secret | 401 `Missing authentication` |
//! | the token lacks the scope | 403 |
//! | nothing at the path; a job that is unknown, or not this organization's, or not a batch | 404 |
//! | an upload where a folder is, or below a file; a target that exists, or a source that changed while it was copied; a folder that is not empty; a folder with more in it than can be moved at once | 409, before 423 |
//! | a copy of more than 10,000 files and folders, or of a folder into itself | 400 |
//! | a batch of more than 32,768 bytes | 413 `Request Entity Too Large` |
//! | a batch that is not JSON by its content type | 415 |
//! | an upload over something locked; a delete or rename of what is locked, lies below a lock or holds something locked; a rename to below a lock; a reserved folder | 423 |
//! | the eleventh accepted batch of an organization within 3,600 s; more than 600 attempts in a minute; more requests than its plan allows. A plan may set other numbers | 429 |
//! | an upload that the plan, or the disk, has no room for | 507 |
//!
//! Errors are `{"statusCode":N,"error":REASON,"message":TEXT}`. Uploading, making folders,
//! renaming, tagging and locking need `write`, unlocking `admin`, deleting `delete`, reading `read`,
//! copying `read` and `write`; a job's progress needs `delete` or `read`.
//!
//! In a batch, paths without a leading `/`, or malformed otherwise, are counted as not found; `/a`
//! and `/a/` are one path, and what is repeated or overlaps counts once. What is locked, and the
//! reserved folders, are skipped and named. A job's `id` is its deletion's. A folder's `stat` says
//! `size` 0 and no `contentType`, in a list as well. A continuation is good for the folder that it
//! was given for; an empty one is the first page.

mod account;
mod batch;
mod call;
mod copy;
mod delete;
mod filenames;
mod files;
mod folders;
mod quota;
mod tags;
mod token;
mod wire;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::http::dialect::{Credential, Dialect, bearer};
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;
use crate::http::usual::Usual;

/// The dialect.
#[derive(Debug)]
pub struct Sirv;

/// Its routes.
pub fn routes() -> Router<Service> {
    Router::new()
        .route("/v2/token", post(token::issue).options(preflight))
        .route(
            "/v2/files/batch/delete",
            post(batch::submit).get(batch::progress).options(preflight),
        )
        .route("/v2/files/delete", post(delete::delete_one).options(preflight))
        .route("/v2/files/upload", post(files::upload).options(preflight))
        .route("/v2/files/stat", get(files::stat).options(preflight))
        .route("/v2/files/download", get(files::download).options(preflight))
        .route("/v2/files/mkdir", post(folders::mkdir).options(preflight))
        .route("/v2/files/rename", post(folders::rename).options(preflight))
        .route("/v2/files/readdir", get(folders::readdir).options(preflight))
        .route(
            "/v2/files/meta/tags",
            get(tags::read).post(tags::add).delete(tags::remove).options(preflight),
        )
        .route("/v2/files/copy", post(copy::copy).options(preflight))
        .route("/v2/files/lock", post(files::lock).options(preflight))
        .route("/v2/files/unlock", post(files::unlock).options(preflight))
        .route("/v2/account", get(account::account).options(preflight))
        .route("/v2/account/storage", get(account::storage).options(preflight))
        .route("/v2/account/limits", get(account::limits).options(preflight))
        .layer(axum::middleware::map_response(open_to_every_origin))
}

/// Pages of any origin may read the answers, as with the product; browsers send no credentials of
/// their own along.
async fn open_to_every_origin(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    response
}

/// What a browser asks before a request that carries a token.
async fn preflight() -> Response {
    let allowed = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, DELETE, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, range"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

/// The body of every error.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    status_code: u16,
    error: &'a str,
    message: &'a str,
}

impl Dialect for Sirv {
    const NAME: &'static str = "sirv";

    /// A key by itself opens nothing here: whatever stands there is taken for a token.
    fn credential(headers: &HeaderMap) -> Credential {
        match bearer(headers) {
            Credential::Key(text) => Credential::Token(text),
            other @ (Credential::Absent | Credential::Malformed | Credential::Token(_)) => other,
        }
    }

    fn render_error(error: &ApiError) -> Response {
        let told = describe(error);
        let status = told.status;
        let reason = match status {
            // The product's documentation promises this phrase, which newer standards changed.
            StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
            status => status.canonical_reason().unwrap_or_default(),
        };
        let message = told.text();
        let body = ErrorBody { status_code: status.as_u16(), error: reason, message: &message };
        let mut response = json::answer(status, &body);
        // Routes have it anyway; errors that came before any route have it from here.
        let any_origin = HeaderValue::from_static("*");
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any_origin);
        response
    }
}

fn describe(error: &ApiError) -> Usual {
    match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => {
            Usual::own(StatusCode::UNAUTHORIZED, "Missing authentication")
        }
        ApiError::RateLimited(limited) => {
            let until = limited.until.iso8601();
            let text = format!(
                "Rate limit exceeded. Too many requests. Stop sending requests until {until} (UTC)"
            );
            Usual { detail: Some(text.into()), ..Usual::of(error) }
        }
        usual => Usual::of(usual),
    }
}
