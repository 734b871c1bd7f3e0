//! `delenda ls`, `stat` and `usage`: looking, without changing anything.

use indicatif::DecimalBytes;

use super::arguments::{Ls, Written};
use super::shown::Look;
use super::talk::{INTERRUPTED, Talk, count, files, note};
use super::{missing, shown};
use crate::cli::Ending;
use crate::client::{Client, ClientError};

pub(super) async fn list(client: &Client, ls: &Ls, talk: &Talk) -> Result<Ending, ClientError> {
    talk.if_interrupted(INTERRUPTED);
    let look = if ls.long { Look::Long { human: ls.human } } else { Look::Short };
    let folder = ls.path.as_ref().map(Written::as_selector);
    if let Some(path) = ls.path.as_ref().filter(|path| !path.path.is_root()) {
        match client.entry_at(&path.as_selector()).await? {
            None => return Ok(Ending::Refused(Some(missing(&path.path)))),
            Some(file) if !file.is_folder() => {
                talk.say(&shown::entry(&file, &file.path, look), &file)?;
                return Ok(Ending::Done);
            }
            Some(_) => {}
        }
    }
    let mut cursor = None::<String>;
    loop {
        let page = client.entries(folder.as_deref(), ls.recursive, cursor.as_deref()).await?;
        for entry in &page.entries {
            let name = if ls.recursive { entry.path.as_str() } else { entry.name() };
            talk.say(&shown::entry(entry, name, look), entry)?;
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(Ending::Done);
        }
    }
}

pub(super) async fn stat(
    client: &Client,
    paths: &[Written],
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let mut absent = 0;
    for path in paths {
        if let Some(entry) = client.entry_at(&path.as_selector()).await? {
            for line in shown::details(&entry) {
                talk.line(&line)?;
            }
            talk.object(&entry)?;
        } else {
            absent += 1;
            note(&missing(&path.path));
        }
    }
    Ok(match absent {
        0 => Ending::Done,
        absent if absent == paths.len() => Ending::Refused(None),
        _ => Ending::Partly(None),
    })
}

pub(super) async fn usage(client: &Client, talk: &Talk) -> Result<Ending, ClientError> {
    let usage = client.usage().await?;
    for (what, amount) in [
        ("live", usage.live),
        ("doomed", usage.doomed),
        ("condemned", usage.condemned),
        ("settled", usage.settled),
        ("uploaded", usage.uploaded),
    ] {
        let (number, bytes) = (count(amount.files, "file", "files"), DecimalBytes(amount.bytes));
        talk.line(&format!("{what:<10} {number:>16}  {:>12}", bytes.to_string()))?;
    }
    let leaving =
        (usage.doomed.files + usage.condemned.files, usage.doomed.bytes + usage.condemned.bytes);
    if leaving.0 > 0 {
        talk.line(&format!("on their way out: {}", files(leaving.0, leaving.1)))?;
    }
    talk.object(&usage)?;
    Ok(Ending::Done)
}
