//! Sirv: batches of paths that are deleted behind the answer, under `/v2`, with a token.
//!
//! | call | answer |
//! |---|---|
//! | `POST /v2/token` `{"clientId","clientSecret","expiresIn"?}` | 200 `{"token","expiresIn":1200,"scope":[…]}` |
//! | `POST /v2/files/batch/delete` `{"filenames":[…]}` | 200 `{"id":"<32 letters and digits>"}` once the job is durable |
//! | `GET /v2/files/batch/delete?id=` | 200 `{"progress":P}`; at the end `{"progress":100,"result":{"skipped":[…],"notfound":N,"deleted":{"files":N,"dirs":N}}}` |
//! | `POST /v2/files/upload?filename=`, raw body | 200, empty; parents are made, a file is replaced |
//! | `GET /v2/files/stat?filename=` | 200 `{mtime,ctime,contentType,size,isDirectory,meta}` |
//! | `GET`, `HEAD /v2/files/download?filename=` | 200 with the bytes; 206, 304 and 416 as usual |
//! | `POST /v2/files/copy?from=&to=` | 200, empty; a file, or a folder with all below it |
//! | `POST /v2/files/lock?filename=`, `POST /v2/files/unlock?filename=` | 200, empty |
//!
//! | what is wrong | status |
//! |---|---|
//! | a parameter that is missing or repeated; on the batch, one that is unknown | 400 |
//! | a batch that is empty, has more than 1,000 paths, a path of more than 1,024 characters, `/` or a control character in a path, an unknown or doubled member | 400 |
//! | no token, an expired one, one whose key is revoked; a key itself; a wrong secret | 401 `Missing authentication` |
//! | the token lacks the scope | 403 |
//! | nothing at the path; a job that is unknown, or not this organization's, or not a batch | 404 |
//! | an upload where a folder is, or below a file; a copy where anything is, or of what changed meanwhile | 409 |
//! | a copy of more than 10,000 files and folders, or of a folder into itself | 400 |
//! | a batch of more than 32,768 bytes | 413 `Request Entity Too Large` |
//! | a batch that is not JSON by its content type | 415 |
//! | an upload over something locked | 423 |
//! | the eleventh accepted batch of an organization within 3,600 s; more than 600 attempts in a minute | 429 |
//!
//! Errors are `{"statusCode":N,"error":REASON,"message":TEXT}`. Uploading and locking need `write`,
//! unlocking `admin`, deleting `delete`, reading `read`, copying both; a job's progress needs `delete` or `read`.
//!
//! In a batch, paths without a leading `/`, or malformed otherwise, are counted as not found; `/a`
//! and `/a/` are one path, and what is repeated or overlaps counts once. What is locked, and the
//! reserved folders, are skipped and named. A job's `id` is its deletion's. A folder's `stat` says
//! `size` 0 and no `contentType`.

mod batch;
mod call;
mod copy;
mod filenames;
mod files;
mod quota;
mod token;
mod wire;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use self::quota::HourlyCalls;
use crate::http::dialect::{Credential, Dialect, bearer};
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;

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
        .route("/v2/files/upload", post(files::upload).options(preflight))
        .route("/v2/files/stat", get(files::stat).options(preflight))
        .route("/v2/files/download", get(files::download).options(preflight))
        .route("/v2/files/copy", post(copy::copy).options(preflight))
        .route("/v2/files/lock", post(files::lock).options(preflight))
        .route("/v2/files/unlock", post(files::unlock).options(preflight))
        .layer(axum::middleware::map_response(open_to_every_origin))
        .layer(Extension(Arc::new(HourlyCalls::default())))
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
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
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
        let (status, message) = describe(error);
        let reason = match status {
            // The product's documentation promises this phrase, which newer standards changed.
            StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
            status => status.canonical_reason().unwrap_or_default(),
        };
        let body = ErrorBody { status_code: status.as_u16(), error: reason, message: &message };
        let mut response = json::answer(status, &body);
        // Routes have it anyway; errors that came before any route have it from here.
        let any_origin = HeaderValue::from_static("*");
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any_origin);
        response
    }
}

fn describe(error: &ApiError) -> (StatusCode, String) {
    let (status, text) = match error {
        ApiError::Unauthenticated | ApiError::OrganizationGone => {
            (StatusCode::UNAUTHORIZED, "Missing authentication")
        }
        ApiError::OrganizationRequired => (StatusCode::BAD_REQUEST, "Organization is required"),
        ApiError::OrganizationMismatch => (StatusCode::FORBIDDEN, "Organization mismatch"),
        ApiError::Forbidden(scope) => {
            let text = format!("The token does not allow this: it needs '{}'", scope.as_str());
            return (StatusCode::FORBIDDEN, text);
        }
        ApiError::SignatureRefused => (StatusCode::FORBIDDEN, "The url is not valid any more"),
        ApiError::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        ApiError::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        ApiError::Invalid(text) => return (StatusCode::BAD_REQUEST, text.clone()),
        ApiError::Unprocessable(text) => return (StatusCode::UNPROCESSABLE_ENTITY, text.clone()),
        ApiError::Conflict(text) => return (StatusCode::CONFLICT, text.clone()),
        ApiError::Locked(_) => (StatusCode::LOCKED, "Locked"),
        ApiError::TooLarge { limit } => {
            let text = format!("The body is larger than {limit} bytes");
            return (StatusCode::PAYLOAD_TOO_LARGE, text);
        }
        ApiError::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
        }
        ApiError::RangeNotSatisfiable { .. } => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "The range lies outside of the file")
        }
        ApiError::RateLimited(limited) => {
            let until = limited.until.iso8601();
            let text = format!(
                "Rate limit exceeded. Too many requests. Stop sending requests until {until} (UTC)"
            );
            return (StatusCode::TOO_MANY_REQUESTS, text);
        }
        ApiError::Timeout => (StatusCode::REQUEST_TIMEOUT, "The request took too long"),
        ApiError::NotImplemented => (StatusCode::NOT_IMPLEMENTED, "Not implemented"),
        ApiError::InsufficientStorage(text) => {
            return (StatusCode::INSUFFICIENT_STORAGE, text.clone());
        }
        ApiError::BytesRemain => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Deleted, and not all bytes are removed yet")
        }
        ApiError::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "The service cannot be reached at the moment")
        }
        ApiError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
    };
    (status, text.to_owned())
}
