//! Templated: many uploads by id, all or none. `Authorization: Bearer KEY`.
//!
//! | call | success |
//! |---|---|
//! | `DELETE /v1/uploads?ids=A&ids=B` | 200 `{"deleted":[…],"message":"Successfully deleted N upload(s)"}`, at the commit |
//! | `DELETE /v1/upload/{id}` | the same, for one |
//! | `GET /v1/uploads?query&tags&page&limit` | 200, a bare array of uploads, newest first |
//! | `POST /v1/upload` | 200, the upload; a form with `file`, `tags`, `externalId` |
//! | `GET /v1/account` | 200 `{"email","name","apiUsage","apiQuota","usagePercentage","plan"}` |
//!
//! | error, `{"error":text}` | when |
//! |---|---|
//! | 400 `At least one upload ID must be provided` | no ids, or only blank ones |
//! | 400 with `not_found` and `unauthorized` beside `error` | any id is missing, foreign, outside the key's prefix or locked, or the key may not delete |
//! | 400 | anything else that cannot be read |
//! | 401 `Not authorized` | no key, or one that does not work |
//! | 404 `User not found` | the key is good, and its organization is switched off |
//! | 500 `An unexpected error occurred` | |
//!
//! Decided here, where the contract is silent: `ids[]` and `ids[0]` mean what `ids` means, and
//! no two of these forms stand together; an index stands once, and ids keep the order in which
//! they appear, whatever the indexes are. A repeated id counts once. More than 1,000 distinct ids
//! are a 400. Both lists are in the order of the request, and give an id as it was written. A
//! list of tags matches where any of them does. An account's usage and quota are those of requests:
//! in the plan's minute, else in this hour, of 1,000,000; its `email` is empty.

mod account;
mod delete;
mod ids;
mod uploads;
mod wire;

use axum::Router;
use axum::response::Response;
use axum::routing::{delete as delete_route, get, post};
use http::HeaderMap;

use crate::http::dialect::{Credential, Dialect, bearer};
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;

/// The dialect.
pub struct Templated;

impl Dialect for Templated {
    const NAME: &'static str = "templated";

    fn credential(headers: &HeaderMap) -> Credential {
        bearer(headers)
    }

    fn render_error(error: &ApiError) -> Response {
        let (status, text) = wire::error(error);
        json::answer(status, &wire::ErrorAnswer { error: text })
    }
}

/// The routes of the dialect.
pub fn routes() -> Router<Service> {
    Router::new()
        .route("/v1/uploads", get(uploads::list).delete(delete::delete_many))
        .route("/v1/upload", post(uploads::upload))
        .route("/v1/account", get(account::account))
        .route("/v1/upload/{id}", delete_route(delete::delete_one))
}
