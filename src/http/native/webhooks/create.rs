//! Making a webhook.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{REQUEST_BYTES_MAX, answer_with_secret, check_url, events_of, refused, webhook_of};
use crate::domain::id::WebhookId;
use crate::domain::once::Repeat;
use crate::domain::organization::Scope;
use crate::domain::webhooks::{Events, WebhookSecret};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::idempotency::{Posted, repeat_of};
use crate::http::json;
use crate::http::native::{Native, secrets};
use crate::http::state::Service;
use crate::ledger::webhooks::{NewWebhook, WebhookRefusal};

/// What a secret is for.
pub(super) const SECRET_KIND: &[u8] = b"webhook";

/// A webhook to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
struct Wanted {
    /// Where messages go, by `https` or `http`: at most 2,048 bytes, without user, password and
    /// fragment, at the port 80, 443, or above 1,023.
    url: String,
    /// Of `deletion.settled` and `deletion.failed`, each once; both unless said.
    events: Option<Vec<String>>,
}

/// Makes a webhook
///
/// Its secret is in this answer alone; a repeat with the same idempotency key shows it again, unless
/// it was replaced meanwhile. It hears of what is asked for with the caller's prefix or one beneath
/// it. An address that is not part of the public network is refused, unless the operator has listed
/// it; a name is judged by where it leads when a message is sent.
#[utoipa::path(
    post,
    path = "/delenda/v1/webhooks",
    tag = "webhooks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless")),
    request_body = Wanted,
    responses(
        (status = 201, description = "The webhook, with its secret", body = super::Shown),
        (status = 404, description = "It was made by this idempotency key, and is gone"),
        (status = 409, description = "The organization has as many webhooks as it may have"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "No webhook can have this url or these events, or another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn create(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let caller = &authenticated.caller;
    let posted = Posted::<Wanted>::read(&service, caller.key, request, REQUEST_BYTES_MAX).await?;
    let wanted = json::required(posted.body)?;
    let organization = Some(caller.realm.organization);
    if repeat_of(&service, organization, posted.once.as_ref()).await?.is_none() {
        check_url(&service, &wanted.url)?;
    }
    let events = wanted.events.map_or(Ok(Events::all()), |names| events_of(&names))?;
    authenticated.require(Scope::Admin)?;
    let id: WebhookId = service.ids.next();
    let kind = (SECRET_KIND, posted.once.as_ref());
    let secret = |id: WebhookId| WebhookSecret(secrets::fresh(&service, &posted.headers, kind, id));
    let made = secret(id);
    let new = NewWebhook { id, url: wanted.url, events, secret: made };
    let now = service.clock.now();
    let created =
        service.ledger.create_webhook(&caller.realm, new, posted.once.clone(), now).await?;
    let (webhook, shown) = match created {
        Ok(webhook) => (webhook, made),
        Err(WebhookRefusal::Repeated(Repeat::Of(before))) => {
            let before = WebhookId::from(before);
            (webhook_of(&service, &authenticated, before).await?, secret(before))
        }
        Err(refusal) => return Err(refused(refusal).into()),
    };
    Ok(answer_with_secret(&service, (StatusCode::CREATED, &webhook), shown))
}
