//! Plans that are stored on one side, and committed later.

use super::operations::Wish;
use super::side::{Given, Side, outcomes};
use crate::deletion::plan::plan;
use crate::deletion::request::DeleteRequest;
use crate::deletion::stored::{Commitment, Preview, SAMPLE_PATHS_MAX, StoredPlan};
use crate::domain::id::PlanId;
use crate::ledger::Keeping;
use crate::ledger::conformance::fences::PLAN_LIFETIME;

impl Side {
    /// Asks what deleting would do.
    pub(super) async fn preview(&self, request: DeleteRequest) -> String {
        match self.fixture.ledger.preview_deletion(request, plan).await.unwrap() {
            Ok(preview) => shown(preview),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    /// Stores a plan.
    pub(super) async fn draft(&mut self, wish: &Wish, given: &Given) -> String {
        let request = self.request(wish, given).await;
        let ledger = &self.fixture.ledger;
        let preview = match ledger.preview_deletion(request.clone(), plan).await.unwrap() {
            Ok(preview) => preview,
            Err(refusal) => return format!("{refusal:?}"),
        };
        let id = PlanId::from_bytes(*request.id.as_bytes());
        let Some(stored) = StoredPlan::new(id, &request, &preview, PLAN_LIFETIME) else {
            return shown(preview);
        };
        let organization = request.realm.organization;
        let keeping = ledger.store_plan(organization, stored.clone(), None).await.unwrap();
        assert_eq!(keeping, Keeping::Kept);
        self.drafts.push((wish.who, stored));
        shown(preview)
    }

    /// Commits a plan, counted from the latest.
    pub(super) async fn commit_draft(&mut self, back: usize, given: &Given) -> String {
        let Some(index) = self.drafts.len().checked_sub(back + 1) else { return String::new() };
        let (who, stored) = self.drafts[index].clone();
        let like = self.fixture.request(&self.realms[who], Vec::new());
        let request = stored.commitment(Commitment {
            id: given.deletion(),
            organization: like.realm.organization,
            key: like.key,
            door: like.door,
            guard: like.guard,
            once: None,
            at: given.now(),
        });
        self.decide(request, given.lease()).await
    }

    /// What is known of the plans.
    pub(super) async fn known_drafts(&self, given: &Given) -> String {
        let mut known = Vec::new();
        for (who, stored) in &self.drafts {
            let (ledger, realm) = (&self.fixture.ledger, &self.realms[*who]);
            let found = ledger.stored_plan(realm, stored.id, given.now()).await.unwrap();
            known.push(found.map(|plan| (plan.id, plan.counts, plan.used_by)));
        }
        format!("{known:?}")
    }
}

fn shown(mut preview: Preview) -> String {
    let counts = preview.plan.counts;
    // Which of many are shown a ledger chooses.
    preview.sample.sort();
    let sample = match counts.files <= SAMPLE_PATHS_MAX as u64 {
        true => format!("{:?}", preview.sample),
        false => format!("{}", preview.sample.len()),
    };
    let changed = preview.plan.changed;
    let items: Vec<_> = preview.items.iter().map(|item| item.counts).collect();
    format!("{:?} {counts:?} {changed:?} {items:?} {sample}", outcomes(preview.plan.outcomes))
}
