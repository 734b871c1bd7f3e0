//! What a request finds.

use std::collections::BTreeMap;

use super::Holdings;
use super::tree::sized;
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::snapshot::{
    Found, FoundFile, FoundFolder, FoundMatching, FoundOutputs, Kept, MissedAnswer, Snapshot,
    TreeFolder,
};
use crate::domain::entry::{FolderNumber, RESERVED_FOLDERS};
use crate::domain::filter::FileFilter;
use crate::domain::id::{CommandId, EntryId};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::ledger::MissedSubject;

/// What a selector names by itself, the other selectors aside.
enum Named {
    Nothing,
    Missed(MissedAnswer),
    OutsidePrefix,
    OtherVersion,
    File(EntryPath),
    Folder(EntryPath),
    Outputs(CommandId),
    Matching(Vec<EntryPath>, Option<Tally>),
}

impl Holdings {
    /// What the selectors find; what filters find beyond their bound is counted if that is asked
    /// for.
    pub(super) fn snapshot(&self, request: &DeleteRequest, counts: bool) -> Snapshot {
        let selectors = request.selectors.iter().enumerate();
        let mut files_left = request.matched_files_max;
        let named: Vec<Named> = selectors
            .map(|(index, selector)| {
                let named = match selector {
                    Selector::Matching(filter) if !request.reaches_out(filter) => {
                        self.matching_named(request, filter, (&mut files_left, counts))
                    }
                    selector => self.named(request, selector),
                };
                self.admitted(request, index, named)
            })
            .collect();
        let found = named.iter().enumerate().map(|(index, name)| {
            taken_by(&named, index)
                .map_or_else(|| self.found(request, (index, name), &named), Found::Within)
        });
        let found: Vec<Found> = found.collect();
        let too_much_changed = self.looks_too_far(request, &found);
        let live = request.guard.map(|_| self.live_beneath(&EntryPath::root()));
        let switched_on = request.removes_organization() && self.organization.disabled_at.is_none();
        Snapshot { found, too_much_changed, switched_on, live: live.unwrap_or_default() }
    }

    /// What a selector names, where its precondition holds.
    fn admitted(&self, request: &DeleteRequest, index: usize, named: Named) -> Named {
        let version = match &named {
            Named::Nothing | Named::Missed(_) | Named::OutsidePrefix | Named::OtherVersion => {
                return named;
            }
            Named::File(path) => Some(self.files[path].blob.id),
            Named::Folder(_) | Named::Outputs(_) | Named::Matching(..) => None,
        };
        if request.admits(index, version) { named } else { Named::OtherVersion }
    }

    fn named(&self, request: &DeleteRequest, selector: &Selector) -> Named {
        let is_seen = |answer: &MissedAnswer| {
            let deletion = self.deletions.get(&answer.deletion);
            deletion.is_some_and(|deletion| request.realm.sees(&deletion.prefix))
        };
        let nothing_or_missed = |subject| match self.missed_answer(subject).filter(is_seen) {
            Some(answer) if request.joins_missed => Named::Missed(answer),
            _ => Named::Nothing,
        };
        match selector {
            Selector::Unmatchable => Named::Nothing,
            Selector::Everything if request.realm.prefix.is_root() => {
                Named::Folder(EntryPath::root())
            }
            // A filter that does not reach out is looked for with all others.
            Selector::Everything | Selector::Matching(_) => Named::OutsidePrefix,
            Selector::File(id) => match self.file_by_id(*id) {
                None => nothing_or_missed(MissedSubject::File(*id)),
                Some((path, _)) if request.realm.sees(path) => Named::File(path.clone()),
                Some(_) => Named::OutsidePrefix,
            },
            Selector::Entry(id) => self.entry_named(request, *id),
            Selector::Path(written) if written.path.is_root() => Named::Nothing,
            Selector::Path(written) if !request.realm.sees(&written.path) => Named::OutsidePrefix,
            Selector::Path(written) if self.folders.contains_key(&written.path) => {
                Named::Folder(written.path.clone())
            }
            Selector::Path(written) => {
                if self.files.contains_key(&written.path) && !written.says_folder {
                    Named::File(written.path.clone())
                } else {
                    Named::Nothing
                }
            }
            Selector::Outputs(id) => match self.commands.get(id) {
                None => Named::Nothing,
                Some(_) if self.visible_command(&request.realm, *id).is_none() => {
                    Named::OutsidePrefix
                }
                Some(row) if row.closed && self.live_outputs(*id).is_empty() => {
                    match nothing_or_missed(MissedSubject::Outputs(*id)) {
                        Named::Missed(answer) => Named::Missed(answer),
                        _ => Named::Outputs(*id),
                    }
                }
                Some(_) => Named::Outputs(*id),
            },
        }
    }

    fn matching_named(
        &self,
        request: &DeleteRequest,
        filter: &FileFilter,
        (files_left, counts): (&mut usize, bool),
    ) -> Named {
        let mut first = self.matching(&request.realm, filter, request.planned_at());
        first.retain(|path| !self.file_changed(path, request));
        let had_room = *files_left > 0;
        let rest = first.split_off(first.len().min(*files_left));
        *files_left -= first.len();
        let beyond = match counts {
            true => (!rest.is_empty())
                .then(|| rest.iter().map(|path| Tally::one(self.files[path].content.size)).sum()),
            false => (!rest.is_empty() || !had_room).then(Tally::default),
        };
        Named::Matching(first, beyond)
    }

