//! Selections: filters whose files go in steps. The model looks through everything each time, so
//! that it needs no place to go on from.

use async_trait::async_trait;

use super::{Holdings, MemoryLedger, State};
use crate::deletion::items::{FilterStep, StepsEnd};
use crate::deletion::record::{DeletionState, LOCKED_NAMES_MAX};
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::filter::FileFilter;
use crate::domain::id::DeletionId;
use crate::domain::once::Once;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::domain::webhooks::{Failure, Notice};
use crate::ledger::{Cancellation, ExpandStep, Lease, LedgerError, SelectionLedger, StepLimits};

/// A filter of a deletion whose files are not all gone.
pub(super) struct OpenSelection {
    pub(super) selector: usize,
    pub(super) realm: Realm,
    pub(super) filter: FileFilter,
    pub(super) at: Timestamp,
    pub(super) fence: Sequence,
}

impl Holdings {
    /// The live files that a filter takes, in one order.
    pub(super) fn matching(
        &self,
        realm: &Realm,
        filter: &FileFilter,
        at: Timestamp,
    ) -> Vec<EntryPath> {
        let files = self.files.iter();
        let mut taken: Vec<_> =
            files.filter(|(path, file)| realm.sees(path) && filter.takes(path, file, at)).collect();
        taken.sort_by_key(|(_, file)| (file.folder, file.name.clone()));
        taken.into_iter().map(|(path, _)| path.clone()).collect()
    }

    fn selecting(&self) -> Option<DeletionId> {
        let open = self.deletions.iter().filter(|(_, deletion)| !deletion.selections.is_empty());
        open.min_by_key(|(_, deletion)| deletion.sequence).map(|(id, _)| *id)
    }
}

impl State {
    fn select_step(
        &mut self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> ExpandStep {
        let waits = |holdings: &Holdings| holdings.selecting().is_some();
        let mut waiting =
            self.organizations.iter().filter(|(_, h)| waits(h)).map(|(number, _)| *number);
        let first = waiting.clone().next();
        let Some(served) = waiting.find(|number| Some(*number) > after).or(first) else {
            return ExpandStep::default();
        };
        let holdings = self.holdings_mut(served);
        let id = holdings.selecting().expect("the organization waits");
        let OpenSelection { selector, realm, filter, at, fence } =
            &holdings.deletions[&id].selections[0];
        let selector = *selector;
        let mut matching = holdings.matching(realm, filter, *at);
        let minds_the_way = filter.prefix.as_ref().is_some_and(|prefix| !prefix.is_root())
            || !realm.prefix.is_root();
        matching.retain(|path| {
            let came_along = minds_the_way && holdings.way_changed(path, *fence);
            holdings.files[path].sequence <= *fence && !came_along
        });
        let (mut free, locked): (Vec<EntryPath>, Vec<EntryPath>) =
            matching.into_iter().partition(|path| holdings.lock_of_file(path).is_none());
        let is_last = free.len() <= limits.blobs;
        free.truncate(limits.blobs);
        let blobs: Vec<_> = free.iter().map(|path| holdings.take_file(path)).collect();
        let deletion = holdings.deletions.get_mut(&id).expect("it was found above");
        let gone: Tally = blobs.iter().map(|blob| Tally::one(blob.size)).sum();
        deletion.record.doomed.files += gone.files;
        deletion.record.doomed.bytes += gone.bytes;
        let stay: &[EntryPath] = if is_last { &locked } else { &[] };
        let end = is_last.then_some(StepsEnd::Done);
        let step = FilterStep { selector, doomed: gone, locked: stay, end };
        step.add_to(&mut deletion.items);
        if is_last {
            deletion.record.locked_files += locked.len() as u64;
            let room = LOCKED_NAMES_MAX.saturating_sub(deletion.record.skipped.len());
            deletion.record.skipped.extend(locked.into_iter().take(room));
            deletion.selections.remove(0);
            if deletion.selections.is_empty() {
                deletion.record.state = DeletionState::Purging;
            }
        }
        let batches = self.condemn_leased(served, id, blobs, lease);
        self.settle_if_done(served, id, now);
        ExpandStep { served: Some(served), batches, beside_others: false }
    }

    fn cancel(
        &mut self,
        (realm, id): (&Realm, DeletionId),
        once: Option<&Once>,
        now: Timestamp,
    ) -> Option<Cancellation> {
        let organization = Some(realm.organization);
        if let Some(repeat) = self.repeat(organization, once) {
            return Some(Cancellation::Repeated(repeat));
        }
        let deletions = &mut self.holdings_mut(realm.organization).deletions;
        let deletion = deletions.get_mut(&id).filter(|deletion| realm.sees(&deletion.prefix))?;
        if deletion.record.cancelled_at.is_none() {
            if deletion.selections.is_empty() {
                return Some(Cancellation::NothingToCancel);
            }
            for OpenSelection { selector, .. } in deletion.selections.drain(..) {
                let (doomed, end) = (Tally::default(), Some(StepsEnd::Cancelled));
                FilterStep { selector, doomed, locked: &[], end }.add_to(&mut deletion.items);
            }
            deletion.record.cancelled_at = Some(now);
            deletion.record.state = DeletionState::Purging;
            self.tell((realm.organization, id), Notice::Failed(Failure::Cancelled), now);
            self.settle_if_done(realm.organization, id, now);
        }
        self.remember(organization, once, id);
        Some(Cancellation::Cancelled)
    }
}

#[async_trait]
impl SelectionLedger for MemoryLedger {
    async fn select_step(
        &self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> Result<ExpandStep, LedgerError> {
        Ok(self.state().select_step(after, lease, limits, now))
    }

    async fn cancel_deletion(
        &self,
        realm: &Realm,
        id: DeletionId,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Option<Cancellation>, LedgerError> {
        Ok(self.state().cancel((realm, id), once.as_ref(), now))
    }
}
