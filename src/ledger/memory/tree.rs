//! Files and folders by their paths, and the versions that come in.

use async_trait::async_trait;

use super::{Holdings, MemoryLedger, State};
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{
    Entry, FileRecord, FolderNumber, FolderRecord, NewVersion, Sequence, Stored, UploadRefusal,
};
use crate::domain::id::EntryId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::{EntryPath, WrittenPath};
use crate::domain::plans::Incoming;
use crate::domain::usage::Tally;
use crate::ledger::{EntryLedger, FileKind, FilePage, FileQuery, LedgerError};

/// A live folder. Its path is its key.
pub(super) struct FolderRow {
    pub(super) id: EntryId,
    pub(super) number: FolderNumber,
    pub(super) created_at: Timestamp,
    pub(super) locked: bool,
    /// When it was made, moved, renamed, locked or unlocked last.
    pub(super) sequence: Sequence,
    /// When a lock on something in or below it was lifted last.
    pub(super) unlocked: Sequence,
}

impl FolderRow {
    pub(super) fn new(id: EntryId, number: FolderNumber, now: Timestamp, made: Sequence) -> Self {
        let (locked, unlocked) = (false, Sequence::default());
        Self { id, number, created_at: now, locked, sequence: made, unlocked }
    }
}

/// Every path strictly above this one, from the root down.
pub(super) fn paths_above(path: &EntryPath) -> Vec<EntryPath> {
    let mut above: Vec<EntryPath> =
        std::iter::successors(path.parent(), EntryPath::parent).collect();
    above.reverse();
    above
}

pub(super) fn sized(file: &FileRecord) -> SizedBlob {
    SizedBlob { key: file.blob, size: file.content.size }
}

impl Holdings {
    pub(super) fn live_beneath(&self, prefix: &EntryPath) -> Tally {
        let files = self.files.iter().filter(|(path, _)| prefix.contains(path));
        files.map(|(_, file)| Tally::one(file.content.size)).sum()
    }

    /// The live file with this id, and its path.
    pub(super) fn file_by_id(&self, id: EntryId) -> Option<(&EntryPath, &FileRecord)> {
        self.files.iter().find(|(_, file)| file.id == id)
    }

    /// The topmost locked folder strictly above `path`.
    pub(super) fn lock_above(&self, path: &EntryPath) -> Option<EntryPath> {
        let locked = |path: &EntryPath| self.folders.get(path).is_some_and(|row| row.locked);
        paths_above(path).into_iter().find(locked)
    }

    /// The path of a file that is locked, or lies below a locked folder.
    pub(super) fn lock_of_file(&self, path: &EntryPath) -> Option<EntryPath> {
        let own = self.files.get(path).is_some_and(|file| file.locked);
        (own || self.lock_above(path).is_some()).then(|| path.clone())
    }

    /// Whether the rules let this version in. The order of the checks is part of the contract.
    pub(super) fn admits(&self, realm: &Realm, version: &NewVersion) -> Result<(), UploadRefusal> {
        let path = &version.path;
        if !realm.sees(path) {
            return Err(UploadRefusal::OutsidePrefix);
        }
        if let Some((command, _)) = &version.output_of {
            let command = self.visible_command(realm, *command);
            if command.ok_or(UploadRefusal::NoCommand)?.closed {
                return Err(UploadRefusal::CommandClosed);
            }
        }
        if self.folders.contains_key(path) {
            return Err(UploadRefusal::IsFolder);
        }
        if let Some(file) = paths_above(path).into_iter().find(|p| self.files.contains_key(p)) {
            return Err(UploadRefusal::ParentIsFile(file));
        }
        // A locked folder keeps what it has and takes what is new.
        let there = self.files.get(path).map(|file| file.blob.id);
        version.overwrite.admit(there)?;
        let lock = self.lock_of_file(path).filter(|_| there.is_some());
        lock.map_or(Ok(()), |lock| Err(UploadRefusal::Locked(lock)))
    }

