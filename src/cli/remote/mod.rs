//! The command line as a client: words in, calls of the native API, lines out.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | refused: nothing was changed |
//! | 2 | wrong usage, or something on this machine cannot be read or written |
//! | 3 | partly done: what was not is named |
//! | 4 | the server cannot be reached, fails, or gives no answer of this API |
//! | 130 | interrupted; what was done is told, and how to go on |
//! | 141 | whoever read standard output has gone |

pub(super) mod arguments;
mod audit;
mod bars;
mod changes;
mod copy;
mod deletions;
mod fetch;
mod get;
mod large;
mod local;
mod look;
mod profile;
mod put;
mod rm;
mod round;
mod shown;
mod talk;
mod unfinished;
mod watch;

use anyhow::Context;
use tokio::runtime::Builder;

use self::arguments::Remote;
use self::talk::{INTERRUPTED, Talk};
use super::Ending;
use crate::client::{Client, ClientError};
use crate::domain::random::{Random, SystemRandom};

/// Runs a command against a server, to its end or to an interruption.
pub(super) fn execute(remote: &Remote) -> anyhow::Result<Ending> {
    let access = profile::access(remote.server())?;
    let talk = Talk::new(remote.server().json);
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no threads can be started")?;
    let ending = runtime.block_on(async {
        let client = Client::new(access)?;
        tokio::select! {
            ended = run(&client, remote, &talk) => ended.or_else(|error| told(error, &talk)),
            _signal = tokio::signal::ctrl_c() => Ok(Ending::Interrupted(talk.state())),
        }
    });
    // Whoever was asked something might never answer.
    runtime.shutdown_background();
    ending
}

async fn run(client: &Client, remote: &Remote, talk: &Talk) -> Result<Ending, ClientError> {
    match remote {
        Remote::Put(put) => put::run(client, put, talk).await,
        Remote::Get(get) => get::run(client, get, talk).await,
        Remote::Ls(ls) => look::list(client, ls, talk).await,
        Remote::Stat(paths) => look::stat(client, &paths.paths, talk).await,
        Remote::Mkdir(paths) => changes::make_folders(client, &paths.paths, talk).await,
        Remote::Mv(moved) => changes::rename(client, moved, talk).await,
        Remote::Cp(copied) => copy::run(client, copied, talk).await,
        Remote::Tag(tag) => changes::tag(client, tag, talk).await,
        Remote::Lock(paths) => changes::lock(client, &paths.paths, true, talk).await,
        Remote::Unlock(paths) => changes::lock(client, &paths.paths, false, talk).await,
        Remote::Usage(_) => look::usage(client, talk).await,
        Remote::Rm(rm) => rm::run(client, rm, talk).await,
        Remote::Deletions(deletions) => deletions::run(client, deletions, talk).await,
        Remote::Audit(audit) => audit::run(client, audit, talk).await,
    }
}

/// What the lack of a result means to whoever called.
fn told(error: ClientError, talk: &Talk) -> anyhow::Result<Ending> {
    match error {
        ClientError::Refused(_) => Ok(Ending::Refused(Some(error.to_string()))),
        ClientError::Failing(_) | ClientError::Unreachable(_) | ClientError::Unintelligible(_) => {
            // What was done before is no less done.
            let state = talk.known_state().filter(|state| state != INTERRUPTED);
            Ok(Ending::Unreachable(match state {
                Some(state) => format!("{error}; {state}"),
                None => error.to_string(),
            }))
        }
        ClientError::Local(reason) => Err(anyhow::Error::msg(reason)),
        ClientError::Unread => Ok(Ending::Unread),
    }
}

/// A name for one effect, which nothing else has.
fn once() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    hex::encode(bytes)
}

fn missing(path: &impl std::fmt::Display) -> String {
    format!("{path}: nothing is there")
}
