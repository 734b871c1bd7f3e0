//! Bounds in this process against floods, beside the allowances that the ledger counts exactly.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::error::{ApiError, RateLimited};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::organization::OrganizationNumber;

/// Attempts after which organizations that are idle are forgotten, so that memory stays bounded.
const ATTEMPTS_PER_CLEANING: u32 = 4096;

type Limiter = RateLimiter<
    OrganizationNumber,
    DashMapStateStore<OrganizationNumber>,
    FloodClock,
    NoOpMiddleware<Nanos>,
>;

/// How many attempts of one kind each organization has in a minute, refused ones included.
pub struct Floods {
    limiter: Limiter,
    clock: Arc<dyn Clock>,
    per_minute: NonZeroU32,
    attempts: AtomicU32,
}

impl Floods {
    /// At most `per_minute` attempts in a minute for each organization; zero counts as one.
    pub fn new(per_minute: u32, clock: Arc<dyn Clock>) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        let flood_clock = FloodClock(Arc::clone(&clock));
        let limiter = Limiter::dashmap_with_clock(Quota::per_minute(per_minute), flood_clock);
        Self { limiter, clock, per_minute, attempts: AtomicU32::new(0) }
    }

    /// Counts an attempt, or refuses it and says when the next one is taken.
    pub fn attempt(&self, organization: OrganizationNumber) -> Result<(), ApiError> {
        if self.attempts.fetch_add(1, Ordering::Relaxed).is_multiple_of(ATTEMPTS_PER_CLEANING) {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&organization).map_err(|refused| {
            let now = self.clock.now();
            let wait = refused.earliest_possible().duration_since(nanos(now));
            let wait = Duration::from(wait);
            ApiError::RateLimited(RateLimited {
                limit: self.per_minute.get(),
                until: now.plus(wait),
                wait,
            })
        })
    }
}

/// The process's clock, as the limiter reads it.
#[derive(Clone)]
struct FloodClock(Arc<dyn Clock>);

impl std::fmt::Debug for FloodClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FloodClock")
    }
}

impl GovernorClock for FloodClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        nanos(self.0.now())
    }
}

fn nanos(time: Timestamp) -> Nanos {
    let millis = u64::try_from(time.millis()).unwrap_or(0);
    Nanos::from(millis.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::ManualClock;

    #[test]
    fn a_flood_is_refused_until_the_time_that_the_refusal_names() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let floods = Floods::new(2, Arc::clone(&clock) as Arc<dyn Clock>);
        let (one, other) = (OrganizationNumber(1), OrganizationNumber(2));
        assert!(floods.attempt(one).is_ok());
        assert!(floods.attempt(one).is_ok());
        let Err(ApiError::RateLimited(limited)) = floods.attempt(one) else {
            panic!("the third attempt is one too many");
        };
        assert_eq!((limited.limit, limited.retry_after_seconds()), (2, 30));
        assert!(floods.attempt(other).is_ok());
        clock.set(limited.until);
        assert!(floods.attempt(one).is_ok());
        assert!(floods.attempt(one).is_err());
    }
}
