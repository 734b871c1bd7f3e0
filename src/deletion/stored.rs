//! Plans that are stored, to be committed later: exactly what a dry run showed, or less.
//!
//! A stored plan is its request, the sequence up to which its snapshot read, and what each
//! selector found; no list of files, however many it speaks of. It holds paths as its request
//! does, for as long as it lives, and is used once at most: the commit that uses it says so in
//! its own transaction.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fence::{Fence, LOOK_FILES_MAX, PlannedItem};
use super::items::{self, Item};
use super::plan::Plan;
use super::record::{Counts, Outcome};
use super::request::{
    Atomicity, DeleteRequest, Door, FoldersPolicy, LockedPolicy, MissingPolicy, Precondition,
    Selector,
};
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::guard::Guard;
use crate::domain::id::{DeletionId, KeyId, PlanId};
use crate::domain::once::Once;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;

/// Paths that a preview shows at most.
pub const SAMPLE_PATHS_MAX: usize = 20;

/// Plans of one organization that are stored at the same time at most.
pub const STORED_PLANS_MAX: u64 = 1000;

/// What a dry run tells: what a commit would decide now, from one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The decision.
    pub plan: Plan,
    /// What each selector found, and how much of it would go.
    pub items: Vec<PlannedItem>,
    /// The last sequence that the snapshot could see.
    pub sequence: Sequence,
    /// The paths of some files that would go, at most [`SAMPLE_PATHS_MAX`]. All of them where they
    /// are few and do not lie behind many folders that hold none.
    pub sample: Vec<EntryPath>,
}

/// A plan that can be committed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    /// Its identity.
    pub id: PlanId,
    /// The prefix of the key that asked for it: its commit sees no more.
    pub prefix: EntryPath,
    /// Who asked for it.
    pub key: KeyId,
    /// What it is a plan of.
    pub request: PlannedRequest,
    /// The last sequence that its snapshot could see.
    pub sequence: Sequence,
    /// What each selector found.
    pub items: Vec<PlannedItem>,
    /// All that would have gone.
    pub counts: Counts,
    /// SHA-256 of the request, the sequence and the outcomes.
    pub digest: [u8; 32],
    /// When it was made.
    pub made_at: Timestamp,
    /// From then on it is as if it had never been made.
    pub expires_at: Timestamp,
    /// The deletion that used it up.
    pub used_by: Option<DeletionId>,
    /// What its dry run told, where it may be asked for again with an idempotency key.
    pub told: Option<Told>,
}

/// What a dry run tells beside what its plan keeps anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How many selectors found nothing.
    pub missing: u64,
    /// The paths of some files that would go.
    pub sample: Vec<EntryPath>,
    /// What would become of each selector.
    pub items: Vec<Item>,
}

impl Told {
    /// What a preview of `request` tells.
    pub fn of(request: &DeleteRequest, preview: &Preview) -> Self {
        Self {
            missing: preview.plan.missing,
            sample: preview.sample.clone(),
            items: items::of_outcomes(&request.selectors, &preview.plan.outcomes),
        }
    }
}

/// What of a request makes the plan: all but who asks for it, when, and through which door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRequest {
    /// What is to go, in the order asked.
    pub selectors: Vec<Selector>,
    /// What has to hold for single selectors.
    pub preconditions: Vec<Precondition>,
    /// What becomes of all where a part cannot be done.
    pub atomicity: Atomicity,
    /// What is not there.
    pub missing: MissingPolicy,
    /// What is locked.
    pub locked: LockedPolicy,
    /// Folders that hold something.
    pub folders: FoldersPolicy,
    /// Files that filters take at most.
    pub matched_files_max: usize,
}

/// Who commits a stored plan, as which deletion, through which door, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The identity of the deletion.
    pub id: DeletionId,
    /// The organization, whose plan it is.
    pub organization: OrganizationNumber,
    /// Who asks.
    pub key: KeyId,
    /// Through which door.
    pub door: Door,
    /// How much may go without a confirmation, which is of the count that the plan told.
    pub guard: Option<Guard>,
    /// That it is to happen once, however often it is asked for.
    pub once: Option<Once>,
    /// When.
    pub at: Timestamp,
}

impl PlannedRequest {
    fn of(request: &DeleteRequest) -> Self {
        // A field that is added is either a part of the plan or not: none is forgotten.
        let DeleteRequest {
            id: _,
            realm: _,
            key: _,
            door: _,
            selectors,
            preconditions,
            atomicity,
            missing,
            locked,
            folders,
            joins_missed: _,
            matched_files_max,
            guard: _,
            allowance: _,
            once: _,
            fence: _,
            at: _,
        } = request;
        Self {
            selectors: selectors.clone(),
            preconditions: preconditions.clone(),
            atomicity: *atomicity,
            missing: *missing,
            locked: *locked,
            folders: *folders,
            matched_files_max: *matched_files_max,
        }
    }
}

