//! Organizations that are removed: marked in the commit, cleared behind it.

use async_trait::async_trait;

use super::{MemoryLedger, State};
use crate::deletion::request::DeleteRequest;
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeletionId, OrganizationId};
use crate::domain::organization::OrganizationNumber;
use crate::ledger::removal::{Removal, RemovalLedger};
use crate::ledger::{LedgerError, LedgerErrorKind};

impl State {
    /// Fails for an organization that was removed: nothing is stored in it any more.
    pub(super) fn must_stand(&self, number: OrganizationNumber) -> Result<(), LedgerError> {
        match self.holdings(number).removed_by {
            None => Ok(()),
            Some(_) => Err(LedgerErrorKind::Unavailable.because("an organization goes")),
        }
    }

    pub(super) fn remove_organization(&mut self, request: &DeleteRequest) {
        let number = request.realm.organization;
        let holdings = self.holdings_mut(number);
        (holdings.removed_by, holdings.clearing) = (Some(request.id), true);
        holdings.organization.name = String::new();
        let selecting = holdings.deletions.iter().filter(|(_, one)| !one.selections.is_empty());
        let selecting: Vec<DeletionId> = selecting.map(|(id, _)| *id).collect();
        for id in selecting {
            self.end_steps((number, id), request.at);
        }
    }

    /// Clears all at once: the model has no rows to count.
    fn clear(&mut self, now: Timestamp) -> bool {
        let mut clearing = self.organizations.iter().filter(|(_, holdings)| holdings.clearing);
        let Some(number) = clearing.next().map(|(number, _)| *number) else { return false };
        let id = self.holdings(number).organization.id;
        self.keys.retain(|key| key.new.organization != Some(id));
        self.effects.retain(|(owner, _), _| *owner != Some(number));
        let holdings = self.holdings_mut(number);
        holdings.clearing = false;
        holdings.commands.clear();
        holdings.keepsakes.clear();
        holdings.accepted.clear();
        holdings.missed.clear();
        holdings.stored_plans.clear();
        holdings.webhooks.clear();
        for deletion in holdings.deletions.values_mut() {
            deletion.record.skipped.clear();
            deletion.items.clear();
        }
        let uploads = std::mem::take(&mut holdings.uploads);
        let removed_by = holdings.removed_by.expect("what is cleared was removed");
        let unfinished = uploads.values().filter(|upload| upload.file.is_none());
        let blobs: Vec<BlobKey> = unfinished.map(|upload| upload.blob).collect();
        self.condemn_intents(&blobs, now);
        self.settle_if_done(number, removed_by, now);
        true
    }
}

#[async_trait]
impl RemovalLedger for MemoryLedger {
    async fn removal(&self, id: OrganizationId) -> Result<Option<Removal>, LedgerError> {
        let state = self.state();
        let found = state.organizations.iter().find(|(_, one)| one.organization.id == id);
        let Some((number, holdings)) = found else { return Ok(None) };
        let Some(deletion) = holdings.removed_by else { return Ok(None) };
        let usage = state.whole_usage(*number);
        Ok(Some(Removal {
            organization: id,
            record: holdings.deletions[&deletion].record.clone(),
            remaining: usage.doomed + usage.condemned,
        }))
    }

    async fn any_removal(&self) -> Result<bool, LedgerError> {
        Ok(self.state().organizations.values().any(|holdings| holdings.removed_by.is_some()))
    }

    async fn clear_step(&self, _rows_max: usize, now: Timestamp) -> Result<bool, LedgerError> {
        Ok(self.state().clear(now))
    }
}
