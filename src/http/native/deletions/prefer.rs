//! The `Prefer` header (RFC 7240): how long a client wants to wait for its answer. Pure.
//!
//! A preference that is unknown, malformed or repeated is no error: it is passed over, as the
//! standard wants it, and the answer says which ones were followed.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

/// How long an answer waits at most, however long the client would.
pub(super) const WAIT_SECONDS_MAX: u64 = 60;
/// What a client prefers.
pub(super) const PREFER: HeaderName = HeaderName::from_static("prefer");
/// What of it was followed.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What a client prefers, of what this resource knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// An answer that comes at once and says that the work goes on.
    pub(super) respond_async: bool,
    /// Seconds to wait for the end of the work.
    pub(super) wait_seconds: Option<u64>,
}

impl Preferences {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
        let mut preferences = Self::default();
        for preference in lines.flat_map(|line| line.split(',')) {
            // Parameters of a preference come behind a semicolon; these two have none.
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("respond-async") && value.is_empty() {
                preferences.respond_async = true;
            }
            // Of a repeated preference the first counts.
            if name.eq_ignore_ascii_case("wait") && preferences.wait_seconds.is_none() {
                preferences.wait_seconds = seconds(value);
            }
        }
        preferences
    }

    /// How long to wait for the end of the work.
    pub(super) fn wait(self) -> Option<Duration> {
        self.wait_seconds.map(Duration::from_secs)
    }

    /// What the answer says of them; `None` where there is nothing to say.
    pub(super) fn applied(self) -> Option<String> {
        let mut applied = Vec::new();
        if self.respond_async {
            applied.push("respond-async".to_owned());
        }
        if let Some(seconds) = self.wait_seconds {
            applied.push(format!("wait={seconds}"));
        }
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

/// Whole seconds, no more than are waited.
fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX).min(WAIT_SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(PREFER, line.parse().unwrap());
        }
        Preferences::of(&headers).applied()
    }

    #[test]
    fn what_is_known_is_followed_and_the_rest_passed_over() {
        for (lines, expected) in [
            (&[][..], None),
            (&["respond-async"], Some("respond-async")),
            (&["Respond-Async , handling=lenient"], Some("respond-async")),
            (&["wait=10"], Some("wait=10")),
            (&["Wait = \"10\"; x=y"], Some("wait=10")),
            (&["wait=0"], Some("wait=0")),
            (&["wait=60"], Some("wait=60")),
            (&["wait=61"], Some("wait=60")),
            (&["wait=99999999999999999999999"], Some("wait=60")),
            (&["wait=5, wait=7"], Some("wait=5")),
            (&["wait=5", "respond-async"], Some("respond-async, wait=5")),
            (&["wait"], None),
            (&["wait=-1"], None),
            (&["wait=+1"], None),
            (&["wait=1.5"], None),
            (&["return=minimal"], None),
            (&["respond-async=no"], None),
            (&["", ",", ";", "=", "wait=;"], None),
        ] {
            assert_eq!(check(lines).as_deref(), expected, "{lines:?}");
        }
    }
}
