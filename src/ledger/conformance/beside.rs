//! A plan that is committed while others store, move, tag, lock and delete on threads of their own:
//! what nobody touched goes, and what anybody touched stays, however it was selected.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::fixture::{Fixture, at, by_path, written};
use crate::deletion::plan::plan;
use crate::deletion::record::Outcome;
use crate::deletion::request::Selector;
use crate::domain::entry::{Entry, FileRecord, NewVersion, Stored, TagChange, UploadRefusal};
use crate::domain::filter::FileFilter;
use crate::domain::id::{CommandId, EntryId};
use crate::domain::organization::Realm;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::ledger::tree::{LookLimits, MoveRequest};
use crate::ledger::{EntryChange, WalkQuery};

/// Twice with each of the ways to select.
const ROUNDS: usize = 12;
const FOLDERS: usize = 5;
const FILES: usize = 100;
const OUTPUTS: usize = 20;
const ALL: usize = FILES + OUTPUTS;
const OTHERS: usize = 4;
const CHANGES: usize = 30;
/// The folder that is moved as a whole.
const MOVING: usize = 4;

/// What one of the others did.
#[derive(Default)]
struct Doings {
    stored: Vec<EntryId>,
    touched: Vec<EntryId>,
    deleted: Vec<EntryId>,
    has_moved_a_folder: bool,
}

/// What there is when the plan is made.
struct Ground {
    realm: Realm,
    command: CommandId,
    /// The outputs come last.
    files: Vec<FileRecord>,
}

/// Needs a runtime with several threads.
pub(crate) async fn a_plan_holds_beside_others(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    for round in 0..ROUNDS {
        let ground = Arc::new(lay(&fixture).await);
        let realm = &ground.realm;
        let planned: BTreeSet<EntryId> = ground.files.iter().map(|file| file.id).collect();
        let selectors = selectors(&fixture, &ground, round).await;
        let stored = fixture.stored(&fixture.lenient(realm, selectors)).await;
        assert_eq!(stored.counts.files, ALL as u64);
        let done = Arc::new(AtomicUsize::new(0));
        let others: Vec<_> = (0..OTHERS)
            .map(|other| {
                let (fixture, ground, done) = (fixture.clone(), ground.clone(), done.clone());
                let seed = (round * OTHERS + other) as u64;
                tokio::spawn(async move { disturb(&fixture, &ground, seed, &done).await })
            })
            .collect();
        // Somewhere in the middle of it all.
        while done.load(Ordering::SeqCst) < round * OTHERS * CHANGES / (ROUNDS + 2) {
            tokio::task::yield_now().await;
        }
        let request = fixture.commitment(realm, &stored);
        let decided = fixture.ledger.commit_deletion(request, plan, fixture.lease()).await;
        let committed = decided.unwrap().unwrap();
        let mut all = Doings::default();
        for other in others {
            let doings = other.await.unwrap();
            all.stored.extend(doings.stored);
            all.touched.extend(doings.touched);
            all.deleted.extend(doings.deleted);
            all.has_moved_a_folder |= doings.has_moved_a_folder;
        }
        let left = live(&fixture, realm).await;
        let deleted: BTreeSet<EntryId> = all.deleted.into_iter().collect();
        let taken: BTreeSet<EntryId> = planned
            .iter()
            .filter(|id| !left.contains(id) && !deleted.contains(id))
            .copied()
            .collect();
        assert_eq!(committed.counts.files, taken.len() as u64, "round {round}");
        assert_eq!(committed.counts.files + committed.changed.files, ALL as u64, "round {round}");
        assert!(all.touched.iter().all(|id| !taken.contains(id)), "round {round}");
        assert!(all.stored.iter().all(|id| left.contains(id) || deleted.contains(id)));
        let touched: BTreeSet<EntryId> = all.touched.into_iter().collect();
        for (number, file) in ground.files.iter().enumerate() {
            let came_along = all.has_moved_a_folder && number < FILES && number % FOLDERS == MOVING;
            let is_untouched = !touched.contains(&file.id) && !deleted.contains(&file.id);
            assert!(came_along || !is_untouched || taken.contains(&file.id), "round {round}");
        }
        fixture.assert_sound().await;
        fixture.drain().await;
        assert_eq!(live(&fixture, realm).await, left);
    }
}

