//! `Upload-Metadata`: what a client says of the file that it uploads. Pure.
//!
//! Pairs with commas between them, each a name and, behind a space, a text in base64. Of a name
//! that is not known here nothing is understood; it is kept and told again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::entry::Attributes;
use crate::domain::path::EntryPath;
use crate::http::error::ApiError;
use crate::http::media::media_type;
use crate::http::placing::{attributes, tags_of};

/// Bytes of the header at most: it is kept with the upload.
const METADATA_BYTES_MAX: usize = 8192;

/// What the metadata say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// `path`, which must be there.
    pub(super) path: EntryPath,
    /// `content_type`, and `tags` with commas between them.
    pub(super) attributes: Attributes,
}

/// Reads the header's text.
pub(super) fn read(text: &str) -> Result<Metadata, ApiError> {
    if text.len() > METADATA_BYTES_MAX {
        let what = format!("'upload-metadata' is longer than {METADATA_BYTES_MAX} bytes");
        return Err(ApiError::Invalid(what));
    }
    let mut named: Vec<(&str, &str)> = Vec::new();
    for pair in text.split(',').map(str::trim) {
        let (name, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if name.is_empty() || named.iter().any(|(other, _)| *other == name) {
            return Err(invalid("'upload-metadata' has a name that is empty or stands twice"));
        }
        named.push((name, value));
    }
    let value = |wanted: &str| {
        let found = named.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| decode(value)).transpose()
    };
    let path = value("path")?.ok_or_else(|| invalid("'upload-metadata' must have a 'path'"))?;
    let path = EntryPath::parse(&path)?;
    let name = path.name().ok_or_else(|| invalid("'/' is no path of a file"))?;
    let content_type = media_type(value("content_type")?.as_deref(), name.as_str());
    let tags = value("tags")?.unwrap_or_default();
    let attributes = Attributes {
        tags: tags_of(tags.split(','))?,
        ..attributes(name.as_str().to_owned(), content_type)
    };
    Ok(Metadata { path, attributes })
}

fn decode(value: &str) -> Result<String, ApiError> {
    let bytes = STANDARD.decode(value).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| invalid("'upload-metadata' has a value that is no text in base64"))
}

fn invalid(text: &str) -> ApiError {
    ApiError::Invalid(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> String {
        format!("{name} {}", STANDARD.encode(value))
    }

    #[test]
    fn what_is_known_is_read_and_the_rest_is_passed_over() {
        let text = [
            pair("filename", "my.png"),
            pair("path", "/a/ä.png"),
            "is_confidential".to_owned(),
            pair("tags", "x, y,x"),
        ];
        let read = read(&text.join(", ")).unwrap();
        assert_eq!(read.path.as_str(), "/a/ä.png");
        let Attributes { title, content_type, tags, .. } = read.attributes;
        assert_eq!((title.as_str(), content_type.as_str()), ("ä.png", "image/png"));
        assert_eq!(tags, ["x", "y"]);
        let typed = format!("{},{}", pair("content_type", "text/csv"), pair("path", "/a.png"));
        assert_eq!(super::read(&typed).unwrap().attributes.content_type, "text/csv");
    }

    #[test]
    fn what_is_unclear_is_refused() {
        let path = pair("path", "/a");
        for text in [
            String::new(),
            "path".to_owned(),
            "path !".to_owned(),
            format!("path {}", STANDARD.encode(b"/\xff")),
            pair("path", "/"),
            pair("path", "a"),
            pair("path", "/a/"),
            pair("path", "/a//b"),
            pair("filename", "a"),
            format!("{path},{path}"),
            format!("{path},,x"),
            format!("{path},tags {}", STANDARD.encode("t".repeat(256))),
            format!("{path},x {}", "A".repeat(METADATA_BYTES_MAX)),
        ] {
            assert!(matches!(read(&text), Err(ApiError::Invalid(_))), "{text:.80}");
        }
    }
}
