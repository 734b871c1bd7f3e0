//! One organization can neither see nor change another (I7).

use super::fixture::{Fixture, by_path};
use crate::deletion::record::{Declined, Outcome, Refusal};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::snapshot::MissedAnswer;
use crate::ledger::{FileQuery, MissedSubject};

/// I7: by id, by path, by list.
pub(crate) async fn a_foreign_file_cannot_be_read(fixture: Fixture) {
    let (own, foreign) = (fixture.realm().await, fixture.realm().await);
    let file = fixture.upload(&foreign, "/a/b", 1).await;
    assert_eq!(fixture.ledger.file(&own, file.id).await.unwrap(), None);
    assert_eq!(fixture.present(&own, &["/a", "/a/b"]).await, [""; 0]);
    let query = FileQuery { limit: 10, ..FileQuery::default() };
    assert_eq!(fixture.ledger.files(&own, &query).await.unwrap().total, 0);
    assert_eq!(fixture.usage(&own).await.uploaded.files, 0);
}

/// I7: a foreign file is missing, exactly like one that never was.
pub(crate) async fn a_foreign_file_cannot_be_deleted(fixture: Fixture) {
    let (own, foreign) = (fixture.realm().await, fixture.realm().await);
    let file = fixture.upload(&foreign, "/a/b", 1).await;
    let command = fixture.command(&foreign).await;
    let selectors = vec![
        Selector::File(file.id),
        Selector::File(fixture.id()),
        by_path("/a/b"),
        by_path("/a"),
        Selector::Outputs(command),
        Selector::Outputs(fixture.id()),
    ];
    let declined = fixture.delete(fixture.request(&own, selectors.clone())).await.unwrap_err();
    let missing = (0..selectors.len()).collect();
    assert_eq!(declined, Declined::Refused(Refusal { missing, ..Refusal::default() }));
    let committed = fixture.delete(fixture.lenient(&own, selectors)).await.unwrap();
    assert!(committed.outcomes.iter().all(|outcome| *outcome == Outcome::Missing));
    assert_eq!(fixture.file_at(&foreign, "/a/b").await, Some(file));
    let untouched = fixture.ledger.command(&foreign, command).await.unwrap().unwrap();
    assert!(!untouched.closed);
}

/// I7: nor locked.
pub(crate) async fn a_foreign_entry_cannot_be_locked(fixture: Fixture) {
    let (own, foreign) = (fixture.realm().await, fixture.realm().await);
    fixture.upload(&foreign, "/a/b", 1).await;
    assert!(!fixture.set_lock(&own, "/a/b", true).await);
    assert!(!fixture.file_at(&foreign, "/a/b").await.unwrap().locked);
}

/// I7: the same path in two organizations is two entries.
pub(crate) async fn equal_paths_are_different_entries(fixture: Fixture) {
    let (own, foreign) = (fixture.realm().await, fixture.realm().await);
    let paths = ["/t/a", "/t/sub/b"];
    let kept = fixture.upload_each(&foreign, &paths).await;
    let gone = fixture.upload_each(&own, &paths).await;
    fixture.delete_path(&own, "/t").await;
    assert_eq!(fixture.drain().await, super::fixture::blobs_of(&gone));
    assert_eq!(fixture.file_at(&foreign, "/t/sub/b").await.as_ref(), Some(&kept[1]));
    assert_eq!(fixture.usage(&foreign).await.live.files, 2);
}

/// I7: deletions and commands are their organization's.
pub(crate) async fn foreign_records_cannot_be_read(fixture: Fixture) {
    let (own, foreign) = (fixture.realm().await, fixture.realm().await);
    fixture.upload(&foreign, "/a", 1).await;
    let deletion = fixture.delete_path(&foreign, "/a").await.id;
    let command = fixture.command(&foreign).await;
    assert_eq!(fixture.ledger.deletion(&own, deletion).await.unwrap(), None);
    assert_eq!(fixture.ledger.command(&own, command).await.unwrap(), None);
}

/// I7: a missed answer is joined by its own organization only.
pub(crate) async fn foreign_missed_answers_are_not_joined(fixture: Fixture) {
    let (own, foreign) = (fixture.realm().await, fixture.realm().await);
    let file = fixture.upload(&foreign, "/a", 1).await;
    let answer = MissedAnswer { deletion: fixture.delete_path(&foreign, "/a").await.id, files: 1 };
    let subject = MissedSubject::File(file.id);
    fixture.ledger.remember_missed(&foreign, subject, answer).await.unwrap();
    for (realm, joins) in [(&own, false), (&foreign, true)] {
        let mut request: DeleteRequest = fixture.request(realm, vec![Selector::File(file.id)]);
        request.joins_missed = true;
        assert_eq!(fixture.delete(request).await.is_ok(), joins);
    }
}

/// The one read across organizations tells existence, of live files, of others.
pub(crate) async fn files_elsewhere_are_told_by_existence_only(fixture: Fixture) {
    let (own, foreign) = (fixture.realm().await, fixture.realm().await);
    let mine = fixture.upload(&own, "/a", 1).await.id;
    let theirs = fixture.upload_each(&foreign, &["/a", "/gone", "/t/doomed"]).await;
    fixture.delete_path(&foreign, "/gone").await;
    fixture.delete_path(&foreign, "/t").await;
    let root = fixture.folder_at(&foreign, "/").await.unwrap().id;
    let ids = [theirs[1].id, theirs[0].id, mine, fixture.id(), theirs[2].id, root, theirs[0].id];
    let elsewhere = fixture.ledger.exist_elsewhere(own.organization, &ids).await.unwrap();
    assert_eq!(elsewhere, [false, true, false, false, false, false, true]);
    assert_eq!(fixture.ledger.exist_elsewhere(own.organization, &[]).await.unwrap(), [false; 0]);
}
