//! Organizations and keys by pages, and what changes of them after they are made.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::LedgerError;
use crate::domain::clock::Timestamp;
use crate::domain::id::{KeyId, OrganizationId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{Key, KeyHash, Organization, OrganizationNumber, Realm};
use crate::domain::usage::Usage;

/// The books of organizations and keys. A change holds for every request that is checked later,
/// and for every transaction that begins later.
#[async_trait]
pub trait RegistryLedger: Send + Sync {
    /// Organizations in the order in which they were made, from behind `after`. The page is full
    /// unless it is the last.
    async fn organization_page(
        &self,
        after: Option<OrganizationNumber>,
        limit: u64,
    ) -> Result<Vec<Organization>, LedgerError>;

    /// What these organizations use, from their counters. All of them must exist.
    async fn usages(
        &self,
        of: Vec<OrganizationNumber>,
    ) -> Result<BTreeMap<OrganizationNumber, Usage>, LedgerError>;

    /// Changes an organization; how it is afterwards. `None` where there is none.
    async fn change_organization(
        &self,
        id: OrganizationId,
        change: OrganizationChange,
        now: Timestamp,
    ) -> Result<Option<Organization>, LedgerError>;

    /// Keys in the order in which they were made. The page is full unless it is the last.
    async fn key_page(&self, query: KeyQuery) -> Result<Vec<Key>, LedgerError>;

    /// Gives a key another secret; the key afterwards. A secret that was replaced before, and
    /// would work still, works no more.
    async fn rotate_key(
        &self,
        rotation: Rotation,
        once: Option<Once>,
    ) -> Result<Result<Key, RotationRefusal>, LedgerError>;
}

/// What is to become of an organization. `None`: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationChange {
    /// What its people call it.
    pub name: Option<String>,
    /// The name of its plan.
    pub plan: Option<String>,
    /// Whether it is switched off. One that is off already stays off since then.
    pub disabled: Option<bool>,
}

/// Which keys to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyQuery {
    /// Only those of this organization that see no more than this; all, operators' too, where it
    /// is `None`.
    pub realm: Option<Realm>,
    /// Only those that were made after this one.
    pub after: Option<KeyId>,
    /// How many to give at most.
    pub limit: u64,
}

/// A secret that is to replace another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The identity of the rotation itself, by which its repeat finds it.
    pub id: Uuid,
    /// The key.
    pub key: KeyId,
    /// SHA-256 of the new secret.
    pub hash: KeyHash,
    /// Until when the secret that is replaced works; `None`: not any more.
    pub former_until: Option<Timestamp>,
}

/// Why a key was not given another secret. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationRefusal {
    /// There is no such key.
    NoKey,
    /// The key was revoked.
    Revoked,
    /// It was to be done once, and this is known of it.
    Repeated(Repeat),
}
