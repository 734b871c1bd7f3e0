//! Copies: the bytes of a file, or of all files below a folder, once more. No blob is shared, so
//! that deleting one of the two never concerns the other.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};

use super::build::{Build, BuildError, Part};
use super::store::{UploadError, UploadRequest, Uploader};
use crate::blobs::{BlobError, BlobErrorKind, BlobStore};
use crate::domain::attach::{
    ATTACH_ENTRIES_MAX, Attach, AttachOnce, AttachRefusal, Attached, CopySource,
};
use crate::domain::blob::BlobKey;
use crate::domain::entry::{Attributes, Entry, FileRecord, Origin, UploadRefusal};
use crate::domain::id::{BlobId, EntryId, IdSource};
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::overwrite::Overwrite;
use crate::domain::path::{EntryName, EntryPath, WrittenPath};
use crate::domain::plans::Target;
use crate::ledger::{Ledger, LedgerError, WalkQuery, Walked};

/// Entries that are read at once.
const PAGE_ENTRIES: usize = 1000;

/// Why nothing was copied.
#[derive(Debug)]
pub enum CopyError {
    /// Nothing is at the source, as far as the caller sees.
    NotFound,
    /// The source is of another version.
    OtherVersion,
    /// The target lies in the folder that would be copied.
    IntoItself,
    /// The paths of the copies would be too long.
    TooLong,
    /// The commit refused, or would have.
    Refused(AttachRefusal),
    /// An intent is gone: it took too long.
    Expired,
    /// The blob store failed.
    Blobs(BlobError),
    /// The ledger failed.
    Ledger(LedgerError),
}

impl From<LedgerError> for CopyError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Copies files and folders.
#[derive(Clone)]
pub struct Copies {
    uploader: Uploader,
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn BlobStore>,
    ids: Arc<IdSource>,
}

/// Why a source's bytes did not come.
#[derive(Debug)]
enum Fault {
    /// This file's blob is positively absent.
    Gone {
        file: EntryId,
        blob: BlobKey,
        target: EntryPath,
    },
    Blobs(BlobError),
}

/// What is to be copied.
#[derive(Default)]
struct Found {
    /// Each with the path of its copy.
    files: Vec<(FileRecord, EntryPath)>,
    folders: Vec<EntryPath>,
}

impl Copies {
    /// Copies over these parts.
    pub fn new(
        uploader: Uploader,
        ledger: Arc<dyn Ledger>,
        blobs: Arc<dyn BlobStore>,
        ids: Arc<IdSource>,
    ) -> Self {
        Self { uploader, ledger, blobs, ids }
    }

    /// Copies what lies at `from` to `to`, where nothing may lie: a file, or a folder with all
    /// below it. Content, media type, tags and description are copied; locks, links to commands
    /// and foreign identities are not. All or nothing.
    pub async fn copy(
        &self,
        realm: &Realm,
        from: &WrittenPath,
        to: &EntryPath,
    ) -> Result<Attached, CopyError> {
        let entry = self.ledger.entry_at(realm, from).await?.ok_or(CopyError::NotFound)?;
        self.copy_found(realm, Walked { path: from.path.clone(), entry }, to, None).await
    }

    /// The same of what has this identity, which may have to be one of these versions; once, where
    /// that is asked for.
    pub async fn copy_entry(
        &self,
        realm: &Realm,
        (id, versions): (EntryId, Option<&[BlobId]>),
        to: &EntryPath,
        once: Option<Once>,
    ) -> Result<Attached, CopyError> {
        if let Some(once) = &once {
            // Whether it happened before is known before anything else is looked at.
            let asked = AttachOnce { once: once.clone(), made: to.clone() };
            let ask = Attach { vacant: vec![to.clone()], once: Some(asked), ..Attach::default() };
            let answer = self.ledger.attach(realm, ask, once.at).await?;
            if let Err(refusal @ AttachRefusal::Repeated(_)) = answer {
                return Err(CopyError::Refused(refusal));
            }
        }
        let found = self.ledger.entry(realm, id).await?.ok_or(CopyError::NotFound)?;
        if let (Some(versions), Entry::File(file)) = (versions, &found.entry)
            && !versions.contains(&file.blob.id)
        {
            return Err(CopyError::OtherVersion);
        }
        self.copy_found(realm, found, to, once).await
    }

