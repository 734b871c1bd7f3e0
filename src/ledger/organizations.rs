//! Organizations, their keys, what they use, and the secrets of the installation.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::clock::Timestamp;
use crate::domain::guard::GuardLimits;
use crate::domain::id::{EntryId, KeyId, OrganizationId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{Key, KeyHash, Organization, Realm, Scopes};
use crate::domain::path::EntryPath;
use crate::domain::usage::Usage;

/// Organizations, keys and the secrets of the installation.
#[async_trait]
pub trait OrganizationLedger: Send + Sync {
    /// Makes an organization with its root and its reserved folders, or tells what is known of it
    /// where it was to be made once.
    async fn create_organization(
        &self,
        new: NewOrganization,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Organization, Repeat>, LedgerError>;

    /// All organizations, in the order in which they were made.
    async fn organizations(&self) -> Result<Vec<Organization>, LedgerError>;

    /// The organization with this id, switched off or not.
    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, LedgerError> {
        let all = self.organizations().await?;
        Ok(all.into_iter().find(|organization| organization.id == id))
    }

    /// Switches an organization off, at once and for every door; false where there is none.
    async fn disable_organization(
        &self,
        id: OrganizationId,
        now: Timestamp,
    ) -> Result<bool, LedgerError>;

    /// Makes a key.
    async fn create_key(
        &self,
        new: NewKey,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Key, KeyRefusal>, LedgerError>;

    /// All keys, in the order in which they were made.
    async fn keys(&self) -> Result<Vec<Key>, LedgerError>;

    /// Revokes a key, with effect on every request that is checked later; false where there is
    /// none.
    async fn revoke_key(&self, id: KeyId, now: Timestamp) -> Result<bool, LedgerError>;

    /// The key whose secret has this hash, or had it before its last rotation, with its organization
    /// as it is now, whether or not it works.
    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<Key>, LedgerError>;

    /// The key with this id, with its organization as it is now, whether or not it works.
    async fn key_by_id(&self, id: KeyId) -> Result<Option<Key>, LedgerError>;

    /// The secret of this name, which becomes `fresh` where it has none yet.
    async fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Result<[u8; 32], LedgerError>;

    /// What the realm's organization uses. Beneath a prefix only live files are known: then the
    /// other parts are zero and `uploaded` equals `live`.
    async fn usage(&self, realm: &Realm) -> Result<Usage, LedgerError>;
}

/// An organization to be made.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Its identity.
    pub id: OrganizationId,
    /// What its people call it.
    pub name: String,
    /// The name of its plan.
    pub plan: String,
    /// Identities for its root and its reserved folders, in that order.
    pub folders: [EntryId; 3],
}

/// Why no key was made. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// Its organization does not exist.
    NoOrganization,
    /// It was to be made once, and this is known of it.
    Repeated(Repeat),
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its identity.
    pub id: KeyId,
    /// Its organization; `None` for an operator key.
    pub organization: Option<OrganizationId>,
    /// SHA-256 of the secret.
    pub hash: KeyHash,
    /// What it may do.
    pub scopes: Scopes,
    /// What it sees.
    pub prefix: EntryPath,
    /// What one of its requests may delete without a confirmation.
    pub guard: GuardLimits,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}