    pub(super) fn folder_record(&self, path: &EntryPath) -> Option<FolderRecord> {
        let row = self.folders.get(path)?;
        let direct = self.files.values().filter(|file| file.folder == row.number);
        Some(FolderRecord {
            id: row.id,
            number: row.number,
            created_at: row.created_at,
            locked: row.locked,
            direct: direct.map(|file| Tally::one(file.content.size)).sum(),
        })
    }
}

impl State {
    /// The folder at `path`, made with all above it where it is not there yet.
    pub(super) fn folder_made(
        &mut self,
        organization: OrganizationNumber,
        path: &EntryPath,
        now: Timestamp,
    ) -> FolderNumber {
        let mut whole_way = paths_above(path);
        whole_way.push(path.clone());
        for step in whole_way {
            if !self.holdings(organization).folders.contains_key(&step) {
                let number = FolderNumber(self.next_number());
                let made = Sequence(self.next_number());
                let row = FolderRow::new(self.ids.next(), number, now, made);
                self.holdings_mut(organization).folders.insert(step, row);
            }
        }
        self.holdings(organization).folders[path].number
    }

    pub(super) fn commit_version(
        &mut self,
        realm: &Realm,
        version: NewVersion,
        now: Timestamp,
    ) -> Result<Stored, UploadRefusal> {
        let organization = realm.organization;
        self.holdings(organization).admits(realm, &version)?;
        let incoming = Incoming::of(&version, self.replaced(organization, &version.path));
        self.admit(organization, &incoming)?;
        self.intents.remove(&version.blob).ok_or(UploadRefusal::IntentExpired)?;
        let parent = version.path.parent().expect("the root is a folder, which is refused");
        let folder = self.folder_made(organization, &parent, now);
        let name = version.path.name().expect("the root is a folder, which is refused");
        self.make_room(organization, folder, &name, now);
        let sequence = Sequence(self.next_number());
        let kept_as = version.kept_as();
        let holdings = self.holdings_mut(organization);
        let before = holdings.files.remove(&version.path);
        let mut file = FileRecord {
            id: before.as_ref().map_or(version.entry, |before| before.id),
            folder,
            name,
            sequence,
            blob: version.blob,
            content: version.content,
            attributes: version.attributes,
            created_at: before.as_ref().map_or(now, |before| before.created_at),
            modified_at: now,
            locked: false,
            command: version.output_of.as_ref().map(|(command, _)| *command),
        };
        if let Some(before) = &before
            && file.attributes.tags.is_empty()
        {
            file.attributes.tags.clone_from(&before.attributes.tags);
        }
        holdings.uploaded += Tally::one(version.content.size);
        holdings.files.insert(version.path, file.clone());
        if let Some(origin) = kept_as {
            holdings.keep(realm, origin, &file);
        }
        if let Some((command, key)) = version.output_of {
            holdings.record_output(command, key, &file);
        }
        if let Some(before) = &before {
            self.condemn(Some(organization), None, vec![sized(before)], now);
        }
        Ok(Stored { file, created: before.is_none() })
    }

    pub(super) fn set_lock(&mut self, realm: &Realm, path: &WrittenPath, locked: bool) -> bool {
        if path.path.is_root() || !realm.sees(&path.path) {
            return false;
        }
        let sequence = Sequence(self.next_number());
        let holdings = self.holdings_mut(realm.organization);
        let was_locked = if let Some(folder) = holdings.folders.get_mut(&path.path) {
            if folder.locked != locked {
                folder.sequence = sequence;
            }
            std::mem::replace(&mut folder.locked, locked)
        } else if let Some(file) = holdings.files.get_mut(&path.path).filter(|_| !path.says_folder)
        {
            if file.locked != locked {
                file.sequence = sequence;
            }
            std::mem::replace(&mut file.locked, locked)
        } else {
            return false;
        };
        if was_locked && !locked {
            for above in paths_above(&path.path) {
                holdings.folders.get_mut(&above).expect("it leads to an entry").unlocked = sequence;
            }
        }
        true
    }
}

