//! Why a call gave no result.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::deletions::Item;

/// What the server says of a request that it did not carry out (RFC 9457).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable for its kind.
    #[serde(default)]
    pub r#type: String,
    /// What its kind is called.
    #[serde(default)]
    pub title: String,
    /// The status of the answer.
    #[serde(default)]
    pub status: u16,
    /// What there is to say of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The topmost locked entries that stand against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<String>,
    /// Of a deletion that is too large: its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Of a deletion: what stood against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server refused it, and nothing changed.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The server could not do it, also after some repetitions.
    #[error("the server failed: {0}")]
    Failing(Box<Problem>),
    /// There was no answer, or not the whole of it.
    #[error("{0}")]
    Unreachable(String),
    /// The answer is not what this API answers.
    #[error("the answer is not one of delenda's native API: {0}")]
    Unintelligible(String),
    /// A file of this machine could not be read or written.
    #[error("{0}")]
    Local(String),
    /// Nobody reads what is printed any more.
    #[error("standard output is closed")]
    Unread,
}

impl ClientError {
    /// Whether the server said that nothing is there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 404)
    }

    /// Whether the server said that it is more than one commit takes.
    pub fn is_too_much(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.r#type == "/problems/unprocessable")
    }

    /// Whether the server said that it stands against what is there, or what is under way.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 409)
    }

    /// Whether the server said that what is there is not what was expected.
    pub fn is_precondition(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 412)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title)?;
        if let Some(detail) = self.detail.as_ref().filter(|detail| **detail != self.title) {
            write!(f, ": {detail}")?;
        }
        let (shown, more) = self.locked.split_at(self.locked.len().min(LOCKED_SHOWN_MAX));
        if !shown.is_empty() {
            write!(f, " (locked: {}", shown.join(", "))?;
            match more.len() {
                0 => write!(f, ")")?,
                more => write!(f, ", and {more} more)")?,
            }
        }
        Ok(())
    }
}

/// Locked entries that one line names.
const LOCKED_SHOWN_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_in_the_words_of_the_server() {
        let problem = |text: &str| serde_json::from_str::<Problem>(text).unwrap().to_string();
        assert_eq!(problem(r#"{"title":"Not found","status":404}"#), "Not found");
        assert_eq!(
            problem(r#"{"title":"Invalid","status":400,"detail":"no such plan"}"#),
            "Invalid: no such plan"
        );
        assert_eq!(
            problem(r#"{"title":"Locked","status":423,"locked":["/a","/b","/c","/d","/e"]}"#),
            "Locked (locked: /a, /b, /c, and 2 more)"
        );
    }
}
