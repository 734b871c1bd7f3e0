//! Unpacking: an archive is spooled into the blob store without a row, read from there, and its
//! files are built beside it. One commit attaches them; whatever happens before leaves nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, stream};

use super::directory::{self, Listed, TAIL_BYTES};
use super::place::places;
use super::{ArchiveLimits, Unacceptable, content};
use crate::blobs::{BlobError, BlobStore};
use crate::domain::attach::AttachRefusal;
use crate::domain::blob::BlobKey;
use crate::domain::entry::{Attributes, Origin, UploadRefusal};
use crate::domain::id::IdSource;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::domain::plans::Target;
use crate::uploads::{Build, BuildError, Part, UploadError, UploadRequest, Uploader};

/// What is to be unpacked, beside the archive's bytes.
pub struct UnpackRequest<'a> {
    /// Who asks.
    pub realm: &'a Realm,
    /// The folder, which is made where it is absent.
    pub target: EntryPath,
    /// Whether files that lie there are replaced.
    pub overwrite: bool,
    /// Bounds.
    pub limits: ArchiveLimits,
    /// The media type of a file of this name.
    pub media_type: fn(&str) -> String,
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why nothing was unpacked.
#[derive(Debug)]
pub enum UnpackError<E> {
    /// The archive could not be received.
    Upload(UploadError<E>),
    /// The archive is not one that is unpacked.
    Unacceptable(Unacceptable),
    /// The commit refused.
    Refused(AttachRefusal),
    /// The blob store failed.
    Blobs(BlobError),
}

/// Why an entry's bytes did not come.
#[derive(Debug)]
pub(super) enum Fault {
    Unacceptable(Unacceptable),
    Blobs(BlobError),
}

impl From<Unacceptable> for Fault {
    fn from(error: Unacceptable) -> Self {
        Self::Unacceptable(error)
    }
}

impl From<BlobError> for Fault {
    fn from(error: BlobError) -> Self {
        Self::Blobs(error)
    }
}

impl<E> From<Fault> for UnpackError<E> {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unacceptable(error) => Self::Unacceptable(error),
            Fault::Blobs(error) => Self::Blobs(error),
        }
    }
}

/// Unpacks the archive of `body` into a folder: all of it, or nothing.
pub async fn unpack<E: Send>(
    (uploader, blobs, ids): (&Uploader, &Arc<dyn BlobStore>, &IdSource),
    request: UnpackRequest<'_>,
    body: impl Stream<Item = Result<Bytes, E>> + Send,
) -> Result<Unpacked, UnpackError<E>> {
    check_room(uploader, request.realm, 0).await?;
    let spooled = uploader.receive_within(request.limits.bytes_max, body).await;
    let spooled = spooled.map_err(UnpackError::Upload)?;
    let (spool, size) = (spooled.blob(), spooled.content().size);
    let listed = list(blobs.as_ref(), (spool, size), request.limits).await?;
    let places = places(&request.target, &listed).map_err(UnpackError::Unacceptable)?;
    let mut folders = Vec::new();
    for (entry, path) in listed.iter().zip(&places).filter(|(entry, _)| entry.is_folder()) {
        content::check_empty(Arc::clone(blobs), spool, entry).await?;
        folders.push(path.clone());
    }
    let unpacked = Unpacked {
        files: (listed.len() - folders.len()) as u64,
        bytes: listed.iter().map(|entry| entry.bytes).sum(),
    };
    check_room(uploader, request.realm, unpacked.bytes).await?;
    let files = listed.into_iter().zip(places).filter(|(entry, _)| !entry.is_folder());
    if unpacked.files == 0 && folders.is_empty() {
        folders.push(request.target.clone());
    }
    let mut build = Build::new(uploader, &[spool]);
    let parts = files.map(|(entry, path)| Part {
        request: upload(&request, ids, path),
        source: None,
        bytes_max: entry.bytes,
        body: content::content(Arc::clone(blobs), spool, entry),
    });
    build.receive(stream::iter(parts)).await.map_err(explained)?;
    build.attach(request.realm, folders, Vec::new()).await.map_err(explained)?;
    Ok(unpacked)
}

/// Files that lie there may be replaced: refuses what would not fit even then.
async fn check_room<E>(
    uploader: &Uploader,
    realm: &Realm,
    bytes: u64,
) -> Result<(), UnpackError<E>> {
    match uploader.refusal_of_all(realm, bytes, Target::Unknown).await {
        Ok(None) => Ok(()),
        Ok(Some(refusal)) => Err(UnpackError::Upload(UploadError::Refused(refusal))),
        Err(error) => Err(UnpackError::Upload(UploadError::Ledger(error))),
    }
}

fn upload(request: &UnpackRequest<'_>, ids: &IdSource, path: EntryPath) -> UploadRequest {
    let title = path.name().map_or_else(String::new, |name| name.to_string());
    UploadRequest {
        entry: ids.next(),
        path,
        overwrite: request.overwrite.into(),
        attributes: Attributes {
            content_type: (request.media_type)(&title),
            title,
            tags: Vec::new(),
            description: None,
            external_id: None,
        },
        output_of: None,
        origin: Origin::Ordinary,
    }
}

/// Reads the directory of a spooled archive.
async fn list(
    blobs: &dyn BlobStore,
    (spool, size): (BlobKey, u64),
    limits: ArchiveLimits,
) -> Result<Vec<Listed>, Fault> {
    let from = size.saturating_sub(TAIL_BYTES);
    let tail = content::read_whole(blobs, spool, from..size).await?;
    let end = directory::find_end(&tail, size)?;
    directory::check_end(end, limits)?;
    let range = end.offset..end.offset + end.bytes;
    let bytes = content::read_whole(blobs, spool, range).await?;
    Ok(directory::read_directory(&bytes, end, size, limits)?)
}

fn explained<E>(error: BuildError<Fault>) -> UnpackError<E> {
    match error {
        BuildError::Upload(UploadError::Body(fault)) => fault.into(),
        BuildError::Upload(UploadError::Refused(refusal)) => {
            UnpackError::Upload(UploadError::Refused(refusal))
        }
        BuildError::Upload(UploadError::TooLarge { limit }) => {
            UnpackError::Upload(UploadError::TooLarge { limit })
        }
        BuildError::Upload(UploadError::Stalled) => UnpackError::Upload(UploadError::Stalled),
        BuildError::Upload(UploadError::Blobs(error)) => UnpackError::Blobs(error),
        BuildError::Upload(UploadError::Ledger(error)) | BuildError::Ledger(error) => {
            UnpackError::Upload(UploadError::Ledger(error))
        }
        BuildError::Differs | BuildError::Expired => {
            UnpackError::Upload(UploadError::Refused(UploadRefusal::IntentExpired))
        }
        BuildError::Refused(refusal) => UnpackError::Refused(refusal),
    }
}
