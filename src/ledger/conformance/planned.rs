//! What a plan says and what its commit does, with any changes in between: the commit takes what
//! was planned and nobody touched, and nothing else, and counts the rest as changed.
//!
//! The oracle knows nothing of sequences. It reads the tree before and after, and notes by itself
//! what each change in between touched: the file, or the folder with all that lies in it then.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::fixture::{Fixture, at, by_path, written};
use crate::deletion::record::{Committed, Counts, Declined, Outcome};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::stored::StoredPlan;
use crate::domain::blob::BlobKey;
use crate::domain::entry::{Entry, RESERVED_FOLDERS, TagChange};
use crate::domain::filter::FileFilter;
use crate::domain::id::{CommandId, EntryId};
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::WalkQuery;

/// Runs, unless `PROPTEST_CASES` says more.
const RUNS_MIN: u32 = 64;
/// More entries than any run makes.
const ENTRIES_MAX: usize = 10_000;

/// Few places, close together.
const PLACES: [&str; 14] = [
    "/t",
    "/t/a",
    "/t/b",
    "/t/b/x",
    "/t/b/y",
    "/t/b/c/x",
    "/t/b/c/y",
    "/t/d/x",
    "/u/x",
    "/u/v/x",
    "/u/v",
    "/commands/0",
    "/commands/1",
    "/uploads/x",
];

#[derive(Clone, Debug)]
enum Change {
    Upload(usize, u64),
    Output(usize),
    Make(usize),
    Remove(usize),
    Move(usize, usize),
    Lock(usize, bool),
    Tag(usize, usize),
    /// Commits another plan, which was made at the same time.
    CommitOther,
    Expand,
}

#[derive(Clone, Debug)]
enum Pick {
    Path(usize),
    Id(usize),
    Outputs,
    /// Files of more than so many bytes at or beneath a place.
    Larger(usize, u64),
}

#[derive(Clone, Debug)]
struct Run {
    before: Vec<Change>,
    picks: Vec<Pick>,
    other: Vec<Pick>,
    strict: bool,
    between: Vec<Change>,
}

fn change() -> impl Strategy<Value = Change> {
    let place = || 0..PLACES.len();
    prop_oneof![
        8 => (place(), 0..9_u64).prop_map(|(place, size)| Change::Upload(place, size)),
        2 => (11..13_usize).prop_map(Change::Output),
        1 => place().prop_map(Change::Make),
        2 => place().prop_map(Change::Remove),
        6 => (place(), place()).prop_map(|(from, to)| Change::Move(from, to)),
        4 => (place(), any::<bool>()).prop_map(|(place, locked)| Change::Lock(place, locked)),
        2 => (place(), 0..3_usize).prop_map(|(place, tag)| Change::Tag(place, tag)),
        1 => Just(Change::CommitOther),
        1 => Just(Change::Expand),
    ]
}

fn picks() -> impl Strategy<Value = Vec<Pick>> {
    let pick = prop_oneof![
        6 => (0..PLACES.len()).prop_map(Pick::Path),
        3 => (0..PLACES.len()).prop_map(Pick::Id),
        1 => Just(Pick::Outputs),
        2 => (0..PLACES.len(), 0..6_u64).prop_map(|(place, size)| Pick::Larger(place, size)),
    ];
    vec(pick, 1..4)
}

fn any_run() -> impl Strategy<Value = Run> {
    let strict = prop::bool::weighted(0.3);
    let before = vec(change(), 4..24);
    (before, picks(), picks(), strict, vec(change(), 0..8)).prop_map(
        |(before, picks, other, strict, between)| Run { before, picks, other, strict, between },
    )
}

