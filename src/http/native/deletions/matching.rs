//! What a request to delete says of files that are to be found by what they are. Pure.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::entry::TAGS_MAX;
use crate::domain::filter::FileFilter;
use crate::domain::path::EntryPath;
use crate::http::error::ApiError;
use crate::http::json::given;

/// Filters of one request at most.
pub(super) const FILTERS_MAX: usize = 10;

/// Conditions that hold together: at least one, and not the prefix `/` alone. Each file that meets
/// them goes by itself; folders stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FileFilter)]
pub(super) struct Matching {
    /// Files at or beneath this path, which has no `/` at its end.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    prefix: Option<String>,
    /// Files that have all of these tags.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 100)]
    tags: Option<Vec<String>>,
    /// Files whose content was stored longer ago than this.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    older_than: Option<Age>,
    /// Files of more bytes than this.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    larger_than: Option<u64>,
    /// Files of fewer bytes than this.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    smaller_than: Option<u64>,
    /// Files of this media type, such as `image/png`, or of one of these, such as `image/*`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    media_type: Option<String>,
}

/// An age: a number of seconds, or a text such as `90s`, `45m`, `12h` or `30d`; more than none.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a number of seconds, or a text such as '30d' or '12h'")]
#[schema(as = FileAge)]
enum Age {
    Seconds(u64),
    Text(String),
}

impl Matching {
    /// The filter at this place among the filters of a request; or why it is none.
    pub(super) fn read(self, index: usize) -> Result<FileFilter, ApiError> {
        let wrong = |what: &str| ApiError::Invalid(format!("'matching' [{index}]: {what}"));
        let prefix = self.prefix.as_deref().map(EntryPath::parse).transpose();
        let prefix = prefix.map_err(|error| wrong(&format!("'prefix': {error}")))?;
        let tags = match self.tags {
            None => Vec::new(),
            Some(tags) if tags.is_empty() || tags.iter().any(String::is_empty) => {
                return Err(wrong("'tags' must not be empty, nor any of them"));
            }
            Some(tags) if tags.len() > TAGS_MAX => {
                return Err(wrong(&format!("'tags' has at most {TAGS_MAX}")));
            }
            Some(tags) => tags,
        };
        let older_than = match self.older_than.map(|age| age.read()) {
            None => None,
            Some(Some(age)) => Some(age),
            Some(None) => {
                return Err(wrong(
                    "'older_than' must be a number of seconds, or like '30d' or '12h', and not 0",
                ));
            }
        };
        let Self { larger_than, smaller_than, media_type, .. } = self;
        let filter = FileFilter { prefix, tags, older_than, larger_than, smaller_than, media_type };
        filter.check().map_err(|error| wrong(&error.to_string()))?;
        Ok(filter)
    }
}

impl Age {
    /// Everything is older than no time at all: that is no age.
    fn read(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Text(text) => seconds(text),
        };
        seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }
}

/// A whole number with its unit.
fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    fn read(text: &str) -> Result<FileFilter, String> {
        let filter = parse::<Matching>(text.as_bytes()).and_then(|matching| matching.read(3));
        filter.map_err(|error| match error {
            ApiError::Invalid(text) => text,
            other => panic!("unexpected {other:?}"),
        })
    }

    #[test]
    fn every_condition_is_read() {
        let text = "{\"prefix\":\"/a/b\",\"tags\":[\"x\",\"ä\"],\"older_than\":\"30d\",\
                    \"larger_than\":0,\"smaller_than\":18446744073709551615,\
                    \"media_type\":\"image/*\"}";
        let expected = FileFilter {
            prefix: Some(EntryPath::parse("/a/b").unwrap()),
            tags: vec!["x".to_owned(), "ä".to_owned()],
            older_than: Some(Duration::from_secs(30 * 24 * 3600)),
            larger_than: Some(0),
            smaller_than: Some(u64::MAX),
            media_type: Some("image/*".to_owned()),
        };
        assert_eq!(read(text), Ok(expected));
        let root = read("{\"prefix\":\"/\",\"tags\":[\"x\"]}").unwrap();
        assert!(root.prefix.is_some_and(|prefix| prefix.is_root()));
    }

    #[test]
    fn an_age_is_a_number_of_seconds_or_has_a_unit() {
        let age = |text: &str| {
            let filter = read(&format!("{{\"older_than\":{text}}}")).ok()?;
            filter.older_than.map(|age| age.as_secs())
        };
        for (text, expected) in [
            ("1", 1),
            ("18446744073709551615", u64::MAX),
            ("\"1s\"", 1),
            ("\"2m\"", 120),
            ("\"12h\"", 43_200),
            ("\"30d\"", 2_592_000),
        ] {
            assert_eq!(age(text), Some(expected), "{text}");
        }
        for wrong in [
            "0",
            "-1",
            "1.5",
            "1e3",
            "null",
            "[]",
            "{}",
            "true",
            "\"\"",
            "\"0d\"",
            "\"d\"",
            "\"1\"",
            "\"+1d\"",
            "\"-1d\"",
            "\" 1d\"",
            "\"1 d\"",
            "\"1.5h\"",
            "\"1D\"",
            "\"1w\"",
            "\"1dd\"",
            "\"ä\"",
            "\"99999999999999999999s\"",
            "\"18446744073709551615d\"",
        ] {
            assert_eq!(age(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_by_its_place() {
        for wrong in [
            "{}",
            "null",
            "[]",
            "{\"prefix\":\"/\"}",
            "{\"prefix\":null}",
            "{\"prefix\":\"\"}",
            "{\"prefix\":\"a\"}",
            "{\"prefix\":\"/a/\"}",
            "{\"prefix\":\"/a/../b\"}",
            "{\"tags\":[]}",
            "{\"tags\":[\"\"]}",
            "{\"tags\":[\"x\",\"\"]}",
            "{\"tags\":[null]}",
            "{\"tags\":\"x\"}",
            "{\"tags\":[\"x\"],\"tags\":[\"y\"]}",
            "{\"larger_than\":-1}",
            "{\"larger_than\":\"1\"}",
            "{\"smaller_than\":1.5}",
            "{\"media_type\":\"*/*\"}",
            "{\"media_type\":\"image\"}",
            "{\"media_type\":\"\"}",
            "{\"tags\":[\"x\"],\"color\":\"red\"}",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for (text, beginning) in [
            ("{}", "'matching' [3]: a filter needs"),
            ("{\"prefix\":\"/a//b\"}", "'matching' [3]: 'prefix': "),
            ("{\"older_than\":0}", "'matching' [3]: 'older_than' "),
        ] {
            assert!(read(text).unwrap_err().starts_with(beginning), "{text}");
        }
    }

    #[test]
    fn a_filter_has_no_more_tags_than_a_file() {
        let tagged =
            |count: usize| read(&format!("{{\"tags\":[{}]}}", vec!["\"x\""; count].join(",")));
        assert!(tagged(TAGS_MAX).is_ok() && tagged(TAGS_MAX + 1).is_err());
    }
}
