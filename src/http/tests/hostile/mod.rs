//! Hostile inputs, row by row of `docs/hostile-inputs.md`: each case carries the number of its row,
//! and asserts a status and that nothing changed.
//!
//! What is hostile in the bytes of a request's framing is in `connection/tests`.

mod auth;
mod batch;
mod ids;
mod order;
mod paths;
mod uploads;

use std::time::Duration;

use axum::body::Body;
use http::Method;

use super::app::{Answer, Part, TestApp, form};
use crate::deletion::verify::verify;
use crate::domain::blob::BlobKey;
use crate::domain::id::{EntryId, KeyId, OrganizationId};
use crate::domain::organization::{Realm, Scopes};
use crate::domain::secret::hash_key;
use crate::domain::usage::Usage;
use crate::http::signing::Claims;
use crate::ledger::FileQuery;

/// An id that nobody has.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";
/// The boundary of the forms that tests send.
const FORM: &str = "multipart/form-data; boundary=boundary-of-the-form";

/// A key of some organization, and a token of it for the dialect that wants one.
#[derive(Clone)]
struct Pass {
    key: String,
    token: String,
}

/// An application with files on both sides, and what they were at the beginning.
struct Hostile {
    app: TestApp,
    ours: Pass,
    theirs: Pass,
    /// Our files, by id, in the order of [`OURS`].
    files: Vec<String>,
    /// A file of the other organization.
    foreign: String,
}

/// The files that every attack is aimed at, or passes close by.
const OURS: [&str; 8] =
    ["/a/file", "/a/deep/file", "/ab", "/a.txt", "/a b", "/a!", "/a0", "/locked/file"];

/// Everything that a request could have changed.
#[derive(Debug, PartialEq)]
struct State {
    usage: Usage,
    files: Vec<(EntryId, BlobKey, bool)>,
    foreign: Vec<(EntryId, BlobKey, bool)>,
    blobs: Vec<BlobKey>,
}

impl Hostile {
    async fn new() -> Self {
        Self::of(TestApp::new().await).await
    }

    async fn of(app: TestApp) -> Self {
        let ours = pass(&app, app.ours.id, "read,write,delete,admin", "/").await;
        let theirs = pass(&app, app.theirs.id, "read,write,delete,admin", "/").await;
        let mut hostile = Self { app, ours, theirs, files: Vec::new(), foreign: String::new() };
        for path in OURS {
            hostile.files.push(hostile.app.upload_to(path).await);
        }
        let parts = [Part::Text("path", "/a/file"), Part::File("a.png", "image/png", "theirs")];
        hostile.foreign = hostile.app.upload_as(&hostile.theirs.key, &parts).await;
        hostile.app.lock("/locked", true).await;
        hostile
    }

    async fn pass(&self, scopes: &str, prefix: &str) -> Pass {
        pass(&self.app, self.app.ours.id, scopes, prefix).await
    }

    async fn state(&self) -> State {
        let mut blobs = self.app.stored.keys();
        blobs.sort_unstable();
        State {
            usage: self.app.usage().await,
            files: self.files_of(&Realm::whole(self.app.ours.number)).await,
            foreign: self.files_of(&Realm::whole(self.app.theirs.number)).await,
            blobs,
        }
    }

    async fn files_of(&self, realm: &Realm) -> Vec<(EntryId, BlobKey, bool)> {
        let query =
            FileQuery { kind: None, any_tag: Vec::new(), text: None, offset: 0, limit: 10_000 };
        let files = self.app.service.ledger.files(realm, &query).await.unwrap().files;
        files.iter().map(|file| (file.id, file.blob, file.locked)).collect()
    }

    /// Fails unless all is as it was: rows, usage and bytes, and both agree.
    async fn assert_unchanged(&self, before: &State, case: &str) {
        let waited = async {
            // Bytes of an upload that was refused may be on their way out.
            while self.state().await.blobs != before.blobs {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(5), waited).await;
        assert!(waited.is_ok(), "{case}: other bytes are stored");
        assert_eq!(&self.state().await, before, "{case}");
        let service = &self.app.service;
        let found = verify(service.ledger.as_ref(), service.blobs.as_ref()).await.unwrap();
        assert!(found.is_clean(), "{case}: {found:?}");
    }

    /// Sends a request with this pass, in the header of whose path it is.
    async fn ask_as(
        &self,
        pass: &Pass,
        (method, target): (Method, &str),
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let bearer = match target.starts_with("/v2") {
            true => format!("Bearer {}", pass.token),
            false => format!("Bearer {}", pass.key),
        };
        let mut all = vec![
            ("authorization", bearer.as_str()),
            ("x-api-key", &pass.key),
            ("x-user-api-key", &pass.key),
        ];
        all.extend_from_slice(headers);
        self.app.call(method, target, &all, body).await
    }

    async fn ask(&self, method: Method, target: &str) -> Answer {
        self.ask_as(&self.ours, (method, target), &[], "").await
    }

    /// Sends each case's request, and wants its status, JSON, and no change.
    async fn refuse_all(&self, method: &Method, cases: &[(u32, String, u16)]) {
        let before = self.state().await;
        for (row, target, status) in cases {
            let answer = self.ask(method.clone(), target).await;
            let case = format!("row {row}: {method} {target:.100}");
            assert_refused(&answer, *status, &case);
            self.assert_unchanged(&before, &case).await;
        }
    }
}

/// A refusal with this status, in JSON, that is nobody's fault but the client's.
fn assert_refused(answer: &Answer, status: u16, case: &str) {
    assert_eq!(answer.status.as_u16(), status, "{case}: {:.200}", answer.text());
    assert!(answer.header("content-type").contains("json"), "{case}");
    assert!(answer.json().is_object(), "{case}");
}

async fn pass(app: &TestApp, of: OrganizationId, scopes: &str, prefix: &str) -> Pass {
    let (id, key) = app.new_key(Some(of), scopes, prefix).await;
    let token = token(app, (id, &key), of, scopes);
    Pass { key, token }
}

fn token(
    app: &TestApp,
    (id, text): (KeyId, &str),
    organization: OrganizationId,
    scopes: &str,
) -> String {
    use secrecy::ExposeSecret;
    let (scopes, secret) = (Scopes::parse(scopes).unwrap(), hash_key(text).mark());
    let claims = Claims { key: id, organization, scopes, secret };
    let now = app.service.clock.now();
    let token = app.service.signer.issue_token(claims, Duration::from_secs(604_800), now);
    token.unwrap().expose_secret().to_owned()
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
