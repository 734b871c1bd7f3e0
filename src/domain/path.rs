//! Paths: absolute, UTF-8, kept byte for byte, parsed once and strictly.
//!
//! One accepted text means exactly one path. What is ambiguous is refused, never repaired: a path
//! chooses what is deleted.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path's longest form, in bytes.
pub const PATH_BYTES_MAX: usize = 1024;
/// A segment's longest form, in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing was given.
    #[error("path is empty")]
    Empty,
    /// It does not begin with `/`.
    #[error("path must be absolute and start with '/'")]
    NotAbsolute,
    /// Longer than [`PATH_BYTES_MAX`].
    #[error("path is longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// A segment is longer than [`NAME_BYTES_MAX`].
    #[error("a segment of the path is longer than {NAME_BYTES_MAX} bytes")]
    SegmentTooLong,
    /// Two slashes stand side by side.
    #[error("path has an empty segment")]
    EmptySegment,
    /// A segment is `.` or `..`.
    #[error("path has a '.' or '..' segment")]
    DotSegment,
    /// NUL or another control character.
    #[error("path has a control character")]
    ControlCharacter,
    /// A name holds a `/`.
    #[error("name has a '/'")]
    Slash,
}

/// One segment of a path: the name of an entry in its folder.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryName(String);

impl EntryName {
    /// Reads a name: 1 to 255 bytes, no `/`, no control character, neither `.` nor `..`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        check_segment(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The longest name that `text` can become by leaving characters out: control characters and
    /// slashes go, what is too long for `bytes_max` bytes is cut at a character, and a text of
    /// which nothing usable remains becomes `file`. Only for names that the server makes up
    /// around what a client said; a selector is never treated so.
    pub fn trimmed(text: &str, bytes_max: usize) -> Self {
        let mut name = String::new();
        for letter in text.chars().filter(|c| !c.is_control() && *c != '/') {
            if name.len() + letter.len_utf8() > bytes_max.min(NAME_BYTES_MAX) {
                break;
            }
            name.push(letter);
        }
        if matches!(name.as_str(), "" | "." | "..") {
            name = "file".to_owned();
        }
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// An absolute path in its one canonical form: `/`, or segments without a trailing slash.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryPath(String);

/// A path as somebody wrote it: a trailing `/` says "a folder", and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrittenPath {
    /// The canonical path.
    pub path: EntryPath,
    /// Whether a trailing `/` claimed a folder.
    pub says_folder: bool,
}

impl From<EntryPath> for WrittenPath {
    /// The path of whatever lies there.
    fn from(path: EntryPath) -> Self {
        Self { path, says_folder: false }
    }
}

impl EntryPath {
    /// The root, `/`. It can never be deleted.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Reads a path as written, with or without a trailing `/`.
    pub fn parse_written(text: &str) -> Result<WrittenPath, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PathError::NotAbsolute);
        };
        if rest.is_empty() {
            return Ok(WrittenPath { path: Self::root(), says_folder: true });
        }
        let (body, says_folder) = match rest.strip_suffix('/') {
            Some(body) => (body, true),
            None => (rest, false),
        };
        body.split('/').try_for_each(check_segment)?;
        Ok(WrittenPath { path: Self(format!("/{body}")), says_folder })
    }

    /// Reads a path in its canonical form: a trailing `/` is an error but for the root's.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let written = Self::parse_written(text)?;
        match written.says_folder && !written.path.is_root() {
            true => Err(PathError::EmptySegment),
            false => Ok(written.path),
        }
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The names from the root down; none for the root.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// The last name; `None` for the root.
    pub fn name(&self) -> Option<EntryName> {
        self.names().next_back().map(|name| EntryName(name.to_owned()))
    }

    /// The folder that holds this entry; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (head, name) = self.0.rsplit_once('/')?;
        match (head, name) {
            ("", "") => None,
            ("", _) => Some(Self::root()),
            _ => Some(Self(head.to_owned())),
        }
    }

    /// The path of `name` in this folder. An error where it becomes too long.
    pub fn child(&self, name: &EntryName) -> Result<Self, PathError> {
        let head = if self.is_root() { "" } else { &self.0 };
        let joined = format!("{head}/{name}");
        match joined.len() > PATH_BYTES_MAX {
            true => Err(PathError::TooLong),
            false => Ok(Self(joined)),
        }
    }

    /// This path, or one beneath it: `/a` contains `/a` and `/a/b`, never `/ab`.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_root()
            || other
                .0
                .strip_prefix(&self.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for EntryPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EntryPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for WrittenPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let slash = if self.says_folder && !self.path.is_root() { "/" } else { "" };
        serializer.serialize_str(&format!("{}{slash}", self.path))
    }
}

