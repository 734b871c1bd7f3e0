//! One of the two ledgers: operations go in, comparable texts come out.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::operations::{Operation, PAUSES_SECONDS, PLACES, PLANS, Pick, WORDS, Who, Wish};
use super::together::PARTS_MAX;
use crate::deletion::plan::plan;
use crate::deletion::record::{CondemnedBatch, Declined, Outcome};
use crate::deletion::request::{Allowance, DeleteRequest};
use crate::deletion::snapshot::MissedAnswer;
use crate::deletion::stored::StoredPlan;
use crate::domain::attach::CopySource;
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::{Clock, ManualClock, Timestamp};
use crate::domain::entry::{Entry, FileRecord, NewVersion, Origin};
use crate::domain::id::{CommandId, DeletionId, EntryId, IdSource, WebhookId};
use crate::domain::organization::{DEFAULT_PLAN, Realm};
use crate::domain::plans::{Announced, PlanLimits, Plans, Target};
use crate::domain::random::SeededRandom;
use crate::ledger::conformance::fixture::{
    Fixture, INTENT_LIFETIME, LEASE_DURATION, RETRY_PAUSE, STEP, at, beneath, report, written,
};
use crate::ledger::conformance::tellings::told;
use crate::ledger::{
    DeletionQuery, FileQuery, Lease, LeaseToken, MissedSubject, NewCommand, Page, Settlement,
    Standing, StepLimits,
};

pub(super) const THREE_A_MINUTE: Allowance =
    Allowance { bucket: "model", limit: 3, window: Duration::from_mins(1) };
/// Steps after which expanding must have ended.
const STEPS_MAX: usize = 1000;

/// What both sides are given.
pub(super) struct Given {
    ids: IdSource,
    clock: Arc<ManualClock>,
    pub(super) commands: [CommandId; 2],
    /// Ids that were offered for entries, and those of the deletions; the last is for the next.
    entries: Vec<EntryId>,
    deletions: Vec<DeletionId>,
    /// The ids of what comes together, beside the one that is offered.
    beside: [EntryId; PARTS_MAX],
}

