//! The decision alone: snapshots made by hand, and one property over snapshots made by chance.

mod fenced;

use proptest::prelude::*;

use super::*;
use crate::deletion::record::{LOCKED_NAMES_MAX, skipped};
use crate::deletion::request::{Atomicity, Door, MATCHED_FILES_MAX, Selector};
use crate::deletion::snapshot::{FoundMatching, MissedAnswer, TreeFolder};
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::filter::FileFilter;
use crate::domain::guard::{Guard, GuardLimits};
use crate::domain::id::{BlobId, DeletionId, EntryId, KeyId};
use crate::domain::organization::{OrganizationNumber, Realm};

fn at(path: &str) -> EntryPath {
    EntryPath::parse(path).unwrap()
}

fn request(missing: MissingPolicy, locked: LockedPolicy) -> DeleteRequest {
    DeleteRequest {
        id: DeletionId::from_bytes([1; 16]),
        realm: Realm::whole(OrganizationNumber(1)),
        key: KeyId::from_bytes([2; 16]),
        door: Door::Native,
        // The plan reads what was found, never what was selected.
        selectors: vec![Selector::Unmatchable],
        preconditions: Vec::new(),
        atomicity: Atomicity::AllOrNone,
        missing,
        locked,
        folders: FoldersPolicy::Whole,
        joins_missed: false,
        matched_files_max: MATCHED_FILES_MAX,
        guard: None,
        allowance: None,
        once: None,
        fence: None,
        at: Timestamp::from_millis(0),
    }
}

fn snapshot_of(found: Vec<Found>) -> Snapshot {
    Snapshot { found, ..Snapshot::default() }
}

fn strict(found: Vec<Found>) -> Result<Plan, Refusal> {
    plan(&request(MissingPolicy::Refuse, LockedPolicy::Refuse), &snapshot_of(found))
}

/// A request that takes what it can.
fn taking() -> DeleteRequest {
    DeleteRequest {
        atomicity: Atomicity::BestEffort,
        ..request(MissingPolicy::Count, LockedPolicy::Skip)
    }
}

fn lenient(found: Vec<Found>) -> Plan {
    plan(&taking(), &snapshot_of(found)).unwrap()
}

/// A file of `size` bytes, covered by the lock at `lock`.
fn file(number: u8, size: u64, lock: Option<&str>) -> FoundFile {
    let key = BlobKey { number: i64::from(number), id: BlobId::from_bytes([number; 16]) };
    FoundFile {
        id: EntryId::from_bytes([number; 16]),
        folder: FolderNumber(1),
        name: EntryName::parse("file").unwrap(),
        blob: SizedBlob { key, size },
        lock: lock.map(at),
        changed: false,
    }
}

const fn files(files: u64, bytes: u64) -> Counts {
    Counts { files, bytes, folders: 0 }
}

/// A tree drawn as lines: a folder's path, then the sizes of its direct files; `!` behind each of
/// these where it is locked, `?` where it has changed, `^` behind a folder where a lock was lifted.
/// Folders are numbered from 0 in this order.
fn tree(lines: &[&str]) -> FoundFolder {
    let words = |line: &&str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = lines.iter().map(words).collect();
    let bare = |word: &str| word.trim_end_matches(['!', '?', '^']).to_owned();
    let paths: Vec<EntryPath> = lines.iter().map(|line| at(&bare(&line[0]))).collect();
    let mut found = FoundFolder {
        id: EntryId::from_bytes([255; 16]),
        path: paths[0].clone(),
        lock_above: false,
        reserved: false,
        folders: Vec::new(),
        kept: Vec::new(),
    };
    for (index, line) in (0_u32..).zip(&lines) {
        let path = &paths[index as usize];
        let parent = paths.iter().position(|above| Some(above) == path.parent().as_ref());
        let sizes = line[1..].iter().map(|size| bare(size).parse::<u64>().unwrap());
        found.folders.push(TreeFolder {
            number: FolderNumber(i64::from(index)),
            parent: u32::try_from(parent.unwrap_or(0)).unwrap(),
            direct: sizes.map(Tally::one).sum(),
        });
        if line[0].ends_with('!') {
            found.kept.push(Kept::LockedFolder { folder: index, path: path.clone() });
        }
        if line[0].ends_with('?') {
            found.kept.push(Kept::ChangedFolder { folder: index });
        }
        if line[0].ends_with('^') {
            found.kept.push(Kept::Unlocked { folder: index });
        }
        for size in line[1..].iter().filter(|size| size.ends_with('?')) {
            let files = Tally::one(bare(size).parse().unwrap());
            found.kept.push(Kept::ChangedFiles { folder: index, files });
        }
        for size in line[1..].iter().filter(|size| size.ends_with('!')) {
            let name = EntryName::parse(&bare(size)).unwrap();
            let path = path.child(&name).unwrap();
            let size = bare(size).parse().unwrap();
            found.kept.push(Kept::LockedFile { folder: index, name, path, size });
        }
    }
    found
}

