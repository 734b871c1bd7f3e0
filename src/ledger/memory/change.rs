//! Entries by their identities.

use async_trait::async_trait;

use super::{Holdings, MemoryLedger, State};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Entry, FolderRecord};
use crate::domain::id::EntryId;
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::ledger::tree::MoveRequest;
use crate::ledger::{ChangeLedger, ChangeRefusal, EntryChange, FolderRefusal, LedgerError, Walked};

impl Holdings {
    fn entry_by_id(&self, realm: &Realm, id: EntryId) -> Option<Walked> {
        let file = self.file_by_id(id).map(|(path, _)| path);
        let folder = || self.folders.iter().find(|(_, row)| row.id == id).map(|(path, _)| path);
        self.walked(realm, file.or_else(folder)?.clone().into())
    }

    fn walked(&self, realm: &Realm, at: WrittenPath) -> Option<Walked> {
        let entry = self.entry(realm, &at)?;
        Some(Walked { path: at.path, entry })
    }
}

impl State {
    fn change_entry(
        &mut self,
        realm: &Realm,
        change: &EntryChange,
    ) -> Result<Walked, ChangeRefusal> {
        let found = self.holdings(realm.organization).entry_by_id(realm, change.id);
        let found = found.ok_or(ChangeRefusal::Missing)?;
        let to = WrittenPath::from(change.target(&found)?);
        if to.path != found.path {
            let (from, look, at) = (found.path.into(), change.look, change.at);
            self.move_entry(realm, &MoveRequest { from, to: to.clone(), look, at })?;
        }
        if let (Some(tags), Entry::File(_)) = (&change.tags, &found.entry) {
            self.change_tags(realm, &to, tags)?;
        }
        if let Some(locked) = change.locked {
            self.set_lock(realm, &to, locked);
        }
        let changed = self.holdings(realm.organization).walked(realm, to);
        Ok(changed.expect("an entry that was changed is there"))
    }
}

#[async_trait]
impl ChangeLedger for MemoryLedger {
    async fn entry(&self, realm: &Realm, id: EntryId) -> Result<Option<Walked>, LedgerError> {
        Ok(self.state().holdings(realm.organization).entry_by_id(realm, id))
    }

    async fn change_entry(
        &self,
        realm: &Realm,
        change: &EntryChange,
    ) -> Result<Result<Walked, ChangeRefusal>, LedgerError> {
        Ok(self.state().change_entry(realm, change))
    }

    async fn make_folder_once(
        &self,
        realm: &Realm,
        path: &EntryPath,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<FolderRecord, FolderRefusal>, LedgerError> {
        let mut state = self.state();
        let owner = Some(realm.organization);
        if let Some(repeat) = state.repeat(owner, once.as_ref()) {
            return Ok(Err(FolderRefusal::Repeated(repeat)));
        }
        let made = state.make_folder(realm, path, now);
        if let Ok(folder) = &made {
            state.remember(owner, once.as_ref(), folder.id);
        }
        Ok(made.map_err(FolderRefusal::Tree))
    }
}
