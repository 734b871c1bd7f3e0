//! Deletions: committed, remembered, counted and expanded.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::selections::OpenSelection;
use super::tree::sized;
use super::{Holdings, MemoryLedger, State};
use crate::deletion::fence::planned_items;
use crate::deletion::items::{self, Item};
use crate::deletion::plan::Plan;
use crate::deletion::record::{
    self, AllowanceState, BATCH_BLOBS_MAX, Committed, CondemnedBatch, Declined, DeletionRecord,
    DeletionState, Outcome, Refusal,
};
use crate::deletion::request::{Allowance, DeleteRequest, Selector};
use crate::deletion::snapshot::MissedAnswer;
use crate::deletion::stored::Preview;
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::id::DeletionId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::usage::Tally;
use crate::domain::webhooks::Notice;
use crate::ledger::{
    DeletionLedger, ExpandStep, Lease, LedgerError, MissedSubject, Planner, StepLimits,
};

/// A deletion with what is still to be expanded of it.
pub(super) struct Deletion {
    pub(super) record: DeletionRecord,
    pub(super) items: Vec<Item>,
    pub(super) sequence: Sequence,
    /// The prefix of the key that asked.
    pub(super) prefix: EntryPath,
    /// Files of doomed trees and survivors that are not on the queue yet.
    pub(super) doomed: Vec<SizedBlob>,
    /// Which of them lie in survivors, where something else may need their names.
    in_survivors: BTreeMap<(FolderNumber, EntryName), BlobKey>,
    /// Whether a step of expanding has still to come, be it for empty folders only.
    pub(super) expanding: bool,
    /// Filters that go on in steps.
    pub(super) selections: Vec<OpenSelection>,
    /// Whether webhooks were told that its bytes cannot be removed.
    pub(super) failing_told: bool,
}

impl Deletion {
    /// What is doomed and not condemned yet.
    pub(super) fn waiting(&self) -> Tally {
        self.doomed.iter().map(|blob| Tally::one(blob.size)).sum()
    }
}

impl Holdings {
    fn path_of(&self, number: FolderNumber) -> EntryPath {
        let found = self.folders.iter().find(|(_, row)| row.number == number);
        found.map(|(path, _)| path.clone()).expect("a plan names live folders")
    }

    /// Takes one file out of the tree.
    pub(super) fn take_file(&mut self, path: &EntryPath) -> SizedBlob {
        let file = self.files.remove(path).expect("the path was read in this transaction");
        sized(&file)
    }

    /// Takes a folder out of the tree, with everything below it.
    fn take_tree(&mut self, root: FolderNumber) -> Vec<SizedBlob> {
        let root = self.path_of(root);
        self.folders.retain(|path, _| !root.contains(path));
        let below: Vec<EntryPath> =
            self.files.keys().filter(|path| root.contains(path)).cloned().collect();
        below.iter().map(|path| self.take_file(path)).collect()
    }

    /// Takes the unlocked direct files of a folder out of the tree, up to a sequence.
    fn take_unlocked(
        &mut self,
        folder: FolderNumber,
        through: Sequence,
    ) -> Vec<(EntryName, SizedBlob)> {
        let direct = self.files.iter().filter(|(_, file)| file.folder == folder && !file.locked);
        let direct = direct.filter(|(_, file)| file.sequence <= through);
        let paths: Vec<EntryPath> = direct.map(|(path, _)| path.clone()).collect();
        let named = |path: EntryPath| {
            let name = path.name().expect("a file has a name");
            (name, self.take_file(&path))
        };
        paths.into_iter().map(named).collect()
    }

    /// Takes the doomed file out of its deletion that had this name in a survivor.
    fn take_doomed(
        &mut self,
        folder: FolderNumber,
        name: &EntryName,
    ) -> Option<(DeletionId, SizedBlob)> {
        let place = (folder, name.clone());
        self.deletions.iter_mut().find_map(|(id, deletion)| {
            let key = deletion.in_survivors.remove(&place)?;
            let index = deletion.doomed.iter().position(|blob| blob.key == key)?;
            Some((*id, deletion.doomed.remove(index)))
        })
    }

