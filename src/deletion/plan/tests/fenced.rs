//! Plans of requests with a fence: what has changed stays, is counted, and refuses nothing.

use super::*;
use crate::deletion::fence::{Fence, LOOK_FILES_MAX, PlannedFound, PlannedItem};
use crate::domain::entry::Sequence;
use crate::domain::id::PlanId;

fn fenced(items: Vec<PlannedItem>, request: DeleteRequest) -> DeleteRequest {
    let (plan, sequence) = (PlanId::from_bytes([3; 16]), Sequence(1));
    let (made_at, look_files_max) = (Timestamp::from_millis(0), LOOK_FILES_MAX);
    let fence = Some(Fence { plan, sequence, made_at, items, look_files_max });
    DeleteRequest { fence, ..request }
}

/// What a plan of these findings would keep of each.
fn planned(found: &[Found]) -> Vec<PlannedItem> {
    let plan = lenient(found.to_vec());
    crate::deletion::fence::planned_items(&snapshot_of(found.to_vec()), &plan)
}

/// The plan of `then`, committed where `now` is found.
fn committed(then: &[Found], now: Vec<Found>) -> Result<Plan, Refusal> {
    let strict = request(MissingPolicy::Refuse, LockedPolicy::Refuse);
    plan(&fenced(planned(then), strict), &snapshot_of(now))
}

fn folder(lines: &[&str]) -> Found {
    Found::Folder(tree(lines))
}

fn counts(files: u64, bytes: u64, folders: u64) -> Counts {
    Counts { files, bytes, folders }
}

#[test]
fn what_has_changed_stays_with_what_leads_to_it() {
    let then = folder(&["/t 1 2", "/t/a 3", "/t/a/b 4", "/t/c 5", "/t/d"]);
    let now = folder(&["/t 1 2?", "/t/a 3", "/t/a/b? 4", "/t/c 5 60?", "/t/d"]);
    let plan = committed(&[then], vec![now]).unwrap();
    assert_eq!(shape(&plan), (vec![4], vec![(0, 1, vec![]), (1, 1, vec![]), (3, 1, vec![])]));
    let (gone, stays) = (counts(3, 9, 1), counts(2, 6, 4));
    let outcome = Outcome::Partly { counts: gone, locked: vec![], changed: stays };
    assert_eq!((plan.outcomes, plan.counts, plan.changed), (vec![outcome], gone, stays));
}

#[test]
fn a_changed_root_covers_all_that_is_in_it() {
    let plan = committed(&[folder(&["/t 1", "/t/a 2"])], vec![folder(&["/t? 1", "/t/a 2"])]);
    let plan = plan.unwrap();
    assert_eq!(shape(&plan), (vec![], vec![]));
    assert_eq!(plan.outcomes, [Outcome::Changed { changed: counts(2, 3, 2), locked: vec![] }]);
}

#[test]
fn a_folder_of_which_a_lock_was_lifted_stays_alone() {
    let (then, now) = (folder(&["/t 1", "/t/a! 2", "/t/b 3"]), folder(&["/t^ 1", "/t/b 3"]));
    let now = vec![now];
    let planned = planned(&[then]);
    assert_eq!(planned[0].counts, counts(2, 4, 1));
    let strict = request(MissingPolicy::Refuse, LockedPolicy::Refuse);
    let plan = plan(&fenced(planned, strict), &snapshot_of(now)).unwrap();
    assert_eq!(shape(&plan), (vec![1], vec![(0, 1, vec![])]));
    let outcome = Outcome::Deleted { counts: counts(2, 4, 1), files: vec![] };
    assert_eq!(plan.outcomes, [outcome]);
}

#[test]
fn what_is_not_found_again_has_changed() {
    let changed = FoundFile { changed: true, ..file(1, 7, None) };
    let one = counts(1, 7, 0);
    for now in [
        Found::Nothing,
        Found::OutsidePrefix,
        Found::OtherVersion,
        Found::Within(0),
        Found::File(file(2, 7, None)),
        Found::File(file(2, 7, Some("/l"))),
        Found::File(changed),
        folder(&["/t 1"]),
    ] {
        let plan = committed(&[Found::File(file(1, 7, None))], vec![now.clone()]).unwrap();
        let outcome = Outcome::Changed { changed: one, locked: vec![] };
        assert_eq!((plan.outcomes, plan.changed), (vec![outcome], one), "{now:?}");
        assert_eq!((plan.counts, plan.missing), (Counts::default(), 0), "{now:?}");
    }
}

#[test]
fn what_was_not_planned_is_not_taken() {
    let now = || vec![Found::File(file(1, 7, None))];
    for then in [Found::Nothing, Found::Within(0), Found::OtherVersion] {
        let plan = committed(&[then], now()).unwrap();
        let outcome = Outcome::Changed { changed: Counts::default(), locked: vec![] };
        assert_eq!((plan.outcomes, plan.files), (vec![outcome], vec![]));
    }
    // A fence without items lets nothing go.
    assert_eq!(committed(&[], now()).unwrap().counts, Counts::default());
}

#[test]
fn what_is_locked_refuses_whether_it_has_changed_or_not() {
    let then = || vec![Found::File(file(1, 7, None)), folder(&["/t 1", "/t/a 2"])];
    let locked = FoundFile { changed: true, ..file(1, 7, Some("/l")) };
    let now = || vec![Found::File(locked.clone()), folder(&["/t? 1", "/t/a! 2"])];
    let locked = vec![(0, at("/l")), (1, at("/t/a"))];
    assert_eq!(committed(&then(), now()), Err(Refusal { locked, ..Refusal::default() }));
    let plan = plan(&fenced(planned(&then()), taking()), &snapshot_of(now())).unwrap();
    let file = Outcome::Changed { changed: counts(1, 7, 0), locked: vec![at("/l")] };
    let tree = Outcome::Changed { changed: counts(2, 3, 2), locked: vec![at("/t/a")] };
    assert_eq!(plan.outcomes, [file, tree]);
}

