//! Revoking a key: it works no more, nor does any token of it.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::{Shown, named, require_keeper};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Holder;
use crate::http::json;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// Revokes a key, at once
///
/// Also the one that asks. Doing it again changes nothing.
#[utoipa::path(
    delete,
    path = "/delenda/v1/keys/{id}",
    tag = "keys",
    params(
        ("id" = String, Path, description = "The key"),
        ("organization" = Option<String>, Query, description = "The organization that an operator means"),
    ),
    responses(
        (status = 200, description = "The key, as it ended", body = Shown),
        (status = 404, description = "No such key"),
    )
)]
pub(in crate::http::native) async fn revoke(
    State(service): State<Service>,
    holder: Holder<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    holder.query.only(&["organization"])?;
    require_keeper(&holder)?;
    let key = named(&service, &holder, &id).await?;
    service.ledger.revoke_key(key.id, service.clock.now()).await?;
    let revoked = service.ledger.key_by_id(key.id).await?.ok_or(ApiError::NotFound)?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&service, &revoked)))
}
