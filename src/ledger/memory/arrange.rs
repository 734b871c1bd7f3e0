//! Arranging the tree: a move gives other keys to the rows at and below a path.

use async_trait::async_trait;

use super::tree::paths_above;
use super::{Holdings, MemoryLedger, State};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{
    Entry, FileRecord, FolderRecord, RESERVED_FOLDERS, Sequence, TAGS_MAX, TagChange,
};
use crate::domain::organization::Realm;
use crate::domain::path::{EntryPath, NAME_BYTES_MAX, PATH_BYTES_MAX, WrittenPath};
use crate::ledger::LedgerError;
use crate::ledger::tree::{
    Child, ChildCursor, ChildPage, LookLimits, MoveRequest, TreeLedger, TreeRefusal,
};

impl Holdings {
    pub(super) fn entry(&self, realm: &Realm, written: &WrittenPath) -> Option<Entry> {
        let path = Some(&written.path).filter(|path| realm.sees(path))?;
        let folder = self.folder_record(path).map(Entry::Folder);
        let file = self.files.get(path).filter(|_| !written.says_folder);
        folder.or_else(|| file.cloned().map(Entry::File))
    }

    /// Whether something new may come to this path.
    fn check_vacant(&self, realm: &Realm, path: &EntryPath) -> Result<(), TreeRefusal> {
        if !realm.sees(path) {
            return Err(TreeRefusal::OutsidePrefix);
        }
        if self.folders.contains_key(path) || self.files.contains_key(path) {
            return Err(TreeRefusal::Exists);
        }
        let blocking = paths_above(path).into_iter().find(|above| self.files.contains_key(above));
        blocking.map_or(Ok(()), |file| Err(TreeRefusal::ParentIsFile(file)))
    }

    fn check_move(&self, realm: &Realm, request: &MoveRequest) -> Result<Entry, TreeRefusal> {
        let (from, to) = (&request.from.path, &request.to.path);
        let entry = self.entry(realm, &request.from).ok_or(TreeRefusal::Missing)?;
        self.check_vacant(realm, to)?;
        let is_file = matches!(entry, Entry::File(_));
        if is_file && request.to.says_folder {
            return Err(TreeRefusal::IsFolder);
        }
        if from.contains(to) {
            return Err(TreeRefusal::IntoItself);
        }
        if RESERVED_FOLDERS.iter().any(|name| from.as_str() == format!("/{name}")) {
            return Err(TreeRefusal::Reserved(from.clone()));
        }
        if self.is_locked(from) || self.lock_above(from).is_some() {
            return Err(TreeRefusal::Locked(from.clone()));
        }
        if self.lock_above(to).is_some() {
            return Err(TreeRefusal::Locked(to.clone()));
        }
        if !is_file {
            self.check_below(from, to, request.look)?;
        }
        Ok(entry)
    }

    fn is_locked(&self, path: &EntryPath) -> bool {
        self.folders.get(path).is_some_and(|row| row.locked)
            || self.files.get(path).is_some_and(|file| file.locked)
    }

    fn check_below(
        &self,
        from: &EntryPath,
        to: &EntryPath,
        limits: LookLimits,
    ) -> Result<(), TreeRefusal> {
        let moved_bytes =
            |path: &EntryPath| path.as_str().len() - from.as_str().len() + to.as_str().len();
        let grows = to.as_str().len() > from.as_str().len();
        let folders = self.folders.keys().filter(|path| from.contains(path));
        let files = self.files.keys().filter(|path| from.contains(path));
        let is_deep = |file: &&EntryPath| {
            let folder = file.parent().expect("a file lies in a folder");
            grows && moved_bytes(&folder) + 1 + NAME_BYTES_MAX > PATH_BYTES_MAX
        };
        let deep_files = files.clone().filter(is_deep).count() as u64;
        if folders.clone().count() > limits.folders || deep_files > limits.files {
            return Err(TreeRefusal::TooLarge);
        }
        let mut all = folders.chain(files);
        if all.clone().any(|path| self.is_locked(path)) {
            return Err(TreeRefusal::Locked(from.clone()));
        }
        match all.any(|path| moved_bytes(path) > PATH_BYTES_MAX) {
            true => Err(TreeRefusal::PathTooLong),
            false => Ok(()),
        }
    }

    /// Gives another path to everything at and below `from`.
    fn rename(&mut self, from: &EntryPath, to: &EntryPath) {
        let renamed = |path: &EntryPath| {
            let rest = &path.as_str()[from.as_str().len()..];
            EntryPath::parse(&format!("{to}{rest}")).expect("its length was checked")
        };
        let folders: Vec<_> = self.folders.extract_if(.., |path, _| from.contains(path)).collect();
        self.folders.extend(folders.into_iter().map(|(path, row)| (renamed(&path), row)));
        let files: Vec<_> = self.files.extract_if(.., |path, _| from.contains(path)).collect();
        self.files.extend(files.into_iter().map(|(path, file)| (renamed(&path), file)));
    }

