//! Keys one by one and by pages, without their secrets.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Shown, named, require_keeper};
use crate::domain::id::KeyId;
use crate::http::cursor::{List, foreign_cursor};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Holder;
use crate::http::json;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::registry::KeyQuery;

/// A page of keys.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyPage)]
struct KeyList {
    keys: Vec<Shown>,
    /// Where the next page begins; `null` on the last one.
    cursor: Option<String>,
}

/// The keys, in the order in which they were made
///
/// Those of the caller's organization that see no more than the caller does. An operator sees
/// those of the organization that it names, or all, operators' too.
#[utoipa::path(
    get,
    path = "/delenda/v1/keys",
    tag = "keys",
    params(
        ("organization" = Option<String>, Query, description = "The organization that an operator means"),
        ("cursor" = Option<String>, Query, description = "Where the page begins, as the one before it says"),
        ("limit" = Option<u64>, Query, description = "Items of the page, 1 to 1,000; 100 unless said"),
    ),
    responses((status = 200, description = "A page", body = KeyList))
)]
pub(in crate::http::native) async fn list(
    State(service): State<Service>,
    holder: Holder<Native>,
) -> Result<Response, DialectError<Native>> {
    let organization = holder.organization.as_ref().map(|organization| organization.id);
    let list = List { route: "/delenda/v1/keys", organization, filters: &[] };
    holder.query.only(&["organization", "limit", "cursor"])?;
    let page = list.asked(&service.signer, &holder.query)?;
    let after = page.after.map(position).transpose()?;
    require_keeper(&holder)?;
    let query = KeyQuery { realm: holder.realm(), after, limit: page.limit };
    let keys = service.ledger.key_page(query).await?;
    let last = keys.last().filter(|_| keys.len() as u64 == page.limit);
    let cursor = last.map(|last| list.cursor(&service.signer, last.id.as_bytes()));
    let keys = keys.iter().map(|key| Shown::of(&service, key)).collect();
    Ok(json::answer(StatusCode::OK, &KeyList { keys, cursor }))
}

fn position(bytes: Vec<u8>) -> Result<KeyId, ApiError> {
    bytes.try_into().map(KeyId::from_bytes).map_err(|_| foreign_cursor())
}

/// A key
#[utoipa::path(
    get,
    path = "/delenda/v1/keys/{id}",
    tag = "keys",
    params(
        ("id" = String, Path, description = "The key"),
        ("organization" = Option<String>, Query, description = "The organization that an operator means"),
    ),
    responses(
        (status = 200, description = "The key, without its secret", body = Shown),
        (status = 404, description = "No such key"),
    )
)]
pub(in crate::http::native) async fn key(
    State(service): State<Service>,
    holder: Holder<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    require_keeper(&holder)?;
    let key = named(&service, &holder, &id).await?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&service, &key)))
}
