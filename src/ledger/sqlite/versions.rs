//! New versions: the transaction that makes an upload live.

use rusqlite::params;

use super::condemned::{Due, Owner, condemn};
use super::rows::{attributes_text, failed, signed};
use super::tree::{FolderRow, Grounds, Way, child_file, child_folder, folder, live_child};
use super::usage::Part;
use super::writer::WriteTx;
use super::{commands, deletions, intents, keepsakes, plans};
use crate::domain::blob::SizedBlob;
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FileRecord, FolderNumber, NewVersion, Sequence, Stored, UploadRefusal};
use crate::domain::id::{EntryId, IdSource};
use crate::domain::organization::Realm;
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::plans::{Incoming, Replaces};
use crate::domain::usage::Tally;
use crate::ledger::LedgerError;

/// Makes a version live, or refuses it and changes nothing.
pub(super) fn commit(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    version: &NewVersion,
    now: Timestamp,
) -> Result<Result<Stored, UploadRefusal>, LedgerError> {
    let target = match find_target(tx, realm, version)? {
        Ok(target) => target,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let incoming = Incoming::of(version, target.replaces());
    if let Err(refusal) = plans::admit(tx, realm.organization, &incoming)? {
        return Ok(Err(refusal));
    }
    commit_to(tx, ids, realm, version, (target, now))
}

/// The same for a version that the plan has let in already, together with others.
pub(super) fn commit_admitted(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    version: &NewVersion,
    now: Timestamp,
) -> Result<Result<Stored, UploadRefusal>, LedgerError> {
    match find_target(tx, realm, version)? {
        Ok(target) => commit_to(tx, ids, realm, version, (target, now)),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn commit_to(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    version: &NewVersion,
    (target, now): (Target, Timestamp),
) -> Result<Result<Stored, UploadRefusal>, LedgerError> {
    if !intents::consume(tx, version.blob)? {
        return Ok(Err(UploadRefusal::IntentExpired));
    }
    let parent = make_folders(tx, ids, realm, target.missing_folders(), now)?;
    let created = !matches!(target.old, Some(Old::Live(_)));
    let place = Place { parent, name: target.name, old: target.old };
    let file = store(tx, realm, version, place, now)?;
    keepsakes::keep(tx, realm, version, &file)?;
    if let Some((command, output)) = &version.output_of {
        commands::record_output(tx, realm, *command, output, &file)?;
    }
    Ok(Ok(Stored { file, created }))
}

/// What a version would replace if it were let in now, its intent and the plan aside. Changes
/// nothing.
pub(super) fn check(
    tx: &WriteTx<'_>,
    realm: &Realm,
    version: &NewVersion,
) -> Result<Result<Replaces, UploadRefusal>, LedgerError> {
    Ok(find_target(tx, realm, version)?.map(|target| target.replaces()))
}

/// Where a version, or an entry that is moved, goes.
pub(super) struct Target {
    /// The deepest folder on the way that exists.
    pub(super) deepest: FolderRow,
    /// The folders below it that have to be made.
    pub(super) missing: Vec<EntryName>,
    pub(super) name: EntryName,
    /// What lies there now.
    pub(super) old: Option<Old>,
}

/// The row that a version replaces.
pub(super) enum Old {
    Live(FileRecord),
    /// Doomed, and not expanded yet.
    Doomed(FileRecord),
}

impl Target {
    /// The folders that have to be made: below which one, and their names.
    pub(super) fn missing_folders(&self) -> (FolderNumber, &[EntryName]) {
        (self.deepest.record.number, &self.missing)
    }

    fn replaces(&self) -> Replaces {
        match &self.old {
            Some(Old::Live(file)) => Replaces::Bytes(file.content.size),
            Some(Old::Doomed(_)) | None => Replaces::Nothing,
        }
    }
}

struct Place {
    parent: FolderNumber,
    name: EntryName,
    old: Option<Old>,
}

fn find_target(
    tx: &WriteTx<'_>,
    realm: &Realm,
    version: &NewVersion,
) -> Result<Result<Target, UploadRefusal>, LedgerError> {
    if !realm.sees(&version.path) {
        return Ok(Err(UploadRefusal::OutsidePrefix));
    }
    if let Some((command, _)) = &version.output_of {
        match commands::is_closed(tx.connection, realm, *command)? {
            None => return Ok(Err(UploadRefusal::NoCommand)),
            Some(true) => return Ok(Err(UploadRefusal::CommandClosed)),
            Some(false) => {}
        }
    }
    let (Some(name), Some(parent)) = (version.path.name(), version.path.parent()) else {
        return Ok(Err(UploadRefusal::IsFolder));
    };
    let grounds = Grounds::of(tx.connection, realm.organization)?;
    let way = Way::along(tx.connection, grounds.root, &parent)?;
    let missing: Vec<EntryName> = names_below(&parent, way.folders.len() - 1);
    let deepest = way.last().clone();
    if let Some(first) = missing.first() {
        let blocking = live_child(tx.connection, &deepest, first)?;
        if blocking.is_some() {
            let path = path_to_depth(&parent, way.folders.len());
            return Ok(Err(UploadRefusal::ParentIsFile(path)));
        }
        let admitted = version.overwrite.admit(None);
        return Ok(admitted.map(|()| Target { deepest, missing, name, old: None }));
    }
    if child_folder(tx.connection, deepest.record.number, name.as_str())?.is_some() {
        return Ok(Err(UploadRefusal::IsFolder));
    }
    let there = child_file(tx.connection, deepest.record.number, name.as_str())?;
    let old = there.map(|file| match file.sequence <= deepest.doomed_through {
        true => Old::Doomed(file),
        false => Old::Live(file),
    });
    let replaced = match &old {
        Some(Old::Live(file)) => Some(file),
        Some(Old::Doomed(_)) | None => None,
    };
    if let Err(refusal) = version.overwrite.admit(replaced.map(|file| file.blob.id)) {
        return Ok(Err(refusal));
    }
    if replaced.is_some_and(|file| file.locked || way.lock.is_some()) {
        return Ok(Err(UploadRefusal::Locked(version.path.clone())));
    }
    Ok(Ok(Target { deepest, missing, name, old }))
}

pub(super) fn names_below(path: &EntryPath, depth: usize) -> Vec<EntryName> {
    let names = path.names().skip(depth);
    names.map(|name| EntryName::parse(name).expect("a path is made of names")).collect()
}

pub(super) fn path_to_depth(path: &EntryPath, depth: usize) -> EntryPath {
    let names: Vec<&str> = path.names().take(depth).collect();
    EntryPath::parse(&format!("/{}", names.join("/"))).expect("a part of a path is a path")
}

/// Makes folders one below the other; the number of the last.
pub(super) fn make_folders(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    (deepest, missing): (FolderNumber, &[EntryName]),
    now: Timestamp,
) -> Result<FolderNumber, LedgerError> {
    let mut parent = deepest;
    for name in missing {
        let number = tx.next_folder();
        let id: EntryId = ids.next();
        let sequence = tx.next_sequence();
        let sql = "insert into folders (folder, organization, parent, name, id, created_at, \
                   sequence) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed("a folder"))?;
        statement
            .execute(params![number, realm.organization, parent, name, id, now, sequence])
            .map_err(failed("making a folder"))?;
        parent = number;
    }
    Ok(parent)
}

fn store(
    tx: &mut WriteTx<'_>,
    realm: &Realm,
    version: &NewVersion,
    place: Place,
    now: Timestamp,
) -> Result<FileRecord, LedgerError> {
    let mut file = FileRecord {
        id: version.entry,
        folder: place.parent,
        name: place.name,
        sequence: tx.next_sequence(),
        blob: version.blob,
        content: version.content,
        attributes: version.attributes.clone(),
        created_at: now,
        modified_at: now,
        locked: false,
        command: version.output_of.as_ref().map(|(command, _)| *command),
    };
    let added = Tally::one(file.content.size);
    tx.usage.came(realm.organization, added);
    let replaced = match place.old {
        None => Tally::default(),
        Some(Old::Doomed(doomed)) => {
            condemn_doomed(tx, realm, &doomed, now)?;
            Tally::default()
        }
        Some(Old::Live(live)) => {
            let size = live.content.size;
            tx.usage.moved(realm.organization, Part::Live, Part::Condemned, Tally::one(size));
            let owner = Owner::Organization(realm.organization);
            condemn(tx, &owner, &[SizedBlob { key: live.blob, size }], Due::At(now))?;
            file.id = live.id;
            file.created_at = live.created_at;
            if file.attributes.tags.is_empty() {
                file.attributes.tags = live.attributes.tags;
            }
            Tally::one(size)
        }
    };
    write_row(tx, realm, version, &file)?;
    count(tx, (file.folder, file.sequence), added, replaced)?;
    Ok(file)
}

/// The doomed row makes room; its blob goes to the purge queue now and not by the expander.
pub(super) fn condemn_doomed(
    tx: &mut WriteTx<'_>,
    realm: &Realm,
    doomed: &FileRecord,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let deletion = deletions::doomer_of(tx.connection, realm.organization, doomed)?;
    let owner = Owner::Deletion(realm.organization, deletion);
    let blob = SizedBlob { key: doomed.blob, size: doomed.content.size };
    condemn(tx, &owner, &[blob], Due::At(now))?;
    let tally = Tally::one(doomed.content.size);
    tx.usage.moved(realm.organization, Part::Doomed, Part::Condemned, tally);
    Ok(())
}

fn write_row(
    tx: &WriteTx<'_>,
    realm: &Realm,
    version: &NewVersion,
    file: &FileRecord,
) -> Result<(), LedgerError> {
    let sql = "insert or replace into files (folder, name, organization, id, sequence, \
         blob_number, blob_id, size, checksum, created_at, modified_at, locked, origin, command, \
         attributes) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?13, ?14)";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("storing a version"))?;
    statement
        .execute(params![
            file.folder,
            file.name,
            realm.organization,
            file.id,
            file.sequence,
            file.blob.number,
            file.blob.id,
            signed(file.content.size),
            file.content.checksum,
            file.created_at,
            file.modified_at,
            version.origin,
            file.command,
            attributes_text(&file.attributes)
        ])
        .map(|_| ())
        .map_err(failed("storing a version"))
}

/// Counts what came to a folder, up to which sequence, and what left it.
pub(super) fn count(
    tx: &WriteTx<'_>,
    (number, latest): (FolderNumber, Sequence),
    added: Tally,
    replaced: Tally,
) -> Result<(), LedgerError> {
    let sql = "update folders set files = files + ?2, bytes = bytes + ?3, \
               latest = max(latest, ?4) where folder = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("counting a version"))?;
    let files = signed(added.files) - signed(replaced.files);
    let bytes = signed(added.bytes) - signed(replaced.bytes);
    let changed = statement
        .execute(params![number, files, bytes, latest])
        .map_err(failed("counting a version"))?;
    // A folder that was just resolved is there; anything else is an error of ours.
    if changed == 1 { Ok(()) } else { folder(tx.connection, number).map(|_| ()) }
}
