//! `delenda get`: files and folders of the store onto this machine.

use std::path::{Path, PathBuf};

use futures::StreamExt;

use super::arguments::Get;
use super::bars::{DRAW_PERIOD, FilesBar};
use super::fetch::{Fetching, Place};
use super::missing;
use super::round::{Came, Round, is_told};
use super::talk::{Talk, written};
use crate::cli::Ending;
use crate::client::{Client, ClientError, Entry, EntryPage, Meter};

pub(super) async fn run(client: &Client, get: &Get, talk: &Talk) -> Result<Ending, ClientError> {
    let path = &get.remote.path;
    let to_output = get.local == Path::new("-");
    let top = match path.is_root() {
        // The root is no entry of its own.
        true => None,
        false => match client.entry_at(&get.remote.as_selector()).await? {
            Some(top) => Some(top),
            None => return Ok(Ending::Refused(Some(missing(path)))),
        },
    };
    let fetching = Fetching { client, overwrite: get.overwrite, meter: Meter::default() };
    match top.filter(|top| !top.is_folder()) {
        Some(file) if to_output => to_standard_output(client, &file).await,
        Some(file) => fetching.fetch_one(&file, &place(&get.local, file.name()), talk).await,
        None if to_output => Ok(Ending::Refused(Some(format!("{path} is a folder")))),
        None if !get.recursive => {
            Ok(Ending::Refused(Some(format!("{path} is a folder: -R fetches all below it"))))
        }
        None => fetching.fetch_folder(get, talk).await,
    }
}

impl Fetching<'_> {
    async fn fetch_one(
        &self,
        file: &Entry,
        local: &Path,
        talk: &Talk,
    ) -> Result<Ending, ClientError> {
        let mut round = Round::default();
        round.may_be_interrupted("fetched", talk);
        let mut bar = FilesBar::new(talk, &self.meter, || Some((1, file.size.unwrap_or_default())));
        let place = Place::of_file(local);
        let mut fetched = std::pin::pin!(self.fetch(file, &place));
        let mut draws = tokio::time::interval(DRAW_PERIOD);
        let came = loop {
            tokio::select! {
                came = &mut fetched => break came,
                _ = draws.tick() => bar.draw(),
            }
        };
        bar.done();
        bar.end();
        round.add(&file.path, came, talk)?;
        round.end("fetched", talk)
    }

    async fn fetch_folder(&self, get: &Get, talk: &Talk) -> Result<Ending, ClientError> {
        let top = get.remote.path.as_str();
        let name = get.remote.path.name();
        let local = place(&get.local, name.as_ref().map_or("", |name| name.as_str()));
        Place::below(&local, top, top)?.make()?;
        let (mut round, mut cursor) = (Round::default(), None::<String>);
        let mut bar = FilesBar::new(talk, &self.meter, || None);
        round.may_be_interrupted("fetched", talk);
        loop {
            let page = self.client.entries(Some(top), true, cursor.as_deref()).await?;
            self.fetch_page(get, (&local, &page), (&mut round, &mut bar), talk).await?;
            cursor = page.cursor;
            if cursor.is_none() {
                bar.end();
                return round.end("fetched", talk);
            }
        }
    }

    async fn fetch_page(
        &self,
        get: &Get,
        (local, page): (&Path, &EntryPage),
        (round, bar): (&mut Round, &mut FilesBar),
        talk: &Talk,
    ) -> Result<(), ClientError> {
        let top = get.remote.path.as_str();
        let fetched = futures::stream::iter(&page.entries)
            .map(|entry| async move { (&entry.path, self.fetch_below(entry, local, top).await) })
            .buffer_unordered(usize::from(get.jobs.jobs));
        let mut fetched = std::pin::pin!(fetched);
        let mut draws = tokio::time::interval(DRAW_PERIOD);
        loop {
            tokio::select! {
                next = fetched.next() => {
                    let Some((path, came)) = next else { return Ok(()) };
                    if let Some(came) = came.transpose() {
                        bar.aside(is_told(&came), || round.add(path, came, talk))?;
                        bar.done();
                    }
                    round.may_be_interrupted("fetched", talk);
                }
                _ = draws.tick() => bar.draw(),
            }
        }
    }

    /// `None` for a folder, which is made and is no thing of its own.
    async fn fetch_below(
        &self,
        entry: &Entry,
        local: &Path,
        top: &str,
    ) -> Result<Option<Came>, ClientError> {
        let place = Place::below(local, top, &entry.path)?;
        match entry.is_folder() {
            true => place.make().map(|()| None),
            false => self.fetch(entry, &place).await.map(Some),
        }
    }
}

/// The place that something of this name gets.
fn place(local: &Path, name: &str) -> PathBuf {
    let says_directory = local.as_os_str().as_encoded_bytes().ends_with(b"/");
    if says_directory || local == Path::new(".") { local.join(name) } else { local.to_owned() }
}

async fn to_standard_output(client: &Client, file: &Entry) -> Result<Ending, ClientError> {
    let mut chunks = client.get(file, 0).await?.bytes_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ClientError::Unreachable(error.to_string()))?;
        bytes += chunk.len() as u64;
        written(&chunk)?;
    }
    match file.size.is_none_or(|size| size == bytes) {
        true => Ok(Ending::Done),
        false => Err(ClientError::Unreachable("the file ended too early".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_gets_its_own_name_in_a_directory_and_the_named_one_elsewhere() {
        assert_eq!(place(Path::new("./"), "a"), Path::new("./a"));
        assert_eq!(place(Path::new("."), "a"), Path::new("./a"));
        assert_eq!(place(Path::new("b"), "a"), Path::new("b"));
        assert_eq!(place(Path::new("b/"), "a"), Path::new("b/a"));
    }
}