    fn allowance_state(&self, allowance: Allowance, now: Timestamp) -> AllowanceState {
        let accepted = self.accepted.get(allowance.bucket).into_iter().flatten();
        let counts = now.minus(allowance.window)..=now.plus(allowance.window);
        let counts = |at: &&Timestamp| counts.contains(*at) && counts.start() != *at;
        let mut counted: Vec<Timestamp> = accepted.filter(counts).copied().collect();
        counted.sort_unstable();
        let used = u32::try_from(counted.len()).unwrap_or(u32::MAX);
        // Where a limit was lowered, several have to leave before the next is accepted.
        let leaves = counted.get(used.saturating_sub(allowance.limit) as usize);
        AllowanceState {
            limit: allowance.limit,
            remaining: allowance.limit.saturating_sub(used),
            resets_at: leaves.map_or(now, |at| at.plus(allowance.window)),
        }
    }

    /// A missed answer is given once: what joined it forgets it.
    fn forget_joined(&mut self, request: &DeleteRequest, outcomes: &[Outcome]) {
        for (selector, outcome) in request.selectors.iter().zip(outcomes) {
            let subject = match selector {
                Selector::File(id) => MissedSubject::File(*id),
                Selector::Outputs(id) => MissedSubject::Outputs(*id),
                Selector::Entry(_)
                | Selector::Path(_)
                | Selector::Matching(_)
                | Selector::Unmatchable => {
                    continue;
                }
            };
            if matches!(outcome, Outcome::Joined(_)) {
                self.missed.retain(|(about, _)| *about != subject);
            }
        }
    }
}

/// What is left to steps of the filter at an index.
fn selection(request: &DeleteRequest, index: usize, fence: Sequence) -> OpenSelection {
    let Some(Selector::Matching(filter)) = request.selectors.get(index) else {
        unreachable!("a plan leaves only filters to steps");
    };
    let (realm, filter) = (request.realm.clone(), filter.clone());
    OpenSelection { selector: index, realm, filter, at: request.at, fence }
}

impl State {
    /// A doomed file makes room for what comes to its name: its blob need not wait.
    pub(super) fn make_room(
        &mut self,
        organization: OrganizationNumber,
        folder: FolderNumber,
        name: &EntryName,
        now: Timestamp,
    ) {
        if let Some((deletion, blob)) = self.holdings_mut(organization).take_doomed(folder, name) {
            self.condemn(Some(organization), Some(deletion), vec![blob], now);
        }
    }

    fn commit_deletion(
        &mut self,
        request: &DeleteRequest,
        planner: Planner,
        lease: Lease,
    ) -> Result<Committed, Declined> {
        let organization = request.realm.organization;
        if let Some(repeat) = self.repeat(Some(organization), request.once.as_ref()) {
            return Err(Declined::Repeated(repeat));
        }
        let holdings = self.holdings_mut(organization);
        if let Some(allowance) = request.allowance {
            let state = holdings.allowance_state(allowance, request.at);
            if state.remaining == 0 {
                return Err(Declined::OverAllowance(state));
            }
        }
        if !holdings.has_plan_for(request) {
            return Err(Declined::PlanSpent);
        }
        let snapshot = holdings.snapshot(request, request.counts_all_matching());
        let plan = planner(request, &snapshot).map_err(Declined::Refused)?;
        if let Some(allowance) = request.allowance {
            let accepted = holdings.accepted.entry(allowance.bucket).or_default();
            let ends = request.at.plus(allowance.window);
            accepted.retain(|at| *at <= ends);
            accepted.push(request.at);
        }
        holdings.use_up_plan(request);
        holdings.forget_joined(request, &plan.outcomes);
        for command in &plan.closed {
            let row = holdings.commands.get_mut(command).expect("a plan closes what was found");
            row.closed = true;
        }
        let allowance =
            request.allowance.map(|allowance| holdings.allowance_state(allowance, request.at));
        let fence = Sequence(self.last_number);
        self.remember(Some(organization), request.once.as_ref(), request.id);
        let sequence = Sequence(self.next_number());
        let batches = self.doom(request, &plan, (fence, sequence), lease);
        Ok(Committed {
            id: request.id,
            sequence,
            expanding: !plan.trees.is_empty()
                || !plan.survivors.is_empty()
                || !plan.selections.is_empty(),
            outcomes: plan.outcomes,
            counts: plan.counts,
            changed: plan.changed,
            batches,
            allowance,
        })
    }

