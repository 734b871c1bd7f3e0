//! The model: what a ledger must do, said in the plainest way that runs. Tests only.
//!
//! Everything is in one place behind one mutex, each trait method holds it from beginning to
//! end, and whatever can be counted is counted when it is asked for. Nothing here is fast, and
//! nothing is durable. The rules of the state:
//!
//! * A live entry is a row under its path: a file in `files` or a folder in `folders`, never
//!   both, and its parent is a folder there, up to the root. What has no row cannot be seen.
//! * Committing a deletion takes rows away at once. A single file's blob goes on the queue; the
//!   files of doomed trees and survivors go to the deletion's `doomed`, from where steps of
//!   expanding move them to the queue. So nothing that is stored later can ever be reached.
//! * A blob is in exactly one place: an intent, a live file, a `doomed` list or one batch of the
//!   queue. When it is settled it is in none.
//! * `uploaded` and `settled` are counted as they happen; live, doomed and condemned are sums.
//!   Blobs of uploads that never ended belong to no organization and are in no sum.
//!
//! The planner decides and this applies; nothing here looks at a policy.

mod arrange;
mod attach;
mod change;
mod commands;
mod deletion_records;
mod deletions;
mod fence;
mod gauges;
mod inspection;
mod keepsakes;
mod once;
mod organizations;
mod plans;
mod purge;
mod registry;
mod reports;
mod resumable;
mod selections;
mod snapshot;
mod stored_plans;
mod tree;
mod walk;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::commands::CommandRow;
use self::deletions::Deletion;
use self::keepsakes::Keepsake;
use self::once::Remembered;
use self::organizations::KeyRow;
use self::purge::Batch;
use self::tree::FolderRow;
use self::webhooks::WebhookRow;
use super::MissedSubject;
use crate::deletion::record::BatchNumber;
use crate::deletion::snapshot::MissedAnswer;
use crate::deletion::stored::StoredPlan;
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::entry::FileRecord;
use crate::domain::id::{CommandId, DeletionId, EntryId, IdSource, PlanId, UploadId, WebhookId};
use crate::domain::once::OnceToken;
use crate::domain::organization::{Organization, OrganizationNumber};
use crate::domain::path::EntryPath;
use crate::domain::plans::Plans;
use crate::domain::upload::PartialUpload;
use crate::domain::usage::{Tally, Usage};

/// The model of a ledger.
pub struct MemoryLedger {
    state: Mutex<State>,
    calls: AtomicU64,
}

impl MemoryLedger {
    /// An empty ledger that takes the identities it makes itself from `ids`: those of blobs, and
    /// of folders that uploads make on their way.
    pub fn new(ids: Arc<IdSource>) -> Self {
        Self { state: Mutex::new(State::new(ids)), calls: AtomicU64::new(0) }
    }

    /// How often it was asked for anything, by whomever.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// A check that failed while it held the mutex has not harmed the others.
    fn state(&self) -> MutexGuard<'_, State> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything.
struct State {
    ids: Arc<IdSource>,
    last_number: i64,
    organizations: BTreeMap<OrganizationNumber, Holdings>,
    keys: Vec<KeyRow>,
    secrets: BTreeMap<&'static str, [u8; 32]>,
    /// Open intents, with the time at which the sweep may take each.
    intents: BTreeMap<BlobKey, Timestamp>,
    queue: BTreeMap<BatchNumber, Batch>,
    plans: Plans,
    /// What happened once, by whose it is and who asked.
    effects: BTreeMap<(Option<OrganizationNumber>, OnceToken), Remembered>,
}

/// What belongs to one organization.
struct Holdings {
    organization: Organization,
    folders: BTreeMap<EntryPath, FolderRow>,
    files: BTreeMap<EntryPath, FileRecord>,
    commands: BTreeMap<CommandId, CommandRow>,
    /// What outlives files, by the version of which it was kept.
    keepsakes: BTreeMap<(EntryId, BlobKey), Keepsake>,
    deletions: BTreeMap<DeletionId, Deletion>,
    /// When requests were accepted, by what they were counted as.
    accepted: BTreeMap<&'static str, Vec<Timestamp>>,
    missed: Vec<(MissedSubject, MissedAnswer)>,
    uploads: BTreeMap<UploadId, PartialUpload>,
    stored_plans: BTreeMap<PlanId, StoredPlan>,
    webhooks: BTreeMap<WebhookId, WebhookRow>,
    uploaded: Tally,
    settled: Tally,
}

impl State {
    fn new(ids: Arc<IdSource>) -> Self {
        Self {
            ids,
            last_number: 0,
            organizations: BTreeMap::new(),
            keys: Vec::new(),
            secrets: BTreeMap::new(),
            intents: BTreeMap::new(),
            queue: BTreeMap::new(),
            plans: Plans::default(),
            effects: BTreeMap::new(),
        }
    }

    /// The next of the one counter that numbers everything: organizations, folders, blobs,
    /// batches and the order of versions and deletions.
    fn next_number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }

    fn holdings(&self, number: OrganizationNumber) -> &Holdings {
        self.organizations.get(&number).expect("only this ledger numbers organizations")
    }

    fn holdings_mut(&mut self, number: OrganizationNumber) -> &mut Holdings {
        self.organizations.get_mut(&number).expect("only this ledger numbers organizations")
    }

    fn whole_usage(&self, number: OrganizationNumber) -> Usage {
        let holdings = self.holdings(number);
        let queued = self.queue.values().filter(|batch| batch.organization == Some(number));
        Usage {
            uploaded: holdings.uploaded,
            live: holdings.live_beneath(&EntryPath::root()),
            doomed: holdings.deletions.values().map(Deletion::waiting).sum(),
            condemned: queued.map(Batch::tally).sum(),
            settled: holdings.settled,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::MemoryLedger;
    use crate::ledger::conformance::{self, Fixture};

    pub(crate) fn fixture() -> Fixture {
        Fixture::over(|ids| (std::sync::Arc::new(MemoryLedger::new(ids)), None))
    }

    conformance::suite!(fixture());

    #[test]
    fn a_commit_takes_what_nobody_touched() {
        conformance::planned::a_commit_takes_what_nobody_touched(fixture);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_plan_holds_beside_others() {
        conformance::beside::a_plan_holds_beside_others(fixture()).await;
    }

    /// The model answers alike whenever it is asked alike: nothing in it depends on chance.
    #[test]
    fn the_model_agrees_with_itself() {
        conformance::model::answers_are_equal(fixture, fixture);
    }
}
