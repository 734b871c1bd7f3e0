//! Bounds in this process: how many requests an organization makes, beside the allowances that
//! the ledger counts durably.
//!
//! A limit of a plan is a rolling minute, exact to the millisecond: a request counts until sixty
//! seconds after it came, and what is refused does not count. Where a plan sets no limit, the
//! requests of each hour are counted and refuse nobody, since some clients expect to be told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::RateLimited;
use crate::deletion::record::AllowanceState;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::organization::OrganizationNumber;

/// What accepted batch deletions are counted as in the ledger: the name of their bucket in the
/// headers of the one dialect that has them.
pub const BATCH_DELETIONS: &str = "rest:post:files:batch:delete";
/// How long an accepted batch deletion counts.
pub const BATCH_DELETIONS_WINDOW: Duration = Duration::from_hours(1);
/// The window of limits in this process.
const WINDOW: Duration = Duration::from_secs(60);
/// Requests after which organizations that are idle are forgotten, so that memory stays bounded.
const REQUESTS_PER_CLEANING: u32 = 4096;
/// What is shown as the limit of an hour where a plan sets none.
const REQUESTS_PER_HOUR: u64 = 1_000_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// How many requests of one kind each organization has made in the last minute.
pub struct RollingMinute {
    clock: Arc<dyn Clock>,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    windows: HashMap<OrganizationNumber, Window>,
    since_cleaning: u32,
}

/// The requests of one organization, those of one millisecond together: never more than 60,000
/// entries, whatever the limit is.
#[derive(Default)]
struct Window {
    requests: VecDeque<(Timestamp, u32)>,
    total: u32,
}

impl Window {
    /// Forgets what has left the window. What lies in the future, after the clock went back,
    /// counts from now on.
    fn roll(&mut self, now: Timestamp) {
        let begins = now.minus(WINDOW);
        while let Some((at, requests)) = self.requests.front().copied()
            && at <= begins
        {
            self.requests.pop_front();
            self.total -= requests;
        }
        let mut ahead = 0;
        while let Some((_, requests)) = self.requests.pop_back_if(|(at, _)| *at > now) {
            ahead += requests;
        }
        if ahead > 0 {
            self.requests.push_back((now, ahead));
        }
    }

    fn count(&mut self, now: Timestamp) {
        self.total += 1;
        match self.requests.back_mut() {
            Some((at, requests)) if *at == now => *requests += 1,
            Some(_) | None => self.requests.push_back((now, 1)),
        }
    }

    fn state(&self, limit: u32, now: Timestamp) -> AllowanceState {
        AllowanceState {
            limit,
            remaining: limit.saturating_sub(self.total),
            resets_at: self.requests.front().map_or(now, |(oldest, _)| oldest.plus(WINDOW)),
        }
    }
}

impl RollingMinute {
    /// Nothing counted yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, counted: Mutex::default() }
    }

    /// Counts a request where fewer than `limit` came in the last minute; else refuses it, and
    /// says when the next one is taken.
    pub fn count(
        &self,
        organization: OrganizationNumber,
        limit: u32,
    ) -> Result<AllowanceState, RateLimited> {
        let now = self.clock.now();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.clean_sometimes(now);
        let window = counted.windows.entry(organization).or_default();
        window.roll(now);
        if window.total >= limit {
            return Err(RateLimited::from_allowance(window.state(limit, now), now));
        }
        window.count(now);
        Ok(window.state(limit, now))
    }

    /// What is left of `limit`; counts nothing.
    pub fn state(&self, organization: OrganizationNumber, limit: u32) -> AllowanceState {
        let now = self.clock.now();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let window = counted.windows.entry(organization).or_default();
        window.roll(now);
        window.state(limit, now)
    }
}

impl Counted {
    fn clean_sometimes(&mut self, now: Timestamp) {
        self.since_cleaning += 1;
        if self.since_cleaning >= REQUESTS_PER_CLEANING {
            self.since_cleaning = 0;
            self.windows.retain(|_, window| {
                window.roll(now);
                window.total > 0
            });
        }
    }
}

/// The requests of an organization after one of them: how many more are taken, of how many, until
/// when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestsLeft {
    /// Requests in the window at most.
    pub limit: u64,
    /// How many more would be taken now.
    pub remaining: u64,
    /// When the first of those that count leaves the window.
    pub resets_at: Timestamp,
}

impl RequestsLeft {
    /// What is left for whoever was just refused: nothing.
    pub fn none(limited: RateLimited) -> Self {
        Self { limit: limited.limit.into(), remaining: 0, resets_at: limited.until }
    }

    /// How many were counted.
    pub fn used(self) -> u64 {
        self.limit - self.remaining
    }

    /// When it resets, in whole Unix seconds, rounded up.
    pub fn reset_seconds(self) -> i64 {
        seconds_rounded_up(self.resets_at)
    }
}

/// A time in whole Unix seconds, rounded up: whoever waits until then has waited long enough.
pub fn seconds_rounded_up(time: Timestamp) -> i64 {
    time.millis().saturating_add(999).div_euclid(1000)
}

/// All authenticated requests of each organization, through whichever door.
pub struct Requests {
    limited: RollingMinute,
    unlimited: Mutex<ThisHour>,
    clock: Arc<dyn Clock>,
}

