//! Deletions: what is found, what is refused, and what is durable of them.

use super::fixture::{Fixture, at, beneath, blobs_of, by_path, keys_of, written};
use crate::deletion::plan::plan;
use crate::deletion::record::{Counts, Declined, DeletionState, Outcome, Refusal};
use crate::deletion::request::{DeleteRequest, Door, Selector};
use crate::deletion::snapshot::MissedAnswer;
use crate::domain::usage::{Tally, Usage};
use crate::ledger::{FileQuery, MissedSubject};

/// I1: from the commit on nothing finds it, before any byte is gone.
pub(crate) async fn a_deleted_file_is_found_by_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a/b", 1).await;
    let committed = fixture.delete_path(&realm, "/a/b").await;
    assert_eq!(fixture.entry(&realm, "/a/b").await, None);
    assert_eq!(fixture.ledger.file(&realm, file.id).await.unwrap(), None);
    let query = FileQuery { limit: 10, ..FileQuery::default() };
    assert_eq!(fixture.ledger.files(&realm, &query).await.unwrap().total, 0);
    assert_eq!(fixture.folder_at(&realm, "/a").await.unwrap().direct, Tally::default());
    assert!(committed.sequence > file.sequence);
    let again = fixture.delete(fixture.request(&realm, vec![Selector::File(file.id)])).await;
    assert!(again.is_err());
}

/// I9: single files are named with their sizes and are on the queue, leased to the caller.
pub(crate) async fn single_files_are_condemned_under_the_callers_lease(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = [fixture.upload(&realm, "/a", 3).await, fixture.upload(&realm, "/b", 4).await];
    let request = fixture.request(&realm, vec![Selector::File(files[1].id), by_path("/a")]);
    let lease = fixture.lease();
    let committed =
        fixture.ledger.commit_deletion(request.clone(), plan, lease).await.unwrap().unwrap();
    assert_eq!((committed.id, committed.expanding), (request.id, false));
    assert_eq!(committed.counts, Counts { files: 2, bytes: 7, folders: 0 });
    let one = Counts { files: 1, bytes: 4, folders: 0 };
    let outcome = Outcome::Deleted { counts: one, files: vec![(files[1].id, 4)] };
    assert_eq!(committed.outcomes[0], outcome);
    assert_eq!(keys_of(&committed.batches), blobs_of(&files));
    assert!(committed.batches.iter().all(|batch| batch.deletion == Some(request.id)));
    assert_eq!(keys_of(&fixture.lease_due(fixture.lease()).await), []);
    let usage = fixture.usage(&realm).await;
    assert_eq!((usage.live, usage.condemned), (Tally::default(), Tally { files: 2, bytes: 7 }));
    fixture.settle(&committed.batches, lease.token, |_| false).await;
    let record = fixture.record(&realm, request.id).await;
    assert_eq!((record.state, record.percent()), (DeletionState::Settled, 100));
}

/// The record is the audit row: who, when, through which door, what.
pub(crate) async fn the_record_says_who_and_what(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 5).await;
    let request = DeleteRequest {
        door: Door::Merple,
        ..fixture.lenient(&realm, vec![by_path("/t"), by_path("/gone"), Selector::Unmatchable])
    };
    let committed = fixture.delete(request.clone()).await.unwrap();
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.id, record.key, record.door), (request.id, request.key, Door::Merple));
    assert_eq!((record.at, record.missing), (request.at, 2));
    assert_eq!(record.doomed, Counts { files: 1, bytes: 5, folders: 1 });
    assert_eq!((record.state, record.settled_at), (DeletionState::Purging, None));
    assert_eq!((record.purged, record.percent()), (Tally::default(), 0));
    assert_eq!(record.skipped, []);
}

/// A deletion that found nothing is a deletion all the same, and is settled at once.
pub(crate) async fn a_deletion_of_nothing_is_settled_at_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let committed = fixture.delete(fixture.lenient(&realm, vec![by_path("/a")])).await.unwrap();
    assert_eq!(committed.outcomes, [Outcome::Missing]);
    assert!(committed.batches.is_empty() && !committed.expanding);
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.settled_at), (DeletionState::Settled, Some(fixture.now())));
    assert_eq!((record.missing, record.percent()), (1, 100));
}

