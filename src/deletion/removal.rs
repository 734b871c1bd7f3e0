//! Removing an organization: one deletion of everything, with the guard that no limit lifts. Pure.
//!
//! Callers are the native API and administration. What may never happen: that an organization which
//! somebody still uses goes, or another number of files than whoever asked has seen.

use super::request::{
    Atomicity, DeleteRequest, Door, FoldersPolicy, LockedPolicy, MissingPolicy, Selector,
};
use crate::domain::clock::Timestamp;
use crate::domain::guard::{Guard, GuardLimits};
use crate::domain::id::{DeletionId, KeyId};
use crate::domain::organization::{OrganizationNumber, Realm};

/// An organization to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRemoval {
    /// The identity of the deletion.
    pub id: DeletionId,
    /// The organization.
    pub organization: OrganizationNumber,
    /// The operator's key that asks; none for who administers on the machine itself.
    pub key: Option<KeyId>,
    /// How many live files the caller says it holds. Not needed where it holds none.
    pub confirmed: Option<u64>,
    /// Whether what is locked goes, too.
    pub removes_locked: bool,
    /// When it was asked for.
    pub at: Timestamp,
}

impl NewRemoval {
    /// The request that removes it.
    pub fn request(self) -> DeleteRequest {
        let limits = GuardLimits { files_max: Some(0), share_percent_max: None };
        let locked = if self.removes_locked { LockedPolicy::Remove } else { LockedPolicy::Refuse };
        DeleteRequest {
            id: self.id,
            realm: Realm::whole(self.organization),
            key: self.key.unwrap_or(KeyId::from_bytes([0; 16])),
            door: Door::Native,
            selectors: vec![Selector::Everything],
            preconditions: Vec::new(),
            atomicity: Atomicity::AllOrNone,
            missing: MissingPolicy::Refuse,
            locked,
            folders: FoldersPolicy::Whole,
            joins_missed: false,
            matched_files_max: 0,
            guard: Some(Guard { limits, confirmed: self.confirmed }),
            allowance: None,
            once: None,
            fence: None,
            at: self.at,
        }
    }
}
