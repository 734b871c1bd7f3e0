//! Webhooks one by one and by pages, without their secrets.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Shown, named, webhook_of};
use crate::domain::id::WebhookId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::cursor::{List, foreign_cursor};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// A page of webhooks.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookPage)]
struct Page {
    webhooks: Vec<Shown>,
    /// Where the next page begins; `null` on the last one.
    cursor: Option<String>,
}

/// The webhooks, in the order in which they were made
///
/// Those of the caller's organization whose prefix the caller sees.
#[utoipa::path(
    get,
    path = "/delenda/v1/webhooks",
    tag = "webhooks",
    params(
        ("cursor" = Option<String>, Query, description = "Where the page begins, as the one before it says"),
        ("limit" = Option<u64>, Query, description = "Items of the page, 1 to 1,000; 100 unless said"),
    ),
    responses((status = 200, description = "A page, without secrets", body = Page))
)]
pub(in crate::http::native) async fn list(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    let caller = &authenticated.caller;
    let organization = Some(caller.organization.id);
    let list = List { route: "/delenda/v1/webhooks", organization, filters: &[] };
    authenticated.query.only(&["organization", "limit", "cursor"])?;
    let page = list.asked(&service.signer, &authenticated.query)?;
    let after = page.after.map(position).transpose()?;
    authenticated.require(Scope::Admin)?;
    let found = service.ledger.webhook_page(&caller.realm, after, page.limit).await?;
    let last = found.last().filter(|_| found.len() as u64 == page.limit);
    let cursor = last.map(|last| list.cursor(&service.signer, last.id.as_bytes()));
    let webhooks = found.iter().map(|webhook| Shown::of(&service, webhook)).collect();
    Ok(json::answer(StatusCode::OK, &Page { webhooks, cursor }))
}

fn position(bytes: Vec<u8>) -> Result<WebhookId, ApiError> {
    bytes.try_into().map(WebhookId::from_bytes).map_err(|_| foreign_cursor())
}

/// A webhook
#[utoipa::path(
    get,
    path = "/delenda/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 200, description = "The webhook, without its secret", body = Shown),
        (status = 404, description = "No such webhook"),
    )
)]
pub(in crate::http::native) async fn webhook(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Admin)?;
    let webhook = webhook_of(&service, &authenticated, named(&id)?).await?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&service, &webhook)))
}