/// I6: one missing selector refuses all, and every missing one is named.
pub(crate) async fn a_missing_selector_refuses_the_whole_request(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 1).await;
    let selectors = vec![
        Selector::Unmatchable,
        Selector::File(file.id),
        by_path("/b"),
        Selector::File(fixture.id()),
        Selector::Outputs(fixture.id()),
    ];
    let request = fixture.request(&realm, selectors);
    let declined = fixture.delete(request.clone()).await.unwrap_err();
    let missing = vec![0, 2, 3, 4];
    assert_eq!(declined, Declined::Refused(Refusal { missing, ..Refusal::default() }));
    assert_eq!(fixture.file_at(&realm, "/a").await, Some(file));
    assert_eq!(fixture.ledger.deletion(&realm, request.id).await.unwrap(), None);
}

/// I9: the lenient policy counts what is missing and takes the rest.
pub(crate) async fn missing_selectors_are_counted(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    let selectors = vec![by_path("/x"), by_path("/a"), by_path("/x")];
    let committed = fixture.delete(fixture.lenient(&realm, selectors)).await.unwrap();
    assert_eq!(committed.outcomes[0], Outcome::Missing);
    assert_eq!((committed.counts.files, committed.outcomes.len()), (1, 3));
    assert_eq!(fixture.record(&realm, committed.id).await.missing, 2);
}

/// A file's path with a trailing slash names nothing; neither does a folder's id, nor the root.
pub(crate) async fn a_selector_that_means_something_else_finds_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b", 1).await;
    let folder = fixture.folder_at(&realm, "/a").await.unwrap().id;
    for selector in [by_path("/a/b/"), Selector::File(folder), by_path("/")] {
        let declined = fixture.delete(fixture.request(&realm, vec![selector.clone()])).await;
        let refusal = Refusal { missing: vec![0], ..Refusal::default() };
        assert_eq!(declined.unwrap_err(), Declined::Refused(refusal), "{selector:?}");
    }
    assert!(fixture.entry(&realm, "/a/b").await.is_some());
}

/// I12: the name is free at once, and what is stored there is another entry.
pub(crate) async fn a_deleted_name_is_free_at_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload(&realm, "/a", 1).await;
    let committed = fixture.delete_path(&realm, "/a").await;
    let after = fixture.upload(&realm, "/a", 2).await;
    assert!(after.sequence > committed.sequence);
    assert_ne!(after.id, before.id);
    assert_eq!(fixture.drain().await, [before.blob]);
    assert_eq!(fixture.file_at(&realm, "/a").await, Some(after));
}

/// I2, I3: blobs leave the queue only when they are settled, and then for good.
pub(crate) async fn usage_moves_with_each_stage(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 8).await;
    let all = Tally::one(8);
    let with = |usage: Usage| Usage { uploaded: all, ..usage };
    assert_eq!(fixture.usage(&realm).await, with(Usage { live: all, ..Usage::default() }));
    fixture.delete_path(&realm, "/t").await;
    assert_eq!(fixture.usage(&realm).await, with(Usage { doomed: all, ..Usage::default() }));
    fixture.expand(10).await;
    assert_eq!(fixture.usage(&realm).await, with(Usage { condemned: all, ..Usage::default() }));
    fixture.purge().await;
    assert_eq!(fixture.usage(&realm).await, with(Usage { settled: all, ..Usage::default() }));
}

/// A preview decides as the commit does, and changes nothing.
pub(crate) async fn a_preview_changes_nothing_and_does_not_lie(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/keep", "/t/go", "/single"];
    fixture.upload_each(&realm, &paths).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    let before = fixture.usage(&realm).await;
    let selectors = vec![by_path("/t"), by_path("/single"), by_path("/missing")];
    let strict = fixture.request(&realm, selectors.clone());
    let lenient = fixture.lenient(&realm, selectors);
    let refused = fixture.ledger.preview_deletion(strict.clone(), plan).await.unwrap();
    let planned = fixture.ledger.preview_deletion(lenient.clone(), plan).await.unwrap().unwrap();
    assert_eq!(fixture.usage(&realm).await, before);
    assert_eq!(fixture.present(&realm, &paths).await, paths);
    assert_eq!(fixture.ledger.deletion(&realm, lenient.id).await.unwrap(), None);
    let declined = fixture.delete(strict).await.unwrap_err();
    assert_eq!(declined, Declined::Refused(refused.unwrap_err()));
    let committed = fixture.delete(lenient).await.unwrap();
    let planned = planned.plan;
    assert_eq!((committed.outcomes, committed.counts), (planned.outcomes, planned.counts));
}

