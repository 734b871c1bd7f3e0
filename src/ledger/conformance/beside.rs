//! A plan that is committed while others store, move, tag, lock and delete on threads of their own:
//! what nobody touched goes, and what anybody touched stays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::{Rng, SeedableRng};

use super::fixture::{Fixture, by_path, written};
use crate::deletion::plan::plan;
use crate::deletion::record::Outcome;
use crate::domain::entry::{Entry, TagChange};
use crate::domain::id::EntryId;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::WalkQuery;
use crate::ledger::tree::{LookLimits, MoveRequest};

const ROUNDS: usize = 6;
const FOLDERS: usize = 5;
const FILES: usize = 100;
const OTHERS: usize = 4;
const CHANGES: usize = 30;

/// What one of the others did.
#[derive(Default)]
struct Doings {
    stored: Vec<EntryId>,
    touched: Vec<EntryId>,
    deleted: Vec<EntryId>,
}

/// Needs a runtime with several threads.
pub(crate) async fn a_plan_holds_beside_others(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    for round in 0..ROUNDS {
        let realm = fixture.realm().await;
        let paths: Vec<String> = (0..FILES).map(path).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let files = fixture.upload_each(&realm, &paths).await;
        let planned: BTreeSet<EntryId> = files.iter().map(|file| file.id).collect();
        let stored = fixture.stored(&fixture.lenient(&realm, vec![by_path("/r")])).await;
        assert_eq!(stored.counts.files, FILES as u64);
        let done = Arc::new(AtomicUsize::new(0));
        let others: Vec<_> = (0..OTHERS)
            .map(|other| {
                let (fixture, realm, done) = (fixture.clone(), realm.clone(), done.clone());
                let seed = (round * OTHERS + other) as u64;
                tokio::spawn(async move { disturb(&fixture, &realm, seed, &done).await })
            })
            .collect();
        // Somewhere in the middle of it all.
        while done.load(Ordering::SeqCst) < round * OTHERS * CHANGES / (ROUNDS + 2) {
            tokio::task::yield_now().await;
        }
        let request = fixture.commitment(&realm, &stored);
        let decided = fixture.ledger.commit_deletion(request, plan, fixture.lease()).await;
        let committed = decided.unwrap().unwrap();
        let mut all = Doings::default();
        for other in others {
            let doings = other.await.unwrap();
            all.stored.extend(doings.stored);
            all.touched.extend(doings.touched);
            all.deleted.extend(doings.deleted);
        }
        let left = live(&fixture, &realm).await;
        let deleted: BTreeSet<EntryId> = all.deleted.into_iter().collect();
        let taken: BTreeSet<EntryId> = planned
            .iter()
            .filter(|id| !left.contains(id) && !deleted.contains(id))
            .copied()
            .collect();
        assert_eq!(committed.counts.files, taken.len() as u64);
        assert_eq!(committed.counts.files + committed.changed.files, FILES as u64);
        assert!(all.touched.iter().all(|id| !taken.contains(id)));
        assert!(all.stored.iter().all(|id| left.contains(id) || deleted.contains(id)));
        let touched: BTreeSet<EntryId> = all.touched.into_iter().collect();
        let untouched = planned.iter().filter(|id| !touched.contains(id) && !deleted.contains(id));
        assert!(untouched.into_iter().all(|id| taken.contains(id)));
        fixture.assert_sound().await;
        fixture.drain().await;
        assert_eq!(live(&fixture, &realm).await, left);
    }
}

fn path(number: usize) -> String {
    format!("/r/{}/{number}", number % FOLDERS)
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

async fn disturb(fixture: &Fixture, realm: &Realm, seed: u64, done: &AtomicUsize) -> Doings {
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut doings = Doings::default();
    let ledger = &fixture.ledger;
    for change in 0..CHANGES {
        let (at, new) = (path(random.random_range(0..FILES)), format!("new-{seed}-{change}"));
        let place = written(&at);
        match random.random_range(0..6) {
            0 | 1 => {
                let target = match random.random_bool(0.5) {
                    true => at,
                    false => format!("/r/{}/{new}", change % FOLDERS),
                };
                let version = fixture.version(&target, 2).await;
                let stored = ledger.commit_version(realm, version, fixture.now()).await.unwrap();
                match stored {
                    Ok(stored) if stored.created => doings.stored.push(stored.file.id),
                    Ok(stored) => doings.touched.push(stored.file.id),
                    Err(_) => {}
                }
            }
            2 => {
                let to = written(&format!("/r/{}/{new}", change % FOLDERS));
                let (look, at) = (LookLimits::USUAL, fixture.now());
                let request = MoveRequest { from: place, to, look, at };
                if let Ok(Entry::File(file)) = ledger.move_entry(realm, &request).await.unwrap() {
                    doings.touched.push(file.id);
                }
            }
            3 => {
                let change = TagChange::Set(vec![new]);
                let tagged = ledger.change_tags(realm, &place, &change).await.unwrap();
                doings.touched.extend(tagged.map(|file| file.id));
            }
            4 => {
                // Whoever has set a lock knows what is there, and nobody else lifts it.
                let only = format!("/r/{}/lock-{seed}-{change}", change % FOLDERS);
                let version = fixture.version(&only, 1).await;
                let stored = ledger.commit_version(realm, version, fixture.now()).await.unwrap();
                doings.stored.extend(stored.map(|stored| stored.file.id));
                for locked in [true, false] {
                    assert!(ledger.set_lock(realm, &written(&only), locked).await.unwrap());
                }
            }
            _ => {
                let request = fixture.lenient(realm, vec![by_path(&at)]);
                let decided = ledger.commit_deletion(request, plan, fixture.lease()).await;
                for outcome in decided.unwrap().unwrap().outcomes {
                    if let Outcome::Deleted { files, .. } = outcome {
                        doings.deleted.extend(files.into_iter().map(|(id, _)| id));
                    }
                }
            }
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
    doings
}
