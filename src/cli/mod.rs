//! The command line: words in, one call into the application, lines and an exit code out.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done; `verify`: database and blobs agree; `doctor`: nothing fails |
//! | 1 | refused, nothing changed; `verify`: they disagree; `doctor`: something fails |
//! | 2 | wrong usage, wrong configuration, or an environment in which nothing could be done |
//! | 3 | partly done |
//! | 4 | the server cannot be reached, or fails |
//! | 130 | interrupted |
//!
//! What was asked for goes to standard output, everything else to standard error, each error in
//! one line.

mod administer;
mod arguments;
mod doctor;
mod papers;
mod remote;
mod render;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::Context;
use clap::Parser;
use clap::error::ErrorKind;
use rustix::fs::Mode;
use tokio::runtime::{Builder, Runtime};

use self::arguments::{Arguments, Command, Form};
use crate::config::Settings;
use crate::domain::clock::{Clock, SystemClock};
use crate::{app, telemetry};

/// What commands other than `serve` log, unless they are told otherwise.
const QUIET: &str = "warn";
/// Threads for blocking calls of commands other than `serve`.
const COMMAND_BLOCKING_THREADS_MAX: usize = 4;

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Done,
    /// With the reason, where it is not part of the output.
    Refused(Option<String>),
    /// Some of it was done; what was not.
    Partly(Option<String>),
    /// There is no server that answers; why.
    Unreachable(String),
    /// Somebody stopped it; what is so now, and how to go on.
    Interrupted(String),
}

impl Ending {
    fn code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused(_) => 1,
            Self::Partly(_) => 3,
            Self::Unreachable(_) => 4,
            Self::Interrupted(_) => 130,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Refused(reason) | Self::Partly(reason) => reason.as_deref(),
            Self::Unreachable(reason) | Self::Interrupted(reason) => Some(reason),
        }
    }
}

/// Runs the command that the process was called with.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    if keeps_data(&arguments.command) {
        // Before any thread runs: whatever this process makes is its owner's alone.
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
    }
    match execute(arguments, std::env::vars_os()) {
        Ok(ending) => {
            if let Some(reason) = ending.reason() {
                eprintln!("delenda: {}", one_line(reason));
            }
            ExitCode::from(ending.code())
        }
        Err(error) => {
            eprintln!("delenda: {}", one_line(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

/// Whether what the command makes belongs to a data directory, and not to whoever calls.
fn keeps_data(command: &Command) -> bool {
    match command {
        Command::Remote(_)
        | Command::Config(_)
        | Command::Completions { .. }
        | Command::Man { .. } => false,
        Command::Serve(_)
        | Command::Org(_)
        | Command::Key(_)
        | Command::Verify(_)
        | Command::Sweep(_)
        | Command::Doctor(_) => true,
    }
}

fn execute(
    arguments: Arguments,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> anyhow::Result<Ending> {
    let flags = arguments.flags();
    // Commands that ask a server need none, and are not stopped by wrong ones.
    let settings = Settings::load(flags.clone(), environment);
    let now = SystemClock.now();
    match arguments.command {
        Command::Remote(remote) => remote::execute(&remote),
        Command::Config(config) => papers::configuration(settings, config.markdown),
        Command::Completions { shell } => papers::completions(shell),
        Command::Man { directory } => papers::man_pages(&directory),
        Command::Doctor(form) => doctor::execute(&flags, settings, form),
        Command::Serve(_) => serve(&settings?),
        Command::Verify(form) => verify(&settings?, form),
        Command::Org(org) => administer::execute(&settings?, &org.into_order()),
        Command::Key(key) => administer::execute(&settings?, &key.into_order(now)),
        Command::Sweep(sweep) => administer::execute(&settings?, &sweep.into_order()),
    }
}

fn serve(settings: &Settings) -> anyhow::Result<Ending> {
    telemetry::start(&settings.log).map_err(anyhow::Error::msg)?;
    let processors = available_parallelism().map_or(1, usize::from);
    let workers = match usize::try_from(settings.worker_threads)? {
        0 => processors,
        configured => configured,
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(usize::try_from(settings.blocking_threads_max)?)
        .enable_all()
        .build()
        .context("no threads can be started")?;
    runtime.block_on(app::serve(settings))?;
    Ok(Ending::Done)
}

fn verify(settings: &Settings, form: Form) -> anyhow::Result<Ending> {
    let found = command_runtime(settings)?.block_on(app::verify(settings))?;
    print(&render::verification(&found, form.json))?;
    Ok(if found.is_clean() { Ending::Done } else { Ending::Refused(None) })
}

/// What commands other than `serve` run on.
fn command_runtime(settings: &Settings) -> anyhow::Result<Runtime> {
    let log = if settings.log == Settings::default().log { QUIET } else { &settings.log };
    telemetry::start(log).map_err(anyhow::Error::msg)?;
    Builder::new_current_thread()
        .max_blocking_threads(COMMAND_BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("no threads can be started")
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .context("standard output cannot be written")
}

/// Help and version are what was asked for; all else is wrong usage, in one line.
fn explain(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(2),
        },
        _ => {
            eprintln!("delenda: {}", usage_problem(&error.to_string()));
            ExitCode::from(2)
        }
    }
}

/// The first paragraph of what the parser says, as one line.
fn usage_problem(text: &str) -> String {
    let problem = text.split("\n\n").next().unwrap_or(text);
    match problem.strip_prefix("error: ") {
        Some(problem) => format!("{} (see --help)", one_line(problem)),
        None => "a command is missing (see --help)".to_owned(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> String {
        let words = std::iter::once("delenda").chain(line.split_whitespace());
        usage_problem(&Arguments::try_parse_from(words).unwrap_err().to_string())
    }

    #[test]
    fn wrong_usage_is_told_in_one_line() {
        for (line, named) in [
            ("", "a command is missing"),
            ("org", "a command is missing"),
            ("remove", "'remove'"),
            ("org create", "<NAME>"),
            ("serve --port 1", "--port"),
            ("serve --listen here", "--listen"),
            ("key create", "--org"),
            ("key create --org A --scopes all", "read, write, delete or admin"),
        ] {
            let problem = problem(line);
            assert!(problem.contains(named), "{line}: {problem}");
            assert!(!problem.contains('\n'), "{line}: {problem}");
        }
    }
}
