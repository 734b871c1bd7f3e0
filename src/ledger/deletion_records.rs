//! Reading the records of deletions: lists, and the items of one.

use async_trait::async_trait;

use super::LedgerError;
use crate::deletion::items::Item;
use crate::deletion::record::{DeletionRecord, DeletionState};
use crate::deletion::request::Door;
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::id::{DeletionId, KeyId};
use crate::domain::organization::Realm;

/// The records of deletions, which are their audit rows. A realm sees those that were asked for
/// with the same prefix or one beneath it, through whichever door.
#[async_trait]
pub trait DeletionRecordLedger: Send + Sync {
    /// Deletions in the order of their commits. One look is bounded, so that a page may be shorter
    /// than it could be, or empty: the list ends where `next` is `None`.
    async fn deletions(
        &self,
        realm: &Realm,
        query: &DeletionQuery,
    ) -> Result<DeletionPage, LedgerError>;

    /// What became of each selector of a deletion, in order; `None` where the realm sees no such
    /// deletion.
    async fn deletion_items(
        &self,
        realm: &Realm,
        id: DeletionId,
    ) -> Result<Option<Vec<Item>>, LedgerError>;
}

/// In which order deletions are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionOrder {
    /// The latest commit first.
    #[default]
    NewestFirst,
    /// The first commit first: whoever has come to the end finds later ones behind it.
    OldestFirst,
}

/// Which deletions to list. All given conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletionQuery {
    /// Only those in this state.
    pub state: Option<DeletionState>,
    /// Only those that came through this door.
    pub door: Option<Door>,
    /// Only those that this key asked for.
    pub key: Option<KeyId>,
    /// Only those committed at or after this time.
    pub since: Option<Timestamp>,
    /// Only those committed before this time.
    pub until: Option<Timestamp>,
    /// In which order.
    pub order: DeletionOrder,
    /// Behind which one of a page before.
    pub after: Option<Sequence>,
    /// How many to give at most.
    pub limit: usize,
}

impl DeletionQuery {
    /// Whether a record meets all conditions.
    pub fn wants(&self, record: &DeletionRecord) -> bool {
        self.state.is_none_or(|state| record.state == state)
            && self.door.is_none_or(|door| record.door == door)
            && self.key.is_none_or(|key| record.key == key)
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }
}

/// A page of deletions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletionPage {
    /// The records.
    pub records: Vec<DeletionRecord>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<Sequence>,
}
