//! Having something sent: a test, or a message anew.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::messages::MessageAnswer;
use super::{named, named_message, refused};
use crate::domain::id::{MessageId, WebhookId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{Realm, Scope};
use crate::domain::webhooks::{Message, NewMessage};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::read_bare;
use crate::http::json;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::webhooks::WebhookRefusal;

/// What a test says.
#[derive(Serialize)]
struct Tested {
    webhook: String,
}

/// Sends a test
///
/// A message of the type `webhook.test`, whatever events the webhook asks for. It is tried as all
/// others are.
#[utoipa::path(
    post,
    path = "/delenda/v1/webhooks/{id}/test",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
    ),
    responses(
        (status = 202, description = "The message, which is sent in a moment", body = MessageAnswer),
        (status = 404, description = "No such webhook"),
        (status = 409, description = "The webhook is switched off, or too many messages wait for it"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "Another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn test(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let once = read(&service, &authenticated, request).await?;
    let webhook = named(&id)?;
    let tested = Tested { webhook: webhook.to_string() };
    let new = NewMessage::test(service.ids.next(), service.clock.now(), &tested);
    let realm = &authenticated.caller.realm;
    let added = service.ledger.add_message(realm, webhook, new, once).await?;
    Ok(answer(&service, realm, webhook, added).await?)
}

/// Delivers a message anew
///
/// At once, under the same `webhook-id`, and with all tries that a new message has. For dead ones,
/// and for others too: one that was delivered is sent once more.
#[utoipa::path(
    post,
    path = "/delenda/v1/webhooks/{id}/messages/{message}/redeliver",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook"),
        ("message" = String, Path, description = "The message"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
    ),
    responses(
        (status = 202, description = "The message, which is sent in a moment", body = MessageAnswer),
        (status = 404, description = "No such webhook, or no such message"),
        (status = 409, description = "The webhook is switched off, or too many messages wait for it"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "Another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn redeliver(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    message: Segment<5>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let once = read(&service, &authenticated, request).await?;
    let (webhook, of) = (named(&id)?, named_message(&message)?);
    let (realm, now) = (&authenticated.caller.realm, service.clock.now());
    let again = service.ledger.redeliver_message(realm, (webhook, of), once, now).await?;
    Ok(answer(&service, realm, webhook, again).await?)
}

async fn read(
    service: &Service,
    authenticated: &Authenticated<Native>,
    request: Request,
) -> Result<Option<Once>, ApiError> {
    authenticated.query.only(&["organization"])?;
    let once = read_bare(service, authenticated.caller.key, request).await?;
    authenticated.require(Scope::Admin)?;
    Ok(once)
}

async fn answer(
    service: &Service,
    realm: &Realm,
    webhook: WebhookId,
    put: Result<Message, WebhookRefusal>,
) -> Result<Response, ApiError> {
    let message = match put {
        Ok(message) => message,
        Err(WebhookRefusal::Repeated(Repeat::Of(before))) => {
            let of = (webhook, MessageId::from(before));
            service.ledger.message(realm, of).await?.ok_or(ApiError::NotFound)?
        }
        Err(refusal) => return Err(refused(refusal)),
    };
    Ok(json::answer(StatusCode::ACCEPTED, &MessageAnswer::from(message)))
}
