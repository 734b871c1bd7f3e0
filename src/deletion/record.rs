//! What is durable of a deletion, and what a caller is told of it.

use serde::{Deserialize, Serialize};

use super::request::{Door, Selector};
use crate::domain::blob::SizedBlob;
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::id::{DeletionId, EntryId, KeyId};
use crate::domain::once::Repeat;
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;

/// Entries that a deletion dooms: exactly those it moved (I9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Folders.
    pub folders: u64,
}

impl Counts {
    /// A folder with its direct files.
    pub const fn folder(direct: Tally) -> Self {
        Self { files: direct.files, bytes: direct.bytes, folders: 1 }
    }

    /// Files without a folder.
    pub const fn files(tally: Tally) -> Self {
        Self { files: tally.files, bytes: tally.bytes, folders: 0 }
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    /// Saturates at zero in each part.
    fn sub(self, other: Self) -> Self {
        Self {
            files: self.files.saturating_sub(other.files),
            bytes: self.bytes.saturating_sub(other.bytes),
            folders: self.folders.saturating_sub(other.folders),
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.folders += other.folders;
    }
}

/// What became of one selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it went. `files` names the single files; those below a folder are counted only.
    Deleted {
        /// What went.
        counts: Counts,
        /// The single files, with their sizes.
        files: Vec<(EntryId, u64)>,
    },
    /// Some of it went; what is locked stayed, and so did what has changed since the plan.
    Partly {
        /// What went.
        counts: Counts,
        /// The topmost locked entries.
        locked: Vec<EntryPath>,
        /// What was planned and stayed, be it locked by now, or has gone otherwise.
        changed: Counts,
    },
    /// None of it went: it has changed since the plan, or is not what was planned.
    Changed {
        /// What was planned.
        changed: Counts,
        /// The topmost locked entries of what is there now.
        locked: Vec<EntryPath>,
    },
    /// All of it is locked, and stayed.
    Locked(Vec<EntryPath>),
    /// The first files that a filter took went, and the rest goes in steps.
    Selecting {
        /// What went.
        counts: Counts,
        /// The first locked entries.
        locked: Vec<EntryPath>,
        /// As much of the rest as was counted, locked files among it.
        beyond: Tally,
    },
    /// It was not there.
    Missing,
    /// It is not the key's to see.
    Forbidden,
    /// Its precondition does not hold.
    PreconditionFailed,
    /// Another selector of the request, the one at this index, took it: its fate is that one's.
    Within(usize),
    /// It had gone with an earlier deletion, whose answer this caller missed.
    Joined(super::snapshot::MissedAnswer),
}

impl Outcome {
    /// What went.
    pub const fn counts(&self) -> Counts {
        match self {
            Self::Deleted { counts, .. }
            | Self::Partly { counts, .. }
            | Self::Selecting { counts, .. } => *counts,
            Self::Changed { .. }
            | Self::Locked(_)
            | Self::Missing
            | Self::Forbidden
            | Self::PreconditionFailed
            | Self::Within(_)
            | Self::Joined(_) => Counts { files: 0, bytes: 0, folders: 0 },
        }
    }

    /// What was planned before and did not go.
    pub const fn changed(&self) -> Counts {
        match self {
            Self::Partly { changed, .. } | Self::Changed { changed, .. } => *changed,
            Self::Deleted { .. }
            | Self::Selecting { .. }
            | Self::Locked(_)
            | Self::Missing
            | Self::Forbidden
            | Self::PreconditionFailed
            | Self::Within(_)
            | Self::Joined(_) => Counts { files: 0, bytes: 0, folders: 0 },
        }
    }

    /// The topmost locked entries that stayed.
    pub fn locked(&self) -> &[EntryPath] {
        match self {
            Self::Partly { locked, .. }
            | Self::Changed { locked, .. }
            | Self::Selecting { locked, .. }
            | Self::Locked(locked) => locked,
            Self::Deleted { .. }
            | Self::Missing
            | Self::Forbidden
            | Self::PreconditionFailed
            | Self::Within(_)
            | Self::Joined(_) => &[],
        }
    }

    /// Whether nothing was found that the key may see.
    pub const fn is_missing(&self) -> bool {
        match self {
            Self::Missing | Self::Forbidden => true,
            Self::Deleted { .. }
            | Self::Partly { .. }
            | Self::Changed { .. }
            | Self::Selecting { .. }
            | Self::Locked(_)
            | Self::PreconditionFailed
            | Self::Within(_)
            | Self::Joined(_) => false,
        }
    }
}

/// Why nothing at all was deleted. The indexes are those of the request's selectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Not there, or another organization's.
    pub missing: Vec<usize>,
    /// The organization's, but not the key's to see.
    pub outside_prefix: Vec<usize>,
    /// Their preconditions do not hold.
    pub precondition_failed: Vec<usize>,
    /// Folders that hold something, where only empty ones may go. Of these it is not looked at
    /// whether something is locked.
    pub not_empty: Vec<usize>,
    /// Locked, by the topmost lock of each.
    pub locked: Vec<(usize, EntryPath)>,
    /// More has changed since the stored plan was made than its commit may look at: plan again.
    pub too_much_changed: bool,
    /// The organization is to be removed and is not switched off.
    pub switched_on: bool,
    /// So many files were found by filters, which is more than an atomic request takes.
    pub too_many_matching: Option<u64>,
    /// So many files would go, which is more than the guard lets go unasked. Judged where nothing
    /// else refuses the request, so that the number is exact.
    pub unconfirmed: Option<u64>,
}

