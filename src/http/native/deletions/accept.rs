//! `POST /delenda/v1/deletions`.

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{CommittedAnswer, DryRunAnswer, ItemAnswer};
use super::dry_run;
use super::prefer::{PREFERENCE_APPLIED, Preferences};
use super::refusal;
use super::wire::{Asked, NewDeletion, Wanted};
use crate::deletion::record::Declined;
use crate::deletion::request::{DeleteRequest, Door};
use crate::deletion::stored::Commitment;
use crate::domain::id::{DeletionId, PlanId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{Caller, Realm, Scope};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::{Posted, repeat_of};
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
        ),
        (
            status = 404, description = "Nothing was deleted: something is missing, or there is no such plan, or the plan of this idempotency key has expired",
        ),
        (
            status = 409, description = "Nothing was deleted, for several reasons, or it has to be confirmed, or filters find more than an atomic request takes, or the plan is used up",
        ),
        (
            status = 412, description = "Nothing was deleted: a version is another",
        ),
        (status = 413, description = "The request is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "Another request was made with this idempotency key"),
        (
            status = 423, description = "Nothing was deleted: something is locked",
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
    let new = posted.body.ok_or_else(|| ApiError::Invalid("the body is empty".to_owned()))?;
    let wanted = new.read()?;
    authenticated.require(Scope::Delete)?;
    let organization = Some(caller.realm.organization);
    match repeat_of(&service, organization, posted.once.as_ref()).await? {
        None => {}
        Some(Repeat::OtherRequest) => return Err(ApiError::IdempotencyMismatch.into()),
        Some(Repeat::Of(made)) if wanted.is_dry_run() => {
            return Ok(dry_run::again(&service, &caller.realm, made).await?);
        }
        Some(Repeat::Of(made)) => {
            return Ok(answer(&service, &authenticated, made.into(), &posted.headers).await?);
        }
    }
    let request = match wanted {
        Wanted::Selected(asked) if asked.dry_run => {
            let request = request_of(&service, caller, asked, posted.once)?;
            return Ok(dry_run::preview(&service, request).await?);
        }
        Wanted::Selected(asked) => request_of(&service, caller, asked, posted.once)?,
        Wanted::Planned { plan, confirm } => {
            commitment(&service, caller, (plan, confirm), posted.once).await?
        }
    };
    let selectors = request.selectors.clone();
    let id = match service.deleter.delete(request).await? {
        Ok(committed) => committed.id,
        Err(Declined::Repeated(Repeat::Of(made))) => DeletionId::from(made),
        Err(Declined::Refused(refused)) => {
            let files_max = service.settings.matched_files_max;
            return Ok(refusal::render(&selectors, &refused, files_max));
        }
        Err(
            declined @ (Declined::OverAllowance(_)
            | Declined::PlanSpent
            | Declined::Repeated(Repeat::OtherRequest)),
        ) => return Err(service.declined(declined).into()),
    };
    Ok(answer(&service, &authenticated, id, &posted.headers).await?)
}

fn request_of(
    service: &Service,
    caller: &Caller,
    asked: Asked,
    once: Option<Once>,
) -> Result<DeleteRequest, ApiError> {
    let Asked { selectors, preconditions, atomicity, missing, locked, confirm, dry_run } = asked;
    // A dry run tells the number that is to be confirmed.
    let guard = if dry_run { None } else { service.guard(caller, confirm)? };
    let request = service.delete_request(caller, Door::Native, selectors);
    Ok(DeleteRequest { preconditions, atomicity, missing, locked, guard, once, ..request })
}

/// The request that commits a plan. One that has expired is as if it had never been made.
async fn commitment(
    service: &Service,
    caller: &Caller,
    (plan, confirm): (Option<PlanId>, Option<u64>),
    once: Option<Once>,
) -> Result<DeleteRequest, ApiError> {
    let (plan, at) = (plan.ok_or(ApiError::NotFound)?, service.clock.now());
    let stored = service.ledger.stored_plan(&caller.realm, plan, at).await?;
    Ok(stored.ok_or(ApiError::NotFound)?.commitment(Commitment {
        id: service.ids.next(),
        organization: caller.realm.organization,
        key: caller.key,
        door: Door::Native,
        guard: service.guard(caller, confirm)?,
        once,
        at,
    }))
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
