//! Applying a plan: single files leave, trees are detached and marked, survivors are stamped.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::commands;
use super::super::condemned::{Due, Owner, condemn};
use super::super::expand::Doom;
use super::super::rows::{corrupt, failed, signed};
use super::super::snapshot::subject_bytes;
use super::super::tree::note_latest;
use super::super::usage::Part;
use super::super::writer::WriteTx;
use crate::deletion::plan::{DoomedTree, Marking, Plan, Survivor};
use crate::deletion::record::{CondemnedBatch, Outcome};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::snapshot::FoundFile;
use crate::domain::blob::SizedBlob;
use crate::domain::entry::{FileRecord, FolderNumber, Sequence};
use crate::domain::id::DeletionId;
use crate::domain::organization::OrganizationNumber;
use crate::domain::usage::Tally;
use crate::ledger::{LedgerError, MissedSubject};

/// What is left to do behind the commit.
pub(super) struct Applied {
    /// The blobs of the single files.
    pub(super) batches: Vec<CondemnedBatch>,
    /// Trees and survivors that wait for the expander.
    pub(super) trees: u64,
}

/// Changes everything that the plan says, and nothing else.
pub(super) fn apply(
    tx: &mut WriteTx<'_>,
    request: &DeleteRequest,
    plan: &Plan,
    sequence: Sequence,
    due: Due,
) -> Result<Applied, LedgerError> {
    let organization = request.realm.organization;
    let batches = take_files(tx, (organization, request.id), &plan.files, due)?;
    for tree in &plan.trees {
        doom_tree(tx, request, tree, sequence)?;
    }
    for survivor in &plan.survivors {
        doom_files_of(tx, request, survivor, sequence)?;
    }
    for command in &plan.closed {
        commands::close(tx, &request.realm, *command)?;
    }
    forget_joined(tx, request, plan)?;
    let trees =
        plan.trees.iter().map(|tree| Tally { files: tree.counts.files, bytes: tree.counts.bytes });
    let doomed: Tally = trees.chain(plan.survivors.iter().map(|one| one.doomed)).sum();
    tx.usage.moved(organization, Part::Live, Part::Doomed, doomed);
    Ok(Applied { batches, trees: (plan.trees.len() + plan.survivors.len()) as u64 })
}

/// Takes single live files away on account of a deletion, and condemns their blobs.
pub(in super::super) fn take_files(
    tx: &mut WriteTx<'_>,
    (organization, deletion): (OrganizationNumber, DeletionId),
    files: &[FoundFile],
    due: Due,
) -> Result<Vec<CondemnedBatch>, LedgerError> {
    let mut taken: HashMap<FolderNumber, Tally> = HashMap::new();
    {
        let sql = "delete from files where folder = ?1 and name = ?2";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed("taking a file"))?;
        for file in files {
            let gone = statement.execute(params![file.folder, file.name]);
            if gone.map_err(failed("taking a file"))? != 1 {
                return Err(corrupt("a planned file is not there"));
            }
            *taken.entry(file.folder).or_default() += Tally::one(file.blob.size);
        }
    }
    for (folder, tally) in &taken {
        take_from_folder(tx, *folder, *tally)?;
    }
    tx.usage.moved(organization, Part::Live, Part::Condemned, taken.values().copied().sum());
    let mut blobs: Vec<SizedBlob> = files.iter().map(|file| file.blob).collect();
    blobs.sort_by_key(|blob| blob.key);
    condemn(tx, &Owner::Deletion(organization, deletion), &blobs, due)
}

fn take_from_folder(
    tx: &WriteTx<'_>,
    folder: FolderNumber,
    tally: Tally,
) -> Result<(), LedgerError> {
    let sql = "update folders set files = files - ?2, bytes = bytes - ?3 where folder = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("counting a folder"))?;
    let changed = statement.execute(params![folder, signed(tally.files), signed(tally.bytes)]);
    changed.map(|_| ()).map_err(failed("counting a folder"))
}

