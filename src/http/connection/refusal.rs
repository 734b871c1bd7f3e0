//! What the parser gets in place of a head that is refused, and which error that is.
//!
//! The parser would answer such a head by itself, with a status and no body, or take it. In its
//! place it gets a sound request for the same path, which the service answers with the fault: so
//! every refusal has the shape of whose path it is, and comes after the answers to what was sent
//! before it.

use memchr::memmem;

use super::head::{BODY_BYTES_MAX, Fault};
use crate::http::error::{ApiError, HeadPart};

/// Bytes of the path that are kept: more than any route has.
const PATH_BYTES_MAX: usize = 256;

/// A sound head for the path of the head that begins so; for `/` where none can be read.
pub(super) fn stand_in(beginning: &[u8]) -> Vec<u8> {
    let (method, target) = first_words(beginning);
    // An answer to HEAD has no body, whatever else is wrong.
    let method = if method == b"HEAD" { "HEAD" } else { "GET" };
    let path = path_of(target);
    format!("{method} {path} HTTP/1.1\r\nhost: refused\r\n\r\n").into_bytes()
}

/// The error that a fault is.
pub(super) fn error_of(fault: Fault) -> ApiError {
    match fault {
        Fault::TargetTooLong => ApiError::HeadTooLong(HeadPart::Target),
        Fault::HeadersTooMany | Fault::TooLong => ApiError::HeadTooLong(HeadPart::Headers),
        Fault::BodyTooLarge => ApiError::TooLarge { limit: BODY_BYTES_MAX },
        Fault::BareLineFeed
        | Fault::RequestLine
        | Fault::Fragment
        | Fault::TargetForm
        | Fault::OtherAuthority
        | Fault::HostMissing
        | Fault::HostRepeated
        | Fault::HostMalformed
        | Fault::HeaderLine
        | Fault::LengthRepeated
        | Fault::LengthMalformed
        | Fault::LengthAndEncoding
        | Fault::Encoding
        | Fault::Unframed => ApiError::Invalid(fault.to_string()),
    }
}

fn first_words(beginning: &[u8]) -> (&[u8], &[u8]) {
    let lines = beginning.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let mut words = beginning[lines.unwrap_or(beginning.len())..]
        .split(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

/// The target's path as far as it is plain text.
fn path_of(target: &[u8]) -> &str {
    let from = match memmem::find(target, b"://") {
        Some(at) if !target.starts_with(b"/") => {
            let authority = &target[at + 3..];
            let end = authority.iter().position(|byte| *byte == b'/');
            &authority[end.unwrap_or(authority.len())..]
        }
        Some(_) | None => target,
    };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~%;=".contains(byte);
    let end = from.iter().take(PATH_BYTES_MAX).take_while(|byte| plain(byte)).count();
    match str::from_utf8(&from[..end]) {
        Ok(path) if path.starts_with('/') => path,
        Ok(_) | Err(_) => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(beginning: &str) -> String {
        let head = String::from_utf8(stand_in(beginning.as_bytes())).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        assert!(head.ends_with(" HTTP/1.1\r\nhost: refused\r\n\r\n"), "{head}");
        path
    }

    #[test]
    fn the_stand_in_asks_for_the_path_that_was_meant() {
        for (beginning, expected) in [
            ("DELETE /v1/uploads?ids=1 HTTP/1.1\r\nX: y", "/v1/uploads"),
            ("\r\n\r\nGET /fso HTTP/3.0\r\n", "/fso"),
            ("GET http://other/v2/files/stat?x HTTP/1.1\r\n", "/v2/files/stat"),
            ("GET http://other HTTP/1.1\r\n", "/"),
            ("GET /redirect://x HTTP/1.1\r\n", "/redirect"),
            ("GET /v1/up", "/v1/up"),
            ("GET /v1/\0x HTTP/1.1", "/v1/"),
            ("GET /a\nHost: h", "/a"),
            ("CONNECT h:80 HTTP/1.1\r\n", "/"),
            ("nonsense", "/"),
            ("", "/"),
        ] {
            assert_eq!(path(beginning), expected, "{beginning:?}");
        }
        assert_eq!(path(&format!("GET /{} HTTP/1.1", "a".repeat(400_000))).len(), PATH_BYTES_MAX);
    }

    #[test]
    fn an_answer_to_head_stays_one() {
        assert!(stand_in(b"HEAD /a HTTP/1.1\n").starts_with(b"HEAD /a "));
        assert!(stand_in(b"DELETE /a HTTP/1.1\n").starts_with(b"GET /a "));
    }
}
