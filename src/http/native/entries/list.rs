//! The entries of a folder, in pages.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Native;
use super::super::entry::EntryAnswer;
use crate::domain::entry::Entry;
use crate::domain::organization::{Realm, Scope};
use crate::domain::path::EntryPath;
use crate::http::auth::Authenticated;
use crate::http::cursor::{List, foreign_cursor};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::placing::tags_of;
use crate::http::query::Query;
use crate::http::state::Service;
use crate::ledger::{Ledger, WalkCursor, WalkQuery, Walked};

const ROUTE: &str = "/delenda/v1/entries";
/// Entries that one look takes, where only some of them are shown.
const LOOK_ENTRIES: usize = 1000;
/// Entries that are looked at for one page at most.
const LOOKED_ENTRIES_MAX: usize = 10_000;

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = EntryPage)]
struct Page {
    /// Files before folders, each in the order of the bytes of their names; with `recursive` each
    /// folder is followed by what is in it. With `tag` a page may have few, or none, and not be the
    /// last.
    entries: Vec<EntryAnswer>,
    /// Where the next page begins; `null` with the last.
    cursor: Option<String>,
}

/// What is asked of a list.
struct Asked {
    top: EntryPath,
    recursive: bool,
    /// All of these; none given: any entry.
    tags: Vec<String>,
}

/// Lists a folder
///
/// What is right in it, or with `recursive` all that is below it. Whatever comes and goes between
/// two pages, an entry that stays is given exactly once.
#[utoipa::path(
    get,
    path = "/delenda/v1/entries",
    tag = "entries",
    params(
        ("path" = Option<String>, Query, description = "The folder; left out: all that the key sees"),
        ("recursive" = Option<bool>, Query, description = "Whether all below it is listed"),
        ("tag" = Option<Vec<String>>, Query, description = "Only files with all of these tags"),
        ("cursor" = Option<String>, Query, description = "Where to go on, as the page before has it"),
        ("limit" = Option<u64>, Query, description = "Entries of a page, 100 unless said otherwise", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "A page", body = Page),
        (status = 404, description = "No folder is there"),
    )
)]
pub(super) async fn list(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    let (caller, query) = (&authenticated.caller, &authenticated.query);
    let asked = Asked::read(query, &caller.realm)?;
    let filters = asked.filters();
    let organization = Some(caller.organization.id);
    let list = List { route: ROUTE, organization, filters: &filters };
    let page = list.asked(&service.signer, query)?;
    let after = page.after.as_deref().map(read_position).transpose()?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    authenticated.require(Scope::Read)?;
    let found = Found::look(service.ledger.as_ref(), &caller.realm, &asked, (after, limit)).await?;
    let shown = found.entries.iter().map(|met| EntryAnswer::of(&met.path, &met.entry));
    let cursor = found.next.map(|next| list.cursor(&service.signer, &write_position(&next)));
    Ok(json::answer(StatusCode::OK, &Page { entries: shown.collect(), cursor }))
}

impl Asked {
    fn read(query: &Query, realm: &Realm) -> Result<Self, ApiError> {
        query.only(&["organization", "path", "recursive", "tag", "limit", "cursor"])?;
        let top = match query.single("path")? {
            None => realm.prefix.clone(),
            Some(text) => EntryPath::parse_written(text)?.path,
        };
        let recursive = match query.single("recursive")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                return Err(ApiError::Invalid("recursive must be true or false".to_owned()));
            }
        };
        Ok(Self { top, recursive, tags: tags_of(query.all("tag"))? })
    }

    /// What a cursor is bound to beside the route.
    fn filters(&self) -> Vec<(&str, &str)> {
        let recursive = if self.recursive { "true" } else { "false" };
        let own = [("path", self.top.as_str()), ("recursive", recursive)];
        own.into_iter().chain(self.tags.iter().map(|tag| ("tag", tag.as_str()))).collect()
    }

    fn shows(&self, met: &Walked) -> bool {
        match &met.entry {
            _any if self.tags.is_empty() => true,
            Entry::File(file) => self.tags.iter().all(|tag| file.attributes.tags.contains(tag)),
            Entry::Folder(_) => false,
        }
    }
}

/// What was found for a page, and where the next one begins, if there may be one.
struct Found {
    entries: Vec<Walked>,
    next: Option<WalkCursor>,
}

impl Found {
    async fn look(
        ledger: &dyn Ledger,
        realm: &Realm,
        asked: &Asked,
        (after, limit): (Option<WalkCursor>, usize),
    ) -> Result<Self, ApiError> {
        let mut query = WalkQuery {
            top: asked.top.clone(),
            depth: (!asked.recursive).then_some(1),
            after,
            // One more tells whether there is a next page.
            limit: if asked.tags.is_empty() { limit + 1 } else { LOOK_ENTRIES },
        };
        let mut entries = Vec::new();
        let mut looked = 0;
        loop {
            let met = ledger.walk(realm, &query).await?.ok_or(ApiError::NotFound)?;
            let is_last = met.len() < query.limit;
            looked += met.len();
            for one in met {
                if entries.len() == limit {
                    return Ok(Self { entries, next: query.after });
                }
                query.after = Some(one.cursor());
                if asked.shows(&one) {
                    entries.push(one);
                }
            }
            if is_last {
                return Ok(Self { entries, next: None });
            }
            if looked >= LOOKED_ENTRIES_MAX {
                return Ok(Self { entries, next: query.after });
            }
        }
    }
}

/// The path of the last entry that was looked at, behind a letter for its kind.
fn write_position(cursor: &WalkCursor) -> Vec<u8> {
    let kind = if cursor.is_folder { b'd' } else { b'f' };
    [&[kind], cursor.path.as_str().as_bytes()].concat()
}

fn read_position(position: &[u8]) -> Result<WalkCursor, ApiError> {
    let read = || {
        let (kind, path) = position.split_first()?;
        let path = EntryPath::parse(std::str::from_utf8(path).ok()?).ok()?;
        let is_folder = match kind {
            b'd' => true,
            b'f' => false,
            _neither => return None,
        };
        Some(WalkCursor { path, is_folder })
    };
    read().ok_or_else(foreign_cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_itself() {
        for (path, is_folder) in [("/a", true), ("/ä b/c", false)] {
            let cursor = WalkCursor { path: EntryPath::parse(path).unwrap(), is_folder };
            assert_eq!(read_position(&write_position(&cursor)).unwrap(), cursor);
        }
        for wrong in [&b""[..], b"d", b"x/a", b"da", b"d/a/", b"f/\xff"] {
            assert!(read_position(wrong).is_err(), "{wrong:?}");
        }
    }
}
