//! Conditions (RFC 9110, section 13). Of a download: what the client has already, and whether its
//! range is of the version that it began with. Of a change: what it may replace. Pure.
//!
//! An entity tag names one version for ever. A date names a second, in which a file can change
//! more than once: it decides only where no tag is given, and picks a range only of a file that has
//! had one version.

use std::time::SystemTime;

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName};

use super::error::ApiError;
use crate::domain::clock::Timestamp;
use crate::domain::id::BlobId;
use crate::domain::overwrite::Overwrite;

/// The entity tag of a version, in quotes. It names the version's bytes, for ever.
pub fn etag_of(version: BlobId) -> String {
    format!("\"{version}\"")
}

/// Which versions a change wants to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any, as long as there is one.
    Any,
    /// One of these.
    Versions(Vec<BlobId>),
}

/// What a `PUT` may replace. A condition that is not understood might have been meant to spare
/// something: it is refused.
pub fn overwrite_of(headers: &HeaderMap) -> Result<Overwrite, ApiError> {
    let wanted = wanted_of(headers)?;
    if !headers.contains_key(IF_NONE_MATCH) {
        return Ok(match wanted {
            None => Overwrite::Always,
            Some(Wanted::Any) => Overwrite::IfThere,
            Some(Wanted::Versions(versions)) => Overwrite::IfVersion(versions),
        });
    }
    match (wanted, lists(headers, &IF_NONE_MATCH).all(|tag| tag == "*")) {
        (None, true) => Ok(Overwrite::IfNone),
        (None, false) => Err(invalid("of 'if-none-match' only '*' is taken here")),
        (Some(_), _) => Err(invalid("'if-match' and 'if-none-match' exclude each other")),
    }
}

/// Which versions a change or a delete wants to meet; `None` without a condition.
pub fn wanted_of(headers: &HeaderMap) -> Result<Option<Wanted>, ApiError> {
    if !headers.contains_key(IF_MATCH) {
        return match headers.contains_key(IF_UNMODIFIED_SINCE) {
            true => Err(invalid("'if-unmodified-since' is not taken here; use 'if-match'")),
            false => Ok(None),
        };
    }
    if lists(headers, &IF_MATCH).any(|tag| tag == "*") {
        return Ok(Some(Wanted::Any));
    }
    // What is no strong tag of ours matches nothing.
    let version = |tag: &str| BlobId::parse(tag.strip_prefix('"')?.strip_suffix('"')?);
    Ok(Some(Wanted::Versions(lists(headers, &IF_MATCH).filter_map(version).collect())))
}

fn invalid(text: &str) -> ApiError {
    ApiError::Invalid(text.to_owned())
}

/// A version, as conditions see it.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Its strong entity tag, in quotes.
    pub etag: &'a str,
    /// When it came.
    pub modified: Timestamp,
    /// Whether it is the first of its file.
    pub is_first: bool,
}

/// What the conditions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The version is sent.
    Send,
    /// The client has it: 304.
    Known,
    /// It is not the one that the client wants: 412.
    Failed,
}

/// Judges the conditions of a `GET` or `HEAD`, in the order of the protocol.
pub fn judge(headers: &HeaderMap, version: Version<'_>) -> Verdict {
    let wanted = match headers.contains_key(IF_MATCH) {
        true => lists(headers, &IF_MATCH).any(|tag| tag == "*" || tag == version.etag),
        false => date(headers, &IF_UNMODIFIED_SINCE).is_none_or(|date| seconds(version) <= date),
    };
    if !wanted {
        return Verdict::Failed;
    }
    let known = match headers.contains_key(IF_NONE_MATCH) {
        true => lists(headers, &IF_NONE_MATCH)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == version.etag),
        false => date(headers, &IF_MODIFIED_SINCE).is_some_and(|date| seconds(version) <= date),
    };
    if known { Verdict::Known } else { Verdict::Send }
}

/// Whether a range is asked for of this version, and not of one that the client began with.
pub fn range_applies(headers: &HeaderMap, version: Version<'_>) -> bool {
    let mut values = headers.get_all(IF_RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(value), None) => {
            let same_second = || date(headers, &IF_RANGE) == Some(seconds(version));
            value.as_bytes() == version.etag.as_bytes() || (version.is_first && same_second())
        }
        (Some(_), Some(_)) => false,
    }
}

fn seconds(version: Version<'_>) -> i64 {
    version.modified.seconds()
}

/// The entity tags of a header, in all its lines.
fn lists<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lists = headers.get_all(name).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

