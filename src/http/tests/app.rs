//! An application in memory, with verbs for what tests do again and again.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::blobs::BlobStore;
use crate::blobs::faulty::FaultyBlobs;
use crate::blobs::memory::MemoryBlobs;
use crate::deletion::accept::Deleter;
use crate::deletion::expand::Expander;
use crate::deletion::progress::ProgressBoard;
use crate::deletion::purge::{Lane, Purger, settling};
use crate::domain::clock::{Clock, ManualClock, Timestamp};
use crate::domain::guard::GuardLimits;
use crate::domain::id::{IdSource, KeyId, OrganizationId};
use crate::domain::organization::{Organization, Realm, Scopes};
use crate::domain::path::EntryPath;
use crate::domain::random::{Random, SeededRandom};
use crate::domain::secret::{generate_key, hash_key};
use crate::domain::usage::{Tally, Usage};
use crate::http::limits::{Requests, RollingMinute};
use crate::http::router::router;
use crate::http::signing::Signer;
use crate::http::state::{HttpSettings, Service, ServiceParts};
use crate::http::streams::Streams;
use crate::jobs::wake::Wake;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::{Ledger, NewKey, NewOrganization};
use crate::meters::Meters;
use crate::uploads::{UploadLimits, Uploader};

/// When every test begins: 2023-11-14T22:13:20Z.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// How long a test waits for work in the background.
const BACKGROUND_WAIT: Duration = Duration::from_secs(10);
/// The boundary of the forms that tests send.
const BOUNDARY: &str = "boundary-of-the-form";

/// Two organizations, a key of the first, and everything behind the router.
pub(super) struct TestApp {
    pub(super) service: Service,
    pub(super) clock: Arc<ManualClock>,
    pub(super) faults: FaultyBlobs,
    pub(super) stored: MemoryBlobs,
    pub(super) model: Arc<MemoryLedger>,
    pub(super) ours: Organization,
    pub(super) theirs: Organization,
    pub(super) key: String,
    router: Router,
    queue: Wake,
    pub(super) stop: CancellationToken,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        assert!(!self.text().contains('\n'), "answers are one line");
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and body, the body as one line of JSON.
    pub(super) fn both(&self) -> (u16, &str) {
        let media_type = self.header("content-type");
        assert_eq!(media_type, "application/json; charset=utf-8", "{}", self.text());
        (self.status.as_u16(), self.text())
    }
}

impl TestApp {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(adjust: impl FnOnce(&mut HttpSettings)) -> Self {
        Self::made(adjust, Meters::new(NOW)).await
    }

    /// With meters that record what this thread does, and without a public url.
    pub(super) async fn with_meters(meters: Meters) -> Self {
        Self::made(|settings| settings.public_url = None, meters).await
    }

