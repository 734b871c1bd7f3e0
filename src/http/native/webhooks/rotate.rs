//! Rotating the secret of a webhook: another one signs, and the one before it too for a while.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::create::SECRET_KIND;
use super::{REQUEST_BYTES_MAX, answer_with_secret, named, refused, webhook_of};
use crate::domain::once::Repeat;
use crate::domain::organization::Scope;
use crate::domain::webhooks::WebhookSecret;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::Posted;
use crate::http::native::{Native, secrets};
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::webhooks::{SignerRotation, WebhookRefusal};

/// How long a secret that was replaced signs unless it is said otherwise, in seconds: a day.
const GRACE_SECONDS_USUAL: u64 = 86_400;
/// How long it may at most: a week.
const GRACE_SECONDS_MAX: u64 = 7 * 86_400;

/// How a webhook's secret is to be rotated.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRotation)]
struct Wanted {
    /// How long the secret that is replaced signs still, 0 to 604,800; 86,400 unless said.
    #[schema(maximum = 604_800)]
    grace_seconds: Option<u64>,
}

impl Wanted {
    fn grace(self) -> Result<Option<Duration>, ApiError> {
        match self.grace_seconds.unwrap_or(GRACE_SECONDS_USUAL) {
            0 => Ok(None),
            seconds @ 1..=GRACE_SECONDS_MAX => Ok(Some(Duration::from_secs(seconds))),
            _ => {
                let text = format!("grace_seconds is at most {GRACE_SECONDS_MAX}");
                Err(ApiError::Unprocessable(text))
            }
        }
    }
}

/// Gives a webhook another secret
///
/// The secret is in this answer alone; a repeat with the same idempotency key shows it again, unless
/// it was replaced meanwhile. During the grace each message has two signatures, one by each secret:
/// a receiver takes it when one of them is right.
#[utoipa::path(
    post,
    path = "/delenda/v1/webhooks/{id}/rotate",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
    ),
    request_body = Option<Wanted>,
    responses(
        (status = 200, description = "The webhook, with its new secret", body = super::Shown),
        (status = 404, description = "No such webhook"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The grace is too long, or another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn rotate(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let caller = &authenticated.caller;
    let posted = Posted::<Wanted>::read(&service, caller.key, request, REQUEST_BYTES_MAX).await?;
    let grace = posted.body.unwrap_or_default().grace()?;
    authenticated.require(Scope::Admin)?;
    let webhook = named(&id)?;
    let kind = (SECRET_KIND, posted.once.as_ref());
    let secret = |id: Uuid| WebhookSecret(secrets::fresh(&service, &posted.headers, kind, id));
    let id: Uuid = service.ids.next();
    let made = secret(id);
    let former_until = grace.map(|grace| service.clock.now().plus(grace));
    let rotation = SignerRotation { id, webhook, secret: made, former_until };
    let rotated =
        service.ledger.rotate_webhook(&caller.realm, rotation, posted.once.clone()).await?;
    let (webhook, shown) = match rotated {
        Ok(rotated) => (rotated, made),
        Err(WebhookRefusal::Repeated(Repeat::Of(before))) => {
            (webhook_of(&service, &authenticated, webhook).await?, secret(before))
        }
        Err(refusal) => return Err(refused(refusal).into()),
    };
    Ok(answer_with_secret(&service, (StatusCode::OK, &webhook), shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_a_day_unless_said_and_a_week_at_most() {
        let grace = |grace_seconds| {
            Wanted { grace_seconds }.grace().map(|grace| grace.map_or(0, |grace| grace.as_secs()))
        };
        assert_eq!(grace(None).unwrap(), 86_400);
        assert_eq!(grace(Some(0)).unwrap(), 0);
        assert_eq!(grace(Some(604_800)).unwrap(), 604_800);
        assert!(matches!(grace(Some(604_801)), Err(ApiError::Unprocessable(_))));
    }
}
