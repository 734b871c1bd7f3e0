//! What is read of a ledger when somebody looks how it does.

use std::time::Duration;

use super::fixture::{Fixture, LEASE_DURATION};
use crate::domain::usage::Tally;
use crate::ledger::Gauges;

async fn gauges(fixture: &Fixture) -> Gauges {
    let gauges = fixture.ledger.gauges().await.unwrap();
    assert!(!gauges.reserve_spent);
    // How much room the machine has is not the ledger's to decide.
    Gauges { free_bytes: None, ..gauges }
}

/// Where there is nothing, nothing is counted.
pub(crate) async fn an_empty_ledger_reads_zero(fixture: Fixture) {
    fixture.realm().await;
    assert_eq!(gauges(&fixture).await, Gauges::default());
}

/// Files and bytes move from live over doomed and condemned to nothing, those of all organizations
/// together.
pub(crate) async fn gauges_follow_a_deletion_to_its_end(fixture: Fixture) {
    let realms = [fixture.realm().await, fixture.realm().await];
    for realm in &realms {
        fixture.upload_many(realm, "/t", 3).await;
    }
    let six = Tally { files: 6, bytes: 6 };
    assert_eq!(gauges(&fixture).await, Gauges { live: six, ..Gauges::default() });
    for realm in &realms {
        fixture.delete_path(realm, "/t").await;
    }
    let doomed = Gauges { doomed: six, expansions: 2, unsettled_deletions: 2, ..Gauges::default() };
    assert_eq!(gauges(&fixture).await, doomed);
    fixture.expand(100).await;
    let condemned = Gauges {
        condemned: six,
        batches: 2,
        oldest_condemned_at: Some(fixture.now()),
        unsettled_deletions: 2,
        ..Gauges::default()
    };
    assert_eq!(gauges(&fixture).await, condemned);
    fixture.drain().await;
    assert_eq!(gauges(&fixture).await, Gauges::default());
}

/// Neither a lease nor a failure makes a batch younger, and open intents are counted.
pub(crate) async fn the_oldest_batch_is_as_old_as_its_condemnation(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    fixture.upload(&realm, "/b", 1).await;
    let began_at = fixture.now();
    fixture.delete_path(&realm, "/a").await;
    fixture.clock.advance(Duration::from_secs(10));
    fixture.delete_path(&realm, "/b").await;
    fixture.clock.advance(LEASE_DURATION);
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    assert_eq!(gauges(&fixture).await.oldest_condemned_at, Some(began_at));
    fixture.settle(&batches[..1], lease.token, |_| true).await;
    assert_eq!(gauges(&fixture).await.oldest_condemned_at, Some(began_at));
    fixture.purge().await;
    fixture.intents(3).await;
    let left = gauges(&fixture).await;
    assert_eq!((left.oldest_condemned_at, left.open_intents), (None, 3));
}

/// A ledger that works says so, and making sure changes nothing.
pub(crate) async fn a_ledger_that_can_write_says_so(fixture: Fixture) {
    let before = gauges(&fixture).await;
    fixture.ledger.check_writable().await.unwrap();
    assert!(!fixture.ledger.is_reserve_spent());
    assert_eq!(gauges(&fixture).await, before);
}