    async fn copy_found(
        &self,
        realm: &Realm,
        from: Walked,
        to: &EntryPath,
        once: Option<Once>,
    ) -> Result<Attached, CopyError> {
        if !realm.sees(to) {
            let refusal = AttachRefusal::Entry(to.clone(), UploadRefusal::OutsidePrefix);
            return Err(CopyError::Refused(refusal));
        }
        // Said before any byte is copied, and again by the commit.
        let there = WrittenPath { path: to.clone(), says_folder: false };
        if self.ledger.entry_at(realm, &there).await?.is_some() {
            return Err(CopyError::Refused(AttachRefusal::Occupied(to.clone())));
        }
        let found = match from.entry {
            Entry::File(mut file) => {
                file.attributes.title = to.name().map_or_else(String::new, |n| n.to_string());
                Found { files: vec![(file, to.clone())], folders: Vec::new() }
            }
            Entry::Folder(_) if from.path.contains(to) => return Err(CopyError::IntoItself),
            Entry::Folder(folder) => {
                let found = self.all_below(realm, &from.path, to).await?;
                // What was walked is what was named, and not what came to its path meanwhile.
                let still = self.ledger.entry(realm, folder.id).await?;
                if still.is_none_or(|still| still.path != from.path) {
                    return Err(CopyError::Refused(AttachRefusal::SourceChanged(to.clone())));
                }
                found
            }
        };
        let bytes = found.files.iter().map(|(file, _)| file.content.size).sum();
        let target = if found.files.is_empty() { Target::Unknown } else { Target::New };
        if let Some(refusal) = self.uploader.refusal_of_all(realm, bytes, target).await? {
            return Err(CopyError::Refused(AttachRefusal::Entry(to.clone(), refusal)));
        }
        let parts = found.files.into_iter().map(|(file, target)| self.part(file, target));
        let mut build = Build::new(&self.uploader, &[]);
        let built = build.receive(stream::iter(parts)).await;
        if let Err(error) = built {
            return Err(self.explained(realm, error).await);
        }
        let once = once.map(|once| AttachOnce { once, made: to.clone() });
        let attached = build.attach_once(realm, (found.folders, vec![to.clone()]), once).await;
        match attached {
            Ok(attached) => Ok(attached),
            Err(error) => Err(self.explained(realm, error).await),
        }
    }

    async fn all_below(
        &self,
        realm: &Realm,
        from: &EntryPath,
        to: &EntryPath,
    ) -> Result<Found, CopyError> {
        let mut found = Found::default();
        let mut query =
            WalkQuery { top: from.clone(), depth: None, after: None, limit: PAGE_ENTRIES };
        loop {
            let page = self.ledger.walk(realm, &query).await?.ok_or(CopyError::NotFound)?;
            query.after = page.last().map(Walked::cursor);
            let is_last = page.len() < PAGE_ENTRIES;
            for met in page {
                let target = moved(&met.path, from, to).ok_or(CopyError::TooLong)?;
                match met.entry {
                    Entry::File(file) => found.files.push((file, target)),
                    Entry::Folder(_) => found.folders.push(target),
                }
            }
            if found.files.len() + found.folders.len() > ATTACH_ENTRIES_MAX {
                return Err(CopyError::Refused(AttachRefusal::TooMany));
            }
            if is_last {
                if found.files.is_empty() && found.folders.is_empty() {
                    found.folders.push(to.clone());
                }
                return Ok(found);
            }
        }
    }

    fn part(
        &self,
        file: FileRecord,
        target: EntryPath,
    ) -> Part<impl Stream<Item = Result<Bytes, Fault>> + Send + use<>> {
        let source = CopySource { entry: file.id, blob: file.blob };
        let request = UploadRequest {
            entry: self.ids.next(),
            path: target.clone(),
            overwrite: Overwrite::Never,
            attributes: Attributes { external_id: None, ..file.attributes },
            output_of: None,
            origin: Origin::Ordinary,
        };
        let (blobs, blob, size) = (Arc::clone(&self.blobs), file.blob, file.content.size);
        let opened = async move {
            let found = blobs.read(blob, 0..size).await.map_err(Fault::Blobs)?;
            let stream = found.ok_or(Fault::Gone { file: file.id, blob, target })?;
            Ok::<_, Fault>(stream.map_err(Fault::Blobs))
        };
        let body = stream::once(opened).try_flatten();
        Part { request, source: Some((source, file.content)), bytes_max: size, body }
    }

    /// A blob that is absent under a live row is missing bytes, and nobody may take it for a
    /// change.
    async fn explained(&self, realm: &Realm, error: BuildError<Fault>) -> CopyError {
        match error {
            BuildError::Upload(UploadError::Body(Fault::Gone { file, blob, target })) => {
                match self.ledger.file(realm, file).await {
                    Err(error) => CopyError::Ledger(error),
                    Ok(Some(present)) if present.blob == blob => CopyError::Blobs(
                        BlobErrorKind::Corrupt.because("a live file has no bytes to copy"),
                    ),
                    Ok(_) => CopyError::Refused(AttachRefusal::SourceChanged(target)),
                }
            }
            BuildError::Upload(UploadError::TooLarge { .. } | UploadError::Refused(_))
            | BuildError::Differs => {
                CopyError::Blobs(BlobErrorKind::Corrupt.because("a file is not what it was"))
            }
            BuildError::Upload(UploadError::Stalled) => CopyError::Blobs(
                BlobErrorKind::Unavailable.because("reading a blob takes too long"),
            ),
            BuildError::Upload(
                UploadError::Blobs(error) | UploadError::Body(Fault::Blobs(error)),
            ) => CopyError::Blobs(error),
            BuildError::Upload(UploadError::Ledger(error)) | BuildError::Ledger(error) => {
                CopyError::Ledger(error)
            }
            BuildError::Expired => CopyError::Expired,
            BuildError::Refused(refusal) => CopyError::Refused(refusal),
        }
    }
}

/// `path`, which lies below `from`, as it lies below `to`.
fn moved(path: &EntryPath, from: &EntryPath, to: &EntryPath) -> Option<EntryPath> {
    path.names().skip(from.names().count()).try_fold(to.clone(), |path, name| {
        EntryName::parse(name).ok().and_then(|name| path.child(&name).ok())
    })
}
