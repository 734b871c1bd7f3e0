//! Organizations one by one and by pages, and what each uses.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Shown, named};
use crate::domain::organization::{OrganizationNumber, Realm, Scope};
use crate::http::cursor::{List, foreign_cursor};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Operator;
use crate::http::json;
use crate::http::native::Native;
use crate::http::native::usage::UsageAnswer;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// A page of organizations.
#[derive(Serialize, ToSchema)]
#[schema(as = OrganizationPage)]
struct OrganizationList {
    organizations: Vec<Shown>,
    /// Where the next page begins; `null` on the last one.
    cursor: Option<String>,
}

/// All organizations, in the order in which they were made
///
/// Operators alone.
#[utoipa::path(
    get,
    path = "/delenda/v1/organizations",
    tag = "organizations",
    params(
        ("cursor" = Option<String>, Query, description = "Where the page begins, as the one before it says"),
        ("limit" = Option<u64>, Query, description = "Items of the page, 1 to 1,000; 100 unless said"),
    ),
    responses((status = 200, description = "A page", body = OrganizationList))
)]
pub(in crate::http::native) async fn list(
    State(service): State<Service>,
    Operator(holder): Operator<Native>,
) -> Result<Response, DialectError<Native>> {
    let list = List { route: "/delenda/v1/organizations", organization: None, filters: &[] };
    holder.query.only(&["organization", "limit", "cursor"])?;
    let page = list.asked(&service.signer, &holder.query)?;
    let after = page.after.map(position).transpose()?;
    holder.require(Scope::Read)?;
    let found = service.ledger.organization_page(after, page.limit).await?;
    let last = found.last().filter(|_| found.len() as u64 == page.limit);
    let cursor = last.map(|last| list.cursor(&service.signer, &last.number.0.to_be_bytes()));
    let organizations = found.iter().map(Shown::of).collect();
    Ok(json::answer(StatusCode::OK, &OrganizationList { organizations, cursor }))
}

fn position(bytes: Vec<u8>) -> Result<OrganizationNumber, ApiError> {
    let number = bytes.try_into().map(i64::from_be_bytes);
    number.map(OrganizationNumber).map_err(|_| foreign_cursor())
}

/// An organization
///
/// Operators alone.
#[utoipa::path(
    get,
    path = "/delenda/v1/organizations/{id}",
    tag = "organizations",
    params(("id" = String, Path, description = "The organization")),
    responses(
        (status = 200, description = "The organization", body = Shown),
        (status = 404, description = "No such organization"),
    )
)]
pub(in crate::http::native) async fn organization(
    State(service): State<Service>,
    Operator(holder): Operator<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    holder.require(Scope::Read)?;
    let organization = named(&service, &id).await?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&organization)))
}

/// What an organization uses, switched off or not
///
/// Operators alone.
#[utoipa::path(
    get,
    path = "/delenda/v1/organizations/{id}/usage",
    tag = "organizations",
    params(("id" = String, Path, description = "The organization")),
    responses(
        (status = 200, description = "What the organization uses", body = UsageAnswer),
        (status = 404, description = "No such organization"),
    )
)]
pub(in crate::http::native) async fn usage(
    State(service): State<Service>,
    Operator(holder): Operator<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    holder.require(Scope::Read)?;
    let organization = named(&service, &id).await?;
    let usage = service.ledger.usage(&Realm::whole(organization.number)).await?;
    Ok(json::answer(StatusCode::OK, &UsageAnswer::from(usage)))
}
