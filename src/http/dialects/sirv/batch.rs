//! `POST` and `GET /v2/files/batch/delete`: a batch of paths, best effort, and its progress.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::Sirv;
use super::call::Call;
use super::filenames::selectors;
use super::quota::{BUCKET_LIMIT, write_bucket};
use super::wire::{Batch, Deleted, Job, JobResult, Progress};
use crate::deletion::record::{Declined, DeletionRecord};
use crate::deletion::request::{
    DeleteRequest, Door, FoldersPolicy, LockedPolicy, MissingPolicy, Selector,
};
use crate::domain::id::DeletionId;
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::dialect::DialectError;
use crate::http::error::{ApiError, RateLimited};
use crate::http::json::{self, BodyLimits};
use crate::http::limits::BATCH_DELETIONS;
use crate::http::state::Service;

/// Bytes of a batch at most.
const BATCH_BYTES_MAX: u64 = 32_768;

pub(super) async fn submit(
    State(service): State<Service>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = match read_batch(&service, &call, &headers, body).await {
        Ok(selectors) => accept(&service, &call, selectors).await,
        Err(error) => Err(error),
    };
    let mut response = call.answer(outcome);
    if !response.headers().contains_key(BUCKET_LIMIT) {
        write_present_bucket(&service, &call, &mut response).await;
    }
    response
}

/// The bucket as it is, for answers that did not count against it. Where it cannot be read the
/// answer goes without: it must not fail for its headers.
async fn write_present_bucket(service: &Service, call: &Call, response: &mut Response) {
    match service.batch_deletions_left(&call.asked.caller.organization).await {
        Ok(state) => write_bucket(BATCH_DELETIONS, state, response),
        Err(error) => tracing::warn!(?error, "an allowance could not be read"),
    }
}

async fn read_batch(
    service: &Service,
    call: &Call,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<Selector>, ApiError> {
    call.asked.require(Scope::Delete)?;
    let organization = &call.asked.caller.organization;
    let attempts_max = service.plan_of(organization)?.batch_attempts_per_minute();
    service.floods.count(organization.number, attempts_max).map_err(ApiError::RateLimited)?;
    call.asked.query.only(&[])?;
    let limits =
        BodyLimits { bytes_max: BATCH_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let batch: Option<Batch> = json::read(headers, body, limits).await?;
    let batch = batch.ok_or_else(|| ApiError::Invalid("the body is empty".to_owned()))?;
    selectors(&batch.filenames)
}

async fn accept(
    service: &Service,
    call: &Call,
    selectors: Vec<Selector>,
) -> Result<Response, ApiError> {
    let now = service.clock.now();
    let request = DeleteRequest {
        id: service.ids.next(),
        realm: call.asked.caller.realm.clone(),
        key: call.asked.caller.key,
        door: Door::Sirv,
        selectors,
        missing: MissingPolicy::Count,
        locked: LockedPolicy::Skip,
        folders: FoldersPolicy::Whole,
        joins_missed: false,
        allowance: Some(service.batch_allowance(&call.asked.caller.organization)?),
        at: now,
    };
    match service.deleter.delete(request).await? {
        Ok(committed) => {
            let mut response = json::answer(StatusCode::OK, &Job { id: committed.id.simple() });
            if let Some(state) = committed.allowance {
                write_bucket(BATCH_DELETIONS, state, &mut response);
            }
            Ok(response)
        }
        Err(Declined::OverAllowance(state)) => {
            let limited = ApiError::RateLimited(RateLimited::from_allowance(state, now));
            let mut response = DialectError::<Sirv>::from(limited).into_response();
            write_bucket(BATCH_DELETIONS, state, &mut response);
            Ok(response)
        }
        Err(Declined::Refused(_)) => {
            Err(ApiError::Internal("a best-effort deletion was refused".into()))
        }
    }
}

pub(super) async fn progress(State(service): State<Service>, call: Call) -> Response {
    call.answer(look_up(&service, &call).await)
}

async fn look_up(service: &Service, call: &Call) -> Result<Response, ApiError> {
    if !call.asked.caller.scopes.allow(Scope::Delete) {
        call.asked.require(Scope::Read)?;
    }
    let id = DeletionId::parse_simple(call.required("id")?).ok_or(ApiError::NotFound)?;
    let realm = &call.asked.caller.realm;
    let record = service.ledger.deletion(realm, id).await?;
    let record = record.filter(|record| record.door == Door::Sirv).ok_or(ApiError::NotFound)?;
    let mut response = json::answer(StatusCode::OK, &progress_of(&record));
    let state = service.batch_deletions_left(&call.asked.caller.organization).await?;
    write_bucket(BATCH_DELETIONS, state, &mut response);
    Ok(response)
}

/// The result comes with a progress of 100, and that only once all bytes are gone (I14).
fn progress_of(record: &DeletionRecord) -> Progress<'_> {
    let progress = record.percent();
    let result = (progress == 100).then(|| JobResult {
        skipped: record.skipped.iter().map(EntryPath::as_str).collect(),
        notfound: record.missing,
        deleted: Deleted { files: record.doomed.files, dirs: record.doomed.folders },
    });
    Progress { progress, result }
}
