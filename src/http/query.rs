//! Query strings, read strictly: a parameter chooses what is deleted, so that one text means one
//! thing or is refused. Decoded exactly once, never repaired.

use std::ops::RangeInclusive;

use super::error::ApiError;

/// Characters of an unknown or repeated name that an error repeats at most.
const ECHO_CHARS_MAX: usize = 64;

/// Why a query means nothing, or more than one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// `%` is not followed by two hexadecimal digits.
    #[error("the query has a malformed percent escape")]
    MalformedEscape,
    /// The decoded bytes are not UTF-8.
    #[error("the query is not valid UTF-8")]
    NotUtf8,
    /// A parameter that may stand once stands twice.
    #[error("query parameter '{0}' is given more than once")]
    Repeated(String),
    /// A parameter that the route does not know, where it must know all of them.
    #[error("unknown query parameter '{0}'")]
    Unknown(String),
    /// No whole number within its bounds.
    #[error("query parameter '{name}' must be a whole number from {least} to {most}")]
    OutOfBounds {
        /// The parameter.
        name: String,
        /// The smallest that is taken.
        least: u64,
        /// The largest that is taken.
        most: u64,
    },
}

impl QueryError {
    /// The error about this parameter, which the route does not know.
    pub fn unknown(name: &str) -> Self {
        Self::Unknown(echo(name))
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// A strictly parsed query: decoded pairs in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads the raw text after `?`, still percent-encoded. `+` and `%20` are spaces, `&`
    /// separates and `;` does not, empty pairs mean nothing, and a name without `=` has an empty
    /// value.
    pub fn parse(raw: Option<&str>) -> Result<Self, QueryError> {
        let pairs = raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode_form(name)?, decode_form(value)?))
        });
        Ok(Self { pairs: decoded.collect::<Result<_, _>>()? })
    }

    /// The value of a parameter that may stand once.
    pub fn single(&self, name: &str) -> Result<Option<&str>, QueryError> {
        let mut values = self.pairs().filter(|(other, _)| *other == name).map(|(_, value)| value);
        let first = values.next();
        match values.next() {
            Some(_) => Err(QueryError::Repeated(echo(name))),
            None => Ok(first),
        }
    }

    /// A whole number that may stand once, within these bounds. Absent or empty, it is `usual`.
    pub fn number(
        &self,
        name: &str,
        usual: u64,
        bounds: RangeInclusive<u64>,
    ) -> Result<u64, QueryError> {
        let Some(text) = self.single(name)?.filter(|text| !text.is_empty()) else {
            return Ok(usual);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        number.filter(|number| bounds.contains(number)).ok_or_else(|| QueryError::OutOfBounds {
            name: echo(name),
            least: *bounds.start(),
            most: *bounds.end(),
        })
    }

    /// All values of a parameter that may be repeated, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs().filter(move |(other, _)| *other == name).map(|(_, value)| value)
    }

    /// All pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Refuses every parameter but these: on a delete, a parameter that is not understood might
    /// have been meant to spare something.
    pub fn only(&self, names: &[&str]) -> Result<(), QueryError> {
        match self.pairs().find(|(name, _)| !names.contains(name)) {
            Some((name, _)) => Err(QueryError::unknown(name)),
            None => Ok(()),
        }
    }
}

/// One segment of a request's path, decoded once; `None` where it is no text. In a path, `+` is
/// itself.
pub fn decode_segment(raw: &str) -> Option<String> {
    String::from_utf8(unescape(raw, false)?).ok()
}

fn decode_form(raw: &str) -> Result<String, QueryError> {
    let bytes = unescape(raw, true).ok_or(QueryError::MalformedEscape)?;
    String::from_utf8(bytes).map_err(|_| QueryError::NotUtf8)
}