    /// Takes everything that goes out of the tree and keeps the record.
    fn doom(
        &mut self,
        request: &DeleteRequest,
        plan: &Plan,
        (fence, sequence): (Sequence, Sequence),
        lease: Lease,
    ) -> Vec<CondemnedBatch> {
        let organization = request.realm.organization;
        let holdings = self.holdings_mut(organization);
        let mut singles = Vec::new();
        for file in &plan.files {
            let (path, _) = holdings.file_by_id(file.id).expect("a plan names live files");
            let path = path.clone();
            singles.push(holdings.take_file(&path));
        }
        let through = request.fence.as_ref().map_or(sequence, |fence| fence.sequence);
        let mut in_survivors = BTreeMap::new();
        let mut doomed = Vec::new();
        for survivor in &plan.survivors {
            for (name, blob) in holdings.take_unlocked(survivor.folder, through) {
                in_survivors.insert((survivor.folder, name), blob.key);
                doomed.push(blob);
            }
        }
        for tree in &plan.trees {
            doomed.extend(holdings.take_tree(tree.root));
        }
        doomed.sort_by_key(|blob| blob.key);
        let expanding = !plan.trees.is_empty() || !plan.survivors.is_empty();
        let selections: Vec<OpenSelection> =
            plan.selections.iter().map(|index| selection(request, *index, fence)).collect();
        let is_done = singles.is_empty() && !expanding && selections.is_empty();
        let state = match (is_done, selections.is_empty()) {
            (true, _) => DeletionState::Settled,
            (false, true) => DeletionState::Purging,
            (false, false) => DeletionState::Selecting,
        };
        let skipped = record::skipped(&request.selectors, &plan.outcomes);
        let record = DeletionRecord {
            id: request.id,
            key: request.key,
            door: request.door,
            at: request.at,
            state,
            doomed: plan.counts,
            purged: Tally::default(),
            missing: plan.missing,
            changed: plan.changed,
            skipped: skipped.into_iter().cloned().collect(),
            locked_files: plan.locked_files,
            cancelled_at: None,
            settled_at: is_done.then_some(request.at),
        };
        let prefix = request.realm.prefix.clone();
        let items = items::of_outcomes(&request.selectors, &plan.outcomes);
        let deletion = Deletion {
            record,
            items,
            sequence,
            prefix,
            doomed,
            in_survivors,
            expanding,
            selections,
            failing_told: false,
        };
        holdings.deletions.insert(request.id, deletion);
        if is_done {
            self.tell((organization, request.id), Notice::Settled, request.at);
        }
        self.stamp_kept(organization, plan);
        self.condemn_leased(organization, request.id, singles, lease)
    }

    /// What stays in a survivor because it is locked comes after the deletion in the order of
    /// all changes.
    fn stamp_kept(&mut self, organization: OrganizationNumber, plan: &Plan) {
        for survivor in &plan.survivors {
            for name in &survivor.kept {
                let sequence = Sequence(self.next_number());
                let holdings = self.holdings_mut(organization);
                let mut files = holdings.files.values_mut();
                let kept = files.find(|file| file.folder == survivor.folder && file.name == *name);
                kept.expect("a locked file stays").sequence = sequence;
            }
        }
    }

