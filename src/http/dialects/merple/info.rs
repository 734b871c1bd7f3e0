//! `GET /fso-info`: a file or a folder, with what is in it.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::wire::Info;
use super::{Merple, path_of};
use crate::domain::entry::Entry;
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;
use crate::ledger::{WalkQuery, Walked};

/// Entries below a folder that one answer tells at most.
const ENTRIES_MAX: usize = 10_000;
/// Levels that can be asked for at most: no path is deeper.
const DEPTH_MAX: u64 = 512;

pub(super) async fn read(
    State(service): State<Service>,
    asked: Authenticated<Merple>,
) -> Result<Response, DialectError<Merple>> {
    let (_, written) = path_of(&asked.query)?;
    let depth = asked.query.number("depth", 1, 0..=DEPTH_MAX)?;
    let depth = usize::try_from(depth).unwrap_or(usize::MAX);
    asked.require(Scope::Read)?;
    let realm = &asked.caller.realm;
    let entry = service.ledger.entry_at(realm, &written).await?.ok_or(ApiError::NotFound)?;
    let mut info = info_of(&written.path, &entry);
    if matches!(entry, Entry::Folder(_)) && depth > 0 {
        let query = WalkQuery {
            top: written.path,
            depth: Some(depth),
            after: None,
            limit: ENTRIES_MAX + 1,
        };
        let met = service.ledger.walk(realm, &query).await?.ok_or(ApiError::NotFound)?;
        if met.len() > ENTRIES_MAX {
            let text = format!("more than {ENTRIES_MAX} files and folders; ask for fewer levels");
            return Err(ApiError::Invalid(text).into());
        }
        info.nested = Some(nested(&query.top, &met, depth));
    }
    Ok(json::answer(StatusCode::OK, &info))
}

/// A folder's size is that of the files right in it, and it is as old as itself: both are known
/// without looking at what is below.
fn info_of(path: &EntryPath, entry: &Entry) -> Info {
    let (size, time) = match entry {
        Entry::File(file) => (file.content.size, file.modified_at),
        Entry::Folder(folder) => (folder.direct.bytes, folder.created_at),
    };
    Info {
        path: path.to_string(),
        name: path.name().map_or_else(|| "/".to_owned(), |name| name.to_string()),
        size,
        last_modified: time.iso8601(),
        nested: None,
    }
}

/// What a walk met, each entry in its folder. The order of a walk has a folder right before all
/// that is below it.
fn nested(top: &EntryPath, met: &[Walked], depth: usize) -> Vec<Info> {
    let top_depth = top.names().count();
    // The lists of the folders that lead to the place where the walk is, the outermost first.
    let mut open: Vec<Vec<Info>> = vec![Vec::new()];
    for walked in met {
        let level = walked.path.names().count() - top_depth;
        close_to(&mut open, level);
        let mut info = info_of(&walked.path, &walked.entry);
        let is_opened = matches!(walked.entry, Entry::Folder(_)) && level < depth;
        info.nested = is_opened.then(Vec::new);
        open.last_mut().expect("the outermost list stays open").push(info);
        if is_opened {
            open.push(Vec::new());
        }
    }
    close_to(&mut open, 1);
    open.pop().expect("the outermost list stays open")
}

/// Puts the lists of folders that are done into their folders, until `levels` are open.
fn close_to(open: &mut Vec<Vec<Info>>, levels: usize) {
    while open.len() > levels {
        let done = open.pop();
        let folder = open.last_mut().and_then(|list| list.last_mut());
        folder.expect("a list was opened for the last entry of the one above").nested = done;
    }
}
