//! The ledger: all metadata, behind narrow traits.
//!
//! Each method is one transaction with one guarantee, stated at the method. Whatever answers
//! `Ok` after a change is durable, also after a power cut. "Not found" is `None`, since callers
//! treat it differently every time; a refusal is data; only what a caller cannot help is a
//! [`LedgerError`]. No method calls a blob store, and none is cancelled half-way: a caller that
//! goes away leaves the transaction either done or not begun.
//!
//! `sqlite/` is the embedded ledger. `memory/` is the model that tests compare it with.
//! `conformance/` holds the suite that both pass.

pub mod attach;
pub mod change;
pub mod deletion_records;
pub mod error;
pub mod gauges;
pub mod inspection;
pub mod keepsakes;
pub mod once;
pub mod organizations;
pub mod plans;
pub mod registry;
pub mod reports;
pub mod resumable;
pub mod selections;
pub mod sqlite;
pub mod stored_plans;
pub mod tree;
pub mod walk;
pub mod webhooks;

#[cfg(test)]
pub mod conformance;
#[cfg(test)]
pub mod memory;

use std::time::Duration;

use async_trait::async_trait;

pub use self::attach::AttachLedger;
pub use self::change::{ChangeLedger, ChangeRefusal, EntryChange, FolderRefusal};
pub use self::deletion_records::{
    DeletionOrder, DeletionPage, DeletionQuery, DeletionRecordLedger,
};
pub use self::error::{LedgerError, LedgerErrorKind};
pub use self::gauges::{Gauges, GaugesLedger};
pub use self::inspection::{InspectLedger, Inspection, Standing};
pub use self::keepsakes::{KeepsakeLedger, Page};
pub use self::once::OnceLedger;
pub use self::organizations::{KeyRefusal, NewKey, NewOrganization, OrganizationLedger};
pub use self::plans::PlanLedger;
pub use self::registry::RegistryLedger;
pub use self::reports::ReportLedger;
pub use self::resumable::ResumableLedger;
pub use self::selections::{Cancellation, SelectionLedger};
pub use self::stored_plans::{Keeping, StoredPlanLedger};
pub use self::tree::TreeLedger;
pub use self::walk::{WalkCursor, WalkLedger, WalkQuery, Walked};
pub use self::webhooks::{OutboxLedger, WebhookLedger};
use crate::deletion::plan::Plan;
use crate::deletion::record::{
    AllowanceState, BatchNumber, Committed, CondemnedBatch, Declined, DeletionRecord, Refusal,
};
use crate::deletion::request::{Allowance, DeleteRequest};
use crate::deletion::snapshot::{MissedAnswer, Snapshot};
use crate::deletion::stored::Preview;
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::command::{Command, CommandReport};
use crate::domain::entry::{Entry, FileRecord, NewVersion, Stored, UploadRefusal};
use crate::domain::id::{CommandId, DeletionId, EntryId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::WrittenPath;

/// The pure decision that a deletion's transaction calls between its reads and its writes.
pub type Planner = fn(&DeleteRequest, &Snapshot) -> Result<Plan, Refusal>;

/// Proves who holds a lease. Drawn anew for every lease.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub [u8; 16]);

impl std::fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeaseToken(…)")
    }
}

/// The right to purge a batch until the lease expires. Who lost it settles nothing (I5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose it is.
    pub token: LeaseToken,
    /// When it was given: what is condemned under it has been on the queue since then.
    pub began_at: Timestamp,
    /// From then on others may take the batch.
    pub expires_at: Timestamp,
}

/// What became of a leased batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The batch.
    pub batch: BatchNumber,
    /// The lease under which it was worked on.
    pub token: LeaseToken,
    /// Blobs that could not be removed: they stay condemned. All others are durably gone.
    pub kept: Vec<SizedBlob>,
    /// When the kept ones may be tried again.
    pub retry_at: Timestamp,
}

/// How much one step of background work may do. Whichever bound is met first ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLimits {
    /// Time inside the transaction, while nobody else writes.
    pub duration: Duration,
    /// Time inside the transaction, while somebody does.
    pub duration_beside_others: Duration,
    /// Blobs condemned.
    pub blobs: usize,
}

/// What a step of expanding, or of selecting, did.
#[derive(Clone, Debug, Default)]
pub struct ExpandStep {
    /// The organization that was served; `None` where nothing waits.
    pub served: Option<OrganizationNumber>,
    /// Newly condemned, leased under the step's lease.
    pub batches: Vec<CondemnedBatch>,
    /// Whether others wrote at this time, for whom the next step should leave room.
    pub beside_others: bool,
}