/// A thousand files in one request, which is the most that any door lets in.
pub(crate) async fn a_thousand_selectors_go_in_one_commit(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_many(&realm, "/a", 1000).await;
    let selectors = files.iter().rev().map(|file| Selector::File(file.id)).collect();
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 1000, bytes: 1000, folders: 0 });
    let named = committed.outcomes.iter().zip(files.iter().rev());
    for (outcome, file) in named {
        assert!(matches!(outcome, Outcome::Deleted { files, .. } if files[..] == [(file.id, 1)]));
    }
    assert!(committed.batches.len() >= 2);
    assert!(committed.batches.iter().all(|batch| batch.blobs.len() <= 512));
    assert_eq!(keys_of(&committed.batches), blobs_of(&files));
    let in_order = |pair: &[crate::domain::blob::SizedBlob]| pair[0].key < pair[1].key;
    assert!(committed.batches.iter().all(|batch| batch.blobs.windows(2).all(in_order)));
}

/// The same path may be deleted any number of times: each takes what lies there then.
pub(crate) async fn each_deletion_counts_what_it_took_itself(fixture: Fixture) {
    let realm = fixture.realm().await;
    for size in [1, 2, 3] {
        fixture.upload(&realm, "/a", size).await;
        let committed = fixture.delete_path(&realm, "/a").await;
        assert_eq!(committed.counts.bytes, size);
        fixture.drain().await;
        let purged = fixture.record(&realm, committed.id).await.purged;
        assert_eq!(purged, Tally::one(size));
    }
    assert_eq!(fixture.usage(&realm).await.settled, Tally { files: 3, bytes: 6 });
}

/// Overwritten versions belong to no deletion, also when the entry is deleted afterwards.
pub(crate) async fn a_version_overwritten_before_is_not_counted(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 5).await;
    fixture.upload(&realm, "/a", 2).await;
    let committed = fixture.delete_path(&realm, "/a").await;
    assert_eq!(committed.counts, Counts { files: 1, bytes: 2, folders: 0 });
    assert_eq!(fixture.drain().await.len(), 2);
    assert_eq!(fixture.record(&realm, committed.id).await.purged, Tally::one(2));
}

/// A repeat joins the deletion whose answer was missed, once.
pub(crate) async fn a_missed_answer_is_given_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 1).await;
    let first = fixture.delete_path(&realm, "/a").await;
    let answer = MissedAnswer { deletion: first.id, files: 1 };
    let subject = MissedSubject::File(file.id);
    fixture.ledger.remember_missed(&realm, subject, answer).await.unwrap();
    let repeat = |joins_missed| DeleteRequest {
        joins_missed,
        ..fixture.request(&realm, vec![Selector::File(file.id)])
    };
    assert!(fixture.delete(repeat(false)).await.is_err());
    let preview = fixture.ledger.preview_deletion(repeat(true), plan).await.unwrap().unwrap();
    let preview = preview.plan;
    assert_eq!(preview.outcomes, [Outcome::Joined(answer)]);
    let joined = fixture.delete(repeat(true)).await.unwrap();
    assert_eq!((joined.outcomes, joined.counts), (preview.outcomes, Counts::default()));
    assert!(fixture.delete(repeat(true)).await.is_err());
}

/// I6: a request that is refused has not used up the missed answer.
pub(crate) async fn a_refused_request_forgets_no_missed_answer(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 1).await;
    let answer = MissedAnswer { deletion: fixture.delete_path(&realm, "/a").await.id, files: 1 };
    let subject = MissedSubject::File(file.id);
    fixture.ledger.remember_missed(&realm, subject, answer).await.unwrap();
    let mut request = fixture.request(&realm, vec![Selector::File(file.id), by_path("/missing")]);
    request.joins_missed = true;
    assert!(fixture.delete(request.clone()).await.is_err());
    request.selectors.pop();
    let joined = fixture.delete(request).await.unwrap();
    assert_eq!(joined.outcomes, [Outcome::Joined(answer)]);
}

