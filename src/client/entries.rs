//! Files and folders: what lies where, and changing that.

use http::Method;
use serde::{Deserialize, Serialize};

use super::error::ClientError;
use super::transport::{Call, Client, IDEMPOTENCY_KEY, escaped};

/// A file or a folder. What only the other kind has is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// For life.
    pub id: String,
    /// Where it lies.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Its own lock.
    pub locked: bool,
    /// When it was made, as an ISO 8601 time.
    pub created_at: String,
    /// Of a file: bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Of a file: names its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Of a file: when its version was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
    /// Of a folder: files right in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Of a folder: bytes of the files right in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Which kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// Some entries of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EntryPage {
    /// In the order of the list.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` with the last.
    #[serde(deserialize_with = "Option::deserialize")]
    pub cursor: Option<String>,
}

/// What is to become of an entry. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EntryChange {
    /// Where it shall lie; not together with `parent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The folder that it shall lie in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<TagChange>,
    /// Its lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
}

/// How tags change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TagChange {
    /// These and no others.
    Set(Vec<String>),
    /// These, too.
    Add(Vec<String>),
    /// These no more.
    Remove(Vec<String>),
}

/// Entries of a page.
const PAGE_ENTRIES: &str = "1000";

impl Entry {
    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }
}

impl Client {
    /// What lies at a path; `None` where nothing does.
    pub async fn entry_at(&self, path: &str) -> Result<Option<Entry>, ClientError> {
        match self.ask(Call::get("/entry").with("path", path)).await {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A page of what lies in a folder, or with `recursive` below it; of all that the key sees
    /// where no folder is named.
    pub async fn entries(
        &self,
        folder: Option<&str>,
        recursive: bool,
        cursor: Option<&str>,
    ) -> Result<EntryPage, ClientError> {
        let call = Call::get("/entries")
            .with_some("path", folder)
            .with_some("recursive", recursive.then_some("true"))
            .with("limit", PAGE_ENTRIES)
            .with_some("cursor", cursor);
        self.ask(call).await
    }

    /// Changes an entry; the entry as it is then.
    pub async fn change(&self, id: &str, change: &EntryChange) -> Result<Entry, ClientError> {
        let call = Call::new(Method::PATCH, &format!("/entries/{}", escaped(id)));
        self.ask(call.json(change)?).await
    }

    /// Copies an entry on the server, to where nothing lies; the copy. `once` names the effect.
    pub async fn copy(&self, id: &str, to: &str, once: &str) -> Result<Entry, ClientError> {
        let wanted = serde_json::json!({ "path": to });
        let call = Call::new(Method::POST, &format!("/entries/{}/copies", escaped(id)));
        self.ask(call.header(IDEMPOTENCY_KEY, once).json(&wanted)?.that_takes_its_time()).await
    }

    /// Makes a folder, and those above it; one that is there is a success.
    pub async fn make_folder(&self, path: &str) -> Result<Entry, ClientError> {
        let wanted = serde_json::json!({ "path": path });
        self.ask(Call::new(Method::POST, "/folders").json(&wanted)?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_only_what_is_to_change() {
        let written = |change: &EntryChange| serde_json::to_string(change).unwrap();
        let nothing = EntryChange::default();
        assert_eq!(written(&nothing), "{}");
        let tags = Some(TagChange::Add(vec!["a".to_owned()]));
        let change = EntryChange { tags, locked: Some(false), ..nothing };
        assert_eq!(written(&change), r#"{"tags":{"add":["a"]},"locked":false}"#);
    }

    #[test]
    fn an_entry_without_what_every_entry_has_is_none() {
        let whole = r#"{"id":"1","path":"/a/b","kind":"file","locked":false,"created_at":"x"}"#;
        let entry: Entry = serde_json::from_str(whole).unwrap();
        assert_eq!((entry.name(), entry.is_folder(), entry.size), ("b", false, None));
        for (part, other) in [("\"kind\":\"file\"", "\"kind\":\"link\""), ("\"id\":\"1\",", "")] {
            assert!(serde_json::from_str::<Entry>(&whole.replace(part, other)).is_err(), "{part}");
        }
    }
}
