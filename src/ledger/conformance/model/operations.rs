//! What a run consists of: small choices, which the sides turn into requests.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::together::{Bundle, PARTS_MAX};
use crate::deletion::request::{
    Atomicity, FoldersPolicy, LockedPolicy, MATCHED_FILES_MAX, MissingPolicy,
};
use crate::domain::entry::TagChange;
use crate::domain::filter::FileFilter;
use crate::domain::guard::{Guard, GuardLimits};
use crate::domain::path::EntryPath;

/// Where things are stored, deleted and locked: few places, close together.
pub(super) const PLACES: [&str; 16] = [
    "/a",
    "/a/b",
    "/a/b/x",
    "/a/b/y",
    "/a/b/c/x",
    "/a/b/c/y",
    "/a/d/x",
    "/ab",
    "/ab/x",
    "/a.txt",
    "/e/f/g/x",
    "/e/f",
    "/uploads",
    "/uploads/x",
    "/commands/0/0",
    "/commands/1",
];

/// The tags and texts that occur.
pub(super) const WORDS: [&str; 3] = ["red", "Blue", "ä"];

/// Plans by their quotas of bytes and of files, their backlog, and their largest file.
pub(super) const PLANS: [[Option<u64>; 4]; 5] = [
    [None, None, None, None],
    [Some(20), None, None, None],
    [None, Some(4), None, None],
    [None, None, Some(6), None],
    [Some(12), Some(6), Some(30), Some(7)],
];

/// How far the clock moves: within a lease, past a retry, past a lease, past an intent.
pub(super) const PAUSES_SECONDS: [u64; 5] = [0, 2, 30, 61, 3601];

/// Whose realm: all of the first organization, of the second, or `/a` of the first.
pub(super) type Who = usize;

/// One thing that is selected.
#[derive(Clone, Debug)]
pub(super) enum Pick {
    /// A place, as a folder or not.
    Place(usize, bool),
    /// One of the ids that were ever offered, counted from the newest.
    Id(usize),
    /// The identity of what lies at a place.
    Entry(usize),
    /// A command's outputs.
    Outputs(usize),
    /// What a filter takes.
    Matching(FileFilter),
    /// Nothing.
    Unmatchable,
}

/// A request to delete.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) who: Who,
    pub(super) picks: Vec<Pick>,
    /// Which picks want the version that lies at which place.
    pub(super) conditions: Vec<(usize, usize)>,
    pub(super) atomicity: Atomicity,
    /// Files that filters take in the commit at most.
    pub(super) matched_files_max: usize,
    pub(super) guard: Option<Guard>,
    pub(super) missing: MissingPolicy,
    pub(super) locked: LockedPolicy,
    pub(super) folders: FoldersPolicy,
    pub(super) joins_missed: bool,
    pub(super) has_allowance: bool,
}

/// One operation.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Stores a version; `late` under an intent that was reserved earlier.
    Upload { who: Who, place: usize, size: u64, word: Option<usize>, overwrite: bool, late: bool },
    /// Stores an output of a command.
    Output { who: Who, command: usize, key: usize },
    /// Reserves an intent for later.
    Reserve,
    /// Gives the oldest reserved intent up.
    Abandon,
    /// Makes a folder.
    Make { who: Who, place: usize },
    /// Moves what is at one place to another, which may say a folder.
    Move { who: Who, from: usize, to: usize, slash: bool },
    /// Tags a file.
    Tag { who: Who, place: usize, change: TagChange },
    /// Lists the children of a folder, in pages of this many.
    Children { who: Who, place: usize, limit: u64 },
    /// Attaches many versions.
    Attach(Bundle),
    /// Renews the intents that were reserved for later.
    Renew,
    /// Walks a tree, or what of it comes behind a place, in pages of this many.
    Walk {
        who: Who,
        place: usize,
        depth: Option<usize>,
        after: Option<(usize, bool)>,
        limit: usize,
    },
    /// Locks or unlocks.
    Lock { who: Who, place: usize, locked: bool },
    /// Deletes.
    Delete(Wish),
    /// Asks what deleting would do.
    Preview(Wish),
    /// Stores the plan of deleting.
    Draft(Wish),
    /// Commits a stored plan, counted from the latest.
    CommitDraft(usize),
    /// Remembers a missed answer for one of the ids or commands.
    Miss { pick: Pick, files: u64 },
    /// Lists a page.
    List { who: Who, tag: Option<usize>, text: Option<usize>, offset: u64, limit: u64 },
    /// Expands until nothing waits, in steps of this many blobs.
    Expand(usize),
    /// Cancels a deletion, counted from the newest.
    Cancel { who: Who, back: usize },
    /// Leases whatever is due.
    Lease,
    /// Settles what was leased, counted from the latest lease; blobs of one residue are kept.
    Settle { back: usize, kept: usize },
    /// Has the organizations' plan be one of several.
    Plan(usize),
    /// Asks whether there would be room.
    Room { who: Who, place: usize, size: u64 },
    /// Lets time pass.
    Wait(usize),
    /// Sweeps expired intents.
    Sweep,
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        6 => (0..PLACES.len(), any::<bool>()).prop_map(|(place, slash)| Pick::Place(place, slash)),
        4 => (0..12_usize).prop_map(Pick::Id),
        3 => (0..PLACES.len()).prop_map(Pick::Entry),
        1 => (0..2_usize).prop_map(Pick::Outputs),
        3 => filter().prop_map(Pick::Matching),
        1 => Just(Pick::Unmatchable),
    ]
}

