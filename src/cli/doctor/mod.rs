//! `delenda doctor`: looks at everything on which a server of this data directory rests, and says
//! what to do. It changes nothing, and works beside a running server; only where none runs it
//! writes a probe of 20 KiB for a moment, to see how long a sync takes.

mod finding;
mod places;
mod system;

use std::path::Path;

use serde_json::json;

use self::finding::{Finding, Level};
use super::arguments::Form;
use super::{Ending, print};
use crate::app;
use crate::config::{Flags, Settings, SettingsError};
use crate::domain::clock::{Clock, SystemClock, Timestamp};
use crate::instance::{DataDirectory, Reading};
use crate::ledger::sqlite::Examined;

/// Looks at all of it, and tells each finding.
pub(super) fn execute(
    flags: &Flags,
    settings: Result<Settings, SettingsError>,
    form: Form,
) -> anyhow::Result<Ending> {
    let mut findings = Vec::new();
    let settings = match settings {
        Ok(settings) => {
            let from = flags
                .config
                .as_ref()
                .map_or("no file".to_owned(), |file| file.display().to_string());
            findings.push(Finding::ok("configuration", format!("read ({from})")));
            settings
        }
        Err(error) => {
            findings.push(Finding::fail(
                "configuration",
                error.to_string(),
                "the server does not start before this is right; all below is of the defaults",
            ));
            let usual = Settings::default();
            Settings { data: flags.data.clone().unwrap_or(usual.data.clone()), ..usual }
        }
    };
    findings.push(places::owner_and_mode(&settings.data));
    match DataDirectory::existing(&settings.data) {
        Ok(directory) => examine_directory(&settings, &directory, &mut findings),
        Err(_) => findings.push(system::clock(SystemClock.now(), None)),
    }
    findings.push(system::open_files(&settings));
    tell(&findings, form)
}

fn examine_directory(settings: &Settings, directory: &DataDirectory, found: &mut Vec<Finding>) {
    let blobs = settings.blobs_directory();
    found.push(places::free_space("space for the database", directory.path()));
    found.push(places::file_system("file system of the database", directory.path()));
    if blobs.exists() {
        found.push(places::free_space("space for blobs", &blobs));
        found.push(places::file_system("file system of the blobs", &blobs));
    }
    // Held to the end: nobody begins to write while the probe is there.
    let reading = directory.try_lock_for_reading();
    let is_served = match &reading {
        Ok(Reading::InUse) => true,
        Ok(Reading::Free(_)) => false,
        Err(error) => {
            found.push(Finding::fail("lock", error.to_string(), "run this as the owner"));
            return;
        }
    };
    let state = if is_served { "a server or a command is at work" } else { "nobody is at work" };
    found.push(Finding::ok("instance", state));
    if !is_served {
        found.push(places::sync_latency("sync of the database's disk", directory.path()));
        if blobs.exists() {
            found.push(places::sync_latency("sync of the blobs' disk", &blobs));
        }
    }
    match directory.holds_database() {
        Ok(true) => {
            found.push(places::ballast(directory));
            examine_database(settings, directory, is_served, found);
        }
        Ok(false) => {
            let remedy = "start a server on it: delenda serve";
            found.push(Finding::warn("database", "there is none yet", remedy));
            found.push(system::clock(SystemClock.now(), None));
        }
        Err(error) => {
            found.push(Finding::fail("database", error.to_string(), "run this as the owner"));
        }
    }
}

fn examine_database(
    settings: &Settings,
    directory: &DataDirectory,
    is_served: bool,
    found: &mut Vec<Finding>,
) {
    let now = SystemClock.now();
    let (examined, blobs) = match app::examine(settings, directory, is_served) {
        Ok(examined) => examined,
        Err(error) => {
            let remedy = "run `delenda verify`; where that fails too, restore a backup";
            found.push(Finding::fail("database", format!("{error:#}"), remedy));
            found.push(system::clock(now, None));
            return;
        }
    };
    found.push(journal(&examined));
    found.push(match blobs {
        Ok(()) => Finding::ok("blobs", format!("{} is this database's", place(settings))),
        Err(error) => Finding::fail(
            "blobs",
            format!("{}: {}", place(settings), innermost(&error)),
            "mount its disk, or set `blobs` to where it lies: nothing is missing before that",
        ),
    });
    found.push(unsettled(&examined, now));
    found.push(plans(settings, &examined));
    found.push(system::clock(now, examined.newest));
}

