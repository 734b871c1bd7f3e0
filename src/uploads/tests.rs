//! Builds: many files, one commit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;

use super::{Build, BuildError, Part, UploadLimits, UploadRequest, Uploader};
use crate::blobs::memory::MemoryBlobs;
use crate::domain::clock::{Clock, ManualClock, Timestamp};
use crate::domain::entry::{Attributes, Origin};
use crate::domain::id::IdSource;
use crate::domain::organization::Realm;
use crate::domain::overwrite::Overwrite;
use crate::domain::path::EntryPath;
use crate::domain::random::SeededRandom;
use crate::jobs::wake::Wake;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::{Ledger, NewOrganization};

struct Site {
    ledger: Arc<dyn Ledger>,
    clock: Arc<ManualClock>,
    ids: Arc<IdSource>,
    uploader: Uploader,
    realm: Realm,
}

impl Site {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let ids = Arc::new(IdSource::new(clock.clone(), Arc::new(SeededRandom::new(1))));
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::clone(&ids)));
        let limits = UploadLimits { bytes_max: 1000, idle_max: Duration::from_secs(9) };
        let (blobs, time) = (Arc::new(MemoryBlobs::new()), clock.clone());
        let uploader = Uploader::new(Arc::clone(&ledger), blobs, time, Wake::default(), limits);
        let new = NewOrganization {
            id: ids.next(),
            name: "site".to_owned(),
            plan: "default".to_owned(),
            folders: [ids.next(), ids.next(), ids.next()],
        };
        let made = ledger.create_organization(new, None, clock.now()).await.unwrap().unwrap();
        Self { ledger, clock, ids, uploader, realm: Realm::whole(made.number) }
    }

    /// Files whose bytes take so long each, by the clock.
    fn parts(&self, count: usize, pause: Duration) -> Vec<Part<BodyOfOne>> {
        let part = |number: usize| {
            let clock = Arc::clone(&self.clock);
            let body: BodyOfOne = Box::pin(stream::once(async move {
                clock.advance(pause);
                Ok(Bytes::from_static(b"bytes"))
            }));
            let path = EntryPath::parse(&format!("/x/{number}")).unwrap();
            let request = UploadRequest {
                entry: self.ids.next(),
                path,
                overwrite: Overwrite::Never,
                attributes: Attributes {
                    title: number.to_string(),
                    content_type: "text/plain".to_owned(),
                    tags: Vec::new(),
                    description: None,
                    external_id: None,
                },
                output_of: None,
                origin: Origin::Ordinary,
            };
            Part { request, source: None, bytes_max: 5, body }
        };
        (0..count).map(part).collect()
    }

    async fn sweep(&self) -> usize {
        self.ledger.condemn_expired_intents(self.clock.now(), 1000).await.unwrap()
    }
}

type BodyOfOne =
    std::pin::Pin<Box<dyn futures::Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

#[tokio::test]
async fn a_build_of_many_days_keeps_its_intents() {
    let site = Site::new().await;
    let mut build = Build::new(&site.uploader, &[]);
    for part in site.parts(5, Duration::from_secs(11 * 3600)) {
        build.receive(stream::iter([part])).await.unwrap();
        site.sweep().await;
    }
    let attached = build.attach::<()>(&site.realm, Vec::new(), Vec::new()).await.unwrap();
    assert_eq!(attached.created, 5);
}

#[tokio::test]
async fn a_build_that_waited_too_long_attaches_nothing() {
    let site = Site::new().await;
    let mut build = Build::new(&site.uploader, &[]);
    build.receive(stream::iter(site.parts(3, Duration::ZERO))).await.unwrap();
    site.clock.advance(Duration::from_secs(25 * 3600));
    assert!(site.sweep().await >= 3);
    let refused = build.attach::<()>(&site.realm, Vec::new(), Vec::new()).await;
    assert!(matches!(refused, Err(BuildError::Refused(_))), "{refused:?}");
    assert_eq!(site.ledger.usage(&site.realm).await.unwrap().uploaded.files, 0);
}

#[tokio::test]
async fn a_build_that_is_dropped_is_given_up() {
    let site = Site::new().await;
    let mut build = Build::new(&site.uploader, &[]);
    build.receive(stream::iter(site.parts(40, Duration::ZERO))).await.unwrap();
    drop(build);
    for _ in 0..1000 {
        let known = site.ledger.inspect().await.unwrap().blobs;
        let condemned = crate::ledger::Standing::Condemned;
        if known.iter().filter(|(_, _, standing)| *standing == condemned).count() == 40 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the blobs of a dropped build are not condemned");
}

#[tokio::test]
async fn a_file_with_more_bytes_than_it_may_ends_the_build() {
    let site = Site::new().await;
    let mut parts = site.parts(2, Duration::ZERO);
    parts[1].bytes_max = 4;
    let mut build = Build::new(&site.uploader, &[]);
    let refused = build.receive(stream::iter(parts)).await;
    assert!(matches!(refused, Err(BuildError::Upload(_))), "{refused:?}");
}
