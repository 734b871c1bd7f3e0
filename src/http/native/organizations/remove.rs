//! Removing an organization with all that it has, and how far that is.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::deletion::record::Declined;
use crate::deletion::removal::NewRemoval;
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Scope;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Operator;
use crate::http::json;
use crate::http::native::deletions::DeletionAnswer;
use crate::http::native::usage::Amount;
use crate::http::native::{Native, deleting, problem};
use crate::http::query::Query;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::removal::Removal;

/// A removed organization, and how far its removal is.
#[derive(Serialize, ToSchema)]
#[schema(as = Removal)]
struct Shown {
    /// The organization, which has no name any more.
    id: String,
    /// The deletion that took it: who, when, and how much.
    deletion: DeletionAnswer,
    /// What of its files is not durably gone, those of earlier deletions among them.
    remaining: Amount,
    /// When nothing was left of it: no byte, no key, no command, no name. `null` before that.
    settled_at: Option<String>,
}

impl Shown {
    fn answer(removal: &Removal) -> Response {
        let settled_at = removal.settled_at();
        let status = if settled_at.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
        let shown = Self {
            id: removal.organization.to_string(),
            deletion: DeletionAnswer::from(&removal.record),
            remaining: Amount::from(removal.remaining),
            settled_at: settled_at.map(Timestamp::iso8601),
        };
        json::answer(status, &shown)
    }
}

/// Removes an organization with all that it has
///
/// It must be switched off. `confirm` is the number of its live files, which a request without it is
/// refused with. From the answer on the organization is nowhere to be found, and nothing of it can
/// be reached; its bytes, keys, commands and uploads in the making go behind that. A repeat is
/// answered with how far it is. Operators alone, with the scopes `delete` and `admin`.
#[utoipa::path(
    delete,
    path = "/delenda/v1/organizations/{id}",
    tag = "organizations",
    params(
        ("id" = String, Path, description = "The organization"),
        ("confirm" = Option<u64>, Query, description = "How many live files it holds"),
        ("locked" = Option<String>, Query, description = "`remove`: what is locked goes, too; else it refuses the whole"),
    ),
    responses(
        (status = 200, description = "It was removed, and nothing is left of it", body = Shown),
        (status = 202, description = "It is removed, and on its way out", body = Shown),
        (status = 404, description = "No such organization"),
        (status = 409, description = "It is switched on, or `confirm` is not the number of its files"),
        (status = 423, description = "Something in it is locked"),
    )
)]
pub(in crate::http::native) async fn remove(
    State(service): State<Service>,
    Operator(holder): Operator<Native>,
    id: Segment<3>,
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    deleting::check_without_body(&headers)?;
    let (confirmed, removes_locked) = asked(&holder.query)?;
    holder.require(Scope::Delete)?;
    holder.require(Scope::Admin)?;
    let id = id.parse(OrganizationId::parse).ok_or(ApiError::NotFound)?;
    if let Some(organization) = service.ledger.organization(id).await? {
        let removal = NewRemoval {
            id: service.ids.next(),
            organization: organization.number,
            key: Some(holder.key.id),
            confirmed,
            removes_locked,
            at: service.clock.now(),
        };
        if let Err(declined) = service.deleter.delete(removal.request()).await? {
            return Ok(refused(&service, declined)?);
        }
    }
    let removal = service.ledger.removal(id).await?.ok_or(ApiError::NotFound)?;
    Ok(Shown::answer(&removal))
}

/// How far the removal of an organization is
///
/// Operators alone.
#[utoipa::path(
    get,
    path = "/delenda/v1/organizations/{id}/removal",
    tag = "organizations",
    params(("id" = String, Path, description = "The organization")),
    responses(
        (status = 200, description = "Nothing is left of it", body = Shown),
        (status = 202, description = "It is on its way out", body = Shown),
        (status = 404, description = "No such organization, or it was not removed"),
    )
)]
pub(in crate::http::native) async fn removal(
    State(service): State<Service>,
    Operator(holder): Operator<Native>,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    holder.query.only(&["organization"])?;
    holder.require(Scope::Read)?;
    let id = id.parse(OrganizationId::parse).ok_or(ApiError::NotFound)?;
    let removal = service.ledger.removal(id).await?.ok_or(ApiError::NotFound)?;
    Ok(Shown::answer(&removal))
}

/// The confirmed number, and whether locks are overridden.
fn asked(query: &Query) -> Result<(Option<u64>, bool), ApiError> {
    query.only(&["organization", "confirm", "locked"])?;
    let removes_locked = match query.single("locked")? {
        None | Some("refuse") => false,
        Some("remove") => true,
        Some(_) => return Err(ApiError::Invalid("locked must be refuse or remove".to_owned())),
    };
    Ok((deleting::confirmed(query)?, removes_locked))
}

/// What stood against it; that it is switched on comes before all else.
fn refused(service: &Service, declined: Declined) -> Result<Response, ApiError> {
    let Declined::Refused(refusal) = declined else { return Err(service.declined(declined)) };
    if refusal.switched_on {
        return Err(ApiError::Conflict("the organization is switched on".to_owned()));
    }
    if let Some(files) = refusal.unconfirmed {
        return Err(ApiError::Unconfirmed { files });
    }
    Ok(problem::locked_in_organization(refusal.locked.len()))
}
