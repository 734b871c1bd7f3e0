//! What an organization uses.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Native;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::json;
use crate::http::state::Service;

/// Files and bytes: live, on their way out, and gone.
pub(super) async fn usage(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    authenticated.require(Scope::Read)?;
    let usage = service.ledger.usage(&authenticated.caller.realm).await?;
    Ok(json::answer(StatusCode::OK, &usage))
}
