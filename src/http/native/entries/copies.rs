//! Copying an entry: its bytes once more, without a way through the client.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Native;
use super::super::entry::EntryAnswer;
use crate::domain::attach::{ATTACH_ENTRIES_MAX, AttachRefusal};
use crate::domain::id::EntryId;
use crate::domain::once::Repeat;
use crate::domain::organization::Scope;
use crate::domain::path::{EntryName, EntryPath, WrittenPath};
use crate::http::auth::Authenticated;
use crate::http::conditions::{Wanted, wanted_of};
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::Posted;
use crate::http::json::{self, given};
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::ledger::Walked;
use crate::uploads::CopyError;

/// Bytes of a body at most: a path with every letter written as an escape.
const BODY_BYTES_MAX: u64 = 16_384;

/// Where a copy is to lie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCopy {
    /// The path of the copy; instead of `parent` and `name`.
    #[serde(default, deserialize_with = "given")]
    path: Option<String>,
    /// The path of the folder that the copy shall lie in.
    #[serde(default, deserialize_with = "given")]
    parent: Option<String>,
    /// The name that it shall have there.
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
}

/// Copies an entry
///
/// A file, or a folder with all below it: all of it in one commit, or nothing. Content, type and
/// tags are copied; a lock, and what a command made it, are not. Nothing may lie where the copy
/// goes.
#[utoipa::path(
    post,
    path = "/delenda/v1/entries/{id}/copies",
    tag = "entries",
    params(
        ("id" = String, Path, description = "The entry"),
        ("If-Match" = Option<String>, Header, description = "Versions of which the file must be one"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
    ),
    request_body = NewCopy,
    responses(
        (status = 201, description = "The copy", body = EntryAnswer),
        (status = 404, description = "No such entry, or the copy is gone by now"),
        (status = 408, description = "It took too long"),
        (status = 409, description = "Something is at that path already, or the entry changed meanwhile"),
        (status = 412, description = "It is of another version"),
        (status = 413, description = "The body is too large, or a file larger than the plan allows"),
        (status = 415, description = "The body is not JSON, or a type that the plan does not take"),
        (status = 422, description = "More than one commit takes, or another request was made with this idempotency key"),
        (status = 423, description = "A folder that it would go into is locked"),
        (status = 507, description = "No space is left"),
    )
)]
pub(super) async fn copy(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let caller = &authenticated.caller;
    let posted = Posted::<NewCopy>::read(&service, caller.key, request, BODY_BYTES_MAX).await?;
    let asked = json::required(posted.body)?;
    let to = target(asked)?;
    let versions = match wanted_of(&posted.headers)? {
        None | Some(Wanted::Any) => None,
        Some(Wanted::Versions(versions)) => Some(versions),
    };
    authenticated.require(Scope::Read)?;
    authenticated.require(Scope::Write)?;
    let id = id.parse(EntryId::parse).ok_or(ApiError::NotFound)?;
    let (realm, copies) = (&caller.realm, service.copies());
    let copied = copies.copy_entry(realm, (id, versions.as_deref()), &to, posted.once).await;
    let copy = match copied {
        Err(CopyError::Refused(AttachRefusal::Repeated(Repeat::Of(made)))) => {
            service.ledger.entry(realm, EntryId::from(made)).await?
        }
        Err(CopyError::Refused(AttachRefusal::TooMany)) => {
            let what = format!("one copy is of {ATTACH_ENTRIES_MAX} files and folders at most");
            return Err(ApiError::Unprocessable(what).into());
        }
        copied => {
            copied.map_err(ApiError::from)?;
            let there = WrittenPath { path: to.clone(), says_folder: false };
            let entry = service.ledger.entry_at(realm, &there).await?;
            entry.map(|entry| Walked { path: to, entry })
        }
    };
    let copy = copy.ok_or(ApiError::NotFound)?;
    Ok(EntryAnswer::of(&copy.path, &copy.entry).answer(StatusCode::CREATED))
}

fn target(asked: NewCopy) -> Result<EntryPath, ApiError> {
    let path = match (asked.path, asked.parent, asked.name) {
        (Some(path), None, None) => EntryPath::parse(&path)?,
        (None, Some(parent), Some(name)) => {
            let parent = EntryPath::parse_written(&parent)?.path;
            parent.child(&EntryName::parse(&name)?)?
        }
        (_, _, _) => return Err(invalid("give 'path', or 'parent' and 'name'")),
    };
    match path.is_root() {
        true => Err(invalid("'/' is no place for an entry")),
        false => Ok(path),
    }
}

fn invalid(text: &str) -> ApiError {
    ApiError::Invalid(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_to_one_path() {
        let read = |text: &str| {
            let asked = json::parse::<NewCopy>(text.as_bytes()).ok()?;
            target(asked).ok().map(|path| path.to_string())
        };
        for (text, expected) in [
            (r#"{"path":"/a/b"}"#, "/a/b"),
            (r#"{"parent":"/a/","name":"b"}"#, "/a/b"),
            (r#"{"parent":"/","name":"b"}"#, "/b"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "{}",
            r#"{"path":"/"}"#,
            r#"{"path":"a"}"#,
            r#"{"path":"/a/"}"#,
            r#"{"path":null}"#,
            r#"{"parent":"/a"}"#,
            r#"{"name":"b"}"#,
            r#"{"path":"/a","name":"b"}"#,
            r#"{"parent":"/a","name":"b/c"}"#,
            r#"{"parent":"/a","name":".."}"#,
            r#"{"to":"/a"}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