    fn children_of(&self, folder: &EntryPath) -> Vec<Child> {
        let is_child = |path: &&EntryPath| path.parent().as_ref() == Some(folder);
        let paths = self.folders.keys().chain(self.files.keys()).filter(is_child);
        let child = |path: &EntryPath| {
            let folder = self.folder_record(path).map(Entry::Folder);
            let entry = folder.or_else(|| self.files.get(path).cloned().map(Entry::File));
            Some(Child { name: path.name()?, entry: entry? })
        };
        paths.filter_map(child).collect()
    }
}

impl State {
    pub(super) fn make_folder(
        &mut self,
        realm: &Realm,
        path: &EntryPath,
        now: Timestamp,
    ) -> Result<FolderRecord, TreeRefusal> {
        self.holdings(realm.organization).check_vacant(realm, path)?;
        self.folder_made(realm.organization, path, now);
        let made = self.holdings(realm.organization).folder_record(path);
        Ok(made.expect("the folder was made"))
    }

    pub(super) fn move_entry(
        &mut self,
        realm: &Realm,
        request: &MoveRequest,
    ) -> Result<Entry, TreeRefusal> {
        let organization = realm.organization;
        let entry = self.holdings(organization).check_move(realm, request)?;
        let (from, to) = (&request.from.path, &request.to.path);
        let parent = to.parent().expect("the root exists, which is refused");
        let folder = self.folder_made(organization, &parent, request.at);
        let name = to.name().expect("the root exists, which is refused");
        self.make_room(organization, folder, &name, request.at);
        let sequence = Sequence(self.next_number());
        let holdings = self.holdings_mut(organization);
        holdings.rename(from, to);
        if let Some(folder) = holdings.folders.get_mut(to) {
            folder.sequence = sequence;
        }
        let Some(file) = holdings.files.get_mut(to) else { return Ok(entry) };
        if name != file.name {
            name.as_str().clone_into(&mut file.attributes.title);
        }
        (file.folder, file.name, file.sequence) = (folder, name, sequence);
        Ok(Entry::File(file.clone()))
    }

    pub(super) fn change_tags(
        &mut self,
        realm: &Realm,
        path: &WrittenPath,
        change: &TagChange,
    ) -> Result<FileRecord, TreeRefusal> {
        let sequence = Sequence(self.next_number());
        let holdings = self.holdings_mut(realm.organization);
        let mut file = match holdings.entry(realm, path).ok_or(TreeRefusal::Missing)? {
            Entry::Folder(_) => return Err(TreeRefusal::IsFolder),
            Entry::File(file) => file,
        };
        let tags = change.applied_to(&file.attributes.tags);
        if tags.len() > TAGS_MAX {
            return Err(TreeRefusal::TooManyTags);
        }
        if tags != file.attributes.tags {
            (file.attributes.tags, file.sequence) = (tags, sequence);
        }
        holdings.files.insert(path.path.clone(), file.clone());
        Ok(file)
    }
}

#[async_trait]
impl TreeLedger for MemoryLedger {
    async fn make_folder(
        &self,
        realm: &Realm,
        path: &EntryPath,
        now: Timestamp,
    ) -> Result<Result<FolderRecord, TreeRefusal>, LedgerError> {
        Ok(self.state().make_folder(realm, path, now))
    }

    async fn move_entry(
        &self,
        realm: &Realm,
        request: &MoveRequest,
    ) -> Result<Result<Entry, TreeRefusal>, LedgerError> {
        Ok(self.state().move_entry(realm, request))
    }

    async fn change_tags(
        &self,
        realm: &Realm,
        path: &WrittenPath,
        change: &TagChange,
    ) -> Result<Result<FileRecord, TreeRefusal>, LedgerError> {
        Ok(self.state().change_tags(realm, path, change))
    }

    async fn children(
        &self,
        realm: &Realm,
        folder: &WrittenPath,
        after: Option<&ChildCursor>,
        limit: u64,
    ) -> Result<Result<ChildPage, TreeRefusal>, LedgerError> {
        let state = self.state();
        let holdings = state.holdings(realm.organization);
        let Some(Entry::Folder(record)) = holdings.entry(realm, folder) else {
            return Ok(Err(TreeRefusal::Missing));
        };
        if after.is_some_and(|cursor| cursor.folder != record.id) {
            return Ok(Err(TreeRefusal::OtherFolder));
        }
        let mut children = holdings.children_of(&folder.path);
        children.retain(|child| after.is_none_or(|cursor| child.name > cursor.after));
        Ok(Ok(ChildPage::cut(record.id, children, limit)))
    }
}
