//! An authenticated call: the caller, and what the answer's headers say of the calls left.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::Sirv;
use super::quota::{CallsLeft, HourlyCalls};
use crate::domain::organization::OrganizationNumber;
use crate::http::auth::{Authenticated, Identified};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::state::Service;

/// A call whose token was good, and whose query can be read.
pub(super) struct Call {
    /// Who asks, and the query.
    pub(super) asked: Authenticated<Sirv>,
    left: CallsLeft,
}

/// A call whose token was good; of the rest nothing was judged. For the route that has a limit of
/// its own, which comes before that.
pub(super) struct Counted {
    /// Who asks.
    pub(super) asked: Identified<Sirv>,
    /// What the answer says of the calls left.
    pub(super) left: CallsLeft,
}

impl Call {
    /// Renders the outcome, with the headers that every authenticated answer has.
    pub(super) fn answer(&self, outcome: Result<Response, ApiError>) -> Response {
        self.left.answer(outcome)
    }

    /// The value of a parameter that must stand once.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        let value = self.asked.query.single(name)?;
        value.ok_or_else(|| ApiError::Invalid(format!("{name} is required")))
    }
}

impl Counted {
    /// Whose call it is.
    pub(super) fn organization(&self) -> OrganizationNumber {
        self.asked.caller.realm.organization
    }
}

impl CallsLeft {
    /// Renders the outcome, with the headers that every authenticated answer has.
    pub(super) fn answer(self, outcome: Result<Response, ApiError>) -> Response {
        let mut response =
            outcome.unwrap_or_else(|error| DialectError::<Sirv>::from(error).into_response());
        self.write(&mut response);
        response
    }
}

impl FromRequestParts<Service> for Counted {
    type Rejection = DialectError<Sirv>;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let asked = Identified::<Sirv>::from_request_parts(parts, service).await?;
        let calls = parts.extensions.get::<Arc<HourlyCalls>>();
        let calls = calls.expect("the routes of this dialect lay the count around every handler");
        let left = calls.count(asked.caller.realm.organization, service.clock.now());
        Ok(Self { asked, left })
    }
}

impl FromRequestParts<Service> for Call {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let counted = Counted::from_request_parts(parts, service).await;
        let Counted { asked, left } = counted.map_err(IntoResponse::into_response)?;
        let judged = asked.judge(service, &parts.headers);
        let asked = judged.map_err(|error| left.answer(Err(error)))?;
        Ok(Self { asked, left })
    }
}
