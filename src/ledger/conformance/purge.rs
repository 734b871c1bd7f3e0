//! The purge queue: leases, settling, trying again.

use std::time::Duration;

use super::fixture::{Fixture, LEASE_DURATION, RETRY_PAUSE, by_path, keys_of};
use crate::deletion::record::DeletionState;
use crate::domain::usage::Tally;

/// I5: an expired lease passes on, and who lost it settles nothing.
pub(crate) async fn who_lost_a_lease_settles_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    let request = fixture.request(&realm, vec![by_path("/a")]);
    let first = fixture.lease();
    let plan = crate::deletion::plan::plan;
    let committed = fixture.ledger.commit_deletion(request, plan, first).await.unwrap().unwrap();
    fixture.clock.advance(LEASE_DURATION.saturating_sub(Duration::from_millis(1)));
    assert_eq!(fixture.lease_due(fixture.lease()).await, []);
    fixture.clock.advance(Duration::from_millis(1));
    let second = fixture.lease();
    let taken_over = fixture.lease_due(second).await;
    assert_eq!(keys_of(&taken_over), keys_of(&committed.batches));
    fixture.settle(&committed.batches, first.token, |_| false).await;
    assert_eq!(fixture.usage(&realm).await.condemned, Tally::one(1));
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.purged), (DeletionState::Purging, Tally::default()));
    fixture.settle(&taken_over, second.token, |_| false).await;
    assert_eq!(fixture.usage(&realm).await.settled, Tally::one(1));
}

/// I5: nor does it hold back for later what the new holder is at work on.
pub(crate) async fn a_lost_lease_cannot_put_a_batch_off(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    fixture.upload(&realm, "/a", 2).await;
    let first = fixture.lease();
    let batches = fixture.lease_due(first).await;
    fixture.clock.advance(LEASE_DURATION);
    let second = fixture.lease();
    fixture.lease_due(second).await;
    fixture.settle(&batches, first.token, |_| true).await;
    fixture.settle(&batches, second.token, |_| false).await;
    assert_eq!(fixture.usage(&realm).await.settled, Tally::one(1));
}

/// An expired lease that nobody took over still settles: the work was done.
pub(crate) async fn an_expired_lease_settles_while_nobody_else_has_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    fixture.upload(&realm, "/a", 2).await;
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    fixture.clock.advance(LEASE_DURATION * 2);
    fixture.settle(&batches, lease.token, |_| false).await;
    assert_eq!(fixture.usage(&realm).await.settled, Tally::one(1));
    assert_eq!(fixture.purge().await, []);
}

/// I4, I9: settling twice counts once.
pub(crate) async fn settling_again_changes_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 3).await;
    let committed = fixture.delete_path(&realm, "/t").await;
    fixture.expand(10).await;
    fixture.clock.advance(LEASE_DURATION);
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    for _ in 0..3 {
        fixture.settle(&batches, lease.token, |_| false).await;
        assert_eq!(fixture.usage(&realm).await.settled, Tally::one(3));
        assert_eq!(fixture.record(&realm, committed.id).await.purged, Tally::one(3));
    }
}

/// I3, I4: what could not be removed stays condemned, alone, and is tried again after the pause.
pub(crate) async fn kept_blobs_are_tried_again_later(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = [fixture.upload(&realm, "/a", 1).await, fixture.upload(&realm, "/b", 2).await];
    let selectors = vec![by_path("/a"), by_path("/b")];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    fixture.clock.advance(LEASE_DURATION);
    for attempt in 0..3 {
        let lease = fixture.lease();
        let batches = fixture.lease_due(lease).await;
        assert_eq!(batches.iter().map(|batch| batch.attempts).collect::<Vec<_>>(), [attempt]);
        fixture.settle(&batches, lease.token, |blob| blob.key == files[1].blob).await;
        let usage = fixture.usage(&realm).await;
        assert_eq!((usage.settled, usage.condemned), (Tally::one(1), Tally::one(2)));
        let record = fixture.record(&realm, committed.id).await;
        assert_eq!((record.state, record.percent()), (DeletionState::Purging, 50));
        fixture.clock.advance(RETRY_PAUSE.saturating_sub(Duration::from_millis(1)));
        assert_eq!(fixture.lease_due(fixture.lease()).await, []);
        fixture.clock.advance(Duration::from_millis(1));
    }
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    assert_eq!(keys_of(&batches), [files[1].blob]);
    assert_eq!(batches[0].deletion, Some(committed.id));
    fixture.settle(&batches, lease.token, |_| false).await;
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.settled_at), (DeletionState::Settled, Some(fixture.now())));
}

/// The token of a batch that was kept is worth nothing any more (I5).
pub(crate) async fn a_lease_ends_when_it_is_settled(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    fixture.upload(&realm, "/a", 2).await;
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    fixture.settle(&batches, lease.token, |_| true).await;
    fixture.settle(&batches, lease.token, |_| false).await;
    assert_eq!(fixture.usage(&realm).await.condemned, Tally::one(1));
    assert_eq!(fixture.purge().await.len(), 1);
}

