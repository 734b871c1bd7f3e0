//! Deleting uploads: all of them, or none and a list of why.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::wire::{Deleted, NOTHING_DELETED, NothingDeleted};
use super::{Templated, ids};
use crate::deletion::record::{Declined, Refusal};
use crate::deletion::request::{Door, Selector};
use crate::domain::id::EntryId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// Deletes the uploads whose ids the query lists.
pub(super) async fn delete_many(
    State(service): State<Service>,
    authenticated: Authenticated<Templated>,
) -> Result<Response, DialectError<Templated>> {
    let ids = ids::read(&authenticated.query)?;
    Ok(delete(&service, &authenticated, ids).await?)
}

/// Deletes the one upload that the path names.
pub(super) async fn delete_one(
    State(service): State<Service>,
    authenticated: Authenticated<Templated>,
    id: Segment<2>,
) -> Result<Response, DialectError<Templated>> {
    authenticated.query.only(&[])?;
    let id = id.0.ok_or(ApiError::NotFound)?;
    Ok(delete(&service, &authenticated, vec![id]).await?)
}

async fn delete(
    service: &Service,
    authenticated: &Authenticated<Templated>,
    ids: Vec<String>,
) -> Result<Response, ApiError> {
    let caller = &authenticated.caller;
    if !caller.scopes.allow(Scope::Delete) {
        return Ok(nothing_deleted(Vec::new(), ids));
    }
    let selectors = ids.iter().map(|id| selector(id)).collect();
    let request = service.delete_request(caller, Door::Templated, selectors);
    match service.deleter.delete(request).await? {
        Ok(_committed) => {
            let message = format!("Successfully deleted {} upload(s)", ids.len());
            Ok(json::answer(StatusCode::OK, &Deleted { deleted: ids, message }))
        }
        Err(Declined::Refused(refusal)) => {
            let foreign = foreign(service, authenticated, &refusal, &ids).await?;
            let (not_found, unauthorized) = sort(&refusal, &foreign, &ids);
            Ok(nothing_deleted(not_found, unauthorized))
        }
        Err(
            declined @ (Declined::OverAllowance(_) | Declined::Repeated(_) | Declined::PlanSpent),
        ) => Err(service.declined(declined)),
    }
}

fn selector(id: &str) -> Selector {
    EntryId::parse(id).map_or(Selector::Unmatchable, Selector::File)
}

fn nothing_deleted(not_found: Vec<String>, unauthorized: Vec<String>) -> Response {
    let answer = NothingDeleted { not_found, unauthorized, error: NOTHING_DELETED };
    json::answer(StatusCode::BAD_REQUEST, &answer)
}

/// Which of the missing ids are another organization's, by index; none where the installation
/// does not tell.
async fn foreign(
    service: &Service,
    authenticated: &Authenticated<Templated>,
    refusal: &Refusal,
    ids: &[String],
) -> Result<Vec<usize>, ApiError> {
    if service.settings.strict_isolation {
        return Ok(Vec::new());
    }
    let missing = refusal.missing.iter();
    let (indexes, missing): (Vec<usize>, Vec<EntryId>) =
        missing.filter_map(|index| Some((*index, EntryId::parse(&ids[*index])?))).unzip();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let organization = authenticated.caller.realm.organization;
    let elsewhere = service.ledger.exist_elsewhere(organization, &missing).await?;
    Ok(indexes.into_iter().zip(elsewhere).filter_map(|(index, is)| is.then_some(index)).collect())
}

/// What was not found and what may not be deleted, both in the order of the request.
fn sort(refusal: &Refusal, foreign: &[usize], ids: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut not_found, mut unauthorized) = (Vec::new(), Vec::new());
    for (index, id) in ids.iter().enumerate() {
        let forbidden = refusal.outside_prefix.contains(&index)
            || refusal.locked.iter().any(|(locked, _)| *locked == index)
            || foreign.contains(&index);
        if forbidden {
            unauthorized.push(id.clone());
        } else if refusal.missing.contains(&index) {
            not_found.push(id.clone());
        }
    }
    (not_found, unauthorized)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path::EntryPath;

    #[test]
    fn both_lists_are_in_the_order_of_the_request() {
        let ids: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let lock = EntryPath::parse("/lock").unwrap();
        let refusal = Refusal {
            missing: vec![4, 0, 2],
            outside_prefix: vec![1],
            locked: vec![(3, lock)],
            ..Refusal::default()
        };
        let (not_found, unauthorized) = sort(&refusal, &[2], &ids);
        assert_eq!(not_found, ["a", "e"]);
        assert_eq!(unauthorized, ["b", "c", "d"]);
    }
}
