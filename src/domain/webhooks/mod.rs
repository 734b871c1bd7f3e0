//! Webhooks: who wants to hear of what, and how it stands with them. Pure.
//!
//! A webhook belongs to an organization and hears of deletions that were asked for at or beneath its
//! prefix, which is that of the key that made it. What it hears is a [`Message`]; how messages are
//! signed is in `secret`, when they are tried again in `schedule`.

mod message;
mod schedule;
mod secret;

use std::time::Duration;

pub use self::message::{
    ATTEMPTS_KEPT_MAX, Attempt, Message, MessageState, NewMessage, body_of, message_id,
};
pub use self::schedule::{RETRY_AFTER_MAX, RETRY_PAUSES_USUAL, Schedule};
pub use self::secret::WebhookSecret;
use super::clock::Timestamp;
use super::id::WebhookId;
use super::path::EntryPath;

/// Webhooks of one organization at most.
pub const WEBHOOKS_MAX: usize = 8;
/// Bytes of a webhook's url at most.
pub const URL_BYTES_MAX: usize = 2048;
/// Messages that wait for one webhook at most; further ones are dropped, and counted.
pub const PENDING_MESSAGES_MAX: u64 = 10_000;
/// Messages of one webhook that are kept when they were delivered, and as many that are dead; the
/// oldest go first.
pub const ENDED_MESSAGES_MAX: u64 = 1_000;
/// A webhook whose every try has failed for so long is switched off: longer than the tries of one
/// message take together.
pub const FAILING_DURATION_MAX: Duration = Duration::from_hours(5 * 24);
/// Bytes that could not be removed for so long are a failure of their deletion.
pub const PURGE_FAILING_DURATION_MIN: Duration = Duration::from_mins(15);

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A deletion has nothing left to be removed.
    DeletionSettled,
    /// A deletion did not do all that was asked, or cannot remove its bytes for a long time.
    DeletionFailed,
    /// Somebody asked for a message.
    Test,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DeletionSettled, Self::DeletionFailed, Self::Test];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeletionSettled => "deletion.settled",
            Self::DeletionFailed => "deletion.failed",
            Self::Test => "webhook.test",
        }
    }

    /// The event of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

/// How a deletion failed. Each is told once for each deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was cancelled before it had taken all that its filters find: the rest stays.
    Cancelled,
    /// Bytes of it could not be removed for [`PURGE_FAILING_DURATION_MIN`]. They are out of reach,
    /// and are tried for ever.
    PurgeFailing,
}

impl Failure {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::PurgeFailing => "purge_failing",
        }
    }
}

/// What there is to tell of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It has settled.
    Settled,
    /// It has failed so.
    Failed(Failure),
}

impl Notice {
    /// The event.
    pub const fn event(self) -> Event {
        match self {
            Self::Settled => Event::DeletionSettled,
            Self::Failed(_) => Event::DeletionFailed,
        }
    }

    /// How it failed.
    pub const fn failure(self) -> Option<Failure> {
        match self {
            Self::Settled => None,
            Self::Failed(failure) => Some(failure),
        }
    }
}

/// The events that a webhook asks for: one at least. A test reaches each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    settled: bool,
    failed: bool,
}

impl Events {
    /// All that can be asked for.
    pub const fn all() -> Self {
        Self { settled: true, failed: true }
    }

    /// Reads their names; `None` where there is none, or one that is unknown or repeated.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut events = Self { settled: false, failed: false };
        for name in names {
            let wanted = match Event::parse(name)? {
                Event::DeletionSettled => &mut events.settled,
                Event::DeletionFailed => &mut events.failed,
                Event::Test => return None,
            };
            if std::mem::replace(wanted, true) {
                return None;
            }
        }
        (events.settled || events.failed).then_some(events)
    }

    /// Their names.
    pub fn words(self) -> Vec<&'static str> {
        let all = [(self.settled, Event::DeletionSettled), (self.failed, Event::DeletionFailed)];
        all.into_iter().filter(|(wanted, _)| *wanted).map(|(_, event)| event.as_str()).collect()
    }

    /// Whether this is among them.
    pub const fn want(self, event: Event) -> bool {
        match event {
            Event::DeletionSettled => self.settled,
            Event::DeletionFailed => self.failed,
            Event::Test => true,
        }
    }
}

/// Who switched a webhook off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledBy {
    /// Whoever keeps it.
    Owner,
    /// The receiver, by the status 410.
    Gone,
    /// The server, after [`FAILING_DURATION_MAX`] of failures.
    Failing,
}

