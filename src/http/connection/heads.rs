//! Follows the framing of HTTP/1 over the bytes of a connection and judges every request head.
//!
//! Before: the socket. After: the parser, which gets a head only once it is whole and sound, and
//! the service, which asks for one verdict for each request. The scanner keeps nothing but a line
//! that is not whole yet. After a fault it reads no further, so that whatever follows has no
//! verdict and is never served.

use memchr::memchr;

use super::head::{BodyEnd, Head};
pub use super::head::{Fault, TARGET_BYTES_MAX};

/// Bytes of one head at most: the longest target that is taken, and 32 KiB of headers. The same
/// bound holds for what stands between two chunks, and for trailers.
pub const HEAD_BYTES_MAX: usize = TARGET_BYTES_MAX + 32 * 1024;

/// Whether a head may be served.
pub type Verdict = Result<(), Fault>;

/// A scanner of one connection. Pure: bytes in, verdicts out.
#[derive(Debug, Default)]
pub struct Scanner {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    framing: Framing,
}

/// Where in the traffic the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before the first byte of a head.
    Between,
    /// Within a head.
    Head,
    /// Within a body.
    Body,
    /// Behind a head that is refused: nothing is read any more.
    Refused,
    /// Behind a body whose end nobody knows: nothing that follows is judged, or served.
    Unframed,
}

#[derive(Debug, Default)]
struct Framing {
    part: Part,
    head: Head,
    /// Bytes of the head, of a chunk's size line, or of trailers so far.
    section_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    Body {
        left: u64,
    },
    ChunkSize,
    ChunkData {
        left: u64,
    },
    ChunkEnd,
    Trailers,
    Refused,
    Unframed,
}

impl Part {
    /// What a fault makes of it.
    fn broken(self) -> Self {
        match self {
            Self::Head | Self::Refused => Self::Refused,
            Self::Body { .. }
            | Self::ChunkSize
            | Self::ChunkData { .. }
            | Self::ChunkEnd
            | Self::Trailers
            | Self::Unframed => Self::Unframed,
        }
    }
}

impl Scanner {
    /// Reads the next bytes of the connection and hands each head's verdict to `judge`. Answers
    /// how many of them may be passed on: all before a head that is not whole yet, or is refused.
    pub fn feed(&mut self, bytes: &[u8], judge: &mut impl FnMut(Verdict)) -> usize {
        let (mut rest, mut passed) = (bytes, 0);
        while !rest.is_empty() {
            rest = match self.framing.part {
                Part::Refused => return passed,
                Part::Unframed => return bytes.len(),
                Part::Body { left } => self.framing.skip_body(left, rest),
                Part::ChunkData { left } => self.framing.skip_chunk(left, rest),
                Part::Head | Part::ChunkSize | Part::ChunkEnd | Part::Trailers => {
                    self.feed_line(rest, judge)
                }
            };
            match self.position() {
                Position::Between | Position::Body => passed = bytes.len() - rest.len(),
                Position::Unframed => passed = bytes.len(),
                Position::Head | Position::Refused => {}
            }
        }
        passed
    }

    /// Where the next byte stands.
    pub fn position(&self) -> Position {
        match self.framing.part {
            Part::Head if self.partial.is_empty() && !self.framing.head.has_begun() => {
                Position::Between
            }
            Part::Head => Position::Head,
            Part::Body { .. }
            | Part::ChunkSize
            | Part::ChunkData { .. }
            | Part::ChunkEnd
            | Part::Trailers => Position::Body,
            Part::Refused => Position::Refused,
            Part::Unframed => Position::Unframed,
        }
    }

