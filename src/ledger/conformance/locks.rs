//! Locks, and what they hold against uploads and deletions (I11).

use super::fixture::{Fixture, at, beneath, by_path};
use crate::deletion::record::{Counts, Declined, DeletionState, Outcome, Refusal};
use crate::deletion::request::Selector;
use crate::domain::entry::UploadRefusal;
use crate::domain::path::EntryPath;

fn refused(locked: Vec<(usize, EntryPath)>) -> Declined {
    Declined::Refused(Refusal { locked, ..Refusal::default() })
}

/// Locking again, and unlocking again, changes nothing.
pub(crate) async fn a_lock_is_set_and_lifted(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b", 1).await;
    for locked in [true, true, false, false] {
        assert!(fixture.set_lock(&realm, "/a/b", locked).await);
        assert_eq!(fixture.file_at(&realm, "/a/b").await.unwrap().locked, locked);
        assert!(fixture.set_lock(&realm, "/a/", locked).await);
        assert_eq!(fixture.folder_at(&realm, "/a").await.unwrap().locked, locked);
    }
    fixture.delete_path(&realm, "/a").await;
    assert_eq!(fixture.entry(&realm, "/a").await, None);
}

/// What is not there, not visible, no folder although the path says so, or the root.
pub(crate) async fn only_what_resolves_can_be_locked(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b", 1).await;
    for path in ["/nothing", "/a/b/", "/a/b/c", "/"] {
        assert!(!fixture.set_lock(&realm, path, true).await, "{path}");
    }
    let narrow = beneath(&realm, "/a/b");
    assert!(!fixture.set_lock(&narrow, "/a", true).await);
    assert!(fixture.set_lock(&narrow, "/a/b", true).await);
}

/// I11, I6.
pub(crate) async fn a_locked_file_is_not_overwritten(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload(&realm, "/a/b", 1).await;
    fixture.lock(&realm, &["/a/b"]).await;
    let version = fixture.version("/a/b", 2).await;
    let refusal = UploadRefusal::Locked(at("/a/b"));
    assert_eq!(fixture.commit(&realm, version).await, Err(refusal));
    assert_eq!(fixture.file_at(&realm, "/a/b").await.unwrap().blob, before.blob);
}

/// I11: the topmost of several locks is named. New files may come.
pub(crate) async fn a_locked_folder_takes_new_files_and_keeps_the_old(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b/c/old", 1).await;
    fixture.lock(&realm, &["/a/b", "/a/b/c", "/a/b/c/old"]).await;
    let version = fixture.version("/a/b/c/old", 2).await;
    let refusal = UploadRefusal::Locked(at("/a/b/c/old"));
    assert_eq!(fixture.commit(&realm, version).await, Err(refusal));
    let new = fixture.upload(&realm, "/a/b/c/d/new", 1).await;
    assert!(!new.locked);
    let decided = fixture.delete(fixture.request(&realm, vec![by_path("/a/b/c/d/new")])).await;
    assert_eq!(decided.unwrap_err(), refused(vec![(0, at("/a/b/c/d/new"))]));
}

/// Whoever sets or lifts a lock changes the entry; whoever does it again changes nothing.
pub(crate) async fn a_lock_is_a_change_of_the_file(fixture: Fixture) {
    let realm = fixture.realm().await;
    let mut last = fixture.upload(&realm, "/a/b", 1).await.sequence;
    for (locked, changes) in [(false, false), (true, true), (true, false), (false, true)] {
        assert!(fixture.set_lock(&realm, "/a/b", locked).await);
        let now = fixture.file_at(&realm, "/a/b").await.unwrap().sequence;
        assert_eq!(now > last, changes);
        last = now;
    }
    fixture.lock(&realm, &["/a"]).await;
    assert_eq!(fixture.file_at(&realm, "/a/b").await.unwrap().sequence, last);
}

/// I11, I6: all or none.
pub(crate) async fn a_locked_file_refuses_the_whole_request(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/a", "/b", "/c"]).await;
    fixture.lock(&realm, &["/b"]).await;
    let before = fixture.usage(&realm).await;
    let selectors = files.iter().map(|file| Selector::File(file.id)).collect();
    let decided = fixture.delete(fixture.request(&realm, selectors)).await;
    assert_eq!(decided.unwrap_err(), refused(vec![(1, at("/b"))]));
    assert_eq!(fixture.present(&realm, &["/a", "/b", "/c"]).await, ["/a", "/b", "/c"]);
    assert_eq!(fixture.usage(&realm).await, before);
    assert_eq!(fixture.drain().await, []);
}

/// I11, I9: what is locked stays and is named in answer and record.
pub(crate) async fn a_locked_file_is_skipped_and_named(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a", "/b"]).await;
    fixture.lock(&realm, &["/b"]).await;
    let request = fixture.lenient(&realm, vec![by_path("/b"), by_path("/a")]);
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(committed.outcomes[0], Outcome::Locked(vec![at("/b")]));
    assert_eq!(committed.counts, Counts { files: 1, bytes: 1, folders: 0 });
    assert_eq!(fixture.record(&realm, committed.id).await.skipped, [at("/b")]);
    fixture.drain().await;
    assert_eq!(fixture.present(&realm, &["/a", "/b"]).await, ["/b"]);
}

