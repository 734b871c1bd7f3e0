//! Reading what a deletion's selectors find: the snapshot that its plan is made of.

mod locate;

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::fences::{Counted, Watch};
use super::organizations::is_switched_on;
use super::rows::{FileRow, corrupt, failed, unsigned};
use super::selections::Finding;
use super::tree::{Chains, FolderRow, Grounds, first_folder, walk_down};
use super::usage::{UsageMoves, read_usage};
use crate::deletion::request::{DeleteRequest, FoldersPolicy};
use crate::deletion::snapshot::{
    Found, FoundFile, FoundFolder, FoundMatching, FoundOutputs, Kept, MissedAnswer, Snapshot,
    TreeFolder,
};
use crate::domain::entry::{FolderNumber, FolderRecord};
use crate::domain::id::CommandId;
use crate::domain::organization::OrganizationNumber;
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::usage::Tally;
use crate::ledger::{LedgerError, MissedSubject};

/// What was found before a snapshot is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// By the filters of the request.
    pub(super) findings: Vec<Finding>,
    /// By its fence.
    pub(super) counted: Counted,
}

/// Reads it, in the connection's transaction, in which usage has moved by `moves` that are not
/// written yet.
pub(super) fn read(
    (connection, moves): (&Connection, &UsageMoves),
    request: &DeleteRequest,
    ahead: &Ahead,
) -> Result<Snapshot, LedgerError> {
    read_all((connection, moves), request, ahead).map(|(snapshot, _)| snapshot)
}

/// What its fence finds, for a snapshot that is read soon.
pub(super) fn look_ahead(
    connection: &Connection,
    request: &DeleteRequest,
    findings: Vec<Finding>,
) -> Result<Ahead, LedgerError> {
    let ahead = Ahead { findings, counted: Counted::default() };
    let (_, counted) = read_all((connection, &UsageMoves::default()), request, &ahead)?;
    Ok(Ahead { counted, ..ahead })
}

fn read_all(
    (connection, moves): (&Connection, &UsageMoves),
    request: &DeleteRequest,
    ahead: &Ahead,
) -> Result<(Snapshot, Counted), LedgerError> {
    let grounds = Grounds::of(connection, request.realm.organization)?;
    let mut reading = Reading {
        connection,
        request,
        findings: &ahead.findings,
        grounds,
        chains: Chains::default(),
        matched: HashSet::new(),
        watch: Watch::of(request, &ahead.counted),
    };
    let mut located = Vec::with_capacity(request.selectors.len());
    for (index, one) in request.selectors.iter().enumerate() {
        located.push(reading.locate(index, one)?.admitted(request, index));
    }
    let takers = Takers::of(&located);
    let mut found = Vec::with_capacity(located.len());
    for (index, one) in located.into_iter().enumerate() {
        found.push(reading.find(index, one, &takers)?);
    }
    let organization = request.realm.organization;
    let live = match request.guard {
        Some(_) => moves.added_to(organization, read_usage(connection, organization)?).live,
        None => Tally::default(),
    };
    let too_much_changed = reading.watch.is_over_limit();
    let switched_on = request.removes_organization() && is_switched_on(connection, organization)?;
    let snapshot = Snapshot { found, too_much_changed, switched_on, live };
    Ok((snapshot, reading.watch.into_counted()))
}

/// What a selector names, before its tree is walked.
enum Located {
    Found(Found),
    File(LocatedFile),
    Folder { row: FolderRow, path: EntryPath, lock_above: bool, above: Vec<FolderNumber> },
    Outputs(CommandId, Vec<LocatedFile>),
    Matching(Vec<LocatedFile>, Option<Tally>),
}

impl Located {
    /// This, where the precondition of its selector holds.
    fn admitted(self, request: &DeleteRequest, index: usize) -> Self {
        let version = match &self {
            Self::Found(_) => return self,
            Self::File(one) => Some(one.file.blob.key.id),
            Self::Folder { .. } | Self::Outputs(..) | Self::Matching(..) => None,
        };
        match request.admits(index, version) {
            true => self,
            false => Self::Found(Found::OtherVersion),
        }
    }
}

struct LocatedFile {
    file: FileRow,
    lock: Option<EntryPath>,
}

/// Which selector takes a folder or a file first.
#[derive(Default)]
struct Takers {
    folders: HashMap<FolderNumber, usize>,
    files: HashMap<(FolderNumber, EntryName), usize>,
    commands: HashMap<CommandId, usize>,
    /// Outputs of commands, which no filter takes from those.
    outputs: HashSet<(FolderNumber, EntryName)>,
}

