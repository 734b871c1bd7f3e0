//! Many files that become live together: their bytes are received one after the other, each under
//! an intent of its own, and one commit attaches all of them or none.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;

use super::intents::INTENT_LIFETIME;
use super::store::{UploadError, UploadRequest, Uploader};
use crate::domain::attach::{Attach, AttachOnce, AttachRefusal, Attached, Attachment, CopySource};
use crate::domain::blob::{BlobFacts, BlobKey};
use crate::domain::clock::Timestamp;
use crate::domain::entry::NewVersion;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::LedgerError;

/// Files of one build whose bytes are written at the same time: they share the syncs of the store.
const FILES_AT_ONCE: usize = 16;
/// How often the intents of a build are renewed; they live many times longer.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3600);
/// Intents that one transaction gives up at most.
const ABANDONED_PER_COMMIT: usize = 1000;

/// One file of a build.
pub struct Part<B> {
    /// What it is, and where it goes.
    pub request: UploadRequest,
    /// Where it is a copy: the source, and the content that the copy must have too.
    pub source: Option<(CopySource, BlobFacts)>,
    /// Bytes at most.
    pub bytes_max: u64,
    /// Its bytes.
    pub body: B,
}

/// Why a build came to nothing. Whatever was written is swept.
#[derive(Debug)]
pub enum BuildError<E> {
    /// A file's bytes could not be received.
    Upload(UploadError<E>),
    /// A copy has other bytes than its source.
    Differs,
    /// An intent is gone: it took too long.
    Expired,
    /// The commit refused.
    Refused(AttachRefusal),
    /// The ledger failed.
    Ledger(LedgerError),
}

impl<E> From<LedgerError> for BuildError<E> {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Files that are written and not live. Dropped without [`Build::attach`], all of it is given up.
pub struct Build {
    uploader: Uploader,
    files: Vec<Attachment>,
    /// Their intents, which this gives up where nothing attaches them.
    blobs: Vec<BlobKey>,
    /// Intents that must live as long, and are somebody else's.
    beside: Vec<BlobKey>,
    renewed_at: Timestamp,
}

impl Build {
    /// An empty build. `beside` are intents whose bytes are needed meanwhile and not attached: they
    /// are renewed too, and whoever holds them gives them up.
    pub fn new(uploader: &Uploader, beside: &[BlobKey]) -> Self {
        Self {
            uploader: uploader.clone(),
            files: Vec::new(),
            blobs: Vec::new(),
            beside: beside.to_vec(),
            renewed_at: uploader.clock.now(),
        }
    }

    /// Writes the bytes of all parts, durably; several at once, and in order as far as anybody can
    /// see.
    pub async fn receive<B, E>(
        &mut self,
        parts: impl Stream<Item = Part<B>> + Send,
    ) -> Result<(), BuildError<E>>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: Send,
    {
        let uploader = self.uploader.clone();
        let received = parts.map(|part| {
            let uploader = &uploader;
            async move {
                let _permit = uploader.building.acquire().await;
                let Part { request, source, bytes_max, body } = part;
                let received = uploader.receive_within(bytes_max, body).await;
                (request, source, received)
            }
        });
        let mut received = std::pin::pin!(received.buffered(FILES_AT_ONCE));
        loop {
            // A large file may take longer than the intents of those before it live.
            match tokio::time::timeout(RENEWAL_INTERVAL, received.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some((request, source, received))) => {
                    let received = received.map_err(BuildError::Upload)?;
                    if source.is_some_and(|(_, content)| content != received.content()) {
                        return Err(BuildError::Differs);
                    }
                    let (blob, content) = received.handed_over();
                    self.blobs.push(blob);
                    let source = source.map(|(source, _)| source);
                    self.files
                        .push(Attachment { version: version(request, blob, content), source });
                    let renewed_for = self.uploader.clock.now().since(self.renewed_at);
                    if renewed_for >= RENEWAL_INTERVAL {
                        self.renew().await?;
                    }
                }
                Err(_still_writing) => self.renew().await?,
            }
        }
    }

    async fn renew<E>(&mut self) -> Result<(), BuildError<E>> {
        let now = self.uploader.clock.now();
        let until = now.plus(INTENT_LIFETIME);
        self.renewed_at = now;
        let held = [self.beside.as_slice(), self.blobs.as_slice()].concat();
        match self.uploader.ledger.renew_intents(&held, until).await? {
            true => Ok(()),
            false => Err(BuildError::Expired),
        }
    }

    /// Makes all of it live in one commit, with these folders, where nothing lies at `vacant`.
    pub async fn attach<E>(
        self,
        realm: &Realm,
        folders: Vec<EntryPath>,
        vacant: Vec<EntryPath>,
    ) -> Result<Attached, BuildError<E>> {
        self.attach_once(realm, (folders, vacant), None).await
    }

    /// The same, with its folders and vacant paths, once where that is asked for.
    pub async fn attach_once<E>(
        mut self,
        realm: &Realm,
        (folders, vacant): (Vec<EntryPath>, Vec<EntryPath>),
        once: Option<AttachOnce>,
    ) -> Result<Attached, BuildError<E>> {
        let attach = Attach { files: std::mem::take(&mut self.files), folders, vacant, once };
        let now = self.uploader.clock.now();
        // Whatever interrupts this: giving up what the commit has consumed changes nothing.
        let attached = self.uploader.ledger.attach(realm, attach, now).await?;
        let attached = attached.map_err(BuildError::Refused)?;
        self.blobs.clear();
        if attached.replaced > 0 {
            self.uploader.purge.wake();
        }
        Ok(attached)
    }
}

fn version(request: UploadRequest, blob: BlobKey, content: BlobFacts) -> NewVersion {
    NewVersion {
        entry: request.entry,
        path: request.path,
        overwrite: request.overwrite,
        blob,
        content,
        attributes: request.attributes,
        output_of: request.output_of,
        origin: request.origin,
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        let blobs = std::mem::take(&mut self.blobs);
        // Without a runtime the process is ending, and the sweep finds the intents.
        if let (false, Ok(runtime)) = (blobs.is_empty(), Handle::try_current()) {
            let uploader = self.uploader.clone();
            runtime.spawn(async move {
                for blobs in blobs.chunks(ABANDONED_PER_COMMIT) {
                    uploader.abandon(blobs).await;
                }
            });
        }
    }
}
