//! Organizations, keys, and what a request becomes once its key is checked.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::Timestamp;
use super::guard::GuardLimits;
use super::id::{KeyId, OrganizationId};
use super::path::EntryPath;

/// An organization, as the ledger numbers it. Only a ledger makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganizationNumber(pub i64);

/// Bytes of an organization's name at most.
pub const NAME_BYTES_MAX: usize = 255;

/// Whether people may call an organization so: something to be seen, in one line.
pub fn is_organization_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

/// The plan of an organization that was given none.
pub const DEFAULT_PLAN: &str = "default";

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The ledger's number.
    pub number: OrganizationNumber,
    /// The outside's name.
    pub id: OrganizationId,
    /// What its people call it.
    pub name: String,
    /// The name of its plan; the limits of a plan are configuration.
    pub plan: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on none of its keys works.
    pub disabled_at: Option<Timestamp>,
}

/// One thing that a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// List and read.
    Read,
    /// Upload, make folders, lock.
    Write,
    /// Delete.
    Delete,
    /// Unlock, and keep keys.
    Admin,
}

impl Scope {
    /// All four, in the order in which they are written.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Delete, Self::Admin];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Delete => 4,
            Self::Admin => 8,
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Read, write and delete: what a key has unless it is said otherwise.
    pub fn usual() -> Self {
        [Scope::Read, Scope::Write, Scope::Delete].into_iter().collect()
    }

    /// All four.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether `scope` is among them.
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Reads `read,write`; `None` where a word is unknown, repeated or missing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut scopes = Self::default();
        for word in text.split(',') {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word)?;
            if scopes.allow(scope) {
                return None;
            }
            scopes.0 |= scope.bit();
        }
        Some(scopes)
    }

    /// The words, in their usual order.
    pub fn words(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.allow(*scope)).map(Scope::as_str).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

/// SHA-256 of an API key: all that a ledger keeps of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// Enough of a hash of this hash to tell a key's secrets apart, and to find none by it.
    pub fn mark(&self) -> SecretMark {
        let hash = Sha256::digest(self.0);
        SecretMark(*hash.first_chunk().expect("a hash has more than eight bytes"))
    }
}

/// Tells which secret of a key something was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretMark(pub [u8; 8]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The outside's name of it; Sirv's `clientId`.
    pub id: KeyId,
    /// Its organization; an operator key has none.
    pub organization: Option<Organization>,
    /// What it may do.
    pub scopes: Scopes,
    /// It sees only what lies at or beneath this path; the root for an unrestricted key.
    pub prefix: EntryPath,
    /// What one of its requests may delete without a confirmation.
    pub guard: GuardLimits,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it does not work.
    pub expires_at: Option<Timestamp>,
    /// From then on it does not work.
    pub revoked_at: Option<Timestamp>,
    /// Of its secret.
    pub hash: KeyHash,
    /// The secret before the last rotation, if that was given some grace.
    pub former: Option<FormerSecret>,
}

/// A secret that was replaced, and works for a while still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerSecret {
    /// Of the secret.
    pub hash: KeyHash,
    /// From then on it does not work.
    pub until: Timestamp,
}

impl Key {
    /// Whether the key itself still works at `now`. Says nothing of its organization.
    pub fn works_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the secret that `is_it` recognises by its hash opens it at `now`. Says nothing of
    /// the key itself.
    pub fn is_opened_at(&self, now: Timestamp, is_it: impl Fn(KeyHash) -> bool) -> bool {
        let former = self.former.filter(|former| now < former.until);
        is_it(self.hash) || former.is_some_and(|former| is_it(former.hash))
    }
}

/// The part of the world that a caller can see: one organization, at or beneath one path. Every
/// read and every change of entries takes one; there is no unscoped read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// The organization.
    pub organization: OrganizationNumber,
    /// The root, but for a key with a prefix.
    pub prefix: EntryPath,
}

impl Realm {
    /// All of an organization.
    pub fn whole(organization: OrganizationNumber) -> Self {
        Self { organization, prefix: EntryPath::root() }
    }

    /// Whether an entry at `path` can be seen.
    pub fn sees(&self, path: &EntryPath) -> bool {
        self.prefix.contains(path)
    }
}

/// What a request becomes once its key is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key that was used.
    pub key: KeyId,
    /// What it may do; for a token the scopes of the token.
    pub scopes: Scopes,
    /// What it can see.
    pub realm: Realm,
    /// What its key may delete in one request without a confirmation.
    pub guard: GuardLimits,
    /// Its organization as the outside names it.
    pub organization: Organization,
}
