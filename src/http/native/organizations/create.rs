//! Making an organization.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{REQUEST_BYTES_MAX, Shown, check_name, check_plan};
use crate::domain::id::OrganizationId;
use crate::domain::once::Repeat;
use crate::domain::organization::{DEFAULT_PLAN, Scope};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Operator;
use crate::http::idempotency::{Posted, repeat_of};
use crate::http::json;
use crate::http::native::Native;
use crate::http::state::Service;
use crate::ledger::NewOrganization;

/// An organization to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrganization)]
struct Wanted {
    /// What its people call it: 1 to 255 bytes.
    name: String,
    /// One of the configuration's; `default` unless said.
    plan: Option<String>,
}

/// Makes an organization
///
/// It has no key yet. Operators alone.
#[utoipa::path(
    post,
    path = "/delenda/v1/organizations",
    tag = "organizations",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless")),
    request_body = Wanted,
    responses(
        (status = 201, description = "The organization", body = Shown),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "No such plan, no such name, or another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn create(
    State(service): State<Service>,
    Operator(holder): Operator<Native>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let posted =
        Posted::<Wanted>::read(&service, holder.key.id, request, REQUEST_BYTES_MAX).await?;
    let wanted = posted.body.ok_or_else(|| ApiError::Invalid("the body is empty".to_owned()))?;
    check_name(&wanted.name)?;
    let made = match repeat_of(&service, None, posted.once.as_ref()).await? {
        Some(repeat) => Err(repeat),
        None => {
            let new = new_organization(&service, wanted)?;
            holder.require(Scope::Admin)?;
            service.ledger.create_organization(new, posted.once, service.clock.now()).await?
        }
    };
    let organization = match made {
        Ok(organization) => organization,
        Err(Repeat::OtherRequest) => return Err(ApiError::IdempotencyMismatch.into()),
        Err(Repeat::Of(made)) => {
            let before = service.ledger.organization(OrganizationId::from(made)).await?;
            before.ok_or(ApiError::NotFound)?
        }
    };
    Ok(json::answer(StatusCode::CREATED, &Shown::of(&organization)))
}

fn new_organization(service: &Service, wanted: Wanted) -> Result<NewOrganization, ApiError> {
    let plan = wanted.plan.unwrap_or_else(|| DEFAULT_PLAN.to_owned());
    check_plan(service, &plan)?;
    let ids = &service.ids;
    let folders = [ids.next(), ids.next(), ids.next()];
    Ok(NewOrganization { id: ids.next(), name: wanted.name, plan, folders })
}
