//! Time as an argument: everything that needs the time asks a [`Clock`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// A point in time, in whole milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time that lies `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time moved forward; the far end of the range is never passed.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// This time moved back; the far end of the range is never passed.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// How much later this is than `earlier`; zero where it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads a time in ISO 8601 that names its offset, such as `2030-01-31T12:00:00Z`. The last
    /// two days of the year 9999, which people write for "never", are beyond what can be told: they
    /// are the last time that can be.
    pub fn parse(text: &str) -> Option<Self> {
        let millis = match text.parse::<jiff::Timestamp>() {
            Ok(time) => time.as_millisecond(),
            Err(_) if is_last(text) => LAST_MILLIS,
            Err(_) => return None,
        };
        Some(Self(millis.min(LAST_MILLIS)))
    }

    /// `2026-01-31T12:00:00.000Z`.
    pub fn iso8601(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| self.0.to_string(), |time| format!("{time:.3}"))
    }

    /// `2026-01-31`, in UTC: the day folders of uploads and outputs are named so.
    pub fn date(self) -> String {
        self.iso8601().chars().take_while(|letter| *letter != 'T').collect()
    }
}

/// The last whole second that can be told, with any offset: 9999-12-30T22:00:00Z.
const LAST_MILLIS: i64 = 253_402_207_200_000;

/// Whether this is a whole time, with its offset, at the end of the year 9999.
fn is_last(text: &str) -> bool {
    let Ok(pieces) = jiff::fmt::temporal::Pieces::parse(text) else { return false };
    let is_whole = pieces.time().is_some() && pieces.to_numeric_offset().is_some();
    let date = pieces.date();
    is_whole && (date.year(), date.month()) == (9999, 12) && date.day() >= 30
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The time now. It may jump in either direction: nothing may rest on its being monotone.
    fn now(&self) -> Timestamp;
}

/// The time of the operating system.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp::from_millis(
            since_epoch.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.millis()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_in_utc() {
        let time = Timestamp::from_millis(1_767_225_599_999);
        assert_eq!(time.iso8601(), "2025-12-31T23:59:59.999Z");
        assert_eq!(time.date(), "2025-12-31");
    }

    #[test]
    fn a_time_names_its_offset_and_never_is_the_last_one() {
        let parsed = |text| Timestamp::parse(text).map(Timestamp::iso8601);
        let last = Some("9999-12-30T22:00:00.000Z".to_owned());
        for (text, expected) in [
            ("2030-01-31T12:00:00Z", Some("2030-01-31T12:00:00.000Z".to_owned())),
            ("2030-01-31T12:00:00+01:00", Some("2030-01-31T11:00:00.000Z".to_owned())),
            ("9999-12-31T23:59:59Z", last.clone()),
            ("9999-12-31T23:59:59.999999999-12:00", last),
            ("2030-01-31T12:00:00", None),
            ("9999-12-31", None),
            ("9999-12-31T23:59:59", None),
            ("9999-12-32T00:00:00Z", None),
            ("-009999-01-01T00:00:00Z", None),
            ("30d", None),
            ("", None),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn the_far_ends_saturate() {
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::from_millis(0).since(end), Duration::ZERO);
    }
}