/// Roots of the trees that go whole, and survivors with the files they lose and those they keep.
type Shape = (Vec<i64>, Vec<(i64, u64, Vec<String>)>);

fn shape(plan: &Plan) -> Shape {
    let roots = plan.trees.iter().map(|tree| tree.root.0).collect();
    let survivor = |survivor: &Survivor| {
        let kept = survivor.kept.iter().map(|name| name.as_str().to_owned()).collect();
        (survivor.folder.0, survivor.doomed.files, kept)
    };
    (roots, plan.survivors.iter().map(survivor).collect())
}

fn kept(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn locked_of(plan: &Plan) -> Vec<String> {
    let paths = plan.outcomes.iter().flat_map(Outcome::locked);
    paths.map(|path| path.as_str().to_owned()).collect()
}

#[test]
fn a_file_goes_and_is_named_with_its_size() {
    let plan = strict(vec![Found::File(file(7, 30, None))]).unwrap();
    let named = vec![(EntryId::from_bytes([7; 16]), 30)];
    assert_eq!(plan.outcomes, [Outcome::Deleted { counts: files(1, 30), files: named }]);
    assert_eq!((plan.files, plan.counts), (vec![file(7, 30, None)], files(1, 30)));
    assert!(plan.trees.is_empty() && plan.survivors.is_empty() && plan.closed.is_empty());
}

#[test]
fn nothing_found_is_refused_or_counted() {
    let found = || vec![Found::Nothing, Found::File(file(1, 1, None)), Found::OutsidePrefix];
    let refusal = Refusal { missing: vec![0], outside_prefix: vec![2], ..Refusal::default() };
    assert_eq!(strict(found()), Err(refusal));
    let plan = lenient(found());
    assert_eq!((plan.missing, plan.counts), (2, files(1, 1)));
    assert_eq!((&plan.outcomes[0], &plan.outcomes[2]), (&Outcome::Missing, &Outcome::Forbidden));
}

#[test]
fn a_guard_judges_what_would_go_where_nothing_else_refuses() {
    let guard = |files_max, confirmed| {
        let limits = GuardLimits { files_max: Some(files_max), share_percent_max: None };
        Some(Guard { limits, confirmed })
    };
    let found = || vec![Found::File(file(1, 1, None)), Found::Folder(tree(&["/t 1 2", "/t/a! 3"]))];
    let decided = |request: DeleteRequest, guard| {
        plan(&DeleteRequest { guard, ..request }, &snapshot_of(found())).map(|plan| plan.counts)
    };
    let counts = Counts { files: 3, bytes: 4, folders: 0 };
    let refused = Refusal { unconfirmed: Some(3), ..Refusal::default() };
    assert_eq!(decided(taking(), guard(3, None)), Ok(counts));
    assert_eq!(decided(taking(), guard(2, None)), Err(refused.clone()));
    assert_eq!(decided(taking(), guard(2, Some(2))), Err(refused));
    assert_eq!(decided(taking(), guard(2, Some(3))), Ok(counts));
    let locked = Refusal { locked: vec![(1, at("/t/a"))], ..Refusal::default() };
    let strict = request(MissingPolicy::Refuse, LockedPolicy::Refuse);
    assert_eq!(decided(strict, guard(0, None)), Err(locked));
}

/// A precondition that does not hold refuses the whole, unless what can be done is to be done:
/// whatever becomes of what is missing or locked.
#[test]
fn a_failed_precondition_is_refused_or_spared() {
    let found = || vec![Found::OtherVersion, Found::File(file(1, 1, None))];
    let refusal = Refusal { precondition_failed: vec![0], ..Refusal::default() };
    assert_eq!(strict(found()), Err(refusal.clone()));
    let counting = request(MissingPolicy::Count, LockedPolicy::Skip);
    assert_eq!(plan(&counting, &snapshot_of(found())), Err(refusal));
    let plan = lenient(found());
    assert_eq!(plan.outcomes[0], Outcome::PreconditionFailed);
    assert_eq!((plan.missing, plan.counts), (0, files(1, 1)));
}

#[test]
fn a_locked_file_is_refused_or_skipped() {
    let found = || vec![Found::File(file(1, 1, None)), Found::File(file(2, 2, Some("/l")))];
    let refusal = Refusal { locked: vec![(1, at("/l"))], ..Refusal::default() };
    assert_eq!(strict(found()), Err(refusal));
    let plan = lenient(found());
    assert_eq!(plan.outcomes[1], Outcome::Locked(vec![at("/l")]));
    assert_eq!((plan.files.len(), plan.counts), (1, files(1, 1)));
}

/// I6: whoever repairs a request learns everything at once.
#[test]
fn a_refusal_carries_everything_that_is_wrong() {
    let found = vec![
        Found::Nothing,
        Found::File(file(1, 1, Some("/a"))),
        Found::OutsidePrefix,
        Found::Folder(tree(&["/t 1", "/t/x! 1", "/t/y 5! 6!"])),
        Found::File(file(2, 1, None)),
        Found::Nothing,
    ];
    let locked = vec![(1, at("/a")), (3, at("/t/x")), (3, at("/t/y/5")), (3, at("/t/y/6"))];
    let refusal =
        Refusal { missing: vec![0, 5], outside_prefix: vec![2], locked, ..Refusal::default() };
    assert_eq!(strict(found), Err(refusal));
}

#[test]
fn each_policy_forgives_its_own_fault_only() {
    let found = vec![Found::Nothing, Found::OutsidePrefix, Found::File(file(1, 1, Some("/l")))];
    let snapshot = snapshot_of(found);
    let locked = Refusal { locked: vec![(2, at("/l"))], ..Refusal::default() };
    let counting = request(MissingPolicy::Count, LockedPolicy::Refuse);
    assert_eq!(plan(&counting, &snapshot), Err(locked));
    let missing = Refusal { missing: vec![0], outside_prefix: vec![1], ..Refusal::default() };
    let skipping = request(MissingPolicy::Refuse, LockedPolicy::Skip);
    assert_eq!(plan(&skipping, &snapshot), Err(missing));
}

#[test]
fn what_another_selector_takes_is_neither_counted_nor_missing() {
    let found = vec![Found::Within(1), Found::Folder(tree(&["/t 1 2"])), Found::Within(1)];
    let plan = strict(found).unwrap();
    assert_eq!((&plan.outcomes[0], &plan.outcomes[2]), (&Outcome::Within(1), &Outcome::Within(1)));
    assert_eq!((plan.missing, plan.counts), (0, Counts { files: 2, bytes: 3, folders: 1 }));
}

#[test]
fn what_is_taken_by_what_is_taken_is_the_last_takers() {
    let found = vec![Found::Within(1), Found::Within(2), Found::Folder(tree(&["/t 1 2"]))];
    let plan = strict(found).unwrap();
    assert_eq!(plan.outcomes[..2], [Outcome::Within(2), Outcome::Within(2)]);
}

#[test]
fn a_missed_answer_is_joined_and_counts_nothing() {
    let answer = MissedAnswer { deletion: DeletionId::from_bytes([9; 16]), files: 4 };
    let plan = strict(vec![Found::Missed(answer)]).unwrap();
    let expected = Plan { outcomes: vec![Outcome::Joined(answer)], ..Plan::default() };
    assert_eq!(plan, expected);
}

#[test]
fn a_request_for_nothing_plans_nothing() {
    assert_eq!(strict(vec![]), Ok(Plan::default()));
}

#[test]
fn outputs_go_together_and_close_their_command() {
    let command = CommandId::from_bytes([5; 16]);
    let outputs = |files| Found::Outputs(FoundOutputs { command, files });
    let plan = strict(vec![outputs(vec![file(1, 1, None), file(2, 2, None)])]).unwrap();
    assert_eq!((plan.counts, plan.closed, plan.files.len()), (files(2, 3), vec![command], 2));
    let empty = strict(vec![outputs(vec![])]).unwrap();
    let nothing = Outcome::Deleted { counts: Counts::default(), files: vec![] };
    assert_eq!((empty.outcomes, empty.closed), (vec![nothing], vec![command]));
}

#[test]
fn locked_outputs_are_named_by_their_topmost_locks() {
    let command = CommandId::from_bytes([5; 16]);
    let locks = [Some("/l/2"), None, Some("/l"), Some("/l"), Some("/k")];
    let some = (1..).zip(locks).map(|(number, lock)| file(number, 1, lock)).collect();
    let found = || vec![Found::Outputs(FoundOutputs { command, files: some })];
    let plan = lenient(found());
    let locked = vec![at("/k"), at("/l")];
    assert_eq!(
        plan.outcomes,
        [Outcome::Partly { counts: files(1, 1), locked, changed: Counts::default() }]
    );
    let all = vec![file(1, 1, Some("/k"))];
    let plan = lenient(vec![Found::Outputs(FoundOutputs { command, files: all })]);
    assert_eq!(plan.outcomes, [Outcome::Locked(vec![at("/k")])]);
}

#[test]
fn a_tree_without_locks_goes_whole() {
    let plan = strict(vec![Found::Folder(tree(&["/t 1 2", "/t/a 3", "/t/a/b", "/t/c 4"]))]);
    let plan = plan.unwrap();
    let counts = Counts { files: 4, bytes: 10, folders: 4 };
    assert_eq!(plan.outcomes, [Outcome::Deleted { counts, files: vec![] }]);
    let marking = Marking::InCommit((0..4).map(FolderNumber).collect());
    assert_eq!(plan.trees, [DoomedTree { root: FolderNumber(0), marking, counts }]);
    assert_eq!(plan.survivors, []);
}

#[test]
fn a_locked_file_holds_the_folders_that_lead_to_it() {
    let drawn = ["/t 1", "/t/a 2", "/t/a/b 3! 4", "/t/a/c 5", "/t/d 6", "/t/d/e 7"];
    let plan = lenient(vec![Found::Folder(tree(&drawn))]);
    let survivors = vec![(0, 1, vec![]), (1, 1, vec![]), (2, 1, kept(&["3"]))];
    assert_eq!(shape(&plan), (vec![3, 4], survivors));
    assert_eq!(plan.counts, Counts { files: 6, bytes: 25, folders: 3 });
    assert_eq!(locked_of(&plan), ["/t/a/b/3"]);
}

#[test]
fn nothing_below_a_locked_folder_goes() {
    let drawn = ["/t 1", "/t/l! 2 3!", "/t/l/a 4", "/t/l/a/b 5", "/t/m 6"];
    let plan = lenient(vec![Found::Folder(tree(&drawn))]);
    assert_eq!(shape(&plan), (vec![4], vec![(0, 1, vec![])]));
    assert_eq!(
        (plan.counts, locked_of(&plan)),
        (Counts { files: 2, bytes: 7, folders: 1 }, kept(&["/t/l"]),)
    );
}

#[test]
fn nested_locks_are_named_by_the_topmost() {
    let drawn = ["/t", "/t/a!", "/t/a/b!", "/t/a/b/c 1!", "/t/d 2!", "/t/ab! 3"];
    let refusal = strict(vec![Found::Folder(tree(&drawn))]).unwrap_err();
    let named: Vec<&str> = refusal.locked.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(named, ["/t/a", "/t/ab", "/t/d/2"]);
}

#[test]
fn a_tree_whose_root_is_locked_stays_whole() {
    let plan = lenient(vec![Found::Folder(tree(&["/t! 1", "/t/a 2", "/t/b! 3!"]))]);
    assert_eq!(plan.outcomes, [Outcome::Locked(vec![at("/t")])]);
    assert_eq!((shape(&plan), plan.counts), ((vec![], vec![]), Counts::default()));
}

#[test]
fn a_covered_or_reserved_folder_is_named_itself() {
    for (lock_above, reserved) in [(true, false), (false, true)] {
        let folder = FoundFolder { lock_above, reserved, ..tree(&["/t 1", "/t/a 2"]) };
        let plan = lenient(vec![Found::Folder(folder.clone())]);
        assert_eq!(plan.outcomes, [Outcome::Locked(vec![at("/t")])]);
        assert_eq!((shape(&plan), plan.counts), ((vec![], vec![]), Counts::default()));
        let refusal = Refusal { locked: vec![(0, at("/t"))], ..Refusal::default() };
        assert_eq!(strict(vec![Found::Folder(folder)]), Err(refusal));
    }
}

/// A survivor that loses nothing needs no work, and what holds only locks is locked, not partly
/// deleted.
#[test]
fn a_tree_of_nothing_but_locked_files_loses_nothing() {
    let plan = lenient(vec![Found::Folder(tree(&["/t 1!", "/t/a", "/t/a/b 2! 3!"]))]);
    assert_eq!((shape(&plan), plan.counts), ((vec![], vec![]), Counts::default()));
    let locked = vec![at("/t/1"), at("/t/a/b/2"), at("/t/a/b/3")];
    assert_eq!(plan.outcomes, [Outcome::Locked(locked)]);
}

#[test]
fn an_empty_folder_beside_a_lock_goes_and_counts() {
    let plan = lenient(vec![Found::Folder(tree(&["/t 1!", "/t/empty"]))]);
    assert_eq!(shape(&plan), (vec![1], vec![]));
    assert!(matches!(plan.outcomes[0], Outcome::Partly { .. }));
    assert_eq!(plan.counts, Counts { files: 0, bytes: 0, folders: 1 });
}

fn empty_only(found: Vec<Found>, locked: LockedPolicy) -> Result<Plan, Refusal> {
    let request = DeleteRequest {
        folders: FoldersPolicy::EmptyOnly,
        ..request(MissingPolicy::Refuse, locked)
    };
    plan(&request, &snapshot_of(found))
}

#[test]
fn a_request_for_empty_folders_spares_all_others_whatever_is_locked() {
    let not_empty = |index| Err(Refusal { not_empty: vec![index], ..Refusal::default() });
    for locked in [LockedPolicy::Refuse, LockedPolicy::Skip] {
        for full in [&["/t 1"][..], &["/t 0"], &["/t", "/t/a"], &["/t! 1!"], &["/t", "/t/a! 1"]] {
            let (file, full) = (Found::File(file(1, 1, None)), Found::Folder(tree(full)));
            assert_eq!(empty_only(vec![file, full], locked), not_empty(1));
        }
        let plan = empty_only(vec![Found::Folder(tree(&["/t"]))], locked).unwrap();
        assert_eq!(plan.counts, Counts { files: 0, bytes: 0, folders: 1 });
        assert_eq!(plan.trees.len(), 1);
    }
}

#[test]
fn an_empty_folder_that_is_locked_or_reserved_is_refused_as_that() {
    let reserved = FoundFolder { reserved: true, ..tree(&["/t"]) };
    let covered = FoundFolder { lock_above: true, ..tree(&["/t"]) };
    for held in [tree(&["/t!"]), reserved, covered] {
        let refusal = Refusal { locked: vec![(0, at("/t"))], ..Refusal::default() };
        assert_eq!(empty_only(vec![Found::Folder(held)], LockedPolicy::Refuse), Err(refusal));
    }
}

/// A wide tree of this many folders, the root among them.
fn wide(folders: usize) -> Found {
    let folder =
        |number| TreeFolder { number: FolderNumber(number), parent: 0, direct: Tally::default() };
    let folders = (0..i64::try_from(folders).unwrap()).map(folder).collect();
    Found::Folder(FoundFolder { folders, ..tree(&["/t"]) })
}

fn is_marked_in_commit(tree: &DoomedTree) -> bool {
    matches!(tree.marking, Marking::InCommit(_))
}

#[test]
fn a_tree_beyond_the_commits_bound_is_marked_in_steps() {
    for (folders, in_commit) in
        [(FOLDERS_PER_COMMIT_MAX, true), (FOLDERS_PER_COMMIT_MAX + 1, false)]
    {
        let plan = strict(vec![wide(folders)]).unwrap();
        assert_eq!(plan.counts.folders, folders as u64);
        assert_eq!((plan.trees.len(), is_marked_in_commit(&plan.trees[0])), (1, in_commit));
    }
}

/// The bound is the commit's: what one tree uses up is not there for the next, and a tree that
/// is marked in steps uses up nothing.
#[test]
fn trees_of_one_commit_share_its_bound() {
    let half = FOLDERS_PER_COMMIT_MAX / 2;
    let plan = strict(vec![wide(half + 1), wide(half), wide(half - 1), wide(1)]).unwrap();
    let marked: Vec<bool> = plan.trees.iter().map(is_marked_in_commit).collect();
    assert_eq!(marked, [true, false, true, false]);
}

fn matching(files: Vec<FoundFile>, beyond: Option<u64>) -> Found {
    let beyond = beyond.map(|files| Tally { files, bytes: files });
    Found::Matching(FoundMatching { files, beyond })
}

fn some_files(count: u8) -> Vec<FoundFile> {
    (0..count).map(|number| file(number, 1, None)).collect()
}

/// I6: the bound is one for all filters of an atomic request, and the refusal has the whole count.
#[test]
fn an_atomic_request_takes_a_bounded_number_of_matching_files() {
    let found = || vec![matching(some_files(2), None), matching(some_files(1), None)];
    let bounded = |matched_files_max, found: Vec<Found>| {
        let strict = request(MissingPolicy::Refuse, LockedPolicy::Refuse);
        plan(&DeleteRequest { matched_files_max, ..strict }, &snapshot_of(found))
    };
    assert_eq!(bounded(3, found()).unwrap().counts, files(3, 3));
    let too_many = |count| Refusal { too_many_matching: Some(count), ..Refusal::default() };
    assert_eq!(bounded(2, found()), Err(too_many(3)));
    let beyond = vec![matching(some_files(2), Some(7)), matching(vec![], None)];
    assert_eq!(bounded(2, beyond), Err(too_many(9)));
}

#[test]
fn a_best_effort_leaves_to_steps_what_does_not_fit() {
    let found =
        vec![matching(some_files(1), None), Found::Nothing, matching(some_files(2), Some(5))];
    let plan = lenient(found);
    let beyond = Tally { files: 5, bytes: 5 };
    let (counts, locked) = (files(2, 2), vec![]);
    assert_eq!(plan.outcomes[2], Outcome::Selecting { counts, locked, beyond });
    assert_eq!((plan.selections, plan.beyond), (vec![2], beyond));
    assert_eq!((plan.files.len(), plan.counts), (3, files(3, 3)));
}

/// A filter that finds nothing has found what it asked for.
#[test]
fn a_filter_that_finds_nothing_is_not_missing() {
    let plan = strict(vec![matching(vec![], None)]).unwrap();
    let nothing = Outcome::Deleted { counts: Counts::default(), files: vec![] };
    assert_eq!((plan.outcomes, plan.missing), (vec![nothing], 0));
}

#[test]
fn of_the_locked_files_that_filters_find_the_first_are_named() {
    let locked = |number: usize| file(1, 1, Some(&format!("/l/{number:05}")));
    let all = (0..=LOCKED_NAMES_MAX).map(locked).collect();
    let plan = lenient(vec![matching(all, None)]);
    assert_eq!(plan.locked_files, LOCKED_NAMES_MAX as u64 + 1);
    assert_eq!(locked_of(&plan).len(), LOCKED_NAMES_MAX + 1);
    let filter = [Selector::Matching(FileFilter::default())];
    assert_eq!(skipped(&filter, &plan.outcomes).len(), LOCKED_NAMES_MAX);
    let named = [Selector::Unmatchable];
    assert_eq!(skipped(&named, &plan.outcomes).len(), LOCKED_NAMES_MAX + 1);
}

#[test]
fn a_guard_counts_what_is_left_to_steps() {
    let limits = GuardLimits { files_max: Some(6), share_percent_max: None };
    let guarded = |confirmed| {
        let request = DeleteRequest { guard: Some(Guard { limits, confirmed }), ..taking() };
        plan(&request, &snapshot_of(vec![matching(some_files(2), Some(5))]))
    };
    let refused = Refusal { unconfirmed: Some(7), ..Refusal::default() };
    assert_eq!(guarded(Some(2)), Err(refused));
    assert!(guarded(Some(7)).is_ok());
}

prop_compose! {
    /// Any tree: each folder below an earlier one, each locked or not, each with some files.
    fn any_tree()(
        parents in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        locks in prop::collection::vec(prop::bool::weighted(0.15), 12),
        contents in prop::collection::vec(
            prop::collection::vec((0..100_u64, prop::bool::weighted(0.2)), 0..4), 12),
        lock_above in prop::bool::weighted(0.1),
    ) -> FoundFolder {
        let mut paths = vec!["/t".to_owned()];
        for (number, parent) in parents.iter().enumerate() {
            let path = format!("{}/{number}", paths[parent.index(paths.len())]);
            paths.push(path);
        }
        let lines: Vec<String> = paths.iter().zip(&locks).zip(&contents)
            .map(|((path, locked), sizes)| {
                // Names are sizes, and must differ: no file here shares its size with another.
                let sizes = sizes.iter().zip(0_u64..).map(|((size, locked), n)| {
                    format!(" {}{}", size * 4 + n, if *locked { "!" } else { "" })
                });
                format!("{path}{}{}", if *locked { "!" } else { "" }, sizes.collect::<String>())
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        FoundFolder { lock_above, ..tree(&lines) }
    }
}

fn any_found() -> impl Strategy<Value = Found> {
    let lock = prop::option::weighted(0.2, prop::sample::select(vec!["/l", "/l/m", "/k"]));
    let some_file = (any::<u8>(), 0..100_u64, lock).prop_map(|(n, size, lock)| file(n, size, lock));
    let command = CommandId::from_bytes([5; 16]);
    prop_oneof![
        1 => Just(Found::Nothing),
        1 => Just(Found::OutsidePrefix),
        1 => Just(Found::OtherVersion),
        1 => Just(Found::Within(0)),
        3 => some_file.clone().prop_map(Found::File),
        2 => (prop::collection::vec(some_file.clone(), 0..4), prop::option::weighted(0.2, 0..9_u64))
            .prop_map(|(files, beyond)| matching(files, beyond)),
        2 => prop::collection::vec(some_file, 0..4)
            .prop_map(move |files| Found::Outputs(FoundOutputs { command, files })),
        4 => any_tree().prop_map(Found::Folder),
    ]
}

/// What a file-by-file reading of the rule says: how many of each go in this tree.
fn gone_by_the_rule(folder: &FoundFolder) -> Counts {
    let covers = |kept: &&Kept| kept.covers_folder();
    let locked =
        |index: usize| folder.kept.iter().filter(covers).any(|kept| kept.folder() == index);
    let way_up = |index: usize| {
        std::iter::successors(Some(index), |below| {
            (*below > 0).then(|| folder.folders[*below].parent as usize)
        })
    };
    let is_covered = |index: usize| folder.lock_above || way_up(index).any(locked);
    let leads_to_a_lock = |index: usize| {
        folder.kept.iter().map(Kept::folder).any(|lock| way_up(lock).any(|above| above == index))
    };
    let mut counts = Counts::default();
    for (index, member) in folder.folders.iter().enumerate().filter(|(at, _)| !is_covered(*at)) {
        let own = folder.kept.iter().filter(|kept| kept.folder() == index);
        counts += Counts::files(member.direct - own.map(Kept::files).sum());
        counts.folders += u64::from(!leads_to_a_lock(index));
    }
    counts
}

proptest! {
    /// I9, I11: the same twice, counts that are the sum of their parts, and the rule read
    /// folder by folder.
    #[test]
    fn a_plan_is_the_sum_of_its_outcomes(found in prop::collection::vec(any_found(), 0..6)) {
        let snapshot = snapshot_of(found);
        let request = taking();
        let planned = plan(&request, &snapshot).unwrap();
        prop_assert_eq!(&Ok(planned.clone()), &plan(&request, &snapshot));
        let mut sum = Counts::default();
        for (outcome, found) in planned.outcomes.iter().zip(&snapshot.found) {
            let counts = outcome.counts();
            if let Found::Folder(folder) = found {
                prop_assert_eq!(counts, gone_by_the_rule(folder));
            }
            sum += counts;
        }
        let mut applied = Counts::files(planned.files.iter().map(|f| Tally::one(f.blob.size)).sum());
        planned.trees.iter().for_each(|tree| applied += tree.counts);
        planned.survivors.iter().for_each(|survivor| applied += Counts::files(survivor.doomed));
        prop_assert_eq!((planned.counts, planned.counts), (sum, applied));
        prop_assert!(planned.files.iter().all(|file| file.lock.is_none()));
    }

    /// I6: the strict policies refuse exactly what the lenient ones leave behind.
    #[test]
    fn a_refusal_names_what_leniency_leaves_behind(
        found in prop::collection::vec(any_found(), 0..6),
    ) {
        let left: Vec<(usize, EntryPath)> = lenient(found.clone()).outcomes.iter().enumerate()
            .flat_map(|(index, outcome)| {
                outcome.locked().iter().map(move |path| (index, path.clone()))
            })
            .collect();
        let indexes = |what: Found| -> Vec<usize> {
            (0..found.len()).filter(|index| found[*index] == what).collect()
        };
        let missing = indexes(Found::Nothing);
        let outside_prefix = indexes(Found::OutsidePrefix);
        let precondition_failed = indexes(Found::OtherVersion);
        let matching: Vec<&FoundMatching> = found.iter().filter_map(|found| match found {
            Found::Matching(matching) => Some(matching),
            _ => None,
        }).collect();
        let beyond = || matching.iter().filter_map(|matching| matching.beyond);
        let all = matching.iter().map(|matching| matching.files.len() as u64).sum::<u64>()
            + beyond().map(|beyond| beyond.files).sum::<u64>();
        let too_many_matching = beyond().next().map(|_| all);
        let refusal = Refusal {
            missing,
            outside_prefix,
            precondition_failed,
            too_many_matching,
            locked: left,
            ..Refusal::default()
        };
        match strict(found.clone()) {
            Ok(planned) => prop_assert_eq!((refusal, planned), (Refusal::default(), lenient(found))),
            Err(refused) => prop_assert_eq!(refused, refusal),
        }
    }
}
