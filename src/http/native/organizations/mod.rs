//! Organizations, for operators alone: made, listed, renamed, given another plan, switched off and
//! on, removed.

mod change;
mod create;
mod read;
mod remove;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::organization::{NAME_BYTES_MAX, Organization, is_organization_name};
use crate::http::error::ApiError;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// Bytes of a request about an organization at most.
const REQUEST_BYTES_MAX: u64 = 16_384;

/// The calls on organizations.
pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(read::list, create::create))
        .routes(routes!(read::organization, change::change, remove::remove))
        .routes(routes!(read::usage))
        .routes(routes!(remove::removal))
}

/// An organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
struct Shown {
    id: String,
    name: String,
    /// One of the configuration's.
    plan: String,
    created_at: String,
    /// Since when none of its keys works; `null`: they do.
    disabled_at: Option<String>,
}

impl Shown {
    fn of(organization: &Organization) -> Self {
        let Organization { id, name, plan, created_at, disabled_at, number: _ } = organization;
        Self {
            id: id.to_string(),
            name: name.clone(),
            plan: plan.clone(),
            created_at: created_at.iso8601(),
            disabled_at: disabled_at.map(Timestamp::iso8601),
        }
    }
}

/// Refuses what no organization can be called.
fn check_name(name: &str) -> Result<(), ApiError> {
    match is_organization_name(name) {
        true => Ok(()),
        false => Err(ApiError::Unprocessable(format!(
            "a name has 1 to {NAME_BYTES_MAX} bytes, no control characters, and is not all blank"
        ))),
    }
}

/// Refuses a plan that nobody configured.
fn check_plan(service: &Service, plan: &str) -> Result<(), ApiError> {
    let plans = &service.settings.plans;
    if plans.get(plan).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = plans.names().collect();
    let known = known.join(", ");
    Err(ApiError::Unprocessable(format!("no such plan is configured; there are: {known}")))
}

/// The organization that a path names.
async fn named(service: &Service, id: &Segment<3>) -> Result<Organization, ApiError> {
    let id = id.parse(OrganizationId::parse).ok_or(ApiError::NotFound)?;
    service.ledger.organization(id).await?.ok_or(ApiError::NotFound)
}