impl Takers {
    fn of(located: &[Located]) -> Self {
        let mut takers = Self::default();
        for (index, one) in located.iter().enumerate() {
            match one {
                Located::Found(_) | Located::Matching(..) => {}
                Located::Outputs(command, outputs) => {
                    takers.commands.entry(*command).or_insert(index);
                    takers.outputs.extend(outputs.iter().map(|one| place_of(&one.file)));
                }
                Located::Folder { row, .. } => {
                    takers.folders.entry(row.record.number).or_insert(index);
                }
                Located::File(LocatedFile { file, .. }) => {
                    takers.files.entry((file.folder, file.name.clone())).or_insert(index);
                }
            }
        }
        takers
    }

    /// The first selector whose folder is among these.
    fn above(&self, folders: &[FolderNumber]) -> Option<usize> {
        folders.iter().filter_map(|folder| self.folders.get(folder).copied()).min()
    }

    fn same_file(&self, file: &FileRow) -> Option<usize> {
        self.files.get(&(file.folder, file.name.clone())).copied()
    }
}

struct Reading<'c> {
    connection: &'c Connection,
    request: &'c DeleteRequest,
    /// What its filters found beforehand.
    findings: &'c [Finding],
    grounds: Grounds,
    chains: Chains,
    /// What filters took so far.
    matched: HashSet<(FolderNumber, EntryName)>,
    watch: Watch<'c>,
}

fn place_of(file: &FileRow) -> (FolderNumber, EntryName) {
    (file.folder, file.name.clone())
}

impl Reading<'_> {
    /// What of that no other selector takes.
    fn find_matching(
        &mut self,
        located: Vec<LocatedFile>,
        takers: &Takers,
    ) -> Result<Vec<FoundFile>, LedgerError> {
        let mut files = Vec::with_capacity(located.len());
        for one in located {
            let place = place_of(&one.file);
            let is_taken =
                takers.outputs.contains(&place) || self.taker_of(&one.file, takers)?.is_some();
            if !is_taken && self.matched.insert(place) {
                files.push(self.found_file(one)?);
            }
        }
        Ok(files)
    }

    fn find(
        &mut self,
        index: usize,
        located: Located,
        takers: &Takers,
    ) -> Result<Found, LedgerError> {
        match located {
            Located::Found(found) => Ok(found),
            Located::File(file) => {
                let taker = self.taker_of(&file.file, takers)?.filter(|taker| *taker != index);
                match taker {
                    Some(taker) => Ok(Found::Within(taker)),
                    None => self.found_file(file).map(Found::File),
                }
            }
            Located::Outputs(command, outputs) => {
                if let Some(taker) = takers.commands.get(&command).filter(|taker| **taker != index)
                {
                    return Ok(Found::Within(*taker));
                }
                let mut files = Vec::with_capacity(outputs.len());
                for output in outputs {
                    if self.taker_of(&output.file, takers)?.is_none() {
                        files.push(self.found_file(output)?);
                    }
                }
                Ok(Found::Outputs(FoundOutputs { command, files }))
            }
            Located::Matching(files, beyond) => {
                let files = self.find_matching(files, takers)?;
                Ok(Found::Matching(FoundMatching { files, beyond }))
            }
            Located::Folder { row, path, lock_above, above } => {
                let same = takers.folders.get(&row.record.number).copied();
                let taker = takers.above(&above).or(same).filter(|taker| *taker != index);
                match taker {
                    Some(taker) => Ok(Found::Within(taker)),
                    None => self.walk(&row, path, lock_above).map(Found::Folder),
                }
            }
        }
    }

    fn taker_of(&mut self, file: &FileRow, takers: &Takers) -> Result<Option<usize>, LedgerError> {
        if !takers.folders.is_empty() {
            let chain = self.chains.of(self.connection, file.folder)?;
            if let Some(taker) = takers.above(&chain.numbers) {
                return Ok(Some(taker));
            }
        }
        Ok(takers.same_file(file))
    }

    fn walk(
        &mut self,
        top: &FolderRow,
        path: EntryPath,
        lock_above: bool,
    ) -> Result<FoundFolder, LedgerError> {
        let mut found = FoundFolder {
            id: top.record.id,
            // The root itself is found only where all of the organization goes.
            reserved: top.reserved && !path.is_root(),
            path,
            lock_above,
            folders: Vec::new(),
            kept: Vec::new(),
        };
        if let Some(members) = self.first_thing_in(top)? {
            found.folders = members;
            return Ok(found);
        }
        let (mut locked, mut with_locked_files) = (Vec::new(), Vec::new());
        let way_changed = self.has_changed_way(top.record.number)?;
        self.watch.enter(way_changed);
        walk_down(self.connection, top, |parent, row| {
            let index = u32::try_from(found.folders.len())
                .map_err(|_| corrupt("a tree has too many folders"))?;
            let number = row.record.number;
            found.folders.push(TreeFolder { number, parent, direct: row.record.direct });
            if row.record.locked {
                locked.push((index, number));
            }
            if row.locked_files > 0 {
                with_locked_files.push((index, number));
            }
            self.watch.look(self.connection, (index, parent), row)
        })?;
        found.kept = self.watch.leave();
        for (folder, number) in locked {
            found.kept.push(Kept::LockedFolder { folder, path: self.path_of(number)? });
        }
        for (index, number) in with_locked_files {
            let folder = self.path_of(number)?;
            found.kept.extend(locked_files(self.connection, index, number, &folder)?);
        }
        Ok(found)
    }

    fn found_file(&mut self, located: LocatedFile) -> Result<FoundFile, LedgerError> {
        let LocatedFile { file, lock } = located;
        let changed = self.watch.is_beyond(file.sequence) || self.has_changed_way(file.folder)?;
        let FileRow { id, folder, name, blob, .. } = file;
        Ok(FoundFile { id, folder, name, blob, lock, changed })
    }

    /// Whether a folder, or one above it, has changed beyond the request's fence.
    fn has_changed_way(&mut self, folder: FolderNumber) -> Result<bool, LedgerError> {
        if self.request.fence.is_none() {
            return Ok(false);
        }
        let changed = self.chains.of(self.connection, folder)?.changed;
        Ok(self.watch.is_beyond(changed))
    }

    /// Enough of a folder to see that something is in it, where the request asks no more.
    fn first_thing_in(&self, top: &FolderRow) -> Result<Option<Vec<TreeFolder>>, LedgerError> {
        match self.request.folders {
            FoldersPolicy::Whole => return Ok(None),
            FoldersPolicy::EmptyOnly => {}
        }
        let child = first_folder(self.connection, top.record.number)?;
        if child.is_none() && top.record.direct.files == 0 {
            return Ok(None);
        }
        let member = |record: &FolderRecord| TreeFolder {
            number: record.number,
            parent: 0,
            direct: record.direct,
        };
        let child = child.map(|row| member(&row.record));
        Ok(Some(std::iter::once(member(&top.record)).chain(child).collect()))
    }

    fn path_of(&mut self, folder: FolderNumber) -> Result<EntryPath, LedgerError> {
        let chain = self.chains.of(self.connection, folder)?;
        chain.path.clone().ok_or(corrupt("a live tree holds a doomed folder"))
    }
}

