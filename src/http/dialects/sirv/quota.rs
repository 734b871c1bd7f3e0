//! What the headers of an answer say of limits: the calls of an organization in this hour, and
//! the bucket of a route that has one of its own.
//!
//! The calls are counted in this process and never refused: the default plan has no limit, and a
//! client of the product expects the headers all the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::deletion::record::AllowanceState;
use crate::domain::clock::Timestamp;
use crate::domain::organization::OrganizationNumber;

/// What the headers show as the limit where a plan sets none.
const CALLS_PER_HOUR: u64 = 1_000_000;
const HOUR_SECONDS: i64 = 3600;

const GLOBAL_LIMIT: HeaderName = HeaderName::from_static("x-global-ratelimit-limit");
const GLOBAL_REMAINING: HeaderName = HeaderName::from_static("x-global-ratelimit-remaining");
const GLOBAL_RESET: HeaderName = HeaderName::from_static("x-global-ratelimit-reset");
/// Stands on every answer that tells how a bucket is.
pub(super) const BUCKET_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const TYPE: HeaderName = HeaderName::from_static("x-ratelimit-type");

/// The calls of each organization in the present hour. What was counted in an earlier hour is
/// forgotten with the first call of the next, so that it holds the active organizations only.
#[derive(Debug, Default)]
pub(super) struct HourlyCalls(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    hour: i64,
    calls: HashMap<OrganizationNumber, u64>,
}

/// An organization's calls after one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallsLeft {
    remaining: u64,
    /// Unix seconds.
    resets_at: i64,
}

impl HourlyCalls {
    /// Counts a call.
    pub(super) fn count(&self, organization: OrganizationNumber, now: Timestamp) -> CallsLeft {
        let hour = now.seconds().div_euclid(HOUR_SECONDS);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.hour != hour {
            *counted = Counted { hour, calls: HashMap::new() };
        }
        let calls = counted.calls.entry(organization).or_default();
        *calls += 1;
        CallsLeft {
            remaining: CALLS_PER_HOUR.saturating_sub(*calls),
            resets_at: (hour + 1) * HOUR_SECONDS,
        }
    }
}

impl CallsLeft {
    /// Writes the headers.
    pub(super) fn write(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(GLOBAL_LIMIT, CALLS_PER_HOUR.into());
        headers.insert(GLOBAL_REMAINING, self.remaining.into());
        headers.insert(GLOBAL_RESET, self.resets_at.into());
    }
}

/// Writes the headers of a bucket; its reset in whole Unix seconds, rounded up.
pub(super) fn write_bucket(bucket: &'static str, state: AllowanceState, response: &mut Response) {
    let headers = response.headers_mut();
    let reset = state.resets_at.millis().saturating_add(999).div_euclid(1000);
    headers.insert(BUCKET_LIMIT, state.limit.into());
    headers.insert(REMAINING, state.remaining.into());
    headers.insert(RESET, reset.into());
    headers.insert(TYPE, HeaderValue::from_static(bucket));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_for_each_organization_and_hour() {
        let calls = HourlyCalls::default();
        let (one, other) = (OrganizationNumber(1), OrganizationNumber(2));
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let left = |remaining, resets_at| CallsLeft { remaining, resets_at };
        assert_eq!(calls.count(one, at(7_200)), left(999_999, 10_800));
        assert_eq!(calls.count(one, at(10_799)), left(999_998, 10_800));
        assert_eq!(calls.count(other, at(10_799)), left(999_999, 10_800));
        assert_eq!(calls.count(one, at(10_800)), left(999_999, 14_400));
    }
}
