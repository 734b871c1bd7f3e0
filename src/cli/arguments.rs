//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;

use super::remote::arguments::Remote;
use crate::config::Flags;
use crate::domain::clock::Timestamp;
use crate::domain::organization::Scopes;
use crate::domain::path::EntryPath;

/// A self-hosted file store for many organizations whose speciality is deletion done right.
///
/// The commands in the first half of the list talk to a server, with `--url` and `--key`, with
/// `DELENDA_URL` and `DELENDA_KEY`, or with a profile of ~/.config/delenda/config.toml; the others
/// work on the data directory of this machine.
///
/// Exit codes: 0 done; 1 refused, nothing changed, or a disagreement found; 2 wrong usage or
/// environment; 3 partly done; 4 the server cannot be reached or fails; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "delenda", version, disable_help_subcommand = true)]
pub struct Arguments {
    /// The data directory [default: ./delenda-data] [env: `DELENDA_DATA`]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A configuration file, in TOML
    #[arg(long, global = true, value_name = "FILE", env = "DELENDA_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What a server is asked for
    #[command(flatten)]
    Remote(Remote),
    /// Run the server
    Serve(Serve),
    /// Make, list and change organizations
    #[command(subcommand)]
    Org(Org),
    /// Make, list and revoke keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Compare database and blobs while no server runs; write nothing
    Verify(Form),
    /// Remove what uploads that never ended have left
    Sweep(Sweep),
    /// Check data directory, database, disk, clock, limits and configuration; change nothing
    Doctor(Form),
    /// Print the settings that are in force, as a file that says the same
    Config(PrintConfig),
    /// Write what a shell needs to complete commands
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the man pages
    Man {
        /// The directory that they are written into
        directory: PathBuf,
    },
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen; port 0 picks a free one [default: 127.0.0.1:8080] [env: `DELENDA_LISTEN`]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct PrintConfig {
    /// Print the page of all settings instead, with their defaults, ranges and meanings
    #[arg(long)]
    pub markdown: bool,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, Args)]
pub struct Form {
    /// Write the result as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Organizations.
#[derive(Debug, Subcommand)]
pub enum Org {
    /// Make an organization
    Create {
        /// What its people call it
        name: String,
        /// The name of its plan
        #[arg(long)]
        plan: Option<String>,
        /// How the result is written
        #[command(flatten)]
        form: Form,
    },
    /// List all organizations
    List(Form),
    /// Switch an organization off: none of its keys works from then on
    Disable {
        /// Its id
        id: String,
        /// How the result is written
        #[command(flatten)]
        form: Form,
    },
    /// Switch an organization on again
    Enable {
        /// Its id
        id: String,
        /// How the result is written
        #[command(flatten)]
        form: Form,
    },
    /// Give an organization another plan, with effect at once
    SetPlan {
        /// Its id
        id: String,
        /// The name of the plan
        plan: String,
        /// How the result is written
        #[command(flatten)]
        form: Form,
    },
}

/// Keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and show its secret, this once
    Create(CreateKey),
    /// List all keys, without their secrets
    List(Form),
    /// Revoke a key, at once
    Revoke {
        /// Its id
        id: String,
        /// How the result is written
        #[command(flatten)]
        form: Form,
    },
}

/// Arguments of `key create`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("owner").required(true).args(["org", "operator"]))]
pub struct CreateKey {
    /// The organization that the key belongs to
    #[arg(long, value_name = "ID")]
    pub org: Option<String>,
    /// A key of the installation's operator, which belongs to no organization
    #[arg(long)]
    pub operator: bool,
    /// What the key may do: read, write, delete, admin
    #[arg(long, value_name = "SCOPES", default_value_t = Scopes::usual(), value_parser = scopes)]
    pub scopes: Scopes,
    /// The key sees only what lies at or beneath this path
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = prefix, conflicts_with = "operator")]
    pub prefix: EntryPath,
    /// When the key ends: a time such as 2030-01-31T12:00:00Z, a day (UTC), or a duration such
    /// as 30d
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    pub expires: Option<Expiry>,
    /// Files that one request may delete through the native API without confirming their number
    #[arg(long, value_name = "N")]
    pub guard_files: Option<u64>,
    /// Percent of the live files that one may
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub guard_share: Option<u8>,
    /// How the result is written
    #[command(flatten)]
    pub form: Form,
}

/// Arguments of `sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// Count only
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is written
    #[command(flatten)]
    pub form: Form,
}

/// When a key ends, as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Then.
    At(Timestamp),
    /// So long after it was made.
    After(Duration),
}

impl Expiry {
    /// The time that is meant, where it is said at `now`.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::After(duration) => now.plus(duration),
        }
    }
}

