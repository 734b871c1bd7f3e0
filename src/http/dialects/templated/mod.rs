//! (stub)
use axum::Router;
use axum::response::Response;
use http::HeaderMap;

use crate::http::dialect::{Credential, Dialect, bearer};
use crate::http::error::ApiError;
use crate::http::state::Service;

pub struct Templated;

impl Dialect for Templated {
    const NAME: &'static str = "templated";
    fn credential(headers: &HeaderMap) -> Credential {
        bearer(headers)
    }
    fn render_error(error: &ApiError) -> Response {
        crate::http::native::Native::render_error(error)
    }
}

pub fn routes() -> Router<Service> {
    Router::new()
}