/// The state of an allowance, for the headers of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowanceState {
    /// Accepted requests within the window, at most.
    pub limit: u32,
    /// How many more would be accepted now.
    pub remaining: u32,
    /// When more would be accepted than now, as counted requests leave the window; now, where none
    /// is counted.
    pub resets_at: Timestamp,
}

/// A request that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// The plan refused it.
    Refused(Refusal),
    /// The stored plan is gone, has expired, or was used up by another deletion.
    PlanSpent,
    /// The organization has used up its allowance.
    OverAllowance(AllowanceState),
    /// It was made before, under the same idempotency key: it is a deletion already, or another
    /// request was. Nothing has changed now.
    Repeated(Repeat),
}

/// What a commit decided, durable from then on.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The deletion.
    pub id: DeletionId,
    /// Its place in the order of all changes.
    pub sequence: Sequence,
    /// One outcome for each selector, in the request's order.
    pub outcomes: Vec<Outcome>,
    /// All of them together.
    pub counts: Counts,
    /// What was planned and stayed, or had gone otherwise.
    pub changed: Counts,
    /// The batches of the single files' blobs, leased under the grant of the commit.
    pub batches: Vec<CondemnedBatch>,
    /// Whether doomed folders wait to be expanded, or filters go on in steps.
    pub expanding: bool,
    /// The allowance after this request, where it was counted.
    pub allowance: Option<AllowanceState>,
}

/// Names of locked files that a record keeps on account of filters at most; more are counted only.
pub const LOCKED_NAMES_MAX: usize = 1000;

/// The locked entries that a record names, each once: of those that a filter found the first
/// [`LOCKED_NAMES_MAX`].
pub fn skipped<'o>(selectors: &[Selector], outcomes: &'o [Outcome]) -> Vec<&'o EntryPath> {
    let named = selectors.iter().zip(outcomes).flat_map(|(selector, outcome)| {
        let names_max = match selector {
            Selector::Matching(_) => LOCKED_NAMES_MAX,
            Selector::File(_)
            | Selector::Entry(_)
            | Selector::Path(_)
            | Selector::Outputs(_)
            | Selector::Everything
            | Selector::Unmatchable => usize::MAX,
        };
        outcome.locked().iter().take(names_max)
    });
    let mut skipped: Vec<&EntryPath> = named.collect();
    skipped.sort_unstable();
    skipped.dedup();
    skipped
}

/// How far a deletion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletionState {
    /// Filters go on in steps: more may be doomed yet.
    Selecting,
    /// Doomed, and not all bytes are durably gone.
    Purging,
    /// Nothing left to expand or purge.
    Settled,
}

/// The durable record of a deletion. It is also its audit row: who, when, through which door,
/// what. It holds identities, sizes and counts; no names but those of what stayed, locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionRecord {
    /// The deletion.
    pub id: DeletionId,
    /// Who asked.
    pub key: KeyId,
    /// Through which door.
    pub door: Door,
    /// When it was committed.
    pub at: Timestamp,
    /// How far it is.
    pub state: DeletionState,
    /// What it doomed: exact from the commit on, or from the end of its steps.
    pub doomed: Counts,
    /// What of it is durably gone.
    pub purged: Tally,
    /// Selectors that found nothing that the key may see.
    pub missing: u64,
    /// What was planned and stayed, or had gone otherwise, where it committed a stored plan.
    pub changed: Counts,
    /// The topmost locked entries that stayed; of those that filters found, the first
    /// [`LOCKED_NAMES_MAX`].
    pub skipped: Vec<EntryPath>,
    /// Files that filters found and that stayed, locked.
    pub locked_files: u64,
    /// When somebody ended its steps before they were done.
    pub cancelled_at: Option<Timestamp>,
    /// When the last of it was durably gone.
    pub settled_at: Option<Timestamp>,
}

impl DeletionRecord {
    /// Whole percent of the doomed files that are durably gone: never goes back, and is 100 only
    /// when the deletion has settled (I14). It is 0 for as long as filters go on in steps: what a
    /// part is of is not known before.
    pub fn percent(&self) -> u8 {
        match self.state {
            DeletionState::Selecting => 0,
            DeletionState::Settled => 100,
            DeletionState::Purging => {
                let part = self.purged.files.saturating_mul(100) / self.doomed.files.max(1);
                u8::try_from(part.min(99)).unwrap_or(99)
            }
        }
    }
}

/// Blobs in one condemned batch at most.
pub const BATCH_BLOBS_MAX: usize = 512;

/// A condemned batch, as the ledger numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchNumber(pub i64);

/// Blobs on the purge queue: leased together, settled together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondemnedBatch {
    /// The ledger's number.
    pub number: BatchNumber,
    /// The deletion that condemned them; none for overwritten versions and swept uploads.
    pub deletion: Option<DeletionId>,
    /// At most [`BATCH_BLOBS_MAX`].
    pub blobs: Vec<SizedBlob>,
    /// How often a purge of this batch has failed.
    pub attempts: u32,
}
