//! Forgetting what was remembered for repeats only, when nobody repeats it any more.

use crate::domain::clock::Timestamp;
use crate::domain::once::REMEMBERED_DURATION_MIN;
use crate::ledger::{Ledger, LedgerError};

/// Effects that one transaction forgets.
pub const EFFECTS_PER_STEP: usize = 500;

/// Forgets the effects that are old enough at `now`; how many.
pub async fn forget(ledger: &dyn Ledger, now: Timestamp) -> Result<u64, LedgerError> {
    let until = now.minus(REMEMBERED_DURATION_MIN);
    let mut forgotten = 0;
    loop {
        let step = ledger.forget_effects(until, EFFECTS_PER_STEP).await?;
        forgotten += step as u64;
        if step < EFFECTS_PER_STEP {
            return Ok(forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::id::{CommandId, KeyId};
    use crate::domain::once::{IdempotencyKey, Once, OnceToken, RequestDigest};
    use crate::ledger::NewCommand;
    use crate::ledger::conformance::Fixture;
    use crate::ledger::conformance::report;
    use crate::ledger::memory::tests::fixture;

    /// Makes `count` commands once each; how many were not made before.
    async fn make(fixture: &Fixture, count: usize) -> usize {
        let organization = fixture.ledger.organizations().await.unwrap()[0].number;
        let realm = crate::domain::organization::Realm::whole(organization);
        let mut made = 0;
        for number in 0..count {
            let key = IdempotencyKey::parse(number.to_string().as_bytes()).unwrap();
            let token = OnceToken::of(KeyId::from_bytes([7; 16]), &key);
            let once = Once { token, request: RequestDigest::of(&[]), at: fixture.now() };
            let new = NewCommand { id: fixture.id::<CommandId>(), report: report() };
            let asked = fixture.ledger.create_command(&realm, new, Some(once), fixture.now());
            made += usize::from(asked.await.unwrap().is_ok());
        }
        made
    }

    #[tokio::test]
    async fn a_repeat_is_recognised_for_seven_days() {
        let fixture = fixture();
        fixture.realm().await;
        let count = EFFECTS_PER_STEP + 1;
        assert_eq!(make(&fixture, count).await, count);
        fixture.clock.advance(REMEMBERED_DURATION_MIN.saturating_sub(Duration::from_millis(1)));
        assert_eq!(forget(fixture.ledger.as_ref(), fixture.now()).await.unwrap(), 0);
        assert_eq!(make(&fixture, count).await, 0);
        fixture.clock.advance(Duration::from_millis(1));
        assert_eq!(forget(fixture.ledger.as_ref(), fixture.now()).await.unwrap(), count as u64);
        assert_eq!(make(&fixture, count).await, count);
    }
}
