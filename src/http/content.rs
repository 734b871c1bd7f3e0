//! The bytes of a file as an answer: whole, a range of them, or only the headers.
//!
//! A blob that is gone under a live row is looked into, and never becomes a short body: the row is
//! read again, and only what is gone there too is a 404.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, LAST_MODIFIED, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::conditions::{self, Verdict, Version};
use super::dialect::DialectError;
use super::error::ApiError;
use super::native::Native;
use super::query::Query;
use super::segment::Segment;
use super::signing::Grant;
use super::state::Service;
use crate::blobs::BlobErrorKind;
use crate::domain::clock::Timestamp;
use crate::domain::entry::FileRecord;
use crate::domain::id::{BlobId, EntryId, OrganizationId};
use crate::domain::organization::Realm;

/// Media types that a browser may show; anything else is offered as a download, so that nobody's
/// upload runs as a page of this origin.
const INLINE_TYPES: [&str; 9] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "application/pdf",
    "text/plain",
];

/// What may stand as itself in an extended header parameter.
const PARAMETER: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'!');

/// Serves a file that the realm sees. Where a newer version replaced it meanwhile, serves that.
pub async fn serve(
    service: &Service,
    realm: &Realm,
    file: FileRecord,
    headers: &HeaderMap,
    head: bool,
) -> Result<Response, ApiError> {
    if let Some(response) = serve_version(service, &file, headers, head).await? {
        return Ok(response);
    }
    let newer = newer_version(service, realm, &file).await?;
    let served = serve_version(service, &newer, headers, head).await?;
    served.ok_or_else(|| blob_is_missing(&newer))
}

/// Serves what a signed url names: one version, and no other after it.
pub async fn signed_file(
    State(service): State<Service>,
    organization: Segment<1>,
    (entry, version): (Segment<2>, Segment<3>),
    (method, uri): (Method, Uri),
    headers: HeaderMap,
) -> Result<Response, DialectError<Native>> {
    let grant = read_grant(&organization, &entry, &version, &uri)?;
    let (grant, signature) = grant.ok_or(ApiError::NotFound)?;
    if !service.signer.signed(&grant, &signature) {
        return Err(ApiError::SignatureRefused.into());
    }
    let organization = service.ledger.organization(grant.organization).await?;
    let organization = organization.filter(|found| found.disabled_at.is_none());
    let realm = Realm::whole(organization.ok_or(ApiError::NotFound)?.number);
    let file = service.ledger.file(&realm, grant.entry).await?;
    let file = file.filter(|file| file.blob.id == grant.blob).ok_or(ApiError::NotFound)?;
    // What is gone is gone, whatever the expiry says; so the expiry comes last.
    if !service.signer.allows(&grant, &signature, service.clock.now()) {
        return Err(ApiError::SignatureRefused.into());
    }
    let head = method == Method::HEAD;
    if let Some(response) = serve_version(&service, &file, &headers, head).await? {
        return Ok(response);
    }
    newer_version(&service, &realm, &file).await?;
    Err(ApiError::NotFound.into())
}

fn read_grant(
    organization: &Segment<1>,
    entry: &Segment<2>,
    version: &Segment<3>,
    uri: &Uri,
) -> Result<Option<(Grant, String)>, ApiError> {
    let query = Query::parse(uri.query())?;
    let expires = query.single("expires")?.and_then(|text| text.parse().ok());
    let signature = query.single("signature")?.map(str::to_owned);
    let names = (
        organization.parse(OrganizationId::parse),
        entry.parse(EntryId::parse),
        version.parse(BlobId::parse),
    );
    let (Some(organization), Some(entry), Some(blob)) = names else { return Ok(None) };
    let (Some(expires), Some(signature)) = (expires, signature) else {
        return Err(ApiError::SignatureRefused);
    };
    Ok(Some((Grant { organization, entry, blob, expires }, signature)))
}

/// The version that replaced `file`, whose blob is gone. An error where the row still names that
/// blob: bytes are missing then, and nobody may take it for a deletion.
async fn newer_version(
    service: &Service,
    realm: &Realm,
    file: &FileRecord,
) -> Result<FileRecord, ApiError> {
    let present = service.ledger.file(realm, file.id).await?.ok_or(ApiError::NotFound)?;
    match present.blob == file.blob {
        true => Err(blob_is_missing(file)),
        false => Ok(present),
    }
}

fn blob_is_missing(file: &FileRecord) -> ApiError {
    let what = format!("blob {} of file {} is absent", file.blob.id, file.id);
    BlobErrorKind::Corrupt.caused_by("a live file has no bytes", what).into()
}