fn locked_files(
    connection: &Connection,
    index: u32,
    number: FolderNumber,
    folder: &EntryPath,
) -> Result<Vec<Kept>, LedgerError> {
    let sql = "select f.name, f.size from files f join folders d on d.folder = f.folder \
               where f.folder = ?1 and f.locked = 1 and f.sequence > d.doomed_through";
    let context = "reading locked files";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let rows = statement
        .query_map([number], |row| Ok((row.get::<_, EntryName>(0)?, row.get::<_, i64>(1)?)))
        .map_err(failed(context))?;
    rows.map(|row| {
        let (name, size) = row.map_err(failed(context))?;
        let path = folder.child(&name).map_err(|_| corrupt("a path is too long"))?;
        Ok(Kept::LockedFile { folder: index, name, path, size: unsigned(size) })
    })
    .collect()
}

/// The answer that was missed about this subject, if any.
pub(super) fn missed_answer(
    connection: &Connection,
    organization: OrganizationNumber,
    subject: MissedSubject,
) -> Result<Option<MissedAnswer>, LedgerError> {
    let sql = "select deletion, files from missed_answers where organization = ?1 and subject = ?2";
    let context = "reading a missed answer";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row(params![organization, subject_bytes(&subject)], |row| {
        Ok(MissedAnswer { deletion: row.get(0)?, files: unsigned(row.get(1)?) })
    });
    found.optional().map_err(failed(context))
}

/// Identities of files and of commands are never equal.
pub(super) const fn subject_bytes(subject: &MissedSubject) -> &[u8; 16] {
    match subject {
        MissedSubject::File(id) => id.as_bytes(),
        MissedSubject::Outputs(id) => id.as_bytes(),
    }
}
