//! The guard: what would take more than it lets go unasked changes nothing.

use super::fixture::{Fixture, by_path};
use crate::deletion::plan::plan;
use crate::deletion::record::{Declined, Refusal};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::domain::guard::{Guard, GuardLimits};
use crate::domain::organization::Realm;

fn guard(files_max: Option<u64>, percent: Option<u8>, confirmed: Option<u64>) -> Guard {
    Guard { limits: GuardLimits { files_max, share_percent_max: percent }, confirmed }
}

fn guarded(fixture: &Fixture, realm: &Realm, paths: &[&str], guard: Guard) -> DeleteRequest {
    let selectors = paths.iter().map(|path| by_path(path)).collect();
    DeleteRequest { guard: Some(guard), ..fixture.lenient(realm, selectors) }
}

fn unconfirmed(count: u64) -> Declined {
    Declined::Refused(Refusal { unconfirmed: Some(count), ..Refusal::default() })
}

/// I6: a request that would take more is refused with the count, by a preview as by a commit.
pub(crate) async fn a_request_beyond_the_guard_changes_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/a", "/t/b/c", "/x"];
    fixture.upload_each(&realm, &paths).await;
    let before = fixture.usage(&realm).await;
    let request = guarded(&fixture, &realm, &["/t", "/x"], guard(Some(2), None, None));
    let preview = fixture.ledger.preview_deletion(request.clone(), plan).await.unwrap();
    assert_eq!(Declined::Refused(preview.unwrap_err()), unconfirmed(3));
    assert_eq!(fixture.delete(request.clone()).await.unwrap_err(), unconfirmed(3));
    assert_eq!(fixture.usage(&realm).await, before);
    assert_eq!(fixture.present(&realm, &paths).await, paths);
    assert_eq!(fixture.ledger.deletion(&realm, request.id).await.unwrap(), None);
}

/// The count that was refused is the one to be confirmed, and no other.
pub(crate) async fn a_guarded_request_goes_with_its_very_count(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b/c", "/x"]).await;
    let request =
        |confirmed| guarded(&fixture, &realm, &["/t", "/x"], guard(Some(0), None, Some(confirmed)));
    for wrong in [0, 2, 4, u64::MAX] {
        assert_eq!(fixture.delete(request(wrong)).await.unwrap_err(), unconfirmed(3));
    }
    fixture.upload(&realm, "/t/late", 1).await;
    assert_eq!(fixture.delete(request(3)).await.unwrap_err(), unconfirmed(4));
    assert_eq!(fixture.delete(request(4)).await.unwrap().counts.files, 4);
}

/// The share is of the files that live in the whole organization at the commit.
pub(crate) async fn a_share_is_of_the_files_that_live(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    fixture.upload_each(&realm, &["/a", "/b", "/t/x", "/t/y"]).await;
    fixture.upload_each(&other, &["/1", "/2", "/3", "/4"]).await;
    let half = guard(None, Some(50), None);
    let too_many = guarded(&fixture, &realm, &["/t", "/a"], half);
    assert_eq!(fixture.delete(too_many).await.unwrap_err(), unconfirmed(3));
    fixture.delete(guarded(&fixture, &realm, &["/t"], half)).await.unwrap();
    let both = guarded(&fixture, &realm, &["/a", "/b"], half);
    assert_eq!(fixture.delete(both).await.unwrap_err(), unconfirmed(2));
    fixture.delete(guarded(&fixture, &realm, &["/a"], half)).await.unwrap();
    fixture.drain().await;
    assert_eq!(fixture.usage(&other).await.live.files, 4);
}

/// What is locked, missing or named twice does not go, and needs no confirmation.
pub(crate) async fn a_guard_counts_what_would_go(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b", "/t/locked", "/l/x", "/l/y"]).await;
    fixture.lock(&realm, &["/t/locked", "/l"]).await;
    let paths = ["/t", "/t/a", "/l", "/gone", "/gone"];
    let request = guarded(&fixture, &realm, &paths, guard(Some(2), None, None));
    assert_eq!(fixture.delete(request).await.unwrap().counts.files, 2);
}

/// Whatever else is wrong is said first: the count is that of a request which would go.
pub(crate) async fn a_guard_speaks_last(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a", "/b"]).await;
    let request = DeleteRequest {
        guard: Some(guard(Some(0), None, None)),
        ..fixture.request(&realm, vec![by_path("/a"), Selector::Unmatchable])
    };
    let refusal = Refusal { missing: vec![1], ..Refusal::default() };
    assert_eq!(fixture.delete(request).await.unwrap_err(), Declined::Refused(refusal));
}
