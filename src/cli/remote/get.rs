//! `delenda get`: files and folders of the store onto this machine.

use std::io::Write;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use super::arguments::Get;
use super::missing;
use super::round::{Came, Round};
use super::talk::Talk;
use crate::cli::Ending;
use crate::client::{Client, ClientError, Entry};

const BAR: &str = "{spinner} {pos} files  {msg}";

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
    match top.filter(|top| !top.is_folder()) {
        Some(file) if to_output => to_standard_output(client, &file).await,
        Some(file) => {
            let mut round = Round::default();
            let local = place(&get.local, file.name());
            round.add(&file.path, fetch(client, &file, &local, get.overwrite).await, talk)?;
            round.end("fetched", talk)
        }
        None if to_output => Ok(Ending::Refused(Some(format!("{path} is a folder")))),
        None if !get.recursive => {
            Ok(Ending::Refused(Some(format!("{path} is a folder: -R fetches all below it"))))
        }
        None => fetch_folder(client, get, talk).await,
    }
}

async fn fetch_folder(client: &Client, get: &Get, talk: &Talk) -> Result<Ending, ClientError> {
    let top = get.remote.path.as_str();
    let name = get.remote.path.name();
    let local = place(&get.local, name.as_ref().map_or("", |name| name.as_str()));
    make_directory(&local)?;
    let (mut round, mut cursor) = (Round::default(), None::<String>);
    let bar = talk.bar(0, BAR);
    loop {
        let page = client.entries(Some(top), true, cursor.as_deref()).await?;
        let fetched = futures::stream::iter(&page.entries)
            .map(|entry| {
                let (local, overwrite) = (below(&local, top, &entry.path), get.overwrite);
                async move {
                    let came = match entry.is_folder() {
                        true => make_directory(&local).map(|()| None),
                        false => fetch(client, entry, &local, overwrite).await.map(Some),
                    };
                    (&entry.path, came)
                }
            })
            .buffer_unordered(usize::from(get.jobs.jobs));
        let mut fetched = std::pin::pin!(fetched);
        while let Some((path, came)) = fetched.next().await {
            // A folder that was made is no thing of its own.
            if let Some(came) = came.transpose() {
                bar.suspend(|| round.add(path, came, talk))?;
                bar.inc(1);
            }
            round.may_be_interrupted("fetched", talk);
        }
        cursor = page.cursor;
        if cursor.is_none() {
            bar.finish_and_clear();
            return round.end("fetched", talk);
        }
    }
}

/// The place that something of this name gets.
fn place(local: &Path, name: &str) -> PathBuf {
    let says_directory = local.as_os_str().as_encoded_bytes().ends_with(b"/");
    if says_directory || local == Path::new(".") { local.join(name) } else { local.to_owned() }
}

/// Where what lies at `path`, somewhere below `top`, lies below `local`.
fn below(local: &Path, top: &str, path: &str) -> PathBuf {
    let relative = path.strip_prefix(top).unwrap_or(path);
    relative
        .split('/')
        .filter(|part| !part.is_empty())
        .fold(local.to_owned(), |at, part| at.join(part))
}

fn make_directory(local: &Path) -> Result<(), ClientError> {
    std::fs::create_dir_all(local).map_err(|error| failed(local, &error))
}

fn failed(local: &Path, error: &std::io::Error) -> ClientError {
    ClientError::Local(format!("{}: {error}", local.display()))
}

/// Fetches a file under another name first: what lies at its place is whole.
async fn fetch(
    client: &Client,
    entry: &Entry,
    local: &Path,
    overwrite: bool,
) -> Result<Came, ClientError> {
    if entry.path.split('/').any(|part| part == "." || part == "..") {
        return Err(ClientError::Unintelligible("a path leads out of its folder".to_owned()));
    }
    let there = std::fs::symlink_metadata(local).ok();
    if let Some(there) = there.filter(|_| !overwrite) {
        return Ok(match there.is_file() && Some(there.len()) == entry.size {
            true => Came::There,
            false => Came::Not(format!(
                "{} is here and is not the same size: --overwrite replaces it",
                local.display()
            )),
        });
    }
    let directory = local.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    make_directory(directory)?;
    let unfinished = directory.join(format!(".delenda-part-{}", entry.id));
    let response = client.get(&entry.path).await?;
    let announced = response.content_length();
    let written = write(response, &unfinished).await;
    let written = written.and_then(|bytes| match announced.is_none_or(|whole| whole == bytes) {
        true => std::fs::rename(&unfinished, local)
            .map(|()| bytes)
            .map_err(|error| failed(local, &error)),
        false => Err(ClientError::Unreachable("the file ended too early".to_owned())),
    });
    if written.is_err() {
        // It may not even have been made.
        let _ = std::fs::remove_file(&unfinished);
    }
    written.map(Came::Done)
}

async fn write(response: reqwest::Response, place: &Path) -> Result<u64, ClientError> {
    let file = tokio::fs::File::create(place).await;
    let mut file = file.map_err(|error| failed(place, &error))?;
    let mut bytes = 0;
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ClientError::Unreachable(error.to_string()))?;
        bytes += chunk.len() as u64;
        file.write_all(&chunk).await.map_err(|error| failed(place, &error))?;
    }
    file.flush().await.map_err(|error| failed(place, &error))?;
    Ok(bytes)
}

async fn to_standard_output(client: &Client, file: &Entry) -> Result<Ending, ClientError> {
    let mut chunks = client.get(&file.path).await?.bytes_stream();
    let mut output = std::io::stdout().lock();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ClientError::Unreachable(error.to_string()))?;
        let written = output.write_all(&chunk).and_then(|()| output.flush());
        written.map_err(|error| failed(Path::new("standard output"), &error))?;
    }
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_gets_its_own_name_in_a_directory_and_the_named_one_elsewhere() {
        assert_eq!(place(Path::new("./"), "a"), Path::new("./a"));
        assert_eq!(place(Path::new("."), "a"), Path::new("./a"));
        assert_eq!(place(Path::new("b"), "a"), Path::new("b"));
        assert_eq!(below(Path::new("b"), "/t", "/t/x/y"), Path::new("b/x/y"));
        assert_eq!(below(Path::new("b"), "/", "/x"), Path::new("b/x"));
    }
}
