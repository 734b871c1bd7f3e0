//! Reading what a deletion's selectors find: the snapshot that its plan is made of.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::commands;
use super::deletions::record;
use super::entries::live_row;
use super::fences::Watch;
use super::organizations::{UsageMoves, is_switched_on, read_usage};
use super::rows::{FileRow, corrupt, failed, unsigned};
use super::selections::{Finding, Judged, judge};
use super::tree::{
    Chains, FolderRow, Grounds, Way, first_folder, folder, folder_by_id, live_child, walk_down,
};
use crate::deletion::request::{DeleteRequest, FoldersPolicy, Selector};
use crate::deletion::snapshot::{
    Found, FoundFile, FoundFolder, FoundMatching, FoundOutputs, Kept, MissedAnswer, Snapshot,
    TreeFolder,
};
use crate::domain::entry::{FolderNumber, FolderRecord};
use crate::domain::id::{CommandId, EntryId};
use crate::domain::organization::OrganizationNumber;
use crate::domain::path::{EntryName, EntryPath, WrittenPath};
use crate::domain::usage::Tally;
use crate::ledger::{LedgerError, MissedSubject};

/// Reads it, in the connection's transaction, in which usage has moved by `moves` that are not
/// written yet.
pub(super) fn read(
    (connection, moves): (&Connection, &UsageMoves),
    request: &DeleteRequest,
    findings: &[Finding],
) -> Result<Snapshot, LedgerError> {
    let grounds = Grounds::of(connection, request.realm.organization)?;
    let mut reading = Reading {
        connection,
        request,
        findings,
        grounds,
        chains: Chains::default(),
        matched: HashSet::new(),
        watch: Watch::of(request),
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
    Ok(Snapshot { found, too_much_changed, switched_on, live })
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

/// Whether a realm sees a live file, and its path where it is locked or covered by a lock.
enum Sight {
    OutsidePrefix,
    Seen { lock: Option<EntryPath> },
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
    watch: Watch,
}

fn place_of(file: &FileRow) -> (FolderNumber, EntryName) {
    (file.folder, file.name.clone())
}

impl Reading<'_> {
    fn locate(&mut self, index: usize, selector: &Selector) -> Result<Located, LedgerError> {
        match selector {
            Selector::Unmatchable => Ok(Located::Found(Found::Nothing)),
            Selector::File(id) => self.locate_id(*id),
            Selector::Entry(id) => self.locate_entry(*id),
            Selector::Path(path) => self.locate_path(path),
            Selector::Outputs(command) => self.locate_outputs(*command),
            Selector::Matching(filter) if self.request.reaches_out(filter) => {
                Ok(Located::Found(Found::OutsidePrefix))
            }
            Selector::Matching(_) => self.locate_matching(index),
            Selector::Everything => self.locate_everything(),
        }
    }

    fn locate_id(&mut self, id: EntryId) -> Result<Located, LedgerError> {
        let organization = self.request.realm.organization;
        let Some(file) = live_row(self.connection, &self.grounds, organization, id)? else {
            return self.nothing_or_missed(MissedSubject::File(id)).map(Located::Found);
        };
        self.locate_file(file)
    }

    fn locate_file(&mut self, file: FileRow) -> Result<Located, LedgerError> {
        match self.sight_of(&file)? {
            Sight::Seen { lock } => Ok(Located::File(LocatedFile { file, lock })),
            Sight::OutsidePrefix => Ok(Located::Found(Found::OutsidePrefix)),
        }
    }

    fn locate_entry(&mut self, id: EntryId) -> Result<Located, LedgerError> {
        let realm = &self.request.realm;
        let organization = realm.organization;
        if let Some(file) = live_row(self.connection, &self.grounds, organization, id)? {
            return self.locate_file(file);
        }
        let row = folder_by_id(self.connection, organization, id)?;
        let Some(row) = row.filter(|row| row.record.number != self.grounds.root) else {
            return Ok(Located::Found(Found::Nothing));
        };
        let chain = self.chains.of(self.connection, row.record.number)?;
        let Some(path) = chain.path.clone() else { return Ok(Located::Found(Found::Nothing)) };
        if !realm.sees(&path) {
            return Ok(Located::Found(Found::OutsidePrefix));
        }
        let lock_above = chain.lock.as_ref().is_some_and(|lock| *lock != path);
        let above = chain.numbers[1..].to_vec();
        Ok(Located::Folder { row, path, lock_above, above })
    }

    /// What the realm sees of a live file.
    fn sight_of(&mut self, file: &FileRow) -> Result<Sight, LedgerError> {
        let realm = &self.request.realm;
        if realm.prefix.is_root() && !file.locked && !self.grounds.has_locked_folders {
            return Ok(Sight::Seen { lock: None });
        }
        let chain = self.chains.of(self.connection, file.folder)?;
        let folder = chain.path.as_ref().ok_or(corrupt("a live file lies in a doomed folder"))?;
        let path = folder.child(&file.name).map_err(|_| corrupt("a path is too long"))?;
        if !realm.sees(&path) {
            return Ok(Sight::OutsidePrefix);
        }
        let is_locked = file.locked || chain.lock.is_some();
        Ok(Sight::Seen { lock: is_locked.then_some(path) })
    }

    fn locate_everything(&self) -> Result<Located, LedgerError> {
        let realm = &self.request.realm;
        if !realm.prefix.is_root() {
            return Ok(Located::Found(Found::OutsidePrefix));
        }
        let row = folder(self.connection, self.grounds.root)?;
        let (path, above) = (EntryPath::root(), Vec::new());
        Ok(Located::Folder { row, path, lock_above: false, above })
    }

    fn locate_path(&mut self, written: &WrittenPath) -> Result<Located, LedgerError> {
        let path = &written.path;
        let Some(name) = path.name() else { return Ok(Located::Found(Found::Nothing)) };
        if !self.request.realm.sees(path) {
            return Ok(Located::Found(Found::OutsidePrefix));
        }
        let way = Way::along(self.connection, self.grounds.root, path)?;
        let depth = path.names().count();
        if way.folders.len() == depth + 1 {
            let row = way.last().clone();
            let mut above = way.numbers();
            above.pop();
            let lock_above = way.lock.is_some_and(|lock| lock != *path);
            return Ok(Located::Folder { row, path: path.clone(), lock_above, above });
        }
        let folder = way.last();
        if way.folders.len() != depth || written.says_folder {
            return Ok(Located::Found(Found::Nothing));
        }
        let Some(file) = live_child(self.connection, folder, &name)? else {
            return Ok(Located::Found(Found::Nothing));
        };
        let is_locked = file.locked || way.lock.is_some();
        let lock = is_locked.then(|| path.clone());
        Ok(Located::File(LocatedFile { file: file.into(), lock }))
    }

    fn locate_outputs(&mut self, command: CommandId) -> Result<Located, LedgerError> {
        let realm = &self.request.realm;
        let Some(closed) = commands::is_closed(self.connection, realm, command)? else {
            return Ok(Located::Found(Found::Nothing));
        };
        let mut outputs = Vec::new();
        for file in commands::live_outputs(self.connection, &self.grounds, realm, command)? {
            match self.sight_of(&file)? {
                Sight::Seen { lock } => outputs.push(LocatedFile { file, lock }),
                Sight::OutsidePrefix => return Ok(Located::Found(Found::OutsidePrefix)),
            }
        }
        if closed && outputs.is_empty() {
            let subject = MissedSubject::Outputs(command);
            if let Found::Missed(answer) = self.nothing_or_missed(subject)? {
                return Ok(Located::Found(Found::Missed(answer)));
            }
        }
        Ok(Located::Outputs(command, outputs))
    }

    /// What a filter found, as far as it is so still.
    fn locate_matching(&mut self, index: usize) -> Result<Located, LedgerError> {
        let finding = self.findings.iter().find(|finding| finding.selector == index);
        let finding = finding.ok_or(corrupt("nobody looked for what a filter takes"))?;
        let mut files = Vec::with_capacity(finding.files.len());
        for id in &finding.files {
            let ground = (&self.grounds, &mut self.chains);
            let judged = judge(self.connection, ground, &finding.search, *id)?;
            files.extend(judged.map(|Judged { file, lock }| LocatedFile { file, lock }));
        }
        Ok(Located::Matching(files, finding.rest.as_ref().map(|rest| rest.counted)))
    }

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

    fn nothing_or_missed(&self, subject: MissedSubject) -> Result<Found, LedgerError> {
        if !self.request.joins_missed {
            return Ok(Found::Nothing);
        }
        let realm = &self.request.realm;
        let Some(missed) = missed_answer(self.connection, realm.organization, subject)? else {
            return Ok(Found::Nothing);
        };
        // Whoever joins must be able to watch the deletion.
        let is_seen = record::read(self.connection, realm, missed.deletion)?.is_some();
        Ok(if is_seen { Found::Missed(missed) } else { Found::Nothing })
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
