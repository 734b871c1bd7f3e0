//! Uploads that come in pieces.

use async_trait::async_trait;

use super::{MemoryLedger, State};
use crate::domain::blob::{BlobFacts, BlobKey};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Stored, UploadRefusal};
use crate::domain::id::UploadId;
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::plans::Incoming;
use crate::domain::upload::PartialUpload;
use crate::ledger::LedgerError;
use crate::ledger::resumable::{
    BeginRefusal, FinishRefusal, GivenUp, NewUpload, PARTIAL_UPLOADS_MAX, ResumableLedger,
};

impl State {
    fn begin_upload(
        &mut self,
        realm: &Realm,
        new: NewUpload,
        once: Option<&Once>,
    ) -> Result<PartialUpload, BeginRefusal> {
        if let Some(repeat) = self.repeat(Some(realm.organization), once) {
            return Err(BeginRefusal::Repeated(repeat));
        }
        if !realm.sees(&new.path) {
            return Err(BeginRefusal::Refused(UploadRefusal::OutsidePrefix));
        }
        let incoming = Incoming {
            bytes: new.length,
            content_type: &new.attributes.content_type,
            replaces: self.replaced(realm.organization, &new.path),
        };
        self.admit(realm.organization, &incoming).map_err(BeginRefusal::Refused)?;
        let uploads = self.holdings(realm.organization).uploads.values();
        let unfinished =
            |upload: &&PartialUpload| upload.file.is_none() && upload.expires_at > new.at;
        if uploads.filter(unfinished).count() as u64 >= PARTIAL_UPLOADS_MAX {
            return Err(BeginRefusal::TooMany);
        }
        let blob = BlobKey { number: self.next_number(), id: self.ids.next() };
        self.intents.insert(blob, new.expires_at);
        let upload = new.begun(blob);
        self.holdings_mut(realm.organization).uploads.insert(upload.id, upload.clone());
        self.remember(Some(realm.organization), once, upload.id);
        Ok(upload)
    }

    fn partial_upload(&self, realm: &Realm, id: UploadId, now: Timestamp) -> Option<PartialUpload> {
        let upload = self.holdings(realm.organization).uploads.get(&id);
        let seen = |upload: &&PartialUpload| upload.expires_at > now && realm.sees(&upload.path);
        upload.filter(seen).cloned()
    }

    fn finish_upload(
        &mut self,
        realm: &Realm,
        id: UploadId,
        content: BlobFacts,
        now: Timestamp,
    ) -> Result<Stored, FinishRefusal> {
        let upload = self.partial_upload(realm, id, now).filter(|upload| upload.file.is_none());
        let upload = upload.ok_or(FinishRefusal::Gone)?;
        let version = upload.version(content);
        let stored = self.commit_version(realm, version, now).map_err(FinishRefusal::Refused)?;
        let row = self.holdings_mut(realm.organization).uploads.get_mut(&id);
        let row = row.expect("the upload was found");
        (row.received, row.file) = (row.length, Some(stored.file.id));
        Ok(stored)
    }

    fn give_up_upload(&mut self, realm: &Realm, id: UploadId, now: Timestamp) -> GivenUp {
        let Some(upload) = self.partial_upload(realm, id, now) else { return GivenUp::Missing };
        if upload.file.is_some() {
            return GivenUp::Finished;
        }
        self.condemn_intents(&[upload.blob], now);
        self.holdings_mut(realm.organization).uploads.remove(&id);
        GivenUp::Condemned
    }

    /// Forgets uploads that expired, finished or not.
    pub(super) fn forget_expired_uploads(&mut self, now: Timestamp) {
        for holdings in self.organizations.values_mut() {
            holdings.uploads.retain(|_, upload| upload.expires_at > now);
        }
    }
}

#[async_trait]
impl ResumableLedger for MemoryLedger {
    async fn begin_upload(
        &self,
        realm: &Realm,
        new: NewUpload,
        once: Option<Once>,
    ) -> Result<Result<PartialUpload, BeginRefusal>, LedgerError> {
        let mut state = self.state();
        state.must_stand(realm.organization)?;
        Ok(state.begin_upload(realm, new, once.as_ref()))
    }

    async fn partial_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        now: Timestamp,
    ) -> Result<Option<PartialUpload>, LedgerError> {
        Ok(self.state().partial_upload(realm, id, now))
    }

    async fn acknowledge(
        &self,
        realm: &Realm,
        id: UploadId,
        received: u64,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<bool, LedgerError> {
        let mut state = self.state();
        let upload = state.partial_upload(realm, id, now).filter(|upload| upload.file.is_none());
        let Some(PartialUpload { blob, .. }) = upload else { return Ok(false) };
        let Some(intent) = state.intents.get_mut(&blob) else { return Ok(false) };
        *intent = expires_at.max(*intent);
        let upload = state.holdings_mut(realm.organization).uploads.get_mut(&id);
        let upload = upload.expect("the upload was found");
        upload.received = upload.received.max(received);
        upload.expires_at = upload.expires_at.max(expires_at);
        Ok(true)
    }

    async fn finish_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        content: BlobFacts,
        now: Timestamp,
    ) -> Result<Result<Stored, FinishRefusal>, LedgerError> {
        Ok(self.state().finish_upload(realm, id, content, now))
    }

    async fn give_up_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        now: Timestamp,
    ) -> Result<GivenUp, LedgerError> {
        Ok(self.state().give_up_upload(realm, id, now))
    }
}