/// A date in Unix seconds; `None` where the header is absent, repeated, or holds none: it is then
/// passed over, as the protocol wants it.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<i64> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let time = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"a\"";
    /// In the second of `AT`.
    const MODIFIED: Timestamp = Timestamp::from_millis(784_111_777_999);
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn judged(pairs: &[(&str, &str)]) -> Verdict {
        let version = Version { etag: ETAG, modified: MODIFIED, is_first: true };
        judge(&headers(pairs), version)
    }

    #[test]
    fn a_change_says_what_it_may_replace() {
        let id = BlobId::from_bytes([7; 16]);
        let other = BlobId::from_bytes([8; 16]);
        let (tag, both) = (etag_of(id), format!("{}, {}", etag_of(id), etag_of(other)));
        let weak = format!("W/{tag}");
        let bare = id.to_string();
        for (pairs, expected) in [
            (vec![], Overwrite::Always),
            (vec![("if-none-match", "*")], Overwrite::IfNone),
            (vec![("if-match", "*")], Overwrite::IfThere),
            (vec![("if-match", tag.as_str())], Overwrite::IfVersion(vec![id])),
            (vec![("if-match", &both)], Overwrite::IfVersion(vec![id, other])),
            (vec![("if-match", &weak)], Overwrite::IfVersion(vec![])),
            (vec![("if-match", &bare)], Overwrite::IfVersion(vec![])),
            (vec![("if-match", "")], Overwrite::IfVersion(vec![])),
            (vec![("if-match", &tag), ("if-unmodified-since", AT)], Overwrite::IfVersion(vec![id])),
            (vec![("if-modified-since", AT)], Overwrite::Always),
        ] {
            assert_eq!(overwrite_of(&headers(&pairs)).unwrap(), expected, "{pairs:?}");
        }
        for pairs in [
            vec![("if-none-match", tag.as_str())],
            vec![("if-none-match", "*, *"), ("if-match", "*")],
            vec![("if-none-match", "")],
            vec![("if-match", &tag), ("if-none-match", "*")],
            vec![("if-unmodified-since", AT)],
        ] {
            assert!(overwrite_of(&headers(&pairs)).is_err(), "{pairs:?}");
        }
    }

    #[test]
    fn known_versions_match_weakly_and_among_others() {
        for (known, expected) in [
            ("\"a\"", Verdict::Known),
            ("W/\"a\"", Verdict::Known),
            ("\"b\", \"a\"", Verdict::Known),
            ("*", Verdict::Known),
            ("a", Verdict::Send),
            ("\"b\"", Verdict::Send),
            ("", Verdict::Send),
        ] {
            assert_eq!(judged(&[("if-none-match", known)]), expected, "{known}");
        }
        let two = [("if-none-match", "\"b\""), ("if-none-match", "\"a\"")];
        assert_eq!(judged(&two), Verdict::Known);
    }

    #[test]
    fn a_date_decides_where_no_tag_does() {
        for (date, expected) in [
            (AT, Verdict::Known),
            (AFTER, Verdict::Known),
            (BEFORE, Verdict::Send),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Verdict::Known),
            ("Sun Nov  6 08:49:37 1994", Verdict::Known),
            ("yesterday", Verdict::Send),
            ("0", Verdict::Send),
            ("", Verdict::Send),
        ] {
            assert_eq!(judged(&[("if-modified-since", date)]), expected, "{date}");
        }
        let both = [("if-none-match", "\"b\""), ("if-modified-since", AT)];
        assert_eq!(judged(&both), Verdict::Send);
        let repeated = [("if-modified-since", AT), ("if-modified-since", AT)];
        assert_eq!(judged(&repeated), Verdict::Send);
    }

    #[test]
    fn a_version_that_is_not_wanted_is_not_sent() {
        for (pairs, expected) in [
            (vec![("if-match", "\"a\"")], Verdict::Send),
            (vec![("if-match", "*")], Verdict::Send),
            (vec![("if-match", "W/\"a\"")], Verdict::Failed),
            (vec![("if-match", "\"b\"")], Verdict::Failed),
            (vec![("if-match", "\"a\""), ("if-unmodified-since", BEFORE)], Verdict::Send),
            (vec![("if-match", "\"a\""), ("if-none-match", "\"a\"")], Verdict::Known),
            (vec![("if-match", "\"b\""), ("if-none-match", "\"a\"")], Verdict::Failed),
            (vec![("if-unmodified-since", AT)], Verdict::Send),
            (vec![("if-unmodified-since", BEFORE)], Verdict::Failed),
            (vec![("if-unmodified-since", "then")], Verdict::Send),
        ] {
            assert_eq!(judged(&pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_range_is_of_the_version_that_the_client_began_with() {
        for (text, first, later) in [
            (ETAG, true, true),
            ("\"b\"", false, false),
            ("W/\"a\"", false, false),
            (AT, true, false),
            (BEFORE, false, false),
            (AFTER, false, false),
            ("", false, false),
        ] {
            for (is_first, expected) in [(true, first), (false, later)] {
                let version = Version { etag: ETAG, modified: MODIFIED, is_first };
                let applies = range_applies(&headers(&[("if-range", text)]), version);
                assert_eq!(applies, expected, "{text}, {is_first}");
            }
        }
        let version = Version { etag: ETAG, modified: MODIFIED, is_first: true };
        assert!(range_applies(&headers(&[]), version));
        assert!(!range_applies(&headers(&[("if-range", ETAG), ("if-range", ETAG)]), version));
    }
}
