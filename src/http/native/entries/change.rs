//! Changing an entry: its place, its tags, its lock.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Native;
use super::super::entry::EntryAnswer;
use crate::domain::entry::TagChange;
use crate::domain::id::EntryId;
use crate::domain::organization::Scope;
use crate::domain::path::{EntryName, EntryPath};
use crate::http::auth::Authenticated;
use crate::http::conditions::{Wanted, wanted_of};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json::{self, BodyLimits, given};
use crate::http::placing::tags_of;
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::EntryChange;
use crate::ledger::tree::LookLimits;

/// Bytes of a change at most: as many tags as a file may have, each as long as it may be, with
/// every letter written as an escape, and a path likewise.
const CHANGE_BYTES_MAX: u64 = 524_288;

/// What is to become of an entry. What is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EntryChange)]
struct GivenChange {
    /// Where it shall lie; instead of `parent` and `name`.
    #[serde(default, deserialize_with = "given")]
    path: Option<String>,
    /// The path of the folder that it shall lie in.
    #[serde(default, deserialize_with = "given")]
    parent: Option<String>,
    /// The name that it shall have there.
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    tags: Option<GivenTags>,
    /// Unlocking needs the scope `admin`.
    #[serde(default, deserialize_with = "given")]
    locked: Option<bool>,
}

/// How the tags of a file are to change: one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
#[schema(as = TagChange)]
enum GivenTags {
    /// These and no others.
    Set(Vec<String>),
    /// These, too.
    Add(Vec<String>),
    /// These no more.
    Remove(Vec<String>),
}

/// What was asked for, read.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    parent: Option<EntryPath>,
    name: Option<EntryName>,
    tags: Option<TagChange>,
    locked: Option<bool>,
}

