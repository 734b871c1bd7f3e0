//! What the doctor found, and how it is told. Pure.

use serde::Serialize;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, and could do so better or longer.
    Warn,
    /// The server does not start on it, or loses what it promises.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) level: Level,
    pub(super) found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), remedy: None }
    }

    pub(super) fn warn(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self { check, level: Level::Warn, found: found.into(), remedy }
    }

    pub(super) fn fail(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { level: Level::Fail, ..Self::warn(check, found, remedy) }
    }

    /// A line for people, and one more where something is to be done.
    pub(super) fn lines(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        let remedy = self.remedy.as_ref().map(|remedy| format!("      {remedy}\n"));
        format!("{level:<4}  {}: {}\n{}", self.check, self.found, remedy.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_what_to_do_about_it() {
        assert_eq!(Finding::ok("clock", "fine").lines(), "ok    clock: fine\n");
        let warning = Finding::warn("clock", "behind", "set it");
        assert_eq!(warning.lines(), "warn  clock: behind\n      set it\n");
        let written = serde_json::to_string(&Finding::fail("clock", "gone", "buy one")).unwrap();
        let expected = r#"{"check":"clock","level":"fail","found":"gone","remedy":"buy one"}"#;
        assert_eq!(written, expected);
        assert!(Level::Fail > Level::Warn && Level::Warn > Level::Ok);
    }
}