fn doom_tree(
    tx: &WriteTx<'_>,
    request: &DeleteRequest,
    tree: &DoomedTree,
    sequence: Sequence,
) -> Result<(), LedgerError> {
    let context = "dooming a tree";
    let doom = doom(request, sequence);
    let mark = "update folders set doomed = 1, doomed_through = ?2 where folder = ?1";
    let mut statement = tx.connection.prepare_cached(mark).map_err(failed(context))?;
    let root = [tree.root];
    let (folders, in_steps) = match &tree.marking {
        Marking::InCommit(folders) => (folders.as_slice(), false),
        Marking::InSteps => (root.as_slice(), true),
    };
    for folder in folders {
        statement.execute(params![folder, sequence]).map_err(failed(context))?;
    }
    let detach = "update folders set parent = null where folder = ?1";
    let mut statement = tx.connection.prepare_cached(detach).map_err(failed(context))?;
    statement.execute([tree.root]).map_err(failed(context))?;
    match in_steps {
        true => doom.await_marks(tx, tree.root),
        false => doom.await_expansion(tx, tree.root, true),
    }
}

fn doom_files_of(
    tx: &mut WriteTx<'_>,
    request: &DeleteRequest,
    survivor: &Survivor,
    sequence: Sequence,
) -> Result<(), LedgerError> {
    let context = "dooming the files of a folder";
    take_from_folder(tx, survivor.folder, survivor.doomed)?;
    let stamp = tx.next_sequence();
    for name in &survivor.kept {
        let sql = "update files set sequence = ?3 where folder = ?1 and name = ?2";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        statement.execute(params![survivor.folder, name, stamp]).map_err(failed(context))?;
    }
    if !survivor.kept.is_empty() {
        note_latest(tx, survivor.folder, stamp)?;
    }
    // What has changed beyond a fence stays without being touched. Of a folder that an earlier
    // deletion doomed beyond it nothing goes, so that this number only rises.
    let through = request.fence.as_ref().map_or(sequence, |fence| fence.sequence);
    let sql = "update folders set doomed_through = max(doomed_through, ?2) where folder = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    statement.execute(params![survivor.folder, through]).map_err(failed(context))?;
    doom(request, through).await_expansion(tx, survivor.folder, false)
}

const fn doom(request: &DeleteRequest, through: Sequence) -> Doom {
    Doom { organization: request.realm.organization, through, deletion: request.id }
}

/// A missed answer is given once: whoever joins consumes it.
fn forget_joined(
    tx: &WriteTx<'_>,
    request: &DeleteRequest,
    plan: &Plan,
) -> Result<(), LedgerError> {
    for (selector, outcome) in request.selectors.iter().zip(&plan.outcomes) {
        let subject = match (selector, outcome) {
            (Selector::File(id), Outcome::Joined(_)) => MissedSubject::File(*id),
            (Selector::Outputs(id), Outcome::Joined(_)) => MissedSubject::Outputs(*id),
            _ => continue,
        };
        let sql = "delete from missed_answers where organization = ?1 and subject = ?2";
        let context = "joining a deletion";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        statement
            .execute(params![request.realm.organization, subject_bytes(&subject)])
            .map_err(failed(context))?;
    }
    Ok(())
}

/// The deletion that doomed a file which still lies, invisible, in a live folder: the oldest one
/// that reached its sequence.
pub(in super::super) fn doomer_of(
    connection: &Connection,
    organization: OrganizationNumber,
    file: &FileRecord,
) -> Result<DeletionId, LedgerError> {
    let sql = "select deletion from expansions where organization = ?1 and folder = ?2 \
               and through >= ?3 order by through limit 1";
    let context = "finding who doomed a file";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found =
        statement.query_row(params![organization, file.folder, file.sequence], |row| row.get(0));
    let found = found.optional().map_err(failed(context))?;
    found.ok_or(corrupt("a doomed file belongs to no deletion"))
}
