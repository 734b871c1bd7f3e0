//! `GET /v2/account`, `/v2/account/storage` and `/v2/account/limits`: what the organization is, how
//! much it stores, and how many calls it has left.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::call::Call;
use super::wire::{Account, AccountStatus, Alias, Bucket, Buckets, Storage, Switch};
use crate::domain::organization::Scope;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::limits::{BATCH_DELETIONS, seconds_rounded_up};
use crate::http::signing::public_host;
use crate::http::state::Service;

pub(super) async fn account(
    State(service): State<Service>,
    call: Call,
    headers: HeaderMap,
) -> Response {
    call.answer(describe(&service, &call, &headers))
}

/// What the product has and delenda has not (fetching from elsewhere, minifying, a CDN, further
/// names) is switched off or empty; what clients build urls of is this server itself.
fn describe(service: &Service, call: &Call, headers: &HeaderMap) -> Result<Response, ApiError> {
    call.asked.require(Scope::Read)?;
    let organization = &call.asked.caller.organization;
    let host = public_host(service, headers);
    let alias = Alias { prefix: "/", cdn: false };
    let answer = Account {
        date_created: organization.created_at.iso8601(),
        alias: &organization.name,
        file_size_limit: service.file_bytes_max(organization)?,
        fetching: Switch { enabled: false },
        minify: Switch { enabled: false },
        cdn_temp_url: host,
        cdn_url: host,
        aliases: BTreeMap::from([(organization.name.as_str(), alias)]),
        status: AccountStatus { status: "active", details: BTreeMap::new() },
    };
    Ok(json::answer(StatusCode::OK, &answer))
}

pub(super) async fn storage(State(service): State<Service>, call: Call) -> Response {
    call.answer(measure(&service, &call).await)
}

/// A quota is never exceeded and never stretched, so that nothing is burstable beyond it.
async fn measure(service: &Service, call: &Call) -> Result<Response, ApiError> {
    call.asked.require(Scope::Read)?;
    let caller = &call.asked.caller;
    let space = service.space_of(&caller.organization).await?;
    let live = service.ledger.usage(&caller.realm).await?.live;
    let answer = Storage {
        plan: space,
        burstable: space,
        extra: 0,
        used: live.bytes,
        files: live.files,
        quota_exceeded_date: None,
    };
    Ok(json::answer(StatusCode::OK, &answer))
}

pub(super) async fn limits(State(service): State<Service>, call: Call) -> Response {
    call.answer(count(&service, &call).await)
}

async fn count(service: &Service, call: &Call) -> Result<Response, ApiError> {
    call.asked.require(Scope::Read)?;
    let left = call.asked.left;
    let global = Bucket {
        count: left.used(),
        limit: left.limit,
        remaining: left.remaining,
        reset: left.reset_seconds(),
    };
    let state = service.batch_deletions_left(&call.asked.caller.organization).await?;
    let batches = Bucket {
        count: u64::from(state.limit - state.remaining),
        limit: state.limit.into(),
        remaining: state.remaining.into(),
        reset: seconds_rounded_up(state.resets_at),
    };
    let answer: Buckets = BTreeMap::from([("rest:global", global), (BATCH_DELETIONS, batches)]);
    Ok(json::answer(StatusCode::OK, &answer))
}