#[test]
fn a_folder_that_was_empty_and_is_not_has_changed() {
    let request = DeleteRequest {
        folders: FoldersPolicy::EmptyOnly,
        ..request(MissingPolicy::Refuse, LockedPolicy::Refuse)
    };
    let request = fenced(planned(&[folder(&["/t"])]), request);
    let now = snapshot_of(vec![folder(&["/t 1"])]);
    let outcome = Outcome::Changed { changed: counts(0, 0, 1), locked: vec![] };
    assert_eq!(plan(&request, &now).unwrap().outcomes, [outcome]);
}

#[test]
fn more_changes_than_may_be_looked_at_refuse_the_commit() {
    let now = Snapshot { too_much_changed: true, ..snapshot_of(vec![folder(&["/t 1"])]) };
    let request = fenced(planned(&now.found), taking());
    let refusal = Refusal { too_much_changed: true, ..Refusal::default() };
    assert_eq!(plan(&request, &now), Err(refusal));
}

#[test]
fn a_stored_plan_is_confirmed_by_the_count_that_it_told() {
    let (then, now) = (vec![folder(&["/t 1 2 3"])], vec![folder(&["/t 1 2? 3"])]);
    let decided = |confirmed| {
        let limits = GuardLimits { files_max: Some(1), share_percent_max: None };
        let guard = Some(Guard { limits, confirmed });
        let request = DeleteRequest { guard, ..fenced(planned(&then), taking()) };
        plan(&request, &snapshot_of(now.clone())).map(|plan| plan.counts.files)
    };
    let refusal = Refusal { unconfirmed: Some(3), ..Refusal::default() };
    assert_eq!(decided(None), Err(refusal.clone()));
    assert_eq!(decided(Some(2)), Err(refusal));
    assert_eq!(decided(Some(3)), Ok(2));
}

prop_compose! {
    /// Findings, and the same with some of it changed since.
    fn then_and_now()(
        found in prop::collection::vec(any_found(), 0..6),
        marks in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 0..3_u8), 6),
    ) -> (Vec<Found>, Vec<Found>) {
        let now = found.iter().zip(&marks).map(|(found, mark)| since(found, mark)).collect();
        (found, now)
    }
}

fn since(found: &Found, (is_marked, index, how): &(bool, prop::sample::Index, u8)) -> Found {
    let mut now = found.clone();
    if !is_marked {
        return now;
    }
    match &mut now {
        Found::File(file) => file.changed = true,
        Found::Outputs(outputs) => {
            let count = outputs.files.len().max(1);
            outputs.files.iter_mut().take(index.index(count)).for_each(|file| file.changed = true);
        }
        Found::Folder(tree) => {
            let at = index.index(tree.folders.len());
            let folder = u32::try_from(at).unwrap();
            let locked = tree.kept.iter().filter(|kept| kept.folder() == at).map(Kept::files).sum();
            let free = tree.folders[at].direct - locked;
            tree.kept.push(match how {
                0 => Kept::ChangedFolder { folder },
                1 => Kept::Unlocked { folder },
                _ => Kept::ChangedFiles { folder, files: free },
            });
        }
        Found::Nothing
        | Found::Missed(_)
        | Found::OutsidePrefix
        | Found::OtherVersion
        | Found::Within(_)
        | Found::Matching(_) => {}
    }
    now
}

proptest! {
    /// What goes and what has changed are what was planned, item by item, and nothing but locks
    /// refuses.
    #[test]
    fn what_goes_and_what_has_changed_is_what_was_planned((then, now) in then_and_now()) {
        let items = planned(&then);
        let lenient = plan(&fenced(items.clone(), taking()), &snapshot_of(now.clone())).unwrap();
        for ((outcome, item), found) in lenient.outcomes.iter().zip(&items).zip(&now) {
            let mut sum = outcome.counts();
            sum += outcome.changed();
            prop_assert_eq!(sum, item.counts);
            if let Found::Folder(tree) = found {
                prop_assert_eq!(outcome.counts(), gone_by_the_rule(tree));
            }
        }
        prop_assert!(lenient.files.iter().all(|file| file.lock.is_none() && !file.changed));
        if then == now {
            prop_assert_eq!(&lenient, &super::lenient(then.clone()));
        }
        let policies = request(MissingPolicy::Count, LockedPolicy::Refuse);
        let strict = DeleteRequest { atomicity: Atomicity::BestEffort, ..policies };
        if let Err(refusal) = plan(&fenced(items, strict), &snapshot_of(now)) {
            let only_locked = Refusal { locked: refusal.locked.clone(), ..Refusal::default() };
            prop_assert_eq!(refusal, only_locked);
        }
    }
}

#[test]
fn findings_are_told_apart_by_identity() {
    let found = [
        (Found::File(file(1, 1, None)), PlannedFound::Entry(EntryId::from_bytes([1; 16]))),
        (folder(&["/t"]), PlannedFound::Entry(EntryId::from_bytes([255; 16]))),
        (Found::Within(4), PlannedFound::Within),
        (Found::OutsidePrefix, PlannedFound::Nothing),
    ];
    for (found, kept) in found {
        assert_eq!(PlannedFound::of(&found), kept);
    }
}