/// `None` where the blob is positively absent.
async fn serve_version(
    service: &Service,
    file: &FileRecord,
    headers: &HeaderMap,
    head: bool,
) -> Result<Option<Response>, ApiError> {
    let etag = conditions::etag_of(file.blob.id);
    let modified = http_date(file.modified_at);
    let size = file.content.size;
    let mut response = common_headers(&etag, &modified);
    let is_first = file.created_at == file.modified_at;
    let version = Version { etag: &etag, modified: file.modified_at, is_first };
    match conditions::judge(headers, version) {
        Verdict::Send => {}
        Verdict::Failed => return Err(ApiError::PreconditionFailed),
        Verdict::Known => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(Some(response));
        }
    }
    let wanted = match head || !conditions::range_applies(headers, version) {
        true => Wanted::Whole,
        false => wanted_range(headers, size),
    };
    let range = match wanted {
        Wanted::Whole => 0..size,
        Wanted::Part(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let (first, last) = (range.start, range.end - 1);
            insert(&mut response, CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
            range
        }
        Wanted::Unsatisfiable => return Err(ApiError::RangeNotSatisfiable { size }),
    };
    let media_type = HeaderValue::try_from(&file.attributes.content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    insert(&mut response, CONTENT_DISPOSITION, &disposition(file));
    response.headers_mut().insert(CONTENT_LENGTH, (range.end - range.start).into());
    if head {
        return Ok(Some(response));
    }
    // The length is announced: a stream that breaks off cannot be taken for the whole.
    let Some(bytes) = service.blobs.read(file.blob, range).await? else { return Ok(None) };
    *response.body_mut() = Body::from_stream(bytes);
    Ok(Some(response))
}

fn common_headers(etag: &str, modified: &str) -> Response {
    let mut response = Body::empty().into_response();
    insert(&mut response, ETAG, etag);
    insert(&mut response, LAST_MODIFIED, modified);
    insert(&mut response, ACCEPT_RANGES, "bytes");
    insert(&mut response, CACHE_CONTROL, "private, no-store");
    insert(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(time: Timestamp) -> String {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    jiff::Timestamp::from_second(time.seconds())
        .ok()
        .and_then(|time| printer.timestamp_to_rfc9110_string(&time).ok())
        .unwrap_or_default()
}

fn disposition(file: &FileRecord) -> String {
    let essence = file.attributes.content_type.split(';').next().unwrap_or_default();
    let inline = INLINE_TYPES.iter().any(|shown| essence.trim().eq_ignore_ascii_case(shown));
    let kind = if inline { "inline" } else { "attachment" };
    let title = &file.attributes.title;
    let plain: String = title
        .chars()
        .map(|letter| match letter {
            '"' | '\\' | '%' => '_',
            ' '..='~' => letter,
            _ => '_',
        })
        .collect();
    let extended = utf8_percent_encode(title, PARAMETER);
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

/// One range is given; several, or what is no range, are passed over as the protocol allows.
fn wanted_range(headers: &HeaderMap, size: u64) -> Wanted {
    let mut values = headers.get_all(RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Wanted::Whole };
    let spec = value.to_str().ok().and_then(|text| text.strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        (Some(first), _) if !last.is_empty() && number(last).is_none_or(|last| last < first) => {
            Wanted::Whole
        }
        (Some(first), _) if first >= size => Wanted::Unsatisfiable,
        (Some(first), Some(last)) => Wanted::Part(first..last.saturating_add(1).min(size)),
        (Some(first), None) => Wanted::Part(first..size),
        (None, Some(0)) if first.is_empty() => Wanted::Unsatisfiable,
        (None, Some(_)) if first.is_empty() && size == 0 => Wanted::Unsatisfiable,
        (None, Some(length)) if first.is_empty() => Wanted::Part(size.saturating_sub(length)..size),
        (None, _) => Wanted::Whole,
    }
}

/// Digits alone; a number too large for its type is as good as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str, size: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, text.parse().unwrap());
        wanted_range(&headers, size)
    }

    #[test]
    fn one_range_is_given_and_anything_else_is_the_whole() {
        for (text, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=2-99", Wanted::Part(2..10)),
            ("bytes=2-99999999999999999999999", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-0,2-3", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
        ] {
            assert_eq!(wanted(text, 10), expected, "{text}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(wanted("bytes=-1", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn dates_are_those_of_the_protocol() {
        let time = Timestamp::from_millis(784_111_777_999);
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
