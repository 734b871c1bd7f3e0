//! Changing a webhook, and removing it.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{REQUEST_BYTES_MAX, Shown, check_url, events_of, named};
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json::{self, BodyLimits, given};
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::webhooks::WebhookChange;

/// What is to become of a webhook. A member that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
struct Wanted {
    /// Where messages go. Those that wait go there too.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    url: Option<String>,
    /// Of `deletion.settled` and `deletion.failed`, each once.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    events: Option<Vec<String>>,
    /// `false`: nothing new is kept for it, and what waits goes on waiting; `true`: it is sent.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

/// Changes a webhook
///
/// What is given changes at once and together. Whoever switches one on that was switched off by
/// itself begins anew: its failures are forgotten.
#[utoipa::path(
    patch,
    path = "/delenda/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")),
    request_body = Wanted,
    responses(
        (status = 200, description = "The webhook, without its secret", body = Shown),
        (status = 404, description = "No such webhook"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "No webhook can have this url or these events"),
    )
)]
pub(in crate::http::native) async fn change(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, DialectError<Native>> {
    let limits =
        BodyLimits { bytes_max: REQUEST_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let wanted: Option<Wanted> = json::read(&headers, body, limits).await?;
    let wanted = wanted.ok_or_else(|| ApiError::Invalid("the body is empty".to_owned()))?;
    let Wanted { url, events, enabled } = wanted;
    url.as_deref().map_or(Ok(()), |url| check_url(&service, url))?;
    let events = events.map(|names| events_of(&names)).transpose()?;
    authenticated.require(Scope::Admin)?;
    let (realm, now) = (&authenticated.caller.realm, service.clock.now());
    let change = WebhookChange { url, events, enabled };
    let changed = service.ledger.change_webhook(realm, named(&id)?, change, now).await?;
    let webhook = changed.ok_or(ApiError::NotFound)?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&service, &webhook)))
}

/// Removes a webhook, with all of its messages
#[utoipa::path(
    delete,
    path = "/delenda/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such webhook"),
    )
)]
pub(in crate::http::native) async fn remove(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    authenticated.query.only(&["organization"])?;
    authenticated.require(Scope::Admin)?;
    let realm = &authenticated.caller.realm;
    match service.ledger.remove_webhook(realm, named(&id)?).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(ApiError::NotFound.into()),
    }
}