/// I11: a lock far above is enough, for files by path, by id, and for folders.
pub(crate) async fn nothing_below_a_locked_folder_goes(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a/b/c/d", 1).await;
    fixture.lock(&realm, &["/a"]).await;
    for selector in [by_path("/a/b/c/d"), Selector::File(file.id)] {
        let decided = fixture.delete(fixture.request(&realm, vec![selector])).await;
        assert_eq!(decided.unwrap_err(), refused(vec![(0, at("/a/b/c/d"))]));
    }
    let folders = vec![by_path("/a/b/c"), by_path("/a/b"), by_path("/a")];
    for folder in folders {
        let strict = fixture.delete(fixture.request(&realm, vec![folder.clone()])).await;
        assert!(strict.is_err());
        let committed = fixture.delete(fixture.lenient(&realm, vec![folder])).await.unwrap();
        assert!(matches!(committed.outcomes[0], Outcome::Locked(_)));
        assert_eq!(committed.counts, Counts::default());
        let record = fixture.record(&realm, committed.id).await;
        assert_eq!(record.state, DeletionState::Settled);
    }
    fixture.drain().await;
    assert_eq!(fixture.file_at(&realm, "/a/b/c/d").await.map(|f| f.blob), Some(file.blob));
}

/// I11: a locked file holds its folder, and the folders above it, and nothing else.
pub(crate) async fn a_tree_around_a_locked_file_goes(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/x", "/t/a/keep", "/t/a/go", "/t/a/sub/go", "/t/b/go"];
    let files = fixture.upload_each(&realm, &paths).await;
    fixture.lock(&realm, &["/t/a/keep"]).await;
    let committed = fixture.delete(fixture.lenient(&realm, vec![by_path("/t")])).await.unwrap();
    let counts = Counts { files: 4, bytes: 4, folders: 2 };
    let outcome =
        Outcome::Partly { counts, locked: vec![at("/t/a/keep")], changed: Counts::default() };
    assert_eq!((&committed.outcomes[..], committed.counts), (&[outcome][..], counts));
    assert!(committed.expanding);
    let left = ["/t", "/t/a", "/t/a/keep"];
    let all = [&paths[..], &["/t", "/t/a", "/t/a/sub", "/t/b"]].concat();
    let mut present = fixture.present(&realm, &all).await;
    present.sort_unstable();
    assert_eq!(present, left);
    let going = [&files[..1], &files[2..]].concat();
    assert_eq!(fixture.drain().await, super::fixture::blobs_of(&going));
    assert_eq!(fixture.file_at(&realm, "/t/a/keep").await.unwrap().blob, files[1].blob);
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.doomed), (DeletionState::Settled, counts));
}

/// I11: the strict policy names every topmost lock in a tree, and changes nothing.
pub(crate) async fn a_tree_with_locks_is_refused_with_the_topmost_of_them(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/a/b/c/one", "/t/d/two", "/t/d/three", "/t/e/four"];
    fixture.upload_each(&realm, &paths).await;
    fixture.lock(&realm, &["/t/a/b/c/one", "/t/a/b/c", "/t/a", "/t/d/two"]).await;
    let decided = fixture.delete(fixture.request(&realm, vec![by_path("/t")])).await;
    let locks = vec![(0, at("/t/a")), (0, at("/t/d/two"))];
    assert_eq!(decided.unwrap_err(), refused(locks));
    assert_eq!(fixture.present(&realm, &paths).await, paths);
    assert_eq!(fixture.expand(10).await, []);
}

/// I11: a locked folder keeps everything below it, also what is not locked itself.
pub(crate) async fn a_locked_folder_in_a_tree_stays_whole(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/go", "/t/keep/file", "/t/keep/sub/file", "/t/other/file"];
    fixture.upload_each(&realm, &paths).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    let committed = fixture.delete(fixture.lenient(&realm, vec![by_path("/t")])).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 2, bytes: 2, folders: 1 });
    fixture.drain().await;
    let all = [&paths[..], &["/t/other"]].concat();
    assert_eq!(fixture.present(&realm, &all).await, ["/t/keep/file", "/t/keep/sub/file"]);
}

/// I11: the same tree may be deleted again and again; what is locked outlasts each of them, and
/// goes when it is unlocked.
pub(crate) async fn a_survivor_can_be_deleted_again(fixture: Fixture) {
    let realm = fixture.realm().await;
    let kept = fixture.upload(&realm, "/t/keep", 7).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    for round in 0..3 {
        fixture.upload(&realm, "/t/go", round).await;
        let request = fixture.lenient(&realm, vec![by_path("/t")]);
        let committed = fixture.delete(request).await.unwrap();
        assert_eq!(committed.counts.files, 1);
        let file = fixture.file_at(&realm, "/t/keep").await.unwrap();
        assert_eq!((file.id, file.blob), (kept.id, kept.blob));
        assert!(file.sequence > committed.sequence);
    }
    assert!(fixture.set_lock(&realm, "/t/keep", false).await);
    assert_eq!(fixture.delete_path(&realm, "/t").await.counts.files, 1);
    assert_eq!(fixture.drain().await.len(), 4);
    assert_eq!(fixture.usage(&realm).await.live.files, 0);
}

/// A reserved folder may be locked: it then covers all below it.
pub(crate) async fn a_locked_reserved_folder_covers_what_is_below(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/uploads/day/file", 1).await;
    fixture.lock(&realm, &["/uploads"]).await;
    for path in ["/uploads/day/file", "/uploads/day"] {
        let decided = fixture.delete(fixture.request(&realm, vec![by_path(path)])).await;
        assert!(matches!(decided, Err(Declined::Refused(_))), "{path}");
    }
}

/// A lock holds the organization's own entries, and no other's of the same path (I7).
pub(crate) async fn a_lock_holds_in_one_organization_only(fixture: Fixture) {
    let (one, other) = (fixture.realm().await, fixture.realm().await);
    fixture.upload(&one, "/a/b", 1).await;
    fixture.upload(&other, "/a/b", 1).await;
    fixture.lock(&one, &["/a"]).await;
    fixture.delete_path(&other, "/a/b").await;
    assert!(fixture.entry(&one, "/a/b").await.is_some());
}
