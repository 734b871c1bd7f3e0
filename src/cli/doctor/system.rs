//! The process's limits and the machine's clock.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::config::Settings;
use crate::domain::clock::Timestamp;

/// A year in which this program was not written yet: no clock of a running machine is there.
const YEAR_2024: Timestamp = Timestamp::from_millis(1_704_067_200_000);
/// A clock that is further behind than this is wrong, and not only a little slow.
const SKEW_MAX: Duration = Duration::from_secs(5);
/// Descriptors beside those of connections.
const FILES_BESIDE_CONNECTIONS: u64 = 256;
/// Descriptors of a connection: its own, and the blob that it reads or writes.
const FILES_PER_CONNECTION: u64 = 2;

/// Whether as many files may be open as the configured connections need.
pub(super) fn open_files(settings: &Settings) -> Finding {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    files_suffice(allowed, settings.connections_max)
}

fn files_suffice(allowed: u64, connections_max: u64) -> Finding {
    const CHECK: &str = "open files";
    let needed = connections_max * FILES_PER_CONNECTION + FILES_BESIDE_CONNECTIONS;
    match allowed >= needed {
        true => Finding::ok(CHECK, format!("{allowed} are allowed, {needed} needed at most")),
        false => Finding::warn(
            CHECK,
            format!("{allowed} are allowed, and {connections_max} connections may need {needed}"),
            format!(
                "LimitNOFILE={needed} in the unit, or ulimit -Hn {needed}; or a smaller connections_max"
            ),
        ),
    }
}

/// Whether the clock is behind what was written already. Where the server runs, the limits above
/// are those of this process, and its own may differ.
pub(super) fn clock(now: Timestamp, newest: Option<Timestamp>) -> Finding {
    const CHECK: &str = "clock";
    let remedy = "set the clock, and keep it right with chrony or systemd-timesyncd";
    if now < YEAR_2024 {
        return Finding::fail(CHECK, format!("it is {}", now.iso8601()), remedy);
    }
    match newest {
        Some(newest) if newest > now.plus(SKEW_MAX) => {
            let behind = newest.since(now).as_secs();
            let found = format!("{behind} s behind the newest row, of {}", newest.iso8601());
            Finding::fail(CHECK, found, remedy)
        }
        Some(_) => Finding::ok(CHECK, format!("{}, and no row is newer", now.iso8601())),
        None => Finding::ok(CHECK, now.iso8601()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_clock_behind_the_newest_row_is_wrong() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let level = |newest: Option<Timestamp>| clock(now, newest).level;
        assert_eq!(level(None), Level::Ok);
        assert_eq!(level(Some(now)), Level::Ok);
        assert_eq!(level(Some(now.plus(SKEW_MAX))), Level::Ok);
        assert_eq!(level(Some(now.plus(Duration::from_secs(6)))), Level::Fail);
        assert_eq!(clock(Timestamp::from_millis(0), None).level, Level::Fail);
    }

    #[test]
    fn every_connection_needs_two_files() {
        assert_eq!(files_suffice(1024, 384).level, Level::Ok);
        assert_eq!(files_suffice(1023, 384).level, Level::Warn);
        assert_eq!(files_suffice(u64::MAX, 1_000_000).level, Level::Ok);
    }
}
