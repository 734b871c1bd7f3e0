//! Whether the process lives, and whether it can do its work. Without a key: whoever asks is a
//! machine that decides whether to restart it or to send it requests.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem;
use crate::http::json;
use crate::http::state::Service;

/// How long a part may take to answer before it counts as failing.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// The service can do its work.
#[derive(Serialize, ToSchema)]
struct Ready {
    ready: bool,
}

/// Whether the process serves
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "service",
    security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// Whether the service can do its work
///
/// The database takes changes, the blobs are where they belong, and the reserve for deleting is
/// there. While the reserve is given up (`ballast`) deleting still works, and uploads do not.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    security(()),
    responses(
        (status = 200, description = "It can", body = Ready),
        (status = 503, description = "It cannot, and `failing` names the parts: `database`, `blobs`, `ballast`"),
    )
)]
pub(super) async fn readyz(State(service): State<Service>) -> Response {
    let (database, blobs) = tokio::join!(
        tokio::time::timeout(ANSWER_MAX, service.ledger.check_writable()),
        tokio::time::timeout(ANSWER_MAX, service.blobs.check()),
    );
    if let Ok(Err(error)) = &database {
        tracing::warn!(%error, source = ?error.source, "the database takes no change");
    }
    if let Ok(Err(error)) = &blobs {
        tracing::warn!(%error, source = ?error.source, "the blob store is not in order");
    }
    let parts = [
        ("database", matches!(database, Ok(Ok(())))),
        ("blobs", matches!(blobs, Ok(Ok(())))),
        ("ballast", !service.ledger.is_reserve_spent()),
    ];
    let failing: Vec<&str> =
        parts.into_iter().filter(|(_, works)| !works).map(|(name, _)| name).collect();
    match failing.is_empty() {
        true => json::answer(StatusCode::OK, &Ready { ready: true }).into_response(),
        false => problem::not_ready(&failing),
    }
}
