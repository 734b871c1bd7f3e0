//! What every check is written with: a ledger, a clock that stands still, and verbs.
//!
//! Each verb that changes something looks at the whole ledger afterwards: usage is conserved
//! (I9, I13) and the ledger agrees with itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use crate::deletion::plan::plan;
use crate::deletion::record::{Committed, CondemnedBatch, Declined, DeletionRecord};
use crate::deletion::request::{
    Atomicity, DeleteRequest, Door, FoldersPolicy, LockedPolicy, MATCHED_FILES_MAX, MissingPolicy,
    Selector,
};
use crate::domain::blob::{BlobFacts, BlobKey, SizedBlob};
use crate::domain::clock::{Clock, ManualClock, Timestamp};
use crate::domain::command::{CommandReport, CommandStatus, CommandType};
use crate::domain::entry::{
    Attributes, Entry, FileRecord, FolderRecord, NewVersion, Origin, Stored, UploadRefusal,
};
use crate::domain::id::{CommandId, DeletionId, IdSource, KeyId};
use crate::domain::organization::{DEFAULT_PLAN, Organization, OrganizationNumber, Realm};
use crate::domain::overwrite::Overwrite;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::domain::random::SeededRandom;
use crate::domain::usage::Usage;
use crate::ledger::{
    ExpandStep, Lease, LeaseToken, Ledger, NewCommand, NewOrganization, Settlement, StepLimits,
};

/// How long a fixture's lease lasts.
pub(crate) const LEASE_DURATION: Duration = Duration::from_mins(1);
/// How long a fixture's upload may last.
pub(crate) const INTENT_LIFETIME: Duration = Duration::from_hours(1);
/// How long what could not be purged waits for the next try.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Steps after which expanding must have ended: a ledger that needs more goes round in circles.
pub(crate) const STEPS_MAX: usize = 10_000;
/// More blobs than any check puts on the queue.
const DUE_BLOBS_MAX: usize = 1_000_000;
/// What a step may do unless a check says otherwise.
pub(crate) const STEP: StepLimits = StepLimits {
    duration: Duration::from_secs(10),
    duration_beside_others: Duration::from_secs(10),
    blobs: 2048,
};

/// A ledger to be checked.
pub(crate) struct Fixture {
    /// The ledger.
    pub(crate) ledger: Arc<dyn Ledger>,
    /// Identities, from the clock below.
    pub(crate) ids: Arc<IdSource>,
    /// Stands still until a check moves it.
    pub(crate) clock: Arc<ManualClock>,
    leases: AtomicU64,
    /// Where the ledger keeps its files; removed with the fixture.
    _dir: Option<TempDir>,
}