impl DisabledBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Gone, Self::Failing];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// That a webhook is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: DisabledBy,
}

/// How a webhook stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Where it is set nothing new is kept for it, and what waits goes on waiting.
    pub disabled: Option<Disabled>,
    /// Since when every try has failed; `None` where the last one did not.
    pub failing_since: Option<Timestamp>,
}

/// What became of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It arrived.
    Delivered,
    /// It did not, and is tried again then.
    Again(Timestamp),
    /// It did not, and is not tried again.
    Dead,
}

impl Standing {
    /// How it stands after these tries, of which one may have been told that the receiver is gone.
    #[must_use]
    pub fn after(self, tries: &[Tried], is_gone: bool, now: Timestamp) -> Self {
        let arrived = tries.contains(&Tried::Delivered);
        let failing_since = match arrived || tries.is_empty() {
            true => self.failing_since.filter(|_| !arrived),
            false => self.failing_since.or(Some(now)),
        };
        let for_long = failing_since.is_some_and(|at| now.since(at) >= FAILING_DURATION_MAX);
        let by = match (is_gone, for_long) {
            (true, _) => Some(DisabledBy::Gone),
            (false, true) => Some(DisabledBy::Failing),
            (false, false) => None,
        };
        let disabled = self.disabled.or(by.map(|by| Disabled { at: now, by }));
        Self { disabled, failing_since }
    }

    /// How it stands when its owner switches it on, or off.
    #[must_use]
    pub fn switched(self, enabled: bool, now: Timestamp) -> Self {
        match enabled {
            true => Self::default(),
            false => {
                let owner = Disabled { at: now, by: DisabledBy::Owner };
                Self { disabled: self.disabled.or(Some(owner)), ..self }
            }
        }
    }
}

/// A secret that was replaced, and signs for a while still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerSigner {
    /// The secret.
    pub secret: WebhookSecret,
    /// From then on it does not sign.
    pub until: Timestamp,
}

/// How many messages of a webhook there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// Those that wait.
    pub pending: u64,
    /// Those that are not tried any more, and kept.
    pub dead: u64,
    /// Those that were never kept, since too many waited.
    pub dropped: u64,
}

impl MessageCounts {
    /// The counts after a try of a message that waited.
    #[must_use]
    pub const fn after(self, tried: Tried) -> Self {
        let (ended, dead) = match tried {
            Tried::Again(_) => (0, 0),
            Tried::Delivered => (1, 0),
            Tried::Dead => (1, 1),
        };
        let pending = self.pending.saturating_sub(ended);
        Self { pending, dead: self.dead + dead, ..self }
    }

    /// The counts when a message that stood so waits again.
    #[must_use]
    pub const fn again(self, before: MessageState) -> Self {
        let (begun, dead) = match before {
            MessageState::Pending => (0, 0),
            MessageState::Delivered => (1, 0),
            MessageState::Dead => (1, 1),
        };
        let dead = self.dead.saturating_sub(dead);
        Self { pending: self.pending + begun, dead, ..self }
    }
}

/// Who wants to hear of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its identity.
    pub id: WebhookId,
    /// It hears of what was asked for at or beneath this path, and those who see it see the webhook.
    pub prefix: EntryPath,
    /// Where messages go.
    pub url: String,
    /// Of what.
    pub events: Events,
    /// What signs.
    pub secret: WebhookSecret,
    /// What signs too.
    pub former: Option<FormerSigner>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How it stands.
    pub standing: Standing,
    /// Its messages.
    pub counts: MessageCounts,
}

impl Webhook {
    /// Whether it hears of what is asked for with this prefix.
    pub fn hears(&self, event: Event, prefix: &EntryPath) -> bool {
        self.standing.disabled.is_none() && self.events.want(event) && self.prefix.contains(prefix)
    }

    /// Whether one more message may wait for it.
    pub const fn has_room(&self) -> bool {
        self.counts.pending < PENDING_MESSAGES_MAX
    }

