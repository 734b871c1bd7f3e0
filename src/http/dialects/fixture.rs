//! The whole edge over the model of the ledger and blobs in memory. Time stands still, and the
//! work behind the answers is done when a test says so.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use secrecy::ExposeSecret;
use tower::ServiceExt;

use crate::blobs::BlobStore;
use crate::blobs::memory::MemoryBlobs;
use crate::deletion::accept::Deleter;
use crate::deletion::purge::Purger;
use crate::deletion::request::{DeleteRequest, Door, LockedPolicy, MissingPolicy, Selector};
use crate::domain::clock::{Clock, ManualClock, Timestamp};
use crate::domain::id::{IdSource, KeyId, OrganizationId};
use crate::domain::organization::{DEFAULT_PLAN, Realm, Scopes};
use crate::domain::path::EntryPath;
use crate::domain::random::{Random, SeededRandom};
use crate::domain::secret::{generate_key, hash_key};
use crate::http::limits::Floods;
use crate::http::router::router;
use crate::http::signing::Signer;
use crate::http::state::{HttpSettings, Service};
use crate::jobs::wake::Wake;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::{Ledger, NewKey, NewOrganization, Settlement, StepLimits};
use crate::uploads::{UploadLimits, Uploader};

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_268_800_000);

/// Longer than any lease.
const LEASES_EXPIRED: Duration = Duration::from_secs(600);

/// The edge and what lies behind it.
pub(crate) struct Fixture {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) blobs: MemoryBlobs,
    service: Service,
    purger: Arc<Purger>,
    random: Arc<dyn Random>,
    router: Router,
}

/// A key: its id, and its text.
#[derive(Clone, Debug)]
pub(crate) struct KeyPair {
    pub(crate) id: KeyId,
    pub(crate) text: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The text of a header; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
        let ids = Arc::new(IdSource::new(Arc::clone(&time), Arc::clone(&random)));
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::clone(&ids)));
        let blobs = MemoryBlobs::new();
        let store: Arc<dyn BlobStore> = Arc::new(blobs.clone());
        let settings = HttpSettings::default();
        let limits =
            UploadLimits { bytes_max: settings.upload_bytes_max, idle_max: settings.body_idle_max };
        let purger = Arc::new(Purger::new(
            Arc::clone(&ledger),
            Arc::clone(&store),
            Arc::clone(&time),
            Arc::clone(&random),
            Wake::default(),
        ));
        let service = Service {
            deleter: Deleter::new(Arc::clone(&ledger), Arc::clone(&purger), Wake::default()),
            uploader: Uploader::new(
                Arc::clone(&ledger),
                Arc::clone(&store),
                Arc::clone(&time),
                Wake::default(),
                limits,
            ),
            floods: Arc::new(Floods::new(settings.batch_attempts_per_minute, Arc::clone(&time))),
            signer: Arc::new(Signer::new(random.secret(), random.secret())),
            settings: Arc::new(settings),
            ledger,
            blobs: store,
            clock: time,
            ids,
        };
        let router = router(service.clone());
        Self { clock, blobs, service, purger, random, router }
    }

    /// A new organization.
    pub(crate) async fn organization(&self) -> OrganizationId {
        let ids = &self.service.ids;
        let new = NewOrganization {
            id: ids.next(),
            name: "an organization".to_owned(),
            plan: DEFAULT_PLAN.to_owned(),
            folders: [ids.next(), ids.next(), ids.next()],
        };
        self.service.ledger.create_organization(new, START).await.unwrap().id
    }

    /// A new key of an organization.
    pub(crate) async fn key(
        &self,
        organization: OrganizationId,
        scopes: Scopes,
        prefix: &str,
    ) -> KeyPair {
        let text = generate_key(self.random.as_ref()).expose_secret().to_owned();
        let id = self.service.ids.next();
        let new = NewKey {
            id,
            organization: Some(organization),
            hash: hash_key(&text),
            scopes,
            prefix: EntryPath::parse(prefix).unwrap(),
            expires_at: None,
        };
        self.service.ledger.create_key(new, START).await.unwrap().unwrap();
        KeyPair { id, text }
    }

    pub(crate) async fn revoke(&self, key: KeyId) {
        assert!(self.service.ledger.revoke_key(key, self.clock.now()).await.unwrap());
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// The organization that was made first.
    pub(crate) async fn first_organization(&self) -> OrganizationId {
        self.service.ledger.organizations().await.unwrap()[0].id
    }

    /// Locks or unlocks an entry of the organization that was made first; whether it is there.
    pub(crate) async fn set_lock(&self, path: &str, locked: bool) -> bool {
        let first = self.service.ledger.organizations().await.unwrap()[0].number;
        let written = EntryPath::parse_written(path).unwrap();
        self.service.ledger.set_lock(&Realm::whole(first), &written, locked).await.unwrap()
    }

    /// Deletes a path of the organization that was made first through a door that has no jobs;
    /// the deletion's id without hyphens.
    pub(crate) async fn delete_through_another_door(&self, path: &str) -> String {
        let first = self.service.ledger.organizations().await.unwrap()[0].number;
        let request = DeleteRequest {
            id: self.service.ids.next(),
            realm: Realm::whole(first),
            key: self.service.ids.next(),
            door: Door::Merple,
            selectors: vec![Selector::Path(EntryPath::parse_written(path).unwrap())],
            missing: MissingPolicy::Count,
            locked: LockedPolicy::Skip,
            joins_missed: false,
            allowance: None,
            at: self.clock.now(),
        };
        self.service.deleter.delete(request).await.unwrap().unwrap().id.simple()
    }

    /// Does all work behind the answers: expanding, purging, settling.
    pub(crate) async fn drain(&self) {
        let (ledger, limits) =
            (&self.service.ledger, StepLimits { duration: Duration::from_secs(1), blobs: 1 << 20 });
        loop {
            let lease = self.purger.fresh_lease();
            let step = ledger.expand_step(None, lease, limits, self.clock.now()).await.unwrap();
            if step.served.is_none() {
                break;
            }
        }
        self.clock.advance(LEASES_EXPIRED);
        // By then the leases of the commits have expired: everything condemned is due.
        let lease = self.purger.fresh_lease();
        let now = self.clock.now();
        for batch in ledger.lease_condemned(now, lease, usize::MAX).await.unwrap() {
            let keys: Vec<_> = batch.blobs.iter().map(|blob| blob.key).collect();
            assert!(self.blobs.remove(&keys).await.iter().all(crate::blobs::Removal::is_gone));
            let settlement = Settlement {
                batch: batch.number,
                token: lease.token,
                kept: Vec::new(),
                retry_at: now,
            };
            ledger.settle(vec![settlement], now).await.unwrap();
        }
    }
}