impl Fixture {
    /// A fixture over the empty ledger that `open` makes, with the directory it needs, if any.
    pub(crate) fn over(
        open: impl FnOnce(Arc<IdSource>) -> (Arc<dyn Ledger>, Option<TempDir>),
    ) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_770_000_000_000)));
        let ids = Arc::new(IdSource::new(clock.clone(), Arc::new(SeededRandom::new(1))));
        let (ledger, dir) = open(Arc::clone(&ids));
        Self { ledger, ids, clock, leases: AtomicU64::new(0), _dir: dir }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A lease that nobody else holds, from now on.
    pub(crate) fn lease(&self) -> Lease {
        let number = self.leases.fetch_add(1, Ordering::SeqCst) + 1;
        let token = LeaseToken(u128::from(number).to_be_bytes());
        let began_at = self.now();
        Lease { token, began_at, expires_at: began_at.plus(LEASE_DURATION) }
    }

    pub(crate) fn id<Id: From<Uuid>>(&self) -> Id {
        self.ids.next()
    }

    // Organizations.

    pub(crate) async fn organization(&self) -> Organization {
        let new = NewOrganization {
            id: self.id(),
            name: "Example".to_owned(),
            plan: DEFAULT_PLAN.to_owned(),
            folders: [self.id(), self.id(), self.id()],
        };
        self.ledger.create_organization(new, None, self.now()).await.unwrap().unwrap()
    }

    /// All of a new organization.
    pub(crate) async fn realm(&self) -> Realm {
        Realm::whole(self.organization().await.number)
    }

    pub(crate) async fn usage(&self, realm: &Realm) -> Usage {
        self.ledger.usage(realm).await.unwrap()
    }

    /// Fails where any organization's usage is not conserved or the ledger contradicts itself.
    pub(crate) async fn assert_sound(&self) {
        for organization in self.ledger.organizations().await.unwrap() {
            let usage = self.usage(&Realm::whole(organization.number)).await;
            assert!(usage.is_conserved(), "{usage:?}");
        }
        let found = self.ledger.inspect().await.unwrap().disagreements;
        assert!(found.is_empty(), "{found:?}");
    }

    // Entries.

    /// A blob key whose intent is recorded.
    pub(crate) async fn intent(&self) -> BlobKey {
        self.intents(1).await[0]
    }

    pub(crate) async fn intents(&self, count: usize) -> Vec<BlobKey> {
        let expires_at = self.now().plus(INTENT_LIFETIME);
        let keys = self.ledger.reserve_intents(count, expires_at).await.unwrap();
        assert_eq!(keys.len(), count);
        keys
    }

    /// A version for `path` under a fresh intent, which may overwrite.
    pub(crate) async fn version(&self, path: &str, size: u64) -> NewVersion {
        let blob = self.intent().await;
        self.version_of(blob, path, size)
    }

    pub(crate) fn version_of(&self, blob: BlobKey, path: &str, size: u64) -> NewVersion {
        let path = at(path);
        let title = path.name().map_or_else(String::new, |name| name.as_str().to_owned());
        NewVersion {
            entry: self.id(),
            overwrite: Overwrite::Always,
            blob,
            content: BlobFacts { size, checksum: [u8::try_from(size % 251).unwrap(); 32] },
            attributes: attributes(&title),
            output_of: None,
            origin: Origin::Ordinary,
            path,
        }
    }

    pub(crate) async fn commit(
        &self,
        realm: &Realm,
        version: NewVersion,
    ) -> Result<Stored, UploadRefusal> {
        let committed = self.ledger.commit_version(realm, version, self.now()).await.unwrap();
        self.assert_sound().await;
        committed
    }

    /// Stores `size` bytes at `path`, over what lies there.
    pub(crate) async fn upload(&self, realm: &Realm, path: &str, size: u64) -> FileRecord {
        self.commit(realm, self.version(path, size).await).await.unwrap().file
    }

    /// Stores one byte at each of `paths`, which are new.
    pub(crate) async fn upload_each(&self, realm: &Realm, paths: &[&str]) -> Vec<FileRecord> {
        let mut files = Vec::new();
        for (blob, path) in self.intents(paths.len()).await.into_iter().zip(paths) {
            let version = self.version_of(blob, path, 1);
            let stored = self.ledger.commit_version(realm, version, self.now()).await.unwrap();
            files.push(stored.unwrap().file);
        }
        self.assert_sound().await;
        files
    }

    /// Stores `count` files of one byte in `folder`.
    pub(crate) async fn upload_many(
        &self,
        realm: &Realm,
        folder: &str,
        count: usize,
    ) -> Vec<FileRecord> {
        let paths: Vec<String> = (0..count).map(|n| format!("{folder}/{n:05}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        self.upload_each(realm, &paths).await
    }

    pub(crate) async fn entry(&self, realm: &Realm, path: &str) -> Option<Entry> {
        self.ledger.entry_at(realm, &written(path)).await.unwrap()
    }

    pub(crate) async fn file_at(&self, realm: &Realm, path: &str) -> Option<FileRecord> {
        match self.entry(realm, path).await {
            Some(Entry::File(file)) => Some(file),
            Some(Entry::Folder(_)) | None => None,
        }
    }

    pub(crate) async fn folder_at(&self, realm: &Realm, path: &str) -> Option<FolderRecord> {
        match self.entry(realm, path).await {
            Some(Entry::Folder(folder)) => Some(folder),
            Some(Entry::File(_)) | None => None,
        }
    }

    /// Which of `paths` hold something.
    pub(crate) async fn present<'a>(&self, realm: &Realm, paths: &[&'a str]) -> Vec<&'a str> {
        let mut present = Vec::new();
        for path in paths {
            if self.entry(realm, path).await.is_some() {
                present.push(*path);
            }
        }
        present
    }

    pub(crate) async fn set_lock(&self, realm: &Realm, path: &str, locked: bool) -> bool {
        let found = self.ledger.set_lock(realm, &written(path), locked).await.unwrap();
        self.assert_sound().await;
        found
    }

    /// Locks what lies at each of `paths`.
    pub(crate) async fn lock(&self, realm: &Realm, paths: &[&str]) {
        for path in paths {
            assert!(self.set_lock(realm, path, true).await, "{path}");
        }
    }

    // Commands.

    pub(crate) async fn command(&self, realm: &Realm) -> CommandId {
        let id = self.id();
        self.ledger
            .create_command(realm, NewCommand { id, report: report() }, None, self.now())
            .await
            .unwrap()
            .unwrap();
        id
    }

    /// Stores `size` bytes at `path` as the command's output `key`.
    pub(crate) async fn output(
        &self,
        realm: &Realm,
        (command, key): (CommandId, &str),
        path: &str,
        size: u64,
    ) -> Result<FileRecord, UploadRefusal> {
        let version = NewVersion {
            output_of: Some((command, key.to_owned())),
            origin: Origin::CommandOutput,
            ..self.version(path, size).await
        };
        Ok(self.commit(realm, version).await?.file)
    }

    // Deletions.

    /// A request that is refused when anything is missing or locked.
    pub(crate) fn request(&self, realm: &Realm, selectors: Vec<Selector>) -> DeleteRequest {
        DeleteRequest {
            id: self.id(),
            realm: realm.clone(),
            key: KeyId::from_bytes([7; 16]),
            door: Door::Native,
            selectors,
            preconditions: Vec::new(),
            atomicity: Atomicity::AllOrNone,
            missing: MissingPolicy::Refuse,
            locked: LockedPolicy::Refuse,
            folders: FoldersPolicy::Whole,
            joins_missed: false,
            matched_files_max: MATCHED_FILES_MAX,
            guard: None,
            allowance: None,
            once: None,
            fence: None,
            at: self.now(),
        }
    }

    /// A request that takes what it can.
    pub(crate) fn lenient(&self, realm: &Realm, selectors: Vec<Selector>) -> DeleteRequest {
        let atomicity = Atomicity::BestEffort;
        let missing = MissingPolicy::Count;
        let locked = LockedPolicy::Skip;
        DeleteRequest { atomicity, missing, locked, ..self.request(realm, selectors) }
    }

    pub(crate) async fn delete(&self, request: DeleteRequest) -> Result<Committed, Declined> {
        let lease = self.lease();
        let decided = self.ledger.commit_deletion(request, plan, lease).await.unwrap();
        self.assert_sound().await;
        decided
    }

    /// Deletes what lies at `path`; nothing may be locked.
    pub(crate) async fn delete_path(&self, realm: &Realm, path: &str) -> Committed {
        self.delete(self.request(realm, vec![by_path(path)])).await.unwrap()
    }

    pub(crate) async fn record(&self, realm: &Realm, id: DeletionId) -> DeletionRecord {
        self.ledger.deletion(realm, id).await.unwrap().expect("the realm sees the deletion")
    }

    // Behind the answers.

    pub(crate) async fn expand_once(
        &self,
        after: Option<OrganizationNumber>,
        blobs: usize,
    ) -> ExpandStep {
        let limits = StepLimits { blobs, ..STEP };
        let step = self.ledger.expand_step(after, self.lease(), limits, self.now()).await.unwrap();
        self.assert_sound().await;
        step
    }

    /// Expands until nothing waits, in steps of `blobs`; all batches.
    pub(crate) async fn expand(&self, blobs: usize) -> Vec<CondemnedBatch> {
        let mut batches = Vec::new();
        let mut served = None;
        for _ in 0..STEPS_MAX {
            let step = self.expand_once(served, blobs).await;
            served = step.served;
            batches.extend(step.batches);
            if served.is_none() {
                return batches;
            }
        }
        panic!("expanding does not end");
    }

    /// Leases whatever is due.
    pub(crate) async fn lease_due(&self, lease: Lease) -> Vec<CondemnedBatch> {
        self.ledger.lease_condemned(self.now(), lease, DUE_BLOBS_MAX).await.unwrap()
    }

    /// Settles these batches, of which all blobs are gone but those in `kept`.
    pub(crate) async fn settle(
        &self,
        batches: &[CondemnedBatch],
        token: LeaseToken,
        kept: impl Fn(&SizedBlob) -> bool,
    ) {
        let retry_at = self.now().plus(RETRY_PAUSE);
        let settlement = |batch: &CondemnedBatch| Settlement {
            batch: batch.number,
            token,
            kept: batch.blobs.iter().filter(|blob| kept(blob)).copied().collect(),
            retry_at,
        };
        let settlements = batches.iter().map(settlement).collect();
        self.ledger.settle(settlements, self.now()).await.unwrap();
        self.assert_sound().await;
    }

    /// Lets all leases expire, then leases and purges everything on the queue; the blobs.
    pub(crate) async fn purge(&self) -> Vec<SizedBlob> {
        self.clock.advance(LEASE_DURATION);
        let lease = self.lease();
        let batches = self.lease_due(lease).await;
        self.settle(&batches, lease.token, |_| false).await;
        batches.into_iter().flat_map(|batch| batch.blobs).collect()
    }

    /// Selects, expands and purges until nothing is left; the blobs that are gone, in order.
    pub(crate) async fn drain(&self) -> Vec<BlobKey> {
        self.select(STEP.blobs).await;
        self.expand(STEP.blobs).await;
        let mut gone: Vec<BlobKey> = self.purge().await.iter().map(|blob| blob.key).collect();
        gone.sort();
        gone
    }
}