/// Sizes, ages and tags that occur, and places that may be a folder, a file or nothing.
fn filter() -> impl Strategy<Value = FileFilter> {
    let some = |weight| proptest::option::weighted(weight, 0..9_u64);
    let prefix = proptest::option::weighted(0.4, (0..PLACES.len()).prop_map(|at| PLACES[at]));
    let tag = proptest::option::weighted(0.4, (0..WORDS.len()).prop_map(|word| WORDS[word]));
    let age = proptest::option::weighted(0.2, 0..PAUSES_SECONDS.len());
    (prefix, tag, age, some(0.4), some(0.2)).prop_map(|(prefix, tag, age, larger, smaller)| {
        let seconds = age.map(|pause| PAUSES_SECONDS[pause]);
        FileFilter {
            prefix: prefix.map(|path| EntryPath::parse(path).expect("places are paths")),
            tags: tag.into_iter().map(str::to_owned).collect(),
            older_than: seconds.map(Duration::from_secs),
            larger_than: larger,
            smaller_than: smaller,
            media_type: None,
        }
    })
}

fn guard() -> impl Strategy<Value = Option<Guard>> {
    let some = || proptest::option::of(0..4_u64);
    let percent = proptest::option::of(proptest::sample::select(vec![0, 30, 100]));
    let guard = (some(), percent, some()).prop_map(|(files_max, share_percent_max, confirmed)| {
        Guard { limits: GuardLimits { files_max, share_percent_max }, confirmed }
    });
    proptest::option::weighted(0.2, guard)
}

fn wish() -> impl Strategy<Value = Wish> {
    let missing = prop_oneof![Just(MissingPolicy::Refuse), Just(MissingPolicy::Count)];
    let locked = prop_oneof![Just(LockedPolicy::Refuse), Just(LockedPolicy::Skip)];
    let folders = prop_oneof![4 => Just(FoldersPolicy::Whole), 1 => Just(FoldersPolicy::EmptyOnly)];
    let policies = (missing, locked, folders, any::<bool>(), any::<bool>());
    let atomicity = prop_oneof![Just(Atomicity::AllOrNone), Just(Atomicity::BestEffort)];
    let condition = proptest::option::weighted(0.1, 0..PLACES.len());
    let picks = vec((pick(), condition), 1..4);
    // Which files come first is a ledger's own affair: all of them go in the commit, or none.
    let matched_files_max = prop_oneof![Just(0), Just(MATCHED_FILES_MAX)];
    let all = (atomicity, guard(), matched_files_max);
    (who(), picks, all, policies).prop_map(|(who, picks, all, policies)| {
        let (atomicity, guard, matched_files_max) = all;
        let (missing, locked, folders, joins_missed, has_allowance) = policies;
        let (picks, conditions): (Vec<_>, Vec<_>) = picks.into_iter().unzip();
        let conditions = conditions.into_iter().enumerate();
        let conditions = conditions.filter_map(|(index, place)| Some((index, place?))).collect();
        Wish {
            who,
            picks,
            conditions,
            atomicity,
            matched_files_max,
            guard,
            missing,
            locked,
            folders,
            joins_missed,
            has_allowance,
        }
    })
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![5 => Just(0), 1 => Just(1), 2 => Just(2)]
}

