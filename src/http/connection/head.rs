//! One request head, judged line by line as its bytes stand on the wire.
//!
//! Before: [`heads`](super::heads) cuts lines. After: the service refuses a request whose head
//! is unsound. A head is sound only where every reader must agree on its target, its host and
//! where its body ends. Nothing that is sound here may be refused by the parser, which would do so
//! without a body: its own rules for methods, targets and headers are applied here first.

use http::{Method, Uri};
use memchr::{memchr, memmem};

/// Bytes of a target at most: as many as the parser takes.
pub const TARGET_BYTES_MAX: usize = 65_534;
/// Header lines of one head at most: as many as the parser takes.
pub const HEADERS_MAX: usize = 100;
/// Bytes of a header's name at most. No name that means anything is nearly as long.
const HEADER_NAME_BYTES_MAX: usize = 255;
/// Bytes that a body may announce at most: a larger number counts no bytes of anything.
pub const BODY_BYTES_MAX: u64 = i64::MAX.unsigned_abs();

/// Why a head is refused. Each is a request that two readers could understand differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line ends with a line feed alone.
    #[error("lines of a request must end with CR LF")]
    BareLineFeed,
    /// The request line is not a method, a target and HTTP/1.0 or HTTP/1.1, each one space apart.
    #[error("malformed request line")]
    RequestLine,
    /// A target of more than [`TARGET_BYTES_MAX`].
    #[error("the request target is too long")]
    TargetTooLong,
    /// `#` in the target: a client never sends its fragment.
    #[error("the request target has a '#'")]
    Fragment,
    /// A target that is neither a path, nor a url, nor `*`.
    #[error("the request target must be a path or a url")]
    TargetForm,
    /// A url as target names another authority than `Host` does.
    #[error("the request target names another host than the host header")]
    OtherAuthority,
    /// HTTP/1.1 without a `Host`, or with an empty one.
    #[error("the host header is missing")]
    HostMissing,
    /// More than one `Host`.
    #[error("the host header is repeated")]
    HostRepeated,
    /// `Host` holds what no host name has.
    #[error("the host header is malformed")]
    HostMalformed,
    /// A folded line, a line without a colon, a name that is none, a control character.
    #[error("malformed header line")]
    HeaderLine,
    /// More than [`HEADERS_MAX`] header lines.
    #[error("the request has too many headers")]
    HeadersTooMany,
    /// More than one `Content-Length`, even of the same value.
    #[error("content-length is repeated")]
    LengthRepeated,
    /// `Content-Length` that is not digits alone, or has too many of them to be counted.
    #[error("content-length is malformed")]
    LengthMalformed,
    /// `Content-Length` of more than [`BODY_BYTES_MAX`].
    #[error("the announced body is too large")]
    BodyTooLarge,
    /// Both `Content-Length` and `Transfer-Encoding`.
    #[error("content-length and transfer-encoding exclude each other")]
    LengthAndEncoding,
    /// A transfer coding other than `chunked`, two of them, or any in HTTP/1.0.
    #[error("transfer-encoding must be chunked, once, and HTTP/1.1")]
    Encoding,
    /// A header line, or all of them together, longer than what is taken.
    #[error("the headers of the request are too long")]
    TooLong,
    /// The body before this request did not end as its head said.
    #[error("the request before this one was malformed")]
    Unframed,
}

/// How the body after a sound head ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// After this many bytes.
    Length(u64),
    /// With the last chunk.
    Chunks,
}

/// The two versions that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// What the lines of a head have said so far.
#[derive(Debug, Default)]
pub(super) struct Head {
    version: Option<Version>,
    authority: Option<Vec<u8>>,
    host: Option<Vec<u8>>,
    length: Option<u64>,
    chunked: bool,
    headers: usize,
}

impl Head {
    /// Whether the request line has been read.
    pub(super) fn has_begun(&self) -> bool {
        self.version.is_some()
    }

    /// Reads the first line, without its end.
    pub(super) fn request_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let first = memchr(b' ', line).ok_or(Fault::RequestLine)?;
        let (method, rest) = (&line[..first], &line[first + 1..]);
        let second = memchr(b' ', rest).ok_or(Fault::RequestLine)?;
        let (target, version) = (&rest[..second], &rest[second + 1..]);
        if Method::from_bytes(method).is_err() || target.is_empty() {
            return Err(Fault::RequestLine);
        }
        if target.len() > TARGET_BYTES_MAX {
            return Err(Fault::TargetTooLong);
        }
        let version = match version {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            _ => return Err(Fault::RequestLine),
        };
        if memchr(b'#', target).is_some() {
            return Err(Fault::Fragment);
        }
        if target[0] != b'/' && target != b"*" {
            self.authority = Some(authority_of(target).ok_or(Fault::TargetForm)?.to_vec());
        }
        // The parser would refuse it without a word.
        if Uri::try_from(target).is_err() {
            return Err(Fault::TargetForm);
        }
        self.version = Some(version);
        Ok(())
    }

    /// Reads a header line, without its end.
    pub(super) fn header_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let colon = memchr(b':', line).ok_or(Fault::HeaderLine)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().copied().all(is_token_byte) {
            return Err(Fault::HeaderLine);
        }
        if !value.iter().copied().all(is_value_byte) {
            return Err(Fault::HeaderLine);
        }
        self.headers += 1;
        if self.headers > HEADERS_MAX {
            return Err(Fault::HeadersTooMany);
        }
        if name.len() > HEADER_NAME_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        let value = || trim(value);
        if name.eq_ignore_ascii_case(b"host") {
            self.host(value())
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.content_length(value())
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding(value())
        } else {
            Ok(())
        }
    }

    /// The empty line has come: whether all of it agrees, and how the body ends.
    pub(super) fn end(&self) -> Result<BodyEnd, Fault> {
        let host = self.host.as_deref().unwrap_or_default();
        let new = self.version == Some(Version::Http11);
        if new && host.is_empty() {
            return Err(Fault::HostMissing);
        }
        if self.authority.as_ref().is_some_and(|it| !it.eq_ignore_ascii_case(host)) {
            return Err(Fault::OtherAuthority);
        }
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Fault::LengthAndEncoding),
            (None, true) if !new => Err(Fault::Encoding),
            (None, true) => Ok(BodyEnd::Chunks),
            (length, false) => Ok(BodyEnd::Length(length.unwrap_or(0))),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.host.is_some() {
            return Err(Fault::HostRepeated);
        }
        if !value.iter().all(|byte| is_authority_byte(*byte)) {
            return Err(Fault::HostMalformed);
        }
        self.host = Some(value.to_vec());
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.length.is_some() {
            return Err(Fault::LengthRepeated);
        }
        let length = parse_length(value).ok_or(Fault::LengthMalformed)?;
        if length > BODY_BYTES_MAX {
            return Err(Fault::BodyTooLarge);
        }
        self.length = Some(length);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::Encoding);
        }
        self.chunked = true;
        Ok(())
    }
}

/// The authority of an `http` url; `None` for any other text.
fn authority_of(target: &[u8]) -> Option<&[u8]> {
    let at = memmem::find(target, b"://")?;
    let (scheme, rest) = (&target[..at], &target[at + 3..]);
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    (end > 0).then_some(&rest[..end])
}

/// What host names, addresses and ports consist of. No `@`: no credentials.
fn is_authority_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte)
}

/// What methods and names of headers consist of.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What values of headers consist of: no control characters but the tab.
fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    value
        .iter()
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
