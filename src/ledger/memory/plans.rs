//! The limits of plans.

use async_trait::async_trait;

use super::{MemoryLedger, State};
use crate::domain::entry::UploadRefusal;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;
use crate::domain::plans::{Announced, Bound, Incoming, Plans, Replaces, Target};
use crate::ledger::{LedgerError, PlanLedger};

impl State {
    /// What the plan of an organization says of a version.
    pub(super) fn admit(
        &self,
        organization: OrganizationNumber,
        incoming: &Incoming<'_>,
    ) -> Result<Option<Bound>, UploadRefusal> {
        let plan = self.plans.get(&self.holdings(organization).organization.plan);
        let usage = self.whole_usage(organization);
        plan.map_or(Ok(None), |plan| plan.admit(&usage, incoming))
    }

    /// The same for versions that come in together.
    pub(super) fn admit_together(
        &self,
        organization: OrganizationNumber,
        incoming: &[Incoming<'_>],
    ) -> Result<(), (usize, UploadRefusal)> {
        let plan = self.plans.get(&self.holdings(organization).organization.plan);
        let usage = self.whole_usage(organization);
        plan.map_or(Ok(()), |plan| plan.admit_together(usage, incoming))
    }

    /// What a version at `path` replaces.
    pub(super) fn replaced(&self, organization: OrganizationNumber, path: &EntryPath) -> Replaces {
        let there = self.holdings(organization).files.get(path);
        there.map_or(Replaces::Nothing, |file| Replaces::Bytes(file.content.size))
    }
}

#[async_trait]
impl PlanLedger for MemoryLedger {
    fn set_plans(&self, plans: Plans) {
        self.state().plans = plans;
    }

    async fn room(
        &self,
        realm: &Realm,
        announced: &Announced,
    ) -> Result<Result<Option<Bound>, UploadRefusal>, LedgerError> {
        let state = self.state();
        let replaces = match &announced.target {
            Target::New => Replaces::Nothing,
            Target::At(path) if realm.sees(path) => state.replaced(realm.organization, path),
            Target::At(_) | Target::Unknown => Replaces::Unknown,
        };
        let Announced { bytes, content_type, target: _ } = announced;
        Ok(state.admit(realm.organization, &Incoming { bytes: *bytes, content_type, replaces }))
    }
}
