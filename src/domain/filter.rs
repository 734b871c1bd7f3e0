//! Filters: what is said of files that are to be found by what they are. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::entry::FileRecord;
use super::media::{is_media_range, media_range_takes};
use super::path::EntryPath;

/// Conditions that hold together. At least one is given; see [`FileFilter::check`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileFilter {
    /// Files at or beneath this path.
    pub prefix: Option<EntryPath>,
    /// Files that have all of these.
    pub tags: Vec<String>,
    /// Files whose version was stored longer ago than this.
    pub older_than: Option<Duration>,
    /// Files of more bytes than this.
    pub larger_than: Option<u64>,
    /// Files of fewer bytes than this.
    pub smaller_than: Option<u64>,
    /// Files of this media type, such as `image/png`, or of one of these, such as `image/*`.
    pub media_type: Option<String>,
}

/// Why conditions are no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Nothing is said, which would mean everything.
    #[error("a filter needs a condition")]
    Empty,
    /// The root alone means everything.
    #[error("the prefix '/' needs another condition beside it")]
    RootAlone,
    /// It is no media type.
    #[error("a media type is like 'image/png' or 'image/*'")]
    MediaType,
}

impl FileFilter {
    /// Whether these conditions select something less than everything.
    pub fn check(&self) -> Result<(), FilterError> {
        if self.media_type.as_deref().is_some_and(|range| !is_media_range(range)) {
            return Err(FilterError::MediaType);
        }
        let others = Self { prefix: None, ..self.clone() } != Self::default();
        match &self.prefix {
            _ if others => Ok(()),
            None => Err(FilterError::Empty),
            Some(prefix) if prefix.is_root() => Err(FilterError::RootAlone),
            Some(_) => Ok(()),
        }
    }

