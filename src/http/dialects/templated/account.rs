//! `GET /v1/account`: who asks, and how many requests are left.

use axum::response::Response;
use http::StatusCode;

use super::Templated;
use super::wire::Account;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::json;

/// An organization has no address, so that `email` is empty. The quota is that of requests.
pub(super) async fn account(
    authenticated: Authenticated<Templated>,
) -> Result<Response, DialectError<Templated>> {
    authenticated.require(Scope::Read)?;
    let (organization, left) = (&authenticated.caller.organization, authenticated.left);
    let answer = Account {
        email: "",
        name: &organization.name,
        api_usage: left.used(),
        api_quota: left.limit,
        usage_percentage: left.used().saturating_mul(100) / left.limit.max(1),
        plan: &organization.plan,
    };
    Ok(json::answer(StatusCode::OK, &answer))
}
