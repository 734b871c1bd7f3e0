//! What each selector names by itself, the other selectors aside.

use super::super::commands;
use super::super::deletions::record;
use super::super::entries::live_row;
use super::super::rows::{FileRow, corrupt};
use super::super::selections::{Judged, judge};
use super::super::tree::{Way, folder, folder_by_id, live_child};
use super::{Located, LocatedFile, Reading, missed_answer};
use crate::deletion::request::Selector;
use crate::deletion::snapshot::Found;
use crate::domain::id::{CommandId, EntryId};
use crate::domain::path::{EntryPath, WrittenPath};
use crate::ledger::{LedgerError, MissedSubject};

/// Whether a realm sees a live file, and its path where it is locked or covered by a lock.
enum Sight {
    OutsidePrefix,
    Seen { lock: Option<EntryPath> },
}

impl Reading<'_> {
    pub(super) fn locate(
        &mut self,
        index: usize,
        selector: &Selector,
    ) -> Result<Located, LedgerError> {
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
}