    /// Puts blobs on the queue, born leased, and gives the batches.
    pub(super) fn condemn_leased(
        &mut self,
        organization: OrganizationNumber,
        deletion: DeletionId,
        mut blobs: Vec<SizedBlob>,
        lease: Lease,
    ) -> Vec<CondemnedBatch> {
        blobs.sort_by_key(|blob| blob.key);
        let mut batches = Vec::new();
        for chunk in blobs.chunks(BATCH_BLOBS_MAX) {
            let (began_at, chunk) = (lease.began_at, chunk.to_vec());
            let number = self.condemn(Some(organization), Some(deletion), chunk, began_at);
            batches.push(self.leased(number, lease));
        }
        batches
    }

    fn expand_step(
        &mut self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> ExpandStep {
        let waits = |holdings: &Holdings| holdings.deletions.values().any(|d| d.expanding);
        let mut waiting =
            self.organizations.iter().filter(|(_, h)| waits(h)).map(|(number, _)| *number);
        let first = waiting.clone().next();
        let Some(served) = waiting.find(|number| Some(*number) > after).or(first) else {
            return ExpandStep::default();
        };
        let mut batches = Vec::new();
        let mut blobs_left = limits.blobs;
        while let Some((id, blobs)) = self.holdings_mut(served).next_doomed(blobs_left) {
            blobs_left -= blobs.len();
            batches.extend(self.condemn_leased(served, id, blobs, lease));
            self.settle_if_done(served, id, now);
        }
        ExpandStep { served: Some(served), batches, beside_others: false }
    }
}

impl Holdings {
    /// Takes up to `blobs_max` files from the oldest deletion that waits to be expanded.
    fn next_doomed(&mut self, blobs_max: usize) -> Option<(DeletionId, Vec<SizedBlob>)> {
        let waiting = self.deletions.iter_mut().filter(|(_, deletion)| deletion.expanding);
        let (id, oldest) = waiting.min_by_key(|(_, deletion)| deletion.sequence)?;
        if blobs_max == 0 && !oldest.doomed.is_empty() {
            return None;
        }
        let taken = oldest.doomed.drain(..blobs_max.min(oldest.doomed.len())).collect();
        oldest.expanding = !oldest.doomed.is_empty();
        Some((*id, taken))
    }
}

#[async_trait]
impl DeletionLedger for MemoryLedger {
    async fn commit_deletion(
        &self,
        request: DeleteRequest,
        planner: Planner,
        lease: Lease,
    ) -> Result<Result<Committed, Declined>, LedgerError> {
        Ok(self.state().commit_deletion(&request, planner, lease))
    }

    async fn preview_deletion(
        &self,
        request: DeleteRequest,
        planner: Planner,
    ) -> Result<Result<Preview, Refusal>, LedgerError> {
        let state = self.state();
        let holdings = state.holdings(request.realm.organization);
        let snapshot = holdings.snapshot(&request, true);
        Ok(planner(&request, &snapshot).map(|plan| Preview {
            items: planned_items(&snapshot, &plan),
            sequence: Sequence(state.last_number),
            sample: holdings.sample(&request, &plan),
            plan,
        }))
    }

    async fn deletion(
        &self,
        realm: &Realm,
        id: DeletionId,
    ) -> Result<Option<DeletionRecord>, LedgerError> {
        let state = self.state();
        let found = state.holdings(realm.organization).deletions.get(&id);
        let seen = found.filter(|deletion| realm.sees(&deletion.prefix));
        Ok(seen.map(|deletion| deletion.record.clone()))
    }

    async fn remember_missed(
        &self,
        realm: &Realm,
        subject: MissedSubject,
        answer: MissedAnswer,
    ) -> Result<(), LedgerError> {
        let mut state = self.state();
        let missed = &mut state.holdings_mut(realm.organization).missed;
        missed.retain(|(about, _)| *about != subject);
        missed.push((subject, answer));
        Ok(())
    }

    async fn expand_step(
        &self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> Result<ExpandStep, LedgerError> {
        Ok(self.state().expand_step(after, lease, limits, now))
    }

    async fn allowance(
        &self,
        organization: OrganizationNumber,
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<AllowanceState, LedgerError> {
        Ok(self.state().holdings(organization).allowance_state(allowance, now))
    }
}
