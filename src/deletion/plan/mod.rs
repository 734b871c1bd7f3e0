//! The decision: what a deletion will change, or why it is refused.
//!
//! Pure. It is made of the request and the snapshot and nothing else, in the same way for a
//! preview and for a commit, so that a preview cannot lie.
//!
//! Around locks the rule is one for every shape of tree. A folder *survives* when it is locked,
//! lies below a lock, or leads to something locked. Below a locked folder nothing goes. In a
//! survivor that is not covered by a lock the unlocked direct files go, and so does every child
//! folder that does not survive, whole.

mod matching;

use std::collections::HashSet;

use self::matching::{plan_matching, too_many};
use super::record::{Counts, Outcome, Refusal};
use super::request::{Atomicity, DeleteRequest, FoldersPolicy, LockedPolicy, MissingPolicy};
use super::snapshot::{Found, FoundFile, FoundFolder, FoundOutputs, LockedFile, Snapshot};
use crate::domain::entry::FolderNumber;
use crate::domain::guard::Guard;
use crate::domain::id::CommandId;
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::usage::Tally;

/// Folders that one commit marks at most. Of a larger tree the root is detached first, and the
/// rest is marked in steps.
pub const FOLDERS_PER_COMMIT_MAX: usize = 100_000;

/// What a deletion will change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One outcome for each selector, in the request's order.
    pub outcomes: Vec<Outcome>,
    /// Single files that go.
    pub files: Vec<FoundFile>,
    /// Trees that go whole.
    pub trees: Vec<DoomedTree>,
    /// Folders that stay and lose their unlocked files.
    pub survivors: Vec<Survivor>,
    /// Commands that take no more outputs.
    pub closed: Vec<CommandId>,
    /// Selectors whose filters go on in steps behind the commit, by index.
    pub selections: Vec<usize>,
    /// Files that filters found and that stay, locked.
    pub locked_files: u64,
    /// All outcomes together.
    pub counts: Counts,
    /// What the steps of filters will take beside that, as far as it was counted.
    pub beyond: Tally,
    /// Selectors that found nothing that the key may see.
    pub missing: u64,
}

/// A tree that goes whole: its root leaves the tree of entries, and its name is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoomedTree {
    /// The folder that is detached.
    pub root: FolderNumber,
    /// Whether `folders` are marked in the commit, or in steps behind it.
    pub marking: Marking,
    /// Everything in it.
    pub counts: Counts,
}

/// When the folders of a doomed tree are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marking {
    /// In the commit: all of these, the root among them.
    InCommit(Vec<FolderNumber>),
    /// The root in the commit, the rest in steps.
    InSteps,
}

/// A folder that stays, because of something locked, and loses its unlocked direct files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// The folder.
    pub folder: FolderNumber,
    /// The files that go.
    pub doomed: Tally,
    /// The locked files that stay, to be stamped above the deletion.
    pub kept: Vec<EntryName>,
}

/// Decides. A refusal means that nothing changes at all.
pub fn plan(request: &DeleteRequest, snapshot: &Snapshot) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let mut refusal = Refusal::default();
    let mut folders_left = FOLDERS_PER_COMMIT_MAX;
    for (index, found) in snapshot.found.iter().enumerate() {
        let outcome = match found {
            Found::Nothing => {
                refusal.missing.push(index);
                Outcome::Missing
            }
            Found::OutsidePrefix => {
                refusal.outside_prefix.push(index);
                Outcome::Forbidden
            }
            Found::OtherVersion => {
                refusal.precondition_failed.push(index);
                Outcome::PreconditionFailed
            }
            Found::Missed(answer) => Outcome::Joined(*answer),
            Found::Within(other) => Outcome::Within(last_taker(&snapshot.found, *other)),
            Found::File(file) => plan_files(std::slice::from_ref(file), &mut plan),
            Found::Outputs(outputs) => plan_outputs(outputs, &mut plan),
            Found::Matching(matching) => plan_matching(index, matching, &mut plan),
            Found::Folder(folder) if must_stay_whole(request, folder) => {
                // The refusal is certain, and the plan with its outcomes void.
                refusal.not_empty.push(index);
                continue;
            }
            Found::Folder(folder) => plan_folder(folder, &mut folders_left, &mut plan),
        };
        note_outcome(index, &outcome, &mut plan, &mut refusal);
        plan.outcomes.push(outcome);
    }
    if request.atomicity == Atomicity::BestEffort {
        refusal.precondition_failed.clear();
    }
    if request.missing == MissingPolicy::Count {
        refusal.missing.clear();
        refusal.outside_prefix.clear();
    }
    if request.locked == LockedPolicy::Skip {
        refusal.locked.clear();
    }
    too_many(request, snapshot, &mut refusal);
    let may_go = refusal == Refusal::default();
    refusal.unconfirmed = may_go.then(|| unconfirmed(request, snapshot, &plan)).flatten();
    match refusal == Refusal::default() {
        true => Ok(plan),
        false => Err(refusal),
    }
}

