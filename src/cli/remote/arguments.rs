//! What can be said to a server from the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgGroup, Args, Subcommand};
use secrecy::SecretString;

use crate::cli::arguments::duration;
use crate::domain::path::EntryPath;

/// What a server is asked for.
#[derive(Debug, Subcommand)]
pub enum Remote {
    /// Store files and directories
    ///
    /// Without a `/` at its end, REMOTE is what the one FILE or DIR becomes; with one, it is the
    /// folder that all of them are put into. What is there already with the same size is passed over,
    /// so that the same command goes on where it was interrupted; of a large file inside of it. Links
    /// are not followed. `-` as the one FILE is standard input.
    Put(Put),
    /// Fetch files and folders
    ///
    /// Without a `/` at its end, LOCAL is what REMOTE becomes; with one, it is the directory that it is
    /// put into. What is there already with the same size is passed over, so that the same command
    /// goes on where it was interrupted; of a large file inside of it. Nothing is written outside of
    /// LOCAL, nor through links in it.
    Get(Get),
    /// List a folder
    Ls(Ls),
    /// Tell of files and folders
    Stat(Paths),
    /// Make folders, and those above them that are missing
    Mkdir(Paths),
    /// Move or rename a file or a folder
    ///
    /// With a `/` at its end, TO is the folder that it is moved into; without one, what it becomes.
    Mv(Move),
    /// Copy a file or a folder, on the server
    ///
    /// With a `/` at its end, TO is the folder that it is copied into; without one, what it becomes.
    /// A copy has the bytes, the type and the tags of its original, and not its lock. A folder of up
    /// to 10,000 entries is copied whole or not at all. Only what replaces another file
    /// (`--overwrite`) comes through this machine, without its tags.
    Cp(Copy),
    /// Change the tags of files
    Tag(Tag),
    /// Lock files and folders: nothing locked is moved, replaced or deleted
    Lock(Paths),
    /// Unlock files and folders
    Unlock(Paths),
    /// Tell how much is stored, and how much is on its way out
    Usage(Server),
    /// Delete files, folders and outputs of commands
    ///
    /// First a dry run: it shows how much would go, what is locked and stays, and asks. What is
    /// committed then is what was shown, or less: what came or changed since stays. Folders go with
    /// all below them. Conditions (`--tag`, `--prefix`, `--older-than`) select single files, for
    /// which all of them hold. More than 10,000 of them go in steps, each file that matches when the
    /// deletion is committed.
    Rm(Rm),
    /// See how deletions go
    #[command(subcommand)]
    Deletions(Deletions),
    /// Tell who deleted what
    Audit(Audit),
}

