//! Allowances: how many requests an organization may have accepted in a rolling window.

use std::time::Duration;

use super::fixture::{Fixture, by_path};
use crate::deletion::record::{AllowanceState, Declined};
use crate::deletion::request::{Allowance, DeleteRequest};
use crate::domain::organization::Realm;

const HOUR: Duration = Duration::from_hours(1);
const TWO_AN_HOUR: Allowance = Allowance { bucket: "two", limit: 2, window: HOUR };

fn counted(fixture: &Fixture, realm: &Realm) -> DeleteRequest {
    DeleteRequest {
        allowance: Some(TWO_AN_HOUR),
        ..fixture.lenient(realm, vec![by_path("/missing")])
    }
}

async fn left(fixture: &Fixture, realm: &Realm) -> u32 {
    let number = realm.organization;
    fixture.ledger.allowance(number, TWO_AN_HOUR, fixture.now()).await.unwrap().remaining
}

/// Accepted requests are counted, and the state after them is told.
pub(crate) async fn accepted_requests_use_up_the_allowance(fixture: Fixture) {
    let realm = fixture.realm().await;
    let start = fixture.now();
    let fresh = AllowanceState { limit: 2, remaining: 2, resets_at: start };
    let state = fixture.ledger.allowance(realm.organization, TWO_AN_HOUR, start).await.unwrap();
    assert_eq!(state, fresh);
    for remaining in [1, 0] {
        let committed = fixture.delete(counted(&fixture, &realm)).await.unwrap();
        let state = AllowanceState { limit: 2, remaining, resets_at: start.plus(HOUR) };
        assert_eq!(committed.allowance, Some(state));
        fixture.clock.advance(Duration::from_mins(1));
    }
    let declined = fixture.delete(counted(&fixture, &realm)).await.unwrap_err();
    let state = AllowanceState { limit: 2, remaining: 0, resets_at: start.plus(HOUR) };
    assert_eq!(declined, Declined::OverAllowance(state));
}

/// The window rolls: each request leaves it by itself, a window after it came.
pub(crate) async fn the_window_of_an_allowance_rolls(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.delete(counted(&fixture, &realm)).await.unwrap();
    fixture.clock.advance(HOUR / 2);
    fixture.delete(counted(&fixture, &realm)).await.unwrap();
    fixture.clock.advance((HOUR / 2).saturating_sub(Duration::from_millis(1)));
    assert!(fixture.delete(counted(&fixture, &realm)).await.is_err());
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(left(&fixture, &realm).await, 1);
    assert!(fixture.delete(counted(&fixture, &realm)).await.is_ok());
    assert!(fixture.delete(counted(&fixture, &realm)).await.is_err());
}

/// Where the limit was lowered below what is counted, the wait is until as many have left.
pub(crate) async fn a_lowered_limit_tells_when_the_next_is_accepted(fixture: Fixture) {
    let realm = fixture.realm().await;
    let start = fixture.now();
    let five = Allowance { limit: 5, ..TWO_AN_HOUR };
    for _ in 0..4 {
        let request = DeleteRequest { allowance: Some(five), ..counted(&fixture, &realm) };
        fixture.delete(request).await.unwrap();
        fixture.clock.advance(Duration::from_mins(1));
    }
    // Of four two may stay: the third oldest of them has to leave.
    let until = start.plus(HOUR + Duration::from_mins(2));
    let state = AllowanceState { limit: 2, remaining: 0, resets_at: until };
    let declined = fixture.delete(counted(&fixture, &realm)).await.unwrap_err();
    assert_eq!(declined, Declined::OverAllowance(state));
    fixture.clock.set(until.minus(Duration::from_millis(1)));
    assert!(fixture.delete(counted(&fixture, &realm)).await.is_err());
    fixture.clock.set(until);
    assert!(fixture.delete(counted(&fixture, &realm)).await.is_ok());
}

/// What a clock counted that was wrong by a day locks nobody out once it is right again; what it
/// counted in a window that has only just begun does count.
pub(crate) async fn a_clock_that_goes_back_locks_nobody_out(fixture: Fixture) {
    let realm = fixture.realm().await;
    let start = fixture.now();
    fixture.clock.set(start.plus(24 * HOUR));
    for _ in 0..2 {
        fixture.delete(counted(&fixture, &realm)).await.unwrap();
    }
    assert!(fixture.delete(counted(&fixture, &realm)).await.is_err());
    fixture.clock.set(start);
    assert_eq!(left(&fixture, &realm).await, 2);
    for _ in 0..2 {
        fixture.clock.advance(Duration::from_secs(1));
        fixture.delete(counted(&fixture, &realm)).await.unwrap();
    }
    // A clock that is set right by a second gives nothing away.
    fixture.clock.set(start);
    let declined = fixture.delete(counted(&fixture, &realm)).await.unwrap_err();
    let until = start.plus(HOUR + Duration::from_secs(1));
    let state = AllowanceState { limit: 2, remaining: 0, resets_at: until };
    assert_eq!(declined, Declined::OverAllowance(state));
}

/// I6: a request over the allowance deletes nothing, whatever it names.
pub(crate) async fn a_request_over_the_allowance_deletes_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 1).await;
    for _ in 0..2 {
        fixture.delete(counted(&fixture, &realm)).await.unwrap();
    }
    let request = DeleteRequest { selectors: vec![by_path("/a")], ..counted(&fixture, &realm) };
    let id = request.id;
    assert!(matches!(fixture.delete(request).await, Err(Declined::OverAllowance(_))));
    assert_eq!(fixture.file_at(&realm, "/a").await, Some(file));
    assert_eq!(fixture.ledger.deletion(&realm, id).await.unwrap(), None);
}

/// What is refused, declined or only previewed is not counted.
pub(crate) async fn only_accepted_requests_are_counted(fixture: Fixture) {
    let realm = fixture.realm().await;
    let strict = DeleteRequest {
        allowance: Some(TWO_AN_HOUR),
        ..fixture.request(&realm, vec![by_path("/missing")])
    };
    assert!(matches!(fixture.delete(strict).await, Err(Declined::Refused(_))));
    let request = counted(&fixture, &realm);
    let plan = crate::deletion::plan::plan;
    fixture.ledger.preview_deletion(request, plan).await.unwrap().unwrap();
    assert_eq!(left(&fixture, &realm).await, 2);
    for _ in 0..5 {
        let _over_or_not = fixture.delete(counted(&fixture, &realm)).await;
    }
    fixture.clock.advance(HOUR);
    assert_eq!(left(&fixture, &realm).await, 2);
}

/// I7: each organization and each bucket has its own; a request without one has no bound.
pub(crate) async fn allowances_are_apart(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    for _ in 0..2 {
        fixture.delete(counted(&fixture, &realm)).await.unwrap();
    }
    assert_eq!((left(&fixture, &realm).await, left(&fixture, &other).await), (0, 2));
    let another = Allowance { bucket: "another", ..TWO_AN_HOUR };
    let request = DeleteRequest { allowance: Some(another), ..counted(&fixture, &realm) };
    assert_eq!(fixture.delete(request).await.unwrap().allowance.unwrap().remaining, 1);
    let unbounded = DeleteRequest { allowance: None, ..counted(&fixture, &realm) };
    assert_eq!(fixture.delete(unbounded).await.unwrap().allowance, None);
}