/// The selector that takes, in the end, what the one at `index` seemed to: a folder that is named
/// may lie in another that is.
fn last_taker(found: &[Found], index: usize) -> usize {
    let next = |index: &usize| match found.get(*index) {
        Some(Found::Within(other)) => Some(*other),
        _ => None,
    };
    // No chain is longer than the list.
    std::iter::successors(Some(index), next).take(found.len().max(1)).last().unwrap_or(index)
}

/// How many files would go, where the guard wants that confirmed.
fn unconfirmed(request: &DeleteRequest, snapshot: &Snapshot, plan: &Plan) -> Option<u64> {
    let (doomed, live) = (plan.counts.files + plan.beyond.files, snapshot.live.files);
    let stops = |guard: Guard| !guard.admits(doomed, live);
    request.guard.is_some_and(stops).then_some(doomed)
}

/// Whether the request spares this folder because something is in it.
fn must_stay_whole(request: &DeleteRequest, folder: &FoundFolder) -> bool {
    match request.folders {
        FoldersPolicy::Whole => false,
        FoldersPolicy::EmptyOnly => folder.holds_something(),
    }
}

fn note_outcome(index: usize, outcome: &Outcome, plan: &mut Plan, refusal: &mut Refusal) {
    plan.counts += outcome.counts();
    plan.missing += u64::from(outcome.is_missing());
    refusal.locked.extend(outcome.locked().iter().map(|path| (index, path.clone())));
}

fn plan_files(files: &[FoundFile], plan: &mut Plan) -> Outcome {
    let locked = topmost(files.iter().filter_map(|file| file.lock.clone()).collect());
    let going: Vec<&FoundFile> = files.iter().filter(|file| file.lock.is_none()).collect();
    let counts = Counts::files(going.iter().map(|file| Tally::one(file.blob.size)).sum());
    plan.files.extend(going.iter().map(|file| (*file).clone()));
    match (locked.is_empty(), going.is_empty()) {
        (true, _) => Outcome::Deleted {
            counts,
            files: going.iter().map(|file| (file.id, file.blob.size)).collect(),
        },
        (false, true) => Outcome::Locked(locked),
        (false, false) => Outcome::Partly { counts, locked },
    }
}

fn plan_outputs(outputs: &FoundOutputs, plan: &mut Plan) -> Outcome {
    plan.closed.push(outputs.command);
    plan_files(&outputs.files, plan)
}

fn plan_folder(folder: &FoundFolder, folders_left: &mut usize, plan: &mut Plan) -> Outcome {
    if folder.lock_above || folder.reserved {
        return Outcome::Locked(vec![folder.path.clone()]);
    }
    let fates = fates(folder);
    let mut counts = Counts::default();
    // Folders of doomed trees, gathered under the index of the tree's root.
    let mut trees: Vec<DoomedTree> = Vec::new();
    let mut tree_of: Vec<Option<usize>> = vec![None; folder.folders.len()];
    for (index, member) in folder.folders.iter().enumerate() {
        if fates[index] != Fate::Goes {
            continue;
        }
        let parent = member.parent as usize;
        let tree = match tree_of[parent] {
            Some(tree) if parent != index => tree,
            _ => {
                let marking = Marking::InCommit(Vec::new());
                trees.push(DoomedTree { root: member.number, marking, counts: Counts::default() });
                trees.len() - 1
            }
        };
        tree_of[index] = Some(tree);
        trees[tree].counts += Counts::folder(member.direct);
        counts += Counts::folder(member.direct);
        if let Marking::InCommit(folders) = &mut trees[tree].marking {
            folders.push(member.number);
        }
    }
    for tree in &mut trees {
        mark_within_bound(tree, folders_left);
    }
    plan.trees.append(&mut trees);
    for survivor in survivors(folder, &fates) {
        counts += Counts::files(survivor.doomed);
        plan.survivors.push(survivor);
    }
    outcome_of(folder, counts)
}

