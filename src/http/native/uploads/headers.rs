//! The headers of tus 1.0.0, read strictly.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_LOCATION, CONTENT_TYPE, ETAG, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::clock::Timestamp;
use crate::domain::entry::FileRecord;
use crate::http::conditions::etag_of;
use crate::http::content::http_date;
use crate::http::error::ApiError;
use crate::http::json::announced_length;
use crate::uploads::Proof;

/// The one version that is spoken.
pub(super) const VERSION: &str = "1.0.0";
/// The extensions that are spoken.
pub(super) const EXTENSIONS: &str = "creation,creation-with-upload,expiration,checksum,termination";
/// The checksums that are taken of a piece.
pub(super) const ALGORITHMS: &str = "sha1,sha256";
/// The media type of a piece.
pub(super) const PIECE: &str = "application/offset+octet-stream";

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(super) const TUS_CHECKSUM_ALGORITHM: HeaderName =
    HeaderName::from_static("tus-checksum-algorithm");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// Refuses every version of the protocol but the one that is spoken, and none at all.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    match single(headers, &TUS_RESUMABLE) {
        Ok(Some(VERSION)) => Ok(()),
        Ok(Some(_) | None) | Err(_) => Err(ApiError::PreconditionFailed),
    }
}

/// The value of a header that may stand once.
pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| unclear(name)),
        (Some(_), Some(_)) => Err(unclear(name)),
    }
}

/// A number of bytes that must stand there: digits and nothing else.
pub(super) fn bytes(headers: &HeaderMap, name: &HeaderName) -> Result<u64, ApiError> {
    let text = single(headers, name)?.ok_or_else(|| unclear(name))?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| unclear(name))
}

/// The length of an upload, which must be known when it is begun.
pub(super) fn upload_length(headers: &HeaderMap) -> Result<u64, ApiError> {
    match headers.contains_key(UPLOAD_DEFER_LENGTH) {
        true => Err(ApiError::Invalid("'upload-defer-length' is not taken".to_owned())),
        false => bytes(headers, &UPLOAD_LENGTH),
    }
}

/// Whether the body is a piece; one that says to be something else is refused.
pub(super) fn is_piece(headers: &HeaderMap) -> Result<bool, ApiError> {
    let has_body = headers.contains_key(TRANSFER_ENCODING) || announced_length(headers) > 0;
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(given), None) if given.as_bytes().eq_ignore_ascii_case(PIECE.as_bytes()) => Ok(true),
        (None, _) | (Some(_), None) if !has_body => Ok(false),
        (Some(_) | None, _) => Err(ApiError::UnsupportedMediaType),
    }
}

/// What a piece must be, where the client says so.
pub(super) fn proof(headers: &HeaderMap) -> Result<Option<Box<dyn Proof>>, ApiError> {
    let Some(text) = single(headers, &UPLOAD_CHECKSUM)? else { return Ok(None) };
    let (algorithm, sum) = text.split_once(' ').ok_or_else(|| unclear(&UPLOAD_CHECKSUM))?;
    let algorithm = match algorithm {
        "sha1" => &SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &SHA256,
        _other => {
            return Err(ApiError::Invalid(format!("of checksums only {ALGORITHMS} are taken")));
        }
    };
    let wanted = STANDARD.decode(sum).map_err(|_| unclear(&UPLOAD_CHECKSUM))?;
    if wanted.len() != algorithm.output_len() {
        return Err(unclear(&UPLOAD_CHECKSUM));
    }
    Ok(Some(Box::new(Checksum { context: Context::new(algorithm), wanted })))
}

/// A checksum of a piece, and what it must come to.
struct Checksum {
    context: Context,
    wanted: Vec<u8>,
}

impl Proof for Checksum {
    fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    fn holds(self: Box<Self>) -> bool {
        self.context.finish().as_ref() == self.wanted
    }
}

/// Says how far the upload is.
pub(super) fn write_offset(response: &mut Response, received: u64) {
    response.headers_mut().insert(UPLOAD_OFFSET, received.into());
}

/// Says when the upload will be gone.
pub(super) fn write_expiry(response: &mut Response, expires_at: Timestamp) {
    insert(response, UPLOAD_EXPIRES, &http_date(expires_at));
}

/// Says which file has come of it.
pub(super) fn write_file(response: &mut Response, file: &FileRecord) {
    insert(response, CONTENT_LOCATION, &format!("/delenda/v1/entries/{}", file.id));
    insert(response, ETAG, &etag_of(file.blob.id));
}

pub(super) fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

fn unclear(name: &HeaderName) -> ApiError {
    ApiError::Invalid(format!("'{name}' is missing, repeated or malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn one_version_is_spoken() {
        assert!(check_version(&headers(&[("tus-resumable", "1.0.0")])).is_ok());
        for pairs in [
            vec![],
            vec![("tus-resumable", "0.2.2")],
            vec![("tus-resumable", "1.0")],
            vec![("tus-resumable", "1.0.0"), ("tus-resumable", "1.0.0")],
        ] {
            let checked = check_version(&headers(&pairs));
            assert!(matches!(checked, Err(ApiError::PreconditionFailed)), "{pairs:?}");
        }
    }

    #[test]
    fn a_number_of_bytes_is_digits_and_nothing_else() {
        assert_eq!(upload_length(&headers(&[("upload-length", "0")])).unwrap(), 0);
        assert_eq!(upload_length(&headers(&[("upload-length", "12")])).unwrap(), 12);
        for pairs in [
            vec![],
            vec![("upload-length", "")],
            vec![("upload-length", "-1")],
            vec![("upload-length", "+1")],
            vec![("upload-length", "1.5")],
            vec![("upload-length", "18446744073709551616")],
            vec![("upload-length", "1"), ("upload-length", "1")],
            vec![("upload-length", "1"), ("upload-defer-length", "1")],
        ] {
            assert!(upload_length(&headers(&pairs)).is_err(), "{pairs:?}");
        }
    }

    #[test]
    fn a_body_is_a_piece_by_its_media_type() {
        for (pairs, expected) in [
            (vec![], Some(false)),
            (vec![("content-length", "0")], Some(false)),
            (vec![("content-type", PIECE)], Some(true)),
            (vec![("content-type", PIECE), ("content-length", "5")], Some(true)),
            (vec![("content-type", "text/plain"), ("content-length", "0")], Some(false)),
            (vec![("content-type", "text/plain"), ("content-length", "5")], None),
            (vec![("content-length", "5")], None),
            (vec![("transfer-encoding", "chunked")], None),
            (vec![("content-type", PIECE), ("content-type", PIECE)], None),
        ] {
            assert_eq!(is_piece(&headers(&pairs)).ok(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_checksum_proves_its_bytes_and_no_others() {
        // Of `hello world`, as the protocol has it.
        let sha1 = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";
        let sha256 = "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
        for text in [sha1, sha256] {
            for (body, expected) in [("hello world", true), ("hello", false), ("", false)] {
                let mut proof = proof(&headers(&[("upload-checksum", text)])).unwrap().unwrap();
                for piece in body.as_bytes().chunks(4) {
                    proof.update(piece);
                }
                assert_eq!(proof.holds(), expected, "{text} {body}");
            }
        }
        assert!(proof(&headers(&[])).unwrap().is_none());
        for wrong in
            ["", "sha1", "sha1 !", "md5 aaaa", "sha1 aaaa", "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="]
        {
            assert!(proof(&headers(&[("upload-checksum", wrong)])).is_err(), "{wrong}");
        }
    }
}
