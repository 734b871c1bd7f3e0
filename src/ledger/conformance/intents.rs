//! Upload intents, and how they end.

use super::fixture::{Fixture, INTENT_LIFETIME, keys_of};
use crate::domain::entry::UploadRefusal;
use crate::domain::usage::Usage;
use crate::ledger::Standing;

/// Keys are never used twice, and their numbers rise.
pub(crate) async fn reserved_keys_are_fresh_and_rising(fixture: Fixture) {
    let mut keys = fixture.intents(300).await;
    keys.extend(fixture.intents(300).await);
    assert!(keys.windows(2).all(|pair| pair[0].number < pair[1].number));
    let ids: std::collections::HashSet<_> = keys.iter().map(|key| key.id).collect();
    assert_eq!(ids.len(), 600);
    assert_eq!(fixture.intents(0).await, []);
}

/// Whoever comes second fails: one intent makes one version.
pub(crate) async fn an_intent_is_consumed_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let blob = fixture.upload(&realm, "/a", 1).await.blob;
    for path in ["/a", "/b"] {
        let again = fixture.version_of(blob, path, 1);
        assert_eq!(fixture.commit(&realm, again).await, Err(UploadRefusal::IntentExpired));
    }
    assert_eq!(fixture.usage(&realm).await.uploaded.files, 1);
}

/// I10: the sweep takes what has expired, and nothing that has not.
pub(crate) async fn the_sweep_takes_expired_intents_only(fixture: Fixture) {
    let early = fixture.intents(3).await;
    fixture.clock.advance(std::time::Duration::from_secs(1));
    let late = fixture.intent().await;
    fixture
        .clock
        .set(fixture.now().plus(INTENT_LIFETIME).minus(std::time::Duration::from_millis(1001)));
    assert_eq!(fixture.ledger.count_expired_intents(fixture.now()).await.unwrap(), 0);
    assert_eq!(fixture.ledger.condemn_expired_intents(fixture.now(), 500).await.unwrap(), 0);
    fixture.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(fixture.ledger.count_expired_intents(fixture.now()).await.unwrap(), 3);
    assert_eq!(fixture.ledger.condemn_expired_intents(fixture.now(), 500).await.unwrap(), 3);
    assert_eq!(fixture.ledger.count_expired_intents(fixture.now()).await.unwrap(), 0);
    fixture.assert_sound().await;
    let batches = fixture.lease_due(fixture.lease()).await;
    assert_eq!(keys_of(&batches), early);
    assert!(batches.iter().all(|batch| batch.deletion.is_none()));
    let inspection = fixture.ledger.inspect().await.unwrap();
    assert!(inspection.blobs.contains(&(late, None, Standing::Intended)));
}

/// A step of the sweep is bounded, and says how much it took.
pub(crate) async fn the_sweep_takes_no_more_than_its_limit(fixture: Fixture) {
    fixture.intents(5).await;
    fixture.clock.advance(INTENT_LIFETIME);
    for taken in [2, 2, 1, 0] {
        let swept = fixture.ledger.condemn_expired_intents(fixture.now(), 2).await.unwrap();
        assert_eq!(swept, taken);
    }
}

/// I10: an upload whose intent the sweep took fails, and is not counted.
pub(crate) async fn an_upload_behind_the_sweep_fails(fixture: Fixture) {
    let realm = fixture.realm().await;
    let version = fixture.version("/a", 9).await;
    fixture.clock.advance(INTENT_LIFETIME);
    fixture.ledger.condemn_expired_intents(fixture.now(), 10).await.unwrap();
    assert_eq!(fixture.commit(&realm, version).await, Err(UploadRefusal::IntentExpired));
    assert_eq!(fixture.entry(&realm, "/a").await, None);
    assert_eq!(fixture.usage(&realm).await, Usage::default());
}

/// I10: what an upload has consumed is no intent any more, however old.
pub(crate) async fn the_sweep_never_takes_a_stored_file(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    fixture.clock.advance(INTENT_LIFETIME * 2);
    assert_eq!(fixture.ledger.condemn_expired_intents(fixture.now(), 10).await.unwrap(), 0);
    assert_eq!(fixture.drain().await, []);
    assert!(fixture.entry(&realm, "/a").await.is_some());
}

/// I8: a failed upload's blob goes the way of all others, at once.
pub(crate) async fn an_abandoned_intent_is_condemned_at_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let version = fixture.version("/a", 1).await;
    let kept = fixture.intent().await;
    fixture.ledger.abandon_intents(&[version.blob], fixture.now()).await.unwrap();
    fixture.assert_sound().await;
    assert_eq!(keys_of(&fixture.lease_due(fixture.lease()).await), [version.blob]);
    assert_eq!(fixture.commit(&realm, version).await, Err(UploadRefusal::IntentExpired));
    let inspection = fixture.ledger.inspect().await.unwrap();
    assert!(inspection.blobs.contains(&(kept, None, Standing::Intended)));
}

/// I10: abandoning what was stored, or was abandoned before, changes nothing.
pub(crate) async fn abandoning_what_is_no_intent_changes_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let stored = fixture.upload(&realm, "/a", 1).await.blob;
    let failed = fixture.intent().await;
    for _ in 0..2 {
        fixture.ledger.abandon_intents(&[stored, failed], fixture.now()).await.unwrap();
    }
    assert_eq!(fixture.drain().await, [failed]);
    assert!(fixture.entry(&realm, "/a").await.is_some());
}

/// I9: bytes that were never stored are in no organization's usage, purged or not.
pub(crate) async fn swept_blobs_touch_no_usage(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 4).await;
    let before = fixture.usage(&realm).await;
    let swept = fixture.intents(600).await;
    fixture.clock.advance(INTENT_LIFETIME);
    assert_eq!(fixture.ledger.condemn_expired_intents(fixture.now(), 600).await.unwrap(), 600);
    assert_eq!(fixture.usage(&realm).await, before);
    assert_eq!(fixture.drain().await, swept);
    assert_eq!(fixture.usage(&realm).await, before);
}

/// Every blob the ledger knows is listed once, in order, with how it stands.
pub(crate) async fn inspection_lists_every_blob_as_it_stands(fixture: Fixture) {
    let realm = fixture.realm().await;
    let live = fixture.upload(&realm, "/live", 1).await.blob;
    let doomed = fixture.upload(&realm, "/tree/file", 2).await.blob;
    let condemned = fixture.upload(&realm, "/single", 3).await.blob;
    let intended = fixture.intent().await;
    fixture.delete_path(&realm, "/tree").await;
    fixture.delete_path(&realm, "/single").await;
    let blobs = fixture.ledger.inspect().await.unwrap().blobs;
    assert_eq!(
        blobs,
        [
            (live, Some(1), Standing::Stored),
            (doomed, Some(2), Standing::Stored),
            (condemned, Some(3), Standing::Condemned),
            (intended, None, Standing::Intended),
        ]
    );
    fixture.drain().await;
    let left: Vec<_> =
        fixture.ledger.inspect().await.unwrap().blobs.into_iter().map(|(key, ..)| key).collect();
    assert_eq!(left, [live, intended]);
}