/// Runs on fresh ledgers, the same runs at every call.
pub(crate) fn a_commit_takes_what_nobody_touched(fixture: impl Fn() -> Fixture) {
    let asked = Config::default();
    let is_asked = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if is_asked { asked.cases } else { RUNS_MIN };
    let config = Config { cases, failure_persistence: None, ..asked };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runner.run(&any_run(), |run| {
        runtime.block_on(async { Scene::open(fixture()).await.play(&run).await });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[derive(Clone, Debug)]
struct SeenFile {
    path: EntryPath,
    size: u64,
    blob: BlobKey,
    locked: bool,
    command: Option<CommandId>,
}

/// The tree at one moment, but for its root.
#[derive(Clone, Debug)]
struct Seen {
    files: BTreeMap<EntryId, SeenFile>,
    folders: BTreeMap<EntryId, (EntryPath, bool)>,
}

impl Seen {
    fn at(&self, path: &EntryPath) -> Option<EntryId> {
        let file = self.files.iter().find(|(_, file)| file.path == *path).map(|(id, _)| *id);
        let folder = self.folders.iter().find(|(_, (own, _))| own == path).map(|(id, _)| *id);
        file.or(folder)
    }

    fn path(&self, id: EntryId) -> Option<&EntryPath> {
        let file = self.files.get(&id).map(|file| &file.path);
        file.or_else(|| self.folders.get(&id).map(|(path, _)| path))
    }

    /// The folders above a path.
    fn above(&self, path: &EntryPath) -> Vec<EntryId> {
        let lies_above = |own: &EntryPath| own.contains(path) && own != path;
        let folders = self.folders.iter().filter(|(_, (own, _))| lies_above(own));
        folders.map(|(id, _)| *id).collect()
    }

    fn is_locked(&self, id: EntryId) -> bool {
        self.files.get(&id).is_some_and(|file| file.locked)
            || self.folders.get(&id).is_some_and(|(_, locked)| *locked)
    }

    /// Whether it, or a folder above it, is among these.
    fn is_covered(&self, id: EntryId, by: impl Fn(EntryId) -> bool) -> bool {
        let path = self.path(id).expect("it was seen");
        by(id) || self.above(path).into_iter().any(by)
    }

    /// Everything beneath a path, itself among it.
    fn beneath(&self, path: &EntryPath) -> impl Iterator<Item = EntryId> {
        let ids = self.files.keys().chain(self.folders.keys()).copied();
        ids.filter(|id| self.path(*id).is_some_and(|own| path.contains(own)))
    }

    fn counts(&self, ids: &BTreeSet<EntryId>) -> Counts {
        let mut counts = Counts::default();
        for id in ids {
            match self.files.get(id) {
                Some(file) => counts += Counts { files: 1, bytes: file.size, folders: 0 },
                None => counts += Counts { files: 0, bytes: 0, folders: 1 },
            }
        }
        counts
    }
}

struct Scene {
    fixture: Fixture,
    realm: Realm,
    command: CommandId,
    touched: BTreeSet<EntryId>,
    /// Folders in or below which a lock was lifted.
    lifted: BTreeSet<EntryId>,
    other: Option<StoredPlan>,
}

impl Scene {
    async fn open(fixture: Fixture) -> Self {
        let realm = fixture.realm().await;
        let command = fixture.command(&realm).await;
        let (touched, lifted) = (BTreeSet::new(), BTreeSet::new());
        Self { fixture, realm, command, touched, lifted, other: None }
    }

    async fn look(&self) -> Seen {
        let top = EntryPath::root();
        let query = WalkQuery { top, depth: None, after: None, limit: ENTRIES_MAX };
        let met = self.fixture.ledger.walk(&self.realm, &query).await.unwrap().unwrap();
        let mut seen = Seen { files: BTreeMap::new(), folders: BTreeMap::new() };
        for one in met {
            let path = one.path;
            match one.entry {
                Entry::Folder(folder) => {
                    seen.folders.insert(folder.id, (path, folder.locked));
                }
                Entry::File(file) => {
                    let (size, blob) = (file.content.size, file.blob);
                    let (locked, command) = (file.locked, file.command);
                    seen.files.insert(file.id, SeenFile { path, size, blob, locked, command });
                }
            }
        }
        seen
    }

    /// Makes a change, and notes what it touched.
    async fn change(&mut self, change: &Change) {
        let seen = self.look().await;
        let (fixture, realm) = (&self.fixture, &self.realm);
        match change {
            Change::Upload(place, size) => {
                let version = fixture.version(PLACES[*place], *size).await;
                if let Ok(stored) = fixture.commit(realm, version).await {
                    self.touched.insert(stored.file.id);
                }
            }
            Change::Output(place) => {
                let key = (self.command, PLACES[*place]);
                if let Ok(file) = fixture.output(realm, key, PLACES[*place], 1).await {
                    self.touched.insert(file.id);
                }
            }
            Change::Make(place) => {
                let path = at(PLACES[*place]);
                let made = fixture.ledger.make_folder(realm, &path, fixture.now()).await.unwrap();
                self.touched.extend(made.map(|folder| folder.id));
            }
            Change::Remove(place) => {
                let request = fixture.lenient(realm, vec![by_path(PLACES[*place])]);
                fixture.delete(request).await.unwrap();
            }
            Change::Move(from, to) => {
                let moved = fixture.move_entry(realm, PLACES[*from], PLACES[*to]).await;
                self.touched.extend(moved.map(|entry| match entry {
                    Entry::File(file) => file.id,
                    Entry::Folder(folder) => folder.id,
                }));
            }
            Change::Lock(place, locked) => {
                let path = at(PLACES[*place]);
                let found = seen.at(&path).filter(|id| seen.is_locked(*id) != *locked);
                fixture.set_lock(realm, PLACES[*place], *locked).await;
                if let Some(id) = found {
                    self.touched.insert(id);
                    self.lifted.extend(seen.above(&path).into_iter().filter(|_| !locked));
                }
            }
            Change::Tag(place, tag) => {
                let (path, tags) = (written(PLACES[*place]), vec![tag.to_string()]);
                let before = fixture.file_at(realm, PLACES[*place]).await;
                let tagged = fixture.ledger.change_tags(realm, &path, &TagChange::Set(tags)).await;
                if let (Ok(file), Some(before)) = (tagged.unwrap(), before)
                    && file.attributes.tags != before.attributes.tags
                {
                    self.touched.insert(file.id);
                }
            }
            Change::CommitOther => {
                if let Some(other) = &self.other {
                    let decided = fixture.delete(fixture.commitment(realm, other)).await;
                    assert!(matches!(decided, Ok(_) | Err(Declined::PlanSpent)), "{decided:?}");
                }
            }
            Change::Expand => drop(fixture.expand(2).await),
        }
    }

    fn request(&self, seen: &Seen, picks: &[Pick], strict: bool) -> DeleteRequest {
        let selector = |pick: &Pick| match pick {
            Pick::Path(place) => by_path(PLACES[*place]),
            Pick::Id(place) => {
                seen.at(&at(PLACES[*place])).map_or(Selector::Unmatchable, Selector::Entry)
            }
            Pick::Outputs => Selector::Outputs(self.command),
            Pick::Larger(place, size) => Selector::Matching(FileFilter {
                prefix: Some(at(PLACES[*place])),
                larger_than: Some(*size),
                ..FileFilter::default()
            }),
        };
        let selectors = picks.iter().map(selector).collect();
        match strict {
            true => self.fixture.request(&self.realm, selectors),
            false => self.fixture.lenient(&self.realm, selectors),
        }
    }

    /// What would go now: what is selected, and neither locked, nor below a lock, nor, of folders,
    /// around one.
    fn planned(&self, seen: &Seen, picks: &[Pick]) -> BTreeSet<EntryId> {
        let is_reserved =
            |path: &EntryPath| RESERVED_FOLDERS.iter().any(|name| *path == at(&format!("/{name}")));
        let mut planned = BTreeSet::new();
        for pick in picks {
            match pick {
                Pick::Path(place) | Pick::Id(place) => {
                    let path = at(PLACES[*place]);
                    if seen.at(&path).is_some() && !is_reserved(&path) {
                        planned.extend(seen.beneath(&path));
                    }
                }
                Pick::Larger(place, size) => {
                    let top = at(PLACES[*place]);
                    let is_meant = |file: &SeenFile| top.contains(&file.path) && file.size > *size;
                    let files = seen.files.iter().filter(|(_, file)| is_meant(file));
                    planned.extend(files.map(|(id, _)| *id));
                }
                Pick::Outputs => planned.extend(
                    seen.files
                        .iter()
                        .filter(|(_, file)| file.command == Some(self.command))
                        .map(|(id, _)| *id),
                ),
            }
        }
        planned.retain(|id| {
            let path = seen.path(*id).expect("it was seen");
            !seen.is_covered(*id, |id| seen.is_locked(id))
                && !seen.beneath(path).any(|below| seen.is_locked(below))
        });
        planned
    }

    /// What of it may go now: what is still there, untouched, in untouched folders, and, of folders,
    /// holds nothing that stays.
    fn expected(&self, now: &Seen, planned: &BTreeSet<EntryId>) -> BTreeSet<EntryId> {
        let is_touched = |id: EntryId| self.touched.contains(&id);
        let may_go = |id: &EntryId| {
            now.path(*id).is_some()
                && planned.contains(id)
                && !now.is_covered(*id, is_touched)
                && !self.lifted.contains(id)
        };
        let candidates: BTreeSet<EntryId> =
            planned.iter().filter(|id| may_go(id)).copied().collect();
        let holds_nothing_else = |id: &EntryId| {
            let path = now.path(*id).expect("it is there");
            now.beneath(path).all(|below| candidates.contains(&below))
        };
        candidates.iter().filter(|id| holds_nothing_else(id)).copied().collect()
    }

    async fn play(mut self, run: &Run) {
        for change in &run.before {
            self.change(change).await;
        }
        let then = self.look().await;
        let request = self.request(&then, &run.picks, run.strict);
        let plan = crate::deletion::plan::plan;
        let preview = self.fixture.ledger.preview_deletion(request.clone(), plan).await.unwrap();
        let Ok(preview) = preview else { return };
        let stored = self.fixture.stored(&request).await;
        self.other = Some(self.fixture.stored(&self.request(&then, &run.other, false)).await);
        let planned = self.planned(&then, &run.picks);
        assert_eq!(stored.counts, then.counts(&planned));
        (self.touched, self.lifted) = (BTreeSet::new(), BTreeSet::new());
        for change in &run.between {
            self.change(change).await;
        }
        let now = self.look().await;
        let expected = self.expected(&now, &planned);
        let committed =
            match self.fixture.delete(self.fixture.commitment(&self.realm, &stored)).await {
                Ok(committed) => committed,
                Err(Declined::Refused(refusal)) => {
                    assert!(run.strict && !refusal.locked.is_empty(), "{refusal:?}");
                    assert!(refusal.missing.is_empty() && !refusal.too_much_changed, "{refusal:?}");
                    let after = self.look().await;
                    assert!(after.files.keys().eq(now.files.keys()));
                    return;
                }
                Err(other) => panic!("{other:?}"),
            };
        if run.between.is_empty() {
            assert_eq!(committed.outcomes, preview.plan.outcomes);
        }
        self.check(&now, &expected, &committed).await;
        assert_eq!(committed.changed, then.counts(&planned) - then.counts(&expected));
    }

    async fn check(&self, now: &Seen, expected: &BTreeSet<EntryId>, committed: &Committed) {
        let after = self.look().await;
        let ids = |seen: &Seen| -> BTreeSet<EntryId> {
            seen.files.keys().chain(seen.folders.keys()).copied().collect()
        };
        let taken: BTreeSet<EntryId> = ids(now).difference(&ids(&after)).copied().collect();
        let names = |taken: &BTreeSet<EntryId>| -> Vec<EntryPath> {
            taken.iter().filter_map(|id| now.path(*id)).cloned().collect()
        };
        assert_eq!(names(&taken), names(expected), "what was taken, and should have been");
        assert!(ids(&after).is_subset(&ids(now)));
        assert_eq!(committed.counts, now.counts(expected));
        let mut sums = (Counts::default(), Counts::default());
        for outcome in &committed.outcomes {
            sums.0 += outcome.counts();
            sums.1 += outcome.changed();
            assert!(!matches!(outcome, Outcome::Joined(_)));
        }
        assert_eq!(sums, (committed.counts, committed.changed));
        let gone: BTreeSet<BlobKey> = self.fixture.drain().await.into_iter().collect();
        assert!(after.files.values().all(|file| !gone.contains(&file.blob)));
        let taken_files = expected.iter().filter_map(|id| now.files.get(id));
        assert!(taken_files.map(|file| file.blob).all(|blob| gone.contains(&blob)));
        let record = self.fixture.record(&self.realm, committed.id).await;
        assert_eq!((record.doomed, record.changed), (committed.counts, committed.changed));
        assert_eq!(record.purged.files, committed.counts.files);
        assert!(record.settled_at.is_some());
    }
}
