//! What of the files that filters find is taken in the commit, and what is left to steps.

use super::{Plan, plan_files};
use crate::deletion::fence::PlannedItem;
use crate::deletion::record::{Outcome, Refusal};
use crate::deletion::request::{Atomicity, DeleteRequest};
use crate::deletion::snapshot::{Found, FoundMatching, Snapshot};

/// The files that one filter takes in the commit. Where there are more, a best effort goes on with
/// them in steps.
pub(super) fn plan_matching(
    (index, planned): (usize, Option<&PlannedItem>),
    matching: &FoundMatching,
    plan: &mut Plan,
) -> Outcome {
    let outcome = plan_files(&matching.files, planned, plan);
    plan.locked_files += outcome.locked().len() as u64;
    let Some(beyond) = matching.beyond else { return outcome };
    plan.selections.push(index);
    plan.beyond += beyond;
    let (counts, locked) = (outcome.counts(), outcome.locked().to_vec());
    Outcome::Selecting { counts, locked, beyond }
}

/// How many files the filters of a request find, where that is more than an atomic one takes.
pub(super) fn too_many(request: &DeleteRequest, snapshot: &Snapshot, refusal: &mut Refusal) {
    if request.atomicity == Atomicity::BestEffort {
        return;
    }
    let matching = snapshot.found.iter().filter_map(|found| match found {
        Found::Matching(matching) => Some(matching),
        Found::Nothing
        | Found::Missed(_)
        | Found::OutsidePrefix
        | Found::OtherVersion
        | Found::Within(_)
        | Found::File(_)
        | Found::Folder(_)
        | Found::Outputs(_) => None,
    });
    let (mut files, mut goes_beyond) = (0, false);
    for FoundMatching { files: found, beyond } in matching {
        files += found.len() as u64 + beyond.map_or(0, |beyond| beyond.files);
        goes_beyond |= beyond.is_some();
    }
    let is_too_many = goes_beyond || files > request.matched_files_max as u64;
    refusal.too_many_matching = is_too_many.then_some(files);
}
