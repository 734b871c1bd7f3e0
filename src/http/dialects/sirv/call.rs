//! An authenticated call: the caller, and what the answer's headers say of the calls left.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::Sirv;
use super::quota::write_global;
use crate::domain::organization::Organization;
use crate::http::auth::{Authenticated, Identified};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::limits::RequestsLeft;
use crate::http::state::Service;

/// A call whose token was good, and whose query can be read.
pub(super) struct Call {
    /// Who asks, and the query.
    pub(super) asked: Authenticated<Sirv>,
}

/// A call whose token was good; of the rest nothing was judged. For the route that has a limit of
/// its own, which comes before that.
pub(super) struct Counted {
    /// Who asks.
    pub(super) asked: Identified<Sirv>,
}

impl Call {
    /// Renders the outcome, with the headers that every authenticated answer has.
    pub(super) fn answer(&self, outcome: Result<Response, ApiError>) -> Response {
        answer(self.asked.left, outcome)
    }

    /// The value of a parameter that must stand once.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        let value = self.asked.query.single(name)?;
        value.ok_or_else(|| ApiError::Invalid(format!("{name} is required")))
    }
}

impl Counted {
    /// Whose call it is.
    pub(super) fn organization(&self) -> &Organization {
        &self.asked.caller.organization
    }
}

/// Renders the outcome of a call after which so many are left.
pub(super) fn answer(left: RequestsLeft, outcome: Result<Response, ApiError>) -> Response {
    let mut response =
        outcome.unwrap_or_else(|error| DialectError::<Sirv>::from(error).into_response());
    write_global(left, &mut response);
    response
}

impl FromRequestParts<Service> for Counted {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let asked = Identified::<Sirv>::from_request_parts(parts, service).await;
        asked.map(|asked| Self { asked }).map_err(|error| {
            // Nothing else is counted on the way here.
            match error.0.rate_limited().map(RequestsLeft::none) {
                Some(left) => answer(left, Err(error.0)),
                None => error.into_response(),
            }
        })
    }
}

impl FromRequestParts<Service> for Call {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let Counted { asked } = Counted::from_request_parts(parts, service).await?;
        let left = asked.left;
        let judged = asked.judge(service, &parts.headers);
        Ok(Self { asked: judged.map_err(|error| answer(left, Err(error)))? })
    }
}
