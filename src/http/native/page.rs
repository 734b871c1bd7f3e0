//! `GET /docs`: one page that shows the documents of all APIs. It is whole in itself: no browser
//! needs a network beyond this server for it, and the policy that is sent with it forbids any.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use sha2::{Digest, Sha256};

/// The page.
const PAGE: &str = include_str!("page.html");

/// Its own script and style by their hashes, its own origin for the documents, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (script, style) = (hash_within("script"), hash_within("style"));
    format!(
        "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The page, which anybody may read: it holds nothing but the program's own documents.
pub(super) async fn page() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE).into_response()
}

/// The hash of what stands in the page's one element of this name, as policies have it.
fn hash_within(element: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(within(element))))
}

/// What stands in the page's one element of this name; nothing where there is none, which no
/// policy lets run.
fn within(element: &str) -> &'static str {
    let from = PAGE.split_once(&format!("<{element}>")).map_or("", |(_, rest)| rest);
    from.split_once(&format!("</{element}>")).map_or("", |(inner, _)| inner)
}
