//! What handlers hold: the engine's parts behind their traits, and the settings of the edge.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::cors::Origins;
use super::error::{ApiError, RateLimited};
use super::limits::{
    BATCH_DELETIONS, BATCH_DELETIONS_WINDOW, Requests, RequestsLeft, RollingMinute,
};
use super::signing::Signer;
use super::streams::{Rhythm, Streams};
use crate::archives::ArchiveLimits;
use crate::blobs::BlobStore;
use crate::deletion::accept::{Awaited, Deleter};
use crate::deletion::progress::ProgressBoard;
use crate::deletion::record::{AllowanceState, Declined};
use crate::deletion::request::{
    Allowance, Atomicity, DeleteRequest, Door, FoldersPolicy, LockedPolicy, MATCHED_FILES_MAX,
    MissingPolicy, Selector,
};
use crate::domain::clock::Clock;
use crate::domain::guard::Guard;
use crate::domain::id::IdSource;
use crate::domain::once::Repeat;
use crate::domain::organization::{Caller, Organization};
use crate::domain::plans::{PlanLimits, Plans};
use crate::domain::random::Random;
use crate::ledger::{Ledger, MissedSubject};
use crate::meters::Meters;
use crate::uploads::Uploader;
use crate::webhooks::egress::Egress;

/// The state of every handler. Cheap to clone: it is cloned several times for each request.
#[derive(Clone)]
pub struct Service(Arc<ServiceParts>);

impl From<ServiceParts> for Service {
    fn from(parts: ServiceParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Service {
    type Target = ServiceParts;

    fn deref(&self) -> &ServiceParts {
        &self.0
    }
}

/// What handlers work with.
pub struct ServiceParts {
    /// Metadata.
    pub ledger: Arc<dyn Ledger>,
    /// Bytes, for reading.
    pub blobs: Arc<dyn BlobStore>,
    /// The one path of every delete.
    pub deleter: Deleter,
    /// Whoever follows a deletion to its end.
    pub progress: ProgressBoard,
    /// Answers without an end of their own.
    pub streams: Streams,
    /// The one path of every upload.
    pub uploader: Uploader,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identities.
    pub ids: Arc<IdSource>,
    /// Where the secrets of keys come from.
    pub random: Arc<dyn Random>,
    /// Signed urls and tokens.
    pub signer: Arc<Signer>,
    /// All requests of each organization.
    pub requests: Arc<Requests>,
    /// Attempts at batch deletions, beside the accepted ones that the ledger counts.
    pub floods: Arc<RollingMinute>,
    /// What is measured.
    pub meters: Meters,
    /// What an operator configured.
    pub settings: HttpSettings,
}

impl Service {
    /// What the plan of this organization allows.
    pub fn plan_of(&self, organization: &Organization) -> Result<&PlanLimits, ApiError> {
        let plan = self.settings.plans.get(&organization.plan);
        // The start looks at all of them, and no organization is made with another.
        plan.ok_or_else(|| ApiError::Internal("an organization's plan is not configured".into()))
    }

    /// Counts a request of this organization, or refuses it as one too many.
    pub fn count_request(&self, organization: &Organization) -> Result<RequestsLeft, ApiError> {
        let limit = self.plan_of(organization)?.requests_per_minute;
        self.requests.count(organization.number, limit).map_err(ApiError::RateLimited)
    }

    /// What accepted batch deletions of this organization are counted against.
    pub fn batch_allowance(&self, organization: &Organization) -> Result<Allowance, ApiError> {
        let limit = self.plan_of(organization)?.batch_deletions_per_hour();
        Ok(Allowance { bucket: BATCH_DELETIONS, limit, window: BATCH_DELETIONS_WINDOW })
    }

    /// How many batch deletions of this organization would be accepted now.
    pub async fn batch_deletions_left(
        &self,
        organization: &Organization,
    ) -> Result<AllowanceState, ApiError> {
        let allowance = self.batch_allowance(organization)?;
        Ok(self.ledger.allowance(organization.number, allowance, self.clock.now()).await?)
    }

    /// Bytes that one file of this organization may have.
    pub fn file_bytes_max(&self, organization: &Organization) -> Result<u64, ApiError> {
        let of_plan = self.plan_of(organization)?.file_bytes_max;
        let of_all = self.settings.upload_bytes_max;
        Ok(of_plan.map_or(of_all, |bytes| bytes.min(of_all)))
    }

    /// Bytes that this organization may store: its quota, else what the store holds in all, if it
    /// knows that.
    pub async fn space_of(&self, organization: &Organization) -> Result<Option<u64>, ApiError> {
        match self.plan_of(organization)?.quota_bytes {
            Some(quota) => Ok(Some(quota)),
            None => Ok(self.blobs.capacity().await?),
        }
    }

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
            preconditions: Vec::new(),
            atomicity: Atomicity::AllOrNone,
            missing: MissingPolicy::Refuse,
            locked: LockedPolicy::Refuse,
            folders: FoldersPolicy::Whole,
            joins_missed: false,
            matched_files_max: self.settings.matched_files_max,
            guard: None,
            allowance: None,
            once: None,
            fence: None,
            at: self.clock.now(),
        }
    }

