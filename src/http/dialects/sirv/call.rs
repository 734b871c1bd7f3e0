//! An authenticated call: the caller, and what the answer's headers say of the calls left.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::Sirv;
use super::quota::{CallsLeft, HourlyCalls};
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::state::Service;

/// A call whose token was good.
pub(super) struct Call {
    /// Who asks, and the query.
    pub(super) asked: Authenticated<Sirv>,
    left: CallsLeft,
}

impl Call {
    /// Renders the outcome, with the headers that every authenticated answer has.
    pub(super) fn answer(&self, outcome: Result<Response, ApiError>) -> Response {
        let mut response =
            outcome.unwrap_or_else(|error| DialectError::<Sirv>::from(error).into_response());
        self.left.write(&mut response);
        response
    }

    /// The value of a parameter that must stand once.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        let value = self.asked.query.single(name)?;
        value.ok_or_else(|| ApiError::Invalid(format!("{name} is required")))
    }
}

impl FromRequestParts<Service> for Call {
    type Rejection = DialectError<Sirv>;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let asked = Authenticated::<Sirv>::from_request_parts(parts, service).await?;
        let calls = parts.extensions.get::<Arc<HourlyCalls>>();
        let calls = calls.expect("the routes of this dialect lay the count around every handler");
        let left = calls.count(asked.caller.realm.organization, service.clock.now());
        Ok(Self { asked, left })
    }
}
