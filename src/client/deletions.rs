//! Deletions: what would go, what went, and how far it is.

use http::Method;
use serde::{Deserialize, Serialize};

use super::error::ClientError;
use super::transport::{Call, Client, IDEMPOTENCY_KEY, escaped};

/// Files and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doomed {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many folders.
    pub folders: u64,
}

/// What is to go. Items of answers are numbered through it: first ids, then paths, then commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NewDeletion {
    /// Entries by their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Entries by their paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Commands whose outputs are to go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Single files, by what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matching: Vec<Matching>,
    /// All or nothing.
    pub atomic: bool,
    /// Tell only.
    pub dry_run: bool,
    /// How many files are meant to go, where a limit wants that said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// Which files match: those for which all that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Matching {
    /// They lie below this folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// They have all of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Their version was stored more than so many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than: Option<u64>,
}

/// What became, or would become, of one selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its place among the selectors.
    pub index: u32,
    /// `deleted`, `partly`, `locked`, `missing`, `forbidden` and others.
    pub outcome: String,
    /// Files that go.
    #[serde(default)]
    pub files: u64,
    /// Their bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Folders that go.
    #[serde(default)]
    pub folders: u64,
    /// The topmost locked entries that stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<String>,
    /// How many they are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_count: Option<u64>,
}

/// What a deletion would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// What would go.
    pub doomed: Doomed,
    /// How many selectors find nothing.
    pub missing: u64,
    /// One for each selector.
    pub items: Vec<Item>,
    /// Paths of some of what would go.
    pub sample: Vec<String>,
    /// The plan that was stored of it, which a commit names; `None` where there is none.
    pub plan: Option<String>,
    /// Why there is no plan: `goes_in_steps` or `too_many_plans`.
    pub no_plan: Option<String>,
    /// Until when that can be committed.
    pub expires_at: Option<String>,
}

/// A deletion that is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Its identity.
    pub id: String,
    /// `purging`, then `settled`; a filter's deletion may be `selecting` before that.
    pub state: String,
    /// The API through which it was asked for.
    pub door: String,
    /// The id of the key that asked.
    pub key: String,
    /// When it was committed.
    pub committed_at: String,
    /// When the last byte was gone.
    pub settled_at: Option<String>,
    /// What it took.
    pub doomed: Doomed,
    /// What of that is durably gone.
    pub purged: Amount,
    /// Whole percent.
    pub percent: u8,
    /// How many selectors found nothing.
    pub missing: u64,
    /// How many entries stayed because they are locked.
    pub locked: u64,
    /// How many of the files that a filter found stayed because they are locked.
    #[serde(default)]
    pub locked_files: u64,
    /// When somebody ended its steps before they were done.
    #[serde(default)]
    pub cancelled_at: Option<String>,
    /// What stayed because it changed since it was planned.
    pub changed: Doomed,
}

/// A deletion that was just committed, with its items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Its record.
    #[serde(flatten)]
    pub deletion: Deletion,
    /// One for each selector.
    pub items: Vec<Item>,
}

/// Some deletions of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeletionPage {
    /// Newest first.
    pub deletions: Vec<Deletion>,
    /// Where the next page begins; `None` with the last.
    #[serde(deserialize_with = "Option::deserialize")]
    pub cursor: Option<String>,
}

#[derive(Deserialize)]
struct ItemPage {
    items: Vec<Item>,
    // Its absence is no end of the list.
    #[serde(deserialize_with = "Option::deserialize")]
    cursor: Option<String>,
}

/// Pages of items that are read at most: a record has a thousand items at most.
const ITEM_PAGES_MAX: usize = 100;

impl Deletion {
    /// Whether all of it is gone.
    pub fn is_settled(&self) -> bool {
        self.state == "settled"
    }

    /// Whether files still go in steps.
    pub fn is_selecting(&self) -> bool {
        self.state == "selecting"
    }

    /// How many things stayed because they are locked.
    pub fn locked_in_all(&self) -> u64 {
        self.locked.max(self.locked_files)
    }
}

impl Client {
    /// What a deletion would do. Nothing changes.
    pub async fn dry_run(&self, wanted: &NewDeletion) -> Result<DryRun, ClientError> {
        let wanted = NewDeletion { dry_run: true, ..wanted.clone() };
        self.ask(Call::new(Method::POST, "/deletions").json(&wanted)?).await
    }

    /// Commits a stored plan of this many files: all of it goes but what has changed since.
    /// `once` names the effect.
    pub async fn commit(
        &self,
        plan: &str,
        files: u64,
        once: &str,
    ) -> Result<Committed, ClientError> {
        let body = serde_json::json!({ "plan": plan, "confirm": files });
        let call = Call::new(Method::POST, "/deletions").header(IDEMPOTENCY_KEY, once);
        self.ask(call.json(&body)?).await
    }

    /// Commits a deletion that no plan names, since it goes in steps. `once` names the effect.
    pub async fn delete(&self, wanted: &NewDeletion, once: &str) -> Result<Committed, ClientError> {
        let wanted = NewDeletion { dry_run: false, ..wanted.clone() };
        let call = Call::new(Method::POST, "/deletions").header(IDEMPOTENCY_KEY, once);
        self.ask(call.json(&wanted)?).await
    }

    /// A page of deletions, newest first, in this state if one is given.
    pub async fn deletions(
        &self,
        state: Option<&str>,
        limit: u64,
        cursor: Option<&str>,
    ) -> Result<DeletionPage, ClientError> {
        let call = Call::get("/deletions").with_some("state", state);
        self.ask(call.with("limit", &limit.to_string()).with_some("cursor", cursor)).await
    }

    /// One deletion.
    pub async fn deletion(&self, id: &str) -> Result<Deletion, ClientError> {
        self.ask(Call::get(&format!("/deletions/{}", escaped(id)))).await
    }

    /// What became of each selector of a deletion.
    pub async fn deletion_items(&self, id: &str) -> Result<Vec<Item>, ClientError> {
        let path = format!("/deletions/{}/items", escaped(id));
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        for _page in 0..ITEM_PAGES_MAX {
            let call = Call::get(&path).with("limit", "1000");
            let page: ItemPage = self.ask(call.with_some("cursor", cursor.as_deref())).await?;
            items.extend(page.items);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(items);
            }
        }
        Err(ClientError::Unintelligible("a deletion has no end of items".to_owned()))
    }

    /// Has a deletion doom nothing further.
    pub async fn cancel(&self, id: &str) -> Result<Deletion, ClientError> {
        self.ask(Call::new(Method::POST, &format!("/deletions/{}/cancel", escaped(id)))).await
    }
}