    async fn made(adjust: impl FnOnce(&mut HttpSettings), meters: Meters) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
        let ids = Arc::new(IdSource::new(Arc::clone(&time), Arc::clone(&random)));
        let model = Arc::new(MemoryLedger::new(Arc::clone(&ids)));
        let ledger = Arc::clone(&model) as Arc<dyn Ledger>;
        let stored = MemoryBlobs::new();
        let faults = FaultyBlobs::around(Arc::new(stored.clone()));
        let blobs: Arc<dyn BlobStore> = Arc::new(faults.clone());
        let (queue, doomed, stop) = (Wake::default(), Wake::default(), CancellationToken::new());
        let purger = Arc::new(Purger::new(
            Arc::clone(&ledger),
            Arc::clone(&blobs),
            Arc::clone(&time),
            Arc::clone(&random),
            queue.clone(),
        ));
        purge(&purger, &stop);
        let (feeds, now) = (Arc::clone(&purger), Arc::clone(&time));
        expand(Expander::new(Arc::clone(&ledger), feeds, now, doomed.clone()), &stop);
        let settings = settings_with(adjust);
        ledger.set_plans(settings.plans.clone());
        let limits =
            UploadLimits { bytes_max: settings.upload_bytes_max, idle_max: settings.body_idle_max };
        let uploader = Uploader::new(
            Arc::clone(&ledger),
            Arc::clone(&blobs),
            Arc::clone(&time),
            queue.clone(),
            limits,
        );
        let service = Service::from(ServiceParts {
            deleter: Deleter::new(Arc::clone(&ledger), purger, doomed),
            progress: ProgressBoard::new(Arc::clone(&ledger), Arc::clone(&time)),
            streams: Streams::until(stop.clone()),
            uploader,
            requests: Arc::new(Requests::new(Arc::clone(&time))),
            floods: Arc::new(RollingMinute::new(Arc::clone(&time))),
            signer: Arc::new(Signer::new([1; 32], [2; 32])),
            meters,
            settings,
            clock: time,
            ids,
            random,
            blobs,
            ledger,
        });
        let ours = organization(&service, "ours").await;
        let theirs = organization(&service, "theirs").await;
        let mut app = Self {
            key: String::new(),
            router: router(service.clone()),
            service,
            clock,
            faults,
            stored,
            model,
            ours,
            theirs,
            queue,
            stop,
        };
        app.key = app.new_key(Some(app.ours.id), "read,write,delete", "/").await.1;
        app
    }

    /// A fresh key, by id and text. No organization makes an operator's.
    pub(super) async fn new_key(
        &self,
        organization: Option<OrganizationId>,
        scopes: &str,
        prefix: &str,
    ) -> (KeyId, String) {
        let scopes = Scopes::parse(scopes).unwrap();
        self.register_key(organization, (scopes, prefix), None).await
    }

    /// A fresh key with all scopes that ends then.
    pub(super) async fn new_key_until(
        &self,
        organization: OrganizationId,
        ends_at: Timestamp,
    ) -> (KeyId, String) {
        self.register_key(Some(organization), (Scopes::all(), "/"), Some(ends_at)).await
    }

    async fn register_key(
        &self,
        organization: Option<OrganizationId>,
        (scopes, prefix): (Scopes, &str),
        expires_at: Option<Timestamp>,
    ) -> (KeyId, String) {
        let text = generate_key(self.service.random.as_ref()).expose_secret().to_owned();
        let new = NewKey {
            id: self.service.ids.next(),
            organization,
            hash: hash_key(&text),
            scopes,
            prefix: EntryPath::parse(prefix).unwrap(),
            guard: GuardLimits::default(),
            expires_at,
        };
        let key =
            self.service.ledger.create_key(new, None, self.clock.now()).await.unwrap().unwrap();
        (key.id, text)
    }

    /// Sends a request as it is.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request; its answer, of which nothing is read yet.
    pub(super) async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request with these headers and this body.
    pub(super) async fn call(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Sends a request without a body, with this key as a bearer.
    pub(super) async fn as_bearer(&self, method: Method, target: &str, key: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        self.call(method, target, &[("authorization", &bearer)], Body::empty()).await
    }

    /// Sends a request without a body, with the usual key as a bearer.
    pub(super) async fn bearer(&self, method: Method, target: &str) -> Answer {
        self.as_bearer(method, target, &self.key).await
    }

    /// Sends a form with this key.
    pub(super) async fn post_form(&self, target: &str, key: &str, parts: &[Part<'_>]) -> Answer {
        let bearer = format!("Bearer {key}");
        let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [("authorization", bearer.as_str()), ("content-type", &media_type)];
        self.call(Method::POST, target, &headers, form(parts)).await
    }

    /// Uploads a file by id with this key; its id.
    pub(super) async fn upload_as(&self, key: &str, parts: &[Part<'_>]) -> String {
        let answer = self.post_form("/api/uploads/files", key, parts).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Uploads a small picture with the usual key; its id.
    pub(super) async fn upload(&self, name: &str) -> String {
        self.upload_as(&self.key, &[Part::File(name, "image/png", "bytes of it")]).await
    }

    /// Uploads a file to a path with the usual key; its id.
    pub(super) async fn upload_to(&self, path: &str) -> String {
        let parts = [Part::Text("path", path), Part::File("a.png", "image/png", "bytes of it")];
        self.upload_as(&self.key, &parts).await
    }

    /// Locks or unlocks what lies at a path.
    pub(super) async fn lock(&self, path: &str, locked: bool) {
        let realm = Realm::whole(self.ours.number);
        let path = EntryPath::parse_written(path).unwrap();
        assert!(self.service.ledger.set_lock(&realm, &path, locked).await.unwrap());
    }

    pub(super) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time, as answers show it.
    pub(super) fn iso_now(&self) -> String {
        self.clock.now().iso8601()
    }

    pub(super) async fn usage(&self) -> Usage {
        let realm = Realm::whole(self.ours.number);
        let usage = self.service.ledger.usage(&realm).await.unwrap();
        assert!(usage.is_conserved(), "{usage:?}");
        usage
    }

    /// Waits until nothing is doomed or condemned any more: the bytes of all that was deleted are
    /// gone.
    pub(super) async fn drained(&self) {
        let waiting = |usage: Usage| usage.doomed + usage.condemned;
        let drained = async {
            while waiting(self.usage().await) != Tally::default() {
                self.queue.wake();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(BACKGROUND_WAIT, drained).await.expect("the purge comes to its end");
    }

    /// Waits until this many blobs are stored.
    pub(super) async fn stored_blobs_become(&self, count: usize) {
        let reached = async {
            while self.stored.keys().len() != count {
                self.queue.wake();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(BACKGROUND_WAIT, reached).await;
        assert!(reached.is_ok(), "{} blobs are stored", self.stored.keys().len());
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn settings_with(adjust: impl FnOnce(&mut HttpSettings)) -> HttpSettings {
    let public_url = Some("https://files.test".to_owned());
    let mut settings = HttpSettings { public_url, ..Default::default() };
    adjust(&mut settings);
    settings
}

fn purge(purger: &Arc<Purger>, stop: &CancellationToken) {
    let (settler, removals) = settling();
    let (poller, settling, stop_polling) = (Arc::clone(purger), Arc::clone(purger), stop.clone());
    for lane in [Lane::Singles, Lane::Bulk] {
        let (remover, settler, stop) = (Arc::clone(purger), settler.clone(), stop.clone());
        tokio::spawn(async move { remover.remove(lane, settler, stop).await });
    }
    tokio::spawn(async move { poller.poll(stop_polling).await });
    tokio::spawn(async move { settling.settle(removals).await });
}

fn expand(expander: Expander, stop: &CancellationToken) {
    let stop = stop.clone();
    tokio::spawn(async move { expander.run(stop).await });
}

async fn organization(service: &Service, name: &str) -> Organization {
    let ids = &service.ids;
    let new = NewOrganization {
        id: ids.next(),
        name: name.to_owned(),
        plan: "default".to_owned(),
        folders: [ids.next(), ids.next(), ids.next()],
    };
    service.ledger.create_organization(new, None, service.clock.now()).await.unwrap().unwrap()
}

/// A part of a form.
pub(super) enum Part<'a> {
    /// Name and text.
    Text(&'a str, &'a str),
    /// File name, media type and content of the field `file`.
    File(&'a str, &'a str, &'a str),
}

/// A form in the way of the usual clients.
pub(super) fn form(parts: &[Part<'_>]) -> String {
    let begin = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=");
    let whole = parts.iter().map(|part| match part {
        Part::Text(name, text) => format!("{begin}\"{name}\"\r\n\r\n{text}\r\n"),
        Part::File(name, media_type, content) => format!(
            "{begin}\"file\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n{content}\r\n"
        ),
    });
    format!("{}--{BOUNDARY}--\r\n", whole.collect::<String>())
}