    /// The header `webhook-signature` of a message that is sent now: a signature by each secret
    /// that is valid, the newer one first.
    pub fn signatures(&self, message: &Message, now: Timestamp) -> String {
        let former = self.former.filter(|former| now < former.until);
        let secrets = [Some(self.secret), former.map(|former| former.secret)];
        let sign = |secret: WebhookSecret| secret.sign(message.id, now, &message.body);
        secrets.into_iter().flatten().map(sign).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{DeletionId, MessageId};

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId::from_bytes([1; 16]),
            prefix: EntryPath::parse("/a").unwrap(),
            url: "https://a.example/".to_owned(),
            events: Events::parse(["deletion.failed"]).unwrap(),
            secret: WebhookSecret([5; 32]),
            former: None,
            created_at: NOW,
            standing: Standing::default(),
            counts: MessageCounts::default(),
        }
    }

    #[test]
    fn events_are_read_by_their_names() {
        assert_eq!(Events::parse(["deletion.failed", "deletion.settled"]), Some(Events::all()));
        assert_eq!(Events::all().words(), ["deletion.settled", "deletion.failed"]);
        let one = Events::parse(["deletion.settled"]).unwrap();
        assert!(one.want(Event::DeletionSettled) && one.want(Event::Test));
        assert!(!one.want(Event::DeletionFailed));
        let twice = ["deletion.settled", "deletion.settled"];
        for wrong in [&[][..], &["deletion"], &["webhook.test"], &twice, &["Deletion.settled"]] {
            assert_eq!(Events::parse(wrong.iter().copied()), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_webhook_hears_what_it_asked_for_beneath_its_prefix_while_it_is_on() {
        let (webhook, below) = (webhook(), EntryPath::parse("/a/b").unwrap());
        assert!(webhook.hears(Event::DeletionFailed, &below));
        assert!(!webhook.hears(Event::DeletionSettled, &below));
        assert!(!webhook.hears(Event::DeletionFailed, &EntryPath::root()));
        let off = Webhook { standing: webhook.standing.switched(false, NOW), ..webhook };
        assert!(!off.hears(Event::DeletionFailed, &below));
        let on = Webhook { standing: off.standing.switched(true, NOW), ..off };
        assert!(on.hears(Event::DeletionFailed, &below));
    }

    #[test]
    fn two_secrets_sign_while_one_is_replaced() {
        let id = MessageId::from(uuid::Uuid::from_u128(7));
        let message =
            Message::new(NewMessage { body: "{}".to_owned(), ..NewMessage::test(id, NOW, &()) });
        let old = webhook().signatures(&message, NOW);
        let until = NOW.plus(Duration::from_secs(60));
        let former = Some(FormerSigner { secret: webhook().secret, until });
        let rotated = Webhook { secret: WebhookSecret([6; 32]), former, ..webhook() };
        let both = rotated.signatures(&message, NOW);
        assert_eq!(both.split(' ').count(), 2);
        assert!(both.ends_with(&old) && !both.starts_with(&old));
        let later = rotated.signatures(&message, until);
        assert_eq!(later.split(' ').count(), 1);
    }

    #[test]
    fn a_webhook_that_fails_for_days_or_is_gone_is_switched_off() {
        let failed = [Tried::Again(NOW), Tried::Dead];
        let first = Standing::default().after(&failed, false, NOW);
        assert_eq!(first, Standing { disabled: None, failing_since: Some(NOW) });
        let end = NOW.plus(FAILING_DURATION_MAX);
        let almost = first.after(&failed, false, end.minus(Duration::from_millis(1)));
        assert_eq!(almost, first);
        let off = first.after(&failed, false, end).disabled.unwrap();
        assert_eq!((off.at, off.by), (end, DisabledBy::Failing));
        // One that arrives begins it anew, whatever else failed.
        let mixed = [Tried::Dead, Tried::Delivered];
        assert_eq!(first.after(&mixed, false, end), Standing::default());
        assert_eq!(first.after(&[], false, end.minus(Duration::from_secs(1))), first);
        let gone = Standing::default().after(&[Tried::Dead], true, NOW).disabled.unwrap();
        assert_eq!(gone.by, DisabledBy::Gone);
        // Who was switched off by the owner stays so.
        let owner = Standing::default().switched(false, NOW);
        assert_eq!(owner.after(&failed, true, end).disabled, owner.disabled);
        assert_eq!(owner.switched(false, end), owner);
    }

    #[test]
    fn the_same_news_has_the_same_identity_and_other_news_another() {
        let deletion = DeletionId::from_bytes([1; 16]);
        let id = |webhook, notice| {
            message_id(WebhookId::from_bytes([webhook; 16]), deletion, notice, NOW)
        };
        let settled = id(1, Notice::Settled);
        assert_eq!(settled, id(1, Notice::Settled));
        assert_eq!(settled.made_at(), NOW);
        let failed = |failure| id(1, Notice::Failed(failure));
        let others =
            [id(2, Notice::Settled), failed(Failure::Cancelled), failed(Failure::PurgeFailing)];
        assert!(others.iter().all(|other| *other != settled) && others[1] != others[2]);
        assert_eq!(MessageId::parse(&settled.to_string()), Some(settled));
    }
}
