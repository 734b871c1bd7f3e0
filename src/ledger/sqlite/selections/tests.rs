//! What only a real database can get wrong: looks that end in the middle of a folder, a process
//! that ends between two steps, and writers beside the steps.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::look::{LookLimits, Place, Search, look};
use crate::deletion::items::Fate;
use crate::deletion::record::DeletionState;
use crate::deletion::request::{DeleteRequest, Selector};
use crate::domain::entry::Sequence;
use crate::domain::filter::FileFilter;
use crate::domain::id::EntryId;
use crate::domain::organization::Realm;
use crate::domain::random::SystemRandom;
use crate::ledger::conformance::Fixture;
use crate::ledger::sqlite::{Access, SqliteLedger, SqliteSettings};

/// Files that make more than one look of a look without time.
const FILES: usize = 700;

fn open(dir: &Path, ids: Arc<crate::domain::id::IdSource>) -> Arc<SqliteLedger> {
    let (file, ballast) = (dir.join("ledger.sqlite"), dir.join("ballast"));
    let settings = SqliteSettings { file, ballast, readers: 2, access: Access::ReadWrite };
    Arc::new(SqliteLedger::open(&settings, ids, &SystemRandom).unwrap())
}

/// A filter that takes every file that is there.
fn everything() -> FileFilter {
    FileFilter { smaller_than: Some(u64::MAX), ..FileFilter::default() }
}

fn in_steps(fixture: &Fixture, realm: &Realm) -> DeleteRequest {
    DeleteRequest {
        matched_files_max: 0,
        ..fixture.lenient(realm, vec![Selector::Matching(everything())])
    }
}

/// However short a look is, it comes on, and each file is met once.
#[tokio::test]
async fn short_looks_meet_every_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = None;
    let fixture =
        Fixture::over(|ids| (ledger.insert(open(dir.path(), ids)).clone() as Arc<_>, None));
    let ledger = ledger.unwrap();
    let realm = fixture.realm().await;
    let files = fixture.upload_many(&realm, "/a", FILES).await;
    fixture.upload_each(&realm, &["/b/c/1", "/b/2"]).await;
    let search = Search {
        realm: realm.clone(),
        filter: everything(),
        at: fixture.now(),
        fence: Sequence(i64::MAX),
        is_planned: false,
    };
    let limits = LookLimits { duration: Duration::ZERO, files: 10_000, counts_the_rest: false };
    let (mut met, mut looks) = (Vec::new(), 0);
    let mut next = Some(Place::beginning());
    while let Some(from) = next.take() {
        let search = search.clone();
        let looked = ledger.readers.run(move |c| look(c, &search, &from, limits)).await.unwrap();
        met.extend(looked.found.iter().map(|candidate| candidate.id));
        next = looked.next;
        looks += 1;
        assert!(looks <= FILES, "the looks do not come on");
    }
    assert!(looks > 2, "{looks} looks");
    assert_eq!(met.len(), FILES + 2);
    let once: BTreeSet<EntryId> = met.into_iter().collect();
    assert!(files.iter().all(|file| once.contains(&file.id)) && once.len() == FILES + 2);
}

/// I14: a process that ends between two steps loses nothing and counts nothing twice.
#[tokio::test]
async fn a_selection_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let begun = Fixture::over(|ids| (open(dir.path(), ids), None));
    let realm = begun.realm().await;
    begun.upload_many(&realm, "/a", 9).await;
    let id = begun.delete(in_steps(&begun, &realm)).await.unwrap().id;
    begun.select_once(None, 4).await;
    assert_eq!(begun.record(&realm, id).await.doomed.files, 4);
    drop(begun);
    let again = Fixture::over(|ids| (open(dir.path(), ids), None));
    assert_eq!(again.record(&realm, id).await.state, DeletionState::Selecting);
    again.select(4).await;
    again.drain().await;
    let record = again.record(&realm, id).await;
    assert_eq!((record.state, record.doomed.files), (DeletionState::Settled, 9));
    assert_eq!(record.purged.files, 9);
    let items = again.ledger.deletion_items(&realm, id).await.unwrap().unwrap();
    assert_eq!((items[0].fate, items[0].counts), (Fate::Deleted, record.doomed));
}

/// I9, I12: beside writers that store and move, the steps take each file that was there and was
/// not touched, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn steps_beside_writers_take_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Arc::new(Fixture::over(|ids| (open(dir.path(), ids), None)));
    let realm = fixture.realm().await;
    for folder in ["/a", "/b", "/c/d"] {
        fixture.upload_many(&realm, folder, 60).await;
    }
    let id = fixture.delete(in_steps(&fixture, &realm)).await.unwrap().id;
    let writing = {
        let (fixture, realm) = (Arc::clone(&fixture), realm.clone());
        tokio::spawn(async move {
            for round in 0..20 {
                let path = format!("/b/{round:05}");
                let version = fixture.version(&path, 2).await;
                let stored = fixture.ledger.commit_version(&realm, version, fixture.now()).await;
                stored.unwrap().unwrap();
                let (from, to) = if round % 2 == 0 { ("/a", "/z") } else { ("/z", "/a") };
                fixture.move_entry(&realm, from, to).await.unwrap();
            }
        })
    };
    let mut served = None;
    while let Some(step) = fixture.select_once(served, 3).await {
        served = step.served;
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
    let live = fixture.usage(&realm).await.live;
    assert_eq!((live.files, live.bytes), (20, 40));
    // A file that was overwritten before a step came to it went as an overwritten version.
    let doomed = fixture.record(&realm, id).await.doomed.files;
    assert!((160..=180).contains(&doomed), "{doomed}");
    fixture.drain().await;
    assert_eq!(fixture.record(&realm, id).await.purged.files, doomed);
}