/// Entries and the versions that come in.
#[async_trait]
pub trait EntryLedger: Send + Sync {
    /// Records `count` upload intents with fresh keys that expire at `expires_at`, durably: from
    /// then on whatever is written under one of these keys is found by the sweep.
    async fn reserve_intents(
        &self,
        count: usize,
        expires_at: Timestamp,
    ) -> Result<Vec<BlobKey>, LedgerError>;

    /// Makes a version live and consumes its intent, in one transaction that resolves the parent
    /// anew and makes missing folders. An overwritten version's blob is condemned. The version's
    /// sequence is larger than that of every deletion committed before (I12). A refusal changes
    /// nothing and leaves the intent.
    async fn commit_version(
        &self,
        realm: &Realm,
        version: NewVersion,
        now: Timestamp,
    ) -> Result<Result<Stored, UploadRefusal>, LedgerError>;

    /// The live file with this id that the realm sees.
    async fn file(&self, realm: &Realm, id: EntryId) -> Result<Option<FileRecord>, LedgerError>;

    /// The live entry at this path that the realm sees. A path that says a folder finds no file.
    async fn entry_at(
        &self,
        realm: &Realm,
        path: &WrittenPath,
    ) -> Result<Option<Entry>, LedgerError>;

    /// Live files that the realm sees, newest first.
    async fn files(&self, realm: &Realm, query: &FileQuery) -> Result<FilePage, LedgerError>;

    /// Which of `ids` are live files of *another* organization, in order. The one read across
    /// organizations: it exists for the `unauthorized` list of one dialect, and tells nothing but
    /// existence.
    async fn exist_elsewhere(
        &self,
        organization: OrganizationNumber,
        ids: &[EntryId],
    ) -> Result<Vec<bool>, LedgerError>;

    /// Locks or unlocks the entry at a path, which gets a new sequence; false where there is none.
    /// Doing it again changes nothing. A lock that was answered holds against every deletion that commits later (I11).
    async fn set_lock(
        &self,
        realm: &Realm,
        path: &WrittenPath,
        locked: bool,
    ) -> Result<bool, LedgerError>;
}

/// Which files to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileQuery {
    /// Only files whose kind is this.
    pub kind: Option<FileKind>,
    /// Only files with at least one of these tags; empty: any.
    pub any_tag: Vec<String>,
    /// Only files whose title or one of whose tags contains this text, letter case aside.
    pub text: Option<String>,
    /// How many to pass over.
    pub offset: u64,
    /// How many to give at most.
    pub limit: u64,
}

/// What kind of thing a file is, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `image/…`
    Image,
    /// `video/…`
    Video,
    /// `audio/…`
    Audio,
    /// Anything else.
    Other,
}

impl FileKind {
    /// The kind of a media type.
    pub fn of(content_type: &str) -> Self {
        match content_type.split('/').next() {
            Some("image") => Self::Image,
            Some("video") => Self::Video,
            Some("audio") => Self::Audio,
            _ => Self::Other,
        }
    }
}

/// One page of a list, with the count of the whole of it, from one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePage {
    /// The files of the page.
    pub files: Vec<FileRecord>,
    /// How many match the query in all.
    pub total: u64,
}

/// Commands and their outputs.
#[async_trait]
pub trait CommandLedger: Send + Sync {
    /// Makes a command, or tells what is known of it where it was to be made once.
    async fn create_command(
        &self,
        realm: &Realm,
        new: NewCommand,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<(), Repeat>, LedgerError>;

    /// The command with all its outputs; `None` also where one of its live outputs lies outside
    /// the realm's prefix.
    async fn command(&self, realm: &Realm, id: CommandId) -> Result<Option<Command>, LedgerError>;
}

/// A command to be made.
#[derive(Clone, Debug)]
pub struct NewCommand {
    /// Its identity.
    pub id: CommandId,
    /// What is reported of it.
    pub report: CommandReport,
}

/// Deletions: the one durable path of every delete.
#[async_trait]
pub trait DeletionLedger: Send + Sync {
    /// Reads the snapshot, calls the planner and applies the plan, all in one write transaction:
    /// entries doomed, names free, usage moved, blobs condemned under `lease`, counts and record
    /// written (I6). When it answers, the deletion is durable and final (I1). A request with a
    /// fence uses up its stored plan in the same transaction; one that is gone, expired or used up
    /// declines it.
    async fn commit_deletion(
        &self,
        request: DeleteRequest,
        planner: Planner,
        lease: Lease,
    ) -> Result<Result<Committed, Declined>, LedgerError>;

