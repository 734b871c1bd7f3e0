//! The one path of every upload.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::intents::IntentPool;
use super::resumable::Busy;
use crate::blobs::{BlobError, BlobErrorKind, BlobStore};
use crate::domain::blob::{BlobFacts, BlobKey};
use crate::domain::clock::Clock;
use crate::domain::entry::{Attributes, NewVersion, Origin, Stored, UploadRefusal};
use crate::domain::id::{CommandId, EntryId};
use crate::domain::organization::Realm;
use crate::domain::overwrite::Overwrite;
use crate::domain::path::EntryPath;
use crate::domain::plans::{Announced, Bound, Target};
use crate::jobs::uninterrupted::to_the_end;
use crate::jobs::wake::Wake;
use crate::ledger::{Ledger, LedgerError};

/// What is to be stored, beside its bytes.
#[derive(Clone, Debug)]
pub struct UploadRequest {
    /// The identity, where the path holds no entry yet.
    pub entry: EntryId,
    /// The target.
    pub path: EntryPath,
    /// Whether a file that lies there is replaced.
    pub overwrite: Overwrite,
    /// What the client said.
    pub attributes: Attributes,
    /// Which command's output this is, and under which name.
    pub output_of: Option<(CommandId, String)>,
    /// Through which door it came.
    pub origin: Origin,
}

/// Why nothing was stored. What was written of the bytes is swept.
#[derive(Debug)]
pub enum UploadError<E> {
    /// The ledger's rules refuse it.
    Refused(UploadRefusal),
    /// More bytes than this came.
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// The client was silent for too long.
    Stalled,
    /// The body broke off.
    Body(E),
    /// The blob store failed.
    Blobs(BlobError),
    /// The ledger failed.
    Ledger(LedgerError),
}

impl<E> From<LedgerError> for UploadError<E> {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl<E> From<BlobError> for UploadError<E> {
    fn from(error: BlobError) -> Self {
        Self::Blobs(error)
    }
}

/// Bounds of one upload.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// Bytes of one file at most.
    pub bytes_max: u64,
    /// How long the body may be silent.
    pub idle_max: Duration,
}

/// Stores uploads. Cheap to clone.
#[derive(Clone)]
pub struct Uploader {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) blobs: Arc<dyn BlobStore>,
    intents: Arc<IntentPool>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) purge: Wake,
    pub(super) limits: UploadLimits,
    /// Uploads of which a piece is being written.
    pub(super) busy: Busy,
    /// Permits for files of builds, of all builds together.
    pub(super) building: Arc<Semaphore>,
}

/// Files of all builds whose bytes are copied at the same time: each holds two descriptors.
const FILES_BUILT_AT_ONCE: usize = 64;

