//! The bodies, as they stand on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stat<'a> {
    pub(super) mtime: String,
    pub(super) ctime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<&'a str>,
    pub(super) size: u64,
    pub(super) is_directory: bool,
    /// Always empty: delenda keeps no such data.
    pub(super) meta: BTreeMap<String, String>,
}

/// A page of a folder.
#[derive(Serialize)]
pub(super) struct Contents<'a> {
    pub(super) contents: Vec<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) continuation: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<'a> {
    /// The name in its folder, without the path.
    pub(super) filename: &'a str,
    pub(super) mtime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<&'a str>,
    pub(super) size: u64,
    pub(super) is_directory: bool,
    /// Always empty: delenda keeps no such data.
    pub(super) meta: BTreeMap<String, String>,
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
