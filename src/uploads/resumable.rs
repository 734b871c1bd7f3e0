//! Uploads that come in pieces. What is acknowledged is durable: the bytes first, then the row that
//! says how many they are. The last byte is acknowledged by the file that comes of it, so that an
//! upload whose bytes are all there is a file, also after a crash.
//!
//! A piece is taken to its end although its client may go away: what came until then counts.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::task::JoinError;

use super::store::Uploader;
use crate::blobs::{BlobAppender, BlobError, BlobErrorKind};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Attributes, FileRecord, UploadRefusal};
use crate::domain::id::{EntryId, UploadId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::domain::upload::PartialUpload;
use crate::jobs::uninterrupted::to_the_end;
use crate::ledger::LedgerError;
use crate::ledger::resumable::{BeginRefusal, FinishRefusal, GivenUp, NewUpload};

/// How long an upload waits for its next piece.
pub const PARTIAL_IDLE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long an upload may take in all.
pub const PARTIAL_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes after which those of one piece are acknowledged on the way.
const UNACKNOWLEDGED_BYTES_MAX: u64 = 16 << 20;

/// What is to be uploaded in pieces.
#[derive(Clone, Debug)]
pub struct PartialRequest {
    /// The upload's identity.
    pub id: UploadId,
    /// The file's identity, where the path holds none when it is whole.
    pub entry: EntryId,
    /// The target.
    pub path: EntryPath,
    /// Whether no file may lie there when it is whole.
    pub only_new: bool,
    /// What the client said of the file.
    pub attributes: Attributes,
    /// What the client said, as it said it.
    pub metadata: String,
    /// Bytes that it will have.
    pub length: u64,
}

/// Why nothing was begun.
#[derive(Debug)]
pub enum BeginError {
    /// There is no room for it, or the path is none for an upload.
    Refused(UploadRefusal),
    /// Larger than any file may be.
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// It was asked for before, under the same idempotency key.
    Repeated(Repeat),
    /// The organization has as many unfinished uploads as it may have.
    TooMany,
    /// The ledger failed.
    Ledger(LedgerError),
}

impl From<LedgerError> for BeginError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Bytes that follow what is there.
pub struct Piece<S> {
    /// How many bytes the client takes to be there.
    pub offset: u64,
    /// The bytes.
    pub body: S,
    /// What all of them must be; otherwise none counts.
    pub proof: Option<Box<dyn Proof>>,
}

/// Tells whether bytes are those that the client meant.
pub trait Proof: Send {
    /// Takes the next bytes.
    fn update(&mut self, bytes: &[u8]);
    /// Whether those were all, and the right ones.
    fn holds(self: Box<Self>) -> bool;
}

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are durable and acknowledged.
    pub received: u64,
    /// From then on the upload is gone.
    pub expires_at: Timestamp,
    /// The file that it has become, with the piece that made it whole.
    pub file: Option<FileRecord>,
}

/// Why a piece does not count, or only a part of it.
#[derive(Debug)]
pub enum PieceError<E> {
    /// No such upload, or not any more.
    Gone,
    /// The upload is elsewhere.
    OtherOffset {
        /// Bytes that are there.
        received: u64,
    },
    /// Another piece of it is being written.
    Busy,
    /// More bytes came than are missing.
    TooLong {
        /// Bytes that were missing.
        missing: u64,
    },
    /// The bytes are not those that the client meant. None counts.
    ProofFailed,
    /// The client was silent for too long. What came before counts.
    Stalled,
    /// The body broke off. What came before counts.
    Body(E),
    /// The upload is whole, and is refused as any upload can be. It stays as it was
    /// acknowledged, so that its end can be sent again.
    Refused(UploadRefusal),
    /// The blob store failed.
    Blobs(BlobError),
    /// The ledger failed.
    Ledger(LedgerError),
}

