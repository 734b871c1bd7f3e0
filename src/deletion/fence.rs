//! The fence of a stored plan: up to where its snapshot read, and what each selector found then.
//!
//! No list of files is kept. Every change draws a larger sequence, of the file or of the folder,
//! so whatever lies above the fence has changed since the plan was made, and stays: itself, and
//! all that lies in a folder that has changed. What lies at or below it, with all folders above
//! it, was there, at this path, under the same locks, and is the same. So what a commit takes of a
//! selector is always a part of what was planned for it, and the difference has changed.

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::record::{Counts, Outcome};
use super::snapshot::{Found, Snapshot};
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::id::{CommandId, EntryId, PlanId};
use crate::domain::path::EntryPath;

/// Files that a commit looks at, at most, in folders that hold changed ones: before it has the
/// writer, and with it again in folders that moved on meanwhile. A folder in which nothing changed
/// costs nothing, however large it is.
pub const LOOK_FILES_MAX: u64 = 1_000_000;

/// What the commit of a stored plan holds itself to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The plan, which the commit uses up.
    pub plan: PlanId,
    /// The last sequence that its snapshot could see.
    pub sequence: Sequence,
    /// When it was made.
    pub made_at: Timestamp,
    /// What each selector of the request found then, in order.
    pub items: Vec<PlannedItem>,
    /// Files that may be looked at in folders that hold changed ones; usually
    /// [`LOOK_FILES_MAX`].
    pub look_files_max: u64,
}

/// What was planned for one selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedItem {
    /// What it found.
    pub found: PlannedFound,
    /// What would have gone.
    pub counts: Counts,
}

/// What a selector found when the plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedFound {
    /// Nothing that it could take.
    Nothing,
    /// What another selector took.
    Within,
    /// This file or folder.
    Entry(EntryId),
    /// The outputs of this command.
    Outputs(CommandId),
    /// What a filter took.
    Matching,
}

impl PlannedFound {
    /// What of a finding a plan keeps.
    pub const fn of(found: &Found) -> Self {
        match found {
            Found::Nothing | Found::Missed(_) | Found::OutsidePrefix | Found::OtherVersion => {
                Self::Nothing
            }
            Found::Within(_) => Self::Within,
            Found::File(file) => Self::Entry(file.id),
            Found::Folder(folder) => Self::Entry(folder.id),
            Found::Outputs(outputs) => Self::Outputs(outputs.command),
            Found::Matching(_) => Self::Matching,
        }
    }
}

/// What was planned for each selector.
pub fn planned_items(snapshot: &Snapshot, plan: &Plan) -> Vec<PlannedItem> {
    let pairs = snapshot.found.iter().zip(&plan.outcomes);
    let item = |(found, outcome): (&Found, &Outcome)| PlannedItem {
        found: PlannedFound::of(found),
        counts: outcome.counts(),
    };
    pairs.map(item).collect()
}

impl Fence {
    /// What was planned for the selector at `index`: nothing for one that the plan did not have.
    pub fn item(&self, index: usize) -> PlannedItem {
        let nothing = PlannedItem { found: PlannedFound::Nothing, counts: Counts::default() };
        self.items.get(index).copied().unwrap_or(nothing)
    }
}

impl Fence {
    /// All that was planned.
    pub fn planned(&self) -> Counts {
        let mut planned = Counts::default();
        self.items.iter().for_each(|item| planned += item.counts);
        planned
    }
}

impl PlannedItem {
    /// Whether the selector finds what it found then.
    pub fn is_found_again(&self, found: &Found) -> bool {
        self.found == PlannedFound::of(found)
    }
}

/// What a selector comes to now.
#[derive(Default)]
pub(super) struct Taken {
    /// What goes.
    pub(super) counts: Counts,
    /// The single files among it, with their sizes.
    pub(super) files: Vec<(EntryId, u64)>,
    /// The topmost locked entries, which stay.
    pub(super) locked: Vec<EntryPath>,
}

/// What became of a selector, measured by what was planned for it, if anything was;
/// `any_changed` says whether something else than locks keeps a part of what it finds.
pub(super) fn outcome(planned: Option<&PlannedItem>, taken: Taken, any_changed: bool) -> Outcome {
    let Taken { counts, files, locked } = taken;
    let nothing = Counts::default();
    let changed = planned.map_or(nothing, |planned| planned.counts - counts);
    let is_whole = locked.is_empty() && changed == nothing;
    match counts == nothing {
        true if is_whole && !any_changed => Outcome::Deleted { counts, files },
        true if is_whole || changed != nothing => Outcome::Changed { changed, locked },
        true => Outcome::Locked(locked),
        false if is_whole => Outcome::Deleted { counts, files },
        false => Outcome::Partly { counts, locked, changed },
    }
}
