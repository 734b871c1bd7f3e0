//! Folders that go with all below them, and the steps that expand them.

use std::time::Duration;

use super::fixture::{Fixture, STEP, blobs_of, by_path, keys_of};
use crate::deletion::record::{BATCH_BLOBS_MAX, Counts, Declined, DeletionState, Outcome, Refusal};
use crate::deletion::request::Selector;
use crate::domain::usage::Tally;
use crate::ledger::StepLimits;

/// I1, I9: nothing below is found from the commit on, and the counts are exact.
pub(crate) async fn a_deleted_folder_takes_all_below_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/a", "/t/b/c", "/t/b/d/e", "/t/f/g/h/i"];
    let files = fixture.upload_each(&realm, &paths).await;
    let committed = fixture.delete_path(&realm, "/t").await;
    let counts = Counts { files: 4, bytes: 4, folders: 6 };
    let outcome = Outcome::Deleted { counts, files: Vec::new() };
    assert_eq!((&committed.outcomes[..], committed.counts), (&[outcome][..], counts));
    assert!(committed.expanding && committed.batches.is_empty());
    let all = [&paths[..], &["/t", "/t/b", "/t/b/d", "/t/f/g/h"]].concat();
    assert_eq!(fixture.present(&realm, &all).await, [""; 0]);
    for file in &files {
        assert_eq!(fixture.ledger.file(&realm, file.id).await.unwrap(), None);
        let again = fixture.delete(fixture.request(&realm, vec![Selector::File(file.id)])).await;
        assert!(again.is_err());
    }
    assert_eq!(fixture.drain().await, blobs_of(&files));
}

/// Prefixes are whole segments.
pub(crate) async fn siblings_with_similar_names_survive(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/a/x", "/t/ab/x", "/t/a.txt", "/t/A/x", "/t/a b", "/ta/x", "/t/a%/x", "/t/a_"];
    fixture.upload_each(&realm, &paths).await;
    fixture.delete_path(&realm, "/t/a").await;
    assert_eq!(fixture.present(&realm, &paths).await, &paths[1..]);
    fixture.drain().await;
    assert_eq!(fixture.present(&realm, &paths).await, &paths[1..]);
}

/// An empty folder is a folder: it goes, it counts, and its deletion settles.
pub(crate) async fn an_empty_folder_goes(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 1).await;
    fixture.delete_path(&realm, "/t/a").await;
    fixture.drain().await;
    let committed = fixture.delete_path(&realm, "/t").await;
    assert_eq!(committed.counts, Counts { files: 0, bytes: 0, folders: 1 });
    assert_eq!(fixture.entry(&realm, "/t").await, None);
    assert_eq!(fixture.drain().await, []);
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.settled_at.is_some()), (DeletionState::Settled, true));
}

/// I3: steps that have no time at all, since somebody asks again and again, get to the end of a
/// deep tree and of a folder that survives all the same.
pub(crate) async fn a_step_without_time_does_something(fixture: Fixture) {
    const STEPS_MAX: usize = 500;
    let realm = fixture.realm().await;
    let deep = format!("/t{}/x", "/d".repeat(100));
    let files = fixture.upload_each(&realm, &[&deep, "/t/a", "/s/b", "/s/c", "/s/kept"]).await;
    fixture.lock(&realm, &["/s/kept"]).await;
    let both = vec![by_path("/t"), by_path("/s")];
    fixture.delete(fixture.lenient(&realm, both)).await.unwrap();
    let hurried =
        StepLimits { duration: Duration::ZERO, duration_beside_others: Duration::ZERO, ..STEP };
    let (mut condemned, mut served) = (Vec::new(), None);
    for _ in 0..STEPS_MAX {
        let step = fixture.ledger.expand_step(served, fixture.lease(), hurried, fixture.now());
        let step = step.await.unwrap();
        served = step.served;
        condemned.extend(step.batches);
        if served.is_none() {
            break;
        }
    }
    assert_eq!(served, None, "expanding does not end");
    fixture.assert_sound().await;
    assert_eq!(keys_of(&condemned), blobs_of(&files[..4]));
}

/// I12: what is stored at a doomed name, before the expander comes by, is not touched.
pub(crate) async fn what_is_uploaded_after_a_deletion_survives_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload_each(&realm, &["/t/a", "/t/sub/b"]).await;
    let committed = fixture.delete_path(&realm, "/t").await;
    let paths = ["/t/a", "/t/sub/b", "/t/sub/new"];
    let after = fixture.upload_each(&realm, &paths).await;
    assert!(after.iter().all(|file| file.sequence > committed.sequence));
    assert_eq!(fixture.folder_at(&realm, "/t/sub").await.unwrap().direct.files, 2);
    assert_eq!(fixture.drain().await, blobs_of(&before));
    assert_eq!(fixture.present(&realm, &paths).await, paths);
    let usage = fixture.usage(&realm).await;
    assert_eq!((usage.live.files, usage.settled.files), (3, 2));
}

