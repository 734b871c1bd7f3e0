//! What the plan of an organization allows, and what is left of it.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Native;
use crate::deletion::record::AllowanceState;
use crate::domain::clock::Timestamp;
use crate::domain::guard::GuardLimits;
use crate::domain::organization::{Caller, Scope};
use crate::domain::plans::PlanLimits;
use crate::domain::usage::Usage;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::limits::RequestsLeft;
use crate::http::state::Service;

/// The limits by their names in the configuration, and what is left of each that has a measure.
/// `null`: not limited.
#[derive(Serialize, ToSchema)]
#[schema(as = Limits)]
struct Page<'a> {
    plan: &'a str,
    limits: Allowed<'a>,
    left: Left,
}

#[derive(Serialize, ToSchema)]
struct Allowed<'a> {
    requests_per_minute: Option<u32>,
    batch_deletions_per_hour: u32,
    batch_attempts_per_minute: u32,
    quota_bytes: Option<u64>,
    quota_files: Option<u64>,
    backlog_bytes_max: Option<u64>,
    file_bytes_max: u64,
    /// What counts for this key: the stricter of its own and of the plan's.
    guard_files_max: Option<u64>,
    guard_share_max: Option<u8>,
    media_types: Option<&'a [String]>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LimitsLeft)]
struct Left {
    requests: Option<Window>,
    batch_deletions: Window,
    batch_attempts: Window,
    /// Of the whole organization: `null` also for a key that sees only a part of it.
    storage: Option<Space>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LimitsWindow)]
struct Window {
    remaining: u64,
    resets_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LimitsSpace)]
struct Space {
    bytes: Option<u64>,
    files: Option<u64>,
    backlog_bytes: Option<u64>,
}

/// The plan, its limits, and what is left of them
#[utoipa::path(
    get,
    path = "/delenda/v1/limits",
    tag = "usage",
    responses((status = 200, description = "The limits by their names in the configuration", body = Page))
)]
pub(super) async fn limits(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Read)?;
    let organization = &authenticated.caller.organization;
    let plan = service.plan_of(organization)?;
    let attempts = service.floods.state(organization.number, plan.batch_attempts_per_minute());
    let left = Left {
        requests: plan.requests_per_minute.map(|_| authenticated.left.into()),
        batch_deletions: service.batch_deletions_left(organization).await?.into(),
        batch_attempts: attempts.into(),
        storage: space_left(&service, &authenticated.caller, plan).await?,
    };
    let guard = authenticated.caller.guard.and(plan.guard());
    let limits = allowed(plan, guard, service.file_bytes_max(organization)?);
    let answer = Page { plan: &organization.plan, limits, left };
    Ok(json::answer(StatusCode::OK, &answer))
}

fn allowed(plan: &PlanLimits, guard: GuardLimits, file_bytes_max: u64) -> Allowed<'_> {
    Allowed {
        requests_per_minute: plan.requests_per_minute,
        batch_deletions_per_hour: plan.batch_deletions_per_hour(),
        batch_attempts_per_minute: plan.batch_attempts_per_minute(),
        quota_bytes: plan.quota_bytes,
        quota_files: plan.quota_files,
        backlog_bytes_max: plan.backlog_bytes_max,
        file_bytes_max,
        guard_files_max: guard.files_max,
        guard_share_max: guard.share_percent_max,
        media_types: (!plan.media_types.is_empty()).then_some(plan.media_types.as_slice()),
    }
}

async fn space_left(
    service: &Service,
    caller: &Caller,
    plan: &PlanLimits,
) -> Result<Option<Space>, ApiError> {
    if !caller.realm.prefix.is_root() {
        return Ok(None);
    }
    let Usage { live, doomed, condemned, .. } = service.ledger.usage(&caller.realm).await?;
    let left = |limit: Option<u64>, used| limit.map(|limit| limit.saturating_sub(used));
    Ok(Some(Space {
        bytes: left(plan.quota_bytes, live.bytes),
        files: left(plan.quota_files, live.files),
        backlog_bytes: left(plan.backlog_bytes_max, (doomed + condemned).bytes),
    }))
}

impl From<AllowanceState> for Window {
    fn from(state: AllowanceState) -> Self {
        Self::of(state.remaining.into(), state.resets_at)
    }
}

impl From<RequestsLeft> for Window {
    fn from(left: RequestsLeft) -> Self {
        Self::of(left.remaining, left.resets_at)
    }
}

impl Window {
    fn of(remaining: u64, resets_at: Timestamp) -> Self {
        Self { remaining, resets_at: resets_at.iso8601() }
    }
}