impl Given {
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_770_000_000_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededRandom::new(2)));
        let commands = [ids.next(), ids.next()];
        let (entries, deletions) = (Vec::new(), Vec::new());
        let beside = std::array::from_fn(|_| ids.next());
        Self { ids, clock, commands, entries, deletions, beside }
    }

    /// Draws what the next operation may need.
    pub(super) fn prepare(&mut self) {
        self.entries.push(self.ids.next());
        self.deletions.push(self.ids.next());
        self.beside = std::array::from_fn(|_| self.ids.next());
    }

    /// Moves the time, after both sides have had the operation.
    pub(super) fn advance(&mut self, operation: &Operation) {
        if let Operation::Wait(pause) = operation {
            self.clock.advance(Duration::from_secs(PAUSES_SECONDS[*pause]));
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The id of one of those that come together.
    pub(super) fn together(&self, index: usize) -> EntryId {
        if index == 0 { self.entry() } else { self.beside[index] }
    }

    fn entry(&self) -> EntryId {
        *self.entries.last().expect("an operation was prepared")
    }

    pub(super) fn deletion(&self) -> DeletionId {
        *self.deletions.last().expect("an operation was prepared")
    }

    pub(super) fn lease(&self) -> Lease {
        let token = LeaseToken(u128::try_from(self.deletions.len()).unwrap().to_be_bytes());
        let began_at = self.now();
        Lease { token, began_at, expires_at: began_at.plus(LEASE_DURATION) }
    }

    /// The id of an earlier deletion.
    fn deleted(&self, back: usize) -> DeletionId {
        self.deletions[(self.deletions.len() - 1).saturating_sub(back)]
    }

    /// An id that was offered earlier.
    pub(super) fn offered(&self, back: usize) -> EntryId {
        self.entries[(self.entries.len() - 1).saturating_sub(back)]
    }
}

/// One ledger with what it answered so far.
pub(super) struct Side {
    pub(super) fixture: Fixture,
    pub(super) realms: [Realm; 3],
    /// A webhook of each of them.
    hooks: Vec<WebhookId>,
    /// The order in which keys were reserved.
    ordinals: BTreeMap<BlobKey, usize>,
    pub(super) reserved: Vec<BlobKey>,
    /// What lay where the last bundle looked for what it copies.
    pub(super) looked_at: Option<CopySource>,
    /// Plans that were stored, and in whose realm.
    pub(super) drafts: Vec<(Who, StoredPlan)>,
    held: Vec<(LeaseToken, Vec<CondemnedBatch>)>,
}

/// Every other size comes through the door that keeps something.
fn origin_of(size: u64) -> Option<Origin> {
    (size % 2 == 1).then_some(Origin::RenderioUpload)
}

impl Side {
    pub(super) async fn open(fixture: Fixture, given: &mut Given) -> Self {
        let (one, other) = (fixture.realm().await, fixture.realm().await);
        let narrow = beneath(&one, "/a");
        for id in given.commands {
            fixture
                .ledger
                .create_command(&one, NewCommand { id, report: report() }, None, given.now())
                .await
                .unwrap()
                .unwrap();
        }
        let realms = [one, other, narrow];
        let mut hooks = Vec::new();
        for realm in &realms {
            hooks.push(fixture.webhook(realm).await.id);
        }
        let (ordinals, reserved, held) = (BTreeMap::new(), Vec::new(), Vec::new());
        let drafts = Vec::new();
        Self { fixture, realms, hooks, ordinals, reserved, looked_at: None, drafts, held }
    }

    /// Does one operation; what was answered, as text.
    pub(super) async fn apply(&mut self, operation: &Operation, given: &Given) -> String {
        let ledger = Arc::clone(&self.fixture.ledger);
        let now = given.now();
        match operation {
            Operation::Upload { who, place, size, word, overwrite, late } => {
                let mut version = self.version(PLACES[*place], *size, *late, given).await;
                version.overwrite = (*overwrite).into();
                version.origin = origin_of(*size).unwrap_or(version.origin);
                version.attributes.tags = word.iter().map(|word| WORDS[*word].to_owned()).collect();
                self.commit(*who, version, now).await
            }
            Operation::Output { who, command, key } => {
                let path = format!("/commands/{command}/{key}");
                let mut version = self.version(&path, 1, false, given).await;
                version.output_of = Some((given.commands[*command], key.to_string()));
                version.origin = Origin::CommandOutput;
                self.commit(*who, version, now).await
            }
            Operation::Reserve => {
                let key = self.reserve(now).await;
                self.reserved.push(key);
                String::new()
            }
            Operation::Abandon => {
                let taken = self.reserved.drain(..self.reserved.len().min(1)).collect::<Vec<_>>();
                ledger.abandon_intents(&taken, now).await.unwrap();
                String::new()
            }
            Operation::Make { .. }
            | Operation::Move { .. }
            | Operation::Tag { .. }
            | Operation::Children { .. } => self.arrange(operation, now).await,
            Operation::Attach(bundle) => self.attach(bundle, given).await,
            Operation::Renew => self.renew(now).await,
            Operation::Walk { .. } => self.walk(operation).await,
            Operation::Lock { who, place, locked } => {
                self.lock(*who, PLACES[*place], *locked).await
            }
            Operation::Delete(wish) => self.delete(wish, given).await,
            Operation::Preview(wish) => self.preview(self.request(wish, given).await).await,
            Operation::Draft(wish) => self.draft(wish, given).await,
            Operation::CommitDraft(back) => self.commit_draft(*back, given).await,
            Operation::Miss { pick, files } => self.miss(pick, *files, given).await,
            Operation::List { who, tag, text, offset, limit } => {
                let query = FileQuery {
                    kind: None,
                    any_tag: tag.iter().map(|word| WORDS[*word].to_owned()).collect(),
                    text: text.map(|word| WORDS[word].to_uppercase()),
                    offset: *offset,
                    limit: *limit,
                };
                self.list(*who, &query).await
            }
            Operation::Expand(blobs) => self.expand(*blobs, given.lease()).await,
            Operation::Cancel { who, back } => self.cancel(*who, given.deleted(*back), now).await,
            Operation::Lease => {
                let lease = given.lease();
                let batches = ledger.lease_condemned(now, lease, 1_000_000).await.unwrap();
                self.hold(lease, batches)
            }
            Operation::Settle { back, kept } => self.settle(*back, *kept, now).await,
            Operation::Plan(plan) => self.limit(PLANS[*plan]),
            Operation::Room { who, place, size } => self.room(*who, PLACES[*place], *size).await,
            Operation::Wait(_) => String::new(),
            Operation::Sweep => self.sweep(now).await,
        }
    }

    async fn lock(&self, who: usize, place: &str, locked: bool) -> String {
        let path = written(place);
        let found = self.fixture.ledger.set_lock(&self.realms[who], &path, locked).await.unwrap();
        format!("{found}")
    }

    async fn sweep(&self, now: Timestamp) -> String {
        let ledger = &self.fixture.ledger;
        let condemned = ledger.condemn_expired_intents(now, 1_000_000).await.unwrap();
        let forgotten = ledger.forget_plans(now, 1_000_000).await.unwrap();
        format!("{condemned} {forgotten}")
    }

    async fn list(&self, who: usize, query: &FileQuery) -> String {
        let page = self.fixture.ledger.files(&self.realms[who], query).await.unwrap();
        let files: Vec<String> = page.files.iter().map(|file| self.file(file)).collect();
        format!("{} {files:?}", page.total)
    }

    async fn reserve(&mut self, now: Timestamp) -> BlobKey {
        let expires_at = now.plus(INTENT_LIFETIME);
        let keys = self.fixture.ledger.reserve_intents(1, expires_at).await.unwrap();
        self.ordinals.insert(keys[0], self.ordinals.len());
        keys[0]
    }

    pub(super) async fn version(
        &mut self,
        path: &str,
        size: u64,
        late: bool,
        given: &Given,
    ) -> NewVersion {
        let is_early = late && !self.reserved.is_empty();
        let blob = if is_early { self.reserved.remove(0) } else { self.reserve(given.now()).await };
        NewVersion { entry: given.entry(), ..self.fixture.version_of(blob, path, size) }
    }

    async fn commit(&self, who: Who, version: NewVersion, now: Timestamp) -> String {
        let realm = &self.realms[who];
        match self.fixture.ledger.commit_version(realm, version, now).await.unwrap() {
            Ok(stored) => format!("{} {}", stored.created, self.file(&stored.file)),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    fn limit(
        &self,
        [quota_bytes, quota_files, backlog_bytes_max, file_bytes_max]: [Option<u64>; 4],
    ) -> String {
        let limits = PlanLimits {
            quota_bytes,
            quota_files,
            backlog_bytes_max,
            file_bytes_max,
            ..PlanLimits::default()
        };
        self.fixture.ledger.set_plans(Plans::new([(DEFAULT_PLAN.to_owned(), limits)]));
        String::new()
    }

    async fn room(&self, who: Who, place: &str, bytes: u64) -> String {
        let content_type = "image/png".to_owned();
        let announced = Announced { bytes, content_type, target: Target::At(at(place)) };
        let room = self.fixture.ledger.room(&self.realms[who], &announced).await.unwrap();
        format!("{room:?}")
    }

    async fn delete(&mut self, wish: &Wish, given: &Given) -> String {
        let request = self.request(wish, given).await;
        self.decide(request, given.lease()).await
    }

    pub(super) async fn decide(&mut self, request: DeleteRequest, lease: Lease) -> String {
        let decided = self.fixture.ledger.commit_deletion(request, plan, lease).await.unwrap();
        match decided {
            Ok(committed) => {
                let batches = self.hold(lease, committed.batches);
                let outcomes = outcomes(committed.outcomes);
                let (counts, expanding) = (committed.counts, committed.expanding);
                format!("{outcomes:?} {counts:?} {expanding} {:?} {batches}", committed.allowance)
            }
            Err(Declined::Refused(refusal)) => format!("{refusal:?}"),
            Err(Declined::OverAllowance(state)) => format!("{state:?}"),
            Err(Declined::Repeated(repeat)) => format!("{repeat:?}"),
            Err(Declined::PlanSpent) => "spent".to_owned(),
        }
    }

    async fn miss(&self, pick: &Pick, files: u64, given: &Given) -> String {
        let subject = match pick {
            Pick::Id(back) => MissedSubject::File(given.offered(*back)),
            Pick::Outputs(command) => MissedSubject::Outputs(given.commands[*command]),
            Pick::Place(..) | Pick::Entry(_) | Pick::Matching(_) | Pick::Unmatchable => {
                return String::new();
            }
        };
        let answer = MissedAnswer { deletion: given.deletions[0], files };
        let realm = &self.realms[0];
        self.fixture.ledger.remember_missed(realm, subject, answer).await.unwrap();
        String::new()
    }

    async fn expand(&mut self, blobs: usize, lease: Lease) -> String {
        let mut batches = self.select(blobs, lease).await;
        let mut served = None;
        for _ in 0..STEPS_MAX {
            let limits = StepLimits { blobs, ..STEP };
            let now = self.fixture.now();
            let step = self.fixture.ledger.expand_step(served, lease, limits, now).await.unwrap();
            let condemned: usize = step.batches.iter().map(|batch| batch.blobs.len()).sum();
            assert!(condemned <= blobs, "a step condemned {condemned} blobs of {blobs}");
            batches.extend(step.batches);
            served = step.served;
            if served.is_none() {
                return self.hold(lease, batches);
            }
        }
        panic!("expanding does not end");
    }

    async fn cancel(&self, who: Who, deletion: DeletionId, now: Timestamp) -> String {
        let realm = &self.realms[who];
        let cancelled = self.fixture.ledger.cancel_deletion(realm, deletion, None, now).await;
        format!("{:?}", cancelled.unwrap())
    }

    /// Selects until nothing waits.
    async fn select(&self, blobs: usize, lease: Lease) -> Vec<CondemnedBatch> {
        let mut batches = Vec::new();
        let mut served = None;
        for _ in 0..STEPS_MAX {
            let (limits, now) = (StepLimits { blobs, ..STEP }, self.fixture.now());
            let step = self.fixture.ledger.select_step(served, lease, limits, now).await.unwrap();
            let condemned: usize = step.batches.iter().map(|batch| batch.blobs.len()).sum();
            assert!(condemned <= blobs, "a step condemned {condemned} blobs of {blobs}");
            batches.extend(step.batches);
            served = step.served;
            if served.is_none() {
                return batches;
            }
        }
        panic!("selecting does not end");
    }

    async fn settle(&mut self, back: usize, kept: usize, now: Timestamp) -> String {
        let Some(index) = self.held.len().checked_sub(back + 1) else { return String::new() };
        let (token, batches) = &self.held[index];
        let is_kept = |blob: &&SizedBlob| self.ordinals[&blob.key] % 4 == kept;
        let settlement = |batch: &CondemnedBatch| Settlement {
            batch: batch.number,
            token: *token,
            kept: batch.blobs.iter().filter(is_kept).copied().collect(),
            retry_at: now.plus(RETRY_PAUSE),
        };
        let settlements = batches.iter().map(settlement).collect();
        self.fixture.ledger.settle(settlements, now).await.unwrap();
        String::new()
    }

    /// Remembers leased batches; their blobs, as text.
    fn hold(&mut self, lease: Lease, batches: Vec<CondemnedBatch>) -> String {
        let mut blobs = Vec::new();
        for batch in &batches {
            for blob in &batch.blobs {
                let ordinal = self.ordinals[&blob.key];
                blobs.push((ordinal, blob.size, batch.deletion, batch.attempts));
            }
        }
        blobs.sort_by_key(|(ordinal, ..)| *ordinal);
        self.held.push((lease.token, batches));
        format!("{blobs:?}")
    }

    pub(super) fn entry(&self, entry: &Entry) -> String {
        match entry {
            Entry::File(file) => self.file(file),
            Entry::Folder(folder) => {
                format!("{:?} {:?} {:?}", folder.created_at, folder.locked, folder.direct)
            }
        }
    }

    fn file(&self, file: &FileRecord) -> String {
        let blob = self.ordinals[&file.blob];
        let times = (file.created_at, file.modified_at);
        let rest = (&file.attributes, times, file.locked, file.command, file.content.size);
        format!("{} {:?} {blob} {rest:?}", file.id, file.name)
    }

    /// Everything that can be read, one thing on a line.
    pub(super) async fn state(&self, given: &Given) -> String {
        let ledger = &self.fixture.ledger;
        let mut text = String::new();
        for realm in &self.realms {
            let usage = ledger.usage(realm).await.unwrap();
            assert!(usage.is_conserved(), "{usage:?}");
            writeln!(text, "{usage:?}").unwrap();
            for place in PLACES {
                let entry = ledger.entry_at(realm, &written(place)).await.unwrap();
                let Some(entry) = entry.map(|entry| self.entry(&entry)) else { continue };
                assert!(realm.sees(&at(place)), "{place} is outside of the prefix");
                writeln!(text, "{place} {entry}").unwrap();
            }
            writeln!(text, "{:?}", self.tree(realm).await).unwrap();
            for id in given.commands {
                let command = ledger.command(realm, id).await.unwrap().map(|command| {
                    let ordinal = |key: BlobKey| self.ordinals[&key];
                    let outputs = command.outputs.into_iter();
                    let outputs: Vec<_> =
                        outputs.map(|o| (o.key, o.file, o.size, o.live.map(ordinal))).collect();
                    (command.closed, outputs)
                });
                writeln!(text, "{command:?}").unwrap();
            }
            for page in [Page { offset: 0, limit: 1000 }, Page { offset: 2, limit: 2 }] {
                self.write_known(realm, page, &mut text).await;
            }
            for id in &given.deletions {
                let Some(mut record) = ledger.deletion(realm, *id).await.unwrap() else { continue };
                // The time at which expanding alone ends a deletion is a ledger's own affair.
                let is_settled = record.settled_at.take().is_some();
                record.skipped.sort();
                record.skipped.dedup();
                let items = ledger.deletion_items(realm, *id).await.unwrap();
                writeln!(text, "{record:?} {is_settled} {items:?}").unwrap();
            }
            self.write_deletions(realm, &mut text).await;
        }
        writeln!(text, "{}", self.known_drafts(given).await).unwrap();
        self.write_tellings(&mut text).await;
        self.write_inspection(&mut text).await;
        text
    }

    /// What each webhook was told, but for when: that may be a ledger's own affair.
    async fn write_tellings(&self, text: &mut String) {
        for (realm, hook) in self.realms.iter().zip(&self.hooks) {
            let messages = self.fixture.messages(realm, *hook).await;
            let mut all: Vec<_> = messages.iter().map(told).collect();
            all.sort();
            writeln!(text, "{all:?}").unwrap();
        }
    }

    async fn write_known(&self, realm: &Realm, page: Page, text: &mut String) {
        for file in self.fixture.ledger.known_files(realm, page).await.unwrap() {
            let live = file.live.map(|key| self.ordinals[&key]);
            writeln!(text, "{} {:?} {} {live:?}", file.id, file.origin, file.size).unwrap();
        }
        let commands = self.fixture.ledger.commands(realm, None, page).await.unwrap();
        let commands: Vec<CommandId> = commands.into_iter().map(|command| command.id).collect();
        writeln!(text, "{commands:?}").unwrap();
    }

    /// The list of deletions, in pages.
    async fn write_deletions(&self, realm: &Realm, text: &mut String) {
        let mut query = DeletionQuery { limit: 2, ..DeletionQuery::default() };
        loop {
            let page = self.fixture.ledger.deletions(realm, &query).await.unwrap();
            let ids: Vec<_> = page.records.iter().map(|record| record.id).collect();
            writeln!(text, "{ids:?}").unwrap();
            query.after = page.next;
            if page.next.is_none() {
                return;
            }
        }
    }

    async fn write_inspection(&self, text: &mut String) {
        let inspection = self.fixture.ledger.inspect().await.unwrap();
        assert!(inspection.disagreements.is_empty(), "{:?}", inspection.disagreements);
        let mut blobs: Vec<_> = inspection
            .blobs
            .iter()
            .map(|(key, size, standing)| {
                let size = size.filter(|_| *standing == Standing::Stored);
                (self.ordinals[key], size, *standing)
            })
            .collect();
        blobs.sort_by_key(|(ordinal, ..)| *ordinal);
        writeln!(text, "{blobs:?}").unwrap();
    }
}

/// Without the order of the files of one outcome, which a ledger chooses.
pub(super) fn outcomes(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    for outcome in &mut outcomes {
        if let Outcome::Deleted { files, .. } = outcome {
            files.sort();
        }
    }
    outcomes
}
