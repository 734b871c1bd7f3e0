//! RenderIO: outputs of commands, and single files. The key stands in `X-API-KEY`.
//!
//! | call | success |
//! |---|---|
//! | `DELETE /api/v1/commands/{commandId}/files` | 200 `{"deleted":true,"files_deleted":N}` when the bytes are gone |
//! | `GET /api/v1/commands?limit&offset&status` | 200 `{"commands":[…],"limit","offset"}`, newest first |
//! | `GET /api/v1/commands/{commandId}` | 200, the command; also after its files are deleted |
//! | `POST /api/v1/files/upload` | 200 `{"file_id"}`; a form with `file` |
//! | `GET /api/v1/files?limit&offset` | 200 `{"files":[…],"limit","offset"}`, newest first, deleted ones included |
//! | `GET /api/v1/files/{fileId}` | 200, the file; also after it is deleted |
//! | `DELETE /api/v1/files/{fileId}` | 200 `{"deleted":true,"file_id"}` when the bytes are gone |
//!
//! | error | answer, `{"error","message"}` |
//! |---|---|
//! | 400 `INVALID_REQUEST` | a query that cannot be read; on a delete, any parameter; a file that breaks off |
//! | 401 `UNAUTHORIZED` | no key, or one that does not work |
//! | 403 `FORBIDDEN` | the key lacks the scope |
//! | 404 `NOT_FOUND` | no such command, another organization's, one with an output outside the key's prefix; no such file, or, on the delete, one that is deleted already |
//! | 409 `CONFLICT` | an output, or the file, is locked: nothing was deleted |
//! | 422 `VALIDATION_ERROR` | an upload that is no form, or has no `file` |
//! | 429 `RATE_LIMITED` | with `Retry-After` in seconds |
//! | 500 `INTERNAL_ERROR` | the bytes were not gone in time: the files are deleted all the same |
//! | 501 `NOT_IMPLEMENTED` | the routes of the command runner: `run-…`, `files/store-file`, `presets`, `webhook-config` |
//!
//! Decided here, where the contract is silent: `files_deleted` counts the outputs that were live
//! at the commit, so a second call answers 0. A call that repeats one which ended in a 500 gets
//! the number that was missed, once. A command whose files were deleted takes no more outputs. The
//! size of a deleted output stays in its record; its url does not.
//!
//! A page has 50 things, or `limit`, at most 100, and is full unless it is the last. Every file of
//! the organization is listed, through whichever door it came: `rendi_store_type` is `OUTPUT` for
//! outputs of commands, `UPLOAD` for what was uploaded here, else `STORED_FILE`. The first two are
//! shown as deleted for ever, without a name or a url; of the others nothing remains. Where another
//! route overwrites one, the id is the new file's, a `STORED_FILE`, until that is deleted, too. A
//! key with a prefix is shown deleted files that were stored with that prefix or one beneath it.

mod commands;
mod files;
mod page;
mod wire;

use axum::Router;
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::http::dialect::{Credential, Dialect, DialectError, bare_key};
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;

/// Where this dialect's key stands.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// The dialect.
pub struct Renderio;

impl Dialect for Renderio {
    const NAME: &'static str = "renderio";

    fn credential(headers: &HeaderMap) -> Credential {
        bare_key(headers, &KEY_HEADER)
    }

    fn render_error(error: &ApiError) -> Response {
        let (status, answer) = wire::error(error);
        json::answer(status, &answer)
    }
}

/// The routes of the dialect.
pub fn routes() -> Router<Service> {
    Router::new()
        .route("/api/v1/commands", get(commands::list))
        .route("/api/v1/commands/{command}/files", delete(commands::delete_files))
        .route("/api/v1/commands/{command}", get(commands::get_command))
        .route("/api/v1/files", get(files::list))
        .route("/api/v1/files/upload", post(files::upload))
        .route("/api/v1/files/{file}", get(files::get_file).delete(files::delete))
        .merge(command_runner())
}

/// Routes of the vendor's command runner, which is no part of delenda.
fn command_runner() -> Router<Service> {
    Router::new()
        .route("/api/v1/run-ffmpeg-command", post(not_implemented))
        .route("/api/v1/run-chained-ffmpeg-commands", post(not_implemented))
        .route("/api/v1/run-multiple-ffmpeg-commands", post(not_implemented))
        .route("/api/v1/files/store-file", post(not_implemented))
        .route("/api/v1/presets", any(not_implemented))
        .route("/api/v1/presets/{preset}", any(not_implemented))
        .route("/api/v1/presets/{preset}/execute", post(not_implemented))
        .route("/api/v1/webhook-config", any(not_implemented))
}

/// Running commands is no part of delenda: workers report theirs through the native API.
async fn not_implemented(
    _authenticated: crate::http::auth::Authenticated<Renderio>,
) -> Result<StatusCode, DialectError<Renderio>> {
    Err(ApiError::NotImplemented.into())
}
