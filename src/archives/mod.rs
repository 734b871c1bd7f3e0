//! Zip archives: unpacked into a folder as a whole or not at all, and streamed out of many files.
//!
//! `directory` and `local` read the structure and decide what is acceptable; `content` gives one
//! entry's bytes; `unpack` builds the files, which one commit attaches. `writer` makes the bytes
//! of an archive, `pack` feeds it. An archive comes from outside and lies wherever it can: the
//! central directory is the one truth, everything is checked against it, and whatever two readers
//! could understand differently is refused. Nothing here holds more of a file than a few pieces,
//! and nothing of an archive becomes visible before all of it was read and found good.

mod content;
mod directory;
mod fields;
mod local;
mod pack;
mod place;
mod unpack;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use self::pack::{PACK_FILES_MAX, Pack, PackError};
pub use self::unpack::{UnpackError, UnpackRequest, Unpacked, unpack};

/// Bounds of an archive that is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Files and folders in it at most.
    pub entries_max: u64,
    /// Bytes of all files together, unpacked; the archive itself may not be larger either.
    pub bytes_max: u64,
    /// How many times larger than the archive all files together may be.
    pub ratio_max: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { entries_max: 10_000, bytes_max: 10 << 30, ratio_max: 200 }
    }
}

/// What is wrong with an archive, in words for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unacceptable(String);

impl Unacceptable {
    fn because(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same about one entry, whose name is repeated as far as it is harmless.
    fn entry(name: &str, text: &str) -> Self {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(ECHO_CHARS_MAX).collect();
        Self(format!("the archive's entry '{shown}' {text}"))
    }
}

/// Characters of an entry's name that an error repeats at most.
const ECHO_CHARS_MAX: usize = 128;
