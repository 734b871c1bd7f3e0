//! `delenda mkdir`, `mv`, `tag`, `lock` and `unlock`: one change of each thing that is named.

use super::arguments::{Move, Tag, Written};
use super::missing;
use super::talk::{Talk, note};
use crate::cli::Ending;
use crate::client::{Client, ClientError, Entry, EntryChange, TagChange};

pub(super) async fn make_folders(
    client: &Client,
    paths: &[Written],
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let mut steps = Steps::new(paths.len());
    for path in paths {
        let made = client.make_folder(path.path.as_str()).await;
        steps.add(path, made.map(Some), talk)?;
    }
    Ok(steps.end())
}

pub(super) async fn rename(
    client: &Client,
    moved: &Move,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let (path, parent) = match moved.to.says_folder {
        true => (None, Some(moved.to.path.to_string())),
        false => (Some(moved.to.path.to_string()), None),
    };
    let change = EntryChange { path, parent, ..EntryChange::default() };
    each(client, std::slice::from_ref(&moved.from), &change, talk).await
}

pub(super) async fn tag(client: &Client, tag: &Tag, talk: &Talk) -> Result<Ending, ClientError> {
    let (add, remove, set) = (tag.add.clone(), tag.remove.clone(), tag.set.clone());
    let tags = match (add.is_empty(), remove.is_empty()) {
        (false, _) => TagChange::Add(add),
        (true, false) => TagChange::Remove(remove),
        // Without any, that is what --clear means.
        (true, true) => TagChange::Set(set),
    };
    let change = EntryChange { tags: Some(tags), ..EntryChange::default() };
    each(client, &tag.paths, &change, talk).await
}

pub(super) async fn lock(
    client: &Client,
    paths: &[Written],
    locked: bool,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let change = EntryChange { locked: Some(locked), ..EntryChange::default() };
    each(client, paths, &change, talk).await
}

async fn each(
    client: &Client,
    paths: &[Written],
    change: &EntryChange,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let mut steps = Steps::new(paths.len());
    for path in paths {
        let changed = match client.entry_at(&path.as_selector()).await {
            Ok(Some(entry)) => client.change(&entry.id, change).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        steps.add(path, changed, talk)?;
    }
    Ok(steps.end())
}

/// How many of them succeeded.
struct Steps {
    all: usize,
    done: usize,
}

impl Steps {
    fn new(all: usize) -> Self {
        Self { all, done: 0 }
    }

    /// Tells of one; what it was refused for is told, and the next one tried.
    fn add(
        &mut self,
        path: &Written,
        result: Result<Option<Entry>, ClientError>,
        talk: &Talk,
    ) -> Result<(), ClientError> {
        match result {
            Ok(Some(entry)) => {
                self.done += 1;
                talk.say(&entry.path, &entry)?;
            }
            Ok(None) => note(&missing(&path.path)),
            Err(ClientError::Refused(problem)) => {
                note(&format!("{}: {problem}", path.path));
            }
            Err(error) => return Err(error),
        }
        talk.if_interrupted(format!("interrupted: {} of {} are done", self.done, self.all));
        Ok(())
    }

    fn end(&self) -> Ending {
        match self.done {
            done if done == self.all => Ending::Done,
            0 => Ending::Refused(None),
            _ => Ending::Partly(None),
        }
    }
}
