//! Messages to a webhook: what is sent, and how the tries went. Dead ones are shown as all others.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{named, named_message};
use crate::domain::clock::Timestamp;
use crate::domain::id::MessageId;
use crate::domain::organization::Scope;
use crate::domain::webhooks::{Attempt, Message, MessageState};
use crate::http::auth::Authenticated;
use crate::http::cursor::List;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::native::Native;
use crate::http::query::Query;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::webhooks::MessageQuery;

/// A message to a webhook.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookMessage)]
pub(super) struct MessageAnswer {
    /// The header `webhook-id` of each try.
    id: String,
    /// `deletion.settled`, `deletion.failed` or `webhook.test`.
    event: &'static str,
    /// `pending`, `delivered`, or `dead`: not tried any more.
    state: &'static str,
    /// When it happened.
    created_at: String,
    /// When it is tried next; `null` unless it is pending.
    due_at: Option<String>,
    /// When it arrived or became dead; `null` while it is pending.
    ended_at: Option<String>,
    /// The latest tries, the oldest first; at most 20.
    attempts: Vec<AttemptAnswer>,
    /// What is sent.
    #[schema(value_type = Object)]
    payload: Value,
}

/// A try to deliver a message.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
struct AttemptAnswer {
    at: String,
    duration_ms: u64,
    /// What was answered; `null` where nothing was.
    status: Option<u16>,
    /// Why it failed; `null` where it did not.
    error: Option<String>,
}

impl From<Attempt> for AttemptAnswer {
    fn from(Attempt { at_ms, duration_ms, status, error }: Attempt) -> Self {
        Self { at: Timestamp::from_millis(at_ms).iso8601(), duration_ms, status, error }
    }
}

impl From<Message> for MessageAnswer {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.to_string(),
            event: message.event.as_str(),
            state: message.state.as_str(),
            created_at: message.created_at.iso8601(),
            due_at: message.due_at.map(Timestamp::iso8601),
            ended_at: message.ended_at.map(Timestamp::iso8601),
            attempts: message.attempts.into_iter().map(AttemptAnswer::from).collect(),
            payload: serde_json::from_str(&message.body).unwrap_or_default(),
        }
    }
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookMessagePage)]
struct Page {
    messages: Vec<MessageAnswer>,
    /// Where the next page begins; `null` on the last one.
    cursor: Option<String>,
}

/// The messages of a webhook, the newest first
///
/// All that wait, and of those that were delivered, and of those that are dead, the newest 1,000.
#[utoipa::path(
    get,
    path = "/delenda/v1/webhooks/{id}/messages",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook"),
        ("state" = Option<String>, Query, description = "Only `pending`, `delivered` or `dead` ones"),
        ("cursor" = Option<String>, Query, description = "Where the page begins, as the one before it says"),
        ("limit" = Option<u64>, Query, description = "Items of the page, 1 to 1,000; 100 unless said"),
    ),
    responses(
        (status = 200, description = "A page", body = Page),
        (status = 404, description = "No such webhook"),
    )
)]
pub(in crate::http::native) async fn messages(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    let caller = &authenticated.caller;
    let state = state_of(&authenticated.query)?;
    let webhook = id.0.clone().unwrap_or_default();
    let filters = [("id", webhook.as_str()), ("state", state.map_or("", MessageState::as_str))];
    let organization = Some(caller.organization.id);
    let route = "/delenda/v1/webhooks/{id}/messages";
    let list = List { route, organization, filters: &filters };
    let page = list.asked(&service.signer, &authenticated.query)?;
    let before = page.position(MessageId::from_bytes)?;
    authenticated.require(Scope::Admin)?;
    let query = MessageQuery { state, before, limit: page.limit };
    let found = service.ledger.message_page(&caller.realm, named(&id)?, query).await?;
    let found = found.ok_or(ApiError::NotFound)?;
    let cursor = list.behind(&service.signer, (&found, page.limit), |last| *last.id.as_bytes());
    let messages = found.into_iter().map(MessageAnswer::from).collect();
    Ok(json::answer(StatusCode::OK, &Page { messages, cursor }))
}

fn state_of(query: &Query) -> Result<Option<MessageState>, ApiError> {
    query.only(&["organization", "state", "limit", "cursor"])?;
    let word = query.single("state")?.filter(|word| !word.is_empty());
    let read = |word: &str| {
        MessageState::parse(word)
            .ok_or_else(|| ApiError::Invalid("state is one of pending, delivered, dead".to_owned()))
    };
    word.map(read).transpose()
}

/// A message, with its tries
#[utoipa::path(
    get,
    path = "/delenda/v1/webhooks/{id}/messages/{message}",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook"),
        ("message" = String, Path, description = "The message"),
    ),
    responses(
        (status = 200, description = "The message", body = MessageAnswer),
        (status = 404, description = "No such webhook, or no such message"),
    )
)]
pub(in crate::http::native) async fn message(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    message: Segment<5>,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Admin)?;
    let of = (named(&id)?, named_message(&message)?);
    let found = service.ledger.message(&authenticated.caller.realm, of).await?;
    let found = found.ok_or(ApiError::NotFound)?;
    Ok(json::answer(StatusCode::OK, &MessageAnswer::from(found)))
}
