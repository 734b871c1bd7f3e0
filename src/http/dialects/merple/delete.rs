//! `DELETE /fso`: one file, or one folder with all below it, or nothing at all.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::wire::Deleted;
use super::{Merple, path_of};
use crate::deletion::request::{Door, Selector};
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;

pub(super) async fn delete(
    State(service): State<Service>,
    asked: Authenticated<Merple>,
) -> Result<Response, DialectError<Merple>> {
    asked.query.only(&["path"])?;
    let (path, written) = path_of(&asked.query)?;
    if written.path.is_root() {
        return Err(ApiError::Invalid("'/' cannot be deleted".to_owned()).into());
    }
    asked.require(Scope::Delete)?;
    let selectors = vec![Selector::Path(written)];
    let request = service.delete_request(&asked.caller, Door::Merple, selectors);
    let decided = service.deleter.delete(request).await?;
    decided.map_err(|declined| service.declined(declined))?;
    Ok(json::answer(StatusCode::OK, &Deleted { deleted: true, path }))
}
