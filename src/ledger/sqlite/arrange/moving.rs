//! Moving an entry. A folder's move is one row, however much is in it; a file's is one row, too.
//!
//! What a deletion has left to do is kept by the numbers of folders and the sequences of files,
//! never by paths, so that it stays right when a folder that holds doomed files moves. A file
//! that changes its folder would be judged by the doom of the new one: therefore its new
//! sequence.

use rusqlite::params;

use super::super::rows::{attributes_text, corrupt, failed};
use super::super::tree::{FolderRow, Grounds};
use super::super::versions::{Old, Target, condemn_doomed, count, make_folders};
use super::super::writer::WriteTx;
use super::below::{Below, look_below};
use super::{Decided, Located, LocatedEntry, Vacancy, expect_one, locate, vacancy};
use crate::domain::entry::{Entry, FileRecord, FolderNumber, Sequence};
use crate::domain::id::IdSource;
use crate::domain::organization::Realm;
use crate::domain::path::EntryName;
use crate::domain::usage::Tally;
use crate::ledger::LedgerError;
use crate::ledger::tree::{MoveRequest, TreeRefusal};

/// Where an entry goes.
struct Place {
    parent: FolderNumber,
    name: EntryName,
}

pub(super) fn move_entry(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    request: &MoveRequest,
) -> Decided<Entry> {
    let grounds = Grounds::of(tx.connection, realm.organization)?;
    let Some(source) = locate(tx.connection, &grounds, realm, &request.from)? else {
        return Ok(Err(TreeRefusal::Missing));
    };
    let vacancy = match vacancy(tx.connection, &grounds, realm, &request.to.path)? {
        Ok(vacancy) => vacancy,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(refusal) = refusal(tx, request, &source, &vacancy)? {
        return Ok(Err(refusal));
    }
    let target = vacancy.target;
    let parent = make_folders(tx, ids, realm, target.missing_folders(), request.at)?;
    make_room(tx, realm, &target, request)?;
    let place = Place { parent, name: target.name };
    Ok(Ok(match source.what {
        LocatedEntry::File(file) => Entry::File(move_file(tx, file, place)?),
        LocatedEntry::Folder(row) => {
            move_folder(tx, &row, &place)?;
            Entry::Folder(row.record)
        }
    }))
}

/// What forbids the move, from the first that is looked for to the last.
fn refusal(
    tx: &WriteTx<'_>,
    request: &MoveRequest,
    source: &Located,
    vacancy: &Vacancy,
) -> Result<Option<TreeRefusal>, LedgerError> {
    let (from, to) = (&request.from.path, &request.to);
    let folder = match &source.what {
        LocatedEntry::File(_) if to.says_folder => return Ok(Some(TreeRefusal::IsFolder)),
        LocatedEntry::File(_) => None,
        LocatedEntry::Folder(_) if from.contains(&to.path) => {
            return Ok(Some(TreeRefusal::IntoItself));
        }
        LocatedEntry::Folder(row) if row.reserved => {
            return Ok(Some(TreeRefusal::Reserved(from.clone())));
        }
        LocatedEntry::Folder(row) => Some(row),
    };
    if source.is_covered {
        return Ok(Some(TreeRefusal::Locked(from.clone())));
    }
    if vacancy.is_covered {
        return Ok(Some(TreeRefusal::Locked(to.path.clone())));
    }
    let Some(folder) = folder else { return Ok(None) };
    Ok(match look_below(tx.connection, folder, request)? {
        Below::TooLarge => Some(TreeRefusal::TooLarge),
        Below::Seen { is_locked: true, .. } => Some(TreeRefusal::Locked(from.clone())),
        Below::Seen { is_too_long: true, .. } => Some(TreeRefusal::PathTooLong),
        Below::Seen { is_locked: false, is_too_long: false } => None,
    })
}

/// Takes the doomed file away whose name is needed.
fn make_room(
    tx: &mut WriteTx<'_>,
    realm: &Realm,
    target: &Target,
    request: &MoveRequest,
) -> Result<(), LedgerError> {
    let doomed = match &target.old {
        None => return Ok(()),
        Some(Old::Live(_)) => return Err(corrupt("a vacant name is taken")),
        Some(Old::Doomed(doomed)) => doomed,
    };
    condemn_doomed(tx, realm, doomed, request.at)?;
    let sql = "delete from files where folder = ?1 and name = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("making room"))?;
    let gone = statement.execute(params![doomed.folder, doomed.name]);
    expect_one(gone.map_err(failed("making room"))?, "a doomed file that was read is not there")
}

fn move_folder(tx: &mut WriteTx<'_>, row: &FolderRow, place: &Place) -> Result<(), LedgerError> {
    let sequence = tx.next_sequence();
    let sql = "update folders set parent = ?2, name = ?3, sequence = ?4 where folder = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("moving a folder"))?;
    let moved = statement.execute(params![row.record.number, place.parent, place.name, sequence]);
    expect_one(moved.map_err(failed("moving a folder"))?, "a folder that was read is not there")
}

fn move_file(
    tx: &mut WriteTx<'_>,
    mut file: FileRecord,
    place: Place,
) -> Result<FileRecord, LedgerError> {
    let (old_folder, old_name) = (file.folder, file.name);
    if place.name != old_name {
        place.name.as_str().clone_into(&mut file.attributes.title);
    }
    file.sequence = tx.next_sequence();
    (file.folder, file.name) = (place.parent, place.name);
    let sql = "update files set folder = ?3, name = ?4, sequence = ?5, attributes = ?6 \
               where folder = ?1 and name = ?2";
    let context = "moving a file";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let attributes = attributes_text(&file.attributes);
    let moved = statement.execute(params![
        old_folder,
        old_name,
        file.folder,
        file.name,
        file.sequence,
        attributes
    ]);
    expect_one(moved.map_err(failed(context))?, "a file that was read is not there")?;
    let tally = Tally::one(file.content.size);
    count(tx, (old_folder, Sequence::default()), Tally::default(), tally)?;
    count(tx, (file.folder, file.sequence), tally, Tally::default())?;
    Ok(file)
}
