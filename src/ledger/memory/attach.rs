//! Many versions at once: all checks, and then one version after the other.

use async_trait::async_trait;

use super::tree::paths_above;
use super::{Holdings, MemoryLedger, State};
use crate::domain::attach::{Attach, AttachOnce, AttachRefusal, Attached, CopySource};
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::entry::UploadRefusal;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::domain::plans::Incoming;
use crate::ledger::{AttachLedger, LedgerError};

impl Holdings {
    fn admits_folder(&self, realm: &Realm, path: &EntryPath) -> Result<(), UploadRefusal> {
        if !realm.sees(path) {
            return Err(UploadRefusal::OutsidePrefix);
        }
        if let Some(file) = paths_above(path).into_iter().find(|p| self.files.contains_key(p)) {
            return Err(UploadRefusal::ParentIsFile(file));
        }
        match self.files.contains_key(path) {
            true => Err(UploadRefusal::Exists),
            false => Ok(()),
        }
    }

    fn has_unchanged(&self, realm: &Realm, source: CopySource) -> bool {
        self.file_by_id(source.entry)
            .is_some_and(|(path, file)| realm.sees(path) && file.blob == source.blob)
    }
}

impl State {
    fn check_attach(&self, realm: &Realm, attach: &Attach) -> Result<(), AttachRefusal> {
        attach.check_by_itself()?;
        let holdings = self.holdings(realm.organization);
        let is_occupied = |path: &&EntryPath| {
            holdings.files.contains_key(path) || holdings.folders.contains_key(path)
        };
        if let Some(path) = attach.vacant.iter().find(is_occupied) {
            return Err(AttachRefusal::Occupied(path.clone()));
        }
        for path in &attach.folders {
            let admitted = holdings.admits_folder(realm, path);
            admitted.map_err(|refusal| AttachRefusal::Entry(path.clone(), refusal))?;
        }
        for file in &attach.files {
            let admitted = holdings.admits(realm, &file.version);
            admitted.map_err(|refusal| AttachRefusal::Entry(file.version.path.clone(), refusal))?;
        }
        let incoming: Vec<Incoming<'_>> = attach
            .files
            .iter()
            .map(|file| (&file.version, self.replaced(realm.organization, &file.version.path)))
            .map(|(version, replaces)| Incoming::of(version, replaces))
            .collect();
        self.admit_together(realm.organization, &incoming).map_err(|(place, refusal)| {
            AttachRefusal::Entry(attach.files[place].version.path.clone(), refusal)
        })?;
        let has_changed = |source| !holdings.has_unchanged(realm, source);
        if let Some(file) = attach.files.iter().find(|file| file.source.is_some_and(has_changed)) {
            return Err(AttachRefusal::SourceChanged(file.version.path.clone()));
        }
        let is_swept = |blob| !self.intents.contains_key(blob);
        if let Some(file) = attach.files.iter().find(|file| is_swept(&file.version.blob)) {
            let path = file.version.path.clone();
            return Err(AttachRefusal::Entry(path, UploadRefusal::IntentExpired));
        }
        Ok(())
    }

    fn attach(
        &mut self,
        realm: &Realm,
        attach: Attach,
        now: Timestamp,
    ) -> Result<Attached, AttachRefusal> {
        let owner = Some(realm.organization);
        let asked = attach.once.clone();
        if let Some(repeat) = self.repeat(owner, asked.as_ref().map(|asked| &asked.once)) {
            return Err(AttachRefusal::Repeated(repeat));
        }
        self.check_attach(realm, &attach)?;
        for folder in &attach.folders {
            self.folder_made(realm.organization, folder, now);
        }
        let mut attached = Attached::default();
        for file in attach.files {
            let stored = self.commit_version(realm, file.version, now);
            match stored.expect("what was checked is let in").created {
                true => attached.created += 1,
                false => attached.replaced += 1,
            }
        }
        if let Some(AttachOnce { once, made }) = asked {
            let holdings = self.holdings(realm.organization);
            let file = holdings.files.get(&made).map(|file| file.id);
            let folder = holdings.folders.get(&made).map(|folder| folder.id);
            if let Some(id) = file.or(folder) {
                self.remember(owner, Some(&once), id);
            }
        }
        Ok(attached)
    }
}

#[async_trait]
impl AttachLedger for MemoryLedger {
    async fn renew_intents(
        &self,
        blobs: &[BlobKey],
        expires_at: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut state = self.state();
        let mut all = true;
        for blob in blobs {
            match state.intents.get_mut(blob) {
                Some(expiry) => *expiry = expires_at.max(*expiry),
                None => all = false,
            }
        }
        Ok(all)
    }

    async fn attach(
        &self,
        realm: &Realm,
        attach: Attach,
        now: Timestamp,
    ) -> Result<Result<Attached, AttachRefusal>, LedgerError> {
        Ok(self.state().attach(realm, attach, now))
    }
}