    /// Takes bytes to the end of the line, or all of them; answers what is left.
    fn feed_line<'b>(&mut self, bytes: &'b [u8], judge: &mut impl FnMut(Verdict)) -> &'b [u8] {
        let end = memchr(b'\n', bytes);
        let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 1));
        self.framing.section_bytes += line.len();
        let read = if self.framing.section_bytes > HEAD_BYTES_MAX {
            Err(self.overflow(line))
        } else if end.is_none() {
            self.partial.extend_from_slice(line);
            Ok(false)
        } else if self.partial.is_empty() {
            self.framing.read_line(line)
        } else {
            self.partial.extend_from_slice(line);
            let read = self.framing.read_line(&self.partial);
            self.partial.clear();
            read
        };
        match read {
            Ok(false) => {}
            Ok(true) => judge(Ok(())),
            Err(fault) => {
                judge(Err(fault));
                self.framing.part = self.framing.part.broken();
                self.partial = Vec::new();
            }
        }
        rest
    }

    /// What is too long where `line` goes beyond the bound.
    fn overflow(&self, line: &[u8]) -> Fault {
        match self.framing.part {
            Part::Head if self.framing.head.has_begun() => Fault::TooLong,
            // In the request line, all but the target is short.
            Part::Head if self.partial.contains(&b' ') || line.contains(&b' ') => {
                Fault::TargetTooLong
            }
            Part::Head => Fault::RequestLine,
            Part::Body { .. }
            | Part::ChunkSize
            | Part::ChunkData { .. }
            | Part::ChunkEnd
            | Part::Trailers
            | Part::Refused
            | Part::Unframed => Fault::Unframed,
        }
    }
}

impl Framing {
    /// Reads a whole line; whether it ended a head.
    fn read_line(&mut self, line: &[u8]) -> Result<bool, Fault> {
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return Err(match self.part {
                Part::Head => Fault::BareLineFeed,
                Part::Body { .. }
                | Part::ChunkSize
                | Part::ChunkData { .. }
                | Part::ChunkEnd
                | Part::Trailers
                | Part::Refused
                | Part::Unframed => Fault::Unframed,
            });
        };
        match self.part {
            Part::Head => return self.head_line(text),
            Part::ChunkSize => self.begin_chunk(text)?,
            Part::ChunkEnd if text.is_empty() => self.go_to(Part::ChunkSize),
            Part::Trailers if text.is_empty() => self.go_to(Part::Head),
            Part::Trailers => {}
            Part::ChunkEnd
            | Part::Body { .. }
            | Part::ChunkData { .. }
            | Part::Refused
            | Part::Unframed => return Err(Fault::Unframed),
        }
        Ok(false)
    }

    fn head_line(&mut self, text: &[u8]) -> Result<bool, Fault> {
        match (self.head.has_begun(), text.is_empty()) {
            // An empty line before a request is passed over, as the parser does.
            (false, true) => {}
            (false, false) => self.head.request_line(text)?,
            (true, false) => self.head.header_line(text)?,
            (true, true) => {
                let next = match self.head.end()? {
                    BodyEnd::Length(0) => Part::Head,
                    BodyEnd::Length(left) => Part::Body { left },
                    BodyEnd::Chunks => Part::ChunkSize,
                };
                self.head = Head::default();
                self.go_to(next);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn begin_chunk(&mut self, text: &[u8]) -> Result<(), Fault> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let extension_follows = matches!(text.get(digits), None | Some(b';' | b' ' | b'\t'));
        let size = str::from_utf8(&text[..digits]).ok();
        let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
        match size.filter(|_| extension_follows).ok_or(Fault::Unframed)? {
            0 => self.go_to(Part::Trailers),
            left => self.go_to(Part::ChunkData { left }),
        }
        Ok(())
    }

    fn skip_body<'b>(&mut self, left: u64, bytes: &'b [u8]) -> &'b [u8] {
        let (left, rest) = skip(left, bytes);
        match left {
            0 => self.go_to(Part::Head),
            left => self.part = Part::Body { left },
        }
        rest
    }

    fn skip_chunk<'b>(&mut self, left: u64, bytes: &'b [u8]) -> &'b [u8] {
        let (left, rest) = skip(left, bytes);
        match left {
            0 => self.go_to(Part::ChunkEnd),
            left => self.part = Part::ChunkData { left },
        }
        rest
    }

    fn go_to(&mut self, part: Part) {
        self.part = part;
        self.section_bytes = 0;
    }
}

fn skip(left: u64, bytes: &[u8]) -> (u64, &[u8]) {
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (left - count as u64, &bytes[count..])
}