    /// Whether a file at `path` is one of those that a request at `asked_at` means.
    pub fn takes(&self, path: &EntryPath, file: &FileRecord, asked_at: Timestamp) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| prefix.contains(path))
            && self.takes_version(file, asked_at)
    }

    /// The same, wherever the file lies.
    pub fn takes_version(&self, file: &FileRecord, asked_at: Timestamp) -> bool {
        let attributes = &file.attributes;
        self.takes_size_and_age(file.content.size, file.modified_at, asked_at)
            && self.tags.iter().all(|tag| attributes.tags.contains(tag))
            && (self.media_type.as_ref())
                .is_none_or(|range| media_range_takes(range, &attributes.content_type))
    }

    /// What of it can be said of a size and of the time at which the version was stored.
    pub fn takes_size_and_age(&self, size: u64, stored_at: Timestamp, asked_at: Timestamp) -> bool {
        self.older_than.is_none_or(|age| asked_at.since(stored_at) > age)
            && self.larger_than.is_none_or(|bytes| size > bytes)
            && self.smaller_than.is_none_or(|bytes| size < bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::blob::{BlobFacts, BlobKey};
    use crate::domain::entry::{Attributes, FolderNumber, Sequence};
    use crate::domain::id::{BlobId, EntryId};
    use crate::domain::path::EntryName;

    const NOW: Timestamp = Timestamp::from_millis(100_000);

    fn at(path: &str) -> EntryPath {
        EntryPath::parse(path).unwrap()
    }

    /// Of ten bytes, stored ten seconds ago, a PNG with the tags `red` and `old`.
    fn file() -> FileRecord {
        let modified_at = NOW.minus(Duration::from_secs(10));
        FileRecord {
            id: EntryId::from_bytes([1; 16]),
            folder: FolderNumber(1),
            name: EntryName::parse("x").unwrap(),
            sequence: Sequence(1),
            blob: BlobKey { number: 1, id: BlobId::from_bytes([1; 16]) },
            content: BlobFacts { size: 10, checksum: [0; 32] },
            attributes: Attributes {
                title: "x".to_owned(),
                content_type: "image/png; v=1".to_owned(),
                tags: vec!["red".to_owned(), "old".to_owned()],
                description: None,
                external_id: None,
            },
            created_at: modified_at,
            modified_at,
            locked: false,
            command: None,
        }
    }

    fn takes(filter: &FileFilter) -> bool {
        filter.takes(&at("/a/b/x"), &file(), NOW)
    }

    fn tagged(tags: &[&str]) -> FileFilter {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        FileFilter { tags, ..FileFilter::default() }
    }

    fn typed(range: &str) -> FileFilter {
        FileFilter { media_type: Some(range.to_owned()), ..FileFilter::default() }
    }

    fn beneath(prefix: &str) -> FileFilter {
        FileFilter { prefix: Some(at(prefix)), ..FileFilter::default() }
    }

    #[test]
    fn an_age_and_a_size_are_strict_at_their_edges() {
        let older = |millis| FileFilter {
            older_than: Some(Duration::from_millis(millis)),
            ..FileFilter::default()
        };
        assert_eq!([9_999, 10_000].map(|age| takes(&older(age))), [true, false]);
        let larger = |bytes| FileFilter { larger_than: Some(bytes), ..FileFilter::default() };
        assert_eq!([9, 10].map(|bytes| takes(&larger(bytes))), [true, false]);
        let smaller = |bytes| FileFilter { smaller_than: Some(bytes), ..FileFilter::default() };
        assert_eq!([10, 11].map(|bytes| takes(&smaller(bytes))), [false, true]);
    }

    /// A clock that goes back makes nothing old.
    #[test]
    fn what_is_stored_later_than_it_is_asked_for_is_not_old() {
        let older = FileFilter { older_than: Some(Duration::ZERO), ..FileFilter::default() };
        assert!(!older.takes(&at("/x"), &file(), Timestamp::from_millis(0)));
        assert!(!older.takes(&at("/x"), &file(), file().modified_at));
    }

    #[test]
    fn all_tags_are_wanted() {
        for (tags, expected) in [
            (&["red"][..], true),
            (&["old", "red"], true),
            (&["red", "blue"], false),
            (&["Red"], false),
        ] {
            assert_eq!(takes(&tagged(tags)), expected, "{tags:?}");
        }
    }

    #[test]
    fn a_media_type_is_named_whole_or_by_its_kind() {
        for (range, expected) in [
            ("image/png", true),
            ("Image/PNG", true),
            ("image/*", true),
            ("image/pn", false),
            ("video/*", false),
        ] {
            assert_eq!(takes(&typed(range)), expected, "{range}");
        }
    }

    #[test]
    fn a_prefix_ends_with_a_segment() {
        for (prefix, expected) in
            [("/", true), ("/a", true), ("/a/b/x", true), ("/a/b/x/y", false), ("/a/", false)]
        {
            let Ok(path) = EntryPath::parse(prefix) else {
                assert!(!expected);
                continue;
            };
            let filter = FileFilter { prefix: Some(path), ..FileFilter::default() };
            assert_eq!(takes(&filter), expected, "{prefix}");
        }
        assert!(!takes(&beneath("/a/bb")) && !takes(&beneath("/b")));
    }

    #[test]
    fn conditions_hold_together() {
        let both = FileFilter { larger_than: Some(9), ..tagged(&["red"]) };
        assert!(takes(&both));
        assert!(!takes(&FileFilter { larger_than: Some(10), ..both.clone() }));
        assert!(!takes(&FileFilter { prefix: Some(at("/b")), ..both }));
    }

    #[test]
    fn a_filter_that_would_take_everything_is_none() {
        assert_eq!(FileFilter::default().check(), Err(FilterError::Empty));
        assert_eq!(beneath("/").check(), Err(FilterError::RootAlone));
        assert_eq!(beneath("/a").check(), Ok(()));
        let tagged_anywhere = FileFilter { prefix: Some(EntryPath::root()), ..tagged(&["red"]) };
        assert_eq!(tagged_anywhere.check(), Ok(()));
        for wrong in ["", "*", "*/*", "image", "image/*;q=1"] {
            assert_eq!(typed(wrong).check(), Err(FilterError::MediaType), "{wrong}");
        }
    }

    #[test]
    fn a_stored_filter_is_read_as_it_was() {
        let filter = FileFilter {
            prefix: Some(at("/a")),
            older_than: Some(Duration::from_millis(1)),
            larger_than: Some(u64::MAX),
            smaller_than: Some(0),
            media_type: Some("a/*".to_owned()),
            ..tagged(&["ä"])
        };
        for filter in [filter, FileFilter::default()] {
            let text = serde_json::to_string(&filter).unwrap();
            assert_eq!(serde_json::from_str::<FileFilter>(&text).unwrap(), filter);
        }
        assert!(serde_json::from_str::<FileFilter>("{\"prefix\":\"a\"}").is_err());
        assert!(serde_json::from_str::<FileFilter>("{\"color\":1}").is_err());
    }
}
