//! `delenda put`: files and directories of this machine into the store.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use tokio_util::io::ReaderStream;

use super::arguments::{Put, Written};
use super::bars::{DRAW_PERIOD, FilesBar};
use super::large::{LARGE_BYTES_MIN, Large};
use super::local::{Met, Walk, name_of};
use super::round::{Came, Round, is_told};
use super::talk::Talk;
use super::unfinished::Notes;
use crate::cli::Ending;
use crate::client::{Client, ClientError, FileSource, Kind, Meter, Overwrite};
use crate::domain::path::EntryPath;

/// One run of the command.
struct Putting<'a> {
    client: &'a Client,
    overwrite: Overwrite,
    /// Nothing was at the one target when the command began: nobody needs to look for each file.
    is_fresh: bool,
    notes: Notes,
    meter: Meter,
}

pub(super) async fn run(client: &Client, put: &Put, talk: &Talk) -> Result<Ending, ClientError> {
    let overwrite = if put.overwrite { Overwrite::Always } else { Overwrite::Never };
    if put.sources.iter().any(|source| source == Path::new("-")) {
        return from_standard_input(client, put, overwrite, talk).await;
    }
    let places = places(&put.sources, &put.remote).map_err(ClientError::Local)?;
    let is_fresh = match places.as_slice() {
        [(_, target)] => client.entry_at(target.as_str()).await?.is_none(),
        _ => false,
    };
    let (notes, meter) = (Notes::of_user(), Meter::default());
    let putting = Putting { client, overwrite, is_fresh, notes, meter };
    let mut bar = FilesBar::new(talk, &putting.meter, || Some(count(&places)));
    let mut round = Round::default();
    round.may_be_interrupted("stored", talk);
    let stored = futures::stream::iter(Walk::new(places))
        .map(|met| putting.store(met))
        .buffer_unordered(usize::from(put.jobs.jobs));
    let mut stored = std::pin::pin!(stored);
    let mut draws = tokio::time::interval(DRAW_PERIOD);
    loop {
        tokio::select! {
            next = stored.next() => {
                let Some((name, came)) = next else { break };
                if let Some(came) = came.transpose() {
                    bar.aside(is_told(&came), || round.add(&name, came, talk))?;
                    bar.done();
                }
                round.may_be_interrupted("stored", talk);
            }
            _ = draws.tick() => bar.draw(),
        }
    }
    bar.end();
    round.end("stored", talk)
}

/// Stores what comes on standard input, to its end.
async fn from_standard_input(
    client: &Client,
    put: &Put,
    overwrite: Overwrite,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    if put.sources.len() > 1 || put.remote.says_folder {
        let reason = "standard input becomes one file: give its path, without a final /";
        return Err(ClientError::Local(reason.to_owned()));
    }
    let path = put.remote.path.as_str();
    let mut round = Round::default();
    let is_there = overwrite == Overwrite::Never && client.entry_at(path).await?.is_some();
    let came = if is_there {
        Ok(Came::Not("something is there: --overwrite replaces a file".to_owned()))
    } else {
        talk.if_interrupted("interrupted: nothing was stored");
        let input = ReaderStream::new(tokio::io::stdin());
        let stored = client.put_stream(path, input, overwrite).await;
        stored.map(|entry| Came::Done(entry.size.unwrap_or_default()))
    };
    round.add(path, came, talk)?;
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

/// Files, and whatever else is told of, and their bytes.
fn count(places: &[(PathBuf, EntryPath)]) -> (u64, u64) {
    Walk::new(places.to_vec()).fold((0, 0), |(things, bytes), met| match met {
        Met::File { seen, .. } => (things + 1, bytes + seen.0),
        Met::Empty { .. } => (things, bytes),
        Met::Passed { .. } | Met::Unreadable { .. } => (things + 1, bytes),
    })
}

impl Putting<'_> {
    /// What came of it; `None` for a directory, which is no thing of its own.
    async fn store(&self, met: Met) -> (String, Result<Option<Came>, ClientError>) {
        match met {
            Met::File { source, path, seen } => {
                let file = FileSource::new(&source, seen, &self.meter);
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
        let Self { client, notes, overwrite, .. } = self;
        let large = Large { client, notes, path, file, overwrite: *overwrite };
        let is_large = file.bytes() >= LARGE_BYTES_MIN;
        let looks = self.overwrite == Overwrite::Never && !self.is_fresh;
        if looks && let Some(there) = self.there(path, file).await? {
            if is_large {
                large.forget().await;
            }
            return Ok(there);
        }
        let stored = if is_large {
            large.store().await
        } else {
            let stored = self.client.put(path, file, self.overwrite).await;
            stored.map(|_| Came::Done(file.bytes()))
        };
        match stored {
            Err(error) if error.is_precondition() => {
                Ok(self.there(path, file).await?.unwrap_or_else(|| Came::Not(error.to_string())))
            }
            stored => stored,
        }
    }

    /// What it means that something is there already; `None` where nothing is.
    async fn there(&self, path: &str, file: &FileSource) -> Result<Option<Came>, ClientError> {
        let Some(entry) = self.client.entry_at(path).await? else { return Ok(None) };
        Ok(Some(match (entry.kind, entry.size) {
            (Kind::File, Some(size)) if size == file.bytes() => {
                file.meter().becomes(size);
                Came::There
            }
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