async fn lay(fixture: &Fixture) -> Ground {
    let realm = fixture.realm().await;
    let paths: Vec<String> = (0..FILES).map(path).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut files = fixture.upload_each(&realm, &paths).await;
    let command = fixture.command(&realm).await;
    for number in 0..OUTPUTS {
        let (key, path) = (format!("out-{number}"), format!("/commands/out-{number}"));
        files.push(fixture.output(&realm, (command, &key), &path, 1).await.unwrap());
    }
    Ground { realm, command, files }
}

fn path(number: usize) -> String {
    format!("{}/{number}", folder(number % FOLDERS))
}

fn folder(number: usize) -> String {
    format!("/r/{number}")
}

/// Selectors that find everything that there is: in each round of one sort, and then of all.
async fn selectors(fixture: &Fixture, ground: &Ground, round: usize) -> Vec<Selector> {
    let beneath = |path: &str| {
        Selector::Matching(FileFilter { prefix: Some(at(path)), ..FileFilter::default() })
    };
    let outputs = Selector::Outputs(ground.command);
    let id_of =
        async |number: usize| fixture.folder_at(&ground.realm, &folder(number)).await.unwrap().id;
    match round % 6 {
        0 => vec![by_path("/r"), outputs],
        1 => ground.files.iter().map(|file| Selector::File(file.id)).collect(),
        2 => {
            let mut all = vec![outputs];
            for number in 0..FOLDERS {
                all.push(Selector::Entry(id_of(number).await));
            }
            all
        }
        3 => {
            let small = FileFilter { smaller_than: Some(1000), ..FileFilter::default() };
            vec![Selector::Matching(small)]
        }
        4 => {
            // Each folder in another way.
            let of = |folder: usize| (0..FILES).filter(move |number| number % FOLDERS == folder);
            let mut all = vec![by_path("/r/0"), Selector::Entry(id_of(1).await), beneath("/r/2")];
            all.extend(of(3).map(|number| Selector::File(ground.files[number].id)));
            all.extend(of(4).map(|number| by_path(&path(number))));
            all.push(outputs);
            all
        }
        _ => {
            // More than one of them finds each.
            let mut all = vec![beneath("/r"), by_path("/r/0"), beneath("/commands"), outputs];
            all.extend(ground.files.iter().step_by(3).map(|file| Selector::Entry(file.id)));
            all.push(Selector::Entry(id_of(2).await));
            all
        }
    }
}

async fn live(fixture: &Fixture, realm: &Realm) -> BTreeSet<EntryId> {
    let query =
        WalkQuery { top: EntryPath::root(), depth: None, after: None, limit: usize::MAX >> 1 };
    let met = fixture.ledger.walk(realm, &query).await.unwrap().unwrap();
    let ids = met.into_iter().filter_map(|one| match one.entry {
        Entry::File(file) => Some(file.id),
        Entry::Folder(_) => None,
    });
    ids.collect()
}

