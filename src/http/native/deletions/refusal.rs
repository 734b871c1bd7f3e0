//! A request that was refused whole: a problem that lists each item which stood against it.

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::ItemAnswer;
use crate::deletion::items::{Fate, Item};
use crate::http::json;

/// The type of the problem, whatever its status is.
const DELETION_REFUSED: &str = "/problems/deletion-refused";

/// Nothing was deleted: these items stood against it. Whatever is not among them would have gone.
#[derive(Serialize, ToSchema)]
#[schema(as = DeletionRefused)]
pub(super) struct Refused {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    items: Vec<ItemAnswer>,
}

/// The answer to a refused request.
pub(super) fn render(items: &[Item]) -> Response {
    let status = status_of(items);
    let refused = Refused {
        r#type: DELETION_REFUSED,
        title: "Nothing was deleted",
        status: status.as_u16(),
        items: items.iter().map(ItemAnswer::from).collect(),
    };
    json::render(status, "application/problem+json", &refused)
}

/// What all items have in common, or else that they conflict.
fn status_of(items: &[Item]) -> StatusCode {
    let all = |fate: Fate| !items.is_empty() && items.iter().all(|item| item.fate == fate);
    if all(Fate::Missing) {
        StatusCode::NOT_FOUND
    } else if all(Fate::Forbidden) {
        StatusCode::FORBIDDEN
    } else if all(Fate::Locked) {
        StatusCode::LOCKED
    } else if all(Fate::PreconditionFailed) {
        StatusCode::PRECONDITION_FAILED
    } else {
        StatusCode::CONFLICT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deletion::items::Named;
    use crate::deletion::record::Counts;

    #[test]
    fn the_status_is_what_all_items_have_in_common() {
        let item = |fate| Item {
            index: 0,
            named: Named::Nothing,
            fate,
            counts: Counts::default(),
            locked: Vec::new(),
            locked_count: 0,
        };
        for (fates, status) in [
            (&[Fate::Missing, Fate::Missing][..], 404),
            (&[Fate::Locked], 423),
            (&[Fate::Forbidden], 403),
            (&[Fate::PreconditionFailed], 412),
            (&[Fate::Missing, Fate::Locked], 409),
            (&[Fate::Missing, Fate::Forbidden], 409),
            (&[], 409),
        ] {
            let items: Vec<Item> = fates.iter().map(|fate| item(*fate)).collect();
            assert_eq!(status_of(&items).as_u16(), status, "{fates:?}");
        }
    }
}
