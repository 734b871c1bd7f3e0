//! `delenda put`: files and directories of this machine into the store.

use std::path::PathBuf;

use futures::StreamExt;
use indicatif::ProgressBar;

use super::arguments::{Put, Written};
use super::local::{Met, Walk, name_of};
use super::round::{Came, Round};
use super::talk::Talk;
use crate::cli::Ending;
use crate::client::{Client, ClientError, FileSource, Kind, Overwrite};
use crate::domain::path::EntryPath;

const BAR: &str = "{bar:24} {pos}/{len} files  {msg}";

/// One run of the command.
struct Putting<'a> {
    client: &'a Client,
    overwrite: Overwrite,
    /// Nothing was at the one target when the command began: nobody needs to look for each file.
    is_fresh: bool,
}

pub(super) async fn run(client: &Client, put: &Put, talk: &Talk) -> Result<Ending, ClientError> {
    let places = places(&put.sources, &put.remote).map_err(ClientError::Local)?;
    let is_fresh = match places.as_slice() {
        [(_, target)] => client.entry_at(target.as_str()).await?.is_none(),
        _ => false,
    };
    let overwrite = if put.overwrite { Overwrite::Always } else { Overwrite::Never };
    let putting = Putting { client, overwrite, is_fresh };
    let bar = bar(&places, talk);
    let mut round = Round::default();
    round.may_be_interrupted("stored", talk);
    let stored = futures::stream::iter(Walk::new(places))
        .map(|met| putting.store(met))
        .buffer_unordered(usize::from(put.jobs.jobs));
    let mut stored = std::pin::pin!(stored);
    while let Some((name, came)) = stored.next().await {
        if let Some(came) = came.transpose() {
            bar.suspend(|| round.add(&name, came, talk))?;
        }
        bar.inc(1);
        round.may_be_interrupted("stored", talk);
    }
    bar.finish_and_clear();
    round.end("stored", talk)
}

/// Each source with the path that it is to have.
fn places(sources: &[PathBuf], remote: &Written) -> Result<Vec<(PathBuf, EntryPath)>, String> {
    if sources.len() > 1 && !remote.says_folder {
        return Err(format!("several things go into a folder: write {}/", remote.path));
    }
    let place = |source: &PathBuf| {
        if let Err(error) = std::fs::symlink_metadata(source) {
            return Err(format!("{}: {error}", source.display()));
        }
        let name = if remote.says_folder { name_of(source)? } else { String::new() };
        Ok((source.clone(), remote.place_of(&name)?))
    };
    sources.iter().map(place).collect()
}

/// A bar as long as what is to be looked at, which is counted only where it is drawn.
fn bar(places: &[(PathBuf, EntryPath)], talk: &Talk) -> ProgressBar {
    let bar = talk.bar(0, BAR);
    if !bar.is_hidden() {
        bar.set_length(Walk::new(places.to_vec()).count() as u64);
    }
    bar
}

impl Putting<'_> {
    /// What came of it; `None` for a directory, which is no thing of its own.
    async fn store(&self, met: Met) -> (String, Result<Option<Came>, ClientError>) {
        match met {
            Met::File { source, path, bytes } => {
                let file = FileSource::new(&source, bytes);
                let came = self.store_file(path.as_str(), &file).await;
                (path.to_string(), came.map(Some))
            }
            Met::Empty { path } => {
                let made = self.client.make_folder(path.as_str()).await;
                (path.to_string(), made.map(|_| None))
            }
            Met::Passed { source, why } => {
                (source.display().to_string(), Ok(Some(Came::Passed(why))))
            }
            Met::Unreadable { source, reason } => {
                (source.display().to_string(), Ok(Some(Came::Not(reason))))
            }
        }
    }

    async fn store_file(&self, path: &str, file: &FileSource) -> Result<Came, ClientError> {
        let looks = self.overwrite == Overwrite::Never && !self.is_fresh;
        if looks && let Some(there) = self.there(path, file).await? {
            return Ok(there);
        }
        match self.client.put(path, file, self.overwrite).await {
            Ok(_) => Ok(Came::Done(file.bytes())),
            Err(error) if error.is_precondition() => {
                Ok(self.there(path, file).await?.unwrap_or_else(|| Came::Not(error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// What it means that something is there already; `None` where nothing is.
    async fn there(&self, path: &str, file: &FileSource) -> Result<Option<Came>, ClientError> {
        let Some(entry) = self.client.entry_at(path).await? else { return Ok(None) };
        Ok(Some(match (entry.kind, entry.size) {
            (Kind::File, Some(size)) if size == file.bytes() => Came::There,
            (Kind::File, _) => {
                Came::Not("a file of another size is there: --overwrite replaces it".to_owned())
            }
            (Kind::Folder, _) => {
                Came::Not(format!("a folder is there: write {path}/ to put it into it"))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sources: &[&str], remote: &str, says_folder: bool) -> Result<Vec<String>, String> {
        let sources: Vec<PathBuf> = sources.iter().map(PathBuf::from).collect();
        let remote = Written { path: EntryPath::parse(remote).unwrap(), says_folder };
        let places = places(&sources, &remote)?;
        Ok(places.into_iter().map(|(_, path)| path.to_string()).collect())
    }

    #[test]
    fn one_thing_becomes_what_is_named_and_several_go_into_it() {
        let paths = |paths: &[&str]| Ok(paths.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(check(&["Cargo.toml"], "/a", false), paths(&["/a"]));
        assert_eq!(check(&["Cargo.toml"], "/a", true), paths(&["/a/Cargo.toml"]));
        assert_eq!(check(&["src/"], "/", true), paths(&["/src"]));
        assert_eq!(check(&["src", "docs"], "/a", true), paths(&["/a/src", "/a/docs"]));
        assert!(check(&["src", "docs"], "/a", false).is_err());
        assert!(check(&["not-there"], "/a", false).is_err());
    }
}