fn place(settings: &Settings) -> String {
    let blobs = settings.blobs_directory();
    let shown: &Path = &blobs;
    shown.display().to_string()
}

fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", innermost(source)),
        None => error.to_string(),
    }
}

fn journal(examined: &Examined) -> Finding {
    let version = examined.schema_version;
    match examined.journal_mode.as_str() {
        "wal" => Finding::ok(
            "database",
            format!("journal mode wal, schema {version}; a server opens it with synchronous=FULL"),
        ),
        other => Finding::warn(
            "database",
            format!("journal mode {other}: somebody else has opened it"),
            "start the server, which sets it to wal, and keep other programs away from it",
        ),
    }
}

/// Deletions whose bytes remain for longer than any purge takes.
fn unsettled(examined: &Examined, now: Timestamp) -> Finding {
    const CHECK: &str = "deletions";
    const PURGE_DURATION_USUAL: std::time::Duration = std::time::Duration::from_secs(3600);
    match examined.unsettled {
        (0, _) | (_, None) => Finding::ok(CHECK, "the bytes of all of them are gone"),
        (count, Some(oldest)) if now.since(oldest) > PURGE_DURATION_USUAL => Finding::warn(
            CHECK,
            format!("the bytes of {count} are not gone, the oldest of {}", oldest.iso8601()),
            "start the server if it does not run; else look into its log for the blobs' disk",
        ),
        (count, Some(_)) => {
            Finding::ok(CHECK, format!("the bytes of {count} are on their way out"))
        }
    }
}

/// Whether organizations have plans that the configuration does not know.
fn plans(settings: &Settings, examined: &Examined) -> Finding {
    const CHECK: &str = "plans";
    let known = settings.plans();
    let unknown = examined.plans.iter().filter(|name| known.get(name).is_none());
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    match unknown.is_empty() {
        true => Finding::ok(CHECK, format!("all {} in use are configured", examined.plans.len())),
        false => Finding::fail(
            CHECK,
            format!("organizations have plans that are not configured: {}", unknown.join(", ")),
            "add [plans.NAME] to the configuration, or give them another plan",
        ),
    }
}

fn tell(findings: &[Finding], form: Form) -> anyhow::Result<Ending> {
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let lines: String = match form.json {
        true => findings.iter().map(|finding| json!(finding).to_string() + "\n").collect(),
        false => findings.iter().map(Finding::lines).collect(),
    };
    print(&lines)?;
    Ok(match worst {
        Level::Ok | Level::Warn => Ending::Done,
        Level::Fail => Ending::Refused(None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined() -> Examined {
        Examined {
            instance: [1; 16],
            journal_mode: "wal".to_owned(),
            schema_version: 1,
            newest: None,
            plans: vec!["default".to_owned()],
            unsettled: (0, None),
        }
    }

    #[test]
    fn a_plan_that_nobody_configured_is_named() {
        let known = plans(&Settings::default(), &examined());
        assert_eq!(known.level, Level::Ok);
        let gold = Examined { plans: vec!["default".into(), "gold".into()], ..examined() };
        let finding = plans(&Settings::default(), &gold);
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.found.ends_with(": gold"), "{finding:?}");
    }

    #[test]
    fn bytes_that_remain_for_long_are_a_warning() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let since = |seconds| {
            let oldest = now.minus(std::time::Duration::from_secs(seconds));
            unsettled(&Examined { unsettled: (3, Some(oldest)), ..examined() }, now).level
        };
        assert_eq!((since(5), since(4000)), (Level::Ok, Level::Warn));
        assert_eq!(unsettled(&examined(), now).level, Level::Ok);
    }

    #[test]
    fn another_journal_mode_is_told() {
        assert_eq!(journal(&examined()).level, Level::Ok);
        let other = Examined { journal_mode: "delete".to_owned(), ..examined() };
        assert_eq!(journal(&other).level, Level::Warn);
    }
}