impl Uploader {
    /// An uploader over these parts; `purge` is woken when an upload condemns a blob.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        purge: Wake,
        limits: UploadLimits,
    ) -> Self {
        let intents = Arc::new(IntentPool::new(Arc::clone(&ledger), Arc::clone(&clock)));
        let building = Arc::new(Semaphore::new(FILES_BUILT_AT_ONCE));
        Self { ledger, blobs, intents, clock, purge, limits, busy: Busy::default(), building }
    }

    /// Stores the bytes of `body` as a new version, durably, or nothing at all.
    pub async fn store<E: Send>(
        &self,
        realm: &Realm,
        request: UploadRequest,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Stored, UploadError<E>> {
        self.store_announced(realm, request, 0, body).await
    }

    /// The same for a body that will have at least `bytes`: where there is no room for those, none
    /// of them is read.
    pub async fn store_announced<E: Send>(
        &self,
        realm: &Realm,
        request: UploadRequest,
        bytes: u64,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Stored, UploadError<E>> {
        let announced = Announced {
            bytes,
            content_type: request.attributes.content_type.clone(),
            target: Target::At(request.path.clone()),
        };
        let received = self.receive_announced(realm, &announced, body).await?;
        self.attach(realm, request, received).await
    }

    /// Why nothing that replaces nothing would be stored now, were it of so many bytes and several
    /// files: so that what cannot stay is not written at all. Each of the files is measured by
    /// itself when it is committed.
    pub async fn refusal_of_all(
        &self,
        realm: &Realm,
        bytes: u64,
        target: Target,
    ) -> Result<Option<UploadRefusal>, LedgerError> {
        let announced = Announced { bytes, content_type: String::new(), target };
        Ok(match self.ledger.room(realm, &announced).await? {
            // The one is said of each file, the other of none of this size.
            Ok(_) | Err(UploadRefusal::MediaType | UploadRefusal::FileTooLarge { .. }) => None,
            Err(refusal) => Some(refusal),
        })
    }

    /// Makes the bytes of `body` durable, under an intent and without a row: for callers that
    /// learn only afterwards what the bytes are. What is received and never attached is swept at
    /// once. What the plan of the organization or the disk has no room for is refused before any
    /// byte is written, or with the first byte that is too much.
    pub async fn receive_announced<E: Send>(
        &self,
        realm: &Realm,
        announced: &Announced,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Received, UploadError<E>> {
        let bound = self.ledger.room(realm, announced).await?;
        let bound = bound.map_err(UploadError::Refused)?;
        self.receive_bounded(self.limits.bytes_max, bound, body).await
    }

    /// The same with a bound in bytes and no other: for what becomes several files, or none.
    pub async fn receive_within<E: Send>(
        &self,
        bytes_max: u64,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Received, UploadError<E>> {
        self.receive_bounded(bytes_max, None, body).await
    }

    async fn receive_bounded<E: Send>(
        &self,
        bytes_max: u64,
        bound: Option<Bound>,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Received, UploadError<E>> {
        let blob = self.intents.take().await?;
        let intent = Intent { uploader: self.clone(), blob, consumed: false };
        let mut body = std::pin::pin!(body);
        // Neither beginning nor finishing a blob may be cut off half-way: a name that appears
        // after the intent was given up would belong to nobody. They run to their end whether or
        // not the client is still there, and take the intent with them.
        let begun = async move {
            let writer = intent.uploader.blobs.create(blob).await?;
            Ok((intent, writer))
        };
        let (intent, mut writer) = to_the_end(begun, cut_off).await?;
        let mut written = 0_u64;
        loop {
            let next = tokio::time::timeout(self.limits.idle_max, body.next()).await;
            let Some(bytes) = next.map_err(|_| UploadError::Stalled)? else { break };
            let bytes = bytes.map_err(UploadError::Body)?;
            written += bytes.len() as u64;
            if written > bytes_max {
                return Err(UploadError::TooLarge { limit: bytes_max });
            }
            if let Some(Bound { bytes_max, beyond }) = &bound
                && written > *bytes_max
            {
                return Err(UploadError::Refused(beyond.clone()));
            }
            writer.write(bytes).await?;
        }
        let finished = async move {
            let content = writer.finish().await?;
            Ok(Received { intent, content })
        };
        Ok(to_the_end(finished, cut_off).await?)
    }

    /// Gives received bytes their row, and so makes them a version; or changes nothing.
    pub async fn attach<E>(
        &self,
        realm: &Realm,
        request: UploadRequest,
        mut received: Received,
    ) -> Result<Stored, UploadError<E>> {
        let version = NewVersion {
            entry: request.entry,
            path: request.path,
            overwrite: request.overwrite,
            blob: received.intent.blob,
            content: received.content,
            attributes: request.attributes,
            output_of: request.output_of,
            origin: request.origin,
        };
        let committed = self.ledger.commit_version(realm, version, self.clock.now()).await?;
        let stored = committed.map_err(UploadError::Refused)?;
        received.intent.consumed = true;
        if !stored.created {
            self.purge.wake();
        }
        Ok(stored)
    }

    /// Best effort: where it fails, the intent expires and the sweep does the same later.
    pub(super) async fn abandon(&self, blobs: &[BlobKey]) {
        match self.ledger.abandon_intents(blobs, self.clock.now()).await {
            Ok(()) => self.purge.wake(),
            Err(error) => tracing::warn!(%error, "a failed upload waits for the sweep"),
        }
    }
}

/// Bytes that are durable and have no row yet.
pub struct Received {
    intent: Intent,
    content: BlobFacts,
}

impl Received {
    /// Size and checksum.
    pub fn content(&self) -> BlobFacts {
        self.content
    }

    /// Where the bytes lie, as long as this is kept.
    pub fn blob(&self) -> BlobKey {
        self.intent.blob
    }

    /// Passes the duty to attach or to give up on to the caller.
    pub(super) fn handed_over(mut self) -> (BlobKey, BlobFacts) {
        self.intent.consumed = true;
        (self.intent.blob, self.content)
    }
}

/// An intent that is given up when it is dropped, however that comes about: an error, a refusal,
/// or a client that went away.
struct Intent {
    uploader: Uploader,
    blob: BlobKey,
    consumed: bool,
}

impl Drop for Intent {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the sweep finds the intent.
        if let (false, Ok(runtime)) = (self.consumed, Handle::try_current()) {
            let (uploader, blob) = (self.uploader.clone(), self.blob);
            runtime.spawn(async move { uploader.abandon(&[blob]).await });
        }
    }
}

fn cut_off(error: JoinError) -> BlobError {
    BlobErrorKind::Unavailable.caused_by("writing a blob was cut off", error)
}
