//! Identities: `UUIDv7`, canonical lower case, one type for each kind of thing.
//!
//! A text that is not exactly an id in its canonical form is an id that does not exist: parsing
//! answers `None`, and nothing ever repairs it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::clock::{Clock, Timestamp};
use super::random::Random;

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Reads the canonical form: 36 characters, lower case, hyphenated.
            pub fn parse(text: &str) -> Option<Self> {
                let id = Uuid::try_parse(text).ok()?;
                (id.as_hyphenated().to_string() == text).then_some(Self(id))
            }

            /// Reads the form without hyphens: 32 lower-case hexadecimal digits.
            pub fn parse_simple(text: &str) -> Option<Self> {
                let id = Uuid::try_parse(text).ok()?;
                (id.as_simple().to_string() == text).then_some(Self(id))
            }

            /// The form without hyphens: 32 lower-case hexadecimal digits.
            pub fn simple(&self) -> String {
                self.0.as_simple().to_string()
            }

            /// The sixteen bytes that a store keeps.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The identity that a store kept as `bytes`.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// When the identity was made: its first 48 bits, in milliseconds.
            pub fn made_at(&self) -> Timestamp {
                let head = u64::from_be_bytes(
                    self.0.as_bytes()[..8].try_into().expect("eight of sixteen bytes"),
                );
                Timestamp::from_millis(i64::try_from(head >> 16).unwrap_or(0))
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| D::Error::custom("no identity"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.as_hyphenated())
            }
        }
    };
}

identity! {
    /// A file or a folder, for life: overwriting, renaming and moving keep it.
    EntryId
}
identity! {
    /// One version's stored bytes. Never reused, never a name that a user chose.
    BlobId
}
identity! {
    /// A command that produced output files.
    CommandId
}
identity! {
    /// One deletion and its durable record.
    DeletionId
}
identity! {
    /// An upload that comes in pieces.
    UploadId
}
identity! {
    /// A plan of a deletion that was stored, to be committed later.
    PlanId
}
identity! {
    /// Who wants to hear of what becomes of deletions.
    WebhookId
}
identity! {
    /// A message to a webhook.
    MessageId
}
identity! {
    /// An organization, as the outside names it.
    OrganizationId
}
identity! {
    /// An API key, as the outside names it. Not the secret.
    KeyId
}

/// Makes identities: time-ordered, and strictly increasing within one source.
pub struct IdSource {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    last: Mutex<u128>,
}

/// How far apart two identities of one millisecond lie at most: 2^32.
const STEP_MASK: u128 = 0xFFFF_FFFF;

impl IdSource {
    /// A source that takes time and randomness from these two.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, last: Mutex::new(0) }
    }

    /// The next identity, of whichever kind is asked for.
    pub fn next<Id: From<Uuid>>(&self) -> Id {
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        let mut noise = [0; 16];
        self.random.fill(&mut noise);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // 48 bits of time and 74 of noise, without the six fixed bits of version and variant.
        let fresh = (u128::from(millis) << 74) | (u128::from_le_bytes(noise) >> 54);
        let value = if fresh > *last {
            fresh
        } else {
            *last + 1 + (u128::from_le_bytes(noise) & STEP_MASK)
        };
        *last = value;
        let time_and_a = value >> 62;
        let tail = value & ((1 << 62) - 1);
        let bits = ((time_and_a >> 12) << 80)
            | (0x7 << 76)
            | ((time_and_a & 0xFFF) << 64)
            | (0b10 << 62)
            | tail;
        Id::from(Uuid::from_u128(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::ManualClock;
    use super::super::random::SeededRandom;
    use super::*;

    fn source() -> IdSource {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_123)));
        IdSource::new(clock, Arc::new(SeededRandom::new(7)))
    }

    #[test]
    fn identities_are_version_seven_and_strictly_increasing() {
        let source = source();
        let ids: Vec<EntryId> = (0..1000).map(|_| source.next()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| Uuid::from_bytes(*id.as_bytes()).get_version_num() == 7));
        assert_eq!(ids[0].made_at(), Timestamp::from_millis(1_700_000_000_123));
    }

    #[test]
    fn only_the_canonical_form_is_an_identity() {
        let id: EntryId = source().next();
        let text = id.to_string();
        assert_eq!(EntryId::parse(&text), Some(id));
        assert_eq!(EntryId::parse_simple(&id.simple()), Some(id));
        let urn = format!("urn:uuid:{text}");
        let braces = format!("{{{text}}}");
        for wrong in [text.to_uppercase().as_str(), &id.simple(), &urn, &braces, "", "*"] {
            assert_eq!(EntryId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(EntryId::parse_simple(&text), None);
    }
}
