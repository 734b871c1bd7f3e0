//! What webhooks are told of a deletion: what the native API shows of it, without a name of any file.

use serde::Serialize;

use super::record::{Counts, DeletionRecord, DeletionState};
use super::request::Door;
use crate::domain::clock::Timestamp;
use crate::domain::usage::Tally;
use crate::domain::webhooks::{Failure, NewMessage, Notice, Webhook, body_of, message_id};

/// The members are those of a deletion in the native API, under the same names, and how it failed.
#[derive(Serialize)]
struct Told {
    id: String,
    state: DeletionState,
    door: Door,
    key: String,
    committed_at: String,
    settled_at: Option<String>,
    cancelled_at: Option<String>,
    doomed: Counts,
    purged: Gone,
    percent: u8,
    missing: u64,
    changed: Counts,
    locked: u64,
    locked_files: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'static str>,
}

#[derive(Serialize)]
struct Gone {
    files: u64,
    bytes: u64,
}

impl From<Tally> for Gone {
    fn from(Tally { files, bytes }: Tally) -> Self {
        Self { files, bytes }
    }
}

/// The message to a webhook about a deletion, as its record stands when it is made.
pub fn message(
    webhook: &Webhook,
    record: &DeletionRecord,
    notice: Notice,
    now: Timestamp,
) -> NewMessage {
    let told = Told {
        id: record.id.to_string(),
        state: record.state,
        door: record.door,
        key: record.key.to_string(),
        committed_at: record.at.iso8601(),
        settled_at: record.settled_at.map(Timestamp::iso8601),
        cancelled_at: record.cancelled_at.map(Timestamp::iso8601),
        doomed: record.doomed,
        purged: record.purged.into(),
        percent: record.percent(),
        missing: record.missing,
        changed: record.changed,
        locked: record.skipped.len() as u64,
        locked_files: record.locked_files,
        failure: notice.failure().map(Failure::as_str),
    };
    let (id, event) = (message_id(webhook.id, record.id, notice, now), notice.event());
    NewMessage { id, event, body: body_of(event, now, &told), at: now }
}
