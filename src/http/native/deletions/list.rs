//! Reading deletions: a page of them, one of them, and what became of its selectors.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{DeletionAnswer, ItemAnswer, OUTCOMES, outcome_word};
use super::{filters, may_see, named, record_of};
use crate::deletion::items::Item;
use crate::http::auth::Authenticated;
use crate::http::cursor::{List, foreign_cursor};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::DeletionPage;

/// A page of deletions.
#[derive(Serialize, ToSchema)]
#[schema(as = Deletions)]
pub(super) struct Page {
    deletions: Vec<DeletionAnswer>,
    /// Where the next page begins; `null` at the end of the list. A page may be shorter than it
    /// could be, also empty, where much had to be passed over.
    cursor: Option<String>,
}

/// A page of items.
#[derive(Serialize, ToSchema)]
#[schema(as = DeletionItems)]
pub(super) struct Items {
    items: Vec<ItemAnswer>,
    /// Where the next page begins; `null` at the end of the list.
    cursor: Option<String>,
}

/// Lists deletions, the latest first
///
/// Those of every door. A key with a prefix sees those that were asked for with its prefix, or
/// one beneath it.
#[utoipa::path(
    get,
    path = "/delenda/v1/deletions",
    tag = "deletions",
    params(
        ("state" = Option<String>, Query, description = "`selecting`, `purging` or `settled`"),
        ("door" = Option<String>, Query, description = "The API through which it was asked for"),
        ("key" = Option<String>, Query, description = "The id of the key that asked"),
        ("since" = Option<String>, Query, description = "Committed at or after this time"),
        ("until" = Option<String>, Query, description = "Committed before this time"),
        ("order" = Option<String>, Query, description = "`newest` (usual) or `oldest`, which come first"),
        ("limit" = Option<u64>, Query, description = "1 to 1,000; usually 100"),
        ("cursor" = Option<String>, Query, description = "Where the page begins"),
    ),
    responses((status = 200, description = "A page of records", body = Page))
)]
pub(super) async fn deletions(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    const ROUTE: &str = "/delenda/v1/deletions";
    let (page, cursor) = page_of(&service, &authenticated, ROUTE, may_see).await?;
    let deletions = page.records.iter().map(DeletionAnswer::from).collect();
    Ok(json::answer(StatusCode::OK, &Page { deletions, cursor }))
}

/// A page of the list behind a route, with the cursor of the next one.
pub(super) async fn page_of(
    service: &Service,
    authenticated: &Authenticated<Native>,
    route: &'static str,
    may: fn(&Authenticated<Native>) -> Result<(), ApiError>,
) -> Result<(DeletionPage, Option<String>), ApiError> {
    let given = filters::given(&authenticated.query)?;
    let mut query = filters::read(&given)?;
    let organization = Some(authenticated.caller.organization.id);
    let list = List { route, organization, filters: &given };
    let asked = list.asked(&service.signer, &authenticated.query)?;
    query.after = asked.after.as_deref().map(filters::place).transpose()?;
    query.limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    may(authenticated)?;
    let page = service.ledger.deletions(&authenticated.caller.realm, &query).await?;
    let next = page.next.map(|place| list.cursor(&service.signer, &filters::position(place)));
    Ok((page, next))
}

/// One deletion: how far it is
#[utoipa::path(
    get,
    path = "/delenda/v1/deletions/{id}",
    tag = "deletions",
    params(("id" = String, Path, description = "The deletion")),
    responses(
        (status = 200, description = "The record", body = DeletionAnswer),
        (status = 404, description = "No such deletion"),
    )
)]
pub(super) async fn deletion(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    may_see(&authenticated)?;
    let record = record_of(&service, &authenticated, named(&id)?).await?;
    Ok(json::answer(StatusCode::OK, &DeletionAnswer::from(&record)))
}

/// What became of each selector
#[utoipa::path(
    get,
    path = "/delenda/v1/deletions/{id}/items",
    tag = "deletions",
    params(
        ("id" = String, Path, description = "The deletion"),
        ("outcome" = Option<String>, Query, description = "Only items with this outcome"),
        ("limit" = Option<u64>, Query, description = "1 to 1,000; usually 100"),
        ("cursor" = Option<String>, Query, description = "Where the page begins"),
    ),
    responses(
        (status = 200, description = "A page of items", body = Items),
        (status = 404, description = "No such deletion"),
    )
)]
pub(super) async fn items(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    let outcome = outcome_of(&authenticated)?;
    let text = id.0.clone().unwrap_or_default();
    let filters = [("id", text.as_str()), ("outcome", outcome.unwrap_or_default())];
    let organization = Some(authenticated.caller.organization.id);
    let route = "/delenda/v1/deletions/{id}/items";
    let list = List { route, organization, filters: &filters };
    let asked = list.asked(&service.signer, &authenticated.query)?;
    let begin = asked.after.as_deref().map_or(Ok(0), index)?;
    may_see(&authenticated)?;
    let realm = &authenticated.caller.realm;
    let all = service.ledger.deletion_items(realm, named(&id)?).await?;
    let all = all.ok_or(ApiError::NotFound)?;
    let (page, next) = cut(&all, outcome, (begin, usize::try_from(asked.limit).unwrap_or(1)));
    let cursor = next.map(|index| list.cursor(&service.signer, &index.to_be_bytes()));
    let items = page.into_iter().map(ItemAnswer::from).collect();
    Ok(json::answer(StatusCode::OK, &Items { items, cursor }))
}

fn outcome_of(authenticated: &Authenticated<Native>) -> Result<Option<&str>, ApiError> {
    authenticated.query.only(&["organization", "outcome", "limit", "cursor"])?;
    let outcome = authenticated.query.single("outcome")?.filter(|text| !text.is_empty());
    match outcome {
        Some(word) if !OUTCOMES.contains(&word) => Err(ApiError::Invalid(format!(
            "query parameter 'outcome' must be one of: {}",
            OUTCOMES.join(", ")
        ))),
        outcome => Ok(outcome),
    }
}

/// The index that a cursor holds.
fn index(position: &[u8]) -> Result<u32, ApiError> {
    position.try_into().map(u32::from_be_bytes).map_err(|_| foreign_cursor())
}

/// The items from `begin` on that have this outcome, no more than `limit`, and the index of the
/// first one behind them.
fn cut<'a>(
    all: &'a [Item],
    outcome: Option<&str>,
    (begin, limit): (u32, usize),
) -> (Vec<&'a Item>, Option<u32>) {
    let is_wanted = |item: &&Item| {
        item.index >= begin && outcome.is_none_or(|word| outcome_word(item.fate) == word)
    };
    let mut wanted = all.iter().filter(is_wanted);
    let page = wanted.by_ref().take(limit).collect();
    (page, wanted.next().map(|item| item.index))
}