/// Blobs that a settlement names and the batch does not hold are not taken up.
pub(crate) async fn a_settlement_adds_nothing_to_a_batch(fixture: Fixture) {
    let realm = fixture.realm().await;
    let live = fixture.upload(&realm, "/live", 9).await;
    fixture.upload(&realm, "/a", 1).await;
    fixture.upload(&realm, "/a", 2).await;
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    let foreign = crate::domain::blob::SizedBlob { key: live.blob, size: 9 };
    let settlement = crate::ledger::Settlement {
        batch: batches[0].number,
        token: lease.token,
        kept: vec![foreign],
        retry_at: fixture.now(),
    };
    fixture.ledger.settle(vec![settlement], fixture.now()).await.unwrap();
    fixture.assert_sound().await;
    assert_eq!(fixture.usage(&realm).await.settled, Tally::one(1));
    assert_eq!(fixture.purge().await, []);
}

/// The oldest due batch comes first, and a bound ends the lease.
pub(crate) async fn due_batches_are_leased_oldest_first_and_bounded(fixture: Fixture) {
    let realm = fixture.realm().await;
    let mut condemned = vec![fixture.upload(&realm, "/a", 1).await.blob];
    for _ in 0..4 {
        fixture.clock.advance(Duration::from_secs(1));
        condemned.push(fixture.upload(&realm, "/a", 1).await.blob);
    }
    condemned.pop();
    for pair in condemned.chunks(2) {
        let lease = fixture.lease();
        let batches = fixture.ledger.lease_condemned(fixture.now(), lease, 2).await.unwrap();
        let keys: Vec<_> = batches.iter().map(|batch| batch.blobs[0].key).collect();
        assert_eq!(keys, pair);
    }
    assert_eq!(fixture.lease_due(fixture.lease()).await, []);
}

/// However small the bound, something is leased where something is due.
pub(crate) async fn a_batch_larger_than_the_bound_is_leased_whole(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/t", 5).await;
    fixture.delete_path(&realm, "/t").await;
    fixture.expand(10).await;
    fixture.clock.advance(LEASE_DURATION);
    let lease = fixture.lease();
    let batches = fixture.ledger.lease_condemned(fixture.now(), lease, 1).await.unwrap();
    assert_eq!(keys_of(&batches).len(), 5);
}

/// I3: a deletion is settled with the last of its batches, not with the first.
pub(crate) async fn a_deletion_settles_with_its_last_batch(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/t", 6).await;
    fixture.upload(&realm, "/single", 1).await;
    let selectors = vec![by_path("/single"), by_path("/t")];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    assert!(committed.expanding);
    assert_eq!(committed.batches.len(), 1);
    fixture.purge().await;
    assert_eq!(fixture.record(&realm, committed.id).await.state, DeletionState::Purging);
    fixture.expand(2).await;
    fixture.clock.advance(LEASE_DURATION);
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    let (last, others) = batches.split_last().unwrap();
    assert!(!others.is_empty());
    fixture.settle(others, lease.token, |_| false).await;
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.settled_at), (DeletionState::Purging, None));
    fixture.settle(std::slice::from_ref(last), lease.token, |_| false).await;
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.purged.files), (DeletionState::Settled, 7));
}

/// A deletion is not settled while files of it wait to be expanded, whatever is purged.
pub(crate) async fn a_deletion_is_not_settled_before_it_is_expanded(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/t", 4).await;
    let committed = fixture.delete_path(&realm, "/t").await;
    fixture.expand_once(None, 2).await;
    fixture.purge().await;
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!(
        (record.state, record.purged.files, record.percent()),
        (DeletionState::Purging, 2, 50,)
    );
    fixture.drain().await;
    assert_eq!(fixture.record(&realm, committed.id).await.percent(), 100);
}

/// I7: batches of many organizations are leased and settled together, each to its own account.
pub(crate) async fn organizations_share_the_queue_and_nothing_else(fixture: Fixture) {
    let realms = [fixture.realm().await, fixture.realm().await];
    for (realm, size) in realms.iter().zip([3, 5]) {
        fixture.upload(realm, "/a", size).await;
        fixture.delete_path(realm, "/a").await;
    }
    assert_eq!(fixture.purge().await.len(), 2);
    for (realm, size) in realms.iter().zip([3, 5]) {
        assert_eq!(fixture.usage(realm).await.settled, Tally::one(size));
    }
}

/// Nothing to do is no error.
pub(crate) async fn an_empty_queue_has_nothing_due(fixture: Fixture) {
    fixture.realm().await;
    assert_eq!(fixture.lease_due(fixture.lease()).await, []);
    fixture.ledger.settle(Vec::new(), fixture.now()).await.unwrap();
    let step = fixture.expand_once(None, 10).await;
    assert!(step.served.is_none() && step.batches.is_empty());
    assert_eq!(fixture.ledger.condemn_expired_intents(fixture.now(), 10).await.unwrap(), 0);
}