/// `None` where an escape is malformed.
fn unescape(raw: &str, plus_is_space: bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            b'+' if plus_is_space => b' ',
            _ => byte,
        });
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn echo(name: &str) -> String {
    name.chars().take(ECHO_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(raw: &str) -> Result<String, QueryError> {
        let query = Query::parse(Some(raw))?;
        Ok(query.single("path")?.unwrap_or("(absent)").to_owned())
    }

    #[test]
    fn values_are_decoded_exactly_once() {
        for (raw, expected) in [
            ("path=/a%20b", "/a b"),
            ("path=/a+b", "/a b"),
            ("path=/a%2Bb", "/a+b"),
            ("path=%2Fa%2fb", "/a/b"),
            ("path=%2e%2e%2f", "../"),
            ("path=%252e%252e", "%2e%2e"),
            ("path=/a%26path=/b", "/a&path=/b"),
            ("path=/a;path=/b", "/a;path=/b"),
            ("path=%00", "\0"),
            ("path=a=b", "a=b"),
            ("path", ""),
            ("path=", ""),
            ("&&path=1&", "1"),
            ("pa%74h=1", "1"),
            ("Path=/a", "(absent)"),
            ("path[]=/a", "(absent)"),
            ("path%00=/a", "(absent)"),
            ("", "(absent)"),
        ] {
            assert_eq!(value(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for raw in ["path=%zz", "path=%4", "path=%", "path=%+1", "%zz=1", "a=1&b=%", "path=%é"] {
            assert_eq!(value(raw), Err(QueryError::MalformedEscape), "{raw}");
        }
        for raw in ["path=%ff", "path=..%c0%af", "path=%c0%ae", "path=%ed%a0%80", "%ff=1"] {
            assert_eq!(value(raw), Err(QueryError::NotUtf8), "{raw}");
        }
    }

    #[test]
    fn a_single_parameter_that_is_repeated_is_refused() {
        assert_eq!(value("path=/a&path=/b"), Err(QueryError::Repeated("path".to_owned())));
        assert_eq!(value("path=/a&path=/a"), Err(QueryError::Repeated("path".to_owned())));
    }

    #[test]
    fn repeated_parameters_keep_their_order() {
        let query = Query::parse(Some("ids=b&x=1&ids=a&ids=")).unwrap();
        assert_eq!(query.all("ids").collect::<Vec<_>>(), ["b", "a", ""]);
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        let query = Query::parse(Some("ids=1&dry_run=true")).unwrap();
        assert_eq!(query.only(&["ids", "dry_run"]), Ok(()));
        assert_eq!(query.only(&["ids"]), Err(QueryError::Unknown("dry_run".to_owned())));
        let nameless = Query::parse(Some("=1")).unwrap();
        assert_eq!(nameless.only(&["ids"]), Err(QueryError::Unknown(String::new())));
    }

    #[test]
    fn numbers_are_whole_and_within_their_bounds() {
        let number = |raw: &str| Query::parse(Some(raw)).unwrap().number("limit", 50, 1..=100).ok();
        assert_eq!(number(""), Some(50));
        assert_eq!(number("limit="), Some(50));
        assert_eq!(number("limit=100"), Some(100));
        for wrong in ["0", "101", "-1", "%2B1", "1.0", "1e1", " 1", "99999999999999999999", "x"] {
            assert_eq!(number(&format!("limit={wrong}")), None, "{wrong}");
        }
        assert_eq!(number("limit=1&limit=1"), None);
    }

    #[test]
    fn the_longest_target_is_read() {
        let raw = "a&".repeat(32_767);
        assert_eq!(Query::parse(Some(&raw)).unwrap().all("a").count(), 32_767);
    }

    #[test]
    fn segments_keep_their_plus_and_are_no_text_where_they_cannot_be_decoded() {
        assert_eq!(decode_segment("a+b%2fc").as_deref(), Some("a+b/c"));
        for raw in ["%ff", "%", "%zz"] {
            assert_eq!(decode_segment(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_reads_back_as_itself(name in "\\PC{1,8}", text in ".{0,64}") {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            };
            let raw = format!("{}={}", encode(&name), encode(&text));
            let query = Query::parse(Some(&raw)).unwrap();
            prop_assert_eq!(query.pairs().collect::<Vec<_>>(), [(name.as_str(), text.as_str())]);
        }
    }
}
