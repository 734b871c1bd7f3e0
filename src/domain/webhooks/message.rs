//! Messages to webhooks, and the tries to deliver them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::{Event, Notice, Tried};
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeletionId, MessageId, WebhookId};

/// Tries that are kept of a message, the latest.
pub const ATTEMPTS_KEPT_MAX: usize = 20;

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It waits for its next try.
    Pending,
    /// It arrived.
    Delivered,
    /// It did not, and is not tried any more.
    Dead,
}

impl MessageState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One try. Nothing of what the receiver wrote is kept but its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// How long it took.
    pub duration_ms: u64,
    /// What was answered, if anything was.
    pub status: Option<u16>,
    /// Why it counts as failed; `None` where it does not.
    pub error: Option<String>,
}

/// A message to be put in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Its identity, the same for each try: by it a receiver knows a repeat.
    pub id: MessageId,
    /// What it is about.
    pub event: Event,
    /// What is sent, to the letter.
    pub body: String,
    /// When it happened.
    pub at: Timestamp,
}

impl NewMessage {
    /// The message of a test, which says this.
    pub fn test(id: MessageId, at: Timestamp, data: &impl Serialize) -> Self {
        Self { id, event: Event::Test, body: body_of(Event::Test, at, data), at }
    }
}

/// A message to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its identity, the same for each try.
    pub id: MessageId,
    /// What it is about.
    pub event: Event,
    /// What is sent.
    pub body: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// How it stands.
    pub state: MessageState,
    /// Tries that failed since it was put in the outbox, or was to be delivered anew.
    pub failures: u32,
    /// When it is tried next, while it is pending.
    pub due_at: Option<Timestamp>,
    /// When it arrived, or became dead.
    pub ended_at: Option<Timestamp>,
    /// The latest tries, in order; at most [`ATTEMPTS_KEPT_MAX`].
    pub attempts: Vec<Attempt>,
}

impl Message {
    /// A message that is due at once.
    pub fn new(new: NewMessage) -> Self {
        let NewMessage { id, event, body, at } = new;
        Self {
            id,
            event,
            body,
            created_at: at,
            state: MessageState::Pending,
            failures: 0,
            due_at: Some(at),
            ended_at: None,
            attempts: Vec::new(),
        }
    }

    /// The message after a try.
    #[must_use]
    pub fn after(mut self, attempt: Attempt, tried: Tried, now: Timestamp) -> Self {
        self.attempts.push(attempt);
        let surplus = self.attempts.len().saturating_sub(ATTEMPTS_KEPT_MAX);
        self.attempts.drain(..surplus);
        (self.state, self.due_at) = match tried {
            Tried::Delivered => (MessageState::Delivered, None),
            Tried::Again(at) => (MessageState::Pending, Some(at)),
            Tried::Dead => (MessageState::Dead, None),
        };
        self.failures += u32::from(tried != Tried::Delivered);
        self.ended_at = self.due_at.is_none().then_some(now);
        self
    }

    /// The message, to be delivered anew, with all tries that there can be.
    #[must_use]
    pub fn again(self, now: Timestamp) -> Self {
        let (state, due_at) = (MessageState::Pending, Some(now));
        Self { state, due_at, failures: 0, ended_at: None, ..self }
    }
}

/// The identity of the message to a webhook about this. Made of nothing but its arguments, so that
/// the same news is the same message, and as ordered by time as any other identity.
pub fn message_id(
    webhook: WebhookId,
    deletion: DeletionId,
    notice: Notice,
    at: Timestamp,
) -> MessageId {
    let failure = notice.failure().map_or("", super::Failure::as_str);
    let hash = Sha256::new()
        .chain_update(webhook.as_bytes())
        .chain_update(deletion.as_bytes())
        .chain_update(notice.event().as_str())
        .chain_update(failure)
        .finalize();
    let noise = hash.first_chunk().expect("a hash has more than ten bytes");
    let millis = u64::try_from(at.millis()).unwrap_or(0);
    MessageId::from(Builder::from_unix_timestamp_millis(millis, noise).into_uuid())
}

#[derive(Serialize)]
struct Body<'a, T> {
    r#type: &'a str,
    timestamp: String,
    data: &'a T,
}

/// What is sent of an event.
pub fn body_of(event: Event, at: Timestamp, data: &impl Serialize) -> String {
    let body = Body { r#type: event.as_str(), timestamp: at.iso8601(), data };
    serde_json::to_string(&body).expect("texts and plain data can be written")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn message() -> Message {
        let id = MessageId::from_bytes([1; 16]);
        Message::new(NewMessage::test(id, NOW, &serde_json::json!({ "a": 1 })))
    }

    fn attempt(at_ms: i64) -> Attempt {
        Attempt { at_ms, duration_ms: 1, status: Some(500), error: None }
    }

    #[test]
    fn a_body_says_what_when_and_the_rest() {
        let expected =
            r#"{"type":"webhook.test","timestamp":"2023-11-14T22:13:20.000Z","data":{"a":1}}"#;
        assert_eq!(message().body, expected);
    }

    #[test]
    fn a_message_ends_once_and_can_begin_anew() {
        let later = NOW.plus(Duration::from_secs(5));
        let waiting = message().after(attempt(1), Tried::Again(later), NOW);
        assert_eq!((waiting.failures, waiting.due_at), (1, Some(later)));
        assert_eq!((waiting.state, waiting.ended_at), (MessageState::Pending, None));
        let dead = waiting.after(attempt(2), Tried::Dead, later);
        assert_eq!((dead.failures, dead.due_at, dead.ended_at), (2, None, Some(later)));
        let again = dead.again(later);
        assert_eq!((again.failures, again.due_at, again.ended_at), (0, Some(later), None));
        let arrived = again.after(attempt(3), Tried::Delivered, later);
        assert_eq!((arrived.state, arrived.failures), (MessageState::Delivered, 0));
        assert_eq!(arrived.attempts.len(), 3);
        assert_eq!(arrived.id, message().id);
    }

    #[test]
    fn the_latest_tries_are_kept() {
        let tried =
            (0..25).fold(message(), |message, n| message.after(attempt(n), Tried::Again(NOW), NOW));
        let kept: Vec<i64> = tried.attempts.iter().map(|attempt| attempt.at_ms).collect();
        assert_eq!(kept, (5..25).collect::<Vec<_>>());
        assert_eq!(tried.failures, 25);
    }

    #[test]
    fn states_are_read_by_their_words() {
        for state in MessageState::ALL {
            assert_eq!(MessageState::parse(state.as_str()), Some(state));
        }
        assert_eq!(MessageState::parse("gone"), None);
    }
}
