//! What handlers hold: the engine's parts behind their traits, and the settings of the edge.

use std::sync::Arc;
use std::time::Duration;

use super::error::{ApiError, RateLimited};
use super::signing::Signer;
use crate::blobs::BlobStore;
use crate::deletion::accept::{Awaited, Deleter};
use crate::deletion::record::Declined;
use crate::deletion::request::{DeleteRequest, Door, LockedPolicy, MissingPolicy, Selector};
use crate::domain::clock::Clock;
use crate::domain::id::IdSource;
use crate::domain::organization::Caller;
use crate::ledger::{Ledger, MissedSubject};
use crate::uploads::Uploader;

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Metadata.
    pub ledger: Arc<dyn Ledger>,
    /// Bytes, for reading.
    pub blobs: Arc<dyn BlobStore>,
    /// The one path of every delete.
    pub deleter: Deleter,
    /// The one path of every upload.
    pub uploader: Uploader,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identities.
    pub ids: Arc<IdSource>,
    /// Signed urls and tokens.
    pub signer: Arc<Signer>,
    /// Bounds in this process, beside those that the ledger counts.
    pub floods: Arc<super::limits::Floods>,
    /// What an operator configured.
    pub settings: Arc<HttpSettings>,
}

impl Service {
    /// A request to delete, refused whole where something is missing or locked: what most doors
    /// ask for.
    pub fn delete_request(
        &self,
        caller: &Caller,
        door: Door,
        selectors: Vec<Selector>,
    ) -> DeleteRequest {
        DeleteRequest {
            id: self.ids.next(),
            realm: caller.realm.clone(),
            key: caller.key,
            door,
            selectors,
            missing: MissingPolicy::Refuse,
            locked: LockedPolicy::Refuse,
            joins_missed: false,
            allowance: None,
            at: self.clock.now(),
        }
    }

    /// Deletes what one selector names and waits until the bytes are gone, for the doors that
    /// answer only then; for as long as is set. A repeat of a call that waited in vain joins it.
    pub async fn delete_and_wait(
        &self,
        caller: &Caller,
        door: Door,
        (selector, subject): (Selector, MissedSubject),
    ) -> Result<Awaited, ApiError> {
        let mut request = self.delete_request(caller, door, vec![selector]);
        request.joins_missed = true;
        let at_most = self.settings.bytes_gone_wait;
        let decided = self.deleter.delete_and_wait(request, subject, at_most).await?;
        decided.map_err(|declined| self.declined(declined))
    }

    /// Why a request for a single thing was not accepted, as a kind of error. What is not there
    /// comes before what is locked.
    pub fn declined(&self, declined: Declined) -> ApiError {
        match declined {
            Declined::Refused(refusal) => {
                match refusal.missing.is_empty() && refusal.outside_prefix.is_empty() {
                    true => {
                        ApiError::Locked(refusal.locked.into_iter().map(|(_, path)| path).collect())
                    }
                    false => ApiError::NotFound,
                }
            }
            Declined::OverAllowance(state) => {
                ApiError::RateLimited(RateLimited::from_allowance(state, self.clock.now()))
            }
        }
    }
}

/// The settings of the edge, each with its unit.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The scheme and authority that absolute urls begin with; else the request's `Host`.
    pub public_url: Option<String>,
    /// Report other organizations' ids as missing, where a contract would name them.
    pub strict_isolation: bool,
    /// How long a dialect that answers when bytes are gone waits for that.
    pub bytes_gone_wait: Duration,
    /// How long a signed url works.
    pub signed_url_lifetime: Duration,
    /// The largest upload, in bytes.
    pub upload_bytes_max: u64,
    /// How long a client may be silent while it sends a body.
    pub body_idle_max: Duration,
    /// Accepted batch deletions of one organization in an hour.
    pub batch_deletions_per_hour: u32,
    /// Attempts at batch deletions of one organization in a minute, accepted or not.
    pub batch_attempts_per_minute: u32,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            public_url: None,
            strict_isolation: false,
            bytes_gone_wait: Duration::from_secs(10),
            signed_url_lifetime: Duration::from_secs(3600),
            upload_bytes_max: 5 << 40,
            body_idle_max: Duration::from_secs(30),
            batch_deletions_per_hour: 10,
            batch_attempts_per_minute: 600,
        }
    }
}
