//! The bodies, as they stand on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::entry::Entry;
use crate::ledger::tree::Child;

/// A request for a token. Members that real clients add are passed over: nothing is deleted here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenRequest {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) expires_in: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IssuedToken<'a> {
    pub(super) token: &'a str,
    pub(super) expires_in: u64,
    pub(super) scope: Vec<&'static str>,
}

/// A batch. A member that is not understood might have been meant to spare something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    pub(super) filenames: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Job {
    pub(super) id: String,
}

#[derive(Serialize)]
pub(super) struct Progress<'a> {
    pub(super) progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<JobResult<'a>>,
}

#[derive(Serialize)]
pub(super) struct JobResult<'a> {
    pub(super) skipped: Vec<&'a str>,
    pub(super) notfound: u64,
    pub(super) deleted: Deleted,
}

#[derive(Serialize)]
pub(super) struct Deleted {
    pub(super) files: u64,
    pub(super) dirs: u64,
}

/// What is told of an entry wherever it is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts<'a> {
    mtime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    size: u64,
    is_directory: bool,
    /// Always empty: delenda keeps no such data.
    meta: BTreeMap<String, String>,
}

impl<'a> Facts<'a> {
    /// All of it.
    pub(super) fn of(entry: &'a Entry) -> Self {
        let (mtime, ctime) = match entry {
            Entry::File(file) => (file.modified_at, file.created_at),
            Entry::Folder(folder) => (folder.created_at, folder.created_at),
        };
        let (content_type, size) = match entry {
            Entry::File(file) => (Some(file.attributes.content_type.as_str()), file.content.size),
            Entry::Folder(_) => (None, 0),
        };
        Self {
            mtime: mtime.iso8601(),
            ctime: Some(ctime.iso8601()),
            content_type,
            size,
            is_directory: matches!(entry, Entry::Folder(_)),
            meta: BTreeMap::new(),
        }
    }
}

/// A page of a folder.
#[derive(Serialize)]
pub(super) struct Contents<'a> {
    pub(super) contents: Vec<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) continuation: Option<String>,
}

/// An entry in the list of its folder.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    /// The name in its folder, without the path.
    filename: &'a str,
    #[serde(flatten)]
    facts: Facts<'a>,
}

impl<'a> Listed<'a> {
    /// In lists the contract has no `ctime`.
    pub(super) fn of(child: &'a Child) -> Self {
        let facts = Facts { ctime: None, ..Facts::of(&child.entry) };
        Self { filename: child.name.as_str(), facts }
    }
}

#[derive(Serialize)]
pub(super) struct Tags<'a> {
    pub(super) tags: &'a [String],
}

/// Tags that are to come or to go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenTags {
    pub(super) tags: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account<'a> {
    pub(super) date_created: String,
    pub(super) alias: &'a str,
    pub(super) file_size_limit: u64,
    pub(super) fetching: Switch,
    pub(super) minify: Switch,
    #[serde(rename = "cdnTempURL")]
    pub(super) cdn_temp_url: &'a str,
    #[serde(rename = "cdnURL")]
    pub(super) cdn_url: &'a str,
    pub(super) aliases: BTreeMap<&'a str, Alias>,
    pub(super) status: AccountStatus,
}

#[derive(Serialize)]
pub(super) struct Switch {
    pub(super) enabled: bool,
}

#[derive(Serialize)]
pub(super) struct Alias {
    pub(super) prefix: &'static str,
    pub(super) cdn: bool,
}

#[derive(Serialize)]
pub(super) struct AccountStatus {
    pub(super) status: &'static str,
    pub(super) details: BTreeMap<String, String>,
}

/// Sizes in bytes; null where the store knows no bound.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Storage {
    pub(super) plan: Option<u64>,
    pub(super) burstable: Option<u64>,
    pub(super) extra: u64,
    pub(super) used: u64,
    pub(super) files: u64,
    pub(super) quota_exceeded_date: Option<String>,
}

/// Each kind of limit by its name.
pub(super) type Buckets = BTreeMap<&'static str, Bucket>;

#[derive(Serialize)]
pub(super) struct Bucket {
    pub(super) count: u64,
    pub(super) limit: u64,
    pub(super) remaining: u64,
    /// Unix seconds.
    pub(super) reset: i64,
}