    /// What `commit_deletion` would decide now, by the same planner, and what of it a caller is
    /// shown; all from one snapshot. Changes nothing, and uses up no stored plan.
    async fn preview_deletion(
        &self,
        request: DeleteRequest,
        planner: Planner,
    ) -> Result<Result<Preview, Refusal>, LedgerError>;

    /// The record of a deletion of the realm's organization. A key with a prefix sees those that
    /// were asked for with the same prefix or one beneath it.
    async fn deletion(
        &self,
        realm: &Realm,
        id: DeletionId,
    ) -> Result<Option<DeletionRecord>, LedgerError>;

    /// Remembers that somebody who asked to delete `subject`, a file or a command, was told of a
    /// failure although the deletion is committed: the next repeat joins it, once.
    async fn remember_missed(
        &self,
        realm: &Realm,
        subject: MissedSubject,
        answer: MissedAnswer,
    ) -> Result<(), LedgerError>;

    /// One bounded step of work on doomed folders, for the organization that comes after `after`
    /// in a round of all that wait: marks what a commit left to mark, or else turns files into
    /// batches condemned under `lease` and removes folders that have become empty.
    async fn expand_step(
        &self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> Result<ExpandStep, LedgerError>;

    /// How much of an allowance is left.
    async fn allowance(
        &self,
        organization: OrganizationNumber,
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<AllowanceState, LedgerError>;
}

/// What a missed answer was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissedSubject {
    /// A file.
    File(EntryId),
    /// A command's outputs.
    Outputs(CommandId),
}

/// The purge queue.
#[async_trait]
pub trait PurgeQueue: Send + Sync {
    /// Leases due batches, oldest first, until their blobs number `blobs_max` or nothing is due.
    async fn lease_condemned(
        &self,
        now: Timestamp,
        lease: Lease,
        blobs_max: usize,
    ) -> Result<Vec<CondemnedBatch>, LedgerError>;

    /// Settles batches in one transaction. A batch whose token is another by now is left as it
    /// is (I5). Usage and the deletions' counts move by exactly what is gone; a deletion with
    /// nothing left becomes settled at `now`.
    async fn settle(&self, settlements: Vec<Settlement>, now: Timestamp)
    -> Result<(), LedgerError>;

    /// Condemns the blobs of up to `limit` intents that expired at or before `now`, and consumes
    /// the intents; the number of them. The commit of such an upload fails from then on.
    async fn condemn_expired_intents(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, LedgerError>;

    /// How many intents expired at or before `now`: what a sweep would take.
    async fn count_expired_intents(&self, now: Timestamp) -> Result<u64, LedgerError>;

    /// Condemns the blobs of these intents at once, where they still exist: uploads that failed.
    async fn abandon_intents(&self, blobs: &[BlobKey], now: Timestamp) -> Result<(), LedgerError>;
}

/// All of it: what an application holds.
pub trait Ledger:
    EntryLedger
    + TreeLedger
    + ChangeLedger
    + ResumableLedger
    + CommandLedger
    + KeepsakeLedger
    + DeletionLedger
    + PurgeQueue
    + OrganizationLedger
    + PlanLedger
    + StoredPlanLedger
    + InspectLedger
    + AttachLedger
    + WalkLedger
    + DeletionRecordLedger
    + OnceLedger
    + ReportLedger
    + RegistryLedger
    + GaugesLedger
    + SelectionLedger
    + WebhookLedger
    + OutboxLedger
{
}

impl<L> Ledger for L where
    L: EntryLedger
        + TreeLedger
        + ChangeLedger
        + ResumableLedger
        + CommandLedger
        + KeepsakeLedger
        + DeletionLedger
        + PurgeQueue
        + OrganizationLedger
        + PlanLedger
        + StoredPlanLedger
        + StoredPlanLedger
        + InspectLedger
        + AttachLedger
        + WalkLedger
        + DeletionRecordLedger
        + OnceLedger
        + ReportLedger
        + RegistryLedger
        + GaugesLedger
        + SelectionLedger
        + WebhookLedger
        + OutboxLedger
{
}
