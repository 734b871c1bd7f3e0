//! Entries of both kinds: lists of folders, and single ones by their identities.

mod at;
mod change;
mod copies;
mod list;
mod one;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::state::Service;

/// The routes of entries.
pub(super) fn documented() -> OpenApiRouter<Service> {
    OpenApiRouter::default()
        .routes(routes!(list::list))
        .routes(routes!(at::read))
        .routes(routes!(one::read, change::change, one::delete))
        .routes(routes!(one::content))
        .routes(routes!(copies::copy))
}