    fn entry_named(&self, request: &DeleteRequest, id: EntryId) -> Named {
        let folder = self.folders.iter().find(|(path, row)| row.id == id && !path.is_root());
        let (path, named) = match (self.file_by_id(id), folder) {
            (Some((path, _)), _) => (path, Named::File(path.clone())),
            (None, Some((path, _))) => (path, Named::Folder(path.clone())),
            (None, None) => return Named::Nothing,
        };
        if request.realm.sees(path) { named } else { Named::OutsidePrefix }
    }

    pub(super) fn missed_answer(&self, subject: MissedSubject) -> Option<MissedAnswer> {
        self.missed.iter().find(|(about, _)| *about == subject).map(|(_, answer)| *answer)
    }

    fn found(
        &self,
        request: &DeleteRequest,
        (index, name): (usize, &Named),
        all: &[Named],
    ) -> Found {
        match name {
            Named::Nothing => Found::Nothing,
            Named::Missed(answer) => Found::Missed(*answer),
            Named::OutsidePrefix => Found::OutsidePrefix,
            Named::OtherVersion => Found::OtherVersion,
            Named::File(path) => Found::File(self.found_file(request, path)),
            Named::Folder(path) => Found::Folder(self.found_folder(request, path)),
            Named::Outputs(command) => {
                let by_itself = |path: &EntryPath| !all.iter().any(|other| other.takes(path));
                let paths = self.live_outputs(*command).into_iter().filter(by_itself);
                let files = paths.map(|path| self.found_file(request, &path)).collect();
                Found::Outputs(FoundOutputs { command: *command, files })
            }
            Named::Matching(paths, beyond) => {
                let by_itself = |path: &&EntryPath| {
                    let mut others = all.iter().enumerate();
                    !others.any(|(other, named)| match named {
                        Named::Outputs(command) => self.live_outputs(*command).contains(path),
                        Named::Matching(earlier, _) => other < index && earlier.contains(path),
                        named => named.takes(path),
                    })
                };
                let files =
                    paths.iter().filter(by_itself).map(|path| self.found_file(request, path));
                Found::Matching(FoundMatching { files: files.collect(), beyond: *beyond })
            }
        }
    }

    fn found_file(&self, request: &DeleteRequest, path: &EntryPath) -> FoundFile {
        let file = &self.files[path];
        FoundFile {
            id: file.id,
            folder: file.folder,
            name: file.name.clone(),
            blob: sized(file),
            lock: self.lock_of_file(path),
            changed: self.file_changed(path, request),
        }
    }

    fn found_folder(&self, request: &DeleteRequest, root: &EntryPath) -> FoundFolder {
        let mut direct: BTreeMap<FolderNumber, Tally> = BTreeMap::new();
        for file in self.files.values() {
            *direct.entry(file.folder).or_default() += Tally::one(file.content.size);
        }
        // In the order of paths every folder follows its parent.
        let within = self.folders.iter().filter(|(path, _)| root.contains(path));
        let index_of: BTreeMap<&EntryPath, u32> =
            within.clone().map(|(path, _)| path).zip(0..).collect();
        let index = |path: &EntryPath| index_of.get(path).copied();
        let parent_index = |path: &EntryPath| path.parent().and_then(|parent| index(&parent));
        let folders = within.clone().map(|(path, row)| TreeFolder {
            number: row.number,
            parent: parent_index(path).unwrap_or(0),
            direct: direct.get(&row.number).copied().unwrap_or_default(),
        });
        let locked_folders = within.clone().filter(|(_, row)| row.locked);
        let locked_folders = locked_folders.filter_map(|(path, _)| {
            Some(Kept::LockedFolder { folder: index(path)?, path: path.clone() })
        });
        let locked_files = self.files.iter().filter(|(_, file)| file.locked);
        let locked_files = locked_files.filter_map(|(path, file)| {
            Some(Kept::LockedFile {
                folder: parent_index(path)?,
                name: file.name.clone(),
                path: path.clone(),
                size: file.content.size,
            })
        });
        let mut kept: Vec<Kept> = locked_files.chain(locked_folders).collect();
        if let Some(fence) = &request.fence {
            for (path, row) in within.clone() {
                let folder = index_of[path];
                kept.extend(self.changed_in(path, row, fence.sequence).kept(folder));
            }
        }
        FoundFolder {
            id: self.folders[root].id,
            path: root.clone(),
            lock_above: self.lock_above(root).is_some(),
            reserved: RESERVED_FOLDERS.iter().any(|name| root.as_str() == format!("/{name}")),
            folders: folders.collect(),
            kept,
        }
    }
}

impl Named {
    /// Whether a selector that names this has the file at `path` in what it names.
    fn takes(&self, path: &EntryPath) -> bool {
        match self {
            Self::File(own) => own == path,
            Self::Folder(own) => own.contains(path),
            Self::Nothing
            | Self::Missed(_)
            | Self::OutsidePrefix
            | Self::OtherVersion
            | Self::Outputs(_)
            | Self::Matching(..) => false,
        }
    }
}

/// The first other selector that has what this one names. Of two that name the same, the earlier
/// has it.
fn taken_by(all: &[Named], index: usize) -> Option<usize> {
    let has = |other: usize| match (&all[other], &all[index]) {
        (Named::Folder(above), Named::File(path) | Named::Folder(path)) if above != path => {
            above.contains(path)
        }
        (Named::Folder(one), Named::Folder(same)) | (Named::File(one), Named::File(same)) => {
            one == same && other < index
        }
        (Named::Outputs(one), Named::Outputs(same)) => one == same && other < index,
        _ => false,
    };
    (0..all.len()).find(|other| *other != index && has(*other))
}
