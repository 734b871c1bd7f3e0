//! Uploads that come in pieces, over many requests and perhaps several processes.
//!
//! The intent of such an upload outlives the process that recorded it, and ends with the upload:
//! when it is finished, when it is given up, or when it has expired and the sweep takes it, which
//! is the one way in which bytes of it are ever condemned.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::blob::{BlobFacts, BlobKey};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Attributes, Stored, UploadRefusal};
use crate::domain::id::{EntryId, UploadId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::domain::upload::PartialUpload;

/// Unfinished uploads of one organization at most.
pub const PARTIAL_UPLOADS_MAX: u64 = 256;

/// Uploads that come in pieces. Whoever sees the path of one sees it.
#[async_trait]
pub trait ResumableLedger: Send + Sync {
    /// Records an upload, with an intent for its bytes that lasts as long, or tells what is known of
    /// it where it was to be begun once. The plan is asked for all of its bytes, and again when it is
    /// finished.
    async fn begin_upload(
        &self,
        realm: &Realm,
        new: NewUpload,
        once: Option<Once>,
    ) -> Result<Result<PartialUpload, BeginRefusal>, LedgerError>;

    /// The upload with this identity, finished or not; `None` from its expiry on.
    async fn partial_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        now: Timestamp,
    ) -> Result<Option<PartialUpload>, LedgerError>;

    /// Acknowledges that the first `received` bytes are durable, which is never undone by fewer,
    /// and lets the upload expire at `expires_at`. False where it is not there any more, or is
    /// finished.
    async fn acknowledge(
        &self,
        realm: &Realm,
        id: UploadId,
        received: u64,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<bool, LedgerError>;

    /// Makes the whole upload a version, as `commit_version` makes one of any upload, and
    /// remembers until its expiry which file it became. A refusal leaves it as it was.
    async fn finish_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        content: BlobFacts,
        now: Timestamp,
    ) -> Result<Result<Stored, FinishRefusal>, LedgerError>;

    /// Gives an unfinished upload up: its blob is condemned at once.
    async fn give_up_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        now: Timestamp,
    ) -> Result<GivenUp, LedgerError>;
}

/// An upload as it is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// Its identity.
    pub id: UploadId,
    /// Where the file is to go.
    pub path: EntryPath,
    /// The file's identity, where the path holds none by then.
    pub entry: EntryId,
    /// Whether no file may lie there by then.
    pub only_new: bool,
    /// What the client said of the file.
    pub attributes: Attributes,
    /// What the client said, as it said it.
    pub metadata: String,
    /// Bytes that it will have.
    pub length: u64,
    /// When it is announced.
    pub at: Timestamp,
    /// From then on it is gone.
    pub expires_at: Timestamp,
}

impl NewUpload {
    /// The upload that this becomes, before any of its bytes.
    pub fn begun(self, blob: BlobKey) -> PartialUpload {
        let Self { id, path, entry, only_new, attributes, metadata, length, at, expires_at } = self;
        PartialUpload {
            id,
            path,
            entry,
            only_new,
            attributes,
            metadata,
            length,
            received: 0,
            blob,
            created_at: at,
            expires_at,
            file: None,
        }
    }
}

/// Why an upload was not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginRefusal {
    /// It was asked for before, under the same idempotency key.
    Repeated(Repeat),
    /// The organization has [`PARTIAL_UPLOADS_MAX`] unfinished ones.
    TooMany,
    /// There is no room for it, or the path is not the caller's to see.
    Refused(UploadRefusal),
}

/// Why an upload did not become a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishRefusal {
    /// It is not there any more, or is finished already.
    Gone,
    /// It is, as any upload can be.
    Refused(UploadRefusal),
}

/// What became of an upload that was to be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// It is gone.
    Condemned,
    /// It is a file by now, which stays.
    Finished,
    /// It was not there.
    Missing,
}