/// I12: the same in a folder that itself survives, where new and old files share it.
pub(crate) async fn what_is_uploaded_into_a_survivor_survives(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/t/go", "/t/keep", "/t/again"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    fixture.delete(fixture.lenient(&realm, vec![by_path("/t")])).await.unwrap();
    let again = fixture.upload(&realm, "/t/again", 5).await;
    assert_ne!(again.id, files[2].id);
    let direct = fixture.folder_at(&realm, "/t").await.unwrap().direct;
    assert_eq!(direct, Tally { files: 2, bytes: 6 });
    assert_eq!(fixture.drain().await, blobs_of(&[files[0].clone(), files[2].clone()]));
    assert_eq!(
        fixture.present(&realm, &["/t/go", "/t/keep", "/t/again"]).await,
        ["/t/keep", "/t/again",]
    );
}

/// I12: between two steps of expanding, too.
pub(crate) async fn uploads_between_two_steps_survive(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/t", 20).await;
    fixture.delete_path(&realm, "/t").await;
    for round in 0..10 {
        fixture.expand_once(None, 2).await;
        fixture.upload(&realm, &format!("/t/{round:05}"), 1).await;
    }
    assert_eq!(fixture.drain().await.len(), 20);
    assert_eq!(fixture.folder_at(&realm, "/t").await.unwrap().direct.files, 10);
}

/// I12: a name that was doomed, uploaded anew and overwritten is overwritten, not brought back.
pub(crate) async fn overwriting_after_a_deletion_condemns_the_new_version_only(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 1).await;
    let committed = fixture.delete_path(&realm, "/t").await;
    let second = fixture.upload(&realm, "/t/a", 2).await;
    let third = fixture.upload(&realm, "/t/a", 4).await;
    assert_eq!(second.id, third.id);
    let usage = fixture.usage(&realm).await;
    assert_eq!((usage.live.bytes, usage.doomed.bytes, usage.condemned.bytes), (4, 1, 2));
    fixture.drain().await;
    assert_eq!(fixture.record(&realm, committed.id).await.purged, Tally::one(1));
    assert_eq!(fixture.file_at(&realm, "/t/a").await, Some(third));
}

/// I9: one tree after the other at the same path, before anything is expanded.
pub(crate) async fn a_tree_may_be_deleted_before_the_last_is_expanded(fixture: Fixture) {
    let realm = fixture.realm().await;
    let mut deletions = Vec::new();
    for count in 1..=4 {
        fixture.upload_many(&realm, "/t/sub", count).await;
        let committed = fixture.delete_path(&realm, "/t").await;
        assert_eq!(
            committed.counts,
            Counts { files: count as u64, bytes: count as u64, folders: 2 }
        );
        deletions.push((committed.id, count as u64));
    }
    assert_eq!(fixture.drain().await.len(), 10);
    for (deletion, files) in deletions {
        let record = fixture.record(&realm, deletion).await;
        assert_eq!((record.purged.files, record.state), (files, DeletionState::Settled));
    }
}

/// A subtree first, the tree afterwards: each takes what it found.
pub(crate) async fn a_tree_does_not_count_what_had_gone_before(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/sub/b", "/t/sub/c"]).await;
    let inner = fixture.delete_path(&realm, "/t/sub").await;
    let outer = fixture.delete_path(&realm, "/t").await;
    assert_eq!(inner.counts, Counts { files: 2, bytes: 2, folders: 1 });
    assert_eq!(outer.counts, Counts { files: 1, bytes: 1, folders: 1 });
    fixture.drain().await;
    assert_eq!(fixture.record(&realm, inner.id).await.purged.files, 2);
    assert_eq!(fixture.record(&realm, outer.id).await.purged.files, 1);
}

