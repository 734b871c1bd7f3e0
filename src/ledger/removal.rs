//! Organizations that their operator removes, with all that they have.
//!
//! The removal itself is a deletion of everything, committed like any other. From that commit on
//! the organization is nowhere to be found and nothing is stored in it any more. What it has beside
//! files and folders is cleared behind it, in steps; its record is settled when that is done, too.

use async_trait::async_trait;

use super::LedgerError;
use crate::deletion::record::DeletionRecord;
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::usage::Tally;

/// What is left of a removed organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The organization.
    pub organization: OrganizationId,
    /// The record of the deletion that removed it. Kept for ever, as all records are.
    pub record: DeletionRecord,
    /// Files of the organization that are not durably gone, those of earlier deletions among them.
    pub remaining: Tally,
}

impl Removal {
    /// When nothing was left of it any more; none while something is.
    pub fn settled_at(&self) -> Option<Timestamp> {
        self.record.settled_at.filter(|_| self.remaining == Tally::default())
    }
}

/// Removed organizations.
#[async_trait]
pub trait RemovalLedger: Send + Sync {
    /// The removal of this organization; `None` where it was not removed.
    async fn removal(&self, id: OrganizationId) -> Result<Option<Removal>, LedgerError>;

    /// Whether any organization was ever removed.
    async fn any_removal(&self) -> Result<bool, LedgerError>;

    /// Clears up to `rows_max` rows of what a removed organization has beside files and folders;
    /// false where there was nothing to clear.
    async fn clear_step(&self, rows_max: usize, now: Timestamp) -> Result<bool, LedgerError>;
}