    /// What the native API lets one request of this caller delete without a confirmation: what
    /// the key and the plan of its organization both allow. None where neither limits it.
    pub fn guard(
        &self,
        caller: &Caller,
        confirmed: Option<u64>,
    ) -> Result<Option<Guard>, ApiError> {
        let limits = caller.guard.and(self.plan_of(&caller.organization)?.guard());
        Ok(limits.is_any().then_some(Guard { limits, confirmed }))
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
    /// comes before another version, that before what is not empty, and that before what is locked.
    pub fn declined(&self, declined: Declined) -> ApiError {
        match declined {
            Declined::Refused(refusal) => {
                if !(refusal.missing.is_empty() && refusal.outside_prefix.is_empty()) {
                    return ApiError::NotFound;
                }
                if refusal.too_much_changed {
                    let plan_again = "too much has changed since the plan was made: plan again";
                    return ApiError::Conflict(plan_again.to_owned());
                }
                if !refusal.precondition_failed.is_empty() {
                    return ApiError::PreconditionFailed;
                }
                if let Some(files) = refusal.unconfirmed {
                    return ApiError::Unconfirmed { files };
                }
                match refusal.not_empty.is_empty() {
                    true => {
                        ApiError::Locked(refusal.locked.into_iter().map(|(_, path)| path).collect())
                    }
                    false => ApiError::Conflict("the folder is not empty".to_owned()),
                }
            }
            Declined::PlanSpent => {
                ApiError::Conflict("the plan is used up or has expired: plan again".to_owned())
            }
            Declined::OverAllowance(state) => {
                ApiError::RateLimited(RateLimited::from_allowance(state, self.clock.now()))
            }
            Declined::Repeated(Repeat::OtherRequest) => ApiError::IdempotencyMismatch,
            Declined::Repeated(Repeat::Of(_)) => {
                ApiError::Conflict("the request was made before".to_owned())
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
    /// How long the plan of a dry run can be committed.
    pub plan_lifetime: Duration,
    /// Files that the filters of one request take in its commit.
    pub matched_files_max: usize,
    /// The largest upload, in bytes.
    pub upload_bytes_max: u64,
    /// Bounds of archives that are unpacked.
    pub archives: ArchiveLimits,
    /// Origins whose pages may read answers.
    pub cors_origins: Origins,
    /// How long a client may be silent while it sends a body, and how long it may stay below
    /// the slowest pace.
    pub body_idle_max: Duration,
    /// The slowest pace of a body, in bytes a second.
    pub body_bytes_per_second_min: u64,
    /// When streams of events speak and end.
    pub rhythm: Rhythm,
    /// The plans of organizations.
    pub plans: Plans,
    /// Whether anybody may read what is measured.
    pub metrics_public: bool,
    /// Where webhooks may connect to.
    pub egress: Egress,
}

/// Bytes that a form may have beside those of its file.
pub(super) const FORM_BYTES_SPARE: u64 = 8 << 20;

impl HttpSettings {
    /// Bytes of any body at most: an upload, with what a form puts around it.
    pub fn body_bytes_max(&self) -> u64 {
        self.upload_bytes_max.saturating_add(FORM_BYTES_SPARE)
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            public_url: None,
            strict_isolation: false,
            bytes_gone_wait: Duration::from_secs(10),
            signed_url_lifetime: Duration::from_secs(3600),
            plan_lifetime: Duration::from_secs(3600),
            matched_files_max: MATCHED_FILES_MAX,
            upload_bytes_max: 5 << 40,
            archives: ArchiveLimits::default(),
            cors_origins: Origins::None,
            body_idle_max: Duration::from_secs(25),
            body_bytes_per_second_min: 256,
            rhythm: Rhythm::default(),
            plans: Plans::default(),
            metrics_public: false,
            egress: Egress::default(),
        }
    }
}