/// A later miss of the same subject is the one that is remembered.
pub(crate) async fn the_latest_missed_answer_is_the_one_remembered(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 1).await;
    let deletion = fixture.delete_path(&realm, "/a").await.id;
    let subject = MissedSubject::File(file.id);
    for files in [7, 1] {
        let answer = MissedAnswer { deletion, files };
        fixture.ledger.remember_missed(&realm, subject, answer).await.unwrap();
    }
    let mut request = fixture.request(&realm, vec![Selector::File(file.id)]);
    request.joins_missed = true;
    let joined = fixture.delete(request).await.unwrap();
    assert_eq!(joined.outcomes, [Outcome::Joined(MissedAnswer { deletion, files: 1 })]);
}

/// I7: what lies outside of the key's prefix is missing to it, and is known as such.
pub(crate) async fn what_lies_outside_the_prefix_is_not_deleted(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/a/in", "/ab", "/b/out"]).await;
    let narrow = beneath(&realm, "/a");
    let selectors = vec![
        Selector::File(files[0].id),
        Selector::File(files[1].id),
        by_path("/ab"),
        by_path("/b"),
        Selector::File(fixture.id()),
    ];
    let declined = fixture.delete(fixture.request(&narrow, selectors.clone())).await.unwrap_err();
    let refusal = Refusal { missing: vec![4], outside_prefix: vec![1, 2, 3], ..Refusal::default() };
    assert_eq!(declined, Declined::Refused(refusal));
    let committed = fixture.delete(fixture.lenient(&narrow, selectors)).await.unwrap();
    assert_eq!((committed.counts.files, committed.counts.folders), (1, 0));
    assert_eq!(fixture.record(&narrow, committed.id).await.missing, 4);
    let paths = ["/a/in", "/ab", "/b/out"];
    assert_eq!(fixture.present(&realm, &paths).await, ["/ab", "/b/out"]);
}

/// I7: a path outside of the prefix tells nothing, not even that nothing is there.
pub(crate) async fn an_empty_path_outside_the_prefix_is_outside(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/in", 1).await;
    let narrow = beneath(&realm, "/a");
    let declined = fixture.delete(fixture.request(&narrow, vec![by_path("/b")])).await;
    let refusal = Refusal { outside_prefix: vec![0], ..Refusal::default() };
    assert_eq!(declined.unwrap_err(), Declined::Refused(refusal));
}

/// A key with a prefix sees the deletions asked for with its prefix, or beneath it.
pub(crate) async fn a_record_is_seen_from_its_prefix_upwards(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b/c", 1).await;
    let asked = beneath(&realm, "/a/b");
    let committed = fixture.delete_path(&asked, "/a/b/c").await;
    for (prefix, seen) in [("/a/b", true), ("/a", true), ("/a/b/c", false), ("/ab", false)] {
        let narrow = beneath(&realm, prefix);
        let found = fixture.ledger.deletion(&narrow, committed.id).await.unwrap();
        assert_eq!(found.is_some(), seen, "{prefix}");
    }
    assert_eq!(fixture.record(&realm, committed.id).await.id, committed.id);
    assert_eq!(fixture.ledger.deletion(&realm, fixture.id()).await.unwrap(), None);
}

/// The prefix itself, as a folder, is the key's to delete.
pub(crate) async fn a_key_may_delete_the_folder_of_its_prefix(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a/b", "/ab/c", "/a.txt"]).await;
    fixture.delete_path(&beneath(&realm, "/a"), "/a").await;
    let entry = fixture.ledger.entry_at(&realm, &written("/a")).await.unwrap();
    assert_eq!(entry, None);
    assert_eq!(fixture.present(&realm, &["/ab/c", "/a.txt"]).await, ["/ab/c", "/a.txt"]);
    let path = at("/a.txt");
    assert!(!beneath(&realm, "/a").sees(&path));
}
