//! Records and items as answers show them. Pure.

use serde::Serialize;
use utoipa::ToSchema;

use crate::deletion::items::{Fate, Item, Named};
use crate::deletion::record::{Counts, DeletionRecord, DeletionState};
use crate::deletion::request::Door;
use crate::domain::clock::Timestamp;
use crate::domain::usage::Tally;

/// The record of a deletion, which is its audit row.
#[derive(Serialize, ToSchema)]
#[schema(as = Deletion)]
pub(super) struct DeletionAnswer {
    id: String,
    /// `selecting` while filters go on in steps, `purging` until the last byte is durably gone,
    /// then `settled`.
    #[schema(value_type = String)]
    state: DeletionState,
    /// The API through which it was asked for: `native`, or one of the dialects.
    #[schema(value_type = String)]
    door: Door,
    /// The id of the key that asked.
    key: String,
    /// When it was committed: from then on nothing that it doomed can be reached.
    committed_at: String,
    /// When the last byte was gone; `null` before that.
    settled_at: Option<String>,
    /// When somebody ended its steps before they were done; `null` where nobody did.
    cancelled_at: Option<String>,
    /// What it took: exact from the commit on, or from the end of its steps.
    doomed: Doomed,
    /// What of that is durably gone.
    purged: Purged,
    /// Whole percent of the files that are gone; 0 while it is selecting, 100 when it has settled,
    /// and not before.
    percent: u8,
    /// How many selectors found nothing.
    missing: u64,
    /// What a plan had named and its commit did not take.
    changed: Doomed,
    /// How many entries stayed because they are locked, each with all below it counted once. Their
    /// paths are with the items.
    locked: u64,
    /// How many of the files that filters found stayed because they are locked: all of them, of
    /// which `locked` counts those that are named.
    locked_files: u64,
}

/// Entries that a deletion took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Doomed {
    files: u64,
    bytes: u64,
    folders: u64,
}

/// Files whose bytes are durably gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Purged {
    files: u64,
    bytes: u64,
}

/// What became of one selector.
#[derive(Serialize, ToSchema)]
#[schema(as = DeletionItem)]
pub(in crate::http::native) struct ItemAnswer {
    /// Its place among the selectors of the request, from 0: first `ids`, then `paths`, then
    /// `commands`, then `matching`.
    index: u32,
    /// `id`, `path`, `command` or `filter`; `nothing` for a text that is no id.
    selector: &'static str,
    /// The id that was selected, or the id of the one file that went from a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    /// `deleted`, `partly` (something locked or changed stayed), `locked`, `missing`, `forbidden`
    /// (not the key's to see), `precondition_failed`, `changed` (since the plan), `within` (another
    /// item took it), `joined` (an earlier deletion took it), `selecting` (a filter goes on in steps,
    /// and this is what went so far) or `cancelled` (its steps were ended, and this is what had gone
    /// by then).
    outcome: &'static str,
    /// Files that went.
    files: u64,
    /// Their bytes.
    bytes: u64,
    /// Folders that went.
    folders: u64,
    /// What was planned and stayed, or had gone otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    changed: Option<Doomed>,
    /// The index of the item that took it, and whose outcome is its own too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    within: Option<u32>,
    /// The earlier deletion that it joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deletion: Option<String>,
    /// The topmost locked entries that stayed; of a whole deletion no more than 1,000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    locked: Vec<String>,
    /// How many they are in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    locked_count: Option<u64>,
}

/// A deletion that was just committed.
#[derive(Serialize, ToSchema)]
#[schema(as = CommittedDeletion)]
pub(super) struct CommittedAnswer {
    #[serde(flatten)]
    pub(super) deletion: DeletionAnswer,
    /// One for each selector, in order.
    pub(super) items: Vec<ItemAnswer>,
}

