//! Files and folders as one stream, an archive in the order of the walk. A stream that ends
//! without an error holds everything that it was asked for; whatever is missing ends it with one,
//! before the directory, so that nobody can take what came for a whole archive.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};

use super::writer::Writer;
use crate::blobs::{BlobError, BlobErrorKind, BlobStore, BlobStream};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Entry, FileRecord};
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::{Ledger, LedgerError, WalkCursor, WalkQuery, Walked};

/// Files in one archive at most: what is kept of each until the end is about a hundred bytes.
pub const PACK_FILES_MAX: u64 = 200_000;
/// Bytes of an archive's directory at most, kept in memory until the end.
const DIRECTORY_BYTES_MAX: usize = 128 << 20;
/// Entries that are read at once.
const PAGE_ENTRIES: usize = 500;
/// Media types beside `text/…` that are worth packing.
const PACKABLE: [&str; 6] = [
    "application/json",
    "application/javascript",
    "application/xml",
    "application/x-ndjson",
    "application/sql",
    "image/svg+xml",
];

/// Why a stream ended before its archive did.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Something that belongs into the archive was deleted meanwhile.
    #[error("a file was deleted while it was being packed")]
    Deleted,
    /// The archive has more entries than can be kept in mind.
    #[error("the archive has too many entries")]
    TooMany,
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The blob store failed, or lacks the bytes of a live file.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// An archive that is being streamed.
pub struct Pack {
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn BlobStore>,
    realm: Realm,
    /// What was asked for and is not begun.
    waiting: VecDeque<(EntryPath, Entry)>,
    /// The folder that is being walked, and how far it was read; none where all of it was.
    walking: Option<(EntryPath, Option<WalkCursor>)>,
    /// What was read of it and is not packed.
    page: VecDeque<Walked>,
    open: Option<BlobStream>,
    /// None once everything is packed.
    writer: Option<Writer>,
    /// What is left to be sent then.
    ending: VecDeque<Bytes>,
}

impl Pack {
    /// An archive of these entries, which the realm sees; what lies in a folder among them is
    /// packed with the folder. [`PackError::TooMany`] where that is more than
    /// [`PACK_FILES_MAX`] files, as things are now.
    pub async fn of(
        ledger: Arc<dyn Ledger>,
        blobs: Arc<dyn BlobStore>,
        realm: Realm,
        entries: Vec<(EntryPath, Entry)>,
    ) -> Result<Self, PackError> {
        let waiting = without_overlaps(entries);
        let mut files = 0;
        for (path, entry) in &waiting {
            files += match entry {
                Entry::File(_) => 1,
                Entry::Folder(_) => {
                    let below = Realm { organization: realm.organization, prefix: path.clone() };
                    ledger.usage(&below).await?.live.files
                }
            };
        }
        if files > PACK_FILES_MAX {
            return Err(PackError::TooMany);
        }
        Ok(Self {
            ledger,
            blobs,
            realm,
            waiting: waiting.into(),
            walking: None,
            page: VecDeque::new(),
            open: None,
            writer: Some(Writer::new()),
            ending: VecDeque::new(),
        })
    }