/// Moves, renames, tags or locks an entry
///
/// All that is asked for in one go, or nothing. It is moved first, then tagged, then locked or
/// unlocked: what is locked stays where it is, although the same call unlocks it.
#[utoipa::path(
    patch,
    path = "/delenda/v1/entries/{id}",
    tag = "entries",
    params(
        ("id" = String, Path, description = "The entry"),
        ("If-Match" = Option<String>, Header, description = "Versions of which the file must be one"),
    ),
    request_body = GivenChange,
    responses(
        (status = 200, description = "The entry as it is now", body = EntryAnswer),
        (status = 404, description = "No such entry"),
        (status = 409, description = "Something is at that path already"),
        (status = 412, description = "It is of another version"),
        (status = 413, description = "The change is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 423, description = "Locked"),
        (status = 507, description = "No space is left"),
    )
)]
pub(super) async fn change(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, DialectError<Native>> {
    let limits =
        BodyLimits { bytes_max: CHANGE_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let asked: Option<GivenChange> = json::read(&headers, body, limits).await?;
    let asked = read(asked.unwrap_or_default())?;
    let wanted = wanted_of(&headers)?;
    authenticated.query.only(&["organization"])?;
    for scope in asked.scopes() {
        authenticated.require(scope)?;
    }
    let id = id.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let change = EntryChange {
        id,
        versions: match wanted {
            None | Some(Wanted::Any) => None,
            Some(Wanted::Versions(versions)) => Some(versions),
        },
        parent: asked.parent,
        name: asked.name,
        tags: asked.tags,
        locked: asked.locked,
        look: LookLimits::USUAL,
        at: service.clock.now(),
    };
    let changed = service.ledger.change_entry(&authenticated.caller.realm, &change).await??;
    Ok(EntryAnswer::of(&changed.path, &changed.entry).answer(StatusCode::OK))
}

impl Read {
    /// What the caller must be allowed.
    fn scopes(&self) -> impl Iterator<Item = Scope> {
        let arranges = self.parent.is_some() || self.name.is_some() || self.tags.is_some();
        let write = (arranges || self.locked == Some(true)).then_some(Scope::Write);
        let admin = (self.locked == Some(false)).then_some(Scope::Admin);
        write.into_iter().chain(admin)
    }
}

fn read(asked: GivenChange) -> Result<Read, ApiError> {
    let GivenChange { path, parent, name, tags, locked } = asked;
    let (parent, name) = match (path, parent, name) {
        (Some(path), None, None) => place(&path)?,
        (Some(_), _, _) => return Err(invalid("'path' stands instead of 'parent' and 'name'")),
        (None, parent, name) => {
            let parent = parent.map(|text| EntryPath::parse_written(&text)).transpose()?;
            let name = name.map(|text| EntryName::parse(&text)).transpose()?;
            (parent.map(|written| written.path), name)
        }
    };
    let tags = tags.map(change_of).transpose()?;
    if parent.is_none() && name.is_none() && tags.is_none() && locked.is_none() {
        return Err(invalid("the change says nothing"));
    }
    Ok(Read { parent, name, tags, locked })
}

fn place(path: &str) -> Result<(Option<EntryPath>, Option<EntryName>), ApiError> {
    let path = EntryPath::parse(path)?;
    match path.name() {
        Some(name) => Ok((path.parent(), Some(name))),
        None => Err(invalid("'/' is no place for an entry")),
    }
}

fn change_of(tags: GivenTags) -> Result<TagChange, ApiError> {
    let read = |tags: Vec<String>| tags_of(tags.iter().map(String::as_str));
    Ok(match tags {
        GivenTags::Set(tags) => TagChange::Set(read(tags)?),
        GivenTags::Add(tags) => TagChange::Add(read(tags)?),
        GivenTags::Remove(tags) => TagChange::Remove(read(tags)?),
    })
}

fn invalid(text: &str) -> ApiError {
    ApiError::Invalid(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Read> {
        json::parse::<GivenChange>(text.as_bytes()).and_then(read).ok()
    }

    #[test]
    fn a_change_says_where_to_and_what_of_tags_and_lock() {
        let (path, name) = (|text| EntryPath::parse(text).ok(), |text| EntryName::parse(text).ok());
        let nothing = || Read { parent: None, name: None, tags: None, locked: None };
        for (text, expected) in [
            (r#"{"path":"/a/b"}"#, Read { parent: path("/a"), name: name("b"), ..nothing() }),
            (r#"{"path":"/b"}"#, Read { parent: path("/"), name: name("b"), ..nothing() }),
            (r#"{"name":"b"}"#, Read { name: name("b"), ..nothing() }),
            (r#"{"parent":"/a/"}"#, Read { parent: path("/a"), ..nothing() }),
            (r#"{"parent":"/"}"#, Read { parent: path("/"), ..nothing() }),
            (r#"{"locked":false}"#, Read { locked: Some(false), ..nothing() }),
            (
                r#"{"tags":{"add":["a"," a"]}}"#,
                Read { tags: Some(TagChange::Add(vec!["a".to_owned()])), ..nothing() },
            ),
            (r#"{"tags":{"set":[]}}"#, Read { tags: Some(TagChange::Set(vec![])), ..nothing() }),
        ] {
            assert_eq!(parsed(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_change_that_is_unclear_is_refused() {
        for text in [
            "{}",
            r#"{"path":null}"#,
            r#"{"locked":null}"#,
            r#"{"path":"a"}"#,
            r#"{"path":"/"}"#,
            r#"{"path":"/a/"}"#,
            r#"{"path":"/a","name":"b"}"#,
            r#"{"path":"/a","parent":"/b"}"#,
            r#"{"path":"/a","path":"/b"}"#,
            r#"{"name":"a/b"}"#,
            r#"{"name":""}"#,
            r#"{"name":".."}"#,
            r#"{"tags":["a"]}"#,
            r#"{"tags":{}}"#,
            r#"{"tags":{"add":["a"],"remove":["b"]}}"#,
            r#"{"size":1}"#,
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