/// What a deletion would do now. Nothing was changed.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRun)]
pub(super) struct DryRunAnswer {
    /// Always true.
    pub(super) dry_run: bool,
    /// What would go. Of filters that go on in steps all files are counted, locked ones among
    /// them; the items count only what goes with the commit.
    pub(super) doomed: Doomed,
    /// How many selectors find nothing.
    pub(super) missing: u64,
    /// The plan, which `plan` of another request commits as it is; `null` where there is none.
    pub(super) plan: Option<String>,
    /// Why there is no plan: `goes_in_steps` where filters go on behind the commit, with files
    /// that no plan names; `too_many_plans` where the organization has as many as it may have.
    pub(super) no_plan: Option<&'static str>,
    /// SHA-256 of what was asked and decided, in hexadecimal digits.
    pub(super) digest: Option<String>,
    /// From then on the plan is as if it had never been made.
    pub(super) expires_at: Option<String>,
    /// The paths of some files that would go; all of them where they are few.
    pub(super) sample: Vec<String>,
    /// One for each selector, in order.
    pub(super) items: Vec<ItemAnswer>,
}

impl From<&DeletionRecord> for DeletionAnswer {
    fn from(record: &DeletionRecord) -> Self {
        Self {
            id: record.id.to_string(),
            state: record.state,
            door: record.door,
            key: record.key.to_string(),
            committed_at: record.at.iso8601(),
            settled_at: record.settled_at.map(Timestamp::iso8601),
            cancelled_at: record.cancelled_at.map(Timestamp::iso8601),
            doomed: record.doomed.into(),
            purged: record.purged.into(),
            percent: record.percent(),
            missing: record.missing,
            changed: record.changed.into(),
            locked: record.skipped.len() as u64,
            locked_files: record.locked_files,
        }
    }
}

impl From<Counts> for Doomed {
    fn from(Counts { files, bytes, folders }: Counts) -> Self {
        Self { files, bytes, folders }
    }
}

impl From<Tally> for Purged {
    fn from(Tally { files, bytes }: Tally) -> Self {
        Self { files, bytes }
    }
}

impl From<&Item> for ItemAnswer {
    fn from(item: &Item) -> Self {
        let (selector, id) = match item.named {
            Named::Id(id) => ("id", Some(id.to_string())),
            Named::Path(id) => ("path", id.map(|id| id.to_string())),
            Named::Command(id) => ("command", Some(id.to_string())),
            Named::Filter => ("filter", None),
            Named::Nothing => ("nothing", None),
        };
        let (mut within, mut deletion) = (None, None);
        match item.fate {
            Fate::Within(other) => within = Some(other),
            Fate::Joined(earlier) => deletion = Some(earlier.to_string()),
            Fate::Deleted
            | Fate::Partly
            | Fate::Selecting
            | Fate::Cancelled
            | Fate::Changed
            | Fate::Locked
            | Fate::Missing
            | Fate::Forbidden
            | Fate::PreconditionFailed => {}
        }
        Self {
            index: item.index,
            selector,
            id,
            outcome: outcome_word(item.fate),
            files: item.counts.files,
            bytes: item.counts.bytes,
            folders: item.counts.folders,
            changed: (item.changed != Counts::default()).then(|| item.changed.into()),
            within,
            deletion,
            locked: item.locked.iter().map(ToString::to_string).collect(),
            locked_count: (item.locked_count > 0).then_some(item.locked_count),
        }
    }
}

/// The words for outcomes, as a query may ask for them.
pub(super) const OUTCOMES: [&str; 11] = [
    "deleted",
    "partly",
    "locked",
    "missing",
    "forbidden",
    "precondition_failed",
    "within",
    "joined",
    "changed",
    "selecting",
    "cancelled",
];

/// The word for what became of an item.
pub(super) const fn outcome_word(fate: Fate) -> &'static str {
    match fate {
        Fate::Deleted => OUTCOMES[0],
        Fate::Partly => OUTCOMES[1],
        Fate::Locked => OUTCOMES[2],
        Fate::Missing => OUTCOMES[3],
        Fate::Forbidden => OUTCOMES[4],
        Fate::PreconditionFailed => OUTCOMES[5],
        Fate::Within(_) => OUTCOMES[6],
        Fate::Joined(_) => OUTCOMES[7],
        Fate::Changed => OUTCOMES[8],
        Fate::Selecting => OUTCOMES[9],
        Fate::Cancelled => OUTCOMES[10],
    }
}
