//! The tree: `mkdir`, `rename` and `readdir`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::call::Call;
use super::files::filename_of;
use super::wire::{Contents, Listed};
use crate::domain::id::EntryId;
use crate::domain::organization::Scope;
use crate::domain::path::EntryName;
use crate::http::error::ApiError;
use crate::http::json;
use crate::http::state::Service;
use crate::ledger::tree::{ChildCursor, LookLimits, MoveRequest};

/// Entries of one page.
const PAGE_ENTRIES: u64 = 100;
/// Digits of a folder's identity, with which a continuation begins.
const ID_DIGITS: usize = 32;

pub(super) async fn mkdir(State(service): State<Service>, call: Call) -> Response {
    call.answer(make(&service, &call).await)
}

async fn make(service: &Service, call: &Call) -> Result<Response, ApiError> {
    let written = filename_of(call.required("dirname")?)?;
    call.asked.require(Scope::Write)?;
    let realm = &call.asked.caller.realm;
    service.ledger.make_folder(realm, &written.path, service.clock.now()).await??;
    Ok(StatusCode::OK.into_response())
}

pub(super) async fn rename(State(service): State<Service>, call: Call) -> Response {
    call.answer(move_entry(&service, &call).await)
}

async fn move_entry(service: &Service, call: &Call) -> Result<Response, ApiError> {
    let from = filename_of(call.required("from")?)?;
    let to = filename_of(call.required("to")?)?;
    if from.path.is_root() {
        return Err(ApiError::Invalid("'/' cannot be renamed".to_owned()));
    }
    call.asked.require(Scope::Write)?;
    let request = MoveRequest { from, to, look: LookLimits::USUAL, at: service.clock.now() };
    service.ledger.move_entry(&call.asked.caller.realm, &request).await??;
    Ok(StatusCode::OK.into_response())
}

pub(super) async fn readdir(State(service): State<Service>, call: Call) -> Response {
    call.answer(list(&service, &call).await)
}

async fn list(service: &Service, call: &Call) -> Result<Response, ApiError> {
    let folder = filename_of(call.required("dirname")?)?;
    let continuation = call.asked.query.single("continuation")?;
    let after = continuation.filter(|text| !text.is_empty()).map(read_continuation).transpose()?;
    call.asked.require(Scope::Read)?;
    let realm = &call.asked.caller.realm;
    let page = service.ledger.children(realm, &folder, after.as_ref(), PAGE_ENTRIES).await??;
    let contents = Contents {
        contents: page.children.iter().map(Listed::of).collect(),
        continuation: page.next.as_ref().map(write_continuation),
    };
    Ok(json::answer(StatusCode::OK, &contents))
}

/// The folder's identity and the last name, in hexadecimal digits. It needs no signature: the
/// folder is looked up by the path, within what the caller sees, and must have this identity.
fn write_continuation(cursor: &ChildCursor) -> String {
    format!("{}{}", cursor.folder.simple(), hex::encode(cursor.after.as_str()))
}

fn read_continuation(text: &str) -> Result<ChildCursor, ApiError> {
    let parsed = || {
        let (folder, after) = text.split_at_checked(ID_DIGITS)?;
        let after = String::from_utf8(hex::decode(after).ok()?).ok()?;
        let after = EntryName::parse(&after).ok()?;
        Some(ChildCursor { folder: EntryId::parse_simple(folder)?, after })
    };
    parsed().ok_or_else(|| ApiError::Invalid("the continuation is malformed".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continuation_reads_back_as_itself_and_nothing_else_is_one() {
        let (folder, after) = (EntryId::from_bytes([9; 16]), EntryName::parse("ä b").unwrap());
        let cursor = ChildCursor { folder, after };
        let text = write_continuation(&cursor);
        assert_eq!(read_continuation(&text).unwrap(), cursor);
        let id = &text[..ID_DIGITS];
        let slash = format!("{id}2f");
        let ends_early = format!("{text}c");
        for wrong in ["x", id, &slash, &ends_early, &text[1..], "ää", &format!("{id}zz")] {
            assert!(read_continuation(wrong).is_err(), "{wrong}");
        }
    }
}
