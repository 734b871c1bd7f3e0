//! A round of single things, of which some succeed and some do not: what came of them, and how
//! the command ends.

use serde::Serialize;

use super::talk::{Talk, count, files, note};
use crate::cli::Ending;
use crate::client::ClientError;

/// What came of one thing.
#[derive(Debug)]
pub(super) enum Came {
    /// It was done; bytes that went over the wire.
    Done(u64),
    /// It is there already.
    There,
    /// It is nothing that can be stored, such as a link.
    Passed(&'static str),
    /// It was not done, and the next may be.
    Not(String),
}

/// Whether something is told of this one by itself.
pub(super) fn is_told(came: &Result<Came, ClientError>) -> bool {
    matches!(came, Ok(Came::Passed(_) | Came::Not(_)) | Err(_))
}

/// The sums of a round.
#[derive(Debug, Default, Serialize)]
pub(super) struct Round {
    pub(super) done: u64,
    pub(super) bytes: u64,
    pub(super) there: u64,
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// The first of those that failed, with the reason.
    #[serde(skip)]
    failures: Vec<String>,
}

/// Failures that are told again at the end.
const FAILURES_SHOWN_MAX: usize = 20;

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Round {
    /// Counts and tells what came of `path`. An error that will meet the next thing too ends the
    /// round.
    pub(super) fn add(
        &mut self,
        path: &str,
        came: Result<Came, ClientError>,
        talk: &Talk,
    ) -> Result<(), ClientError> {
        let came = match came {
            Ok(came) => came,
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => Came::Not(error.to_string()),
        };
        let line = Line { path, outcome: "", bytes: None, reason: None };
        match came {
            Came::Done(bytes) => {
                self.done += 1;
                self.bytes += bytes;
                talk.object(&Line { outcome: "done", bytes: Some(bytes), ..line })
            }
            Came::There => {
                self.there += 1;
                talk.object(&Line { outcome: "there", ..line })
            }
            Came::Passed(why) => {
                self.passed += 1;
                note(&format!("{path}: passed over: {why}"));
                talk.object(&Line { outcome: "passed", reason: Some(why), ..line })
            }
            Came::Not(reason) => {
                self.failed += 1;
                let told = if reason.contains(path) {
                    reason.clone()
                } else {
                    format!("{path}: {reason}")
                };
                note(&told);
                if self.failures.len() < FAILURES_SHOWN_MAX {
                    self.failures.push(told);
                }
                talk.object(&Line { outcome: "failed", reason: Some(&reason), ..line })
            }
        }
    }

    /// The sums in words, such as `stored 3 files (1 kB), 2 there already`.
    pub(super) fn words(&self, verb: &str) -> String {
        let more = [
            (self.there, "there already with the same size"),
            (self.passed, "passed over"),
            (self.failed, "failed"),
        ];
        let more = more.into_iter().filter(|(number, _)| *number > 0);
        let more = more.map(|(number, what)| format!("{number} {what}"));
        let done = format!("{verb} {}", files(self.done, self.bytes));
        std::iter::once(done).chain(more).collect::<Vec<_>>().join(", ")
    }

    /// What is so if the round is interrupted now.
    pub(super) fn may_be_interrupted(&self, verb: &str, talk: &Talk) {
        talk.if_interrupted(format!(
            "interrupted: {}; give the same command again to go on: what is there is passed over",
            self.words(verb)
        ));
    }

    /// Tells the sums, and how that ends.
    pub(super) fn end(&self, verb: &str, talk: &Talk) -> Result<Ending, ClientError> {
        // Of many lines, those that matter may be out of sight.
        if self.done + self.there + self.passed > FAILURES_SHOWN_MAX as u64 {
            for failure in &self.failures {
                note(&format!("failed: {failure}"));
            }
        }
        talk.say(&self.words(verb), self)?;
        Ok(match (self.failed, self.done + self.there) {
            (0, _) => Ending::Done,
            (failed, 0) => Ending::Refused(Some(count(failed, "failure", "failures"))),
            (failed, _) => Ending::Partly(Some(count(failed, "failure", "failures"))),
        })
    }
}

/// Whether whatever comes next will end in the same way.
fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::Refused(problem) => problem.status == 401,
        ClientError::Failing(_)
        | ClientError::Unreachable(_)
        | ClientError::Unintelligible(_)
        | ClientError::Unread => true,
        ClientError::Local(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Problem;

    fn refused(status: u16) -> ClientError {
        ClientError::Refused(Box::new(Problem { status, ..Problem::default() }))
    }

    #[test]
    fn a_refusal_of_one_thing_lets_the_next_be_tried_and_a_lost_server_does_not() {
        let (mut round, talk) = (Round::default(), Talk::new(false));
        for status in [403, 404, 409, 412, 413, 423] {
            round.add("/a", Err(refused(status)), &talk).unwrap();
        }
        assert_eq!(round.failed, 6);
        assert!(round.add("/a", Err(refused(401)), &talk).is_err());
        let lost = ClientError::Unreachable(String::new());
        assert!(round.add("/a", Err(lost), &talk).is_err());
    }

    #[test]
    fn a_round_ends_by_what_succeeded_and_what_did_not() {
        let talk = Talk::new(false);
        let end =
            |done, failed| Round { done, failed, ..Round::default() }.end("stored", &talk).unwrap();
        assert!(matches!(end(2, 0), Ending::Done));
        assert!(matches!(end(0, 0), Ending::Done));
        assert!(matches!(end(2, 1), Ending::Partly(_)));
        assert!(matches!(end(0, 1), Ending::Refused(_)));
    }
}