    /// The bytes.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, PackError>> + Send + use<> {
        stream::try_unfold(self, |mut pack| async move {
            let next = pack.next().await;
            match &next {
                Ok(_) | Err(PackError::Deleted | PackError::TooMany) => {}
                Err(error) => tracing::error!(%error, "an archive broke off"),
            }
            Ok(next?.map(|piece| (piece, pack)))
        })
    }

    /// The next piece that is not empty.
    async fn next(&mut self) -> Result<Option<Bytes>, PackError> {
        while self.writer.is_some() {
            match self.piece().await? {
                Some(piece) if piece.is_empty() => {}
                Some(piece) => return Ok(Some(piece)),
                None => self.ending = self.writer.take().map(Writer::finish).unwrap_or_default(),
            }
        }
        Ok(self.ending.pop_front())
    }

    /// The next piece of an entry, which may be empty; none when all are packed.
    async fn piece(&mut self) -> Result<Option<Bytes>, PackError> {
        let writer = self.writer.as_mut().expect("nothing is packed behind the end");
        if let Some(bytes) = &mut self.open {
            if let Some(piece) = bytes.try_next().await? {
                return Ok(Some(writer.write(&piece)));
            }
            self.open = None;
            return Ok(Some(writer.end()));
        }
        if writer.directory_bytes() > DIRECTORY_BYTES_MAX {
            return Err(PackError::TooMany);
        }
        match self.next_entry().await? {
            None => Ok(None),
            Some(met) => self.begin(met).await.map(Some),
        }
    }

    async fn next_entry(&mut self) -> Result<Option<Walked>, PackError> {
        loop {
            if let Some(met) = self.page.pop_front() {
                return Ok(Some(met));
            }
            if let Some((top, after)) = self.walking.take() {
                self.read_page(top, after).await?;
                continue;
            }
            let Some((path, entry)) = self.waiting.pop_front() else { return Ok(None) };
            if let Entry::Folder(_) = entry {
                self.walking = Some((path.clone(), None));
                if path.is_root() {
                    continue;
                }
            }
            return Ok(Some(Walked { path, entry }));
        }
    }

    async fn read_page(
        &mut self,
        top: EntryPath,
        after: Option<WalkCursor>,
    ) -> Result<(), PackError> {
        let query = WalkQuery { top, depth: None, after, limit: PAGE_ENTRIES };
        let page = self.ledger.walk(&self.realm, &query).await?.ok_or(PackError::Deleted)?;
        if page.len() == PAGE_ENTRIES {
            self.walking = Some((query.top, page.last().map(Walked::cursor)));
        }
        self.page = page.into();
        Ok(())
    }

    async fn begin(&mut self, met: Walked) -> Result<Bytes, PackError> {
        let name = met.path.as_str().trim_start_matches('/').to_owned();
        let file = match met.entry {
            Entry::Folder(folder) => return Ok(self.folder(&name, folder.created_at)),
            Entry::File(file) => file,
        };
        let parts = (self.ledger.as_ref(), self.blobs.as_ref());
        let (file, bytes) = opened(parts, &self.realm, file).await?;
        self.open = Some(bytes);
        let writer = self.writer.as_mut().expect("nothing is packed behind the end");
        let packs = is_packable(&file.attributes.content_type);
        Ok(writer.begin(name, file.modified_at, file.content.size, packs))
    }

    fn folder(&mut self, name: &str, modified: Timestamp) -> Bytes {
        let writer = self.writer.as_mut().expect("nothing is packed behind the end");
        writer.folder(name, modified)
    }
}

/// A file with its bytes; where it was overwritten meanwhile, the version that it is now.
async fn opened(
    (ledger, blobs): (&dyn Ledger, &dyn BlobStore),
    realm: &Realm,
    file: FileRecord,
) -> Result<(FileRecord, BlobStream), PackError> {
    if let Some(bytes) = blobs.read(file.blob, 0..file.content.size).await? {
        return Ok((file, bytes));
    }
    let present = ledger.file(realm, file.id).await?.ok_or(PackError::Deleted)?;
    if present.blob == file.blob {
        return Err(BlobErrorKind::Corrupt.because("a live file has no bytes to pack").into());
    }
    match blobs.read(present.blob, 0..present.content.size).await? {
        Some(bytes) => Ok((present, bytes)),
        None => Err(PackError::Deleted),
    }
}

/// Each entry once, in order, and none that another has in it.
fn without_overlaps(entries: Vec<(EntryPath, Entry)>) -> Vec<(EntryPath, Entry)> {
    let folders: BTreeSet<EntryPath> = entries
        .iter()
        .filter(|(_, entry)| matches!(entry, Entry::Folder(_)))
        .map(|(path, _)| path.clone())
        .collect();
    let mut known = BTreeSet::new();
    let is_within = |path: &EntryPath| {
        std::iter::successors(path.parent(), EntryPath::parent)
            .any(|above| folders.contains(&above))
    };
    entries.into_iter().filter(|(path, _)| !is_within(path) && known.insert(path.clone())).collect()
}

fn is_packable(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_text = essence.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("text/"));
    is_text || PACKABLE.iter().any(|packable| essence.eq_ignore_ascii_case(packable))
}
