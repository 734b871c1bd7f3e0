//! Dry runs: what a request would do, and the plan that is kept of it.

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::answer::{DryRunAnswer, ItemAnswer};
use super::refusal;
use crate::deletion::accept::Unplanned;
use crate::deletion::record::{Counts, Refusal};
use crate::deletion::request::DeleteRequest;
use crate::deletion::stored::{Preview, StoredPlan, Told};
use crate::domain::id::PlanId;
use crate::domain::once::Repeat;
use crate::domain::organization::Realm;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;

/// The answer to a dry run of this request, whose plan is kept if it can be.
pub(super) async fn preview(
    service: &Service,
    request: DeleteRequest,
) -> Result<Response, ApiError> {
    let lifetime = service.settings.plan_lifetime;
    let planned = service.deleter.plan(request.clone(), service.ids.next(), lifetime).await?;
    match planned {
        Ok((stored, preview)) => Ok(kept(&stored, &Told::of(&request, &preview))),
        Err(Unplanned::Refused(refused)) => {
            Ok(refusal::render(&request.selectors, &refused, service.settings.matched_files_max))
        }
        Err(Unplanned::GoesInSteps) => unkept(service, request, "goes_in_steps").await,
        Err(Unplanned::TooMany) => unkept(service, request, "too_many_plans").await,
        Err(Unplanned::Repeated(Repeat::OtherRequest)) => Err(ApiError::IdempotencyMismatch),
        Err(Unplanned::Repeated(Repeat::Of(made))) => again(service, &request.realm, made).await,
    }
}

/// The answer to a repeat: what the first one was told, for as long as its plan lives.
pub(super) async fn again(
    service: &Service,
    realm: &Realm,
    made: Uuid,
) -> Result<Response, ApiError> {
    let stored = service.ledger.stored_plan(realm, PlanId::from(made), service.clock.now()).await?;
    let mut stored = stored.ok_or(ApiError::NotFound)?;
    let told = stored.told.take();
    let told = told.ok_or(ApiError::Internal("a plan that was made once tells nothing".into()))?;
    Ok(kept(&stored, &told))
}

fn kept(stored: &StoredPlan, told: &Told) -> Response {
    let answer = DryRunAnswer {
        plan: Some(stored.id.to_string()),
        digest: Some(hex::encode(stored.digest)),
        expires_at: Some(stored.expires_at.iso8601()),
        ..answer(stored.counts, told)
    };
    json::answer(StatusCode::OK, &answer)
}

/// What a request would do, of which no plan is kept.
async fn unkept(
    service: &Service,
    request: DeleteRequest,
    why: &'static str,
) -> Result<Response, ApiError> {
    let preview: Result<Preview, Refusal> = service.deleter.preview(request.clone()).await?;
    let preview = match preview {
        Ok(preview) => preview,
        Err(refused) => {
            return Ok(refusal::render(
                &request.selectors,
                &refused,
                service.settings.matched_files_max,
            ));
        }
    };
    let mut doomed = preview.plan.counts;
    doomed += Counts::files(preview.plan.beyond);
    let answer =
        DryRunAnswer { no_plan: Some(why), ..answer(doomed, &Told::of(&request, &preview)) };
    Ok(json::answer(StatusCode::OK, &answer))
}

fn answer(doomed: Counts, told: &Told) -> DryRunAnswer {
    DryRunAnswer {
        dry_run: true,
        doomed: doomed.into(),
        missing: told.missing,
        plan: None,
        no_plan: None,
        digest: None,
        expires_at: None,
        sample: told.sample.iter().map(ToString::to_string).collect(),
        items: told.items.iter().map(ItemAnswer::from).collect(),
    }
}
