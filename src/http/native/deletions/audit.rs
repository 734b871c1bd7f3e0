//! `GET /delenda/v1/audit`: the records of deletions as a trail of who did what.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Doomed;
use super::list::page_of;
use crate::deletion::record::{Counts, DeletionRecord, DeletionState};
use crate::deletion::request::Door;
use crate::domain::clock::Timestamp;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::json;
use crate::http::native::Native;
use crate::http::state::Service;

/// A page of the trail.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditTrail)]
pub(super) struct Page {
    entries: Vec<Entry>,
    /// Where the next page begins; `null` at the end of the trail. A page may be shorter than it
    /// could be, also empty, where much had to be passed over.
    cursor: Option<String>,
}

/// Who deleted what, when, and through which door.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct Entry {
    /// The deletion.
    deletion: String,
    /// When it was committed.
    at: String,
    /// The id of the key that asked.
    key: String,
    /// The API through which it asked.
    #[schema(value_type = String)]
    door: Door,
    /// `complete`; `partial` where something was missing, locked or changed and the rest went, or
    /// where it was cancelled; `nothing` where nothing went. It may change while it is `selecting`.
    outcome: &'static str,
    /// What went.
    doomed: Doomed,
    /// How many selectors found nothing.
    missing: u64,
    /// How many locked entries stayed and are named.
    locked: u64,
    /// How many of the files that filters found stayed because they are locked.
    locked_files: u64,
    /// `selecting` while filters go on in steps, `purging` until the last byte is durably gone, then `settled`.
    #[schema(value_type = String)]
    state: DeletionState,
    /// When the last byte was gone; `null` before that.
    settled_at: Option<String>,
    /// When somebody ended its steps before they were done; `null` where nobody did.
    cancelled_at: Option<String>,
}

/// The trail of all deletions
///
/// Who asked, when, through which door, and what came of it. Read it from the oldest on, and keep
/// the last cursor, to take over all of it and whatever comes later.
#[utoipa::path(
    get,
    path = "/delenda/v1/audit",
    tag = "audit",
    params(
        ("order" = Option<String>, Query, description = "`newest` (usual) or `oldest`, which come first"),
        ("state" = Option<String>, Query, description = "`selecting`, `purging` or `settled`"),
        ("door" = Option<String>, Query, description = "The API through which it was asked for"),
        ("key" = Option<String>, Query, description = "The id of the key that asked"),
        ("since" = Option<String>, Query, description = "Committed at or after this time"),
        ("until" = Option<String>, Query, description = "Committed before this time"),
        ("limit" = Option<u64>, Query, description = "1 to 1,000; usually 100"),
        ("cursor" = Option<String>, Query, description = "Where the page begins"),
    ),
    responses((status = 200, description = "A page of the trail", body = Page))
)]
pub(super) async fn audit(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
) -> Result<Response, DialectError<Native>> {
    const ROUTE: &str = "/delenda/v1/audit";
    let may = |authenticated: &Authenticated<Native>| authenticated.require(Scope::Admin);
    let (page, cursor) = page_of(&service, &authenticated, ROUTE, may).await?;
    let entries = page.records.iter().map(Entry::from).collect();
    Ok(json::answer(StatusCode::OK, &Page { entries, cursor }))
}

impl From<&DeletionRecord> for Entry {
    fn from(record: &DeletionRecord) -> Self {
        Self {
            deletion: record.id.to_string(),
            at: record.at.iso8601(),
            key: record.key.to_string(),
            door: record.door,
            outcome: outcome_of(record),
            doomed: record.doomed.into(),
            missing: record.missing,
            locked: record.skipped.len() as u64,
            locked_files: record.locked_files,
            state: record.state,
            settled_at: record.settled_at.map(Timestamp::iso8601),
            cancelled_at: record.cancelled_at.map(Timestamp::iso8601),
        }
    }
}

fn outcome_of(record: &DeletionRecord) -> &'static str {
    if record.doomed == Counts::default() {
        "nothing"
    } else if record.missing == 0
        && record.skipped.is_empty()
        && record.locked_files == 0
        && record.cancelled_at.is_none()
        && record.changed == Counts::default()
    {
        "complete"
    } else {
        "partial"
    }
}
