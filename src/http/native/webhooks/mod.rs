//! Webhooks: who is told of what becomes of deletions, and the messages to them.
//!
//! | call | success |
//! |---|---|
//! | `POST /delenda/v1/webhooks` | 201, the webhook with its secret |
//! | `GET /delenda/v1/webhooks` | 200, a page of webhooks, without their secrets |
//! | `GET`, `PATCH /delenda/v1/webhooks/{id}` | 200, the webhook |
//! | `DELETE /delenda/v1/webhooks/{id}` | 204 |
//! | `POST /delenda/v1/webhooks/{id}/rotate` | 200, the webhook with its new secret |
//! | `POST /delenda/v1/webhooks/{id}/test` | 202, a message |
//! | `GET /delenda/v1/webhooks/{id}/messages?state=` | 200, a page of messages, newest first |
//! | `GET /delenda/v1/webhooks/{id}/messages/{message}` | 200, the message with its tries |
//! | `POST /delenda/v1/webhooks/{id}/messages/{message}/redeliver` | 202, the message |
//!
//! All of them take the scope `admin`: a webhook sends what happens in an organization to somewhere
//! else, and its url may be a secret itself. A key with a prefix keeps webhooks that hear of what was
//! asked for at or beneath its prefix, and sees no others.

mod change;
mod create;
mod messages;
mod post;
mod read;
mod rotate;

use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::clock::Timestamp;
use crate::domain::id::{MessageId, WebhookId};
use crate::domain::once::Repeat;
use crate::domain::webhooks::{Events, PENDING_MESSAGES_MAX, WEBHOOKS_MAX, Webhook, WebhookSecret};
use crate::http::auth::Authenticated;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::webhooks::WebhookRefusal;

/// Bytes of a request about a webhook at most.
const REQUEST_BYTES_MAX: u64 = 16_384;

/// The calls on webhooks.
pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(read::list, create::create))
        .routes(routes!(read::webhook, change::change, change::remove))
        .routes(routes!(rotate::rotate))
        .routes(routes!(post::test))
        .routes(routes!(messages::messages))
        .routes(routes!(messages::message))
        .routes(routes!(post::redeliver))
}

/// A webhook. Its secret stands only in the answer that made it.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
struct Shown {
    id: String,
    /// The secret that signs, shown this once; `null` where a repeat cannot show it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    secret: Option<Option<String>>,
    url: String,
    /// Of `deletion.settled` and `deletion.failed`.
    events: Vec<&'static str>,
    /// It hears of deletions that were asked for at or beneath this path.
    prefix: String,
    created_at: String,
    enabled: bool,
    /// Since when it is switched off; `null`: it is on.
    disabled_at: Option<String>,
    /// Who switched it off: `owner`, `gone` (its receiver, by the status 410) or `failing` (the
    /// server, after five days of failures).
    disabled_by: Option<&'static str>,
    /// Since when every try has failed; `null`: the last one did not.
    failing_since: Option<String>,
    /// Until when the secret before the last rotation signs, too; `null`: there is none, or not any
    /// more.
    former_signs_until: Option<String>,
    /// Messages that wait.
    pending: u64,
    /// Messages that are not tried any more, and kept.
    dead: u64,
    /// Messages that were never kept, since too many waited.
    dropped: u64,
}

impl Shown {
    fn of(service: &Service, webhook: &Webhook) -> Self {
        let now = service.clock.now();
        let former = webhook.former.map(|former| former.until).filter(|until| now < *until);
        let disabled = webhook.standing.disabled;
        Self {
            id: webhook.id.to_string(),
            secret: None,
            url: webhook.url.clone(),
            events: webhook.events.words(),
            prefix: webhook.prefix.to_string(),
            created_at: webhook.created_at.iso8601(),
            enabled: disabled.is_none(),
            disabled_at: disabled.map(|disabled| disabled.at.iso8601()),
            disabled_by: disabled.map(|disabled| disabled.by.as_str()),
            failing_since: webhook.standing.failing_since.map(Timestamp::iso8601),
            former_signs_until: former.map(Timestamp::iso8601),
            pending: webhook.counts.pending,
            dead: webhook.counts.dead,
            dropped: webhook.counts.dropped,
        }
    }
}

/// The answer that shows a webhook with its secret, where that is this webhook's still. Kept by
/// nobody.
fn answer_with_secret(
    service: &Service,
    (status, webhook): (StatusCode, &Webhook),
    secret: WebhookSecret,
) -> Response {
    let text = (webhook.secret == secret).then(|| secret.text());
    let shown = Shown { secret: Some(text), ..Shown::of(service, webhook) };
    let mut answer = json::answer(status, &shown);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The identity of a webhook that a path names.
fn named(id: &Segment<3>) -> Result<WebhookId, ApiError> {
    id.parse(WebhookId::parse).ok_or(ApiError::NotFound)
}

/// The identity of a message that a path names.
fn named_message(id: &Segment<5>) -> Result<MessageId, ApiError> {
    id.parse(MessageId::parse).ok_or(ApiError::NotFound)
}

/// The webhook that a path names, where the caller sees it.
async fn webhook_of(
    service: &Service,
    authenticated: &Authenticated<Native>,
    id: WebhookId,
) -> Result<Webhook, ApiError> {
    let realm = &authenticated.caller.realm;
    service.ledger.webhook(realm, id).await?.ok_or(ApiError::NotFound)
}

/// Refuses a url to which nothing may be sent.
fn check_url(service: &Service, url: &str) -> Result<(), ApiError> {
    let checked = service.settings.egress.check_url(url);
    checked.map(|_| ()).map_err(|refusal| ApiError::Unprocessable(format!("url: {refusal}")))
}

/// Reads the names of events.
fn events_of(names: &[String]) -> Result<Events, ApiError> {
    Events::parse(names.iter().map(String::as_str)).ok_or_else(|| {
        let all = Events::all().words().join(", ");
        ApiError::Unprocessable(format!("events: one or more of {all}, each once"))
    })
}

/// A refusal that a caller is to be told; a repeat that made something is none.
fn refused(refusal: WebhookRefusal) -> ApiError {
    match refusal {
        WebhookRefusal::Missing | WebhookRefusal::Repeated(Repeat::Of(_)) => ApiError::NotFound,
        WebhookRefusal::TooMany => ApiError::Conflict(format!(
            "the organization has {WEBHOOKS_MAX} webhooks, which is as many as it may have"
        )),
        WebhookRefusal::Disabled => ApiError::Conflict("the webhook is switched off".to_owned()),
        WebhookRefusal::Full => ApiError::Conflict(format!(
            "{PENDING_MESSAGES_MAX} messages wait for the webhook, which is as many as may"
        )),
        WebhookRefusal::Repeated(Repeat::OtherRequest) => ApiError::IdempotencyMismatch,
    }
}