impl StoredPlan {
    /// What is kept of a preview of `request`, for `lifetime` from the time of the request. `None`
    /// where its filters would go on in steps behind the commit: what goes then is not shown.
    pub fn new(
        id: PlanId,
        request: &DeleteRequest,
        preview: &Preview,
        lifetime: Duration,
    ) -> Option<Self> {
        if !preview.plan.selections.is_empty() {
            return None;
        }
        let planned = PlannedRequest::of(request);
        Some(Self {
            id,
            prefix: request.realm.prefix.clone(),
            key: request.key,
            digest: digest(&planned, preview.sequence, &preview.plan.outcomes),
            request: planned,
            sequence: preview.sequence,
            items: preview.items.clone(),
            counts: preview.plan.counts,
            made_at: request.at,
            expires_at: request.at.plus(lifetime),
            used_by: None,
            told: request.once.is_some().then(|| Told::of(request, preview)),
        })
    }

    /// The request that commits it: it sees what the plan saw, and takes nothing beyond it.
    pub fn commitment(self, commitment: Commitment) -> DeleteRequest {
        let Commitment { id, organization, key, door, guard, once, at } = commitment;
        let PlannedRequest {
            selectors,
            preconditions,
            atomicity,
            missing,
            locked,
            folders,
            matched_files_max,
        } = self.request;
        let fence = Fence {
            plan: self.id,
            sequence: self.sequence,
            made_at: self.made_at,
            items: self.items,
            look_files_max: LOOK_FILES_MAX,
        };
        DeleteRequest {
            id,
            realm: Realm { organization, prefix: self.prefix },
            key,
            door,
            selectors,
            preconditions,
            atomicity,
            missing,
            locked,
            folders,
            joins_missed: false,
            matched_files_max,
            guard,
            allowance: None,
            once,
            fence: Some(fence),
            at,
        }
    }
}

/// The digest's text: JSON with its members in this order.
#[derive(Serialize)]
struct Canonical<'p> {
    request: &'p PlannedRequest,
    sequence: Sequence,
    outcomes: Vec<CanonicalOutcome<'p>>,
}

#[derive(Serialize)]
struct CanonicalOutcome<'p> {
    outcome: &'static str,
    counts: Counts,
    locked: Vec<&'p str>,
}

fn digest(request: &PlannedRequest, sequence: Sequence, outcomes: &[Outcome]) -> [u8; 32] {
    let outcomes = outcomes.iter().map(|outcome| CanonicalOutcome {
        outcome: word(outcome),
        counts: outcome.counts(),
        locked: outcome.locked().iter().map(EntryPath::as_str).collect(),
    });
    let canonical = Canonical { request, sequence, outcomes: outcomes.collect() };
    let text = serde_json::to_vec(&canonical).expect("a request is texts, numbers and lists");
    Sha256::digest(text).into()
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Deleted { .. } => "deleted",
        Outcome::Partly { .. } => "partly",
        Outcome::Changed { .. } => "changed",
        Outcome::Selecting { .. } => "selecting",
        Outcome::Locked(_) => "locked",
        Outcome::Missing => "missing",
        Outcome::Forbidden => "forbidden",
        Outcome::PreconditionFailed => "precondition_failed",
        Outcome::Within(_) => "within",
        Outcome::Joined(_) => "joined",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{BlobId, EntryId};

    fn request(path: &str) -> PlannedRequest {
        PlannedRequest {
            selectors: vec![
                Selector::Path(EntryPath::parse_written(path).unwrap()),
                Selector::File(EntryId::from_bytes([7; 16])),
                Selector::Unmatchable,
            ],
            preconditions: vec![Precondition {
                selector: 1,
                versions: vec![BlobId::from_bytes([8; 16])],
            }],
            atomicity: Atomicity::BestEffort,
            missing: MissingPolicy::Count,
            locked: LockedPolicy::Skip,
            folders: FoldersPolicy::Whole,
            matched_files_max: 10,
        }
    }

    #[test]
    fn a_request_reads_back_as_itself() {
        for path in ["/a", "/a/", "/", "/ä \"x\"/b"] {
            let text = serde_json::to_string(&request(path)).unwrap();
            assert_eq!(serde_json::from_str::<PlannedRequest>(&text).unwrap(), request(path));
        }
        assert!(serde_json::from_str::<Selector>(r#"{"path":"a//b"}"#).is_err());
    }

    #[test]
    fn a_digest_tells_requests_sequences_and_outcomes_apart() {
        let gone = |files| {
            let counts = Counts { files, bytes: 0, folders: 0 };
            vec![Outcome::Deleted { counts, files: Vec::new() }]
        };
        let one = digest(&request("/a"), Sequence(1), &gone(1));
        assert_eq!(one, digest(&request("/a"), Sequence(1), &gone(1)));
        let others = [
            digest(&request("/a/"), Sequence(1), &gone(1)),
            digest(&request("/a"), Sequence(2), &gone(1)),
            digest(&request("/a"), Sequence(1), &gone(2)),
            digest(&request("/a"), Sequence(1), &[Outcome::Missing]),
        ];
        assert!(others.iter().all(|other| *other != one));
    }
}
