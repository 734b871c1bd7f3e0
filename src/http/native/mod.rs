//! The native API, under `/delenda/v1`: `Authorization: Bearer KEY`; errors are problem documents.
//!
//! | call | success |
//! |---|---|
//! | `POST /delenda/v1/commands` | 201, the command |
//! | `GET /delenda/v1/commands?status=` | 200, a page of commands, newest first |
//! | `GET`, `PATCH /delenda/v1/commands/{id}` | 200, the command |
//! | `PUT /delenda/v1/commands/{id}/outputs/{name}` | 201 where the output is new, 200 where it replaces one |
//! | `DELETE /delenda/v1/commands/{id}/outputs` | 200, the deletion |
//! | `POST /delenda/v1/organizations` | 201, the organization; operators alone, as all calls on organizations |
//! | `GET /delenda/v1/organizations` | 200, a page of organizations |
//! | `GET`, `PATCH /delenda/v1/organizations/{id}` | 200, the organization |
//! | `GET /delenda/v1/organizations/{id}/usage` | 200, what it uses |
//! | `DELETE /delenda/v1/organizations/{id}` | 202, its removal; 200 where nothing is left of it |
//! | `GET /delenda/v1/organizations/{id}/removal` | the same |
//! | `POST /delenda/v1/keys` | 201, the key with its secret |
//! | `GET /delenda/v1/keys` | 200, a page of keys, without their secrets |
//! | `GET`, `DELETE /delenda/v1/keys/{id}` | 200, the key, which `DELETE` revokes |
//! | `POST /delenda/v1/keys/{id}/rotate` | 200, the key with its new secret |
//! | `/delenda/v1/deletions…`, `/delenda/v1/audit` | what `deletions/mod.rs` says |
//! | `/delenda/v1/webhooks…` | what `webhooks/mod.rs` says |
//! | `PUT /delenda/v1/files/{path}`, raw body | 201 where the file is new, 200 where it has a new version |
//! | `GET`, `HEAD /delenda/v1/files/{path}` | 200 with the bytes; 206, 304 and 416 as usual |
//! | `DELETE /delenda/v1/files/{path}` | 200, the deletion: a file, an empty folder, with `recursive=true` any |
//! | `GET /delenda/v1/entries?path=&recursive=&tag=&cursor=&limit=` | 200, a page of a folder |
//! | `GET /delenda/v1/entry?path=` | 200, what lies at the path |
//! | `GET`, `PATCH`, `DELETE /delenda/v1/entries/{id}` | 200, the entry; the entry as it became; the deletion |
//! | `GET`, `HEAD /delenda/v1/entries/{id}/content` | 200 with the bytes |
//! | `POST /delenda/v1/folders` | 201, the folder; 200 where it was there |
//! | `/delenda/v1/uploads` | tus 1.0.0 |
//! | `GET /delenda/v1/usage` | 200, files and bytes: live, doomed, condemned, settled, uploaded |
//! | `GET /delenda/v1/limits` | 200, the plan, its limits, and what is left of them |
//! | `GET /healthz`, `GET /readyz` | 200 where the process serves; where it can do its work |
//! | `GET /metrics` | 200, what is measured, for Prometheus |
//! | `GET /problems/{type}` | 200, what a kind of problem means |
//! | `GET /docs` | 200, a page that shows all documents |
//! | `GET /openapi.json` | 200, this API as an `OpenAPI` 3.1 document, made from the handlers |
//!
//! An operator key names the organization that it means by `?organization=`. A key that is bound
//! to one may name it too, and no other.
//!
//! Lists are read by pages: `limit`, and the `cursor` that the page before gave. Every `POST` takes
//! an `Idempotency-Key`: see `src/http/idempotency.rs`.
//!
//! A command that is made takes outputs until its files are deleted: then 409. Its name for an
//! output is the `{name}` of the path, at most 218 bytes; storing it again replaces it.

mod commands;
mod deleting;
mod deletions;
mod document;
mod entries;
mod entry;
mod files;
mod folders;
mod health;
mod keys;
mod limits;
mod measured;
mod organizations;
mod page;
mod problem;
pub mod problems;
pub mod refine;
mod secrets;
mod uploads;
mod usage;
mod webhooks;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::dialect::{Credential, Dialect, NamedOrganization, bearer};
use super::error::ApiError;
use super::query::Query;
use super::state::Service;

/// What the paths of resources begin with.
const PREFIX: &str = "/delenda/v1";

/// The native API.
pub struct Native;

impl Dialect for Native {
    const NAME: &'static str = "native";

    fn credential(headers: &HeaderMap) -> Credential {
        bearer(headers)
    }

    fn render_error(error: &ApiError) -> Response {
        problem::render(error)
    }

    fn named_organization(query: &Query) -> Result<Option<NamedOrganization>, ApiError> {
        match query.single("organization")? {
            None => Ok(Some(NamedOrganization::Unnamed)),
            Some("") => Err(ApiError::OrganizationRequired),
            Some(name) => Ok(Some(NamedOrganization::Named(name.to_owned()))),
        }
    }
}

/// The routes of the native API, and its document of them.
pub fn routes() -> Router<Service> {
    let (router, mut document) = documented().split_for_parts();
    document::complete(&mut document);
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    refine::refine(&mut document);
    let document = document.to_string();
    let answer = ([(CONTENT_TYPE, "application/json; charset=utf-8")], document);
    router
        .route("/openapi.json", get(async move || answer))
        .route("/docs", get(page::page))
        .route("/metrics", get(measured::metrics))
}

/// Each route with what its document says of it.
fn documented() -> OpenApiRouter<Service> {
    let router = OpenApiRouter::with_openapi(document::Api::openapi());
    router
        .merge(commands::routes())
        .merge(organizations::routes())
        .merge(keys::routes())
        .merge(deletions::routes())
        .merge(webhooks::routes())
        .routes(routes!(files::put, files::read, files::delete))
        .merge(entries::documented())
        .routes(routes!(folders::make))
        .merge(uploads::documented())
        .routes(routes!(usage::usage))
        .routes(routes!(limits::limits))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(problems::problem))
}
