//! The decision: what a deletion will change, or why it is refused.
//!
//! Pure. It is made of the request and the snapshot and nothing else, in the same way for a
//! preview and for a commit, so that a preview cannot lie.
//!
//! Around what is *kept* the rule is one for every shape of tree. Kept is what is locked, and, for
//! a request with a fence, what has changed beyond it. A folder *survives* when it is kept, lies
//! below a kept folder, or leads to something kept. Below a kept folder nothing goes. In a survivor
//! that is not covered by one the direct files go that are not kept themselves, and so does every
//! child folder that does not survive, whole. What is locked may refuse the request; what has
//! changed never does, and is counted.

mod matching;

use std::collections::HashSet;

use self::matching::{plan_matching, too_many};
use super::fence::{self, PlannedItem, Taken};
use super::record::{Counts, Outcome, Refusal};
use super::request::{Atomicity, DeleteRequest, FoldersPolicy, LockedPolicy, MissingPolicy};
use super::snapshot::{Found, FoundFile, FoundFolder, FoundOutputs, Kept, Snapshot};
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
    /// Folders that stay and lose the direct files that are not kept.
    pub survivors: Vec<Survivor>,
    /// Commands that take no more outputs.
    pub closed: Vec<CommandId>,
    /// Selectors whose filters go on in steps behind the commit, by index.
    pub selections: Vec<usize>,
    /// Files that filters found and that stay, locked.
    pub locked_files: u64,
    /// All outcomes together.
    pub counts: Counts,
    /// What was planned before and does not go: of all outcomes together.
    pub changed: Counts,
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

/// A folder that stays, because of something kept, and loses its other direct files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// The folder.
    pub folder: FolderNumber,
    /// The files that go.
    pub doomed: Tally,
    /// The locked files that stay, to be stamped above the deletion. What has changed lies above
    /// the fence, through which the folder is doomed.
    pub kept: Vec<EntryName>,
}

/// Decides. A refusal means that nothing changes at all.
pub fn plan(request: &DeleteRequest, snapshot: &Snapshot) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let mut refusal = Refusal::default();
    let mut folders_left = FOLDERS_PER_COMMIT_MAX;
    for (index, found) in snapshot.found.iter().enumerate() {
        let planned = request.fence.as_ref().map(|fence| fence.item(index));
        let planned = planned.as_ref();
        let outcome = match found {
            found if planned.is_some_and(|planned| !planned.is_found_again(found)) => {
                fence::outcome(planned, Taken::default(), true)
            }
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
            Found::File(file) => plan_files(std::slice::from_ref(file), planned, &mut plan),
            Found::Outputs(outputs) => plan_outputs(outputs, planned, &mut plan),
            Found::Matching(matching) => plan_matching((index, planned), matching, &mut plan),
            Found::Folder(folder) if planned.is_some() && must_stay_whole(request, folder) => {
                fence::outcome(planned, Taken::default(), true)
            }
            Found::Folder(folder) if must_stay_whole(request, folder) => {
                // The refusal is certain, and the plan with its outcomes void.
                refusal.not_empty.push(index);
                continue;
            }
            Found::Folder(folder) => {
                let kept = kept_in(request, folder);
                plan_folder((folder, kept), planned, (&mut folders_left, &mut plan))
            }
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
    refusal.too_much_changed = snapshot.too_much_changed;
    refusal.switched_on = snapshot.switched_on;
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

/// How many files would go, where the guard wants that confirmed: of a stored plan those that it
/// told, since they are what can have been confirmed.
fn unconfirmed(request: &DeleteRequest, snapshot: &Snapshot, plan: &Plan) -> Option<u64> {
    let told = request.fence.as_ref().map(|fence| fence.planned().files);
    let doomed = told.unwrap_or(plan.counts.files + plan.beyond.files);
    let live = snapshot.live.files;
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
    plan.changed += outcome.changed();
    plan.missing += u64::from(outcome.is_missing());
    refusal.locked.extend(outcome.locked().iter().map(|path| (index, path.clone())));
}

fn plan_files(files: &[FoundFile], planned: Option<&PlannedItem>, plan: &mut Plan) -> Outcome {
    let locked = topmost(files.iter().filter_map(|file| file.lock.clone()).collect());
    let is_going = |file: &&FoundFile| file.lock.is_none() && !file.changed;
    let going: Vec<&FoundFile> = files.iter().filter(is_going).collect();
    let counts = Counts::files(going.iter().map(|file| Tally::one(file.blob.size)).sum());
    plan.files.extend(going.iter().map(|file| (*file).clone()));
    let files_going = going.iter().map(|file| (file.id, file.blob.size)).collect();
    let any_changed = files.iter().any(|file| file.changed);
    fence::outcome(planned, Taken { counts, files: files_going, locked }, any_changed)
}

fn plan_outputs(outputs: &FoundOutputs, planned: Option<&PlannedItem>, plan: &mut Plan) -> Outcome {
    plan.closed.push(outputs.command);
    plan_files(&outputs.files, planned, plan)
}

/// What in a folder stays: nothing where its organization goes and its locks are overridden.
fn kept_in<'f>(request: &DeleteRequest, folder: &'f FoundFolder) -> &'f [Kept] {
    match request.locked {
        LockedPolicy::Remove if request.removes_organization() => &[],
        LockedPolicy::Remove | LockedPolicy::Refuse | LockedPolicy::Skip => &folder.kept,
    }
}

