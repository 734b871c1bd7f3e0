//! When a message that did not arrive is tried again. Pure: chance is an argument.

use std::time::Duration;

/// The pauses between tries where nothing else is configured, in seconds: thirteen tries in a little
/// more than three days, so that a receiver may be away for a weekend.
pub const RETRY_PAUSES_USUAL: &str =
    "5,300,1800,7200,18000,36000,36000,36000,36000,36000,36000,36000";
/// Pauses that may be configured at most.
const PAUSES_MAX: usize = 30;
/// Seconds of one pause at most: a week.
const PAUSE_SECONDS_MAX: u64 = 7 * 24 * 3600;
/// A pause grows by up to one part of so many, by chance, so that not all come back at once.
const JITTER_PART: u64 = 10;
/// How long a receiver may ask to be left alone.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// The pauses between the tries of a message. After the last of them it is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Default for Schedule {
    fn default() -> Self {
        Self::parse(RETRY_PAUSES_USUAL).expect("the usual pauses are pauses")
    }
}

impl Schedule {
    /// Reads whole seconds with commas between; an error is the part that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pause = |part: &str| {
            let seconds = part.trim().parse::<u64>().ok();
            let seconds = seconds.filter(|seconds| (1..=PAUSE_SECONDS_MAX).contains(seconds));
            seconds.map(Duration::from_secs).ok_or_else(|| part.to_owned())
        };
        let pauses: Vec<Duration> = text.split(',').map(pause).collect::<Result<_, _>>()?;
        match pauses.len() <= PAUSES_MAX {
            true => Ok(Self(pauses)),
            false => Err(text.to_owned()),
        }
    }

    /// How long after its so-manieth failure a message is tried again; `None`: never. A receiver
    /// that asks for a longer pause gets it, up to [`RETRY_AFTER_MAX`].
    pub fn pause(&self, failures: u32, asked: Option<Duration>, chance: u64) -> Option<Duration> {
        let index = usize::try_from(failures.checked_sub(1)?).ok()?;
        let pause = *self.0.get(index)?;
        let jitter_ms = chance % (pause.as_secs() * 1000 / JITTER_PART).max(1);
        let own = pause + Duration::from_millis(jitter_ms);
        Some(own.max(asked.unwrap_or_default().min(RETRY_AFTER_MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(schedule: &Schedule) -> Vec<u64> {
        let pause = |failures| schedule.pause(failures, None, 0);
        (1..).map_while(pause).map(|pause| pause.as_secs()).collect()
    }

    #[test]
    fn tries_end_after_about_three_days() {
        let pauses = seconds(&Schedule::default());
        assert_eq!(pauses[..6], [5, 300, 1800, 7200, 18_000, 36_000]);
        assert!(pauses.is_sorted() && pauses.len() == 12);
        let hours = pauses.iter().sum::<u64>() / 3600;
        assert!((72..80).contains(&hours), "{hours}");
        assert_eq!(Schedule::default().pause(0, None, 0), None);
    }

    #[test]
    fn chance_makes_a_pause_a_little_longer_and_never_shorter() {
        let schedule = Schedule::default();
        for (failures, pause) in (1..).zip(seconds(&schedule)) {
            for chance in [0, 1, 499, 12_345_678, u64::MAX] {
                let own = schedule.pause(failures, None, chance).unwrap();
                let most = Duration::from_millis(pause * 1100);
                assert!((Duration::from_secs(pause)..=most).contains(&own), "{own:?}");
            }
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_within_bounds() {
        let schedule = Schedule::parse("10").unwrap();
        let asked = |seconds| schedule.pause(1, Some(Duration::from_secs(seconds)), 0).unwrap();
        assert_eq!(asked(0).as_secs(), 10);
        assert_eq!(asked(9).as_secs(), 10);
        assert_eq!(asked(3600).as_secs(), 3600);
        assert_eq!(asked(u64::MAX), RETRY_AFTER_MAX);
        // It does not make a dead message live.
        assert_eq!(schedule.pause(2, Some(Duration::from_secs(1)), 0), None);
    }

    #[test]
    fn pauses_are_read_strictly() {
        assert_eq!(seconds(&Schedule::parse("1, 2,604800").unwrap()), [1, 2, 604_800]);
        for wrong in ["", "0", "1,", "-1", "1.5", "604801", "1;2", "x"] {
            assert!(Schedule::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Schedule::parse(&["1"; 31].join(",")).is_err());
    }
}