/// A tree that does not fit what is left of the commit's bound is marked in steps.
fn mark_within_bound(tree: &mut DoomedTree, folders_left: &mut usize) {
    let Marking::InCommit(folders) = &tree.marking else { return };
    match folders_left.checked_sub(folders.len()) {
        Some(left) => *folders_left = left,
        None => tree.marking = Marking::InSteps,
    }
}

fn outcome_of(folder: &FoundFolder, counts: Counts) -> Outcome {
    let folders = folder.locked_folders.iter().map(|(_, path)| path.clone());
    let files = folder.locked_files.iter().map(|file| file.path.clone());
    let locked = topmost(folders.chain(files).collect());
    match (locked.is_empty(), counts == Counts::default()) {
        (true, _) => Outcome::Deleted { counts, files: Vec::new() },
        (false, true) => Outcome::Locked(locked),
        (false, false) => Outcome::Partly { counts, locked },
    }
}

/// What becomes of a folder of the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing in it is locked.
    Goes,
    /// It leads to something locked.
    Survives,
    /// It is locked, or lies below a locked folder: nothing in it goes.
    Covered,
}

fn fates(folder: &FoundFolder) -> Vec<Fate> {
    let mut fates = vec![Fate::Goes; folder.folders.len()];
    if folder.locked_folders.is_empty() && folder.locked_files.is_empty() {
        return fates;
    }
    for (index, _) in &folder.locked_folders {
        fates[*index as usize] = Fate::Covered;
    }
    for file in &folder.locked_files {
        if fates[file.folder as usize] == Fate::Goes {
            fates[file.folder as usize] = Fate::Survives;
        }
    }
    // Parents precede their children: covers run down in this order, survival up in the other.
    for index in 1..fates.len() {
        if fates[folder.folders[index].parent as usize] == Fate::Covered {
            fates[index] = Fate::Covered;
        }
    }
    for index in (1..fates.len()).rev() {
        let parent = folder.folders[index].parent as usize;
        if fates[index] != Fate::Goes && fates[parent] == Fate::Goes {
            fates[parent] = Fate::Survives;
        }
    }
    fates
}

fn survivors(folder: &FoundFolder, fates: &[Fate]) -> Vec<Survivor> {
    let mut kept: Vec<Vec<&LockedFile>> = vec![Vec::new(); fates.len()];
    for file in &folder.locked_files {
        kept[file.folder as usize].push(file);
    }
    let surviving = (0..fates.len()).filter(|index| fates[*index] == Fate::Survives);
    surviving
        .map(|index| {
            let stays: Tally = kept[index].iter().map(|file| Tally::one(file.size)).sum();
            Survivor {
                folder: folder.folders[index].number,
                doomed: folder.folders[index].direct - stays,
                kept: kept[index].iter().map(|file| file.name.clone()).collect(),
            }
        })
        .filter(|survivor| survivor.doomed.files > 0)
        .collect()
}

/// Sorted, without repetition, and without what lies below another of them.
fn topmost(mut paths: Vec<EntryPath>) -> Vec<EntryPath> {
    // A path sorts behind everything above it.
    paths.sort();
    let mut top: HashSet<EntryPath> = HashSet::new();
    let is_covered = |path: &EntryPath, top: &HashSet<EntryPath>| {
        std::iter::successors(Some(path.clone()), EntryPath::parent)
            .any(|above| top.contains(&above))
    };
    paths.retain(|path| !is_covered(path, &top) && top.insert(path.clone()));
    paths
}

#[cfg(test)]
mod tests;
