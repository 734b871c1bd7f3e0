//! A place in memory where archives are unpacked and packed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{TryStreamExt, stream};

use crate::archives::{
    ArchiveLimits, Pack, PackError, UnpackError, UnpackRequest, Unpacked, unpack,
};
use crate::blobs::BlobStore;
use crate::blobs::memory::MemoryBlobs;
use crate::domain::clock::{Clock, ManualClock, Timestamp};
use crate::domain::entry::Entry;
use crate::domain::id::IdSource;
use crate::domain::organization::Realm;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::domain::random::SeededRandom;
use crate::jobs::wake::Wake;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::{Ledger, NewOrganization, WalkQuery};
use crate::uploads::{UploadLimits, Uploader};

pub(super) struct Yard {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) blobs: Arc<dyn BlobStore>,
    uploader: Uploader,
    ids: Arc<IdSource>,
    realm: Realm,
}

impl Yard {
    pub(super) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let ids = Arc::new(IdSource::new(clock.clone(), Arc::new(SeededRandom::new(1))));
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::clone(&ids)));
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::new());
        let limits = UploadLimits { bytes_max: u64::MAX, idle_max: Duration::from_secs(9) };
        let (stored, time) = (Arc::clone(&blobs), Arc::clone(&clock) as Arc<dyn Clock>);
        let uploader = Uploader::new(Arc::clone(&ledger), stored, time, Wake::default(), limits);
        let new = NewOrganization {
            id: ids.next(),
            name: "yard".to_owned(),
            plan: "default".to_owned(),
            folders: [ids.next(), ids.next(), ids.next()],
        };
        let made = ledger.create_organization(new, None, clock.now()).await.unwrap().unwrap();
        Self { ledger, blobs, uploader, ids, realm: Realm::whole(made.number) }
    }

    /// Unpacks into `/x`, in pieces of seven bytes.
    pub(super) async fn unpack(&self, archive: &[u8]) -> Result<Unpacked, UnpackError<Infallible>> {
        let request = UnpackRequest {
            realm: &self.realm,
            target: EntryPath::parse("/x").unwrap(),
            overwrite: false,
            limits: ArchiveLimits::default(),
            media_type: |_| "text/plain".to_owned(),
        };
        let pieces = archive.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let pieces: Vec<Result<Bytes, Infallible>> = pieces.collect();
        let parts = (&self.uploader, &self.blobs, self.ids.as_ref());
        unpack(parts, request, stream::iter(pieces)).await
    }

    /// Everything below `/x`: paths, and bytes where it is a file.
    pub(super) async fn contents(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let top = EntryPath::parse("/x").unwrap();
        let query = WalkQuery { top, depth: None, after: None, limit: usize::MAX };
        let mut contents = Vec::new();
        for met in self.ledger.walk(&self.realm, &query).await.unwrap().unwrap_or_default() {
            let bytes = match met.entry {
                Entry::Folder(_) => None,
                Entry::File(file) => {
                    let whole = 0..file.content.size;
                    let bytes = self.blobs.read(file.blob, whole).await.unwrap().unwrap();
                    Some(bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat())
                }
            };
            contents.push((met.path.to_string(), bytes));
        }
        contents
    }

    /// What lies at these paths, as an archive.
    pub(super) async fn pack(&self, paths: &[&str]) -> Result<Vec<u8>, PackError> {
        let mut entries = Vec::new();
        for path in paths {
            let path = EntryPath::parse(path).unwrap();
            let written = WrittenPath { path: path.clone(), says_folder: false };
            let entry = self.ledger.entry_at(&self.realm, &written).await.unwrap();
            entries.push((path, entry.unwrap()));
        }
        let (ledger, blobs) = (Arc::clone(&self.ledger), Arc::clone(&self.blobs));
        let pack = Pack::of(ledger, blobs, self.realm.clone(), entries).await?;
        let pieces: Vec<Bytes> = pack.into_stream().try_collect().await?;
        assert!(pieces.iter().all(|piece| !piece.is_empty()));
        Ok(pieces.concat())
    }
}
