//! The contract, row by row, with whole bodies.

mod account;
mod batch;
mod copies;
mod files;
mod limits;
mod tokens;
mod tree;

use std::time::Duration;

use axum::body::Body;
use http::request::Builder;
use http::{Method, Request};
use serde_json::{Value, json};

use super::app::{Answer, Part, TestApp};
use crate::blobs::faulty::{Call, Failing};
use crate::deletion::request::{
    Atomicity, DeleteRequest, Door, FoldersPolicy, LockedPolicy, MATCHED_FILES_MAX, MissingPolicy,
    Selector,
};
use crate::domain::attach::Attach;
use crate::domain::clock::Clock;
use crate::domain::entry::Entry;
use crate::domain::id::{KeyId, OrganizationId};
use crate::domain::organization::{Realm, Scopes};
use crate::domain::path::EntryPath;
use crate::domain::plans::{PlanLimits, Plans};

/// How often a test looks at a job that it waits for.
const POLLS_MAX: u32 = 2000;
const BATCH: &str = "/v2/files/batch/delete";
const UNAUTHENTICATED: &str =
    r#"{"statusCode":401,"error":"Unauthorized","message":"Missing authentication"}"#;
const NOT_FOUND: &str = r#"{"statusCode":404,"error":"Not Found","message":"Not found"}"#;

/// A key: its id, and its text.
struct KeyPair {
    id: KeyId,
    text: String,
}

struct Sirv {
    app: TestApp,
    key: KeyPair,
    token: String,
}

impl Sirv {
    /// An organization with a key that may do everything, and a token for a week.
    async fn new() -> Self {
        Self::with_plan(PlanLimits::default()).await
    }

    /// The same, in an organization whose plan allows this.
    async fn with_plan(limits: PlanLimits) -> Self {
        let plans = Plans::new([("default".to_owned(), limits)]);
        let app = TestApp::with(|settings| settings.plans = plans).await;
        let (id, text) = app.new_key(Some(app.ours.id), "read,write,delete,admin", "/").await;
        let key = KeyPair { id, text };
        let mut sirv = Self { app, key, token: String::new() };
        sirv.token = sirv.token_for(&sirv.key).await;
        sirv
    }

    async fn token_for(&self, key: &KeyPair) -> String {
        let body = json!({"clientId": key.id.to_string(), "clientSecret": key.text,
                          "expiresIn": 604_800});
        let answer = self.app.send(json_request(Method::POST, "/v2/token", &body)).await;
        let token: Value = serde_json::from_str(answer.text()).unwrap();
        token["token"].as_str().unwrap().to_owned()
    }

    async fn key_of(&self, of: OrganizationId, scopes: Scopes, prefix: &str) -> KeyPair {
        let (id, text) = self.app.new_key(Some(of), &scopes.to_string(), prefix).await;
        KeyPair { id, text }
    }

    async fn revoke(&self) {
        let now = self.app.clock.now();
        assert!(self.app.service.ledger.revoke_key(self.key.id, now).await.unwrap());
    }

    /// Deletes a path through a door that has no jobs; the deletion's id without hyphens.
    async fn delete_through_another_door(&self, path: &str) -> String {
        let service = &self.app.service;
        let request = DeleteRequest {
            id: service.ids.next(),
            realm: Realm::whole(self.app.ours.number),
            key: self.key.id,
            door: Door::Merple,
            selectors: vec![Selector::Path(EntryPath::parse_written(path).unwrap())],
            preconditions: Vec::new(),
            atomicity: Atomicity::AllOrNone,
            missing: MissingPolicy::Count,
            locked: LockedPolicy::Skip,
            folders: FoldersPolicy::Whole,
            joins_missed: false,
            matched_files_max: MATCHED_FILES_MAX,
            guard: None,
            allowance: None,
            once: None,
            fence: None,
            at: self.app.clock.now(),
        };
        service.deleter.delete(request).await.unwrap().unwrap().id.simple()
    }

    /// A token of another key of the same organization.
    async fn token_of(&self, scopes: Scopes, prefix: &str) -> String {
        let organization = self.app.ours.id;
        self.token_for(&self.key_of(organization, scopes, prefix).await).await
    }

    fn request(&self, method: Method, target: &str) -> Builder {
        request_as(&self.token, method, target)
    }

    async fn get(&self, target: &str) -> Answer {
        self.app.send(self.request(Method::GET, target).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, target: &str, body: impl Into<Body>) -> Answer {
        self.app.send(self.request(Method::POST, target).body(body.into()).unwrap()).await
    }

    async fn upload(&self, path: &str) {
        let answer = self.post(&format!("/v2/files/upload?filename={path}"), "bytes").await;
        assert_eq!(shown(&answer), (200, ""), "{path}");
    }

    async fn lock(&self, path: &str) {
        let answer = self.post(&format!("/v2/files/lock?filename={path}"), "").await;
        assert_eq!(shown(&answer), (200, ""), "{path}");
    }

    async fn is_there(&self, path: &str) -> bool {
        self.get(&format!("/v2/files/stat?filename={path}")).await.status.as_u16() == 200
    }

    async fn batch(&self, body: impl Into<Body>) -> Answer {
        self.post(BATCH, body).await
    }

    /// Submits a batch that must be accepted; its job.
    async fn submit(&self, filenames: &[&str]) -> String {
        let answer = self.batch(json!({ "filenames": filenames }).to_string()).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        let job: Value = serde_json::from_str(answer.text()).unwrap();
        job["id"].as_str().unwrap().to_owned()
    }

    async fn progress(&self, job: &str) -> Answer {
        self.get(&format!("{BATCH}?id={job}")).await
    }

    /// Submits a batch, does all work, and shows what the job says in the end.
    async fn delete(&self, filenames: &[&str]) -> String {
        let job = self.submit(filenames).await;
        self.ended(&job).await
    }

    /// Waits for the end of a job; what it says then.
    async fn ended(&self, job: &str) -> String {
        for _ in 0..POLLS_MAX {
            self.app.drained().await;
            let answer = self.progress(job).await;
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
            if answer.text().contains("result") {
                return answer.text().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the job does not end");
    }
}

fn request_as(token: &str, method: Method, target: &str) -> Builder {
    Request::builder().method(method).uri(target).header("authorization", format!("Bearer {token}"))
}

fn json_request(method: Method, target: &str, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(target);
    let request = request.header("content-type", "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

fn shown(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.text())
}

/// The body of an error.
fn error(status: u16, reason: &str, message: &str) -> String {
    format!(r#"{{"statusCode":{status},"error":"{reason}","message":"{message}"}}"#)
}

/// The body of a job that has ended.
fn result(skipped: &str, notfound: u64, files: u64, dirs: u64) -> String {
    format!(
        r#"{{"progress":100,"result":{{"skipped":{skipped},"notfound":{notfound},"deleted":{{"files":{files},"dirs":{dirs}}}}}}}"#
    )
}
