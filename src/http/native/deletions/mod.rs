//! Deletions as a resource: what goes, what went, and how far it is.
//!
//! | call | success |
//! |---|---|
//! | `POST /delenda/v1/deletions` | 201 with `Location`, once it is committed; 202 where the client prefers not to wait; 200 for a dry run |
//! | `GET /delenda/v1/deletions` | 200, a page of records, through whichever door they came |
//! | `GET /delenda/v1/deletions/{id}` | 200, the record |
//! | `GET /delenda/v1/deletions/{id}/items` | 200, what became of each selector |
//! | `GET /delenda/v1/deletions/{id}/events` | 200, its progress as server-sent events, to the end |
//! | `POST /delenda/v1/deletions/{id}/cancel` | 200, the record of a deletion that takes nothing more |
//! | `GET /delenda/v1/audit` | 200, a page of the same records as a trail of who did what |
//!
//! A request is parsed (`wire`, `matching`), committed (`accept`) and rendered (`answer`, or `refusal`); a dry run is previewed (`dry_run`). The
//! record is the ledger's: nothing here remembers a deletion.

mod accept;
mod answer;
mod audit;
mod cancel;
mod dry_run;
mod events;
mod filters;
mod list;
mod matching;
mod prefer;
mod refusal;
mod wire;

pub(super) use self::answer::ItemAnswer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Native;
use crate::deletion::record::DeletionRecord;
use crate::domain::id::DeletionId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::error::ApiError;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(accept::create, list::deletions))
        .routes(routes!(list::deletion))
        .routes(routes!(list::items))
        .routes(routes!(events::events))
        .routes(routes!(cancel::cancel))
        .routes(routes!(audit::audit))
}

/// Whoever may read or may delete sees how deletions go.
fn may_see(authenticated: &Authenticated<Native>) -> Result<(), ApiError> {
    match authenticated.caller.scopes.allow(Scope::Delete) {
        true => Ok(()),
        false => authenticated.require(Scope::Read),
    }
}

/// The identity in the path, which an id that is malformed has not.
fn named(id: &Segment<3>) -> Result<DeletionId, ApiError> {
    id.parse(DeletionId::parse).ok_or(ApiError::NotFound)
}

async fn record_of(
    service: &Service,
    authenticated: &Authenticated<Native>,
    id: DeletionId,
) -> Result<DeletionRecord, ApiError> {
    let record = service.ledger.deletion(&authenticated.caller.realm, id).await?;
    record.ok_or(ApiError::NotFound)
}