/// What was counted in an earlier hour is forgotten with the first request of the next, so that
/// this holds the active organizations only.
#[derive(Default)]
struct ThisHour {
    hour: i64,
    requests: HashMap<OrganizationNumber, u64>,
}

impl Requests {
    /// Nothing counted yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let limited = RollingMinute::new(Arc::clone(&clock));
        Self { limited, unlimited: Mutex::default(), clock }
    }

    /// Counts a request against the plan's limit, or refuses it.
    pub fn count(
        &self,
        organization: OrganizationNumber,
        per_minute: Option<u32>,
    ) -> Result<RequestsLeft, RateLimited> {
        let Some(limit) = per_minute else { return Ok(self.count_of_hour(organization)) };
        let state = self.limited.count(organization, limit)?;
        let AllowanceState { limit, remaining, resets_at } = state;
        Ok(RequestsLeft { limit: limit.into(), remaining: remaining.into(), resets_at })
    }

    fn count_of_hour(&self, organization: OrganizationNumber) -> RequestsLeft {
        let hour = self.clock.now().millis().div_euclid(HOUR_MILLIS);
        let mut counted = self.unlimited.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.hour != hour {
            *counted = ThisHour { hour, requests: HashMap::new() };
        }
        let requests = counted.requests.entry(organization).or_default();
        *requests += 1;
        RequestsLeft {
            limit: REQUESTS_PER_HOUR,
            remaining: REQUESTS_PER_HOUR.saturating_sub(*requests),
            resets_at: Timestamp::from_millis((hour + 1) * HOUR_MILLIS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::ManualClock;

    const ONE: OrganizationNumber = OrganizationNumber(1);
    const OTHER: OrganizationNumber = OrganizationNumber(2);
    const START: Timestamp = Timestamp::from_millis(1_700_000_000_250);

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(START))
    }

    fn minute(clock: &Arc<ManualClock>) -> RollingMinute {
        RollingMinute::new(Arc::clone(clock) as Arc<dyn Clock>)
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_last_allowed_request_is_taken_and_the_next_one_refused_until_the_window_ends() {
        let clock = clock();
        let minute = minute(&clock);
        assert_eq!(minute.count(ONE, 2).unwrap().remaining, 1);
        clock.advance(seconds(10));
        assert_eq!(minute.count(ONE, 2).unwrap().remaining, 0);
        let refused = minute.count(ONE, 2).unwrap_err();
        let until = START.plus(WINDOW);
        assert_eq!(refused, RateLimited { limit: 2, until, wait: seconds(50) });
        assert!(minute.count(OTHER, 2).is_ok());
        clock.set(until.minus(Duration::from_millis(1)));
        let refused = minute.count(ONE, 2).unwrap_err();
        assert_eq!((refused.until, refused.retry_after_seconds()), (until, 1));
        clock.set(until);
        assert_eq!(minute.count(ONE, 2).unwrap().remaining, 0);
        // The second of the first two counts for ten seconds more.
        assert_eq!(minute.count(ONE, 2).unwrap_err().wait, seconds(10));
    }

    #[test]
    fn what_is_refused_or_only_looked_at_does_not_count() {
        let clock = clock();
        let minute = minute(&clock);
        assert_eq!(minute.state(ONE, 1).remaining, 1);
        assert_eq!(minute.state(ONE, 1).resets_at, START);
        minute.count(ONE, 1).unwrap();
        for _ in 0..10 {
            clock.advance(seconds(5));
            minute.count(ONE, 1).unwrap_err();
        }
        clock.advance(seconds(10));
        minute.count(ONE, 1).unwrap();
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out_for_longer_than_a_window() {
        let clock = clock();
        let minute = minute(&clock);
        clock.advance(seconds(3600));
        minute.count(ONE, 1).unwrap();
        clock.set(START);
        assert_eq!(minute.count(ONE, 1).unwrap_err().wait, WINDOW);
        clock.advance(WINDOW);
        minute.count(ONE, 1).unwrap();
    }

    #[test]
    fn idle_organizations_are_forgotten() {
        let clock = clock();
        let minute = minute(&clock);
        minute.count(OTHER, 1).unwrap();
        clock.advance(WINDOW);
        for _ in 0..REQUESTS_PER_CLEANING {
            minute.count(ONE, u32::MAX).unwrap();
        }
        let counted = minute.counted.lock().unwrap();
        assert_eq!(counted.windows.keys().collect::<Vec<_>>(), [&ONE]);
        assert_eq!(counted.windows[&ONE].requests.len(), 1);
    }

    #[test]
    fn requests_without_a_limit_are_counted_for_each_organization_and_hour() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(7_200_000)));
        let requests = Requests::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let left = |remaining, seconds: i64| RequestsLeft {
            limit: 1_000_000,
            remaining,
            resets_at: Timestamp::from_millis(seconds * 1000),
        };
        assert_eq!(requests.count(ONE, None), Ok(left(999_999, 10_800)));
        clock.set(Timestamp::from_millis(10_799_999));
        assert_eq!(requests.count(ONE, None), Ok(left(999_998, 10_800)));
        assert_eq!(requests.count(OTHER, None), Ok(left(999_999, 10_800)));
        clock.set(Timestamp::from_millis(10_800_000));
        assert_eq!(requests.count(ONE, None), Ok(left(999_999, 14_400)));
    }
}
