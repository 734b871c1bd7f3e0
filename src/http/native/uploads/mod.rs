//! Uploads that can be resumed: tus 1.0.0 with creation, creation-with-upload, expiration,
//! checksum and termination.
//!
//! | call | success |
//! |---|---|
//! | `OPTIONS /delenda/v1/uploads` | 204, what of the protocol is spoken; without a key |
//! | `POST /delenda/v1/uploads` | 201 with `Location`; with a body also its first piece |
//! | `HEAD /delenda/v1/uploads/{id}` | 200 with `Upload-Offset` |
//! | `PATCH /delenda/v1/uploads/{id}` | 204 with the new `Upload-Offset` |
//! | `DELETE /delenda/v1/uploads/{id}` | 204, the upload is given up |
//!
//! An acknowledged offset is durable. The piece that makes an upload whole is answered when its
//! file is there: it is committed as any upload, with its parents, locks and quota as they are
//! then.

mod create;
mod headers;
mod metadata;
mod piece;

use axum::middleware::map_response;
use axum::response::Response;
use http::{HeaderValue, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::headers::{TUS_RESUMABLE, TUS_VERSION, VERSION};
use crate::http::state::Service;

/// The routes of uploads.
pub(super) fn documented() -> OpenApiRouter<Service> {
    OpenApiRouter::default()
        .routes(routes!(create::discover, create::create))
        .routes(routes!(piece::look, piece::append, piece::give_up))
        .layer(map_response(in_protocol))
}

/// Every answer names the version of the protocol, and a refusal of another one names it twice.
async fn in_protocol(mut response: Response) -> Response {
    let is_refused = response.status() == StatusCode::PRECONDITION_FAILED;
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    if is_refused {
        headers.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    }
    response
}
