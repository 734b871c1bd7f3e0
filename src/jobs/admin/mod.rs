//! Administration: organizations, keys and sweeps, for whoever may open the data directory.
//!
//! While a server runs it executes administrative requests itself, which come to it through a
//! socket; otherwise the command that was called does. Both ways lead to one executor,
//! [`Office::administer`], so that they cannot differ.

mod first_start;
mod office;
pub mod socket;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::first_start::first_start;
pub use self::office::Office;
use crate::domain::organization::{Scope, Scopes};

/// What an administrator asks for. Ids are texts: one that is malformed names nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Makes an organization.
    CreateOrganization {
        /// What its people call it.
        name: String,
        /// The name of its plan; absent: the default one.
        plan: Option<String>,
    },
    /// Lists all organizations.
    ListOrganizations {},
    /// Switches an organization off.
    DisableOrganization {
        /// Which.
        id: String,
    },
    /// Switches an organization on again.
    EnableOrganization {
        /// Which.
        id: String,
    },
    /// Removes an organization that is switched off, with all that it has; or tells how far that is.
    RemoveOrganization {
        /// Which.
        id: String,
        /// How many live files it holds; not needed where it holds none.
        confirm: Option<u64>,
        /// Whether what is locked goes, too.
        locked: bool,
    },
    /// Gives an organization another plan, with effect at once.
    SetPlan {
        /// Which.
        id: String,
        /// The name of the plan.
        plan: String,
    },
    /// Makes a key.
    CreateKey {
        /// Its organization; absent: an operator key.
        organization: Option<String>,
        /// What it may do.
        scopes: Vec<Scope>,
        /// It sees what lies at or beneath this path.
        prefix: String,
        /// When it ends, in milliseconds since the Unix epoch; absent: never.
        expires_at: Option<i64>,
        /// Files that one of its requests may delete without a confirmation; absent: any.
        guard_files: Option<u64>,
        /// Percent of the live files that one may; absent: all.
        guard_share: Option<u8>,
    },
    /// Lists all keys, without their secrets.
    ListKeys {},
    /// Revokes a key.
    RevokeKey {
        /// Which.
        id: String,
    },
    /// Condemns the blobs of uploads that never ended.
    Sweep {
        /// Count them only.
        dry_run: bool,
    },
}

impl AdminRequest {
    /// Whether it makes sense on a directory without a database, which it then begins.
    pub fn may_be_first(&self) -> bool {
        match self {
            Self::CreateOrganization { .. } | Self::CreateKey { organization: None, .. } => true,
            Self::CreateKey { organization: Some(_), .. }
            | Self::ListOrganizations {}
            | Self::DisableOrganization { .. }
            | Self::EnableOrganization { .. }
            | Self::RemoveOrganization { .. }
            | Self::SetPlan { .. }
            | Self::ListKeys {}
            | Self::RevokeKey { .. }
            | Self::Sweep { .. } => false,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminAnswer {
    /// The organization is there.
    OrganizationCreated {
        /// Its identity.
        id: String,
        /// Its name.
        name: String,
    },
    /// All of them, in the order in which they were made.
    Organizations {
        /// One for each.
        organizations: Vec<OrganizationLine>,
    },
    /// None of its keys works any more.
    OrganizationDisabled {
        /// Which.
        id: String,
    },
    /// Its keys work again.
    OrganizationEnabled {
        /// Which.
        id: String,
    },
    /// It is removed. Its bytes are on their way, or gone.
    OrganizationRemoved {
        /// Which.
        id: String,
        /// The live files that went.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Files that are not durably gone yet, those of earlier deletions among them.
        remaining: u64,
        /// Whether nothing is left of it.
        settled: bool,
    },
    /// The plan's limits hold from now on.
    PlanSet {
        /// Which.
        id: String,
        /// The name of the plan.
        plan: String,
    },
    /// The key works from now on.
    KeyCreated {
        /// Its identity.
        id: String,
        /// Its secret, shown this once.
        key: ShownKey,
        /// Its organization; absent for an operator key.
        organization: Option<String>,
        /// What it may do.
        scopes: Vec<Scope>,
    },
    /// All of them, in the order in which they were made.
    Keys {
        /// One for each.
        keys: Vec<KeyLine>,
    },
    /// The key works no more.
    KeyRevoked {
        /// Which.
        id: String,
    },
    /// The sweep is done.
    Swept {
        /// How many blobs it condemned, or would condemn.
        condemned: u64,
        /// How many blobs were tried to be purged before the answer; absent where a server runs,
        /// which purges by itself.
        purged: Option<u64>,
        /// Whether it only counted.
        dry_run: bool,
    },
    /// The request names nothing that exists, or asks for nothing that can be. Nothing changed.
    Refused {
        /// Why.
        reason: String,
    },
    /// The request could not be executed; whether it was is not known.
    Failed {
        /// What happened.
        reason: String,
    },
}

/// An organization in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationLine {
    /// Its identity.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of its plan.
    pub plan: String,
    /// ISO 8601, in UTC.
    pub created_at: String,
    /// ISO 8601, in UTC; absent while it is on.
    pub disabled_at: Option<String>,
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its identity.
    pub id: String,
    /// Its organization; absent for an operator key.
    pub organization: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// What it sees.
    pub prefix: String,
    /// ISO 8601, in UTC.
    pub created_at: String,
    /// ISO 8601, in UTC; absent for one that does not expire.
    pub expires_at: Option<String>,
    /// ISO 8601, in UTC; absent for one that was not revoked.
    pub revoked_at: Option<String>,
    /// Files that one of its requests may delete without a confirmation; absent: any.
    pub guard_files: Option<u64>,
    /// Percent of the live files that one may; absent: all.
    pub guard_share: Option<u8>,
}

/// A key's secret on its way to whoever asked for it. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShownKey(pub String);

impl fmt::Debug for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownKey(…)")
    }
}

/// The scopes of a set, in their usual order.
pub fn scope_list(scopes: Scopes) -> Vec<Scope> {
    Scope::ALL.into_iter().filter(|scope| scopes.allow(*scope)).collect()
}
