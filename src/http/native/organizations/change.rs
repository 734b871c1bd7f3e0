//! Changing an organization: its name, its plan, whether it is switched off.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{REQUEST_BYTES_MAX, Shown, check_name, check_plan, named};
use crate::domain::organization::Scope;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Operator;
use crate::http::json::{self, BodyLimits, given};
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::registry::OrganizationChange;

/// What is to become of an organization. A member that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationChange)]
struct Wanted {
    /// What its people call it: 1 to 255 bytes.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// One of the configuration's. Its limits hold from the answer on.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    plan: Option<String>,
    /// `true`: none of its keys works from then on; `false`: they do again.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    disabled: Option<bool>,
}

/// Changes an organization
///
/// What is given changes at once and together. Operators alone.
#[utoipa::path(
    patch,
    path = "/delenda/v1/organizations/{id}",
    tag = "organizations",
    params(("id" = String, Path, description = "The organization")),
    request_body = Wanted,
    responses(
        (status = 200, description = "The organization", body = Shown),
        (status = 404, description = "No such organization"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "No such plan, or no such name"),
    )
)]
pub(in crate::http::native) async fn change(
    State(service): State<Service>,
    Operator(holder): Operator<Native>,
    id: Segment<3>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, DialectError<Native>> {
    let limits =
        BodyLimits { bytes_max: REQUEST_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let wanted: Option<Wanted> = json::read(&headers, body, limits).await?;
    let wanted = json::required(wanted)?;
    let Wanted { name, plan, disabled } = wanted;
    name.as_deref().map_or(Ok(()), check_name)?;
    plan.as_deref().map_or(Ok(()), |plan| check_plan(&service, plan))?;
    holder.require(Scope::Admin)?;
    let organization = named(&service, &id).await?;
    if plan.is_none() && disabled == Some(false) {
        // What was switched off may have kept a plan that is not configured any more.
        check_plan(&service, &organization.plan)?;
    }
    let change = OrganizationChange { name, plan, disabled };
    let now = service.clock.now();
    let changed = service.ledger.change_organization(organization.id, change, now).await?;
    let changed = changed.ok_or(ApiError::NotFound)?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&changed)))
}
