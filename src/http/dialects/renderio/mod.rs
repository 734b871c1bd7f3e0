//! RenderIO: all outputs of a command. The key stands in `X-API-KEY`.
//!
//! | call | success |
//! |---|---|
//! | `DELETE /api/v1/commands/{commandId}/files` | 200 `{"deleted":true,"files_deleted":N}` when the bytes are gone |
//! | `GET /api/v1/commands/{commandId}` | 200, the command; also after its files are deleted |
//!
//! | error | answer, `{"error","message"}` |
//! |---|---|
//! | 400 `INVALID_REQUEST` | a query that cannot be read; on the delete, any parameter |
//! | 401 `UNAUTHORIZED` | no key, or one that does not work |
//! | 403 `FORBIDDEN` | the key lacks the scope |
//! | 404 `NOT_FOUND` | no such command, another organization's, one with an output outside the key's prefix |
//! | 409 `CONFLICT` | an output is locked: nothing was deleted |
//! | 429 `RATE_LIMITED` | with `Retry-After` in seconds |
//! | 500 `INTERNAL_ERROR` | the bytes were not gone in time: the files are deleted all the same |
//! | 501 `NOT_IMPLEMENTED` | running commands: `POST` to a `run-…` route |
//!
//! Decided here, where the contract is silent: `files_deleted` counts the outputs that were live
//! at the commit, so a second call answers 0. A call that repeats one which ended in a 500 gets
//! the number that was missed, once. A command whose files were deleted takes no more outputs. The
//! size of a deleted output stays in its record; its url does not.

mod commands;
mod wire;

use axum::Router;
use axum::response::Response;
use axum::routing::{delete, get, post};
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
        .route("/api/v1/commands/{command}/files", delete(commands::delete_files))
        .route("/api/v1/commands/{command}", get(commands::get_command))
        .route("/api/v1/run-ffmpeg-command", post(not_implemented))
        .route("/api/v1/run-chained-ffmpeg-commands", post(not_implemented))
        .route("/api/v1/run-multiple-ffmpeg-commands", post(not_implemented))
}

/// Running commands is no part of delenda: workers report theirs through the native API.
async fn not_implemented(
    _authenticated: crate::http::auth::Authenticated<Renderio>,
) -> Result<StatusCode, DialectError<Renderio>> {
    Err(ApiError::NotImplemented.into())
}
