//! Lists of deletions, and the items of one.

use async_trait::async_trait;

use super::MemoryLedger;
use super::deletions::Deletion;
use crate::deletion::items::Item;
use crate::domain::id::DeletionId;
use crate::domain::organization::Realm;
use crate::ledger::{
    DeletionOrder, DeletionPage, DeletionQuery, DeletionRecordLedger, LedgerError,
};

#[async_trait]
impl DeletionRecordLedger for MemoryLedger {
    async fn deletions(
        &self,
        realm: &Realm,
        query: &DeletionQuery,
    ) -> Result<DeletionPage, LedgerError> {
        let state = self.state();
        let mut all: Vec<&Deletion> =
            state.holdings(realm.organization).deletions.values().collect();
        all.sort_by_key(|deletion| deletion.sequence);
        if query.order == DeletionOrder::NewestFirst {
            all.reverse();
        }
        let is_behind = |deletion: &Deletion| match (query.after, query.order) {
            (None, _) => true,
            (Some(after), DeletionOrder::NewestFirst) => deletion.sequence < after,
            (Some(after), DeletionOrder::OldestFirst) => deletion.sequence > after,
        };
        let mut page = DeletionPage::default();
        let mut last = None;
        for deletion in all.into_iter().filter(|deletion| is_behind(deletion)) {
            if page.records.len() == query.limit {
                page.next = last;
                break;
            }
            last = Some(deletion.sequence);
            if realm.sees(&deletion.prefix) && query.wants(&deletion.record) {
                page.records.push(deletion.record.clone());
            }
        }
        Ok(page)
    }

    async fn deletion_items(
        &self,
        realm: &Realm,
        id: DeletionId,
    ) -> Result<Option<Vec<Item>>, LedgerError> {
        let state = self.state();
        let found = state.holdings(realm.organization).deletions.get(&id);
        let seen = found.filter(|deletion| realm.sees(&deletion.prefix));
        Ok(seen.map(|deletion| deletion.items.clone()))
    }
}