impl<'de> Deserialize<'de> for WrittenPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EntryPath::parse_written(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    match segment {
        "" => Err(PathError::EmptySegment),
        "." | ".." => Err(PathError::DotSegment),
        _ if segment.len() > NAME_BYTES_MAX => Err(PathError::SegmentTooLong),
        _ if segment.contains('/') => Err(PathError::Slash),
        _ if segment.chars().any(char::is_control) => Err(PathError::ControlCharacter),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text).unwrap()
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        let long_segment = format!("/{}", "s".repeat(256));
        let long_path = format!("/{}", "ab/".repeat(400));
        for (text, error) in [
            ("", PathError::Empty),
            ("a/b", PathError::NotAbsolute),
            ("//", PathError::EmptySegment),
            ("/a//b", PathError::EmptySegment),
            ("//a", PathError::EmptySegment),
            ("/a//", PathError::EmptySegment),
            ("/a/../b", PathError::DotSegment),
            ("/..", PathError::DotSegment),
            ("/a/./b", PathError::DotSegment),
            ("/a\0.jpg", PathError::ControlCharacter),
            ("/a\u{7f}", PathError::ControlCharacter),
            ("/a\u{85}", PathError::ControlCharacter),
            (&long_segment, PathError::SegmentTooLong),
            (&long_path, PathError::TooLong),
        ] {
            assert_eq!(EntryPath::parse_written(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_trailing_slash_says_a_folder_and_nothing_else() {
        let written = EntryPath::parse_written("/a/b/").unwrap();
        assert_eq!(written, WrittenPath { path: path("/a/b"), says_folder: true });
        assert_eq!(EntryPath::parse("/a/b/"), Err(PathError::EmptySegment));
    }

    #[test]
    fn a_folder_contains_itself_and_what_is_beneath_and_no_sibling() {
        assert!(path("/a").contains(&path("/a")));
        assert!(path("/a").contains(&path("/a/b/c")));
        assert!(EntryPath::root().contains(&path("/ab")));
        for sibling in ["/ab", "/a.txt", "/a b", "/A", "/"] {
            assert!(!path("/a").contains(&path(sibling)), "{sibling}");
        }
    }

    #[test]
    fn parents_and_children_are_inverse() {
        let name = EntryName::parse("c").unwrap();
        assert_eq!(path("/a/b").child(&name).unwrap(), path("/a/b/c"));
        assert_eq!(path("/a/b/c").parent(), Some(path("/a/b")));
        assert_eq!(path("/a").parent(), Some(EntryPath::root()));
        assert_eq!(EntryPath::root().parent(), None);
        assert_eq!(EntryPath::root().child(&name).unwrap(), path("/c"));
    }

    #[test]
    fn trimmed_names_fit_a_segment() {
        assert_eq!(EntryName::trimmed("a/b\nc", 255).as_str(), "abc");
        assert_eq!(EntryName::trimmed("äää", 5).as_str(), "ää");
        assert_eq!(EntryName::trimmed("..", 255).as_str(), "file");
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_as_itself(text in "/?([a-z./%é\\x00-\\x20]{0,4}/?){0,6}") {
            if let Ok(written) = EntryPath::parse_written(&text) {
                let canonical = written.path.as_str();
                prop_assert_eq!(EntryPath::parse(canonical), Ok(written.path.clone()));
                let with_slash = format!("{canonical}/");
                prop_assert!(canonical == text || with_slash == text);
            }
        }
    }
}