fn plan_folder(
    (folder, kept): (&FoundFolder, &[Kept]),
    planned: Option<&PlannedItem>,
    (folders_left, plan): (&mut usize, &mut Plan),
) -> Outcome {
    if folder.lock_above || folder.reserved {
        let locked = vec![folder.path.clone()];
        return fence::outcome(planned, Taken { locked, ..Taken::default() }, false);
    }
    let fates = fates(folder, kept);
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
    for survivor in survivors((folder, kept), &fates) {
        counts += Counts::files(survivor.doomed);
        plan.survivors.push(survivor);
    }
    let locked = topmost(kept.iter().filter_map(Kept::lock).cloned().collect());
    let any_changed = kept.iter().any(|kept| kept.lock().is_none());
    fence::outcome(planned, Taken { counts, locked, ..Taken::default() }, any_changed)
}

/// A tree that does not fit what is left of the commit's bound is marked in steps.
fn mark_within_bound(tree: &mut DoomedTree, folders_left: &mut usize) {
    let Marking::InCommit(folders) = &tree.marking else { return };
    match folders_left.checked_sub(folders.len()) {
        Some(left) => *folders_left = left,
        None => tree.marking = Marking::InSteps,
    }
}

/// What becomes of a folder of the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing in it is kept.
    Goes,
    /// It leads to something kept.
    Survives,
    /// It is kept, or lies below a kept folder: nothing in it goes.
    Covered,
}

fn fates(folder: &FoundFolder, kept: &[Kept]) -> Vec<Fate> {
    let mut fates = vec![Fate::Goes; folder.folders.len()];
    if kept.is_empty() {
        return fates;
    }
    for kept in kept {
        match fates[kept.folder()] {
            _ if kept.covers_folder() => fates[kept.folder()] = Fate::Covered,
            Fate::Goes => fates[kept.folder()] = Fate::Survives,
            Fate::Survives | Fate::Covered => {}
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

fn survivors((folder, all): (&FoundFolder, &[Kept]), fates: &[Fate]) -> Vec<Survivor> {
    let mut kept: Vec<Vec<&Kept>> = vec![Vec::new(); fates.len()];
    for one in all {
        kept[one.folder()].push(one);
    }
    let surviving = (0..fates.len()).filter(|index| fates[*index] == Fate::Survives);
    surviving
        .map(|index| {
            let stays: Tally = kept[index].iter().map(|one| one.files()).sum();
            Survivor {
                folder: folder.folders[index].number,
                doomed: folder.folders[index].direct - stays,
                kept: kept[index].iter().filter_map(|one| one.locked_name()).cloned().collect(),
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
