//! `delenda cp`: has the server copy. A folder is copied in one commit where nothing is at its
//! target and one commit can take it; else file by file, which goes on where it was interrupted.
//! Only what replaces another file goes through this machine.

use futures::StreamExt;

use super::arguments::{Copy, below};
use super::round::{Came, Round};
use super::talk::Talk;
use super::{missing, once};
use crate::cli::Ending;
use crate::client::{Client, ClientError, Entry, Overwrite};
use crate::domain::path::EntryPath;

pub(super) async fn run(client: &Client, copy: &Copy, talk: &Talk) -> Result<Ending, ClientError> {
    if copy.from.path.is_root() {
        return Ok(Ending::Refused(Some("/ cannot be copied into itself".to_owned())));
    }
    let Some(top) = client.entry_at(&copy.from.as_selector()).await? else {
        return Ok(Ending::Refused(Some(missing(&copy.from.path))));
    };
    let to = copy.to.place_of(top.name()).map_err(ClientError::Local)?;
    let overwrite = if copy.overwrite { Overwrite::Always } else { Overwrite::Never };
    let copying = Copying { client, overwrite };
    if !top.is_folder() {
        let mut round = Round::default();
        round.add(to.as_str(), copying.copy(&top, &to).await, talk)?;
        return round.end("copied", talk);
    }
    if !copy.recursive {
        let reason = format!("{} is a folder: -R copies all below it", top.path);
        return Ok(Ending::Refused(Some(reason)));
    }
    if copy.from.path.contains(&to) {
        return Ok(Ending::Refused(Some(format!("{to} lies in {}", top.path))));
    }
    if client.entry_at(to.as_str()).await?.is_none() {
        talk.if_interrupted("interrupted: nothing is copied unless it is whole; look before");
        match client.copy(&top.id, to.as_str(), &once()).await {
            Ok(made) => {
                talk.say(&format!("copied {} to {}", top.path, made.path), &made)?;
                return Ok(Ending::Done);
            }
            Err(error) if error.is_too_much() => {}
            Err(error) => return Err(error),
        }
    }
    copying.copy_folder((&top, &to), usize::from(copy.jobs.jobs), talk).await
}

struct Copying<'a> {
    client: &'a Client,
    overwrite: Overwrite,
}

impl Copying<'_> {
    async fn copy_folder(
        &self,
        (top, to): (&Entry, &EntryPath),
        jobs: usize,
        talk: &Talk,
    ) -> Result<Ending, ClientError> {
        self.client.make_folder(to.as_str()).await?;
        let (mut round, mut cursor) = (Round::default(), None::<String>);
        loop {
            let page = self.client.entries(Some(&top.path), true, cursor.as_deref()).await?;
            let copied = futures::stream::iter(&page.entries)
                .map(|entry| async move { (&entry.path, self.copy_below(entry, top, to).await) })
                .buffer_unordered(jobs);
            let mut copied = std::pin::pin!(copied);
            while let Some((path, came)) = copied.next().await {
                if let Some(came) = came.transpose() {
                    round.add(path, came, talk)?;
                }
                round.may_be_interrupted("copied", talk);
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return round.end("copied", talk);
            }
        }
    }

    /// `None` for a folder, which is made and counts as nothing of its own.
    async fn copy_below(
        &self,
        entry: &Entry,
        top: &Entry,
        to: &EntryPath,
    ) -> Result<Option<Came>, ClientError> {
        let relative = entry.path.strip_prefix(&top.path).unwrap_or(&entry.path);
        let place = below(to, relative.trim_start_matches('/')).map_err(ClientError::Local)?;
        match entry.is_folder() {
            true => self.client.make_folder(place.as_str()).await.map(|_| None),
            false => self.copy(entry, &place).await.map(Some),
        }
    }

    async fn copy(&self, from: &Entry, to: &EntryPath) -> Result<Came, ClientError> {
        let there = self.client.entry_at(to.as_str()).await?;
        let copy = match (there, self.overwrite) {
            (Some(there), Overwrite::Never) => {
                let is_same = there.size.is_some() && there.size == from.size;
                let other = "something else is there: --overwrite replaces a file";
                return Ok(if is_same { Came::There } else { Came::Not(other.to_owned()) });
            }
            (Some(_), Overwrite::Always) => {
                self.client.copy_over(from, to.as_str(), self.overwrite).await?
            }
            (None, Overwrite::Never | Overwrite::Always) => {
                self.client.copy(&from.id, to.as_str(), &once()).await?
            }
        };
        Ok(Came::Done(copy.size.unwrap_or_default()))
    }
}