impl<E> From<LedgerError> for PieceError<E> {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl<E> From<BlobError> for PieceError<E> {
    fn from(error: BlobError) -> Self {
        Self::Blobs(error)
    }
}

/// The uploads of which this process writes a piece. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Busy(Arc<Mutex<HashSet<UploadId>>>);

/// One of them, for as long as this lives.
struct Taken {
    id: UploadId,
    busy: Busy,
}

impl Busy {
    fn take(&self, id: UploadId) -> Option<Taken> {
        self.uploads().insert(id).then(|| Taken { id, busy: self.clone() })
    }

    fn uploads(&self) -> MutexGuard<'_, HashSet<UploadId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.busy.uploads().remove(&self.id);
    }
}

impl Uploader {
    /// Begins an upload for whose announced bytes there is room now; the commit decides again.
    pub async fn begin_partial(
        &self,
        realm: &Realm,
        request: PartialRequest,
        once: Option<Once>,
    ) -> Result<PartialUpload, BeginError> {
        let limit = self.limits.bytes_max;
        if request.length > limit {
            return Err(BeginError::TooLarge { limit });
        }
        let PartialRequest { id, entry, path, only_new, attributes, metadata, length } = request;
        let at = self.clock.now();
        let expires_at = expiry(at, at);
        let new =
            NewUpload { id, path, entry, only_new, attributes, metadata, length, at, expires_at };
        self.ledger.begin_upload(realm, new, once).await?.map_err(|refusal| match refusal {
            BeginRefusal::Refused(refusal) => BeginError::Refused(refusal),
            BeginRefusal::TooMany => BeginError::TooMany,
            BeginRefusal::Repeated(repeat) => BeginError::Repeated(repeat),
        })
    }

    /// An upload that the realm sees, finished or not.
    pub async fn partial(
        &self,
        realm: &Realm,
        id: UploadId,
    ) -> Result<Option<PartialUpload>, LedgerError> {
        self.ledger.partial_upload(realm, id, self.clock.now()).await
    }

    /// Takes a piece. The one that makes the upload whole makes it a file.
    pub async fn append<E, S>(
        &self,
        realm: &Realm,
        id: UploadId,
        piece: Piece<S>,
    ) -> Result<Progress, PieceError<E>>
    where
        E: Send + 'static,
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    {
        let taken = self.busy.take(id).ok_or(PieceError::Busy)?;
        let (uploader, realm) = (self.clone(), realm.clone());
        let work = async move {
            let done = uploader.append_taken(&realm, id, piece).await;
            drop(taken);
            done
        };
        to_the_end(work, |error| PieceError::Blobs(cut_off(error))).await
    }

    async fn append_taken<E: Send>(
        &self,
        realm: &Realm,
        id: UploadId,
        piece: Piece<impl Stream<Item = Result<Bytes, E>> + Send>,
    ) -> Result<Progress, PieceError<E>> {
        let upload = self.partial(realm, id).await?.ok_or(PieceError::Gone)?;
        let received = upload.received;
        if piece.offset != received {
            return Err(PieceError::OtherOffset { received });
        }
        if upload.file.is_some() {
            let Piece { body, .. } = piece;
            return finished_before(&upload, body).await;
        }
        let blob = self.blobs.reopen(upload.blob, received).await?;
        let mut growing =
            Growing { uploader: self, realm, upload: &upload, blob, at: received, told: received };
        let all_proven = piece.proof.is_none();
        let came = growing.take_all(piece.body, piece.proof).await;
        match came {
            Ok(()) if growing.at == upload.length => growing.finish().await,
            Ok(()) => growing.acknowledge().await,
            // What cannot be proven does not count; nor does the last byte without a file.
            Err(error) => {
                if all_proven && growing.at < upload.length {
                    growing.acknowledge::<E>().await?;
                }
                Err(error)
            }
        }
    }

    /// Gives an unfinished upload up. While a piece of it is being written, it is busy.
    pub async fn give_up(
        &self,
        realm: &Realm,
        id: UploadId,
    ) -> Result<Option<GivenUp>, LedgerError> {
        let Some(_taken) = self.busy.take(id) else { return Ok(None) };
        let given_up = self.ledger.give_up_upload(realm, id, self.clock.now()).await?;
        if given_up == GivenUp::Condemned {
            self.purge.wake();
        }
        Ok(Some(given_up))
    }
}

