//! A request that was refused whole: a problem that lists each item which stood against it.

use axum::response::Response;
use http::StatusCode;

use super::answer::ItemAnswer;
use crate::deletion::items::{self, Fate, Item};
use crate::deletion::record::Refusal;
use crate::deletion::request::Selector;
use crate::http::error::ApiError;
use crate::http::native::problem;

/// The answer to a refused request.
pub(super) fn render(
    selectors: &[Selector],
    refusal: &Refusal,
    matched_files_max: usize,
) -> Response {
    if let Some(files) = refusal.unconfirmed {
        return problem::render(&ApiError::Unconfirmed { files });
    }
    if refusal.too_much_changed {
        return problem::plan_again();
    }
    if let Some(files) = refusal.too_many_matching {
        return problem::too_many_files(files, matched_files_max);
    }
    let items = items::of_refusal(selectors, refusal);
    let status = status_of(&items);
    problem::deletion_refused(status, items.iter().map(ItemAnswer::from).collect())
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
            changed: Counts::default(),
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
