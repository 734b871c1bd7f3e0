//! Rotating a key: another secret for the same key, and the one before it for a while.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{REQUEST_BYTES_MAX, answer_with_secret, check_grant, named, require_keeper, secret};
use crate::domain::grant::Grant;
use crate::domain::once::Repeat;
use crate::domain::secret::hash_key;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Holder;
use crate::http::idempotency::Posted;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::registry::{Rotation, RotationRefusal};

/// The longest life of a secret that was replaced, in seconds: a day.
const GRACE_SECONDS_MAX: u64 = 86_400;

/// How a key is to be rotated.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyRotation)]
struct Wanted {
    /// How long the secret that is replaced works still, 0 to 86,400; 0 unless said.
    grace_seconds: Option<u64>,
}

impl Wanted {
    fn grace(self) -> Result<Option<Duration>, ApiError> {
        match self.grace_seconds {
            None | Some(0) => Ok(None),
            Some(seconds @ 1..=GRACE_SECONDS_MAX) => Ok(Some(Duration::from_secs(seconds))),
            Some(_) => {
                let text = format!("grace_seconds is at most {GRACE_SECONDS_MAX}");
                Err(ApiError::Unprocessable(text))
            }
        }
    }
}

/// Gives a key another secret
///
/// The secret is in this answer alone; a repeat with the same idempotency key shows it again,
/// unless it was replaced meanwhile. Whoever rotates the key that they ask with needs some grace
/// to repeat a request whose answer was lost. Tokens that the secret before opened end with it.
#[utoipa::path(
    post,
    path = "/delenda/v1/keys/{id}/rotate",
    tag = "keys",
    params(
        ("id" = String, Path, description = "The key"),
        ("organization" = Option<String>, Query, description = "The organization that an operator means"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
    ),
    request_body = Option<Wanted>,
    responses(
        (status = 200, description = "The key, with its new secret", body = super::Shown),
        (status = 404, description = "No such key"),
        (status = 409, description = "The key was revoked"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The grace is too long, the key outlives the caller's, or another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn rotate(
    State(service): State<Service>,
    holder: Holder<Native>,
    id: Segment<3>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let posted =
        Posted::<Wanted>::read(&service, holder.key.id, request, REQUEST_BYTES_MAX).await?;
    let grace = posted.body.unwrap_or_default().grace()?;
    require_keeper(&holder)?;
    let key = named(&service, &holder, &id).await?;
    // Whoever learns a key's secret has all that the key has.
    check_grant(&holder, &Grant::of(&key))?;
    let (id, once) = (service.ids.next::<Uuid>(), posted.once.as_ref());
    let fresh = secret(&service, &posted.headers, once, id);
    let former_until = grace.map(|grace| service.clock.now().plus(grace));
    let hash = hash_key(fresh.expose_secret());
    let rotation = Rotation { id, key: key.id, hash, former_until };
    let shown = match service.ledger.rotate_key(rotation, posted.once.clone()).await? {
        Ok(_rotated) => fresh,
        Err(RotationRefusal::Repeated(Repeat::Of(made))) => {
            secret(&service, &posted.headers, once, made)
        }
        Err(RotationRefusal::Repeated(Repeat::OtherRequest)) => {
            return Err(ApiError::IdempotencyMismatch.into());
        }
        Err(RotationRefusal::NoKey) => return Err(ApiError::NotFound.into()),
        Err(RotationRefusal::Revoked) => {
            return Err(ApiError::Conflict("the key was revoked".to_owned()).into());
        }
    };
    Ok(answer_with_secret(&service, StatusCode::OK, key.id, &shown).await?)
}