fn answers(file: &FileRecord, query: &FileQuery) -> bool {
    let attributes = &file.attributes;
    let is_tagged = |wanted: &String| attributes.tags.contains(wanted);
    let holds = |text: &str| {
        let text = text.to_lowercase();
        let mut texts = std::iter::once(&attributes.title).chain(&attributes.tags);
        texts.any(|candidate| candidate.to_lowercase().contains(&text))
    };
    query.kind.is_none_or(|kind| FileKind::of(&attributes.content_type) == kind)
        && (query.any_tag.is_empty() || query.any_tag.iter().any(is_tagged))
        && query.text.as_deref().is_none_or(holds)
}

#[async_trait]
impl EntryLedger for MemoryLedger {
    async fn reserve_intents(
        &self,
        count: usize,
        expires_at: Timestamp,
    ) -> Result<Vec<BlobKey>, LedgerError> {
        let mut state = self.state();
        let keys: Vec<BlobKey> = (0..count)
            .map(|_| BlobKey { number: state.next_number(), id: state.ids.next() })
            .collect();
        state.intents.extend(keys.iter().map(|key| (*key, expires_at)));
        Ok(keys)
    }

    async fn commit_version(
        &self,
        realm: &Realm,
        version: NewVersion,
        now: Timestamp,
    ) -> Result<Result<Stored, UploadRefusal>, LedgerError> {
        let mut state = self.state();
        state.must_stand(realm.organization)?;
        Ok(state.commit_version(realm, version, now))
    }

    async fn file(&self, realm: &Realm, id: EntryId) -> Result<Option<FileRecord>, LedgerError> {
        let state = self.state();
        let found = state.holdings(realm.organization).file_by_id(id);
        Ok(found.filter(|(path, _)| realm.sees(path)).map(|(_, file)| file.clone()))
    }

    async fn entry_at(
        &self,
        realm: &Realm,
        path: &WrittenPath,
    ) -> Result<Option<Entry>, LedgerError> {
        if !realm.sees(&path.path) {
            return Ok(None);
        }
        let state = self.state();
        let holdings = state.holdings(realm.organization);
        if let Some(folder) = holdings.folder_record(&path.path) {
            return Ok(Some(Entry::Folder(folder)));
        }
        let file = holdings.files.get(&path.path).filter(|_| !path.says_folder);
        Ok(file.cloned().map(Entry::File))
    }

    async fn files(&self, realm: &Realm, query: &FileQuery) -> Result<FilePage, LedgerError> {
        let state = self.state();
        let seen = state.holdings(realm.organization).files.iter();
        let mut matching: Vec<FileRecord> = seen
            .filter(|(path, file)| realm.sees(path) && answers(file, query))
            .map(|(_, file)| file.clone())
            .collect();
        matching.sort_by_key(|file| std::cmp::Reverse(file.id));
        let total = matching.len() as u64;
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Ok(FilePage { files: matching.into_iter().skip(offset).take(limit).collect(), total })
    }

    async fn exist_elsewhere(
        &self,
        organization: OrganizationNumber,
        ids: &[EntryId],
    ) -> Result<Vec<bool>, LedgerError> {
        let state = self.state();
        let elsewhere = |id: &EntryId| {
            let mut others =
                state.organizations.iter().filter(|(number, _)| **number != organization);
            others.any(|(_, holdings)| holdings.file_by_id(*id).is_some())
        };
        Ok(ids.iter().map(elsewhere).collect())
    }

    async fn set_lock(
        &self,
        realm: &Realm,
        path: &WrittenPath,
        locked: bool,
    ) -> Result<bool, LedgerError> {
        Ok(self.state().set_lock(realm, path, locked))
    }
}
