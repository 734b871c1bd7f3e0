//! Raw uploads: the body is the file, its target is a path. For the dialects that know no forms.

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_RANGE, CONTENT_TYPE};

use super::error::ApiError;
use super::json::{announced_length, check_encoding, check_length};
use super::media::media_type;
use super::state::Service;
use crate::domain::entry::{Attributes, Origin, Stored};
use crate::domain::organization::Realm;
use crate::domain::overwrite::Overwrite;
use crate::domain::path::EntryPath;
use crate::uploads::UploadRequest;

/// Where a raw upload goes.
#[derive(Clone, Debug)]
pub struct RawTarget {
    /// The path of the file. Parents are made.
    pub path: EntryPath,
    /// Whether a file that lies there is replaced.
    pub overwrite: Overwrite,
}

/// Refuses a body by what its head says of it. For callers that judge more before they store.
pub fn check(service: &Service, headers: &HeaderMap) -> Result<(), ApiError> {
    check_length(headers, service.settings.upload_bytes_max)?;
    check_encoding(headers)
}

/// Refuses a body that says to be a part of a file: it would take the place of the whole.
pub fn check_whole(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.contains_key(CONTENT_RANGE) {
        true => Err(ApiError::Invalid("'content-range' is not taken: the body is the file".into())),
        false => Ok(()),
    }
}

/// Stores a body as the file at a path, durably, or changes nothing. Any media type is taken, or
/// none; a body that is too large by its own announcement is refused before it is read, and one
/// that is encoded always.
pub async fn store(
    service: &Service,
    realm: &Realm,
    target: RawTarget,
    headers: &HeaderMap,
    body: Body,
) -> Result<Stored, ApiError> {
    check(service, headers)?;
    let Some(name) = target.path.name() else {
        return Err(ApiError::Conflict("a folder is at this path".to_owned()));
    };
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let attributes = Attributes {
        title: name.as_str().to_owned(),
        content_type: media_type(given.filter(|text| !is_of_a_form(text)), name.as_str()),
        tags: Vec::new(),
        description: None,
        external_id: None,
    };
    let request = UploadRequest {
        entry: service.ids.next(),
        path: target.path,
        overwrite: target.overwrite,
        attributes,
        output_of: None,
        origin: Origin::Ordinary,
    };
    let (bytes, body) = (announced_length(headers), body.into_data_stream());
    Ok(service.uploader.store_announced(realm, request, bytes, body).await?)
}

/// The type that common clients put on any body without being asked.
fn is_of_a_form(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
