//! One entry by its path: what lies there, whichever kind it is.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::super::Native;
use super::super::entry::EntryAnswer;
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::state::Service;

/// Tells of what lies at a path
///
/// A file or a folder; with a trailing `/` in the path only a folder. The root is no entry.
#[utoipa::path(
    get,
    path = "/delenda/v1/entry",
    tag = "entries",
    params(("path" = String, Query, description = "The path")),
    responses(
        (status = 200, description = "The entry", body = EntryAnswer),
        (status = 404, description = "Nothing is there"),
    )
)]
pub(super) async fn read(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    let query = &authenticated.query;
    query.only(&["organization", "path"])?;
    let path = query.single("path")?;
    let path = path.ok_or_else(|| ApiError::Invalid("query parameter 'path' is missing".into()))?;
    let written = EntryPath::parse_written(path).map_err(ApiError::from)?;
    authenticated.require(Scope::Read)?;
    let found = service.ledger.entry_at(&authenticated.caller.realm, &written).await?;
    let found = found.filter(|_| !written.path.is_root()).ok_or(ApiError::NotFound)?;
    Ok(EntryAnswer::of(&written.path, &found).answer(StatusCode::OK))
}
