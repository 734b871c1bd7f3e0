//! What an organization uses.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Native;
use crate::domain::organization::Scope;
use crate::domain::usage::{Tally, Usage};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::json;
use crate::http::state::Service;

/// Files and bytes.
#[derive(Serialize, ToSchema)]
pub(super) struct Amount {
    files: u64,
    bytes: u64,
}

/// What the organization uses; beneath a key's prefix only `live` and `uploaded` are known.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub(super) struct UsageAnswer {
    /// Everything that was ever stored: always the sum of the others.
    uploaded: Amount,
    /// What can be read.
    live: Amount,
    /// Deleted, and not yet on the purge queue.
    doomed: Amount,
    /// Deleted, on the purge queue.
    condemned: Amount,
    /// Deleted, with its bytes durably gone.
    settled: Amount,
}

/// Files and bytes: live, on their way out, and gone
#[utoipa::path(
    get,
    path = "/delenda/v1/usage",
    tag = "usage",
    responses((status = 200, description = "What the organization uses", body = UsageAnswer))
)]
pub(super) async fn usage(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Read)?;
    let usage = service.ledger.usage(&authenticated.caller.realm).await?;
    Ok(json::answer(StatusCode::OK, &UsageAnswer::from(usage)))
}

impl From<Tally> for Amount {
    fn from(Tally { files, bytes }: Tally) -> Self {
        Self { files, bytes }
    }
}

impl From<Usage> for UsageAnswer {
    fn from(Usage { uploaded, live, doomed, condemned, settled }: Usage) -> Self {
        let [uploaded, live, doomed, condemned, settled] =
            [uploaded, live, doomed, condemned, settled].map(Amount::from);
        Self { uploaded, live, doomed, condemned, settled }
    }
}