/// Which server is asked, and how its answer is written.
#[derive(Clone, Debug, Args)]
pub struct Server {
    /// The server, such as `https://files.example.org`
    #[arg(long, env = "DELENDA_URL", hide_env_values = true, help_heading = "Server")]
    pub url: Option<String>,
    /// The key; others see it in the list of processes: prefer the environment or a profile
    #[arg(long, env = "DELENDA_KEY", hide_env_values = true, value_parser = key, help_heading = "Server")]
    pub key: Option<SecretString>,
    /// A profile of ~/.config/delenda/config.toml with `url` and `key` [default: default]
    #[arg(long, env = "DELENDA_PROFILE", hide_env_values = true, help_heading = "Server")]
    pub profile: Option<String>,
    /// The organization that a key of the operator means
    #[arg(
        long,
        value_name = "ID",
        env = "DELENDA_ORGANIZATION",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub organization: Option<String>,
    /// Write one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// How many things are done at once.
#[derive(Clone, Copy, Debug, Args)]
pub struct Jobs {
    /// How many at a time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,
}

/// Arguments of `put`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  delenda put report.pdf /reports/2026.pdf\n  delenda put photos/ /archive/photos\n  delenda put a.txt b.txt /letters/\n  tar c . | delenda put - /backups/today.tar"
)]
pub struct Put {
    /// What is stored
    #[arg(required = true, value_name = "FILE|DIR")]
    pub sources: Vec<PathBuf>,
    /// Where to
    #[arg(value_parser = written)]
    pub remote: Written,
    /// Replace what is there
    #[arg(long)]
    pub overwrite: bool,
    /// How many at a time
    #[command(flatten)]
    pub jobs: Jobs,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `get`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  delenda get /reports/2026.pdf\n  delenda get /reports/2026.pdf - | less\n  delenda get -R /archive/photos photos"
)]
pub struct Get {
    /// What is fetched
    #[arg(value_parser = written)]
    pub remote: Written,
    /// Where to; `-`: standard output
    #[arg(default_value = "./")]
    pub local: PathBuf,
    /// Folders, with all below them
    #[arg(short = 'R', short_alias = 'r', long)]
    pub recursive: bool,
    /// Replace what is there
    #[arg(long)]
    pub overwrite: bool,
    /// How many at a time
    #[command(flatten)]
    pub jobs: Jobs,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `ls`.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:\n  delenda ls -lh /archive\n  delenda ls -R --json / | jq -r .path"
)]
pub struct Ls {
    /// A folder, or a file; left out: all that the key sees
    #[arg(value_parser = written)]
    pub path: Option<Written>,
    /// With lock, size and time
    #[arg(short = 'l', long)]
    pub long: bool,
    /// Sizes in kB, MB and so on
    #[arg(short = 'h', long)]
    pub human: bool,
    /// All below it
    #[arg(short = 'R', short_alias = 'r', long)]
    pub recursive: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Some entries.
#[derive(Debug, Args)]
pub struct Paths {
    /// Which ones
    #[arg(required = true, value_name = "PATH", value_parser = written)]
    pub paths: Vec<Written>,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `mv`.
#[derive(Debug, Args)]
pub struct Move {
    /// What is moved
    #[arg(value_parser = written)]
    pub from: Written,
    /// Where to; nothing may be there
    #[arg(value_parser = written)]
    pub to: Written,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `cp`.
#[derive(Debug, Args)]
pub struct Copy {
    /// What is copied
    #[arg(value_parser = written)]
    pub from: Written,
    /// Where to
    #[arg(value_parser = written)]
    pub to: Written,
    /// A folder, with all below it
    #[arg(short = 'R', short_alias = 'r', long)]
    pub recursive: bool,
    /// Replace what is there
    #[arg(long)]
    pub overwrite: bool,
    /// How many at a time
    #[command(flatten)]
    pub jobs: Jobs,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `tag`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).args(["add", "remove", "set", "clear"]))]
pub struct Tag {
    /// Which files
    #[arg(required = true, value_name = "PATH", value_parser = written)]
    pub paths: Vec<Written>,
    /// These tags, too
    #[arg(long, value_name = "TAG")]
    pub add: Vec<String>,
    /// These tags no more
    #[arg(long, value_name = "TAG")]
    pub remove: Vec<String>,
    /// These tags and no others
    #[arg(long, value_name = "TAG")]
    pub set: Vec<String>,
    /// No tags at all
    #[arg(long)]
    pub clear: bool,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `rm`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("selectors").required(true).multiple(true).args(["paths", "id", "command", "tag", "prefix", "older_than"]))]
