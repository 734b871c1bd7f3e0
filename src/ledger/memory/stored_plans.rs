//! Stored plans.

use async_trait::async_trait;

use super::{Holdings, MemoryLedger};
use crate::deletion::plan::Plan;
use crate::deletion::request::DeleteRequest;
use crate::deletion::stored::{SAMPLE_PATHS_MAX, STORED_PLANS_MAX, StoredPlan};
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::id::PlanId;
use crate::domain::once::Once;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;
use crate::ledger::{Keeping, LedgerError, StoredPlanLedger};

impl Holdings {
    /// Whether the plan that a request commits is there to be used.
    pub(super) fn has_plan_for(&self, request: &DeleteRequest) -> bool {
        request.fence.as_ref().is_none_or(|fence| {
            let plan = self.stored_plans.get(&fence.plan);
            plan.is_some_and(|plan| plan.expires_at > request.at && plan.used_by.is_none())
        })
    }

    pub(super) fn use_up_plan(&mut self, request: &DeleteRequest) {
        let plan = request.fence.as_ref().and_then(|fence| self.stored_plans.get_mut(&fence.plan));
        if let Some(plan) = plan {
            plan.used_by = Some(request.id);
        }
    }

    /// The paths of some files that a plan takes.
    pub(super) fn sample(&self, request: &DeleteRequest, plan: &Plan) -> Vec<EntryPath> {
        let singles = plan.files.iter().map(|file| {
            let (path, _) = self.file_by_id(file.id).expect("a plan names live files");
            path.clone()
        });
        let folder_of = |number| {
            let found = self.folders.iter().find(|(_, row)| row.number == number);
            found.expect("a plan names live folders").0
        };
        let trees = plan.trees.iter().flat_map(|tree| {
            let root = folder_of(tree.root);
            self.files.keys().filter(|path| root.contains(path)).cloned().collect::<Vec<_>>()
        });
        let through = request.fence.as_ref().map_or(Sequence(i64::MAX), |fence| fence.sequence);
        let survivors = plan.survivors.iter().flat_map(|survivor| {
            let direct = self.files.iter().filter(|(_, file)| file.folder == survivor.folder);
            let going = direct.filter(|(_, file)| !file.locked && file.sequence <= through);
            going.map(|(path, _)| path.clone()).collect::<Vec<_>>()
        });
        singles.chain(trees).chain(survivors).take(SAMPLE_PATHS_MAX).collect()
    }
}

#[async_trait]
impl StoredPlanLedger for MemoryLedger {
    async fn store_plan(
        &self,
        organization: OrganizationNumber,
        plan: StoredPlan,
        once: Option<Once>,
    ) -> Result<Keeping, LedgerError> {
        let mut state = self.state();
        if let Some(repeat) = state.repeat(Some(organization), once.as_ref()) {
            return Ok(Keeping::Repeated(repeat));
        }
        let plans = &mut state.holdings_mut(organization).stored_plans;
        if plans.len() as u64 >= STORED_PLANS_MAX {
            return Ok(Keeping::TooMany);
        }
        let id = plan.id;
        plans.insert(id, plan);
        state.remember(Some(organization), once.as_ref(), id);
        Ok(Keeping::Kept)
    }

    async fn stored_plan(
        &self,
        realm: &Realm,
        id: PlanId,
        now: Timestamp,
    ) -> Result<Option<StoredPlan>, LedgerError> {
        let state = self.state();
        let found = state.holdings(realm.organization).stored_plans.get(&id);
        Ok(found.filter(|plan| plan.expires_at > now && realm.sees(&plan.prefix)).cloned())
    }

    async fn forget_plans(&self, now: Timestamp, limit: usize) -> Result<usize, LedgerError> {
        let mut state = self.state();
        let mut expired: Vec<(Timestamp, OrganizationNumber, PlanId)> = Vec::new();
        for (number, holdings) in &state.organizations {
            let plans = holdings.stored_plans.values().filter(|plan| plan.expires_at <= now);
            expired.extend(plans.map(|plan| (plan.expires_at, *number, plan.id)));
        }
        expired.sort();
        expired.truncate(limit);
        for (_, number, id) in &expired {
            state.holdings_mut(*number).stored_plans.remove(id);
        }
        Ok(expired.len())
    }
}