fn upload() -> impl Strategy<Value = Operation> {
    let word = proptest::option::of(0..WORDS.len());
    let flags = (proptest::bool::weighted(0.8), proptest::bool::weighted(0.2));
    (who(), 0..PLACES.len(), 0..9_u64, word, flags).prop_map(
        |(who, place, size, word, (overwrite, late))| Operation::Upload {
            who,
            place,
            size,
            word,
            overwrite,
            late,
        },
    )
}

/// What arranges the tree.
fn arrangement() -> impl Strategy<Value = Operation> {
    let place = || 0..PLACES.len();
    let tags = vec((0..WORDS.len()).prop_map(|word| WORDS[word].to_owned()), 0..3);
    let change = (tags, 0..3_usize).prop_map(|(tags, how)| match how {
        0 => TagChange::Set(tags),
        1 => TagChange::Add(tags),
        _ => TagChange::Remove(tags),
    });
    prop_oneof![
        2 => (who(), place()).prop_map(|(who, place)| Operation::Make { who, place }),
        6 => (who(), place(), place(), proptest::bool::weighted(0.1))
            .prop_map(|(who, from, to, slash)| Operation::Move { who, from, to, slash }),
        1 => (who(), place(), change)
            .prop_map(|(who, place, change)| Operation::Tag { who, place, change }),
        1 => (who(), place(), 1..4_u64)
            .prop_map(|(who, place, limit)| Operation::Children { who, place, limit }),
    ]
}

/// What comes in together, and is read together.
fn together() -> impl Strategy<Value = Operation> {
    let place = || 0..PLACES.len();
    let some_place = || proptest::option::weighted(0.2, 0..PLACES.len());
    let parts = vec((place(), 0..9_u64), 0..=PARTS_MAX);
    let copied = proptest::option::weighted(0.3, (place(), any::<bool>()));
    let flags = (proptest::bool::weighted(0.8), proptest::bool::weighted(0.2));
    let bundle = (who(), parts, (some_place(), some_place()), copied, flags);
    let bundle = bundle.prop_map(|(who, parts, (folder, vacant), copied, (overwrite, late))| {
        Bundle { who, parts, folder, vacant, copied, overwrite, late }
    });
    let depth = proptest::option::of(0..3_usize);
    let after = proptest::option::weighted(0.3, (place(), any::<bool>()));
    prop_oneof![
        8 => bundle.prop_map(Operation::Attach),
        1 => Just(Operation::Renew),
        3 => (who(), place(), depth, after, 1..4_usize).prop_map(
            |(who, place, depth, after, limit)| Operation::Walk { who, place, depth, after, limit }
        ),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let place = 0..PLACES.len();
    let word = || proptest::option::weighted(0.3, 0..WORDS.len());
    prop_oneof![
        12 => upload(),
        3 => (who(), 0..2_usize, 0..3_usize)
            .prop_map(|(who, command, key)| Operation::Output { who, command, key }),
        10 => arrangement(),
        8 => together(),
        1 => Just(Operation::Reserve),
        1 => Just(Operation::Abandon),
        3 => (who(), place, proptest::bool::weighted(0.4))
            .prop_map(|(who, place, locked)| Operation::Lock { who, place, locked }),
        6 => wish().prop_map(Operation::Delete),
        2 => wish().prop_map(Operation::Preview),
        4 => wish().prop_map(Operation::Draft),
        4 => (0..3_usize).prop_map(Operation::CommitDraft),
        1 => (pick(), 0..3_u64).prop_map(|(pick, files)| Operation::Miss { pick, files }),
        2 => (who(), word(), word(), 0..3_u64, 0..6_u64).prop_map(
            |(who, tag, text, offset, limit)| Operation::List { who, tag, text, offset, limit }
        ),
        3 => (1..4_usize).prop_map(Operation::Expand),
        1 => (who(), 0..4_usize).prop_map(|(who, back)| Operation::Cancel { who, back }),
        5 => Just(Operation::Lease),
        6 => (0..3_usize, 0..4_usize)
            .prop_map(|(back, kept)| Operation::Settle { back, kept }),
        5 => (0..PAUSES_SECONDS.len()).prop_map(Operation::Wait),
        1 => Just(Operation::Sweep),
        1 => (0..PLANS.len()).prop_map(Operation::Plan),
        1 => (who(), 0..PLACES.len(), 0..9_u64)
            .prop_map(|(who, place, size)| Operation::Room { who, place, size }),
    ]
}

/// Runs of at most this many operations.
pub(super) fn operations(count_max: usize) -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 1..=count_max)
}
