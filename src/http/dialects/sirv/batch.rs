//! `POST` and `GET /v2/files/batch/delete`: a batch of paths, best effort, and its progress.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::Sirv;
use super::call::{Call, Counted, answer};
use super::filenames::selectors;
use super::quota::{BUCKET_LIMIT, write_bucket};
use super::wire::{Batch, Deleted, Job, JobResult, Progress};
use crate::deletion::record::{AllowanceState, Declined, DeletionRecord};
use crate::deletion::request::{Atomicity, Door, LockedPolicy, MissingPolicy, Selector};
use crate::domain::id::DeletionId;
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::{ApiError, RateLimited};
use crate::http::json::{self, BodyLimits};
use crate::http::limits::BATCH_DELETIONS;
use crate::http::state::Service;

/// Bytes of a batch at most.
const BATCH_BYTES_MAX: u64 = 32_768;

pub(super) async fn submit(
    State(service): State<Service>,
    call: Counted,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let left = call.asked.left;
    let bucket = match service.batch_deletions_left(call.organization()).await {
        Ok(bucket) => bucket,
        Err(error) => return answer(left, Err(error)),
    };
    let mut response = answer(left, attempt(&service, call, bucket, (&headers, body)).await);
    // An answer that counted has its headers from the commit.
    if !response.headers().contains_key(BUCKET_LIMIT) {
        write_bucket(BATCH_DELETIONS, bucket, &mut response);
    }
    response
}

/// The limits come first, then the body, then the query, then the scope.
async fn attempt(
    service: &Service,
    call: Counted,
    bucket: AllowanceState,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, ApiError> {
    let organization = call.organization();
    let attempts_max = service.plan_of(organization)?.batch_attempts_per_minute();
    let flood = service.floods.count(organization.number, attempts_max);
    // The longer wait is the true one.
    if bucket.remaining == 0 {
        let limited = RateLimited::from_allowance(bucket, service.clock.now());
        return Err(ApiError::RateLimited(limited));
    }
    flood.map_err(ApiError::RateLimited)?;
    let limits =
        BodyLimits { bytes_max: BATCH_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let batch: Option<Batch> = json::read(headers, body, limits).await?;
    let asked = call.asked.judge(service, headers)?;
    asked.query.only(&[])?;
    let batch = json::required(batch)?;
    let selectors = selectors(&batch.filenames)?;
    asked.require(Scope::Delete)?;
    accept(service, &asked, selectors).await
}

async fn accept(
    service: &Service,
    asked: &Authenticated<Sirv>,
    selectors: Vec<Selector>,
) -> Result<Response, ApiError> {
    let mut request = service.delete_request(&asked.caller, Door::Sirv, selectors);
    request.atomicity = Atomicity::BestEffort;
    (request.missing, request.locked) = (MissingPolicy::Count, LockedPolicy::Skip);
    request.allowance = Some(service.batch_allowance(&asked.caller.organization)?);
    let now = request.at;
    match service.deleter.delete(request).await? {
        Ok(committed) => {
            let answer = json::answer(StatusCode::OK, &Job { id: committed.id.simple() });
            Ok(with_bucket(committed.allowance, answer))
        }
        Err(Declined::OverAllowance(state)) => {
            let limited = ApiError::RateLimited(RateLimited::from_allowance(state, now));
            Ok(with_bucket(Some(state), DialectError::<Sirv>::from(limited).into_response()))
        }
        Err(Declined::Refused(_) | Declined::Repeated(_) | Declined::PlanSpent) => {
            Err(ApiError::Internal("a best-effort deletion was refused".into()))
        }
    }
}

fn with_bucket(state: Option<AllowanceState>, mut answer: Response) -> Response {
    if let Some(state) = state {
        write_bucket(BATCH_DELETIONS, state, &mut answer);
    }
    answer
}

pub(super) async fn progress(State(service): State<Service>, call: Call) -> Response {
    call.answer(look_up(&service, &call).await)
}

async fn look_up(service: &Service, call: &Call) -> Result<Response, ApiError> {
    let id = call.required("id")?;
    if !call.asked.caller.scopes.allow(Scope::Delete) {
        call.asked.require(Scope::Read)?;
    }
    let id = DeletionId::parse_simple(id).ok_or(ApiError::NotFound)?;
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
