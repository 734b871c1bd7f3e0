//! Swiftia: single files of an organization. `Authorization: Bearer KEY`.
//!
//! | call | success |
//! |---|---|
//! | `DELETE /api/uploads/files/{fileId}` | 200 `{"id","deleted":true}` when record and bytes are both gone |
//! | `GET /api/uploads/files?type&tags&limit&offset` | 200 `{"subSize","usedSize","usedSizePercent","total","files"}`, newest first |
//! | `GET /api/uploads/files/{fileId}` | 200, the file |
//! | `POST /api/uploads/files` | 201, the file; a form with `file`, `tags`, `description`, `path` |
//!
//! Each takes `organizationId`: optional with a key that is bound to that organization, required
//! with an operator key.
//!
//! | error | answer |
//! |---|---|
//! | 400 | `{"message":"Organization ID is required"}`, or another `message` for what cannot be read |
//! | 401 | `{"error":"Unauthorized"}` |
//! | 403 | `{"message":"Organization ID mismatch. API key is bound to a different organization."}`, `{"message":"File is locked"}`, or one about the scope |
//! | 404 | `{"message":"File not found"}`: absent, another organization's, or deleted already |
//! | 429 | `{"status","message","code","retryAfter"}` with `X-RateLimit-*` (reset in milliseconds) |
//! | 500 | on the delete `{"id","deleted":false,"error":"Failed to delete file from storage"}`: the bytes were not gone in time |
//! | others | `{"message"}` |
//!
//! Decided here, where the contract is silent: after that 500 the file is unreachable all the same,
//! and a repeat of the call gets the success that was missed. Tags match where any of them does. A
//! file that is neither image nor video nor audio is of type `other`. An upload with a `path`
//! replaces a file that lies there, which keeps its id; a `path` that ends in `/` is a 400, since
//! it says a folder. An organization that does not exist is a mismatch, also for an operator key.
//! `subSize` is the quota of the plan, else what the store holds in all; where that knows no bound,
//! it is null and `usedSizePercent` is 0.

mod files;
mod upload;
mod wire;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, StatusCode};

use crate::http::dialect::{Credential, Dialect, NamedOrganization, bearer};
use crate::http::error::{ApiError, RateLimited};
use crate::http::json;
use crate::http::query::Query;
use crate::http::state::Service;

/// The dialect.
pub struct Swiftia;

impl Dialect for Swiftia {
    const NAME: &'static str = "swiftia";

    fn credential(headers: &HeaderMap) -> Credential {
        bearer(headers)
    }

    fn render_error(error: &ApiError) -> Response {
        let (status, text) = match error {
            ApiError::Unauthenticated | ApiError::OrganizationGone => {
                let answer = wire::Unauthorized { error: "Unauthorized" };
                return json::answer(StatusCode::UNAUTHORIZED, &answer);
            }
            ApiError::RateLimited(limited) => return rate_limited(*limited),
            other => wire::message(other),
        };
        json::answer(status, &wire::Message { message: text })
    }

    fn named_organization(query: &Query) -> Result<Option<NamedOrganization>, ApiError> {
        match query.single("organizationId")? {
            None => Ok(Some(NamedOrganization::Unnamed)),
            Some("") => Err(ApiError::OrganizationRequired),
            Some(name) => Ok(Some(NamedOrganization::Named(name.to_owned()))),
        }
    }
}

fn rate_limited(limited: RateLimited) -> Response {
    let answer = wire::RateLimitExceeded {
        status: 429,
        message: "Rate limit exceeded. Please try again later.",
        code: "RATE_LIMIT_EXCEEDED",
        retry_after: limited.retry_after_seconds(),
    };
    let headers = [
        (HeaderName::from_static("x-ratelimit-limit"), i64::from(limited.limit)),
        (HeaderName::from_static("x-ratelimit-remaining"), 0),
        (HeaderName::from_static("x-ratelimit-reset"), limited.until.millis()),
    ]
    .map(|(name, value)| (name, value.to_string()));
    (headers, json::answer(StatusCode::TOO_MANY_REQUESTS, &answer)).into_response()
}

/// The routes of the dialect.
pub fn routes() -> Router<Service> {
    Router::new()
        .route("/api/uploads/files", get(files::list).post(upload::upload))
        .route("/api/uploads/files/{file}", get(files::get_file).delete(files::delete))
}
