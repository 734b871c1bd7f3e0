//! An authenticated call: the caller, and what the answer's headers say of the calls left.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::Sirv;
use super::quota::write_global;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::limits::RequestsLeft;
use crate::http::state::Service;

/// A call whose token was good.
pub(super) struct Call {
    /// Who asks, and the query.
    pub(super) asked: Authenticated<Sirv>,
}

impl Call {
    /// Renders the outcome, with the headers that every authenticated answer has.
    pub(super) fn answer(&self, outcome: Result<Response, ApiError>) -> Response {
        let mut response =
            outcome.unwrap_or_else(|error| DialectError::<Sirv>::from(error).into_response());
        write_global(self.asked.left, &mut response);
        response
    }

    /// The value of a parameter that must stand once.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        let value = self.asked.query.single(name)?;
        value.ok_or_else(|| ApiError::Invalid(format!("{name} is required")))
    }
}

impl FromRequestParts<Service> for Call {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let asked = Authenticated::<Sirv>::from_request_parts(parts, service).await;
        asked.map(|asked| Self { asked }).map_err(|error| {
            // Nothing else is counted on the way here.
            let left = error.0.rate_limited().map(RequestsLeft::none);
            let mut response = error.into_response();
            if let Some(left) = left {
                write_global(left, &mut response);
            }
            response
        })
    }
}
