//! The `OpenAPI` documents of the dialects, at `GET /openapi/<dialect>.json`, without a key. They
//! are part of the binary: a server describes itself as it was built.

use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use super::state::Service;

/// Each dialect with its document.
pub const DOCUMENTS: [(&str, &str); 5] = [
    ("renderio", include_str!("../../docs/dialects/renderio/openapi.json")),
    ("swiftia", include_str!("../../docs/dialects/swiftia/openapi.json")),
    ("templated", include_str!("../../docs/dialects/templated/openapi.json")),
    ("merple", include_str!("../../docs/dialects/merple/openapi.json")),
    ("sirv", include_str!("../../docs/dialects/sirv/openapi.json")),
];

/// A route for each document.
pub fn routes() -> Router<Service> {
    DOCUMENTS.into_iter().fold(Router::new(), |router, (dialect, document)| {
        let answer = ([(CONTENT_TYPE, "application/json; charset=utf-8")], document);
        router.route(&format!("/openapi/{dialect}.json"), get(async move || answer))
    })
}
