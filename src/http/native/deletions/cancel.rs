//! `POST /delenda/v1/deletions/{id}/cancel`.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::answer::DeletionAnswer;
use super::{named, record_of};
use crate::domain::once::Repeat;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::read_bare;
use crate::http::json;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::Cancellation;

/// Ends a deletion whose filters go on in steps
///
/// No further file goes on its account from the answer on. What it took before stays deleted, and
/// its bytes go. A repeat is harmless: it is answered with the same deletion again.
#[utoipa::path(
    post,
    path = "/delenda/v1/deletions/{id}/cancel",
    tag = "deletions",
    params(
        ("id" = String, Path, description = "The deletion"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
    ),
    responses(
        (status = 200, description = "The deletion, which takes nothing more", body = DeletionAnswer),
        (status = 404, description = "No such deletion"),
        (status = 409, description = "It has taken all that it ever will: nothing is left to cancel"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "Another request was made with this idempotency key"),
    )
)]
pub(super) async fn cancel(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    authenticated.query.only(&["organization"])?;
    let key = authenticated.caller.key;
    let once = read_bare(&service, key, request).await?;
    authenticated.require(Scope::Delete)?;
    let (id, realm) = (named(&id)?, &authenticated.caller.realm);
    let now = service.clock.now();
    let cancelled = service.ledger.cancel_deletion(realm, id, once, now).await?;
    match cancelled.ok_or(ApiError::NotFound)? {
        Cancellation::NothingToCancel => {
            let text = "the deletion has taken all that it ever will";
            Err(ApiError::Conflict(text.to_owned()).into())
        }
        Cancellation::Repeated(Repeat::OtherRequest) => Err(ApiError::IdempotencyMismatch.into()),
        // The deletion stands in the path, which is a part of the request.
        Cancellation::Cancelled | Cancellation::Repeated(Repeat::Of(_)) => {
            let record = record_of(&service, &authenticated, id).await?;
            Ok(json::answer(StatusCode::OK, &DeletionAnswer::from(&record)))
        }
    }
}
