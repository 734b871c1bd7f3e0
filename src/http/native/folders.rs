//! Folders: made on purpose. Uploads make those on their way by themselves.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Native;
use super::entry::EntryAnswer;
use crate::domain::entry::Entry;
use crate::domain::id::EntryId;
use crate::domain::once::Repeat;
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::idempotency::{Posted, repeat_of};
use crate::http::state::Service;
use crate::ledger::tree::TreeRefusal;
use crate::ledger::{FolderRefusal, Walked};

/// Bytes of a body at most: a path with every letter written as an escape.
const BODY_BYTES_MAX: u64 = 16_384;

/// A folder that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewFolder {
    path: String,
}

/// Makes a folder
///
/// And those above it that are missing. One that is there already is a success, too.
#[utoipa::path(
    post,
    path = "/delenda/v1/folders",
    tag = "folders",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless")),
    request_body = NewFolder,
    responses(
        (status = 200, description = "The folder, which was there", body = EntryAnswer),
        (status = 201, description = "The folder", body = EntryAnswer),
        (status = 404, description = "It was made by this idempotency key, and is gone"),
        (status = 409, description = "A file is there, or where a folder above would have to be"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "Another request was made with this idempotency key"),
        (status = 507, description = "No space is left"),
    )
)]
pub(super) async fn make(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let caller = &authenticated.caller;
    let posted = Posted::<NewFolder>::read(&service, caller.key, request, BODY_BYTES_MAX).await?;
    let wanted = posted.body.ok_or_else(|| ApiError::Invalid("the body is empty".to_owned()))?;
    let written = EntryPath::parse_written(&wanted.path)?;
    authenticated.require(Scope::Write)?;
    let (realm, now) = (&caller.realm, service.clock.now());
    let repeat = repeat_of(&service, Some(realm.organization), posted.once.as_ref()).await?;
    let made = match repeat {
        Some(repeat) => Err(FolderRefusal::Repeated(repeat)),
        None => service.ledger.make_folder_once(realm, &written.path, posted.once, now).await?,
    };
    let (status, path, folder) = match made {
        Ok(folder) => (StatusCode::CREATED, written.path, folder),
        Err(FolderRefusal::Tree(TreeRefusal::Exists)) => {
            let Some(Entry::Folder(folder)) = service.ledger.entry_at(realm, &written).await?
            else {
                return Err(ApiError::from(TreeRefusal::Exists).into());
            };
            (StatusCode::OK, written.path, folder)
        }
        Err(FolderRefusal::Repeated(Repeat::Of(made))) => {
            let found = service.ledger.entry(realm, EntryId::from(made)).await?;
            let Some(Walked { path, entry: Entry::Folder(folder) }) = found else {
                return Err(ApiError::NotFound.into());
            };
            (StatusCode::CREATED, path, folder)
        }
        Err(FolderRefusal::Repeated(Repeat::OtherRequest)) => {
            return Err(ApiError::IdempotencyMismatch.into());
        }
        Err(FolderRefusal::Tree(refusal)) => return Err(ApiError::from(refusal).into()),
    };
    Ok(EntryAnswer::of_folder(&path, &folder).answer(status))
}