#[command(
    after_help = "Examples:\n  delenda rm /letters/hello.txt\n  delenda rm --dry-run /archive/2019\n  delenda rm --prefix /tmp --older-than 30d --yes"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Rm {
    /// Files, and folders with all below them
    #[arg(value_name = "PATH", value_parser = written)]
    pub paths: Vec<Written>,
    /// An entry by its id
    #[arg(long, value_name = "ID")]
    pub id: Vec<String>,
    /// A command, all of whose outputs go
    #[arg(long, value_name = "ID")]
    pub command: Vec<String>,
    /// Files that have this tag, and every other one that is named
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Files below this folder
    #[arg(long, value_name = "PATH", value_parser = written)]
    pub prefix: Option<Written>,
    /// Files stored longer ago than this, such as 30d or 12h
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older_than: Option<Duration>,
    /// Show what would go, and delete nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// All or nothing: refuse where something is missing or locked
    #[arg(long)]
    pub atomic: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Do not wait until the bytes are gone
    #[arg(long)]
    pub no_wait: bool,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// What is asked of deletions.
#[derive(Debug, Subcommand)]
pub enum Deletions {
    /// List deletions, the latest first
    List {
        /// Only those whose bytes are not gone yet
        #[arg(long)]
        purging: bool,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u64,
        /// Which server
        #[command(flatten)]
        server: Server,
    },
    /// Tell of a deletion, and what became of each thing that was selected
    Show(OneDeletion),
    /// Follow a deletion until its bytes are gone
    Watch(OneDeletion),
    /// Have a deletion take nothing further; what it took stays deleted
    Cancel(OneDeletion),
}

/// A deletion.
#[derive(Debug, Args)]
pub struct OneDeletion {
    /// Its id
    pub id: String,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// Committed at or after this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Committed before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Asked for with this key
    #[arg(long = "by", value_name = "ID")]
    pub key_id: Option<String>,
    /// How many at most, from the oldest on
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit: u64,
    /// Which server
    #[command(flatten)]
    pub server: Server,
}

/// A path of a server, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Without a final `/`.
    pub path: EntryPath,
    /// Whether a final `/` said a folder.
    pub says_folder: bool,
}

impl Written {
    /// The path where `name` would lie: in this folder, or just here.
    pub fn place_of(&self, name: &str) -> Result<EntryPath, String> {
        match self.says_folder {
            true => below(&self.path, name),
            false => Ok(self.path.clone()),
        }
    }

    /// As a selector takes it.
    pub fn as_selector(&self) -> String {
        match self.says_folder && !self.path.is_root() {
            true => format!("{}/", self.path),
            false => self.path.to_string(),
        }
    }
}

/// The path of `relative`, whose parts have `/` between them, below a folder.
pub fn below(folder: &EntryPath, relative: &str) -> Result<EntryPath, String> {
    let text = match folder.is_root() {
        true => format!("/{relative}"),
        false => format!("{folder}/{relative}"),
    };
    EntryPath::parse(&text).map_err(|error| format!("{text:?} cannot be stored: {error}"))
}

fn written(text: &str) -> Result<Written, String> {
    let written = EntryPath::parse_written(text).map_err(|error| error.to_string())?;
    Ok(Written { path: written.path, says_folder: written.says_folder })
}

fn age(text: &str) -> Result<Duration, &'static str> {
    duration(text).ok_or("give an age such as 30d or 12h")
}

/// Nothing of it is ever part of an error.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a parser")]
fn key(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text.trim()))
}

impl Remote {
    /// Which server is asked.
    pub fn server(&self) -> &Server {
        match self {
            Self::Put(put) => &put.server,
            Self::Get(get) => &get.server,
            Self::Ls(ls) => &ls.server,
            Self::Stat(paths) | Self::Mkdir(paths) | Self::Lock(paths) | Self::Unlock(paths) => {
                &paths.server
            }
            Self::Mv(moved) => &moved.server,
            Self::Cp(copied) => &copied.server,
            Self::Tag(tag) => &tag.server,
            Self::Rm(rm) => &rm.server,
            Self::Usage(server) | Self::Deletions(Deletions::List { server, .. }) => server,
            Self::Deletions(
                Deletions::Show(one) | Deletions::Watch(one) | Deletions::Cancel(one),
            ) => &one.server,
            Self::Audit(audit) => &audit.server,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, name: &str) -> Result<String, String> {
        written(text)?.place_of(name).map(|path| path.to_string())
    }

    #[test]
    fn a_final_slash_says_into_and_none_says_as() {
        assert_eq!(at("/a", "x"), Ok("/a".to_owned()));
        assert_eq!(at("/a/", "x"), Ok("/a/x".to_owned()));
        assert_eq!(at("/", "x"), Ok("/x".to_owned()));
        assert!(at("/a/", "x\n").is_err());
        assert!(at("a", "x").is_err() && at("/a/../b", "x").is_err());
    }

    #[test]
    fn a_selector_keeps_what_its_slash_said() {
        for text in ["/a", "/a/"] {
            assert_eq!(written(text).unwrap().as_selector(), text);
        }
    }
}