impl Arguments {
    /// What they say of the settings.
    pub fn flags(&self) -> Flags {
        let listen = match &self.command {
            Command::Serve(serve) => serve.listen,
            Command::Remote(_)
            | Command::Org(_)
            | Command::Key(_)
            | Command::Verify(_)
            | Command::Sweep(_)
            | Command::Doctor(_)
            | Command::Config(_)
            | Command::Completions { .. }
            | Command::Man { .. } => None,
        };
        Flags { config: self.config.clone(), data: self.data.clone(), listen }
    }
}

fn scopes(text: &str) -> Result<Scopes, &'static str> {
    Scopes::parse(text).ok_or("give read, write, delete or admin, each once, with commas between")
}

fn prefix(text: &str) -> Result<EntryPath, String> {
    EntryPath::parse_written(text)
        .map(|written| written.path)
        .map_err(|error| error.to_string().replacen("path", "prefix", 1))
}

/// Reads a time, a day or a duration.
pub fn expiry(text: &str) -> Result<Expiry, &'static str> {
    duration(text)
        .map(Expiry::After)
        .or_else(|| time(text).map(Expiry::At))
        .ok_or("give a time such as 2030-01-31T12:00:00Z, a day, or a duration such as 30d or 12h")
}

/// A whole number of seconds, minutes, hours, days or weeks, and not zero of them.
pub fn duration(text: &str) -> Option<Duration> {
    let seconds = match text.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => return None,
    };
    let count: u32 = text[..text.len() - 1].parse().ok()?;
    let signed = text.starts_with('+');
    (count > 0 && !signed).then(|| Duration::from_secs(u64::from(count) * seconds))
}

/// A time; in UTC where it names no offset, at midnight where it is a day only.
fn time(text: &str) -> Option<Timestamp> {
    let time = text.parse::<jiff::Timestamp>().or_else(|_| {
        let in_utc: jiff::civil::DateTime = text.parse()?;
        in_utc.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    Some(Timestamp::from_millis(time.ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("delenda").chain(line.split_whitespace()))
    }

    fn key(line: &str) -> CreateKey {
        match parse(line).unwrap().command {
            Command::Key(KeyCommand::Create(create)) => create,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_data_directory_may_stand_before_and_after_the_command() {
        for line in ["--data /d org list", "org list --data /d", "org --data /d list --json"] {
            assert_eq!(parse(line).unwrap().data, Some("/d".into()), "{line}");
        }
    }

    #[test]
    fn a_key_belongs_to_an_organization_or_to_the_operator() {
        assert_eq!(key("key create --org A").org.as_deref(), Some("A"));
        assert!(key("key create --operator").operator);
        for line in [
            "key create",
            "key create --org A --operator",
            "key create --operator --prefix /p",
            "key create --org A --scopes",
            "key create --org A --scopes read,read",
            "key create --org A --scopes read,everything",
            "key create --org A --prefix p",
            "key create --org A --prefix /p/../q",
            "key create --org A --expires soon",
            "key create --org A --guard-files some",
            "key create --org A --guard-share 101",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_key_has_the_usual_scopes_and_sees_all_unless_it_is_said_otherwise() {
        let usual = key("key create --org A");
        assert_eq!(usual.scopes, Scopes::usual());
        assert_eq!(usual.prefix, EntryPath::root());
        assert_eq!(usual.expires, None);
        assert_eq!((usual.guard_files, usual.guard_share), (None, None));
        let guarded = key("key create --org A --guard-files 10 --guard-share 100");
        assert_eq!((guarded.guard_files, guarded.guard_share), (Some(10), Some(100)));
        let narrow = key("key create --org A --scopes read,admin --prefix /p/ --expires 30d");
        assert_eq!(narrow.scopes.words(), ["read", "admin"]);
        assert_eq!(narrow.prefix.as_str(), "/p");
        let end = narrow.expires.unwrap().from(Timestamp::from_millis(1));
        assert_eq!(end.millis(), 30 * 86_400_000 + 1);
    }

    #[test]
    fn an_end_is_a_time_a_day_or_a_duration() {
        let at = |millis| Ok(Expiry::At(Timestamp::from_millis(millis)));
        assert_eq!(expiry("1970-01-01T00:00:01Z"), at(1000));
        assert_eq!(expiry("1970-01-01T01:00:01.5+01:00"), at(1500));
        assert_eq!(expiry("1970-01-01T00:00:01"), at(1000));
        assert_eq!(expiry("1970-01-02"), at(86_400_000));
        for (text, seconds) in [("1s", 1), ("2m", 120), ("3h", 10_800), ("1w", 604_800)] {
            assert_eq!(expiry(text), Ok(Expiry::After(Duration::from_secs(seconds))));
        }
        for wrong in ["", "d", "0d", "-1d", "+1d", "1", "1y", "1.5d", "1970-13-01", "é"] {
            assert!(expiry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_listens_where_it_is_told() {
        let listen = parse("serve --listen 127.0.0.1:0").unwrap().flags().listen;
        assert_eq!(listen, Some("127.0.0.1:0".parse().unwrap()));
        assert!(parse("serve --listen 8080").is_err());
        assert!(parse("serve --port 8080").is_err());
    }
}
