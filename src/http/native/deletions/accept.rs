//! `POST /delenda/v1/deletions`.

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{CommittedAnswer, DryRunAnswer, ItemAnswer};
use super::prefer::{PREFERENCE_APPLIED, Preferences};
use super::refusal::{self, Refused};
use super::wire::{Asked, NewDeletion};
use crate::deletion::items;
use crate::deletion::record::Declined;
use crate::deletion::request::{DeleteRequest, Door};
use crate::domain::id::DeletionId;
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{Caller, Realm, Scope};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::Posted;
use crate::http::json;
use crate::http::native::Native;
use crate::http::state::Service;

/// Bytes of a request at most: a thousand of the longest paths, with their escapes.
const REQUEST_BYTES_MAX: u64 = 4 << 20;

/// Deletes what is selected
///
/// It is deleted when the answer comes, and unreachable from then on; its bytes may still be on
/// their way out. `Prefer: wait=N` waits up to 60 seconds for them; `Prefer: respond-async` has
/// the answer be a 202. A refused request has changed nothing.
#[utoipa::path(
    post,
    path = "/delenda/v1/deletions",
    tag = "deletions",
    request_body = NewDeletion,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=N` (seconds)"),
    ),
    responses(
        (status = 200, description = "A dry run: what would go", body = DryRunAnswer),
        (
            status = 201, description = "Committed", body = CommittedAnswer,
            headers(("Location" = String, description = "The deletion")),
        ),
        (
            status = 202, description = "Committed, and its bytes are on their way out",
            body = CommittedAnswer, headers(("Location" = String, description = "The deletion")),
        ),
        (
            status = 403, description = "The key may not delete, or does not see any of what stood against it",
            body = Refused, content_type = "application/problem+json",
        ),
        (
            status = 404, description = "Nothing was deleted: something is missing",
            body = Refused, content_type = "application/problem+json",
        ),
        (
            status = 409, description = "Nothing was deleted, for several reasons",
            body = Refused, content_type = "application/problem+json",
        ),
        (
            status = 412, description = "Nothing was deleted: a version is another",
            body = Refused, content_type = "application/problem+json",
        ),
        (status = 413, description = "The request is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "Another request was made with this idempotency key"),
        (
            status = 423, description = "Nothing was deleted: something is locked",
            body = Refused, content_type = "application/problem+json",
        ),
    )
)]
pub(super) async fn create(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    authenticated.query.only(&["organization"])?;
    let caller = &authenticated.caller;
    let posted =
        Posted::<NewDeletion>::read(&service, caller.key, request, REQUEST_BYTES_MAX).await?;
    let asked = posted.body.ok_or_else(|| ApiError::Invalid("the body is empty".to_owned()))?;
    let asked = asked.read()?;
    authenticated.require(Scope::Delete)?;
    if asked.dry_run {
        return Ok(preview(&service, caller, asked).await?);
    }
    let selectors = asked.selectors.clone();
    let request = request_of(&service, caller, asked, posted.once);
    let id = match service.deleter.delete(request).await? {
        Ok(committed) => committed.id,
        Err(Declined::Repeated(Repeat::Of(made))) => DeletionId::from(made),
        Err(Declined::Refused(refused)) => {
            return Ok(refusal::render(&items::of_refusal(&selectors, &refused)));
        }
        Err(declined @ (Declined::OverAllowance(_) | Declined::Repeated(Repeat::OtherRequest))) => {
            return Err(service.declined(declined).into());
        }
    };
    Ok(answer(&service, &authenticated, id, &posted.headers).await?)
}

fn request_of(
    service: &Service,
    caller: &Caller,
    asked: Asked,
    once: Option<Once>,
) -> DeleteRequest {
    let Asked { selectors, preconditions, atomicity, missing, locked, dry_run: _ } = asked;
    let request = service.delete_request(caller, Door::Native, selectors);
    DeleteRequest { preconditions, atomicity, missing, locked, once, ..request }
}

async fn preview(service: &Service, caller: &Caller, asked: Asked) -> Result<Response, ApiError> {
    let selectors = asked.selectors.clone();
    match service.deleter.preview(request_of(service, caller, asked, None)).await? {
        Ok(plan) => {
            let items = items::of_outcomes(&selectors, &plan.outcomes);
            let answer = DryRunAnswer {
                dry_run: true,
                doomed: plan.counts.into(),
                missing: plan.missing,
                items: items.iter().map(ItemAnswer::from).collect(),
            };
            Ok(json::answer(StatusCode::OK, &answer))
        }
        Err(refused) => Ok(refusal::render(&items::of_refusal(&selectors, &refused))),
    }
}

/// The answer to a request that is committed, after the wait that the client prefers.
async fn answer(
    service: &Service,
    authenticated: &Authenticated<Native>,
    id: DeletionId,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let realm = &authenticated.caller.realm;
    let preferences = Preferences::of(headers);
    let settled = match preferences.wait() {
        Some(at_most) => settles_within(service, realm, id, at_most).await?,
        None => false,
    };
    let status = match preferences.respond_async && !settled {
        true => StatusCode::ACCEPTED,
        false => StatusCode::CREATED,
    };
    let mut response = json::answer(status, &committed(service, realm, id).await?);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(location(authenticated, id)) {
        headers.insert(LOCATION, location);
    }
    let applied = preferences.applied().and_then(|text| HeaderValue::try_from(text).ok());
    if let Some(applied) = applied {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

async fn settles_within(
    service: &Service,
    realm: &Realm,
    id: DeletionId,
    at_most: std::time::Duration,
) -> Result<bool, ApiError> {
    let Some(mut following) = service.progress.follow(realm, id).await? else { return Ok(false) };
    // Settled or not, the answer tells how far it is.
    let _ = tokio::time::timeout(at_most, following.settled()).await;
    Ok(following.latest().is_settled())
}

/// The record as it is now, with its items.
async fn committed(
    service: &Service,
    realm: &Realm,
    id: DeletionId,
) -> Result<CommittedAnswer, ApiError> {
    let record = service.ledger.deletion(realm, id).await?;
    let items = service.ledger.deletion_items(realm, id).await?;
    let (Some(record), Some(items)) = (record, items) else {
        return Err(ApiError::Internal("a committed deletion has no record".into()));
    };
    let items = items.iter().map(ItemAnswer::from).collect();
    Ok(CommittedAnswer { deletion: (&record).into(), items })
}

/// Where the deletion can be read; by an operator under the organization that it named.
fn location(authenticated: &Authenticated<Native>, id: DeletionId) -> String {
    let path = format!("/delenda/v1/deletions/{id}");
    match authenticated.query.all("organization").next() {
        Some(_) => format!("{path}?organization={}", authenticated.caller.organization.id),
        None => path,
    }
}