/// A path in its canonical form.
pub(crate) fn at(path: &str) -> EntryPath {
    EntryPath::parse(path).unwrap()
}

/// A path as a client writes it.
pub(crate) fn written(path: &str) -> WrittenPath {
    EntryPath::parse_written(path).unwrap()
}

/// Selects what lies at a path.
pub(crate) fn by_path(path: &str) -> Selector {
    Selector::Path(written(path))
}

/// The part of a realm beneath `prefix`.
pub(crate) fn beneath(realm: &Realm, prefix: &str) -> Realm {
    Realm { organization: realm.organization, prefix: at(prefix) }
}

/// What a client says who says little.
pub(crate) fn attributes(title: &str) -> Attributes {
    Attributes {
        title: title.to_owned(),
        content_type: "image/png".to_owned(),
        tags: Vec::new(),
        description: None,
        external_id: None,
    }
}

/// A report that says little.
pub(crate) fn report() -> CommandReport {
    CommandReport {
        status: CommandStatus::Success,
        command_type: CommandType::FfmpegCommand,
        metadata: None,
        original_request: None,
        total_processing_seconds: None,
        ffmpeg_command_run_seconds: None,
        error_status: None,
        error_message: None,
    }
}

/// The blob keys of batches, in order.
pub(crate) fn keys_of(batches: &[CondemnedBatch]) -> Vec<BlobKey> {
    let blobs = batches.iter().flat_map(|batch| &batch.blobs);
    let mut keys: Vec<BlobKey> = blobs.map(|blob| blob.key).collect();
    keys.sort();
    keys
}

/// The blob keys of files, in order.
pub(crate) fn blobs_of(files: &[FileRecord]) -> Vec<BlobKey> {
    let mut keys: Vec<BlobKey> = files.iter().map(|file| file.blob).collect();
    keys.sort();
    keys
}
