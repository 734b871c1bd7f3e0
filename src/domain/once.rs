//! Effects that happen once, however often they are asked for: what a client's idempotency key
//! becomes, and what a repeat of it finds.
//!
//! A ledger keeps hashes only, together with the identity of what was made, and writes them in the
//! transaction of the effect. A request that was refused leaves nothing: its repeat is a new try.

use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::clock::Timestamp;
use super::id::KeyId;

/// Bytes of an idempotency key at most.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// How long a repeat is recognised at least.
pub const REMEMBERED_DURATION_MIN: Duration = Duration::from_hours(7 * 24);

/// The text by which a client says that two requests are one: visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads 1 to [`IDEMPOTENCY_KEY_BYTES_MAX`] visible characters of ASCII.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len());
        let visible = text.iter().all(u8::is_ascii_graphic);
        let text = (fits && visible).then(|| text.to_vec())?;
        String::from_utf8(text).ok().map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An effect that happens once: whose it is, and what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Of the caller's key and the idempotency key: two callers never meet.
    pub token: OnceToken,
    /// Of everything that was asked.
    pub request: RequestDigest,
    /// When it was asked.
    pub at: Timestamp,
}

/// SHA-256 of the key that asks and its idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OnceToken(pub [u8; 32]);

impl OnceToken {
    /// The token of this caller's idempotency key.
    pub fn of(caller: KeyId, key: &IdempotencyKey) -> Self {
        // The identity is of fixed length: no two pairs give the same text.
        let hash = Sha256::new().chain_update(caller.as_bytes()).chain_update(key.as_str());
        Self(hash.finalize().into())
    }
}

/// SHA-256 of all parts of a request that say what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDigest(pub [u8; 32]);

impl RequestDigest {
    /// The digest of these parts, in this order.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// What is known of an effect that happened already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The very same request made this, whatever kind of thing it is.
    Of(Uuid),
    /// Another request was made under the same idempotency key.
    OtherRequest,
}

impl Once {
    /// What a remembered request is to this one.
    pub fn repeats(&self, remembered: RequestDigest, made: Uuid) -> Repeat {
        match remembered == self.request {
            true => Repeat::Of(made),
            false => Repeat::OtherRequest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_visible_ascii_of_bounded_length() {
        for good in ["a", "550e8400-e29b", "!~", &"k".repeat(255)] {
            assert_eq!(IdempotencyKey::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for wrong in ["", " ", "a b", "a\t", "\u{7f}", "é", &"k".repeat(256)] {
            assert_eq!(IdempotencyKey::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn callers_and_keys_do_not_meet() {
        let key = |text: &str| IdempotencyKey::parse(text.as_bytes()).unwrap();
        let caller = |byte| KeyId::from_bytes([byte; 16]);
        let token = OnceToken::of(caller(1), &key("a"));
        assert_eq!(token, OnceToken::of(caller(1), &key("a")));
        for (other, text) in [(caller(2), "a"), (caller(1), "b"), (caller(1), "aa")] {
            assert_ne!(token, OnceToken::of(other, &key(text)));
        }
    }

    #[test]
    fn a_digest_knows_where_its_parts_end() {
        let digest = RequestDigest::of(&[b"POST", b"/a", b"{}"]);
        assert_eq!(digest, RequestDigest::of(&[b"POST", b"/a", b"{}"]));
        for other in [&[&b"POST"[..], b"/a{}", b""][..], &[b"POST", b"/a"], &[b"POST/a", b"{}"]] {
            assert_ne!(digest, RequestDigest::of(other));
        }
    }
}
