//! What is asked to go, and under which policies: the one form of every delete.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fence::Fence;
use crate::domain::clock::Timestamp;
use crate::domain::filter::FileFilter;
use crate::domain::guard::Guard;
use crate::domain::id::{BlobId, CommandId, DeletionId, EntryId, KeyId};
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::path::WrittenPath;

/// Selectors of one request at most.
pub const SELECTORS_MAX: usize = 1000;

/// Files that the filters of one request take in its commit, where nothing less is said.
pub const MATCHED_FILES_MAX: usize = 10_000;

/// One thing that is asked to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// A file, by its id. A folder's id selects nothing here.
    File(EntryId),
    /// A file, or a folder with all below it, by its id. The root's selects nothing.
    Entry(EntryId),
    /// A file, or a folder with all below it, by its path. The root never reaches the engine.
    Path(WrittenPath),
    /// Every live output of a command, which takes no more from then on.
    Outputs(CommandId),
    /// Every live file in sight that a filter takes, each by itself: the folders stay. That there
    /// is none is no fault. A file that another selector names is that one's.
    Matching(FileFilter),
    /// All that the organization holds, its root and its reserved folders included: what removes an
    /// organization. Alone in its request.
    Everything,
    /// A text that cannot name anything, such as a malformed id.
    Unmatchable,
}

/// What has to hold for one selector, or else it takes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precondition {
    /// The selector, by its index in the request.
    pub selector: usize,
    /// It finds a file whose version is one of these. A folder has no version, and a tag that names
    /// none can be left out.
    pub versions: Vec<BlobId>,
}

/// What becomes of the request where a part of it cannot be done, beside what the policies below
/// say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Atomicity {
    /// The whole request is refused.
    AllOrNone,
    /// The rest goes.
    BestEffort,
}

/// What becomes of the request when something selected is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingPolicy {
    /// The whole request is refused.
    Refuse,
    /// It is counted, and the rest goes.
    Count,
}

/// What becomes of the request when something selected is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockedPolicy {
    /// The whole request is refused.
    Refuse,
    /// What is locked stays and is named, and the rest goes.
    Skip,
    /// It goes with the rest: for an organization that its operator removes, and nothing else.
    Remove,
}

/// What becomes of the request when a selected folder holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldersPolicy {
    /// The folder goes with all below it.
    Whole,
    /// The whole request is refused, whatever is in the folder.
    EmptyOnly,
}

/// Through which door a request came. Kept with the deletion's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// All outputs of a command.
    Renderio,
    /// One file by id.
    Swiftia,
    /// Many ids, all or none.
    Templated,
    /// One path.
    Merple,
    /// A batch of paths.
    Sirv,
    /// The native API.
    Native,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Renderio, Self::Swiftia, Self::Templated, Self::Merple, Self::Sirv, Self::Native];

    /// The word for it, in rows and in answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Renderio => "renderio",
            Self::Swiftia => "swiftia",
            Self::Templated => "templated",
            Self::Merple => "merple",
            Self::Sirv => "sirv",
            Self::Native => "native",
        }
    }

    /// The door with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|door| door.word() == word)
    }
}

/// How many requests of one kind an organization may have accepted within a rolling window.
/// Counted in the ledger, in the accepting transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What is counted, as the answer's headers name it.
    pub bucket: &'static str,
    /// Accepted requests within the window, at most.
    pub limit: u32,
    /// How long an accepted request counts.
    pub window: Duration,
}

/// One request to delete. All of it is decided and committed in one transaction.
#[derive(Clone, Debug)]
pub struct DeleteRequest {
    /// The identity of the deletion, made by the caller beforehand.
    pub id: DeletionId,
    /// What the caller can see.
    pub realm: Realm,
    /// Who asks.
    pub key: KeyId,
    /// Through which door.
    pub door: Door,
    /// What is to go, in the order asked. Never empty: an empty request means nothing, not all.
    pub selectors: Vec<Selector>,
    /// What has to hold for single selectors, at most one for each.
    pub preconditions: Vec<Precondition>,
    /// What becomes of all where a part cannot be done.
    pub atomicity: Atomicity,
    /// What is not there.
    pub missing: MissingPolicy,
    /// What is locked.
    pub locked: LockedPolicy,
    /// Folders that hold something.
    pub folders: FoldersPolicy,
    /// Whether a selector that finds nothing joins an earlier deletion whose answer was missed.
    pub joins_missed: bool,
    /// Files that filters take in the commit at most, all together: an atomic request that finds
    /// more is refused, a best effort goes on with them in steps.
    pub matched_files_max: usize,
    /// How much may go without a confirmation.
    pub guard: Option<Guard>,
    /// What the request is counted against.
    pub allowance: Option<Allowance>,
    /// That it is to happen once, however often it is asked for.
    pub once: Option<Once>,
    /// The stored plan that it commits, beyond which it takes nothing.
    pub fence: Option<Fence>,
    /// When it was made.
    pub at: Timestamp,
}

impl DeleteRequest {
    /// Whether everything that filters find has to be counted before it can be decided.
    pub const fn counts_all_matching(&self) -> bool {
        self.guard.is_some()
            || self.fence.is_some()
            || matches!(self.atomicity, Atomicity::AllOrNone)
    }

    /// Whether the organization itself goes, with all that it has.
    pub fn removes_organization(&self) -> bool {
        self.selectors.contains(&Selector::Everything)
    }

    /// From when on ages are counted back: a plan's do not grow until its commit.
    pub fn planned_at(&self) -> Timestamp {
        self.fence.as_ref().map_or(self.at, |fence| fence.made_at)
    }

    /// Whether a filter asks for what the caller cannot see.
    pub fn reaches_out(&self, filter: &FileFilter) -> bool {
        let prefix = filter.prefix.as_ref().filter(|prefix| !prefix.is_root());
        prefix.is_some_and(|prefix| !self.realm.sees(prefix))
    }

    /// Whether the selector at `index` may take what it found: a file's version, or what has none.
    pub fn admits(&self, index: usize, version: Option<BlobId>) -> bool {
        let precondition = self.preconditions.iter().find(|one| one.selector == index);
        precondition.is_none_or(|one| version.is_some_and(|found| one.versions.contains(&found)))
    }
}