/// An upload of which a piece is being written.
struct Growing<'u> {
    uploader: &'u Uploader,
    realm: &'u Realm,
    upload: &'u PartialUpload,
    blob: Box<dyn BlobAppender>,
    /// Bytes that were written.
    at: u64,
    /// Bytes that are acknowledged.
    told: u64,
}

impl Growing<'_> {
    async fn take_all<E: Send>(
        &mut self,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
        mut proof: Option<Box<dyn Proof>>,
    ) -> Result<(), PieceError<E>> {
        let missing = self.upload.length - self.at;
        let mut body = std::pin::pin!(body);
        loop {
            let next = tokio::time::timeout(self.uploader.limits.idle_max, body.next()).await;
            let Some(bytes) = next.map_err(|_| PieceError::Stalled)? else { break };
            let bytes = bytes.map_err(PieceError::Body)?;
            if bytes.len() as u64 > self.upload.length - self.at {
                return Err(PieceError::TooLong { missing });
            }
            self.at += bytes.len() as u64;
            match &mut proof {
                Some(proof) => proof.update(&bytes),
                None if self.at - self.told < UNACKNOWLEDGED_BYTES_MAX => {}
                // The last byte is acknowledged by the file alone.
                None if self.at == self.upload.length => {}
                None => {
                    self.blob.write(bytes).await?;
                    self.acknowledge().await?;
                    continue;
                }
            }
            self.blob.write(bytes).await?;
        }
        match proof.is_none_or(Proof::holds) {
            true => Ok(()),
            false => Err(PieceError::ProofFailed),
        }
    }

    /// Makes durable what was written, and says so.
    async fn acknowledge<E>(&mut self) -> Result<Progress, PieceError<E>> {
        let now = self.uploader.clock.now();
        let expires_at = expiry(self.upload.created_at, now).max(self.upload.expires_at);
        if self.at > self.told {
            let durable = self.blob.sync().await?;
            let (id, ledger) = (self.upload.id, &self.uploader.ledger);
            if !ledger.acknowledge(self.realm, id, durable, (now, expires_at)).await? {
                return Err(PieceError::Gone);
            }
            self.told = durable;
        }
        Ok(Progress { received: self.told, expires_at, file: None })
    }

    /// Makes the file of which all bytes are there.
    async fn finish<E>(self) -> Result<Progress, PieceError<E>> {
        let content = self.blob.finish().await?;
        let now = self.uploader.clock.now();
        let (id, ledger) = (self.upload.id, &self.uploader.ledger);
        let stored = match ledger.finish_upload(self.realm, id, content, now).await? {
            Ok(stored) => stored,
            Err(FinishRefusal::Gone) => return Err(PieceError::Gone),
            Err(FinishRefusal::Refused(refusal)) => return Err(PieceError::Refused(refusal)),
        };
        if !stored.created {
            self.uploader.purge.wake();
        }
        let (received, expires_at) = (self.upload.length, self.upload.expires_at);
        Ok(Progress { received, expires_at, file: Some(stored.file) })
    }
}

/// The answer to whoever sends nothing more to what is whole: they missed the one before.
async fn finished_before<E: Send>(
    upload: &PartialUpload,
    body: impl Stream<Item = Result<Bytes, E>> + Send,
) -> Result<Progress, PieceError<E>> {
    let mut body = std::pin::pin!(body);
    while let Some(bytes) = body.next().await {
        if !bytes.map_err(PieceError::Body)?.is_empty() {
            return Err(PieceError::TooLong { missing: 0 });
        }
    }
    Ok(Progress { received: upload.received, expires_at: upload.expires_at, file: None })
}

/// When an upload that was begun then expires, unless more of it comes after `now`.
fn expiry(created_at: Timestamp, now: Timestamp) -> Timestamp {
    now.plus(PARTIAL_IDLE_MAX).min(created_at.plus(PARTIAL_LIFETIME))
}

fn cut_off(error: JoinError) -> BlobError {
    BlobErrorKind::Unavailable.caused_by("writing a piece was cut off", error)
}
