//! `DELETE /fso`: one file, or one folder with all below it, or nothing at all.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::{Merple, path_of};
use crate::deletion::record::{Declined, Refusal};
use crate::deletion::request::{
    DeleteRequest, Door, FoldersPolicy, LockedPolicy, MissingPolicy, Selector,
};
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::{ApiError, RateLimited};
use crate::http::json;
use crate::http::state::Service;

#[derive(Serialize)]
struct Deleted<'a> {
    deleted: bool,
    path: &'a str,
}

pub(super) async fn delete(
    State(service): State<Service>,
    asked: Authenticated<Merple>,
) -> Result<Response, DialectError<Merple>> {
    asked.query.only(&["path"])?;
    let (text, written) = path_of(&asked.query)?;
    if written.path.is_root() {
        return Err(ApiError::Invalid("'/' cannot be deleted".to_owned()).into());
    }
    asked.require(Scope::Delete)?;
    let request = DeleteRequest {
        id: service.ids.next(),
        realm: asked.caller.realm.clone(),
        key: asked.caller.key,
        door: Door::Merple,
        selectors: vec![Selector::Path(written)],
        missing: MissingPolicy::Refuse,
        locked: LockedPolicy::Refuse,
        folders: FoldersPolicy::Whole,
        joins_missed: false,
        allowance: None,
        at: service.clock.now(),
    };
    match service.deleter.delete(request).await? {
        Ok(_committed) => Ok(json::answer(StatusCode::OK, &Deleted { deleted: true, path: text })),
        Err(Declined::Refused(refusal)) => Err(refused(refusal).into()),
        Err(Declined::OverAllowance(state)) => {
            Err(ApiError::RateLimited(RateLimited::from_allowance(state, service.clock.now()))
                .into())
        }
    }
}

/// What is not there comes before what is locked: of one path only one of them is true.
fn refused(refusal: Refusal) -> ApiError {
    match refusal.missing.is_empty() && refusal.outside_prefix.is_empty() {
        false => ApiError::NotFound,
        true => ApiError::Locked(refusal.locked.into_iter().map(|(_, path)| path).collect()),
    }
}
