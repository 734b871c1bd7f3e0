//! Which server is asked, and with which key.

use std::fmt;

use reqwest::Url;
use secrecy::SecretString;

/// A server, a key, and the organization that an operator key means.
#[derive(Clone)]
pub struct Access {
    /// Scheme and authority, perhaps with a path that a proxy takes off; without a final `/`.
    pub(super) base: String,
    pub(super) key: SecretString,
    pub(super) organization: Option<String>,
}

/// Why that is no access.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// No absolute url of a web server, or one that says more than where it is.
    #[error("'{0}' is no url of a server, such as https://files.example.org")]
    Url(String),
    /// It cannot stand in a header.
    #[error("the key has characters that no key has")]
    Key,
}

impl Access {
    /// The server at `url`, asked with `key`.
    pub fn new(
        url: &str,
        key: SecretString,
        organization: Option<String>,
    ) -> Result<Self, AccessError> {
        use secrecy::ExposeSecret;
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !visible(key.expose_secret()) {
            return Err(AccessError::Key);
        }
        // A url that holds a password is not repeated in the error.
        let wrong = || AccessError::Url(url.rsplit('@').next().unwrap_or_default().to_owned());
        let parsed = Url::parse(url).map_err(|_| wrong())?;
        let is_plain = parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        match parsed.scheme() {
            "http" | "https" if is_plain && parsed.has_host() => {}
            _ => return Err(wrong()),
        }
        let base = parsed.as_str().trim_end_matches('/').to_owned();
        Ok(Self { base, key, organization })
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.base
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("base", &self.base).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str, key: &str) -> Result<Access, AccessError> {
        Access::new(url, SecretString::from(key), None)
    }

    #[test]
    fn a_server_is_named_by_an_absolute_url_and_nothing_else() {
        for (url, base) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://files.example.org/", "https://files.example.org"),
            ("https://example.org/store/", "https://example.org/store"),
        ] {
            assert_eq!(access(url, "k").map(|access| access.base), Ok(base.to_owned()));
        }
        for url in [
            "",
            "files.example.org",
            "localhost:8080",
            "ftp://example.org",
            "https://example.org/?a=b",
            "https://example.org/#a",
            "https://",
        ] {
            assert_eq!(access(url, "k").err(), Some(AccessError::Url(url.to_owned())), "{url}");
        }
    }

    #[test]
    fn neither_key_nor_password_is_ever_written() {
        let written = format!("{:?}", access("http://localhost", "ffsk_secret").unwrap());
        assert!(!written.contains("secret"), "{written}");
        let error = access("http://me:secret@localhost", "k").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        let error = access("http://localhost", "sec\nret").unwrap_err().to_string();
        assert!(!error.contains("ret"), "{error}");
    }
}
