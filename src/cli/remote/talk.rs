//! How a command speaks: results to standard output, all else to standard error; bars only where
//! somebody sits before a terminal.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::client::ClientError;

/// What is so before the first answer.
const UNANSWERED: &str = "interrupted before an answer came: look before you repeat it";
/// What is so where nothing changes.
pub(super) const INTERRUPTED: &str = "interrupted";
/// How often a bar is drawn in a second at most.
const DRAWS_PER_SECOND_MAX: u8 = 8;

/// The voice of one command.
pub(super) struct Talk {
    json: bool,
    state: Mutex<Option<String>>,
}

impl Talk {
    /// For programs, or for people.
    pub(super) fn new(json: bool) -> Self {
        Self { json, state: Mutex::new(None) }
    }

    /// A line of the result, for people.
    pub(super) fn line(&self, text: &str) -> Result<(), ClientError> {
        if self.json { Ok(()) } else { written(format!("{}\n", visible(text)).as_bytes()) }
    }

    /// A line of the result, for programs.
    pub(super) fn object(&self, object: &impl Serialize) -> Result<(), ClientError> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(object);
        let text = text.map_err(|error| ClientError::Local(error.to_string()))?;
        written(format!("{text}\n").as_bytes())
    }

    /// The same result for both.
    pub(super) fn say(&self, text: &str, object: &impl Serialize) -> Result<(), ClientError> {
        self.line(text)?;
        self.object(object)
    }

    /// What is so if the command is interrupted from here on, and how to go on.
    pub(super) fn if_interrupted(&self, text: impl Into<String>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.into());
    }

    /// What is so now that it is interrupted.
    pub(super) fn state(&self) -> String {
        self.known_state().unwrap_or_else(|| UNANSWERED.to_owned())
    }

    /// The same, where an answer came before.
    pub(super) fn known_state(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A bar of so many steps, which is drawn only for people.
    pub(super) fn bar(&self, steps: u64, template: &str) -> ProgressBar {
        let target = match !self.json && std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND_MAX),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(steps), target);
        let style = ProgressStyle::with_template(template);
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

/// Something beside the result.
pub(super) fn note(text: &str) {
    eprintln!("delenda: {}", visible(text));
}

/// A count with its noun.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(number), if number == 1 { one } else { many })
}

/// Files and their bytes.
pub(super) fn files(files: u64, bytes: u64) -> String {
    format!("{} ({})", count(files, "file", "files"), DecimalBytes(bytes))
}

/// A text that leaves the terminal as it is: what a server sends might hold escapes.
fn visible(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() && letter != '\t' { '\u{fffd}' } else { letter })
        .collect()
}

/// Writes a result to standard output.
pub(super) fn written(bytes: &[u8]) -> Result<(), ClientError> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(bytes).and_then(|()| output.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => ClientError::Unread,
        _ => ClientError::Local(format!("standard output cannot be written: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_with_their_nouns() {
        assert_eq!(count(1, "file", "files"), "1 file");
        assert_eq!(count(1_234, "file", "files"), "1,234 files");
        assert_eq!(files(2, 1_500_000), "2 files (1.50 MB)");
    }

    #[test]
    fn nothing_that_is_shown_commands_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\r\nü\t"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}ü\t");
    }
}