async fn disturb(fixture: &Fixture, ground: &Ground, seed: u64, done: &AtomicUsize) -> Doings {
    let mut random = StdRng::seed_from_u64(seed);
    let mut other = Other { fixture, ground, random: &mut random, doings: Doings::default() };
    for change in 0..CHANGES {
        let new = format!("new-{seed}-{change}");
        match other.random.random_range(0..8) {
            0 | 1 => other.store(&new).await,
            2 => other.move_file(&new).await,
            3 => other.tag(new).await,
            4 => other.lock_own(&new).await,
            5 => other.lock().await,
            6 if change % 8 == 0 => other.move_folder().await,
            _ => other.delete().await,
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
    other.doings
}

/// One of those who change what the plan speaks of.
struct Other<'o> {
    fixture: &'o Fixture,
    ground: &'o Ground,
    random: &'o mut StdRng,
    doings: Doings,
}

impl Other<'_> {
    fn place(&mut self) -> String {
        path(self.random.random_range(0..FILES))
    }

    fn new_place(&mut self, name: &str) -> String {
        format!("{}/{name}", folder(self.random.random_range(0..FOLDERS)))
    }

    /// Any of the files that were planned.
    fn file(&mut self) -> EntryId {
        self.ground.files[self.random.random_range(0..ALL)].id
    }

    async fn store(&mut self, name: &str) {
        let target = match self.random.random_bool(0.5) {
            true => self.place(),
            false => self.new_place(name),
        };
        let version = self.fixture.version(&target, 2).await;
        match self.commit(version).await {
            Ok(stored) if stored.created => self.doings.stored.push(stored.file.id),
            Ok(stored) => self.doings.touched.push(stored.file.id),
            Err(_) => {}
        }
    }

    async fn commit(&self, version: NewVersion) -> Result<Stored, UploadRefusal> {
        let (ledger, now) = (&self.fixture.ledger, self.fixture.now());
        ledger.commit_version(&self.ground.realm, version, now).await.unwrap()
    }

    async fn move_file(&mut self, name: &str) {
        let (from, to) = (written(&self.place()), written(&self.new_place(name)));
        if let Some(Entry::File(file)) = self.moved(from, to).await {
            self.doings.touched.push(file.id);
        }
    }

    /// There and back, as it comes.
    async fn move_folder(&mut self) {
        let (here, there) = (folder(MOVING), "/elsewhere".to_owned());
        let (from, to) = match self.random.random_bool(0.5) {
            true => (here, there),
            false => (there, here),
        };
        let moved = self.moved(written(&from), written(&to)).await;
        self.doings.has_moved_a_folder |= moved.is_some();
    }

    async fn moved(&self, from: WrittenPath, to: WrittenPath) -> Option<Entry> {
        let (look, at) = (LookLimits::USUAL, self.fixture.now());
        let request = MoveRequest { from, to, look, at };
        let ledger = &self.fixture.ledger;
        ledger.move_entry(&self.ground.realm, &request).await.unwrap().ok()
    }

    async fn tag(&mut self, tag: String) {
        let place = written(&self.place());
        let change = TagChange::Set(vec![tag]);
        let ledger = &self.fixture.ledger;
        let tagged = ledger.change_tags(&self.ground.realm, &place, &change).await.unwrap();
        self.doings.touched.extend(tagged.map(|file| file.id));
    }

    /// Locks a file that nobody else knows of, and unlocks it.
    async fn lock_own(&mut self, name: &str) {
        let only = self.new_place(name);
        let version = self.fixture.version(&only, 1).await;
        let Ok(stored) = self.commit(version).await else {
            return;
        };
        self.doings.stored.push(stored.file.id);
        self.toggle(stored.file.id).await;
    }

    async fn lock(&mut self) {
        let id = self.file();
        if self.toggle(id).await {
            self.doings.touched.push(id);
        }
    }

    /// Locks a file and unlocks it, wherever it lies; false where it is gone.
    async fn toggle(&self, id: EntryId) -> bool {
        let mut was_there = false;
        for locked in [true, false] {
            let change = EntryChange {
                id,
                versions: None,
                parent: None,
                name: None,
                tags: None,
                locked: Some(locked),
                look: LookLimits::USUAL,
                at: self.fixture.now(),
            };
            let ledger = &self.fixture.ledger;
            was_there |= ledger.change_entry(&self.ground.realm, &change).await.unwrap().is_ok();
            tokio::task::yield_now().await;
        }
        was_there
    }

    async fn delete(&mut self) {
        let selector = match self.random.random_bool(0.5) {
            true => by_path(&self.place()),
            false => Selector::File(self.file()),
        };
        let request = self.fixture.lenient(&self.ground.realm, vec![selector]);
        let decided = self.fixture.ledger.commit_deletion(request, plan, self.fixture.lease());
        for outcome in decided.await.unwrap().unwrap().outcomes {
            if let Outcome::Deleted { files, .. } = outcome {
                self.doings.deleted.extend(files.into_iter().map(|(id, _)| id));
            }
        }
    }
}