/// I14: a large folder goes in steps, each within its bound; progress rises and ends at 100.
pub(crate) async fn three_thousand_files_are_expanded_in_steps(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_many(&realm, "/t", 3000).await;
    let committed = fixture.delete_path(&realm, "/t").await;
    assert_eq!(committed.counts, Counts { files: 3000, bytes: 3000, folders: 1 });
    let mut batches = Vec::new();
    let mut percents = Vec::new();
    loop {
        let lease = fixture.lease();
        let limits = crate::ledger::StepLimits { blobs: 700, ..STEP };
        let step = fixture.ledger.expand_step(None, lease, limits, fixture.now()).await.unwrap();
        if step.served.is_none() {
            break;
        }
        assert!(step.batches.iter().all(|batch| batch.blobs.len() <= BATCH_BLOBS_MAX));
        assert!(step.batches.iter().all(|batch| batch.deletion == Some(committed.id)));
        assert!(step.batches.iter().map(|batch| batch.blobs.len()).sum::<usize>() <= 700);
        fixture.settle(&step.batches, lease.token, |_| false).await;
        percents.push(fixture.record(&realm, committed.id).await.percent());
        batches.extend(step.batches);
    }
    assert!(percents.len() >= 5 && percents.is_sorted(), "{percents:?}");
    assert_eq!(percents.last(), Some(&100));
    assert_eq!(keys_of(&batches), blobs_of(&files));
}

/// Expanded batches are born leased: nobody else is given them before the lease expires (I5).
pub(crate) async fn expanded_batches_are_leased_to_the_step(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 1).await;
    fixture.delete_path(&realm, "/t").await;
    let batches = fixture.expand(10).await;
    assert_eq!(fixture.lease_due(fixture.lease()).await, []);
    fixture.clock.advance(super::fixture::LEASE_DURATION);
    assert_eq!(keys_of(&fixture.lease_due(fixture.lease()).await), keys_of(&batches));
}

/// Organizations are served in turn, so that a large folder of one does not hold up the others.
pub(crate) async fn organizations_are_expanded_in_turn(fixture: Fixture) {
    let mut realms = Vec::new();
    for _ in 0..3 {
        let realm = fixture.realm().await;
        fixture.upload_many(&realm, "/t", 4).await;
        fixture.delete_path(&realm, "/t").await;
        realms.push(realm.organization);
    }
    let idle = fixture.realm().await.organization;
    let mut served = None;
    for round in 0..6 {
        served = fixture.expand_once(served, 1).await.served;
        assert_eq!(served, Some(realms[round % 3]));
    }
    let behind_the_last = fixture.expand_once(Some(idle), 1).await.served;
    assert_eq!(behind_the_last, Some(realms[0]));
    fixture.expand(10).await;
    assert_eq!(fixture.expand_once(Some(realms[0]), 1).await.served, None);
}

/// Within an organization the oldest deletion is expanded first.
pub(crate) async fn the_oldest_deletion_is_expanded_first(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/older", 3).await;
    fixture.upload_many(&realm, "/newer", 3).await;
    let older = fixture.delete_path(&realm, "/older").await.id;
    let newer = fixture.delete_path(&realm, "/newer").await.id;
    let batches = fixture.expand(1).await;
    let served: Vec<_> = batches.iter().filter_map(|batch| batch.deletion).collect();
    assert_eq!(served, [older, older, older, newer, newer, newer]);
}

/// Reserved folders are never deleted as such; what lies below them may be.
pub(crate) async fn reserved_folders_stay(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/uploads/day/a", "/commands/day/b"]).await;
    for path in ["/uploads", "/commands"] {
        let declined = fixture.delete(fixture.request(&realm, vec![by_path(path)])).await;
        let locked = vec![(0, super::fixture::at(path))];
        assert_eq!(
            declined.unwrap_err(),
            Declined::Refused(Refusal { locked, ..Refusal::default() })
        );
        let skipped = fixture.delete(fixture.lenient(&realm, vec![by_path(path)])).await.unwrap();
        assert_eq!(skipped.counts, Counts::default());
    }
    fixture.delete_path(&realm, "/uploads/day").await;
    fixture.drain().await;
    let paths = ["/uploads", "/uploads/day", "/commands", "/commands/day/b"];
    assert_eq!(fixture.present(&realm, &paths).await, ["/uploads", "/commands", "/commands/day/b"]);
}

/// Names like the reserved ones are ordinary anywhere but at the top.
pub(crate) async fn reserved_names_are_ordinary_below_the_top(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a/uploads/x", "/uploads2/x"]).await;
    fixture.delete_path(&realm, "/a/uploads").await;
    fixture.delete_path(&realm, "/uploads2").await;
    assert_eq!(fixture.present(&realm, &["/a/uploads", "/uploads2"]).await, [""; 0]);
    assert_eq!(fixture.drain().await.len(), 2);
}

/// A tree as deep as a path allows goes like any other.
pub(crate) async fn a_deep_tree_goes(fixture: Fixture) {
    let realm = fixture.realm().await;
    let path = format!("/t{}", "/d".repeat(500));
    let file = fixture.upload(&realm, &path, 1).await;
    let committed = fixture.delete_path(&realm, "/t").await;
    assert_eq!(committed.counts, Counts { files: 1, bytes: 1, folders: 500 });
    assert_eq!(fixture.drain().await, [file.blob]);
}
