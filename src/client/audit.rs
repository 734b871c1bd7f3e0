//! Who deleted what.

use serde::{Deserialize, Serialize};

use super::deletions::Doomed;
use super::error::ClientError;
use super::transport::{Call, Client};

/// One deletion in the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The deletion.
    pub deletion: String,
    /// When it was committed.
    pub at: String,
    /// The id of the key that asked.
    pub key: String,
    /// The API through which it asked.
    pub door: String,
    /// `complete`, `partial` or `nothing`.
    pub outcome: String,
    /// What went.
    pub doomed: Doomed,
    /// How many selectors found nothing.
    pub missing: u64,
    /// How many locked entries stayed.
    pub locked: u64,
    /// `purging` or `settled`, or a word of a newer server.
    pub state: String,
    /// When the last byte was gone.
    pub settled_at: Option<String>,
}

/// A part of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AuditPage {
    /// In the order asked for.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` with the last.
    #[serde(deserialize_with = "Option::deserialize")]
    pub cursor: Option<String>,
}

impl Client {
    /// A page of the trail, oldest first or newest first, with these filters.
    pub async fn audit(
        &self,
        filters: &[(&str, &str)],
        cursor: Option<&str>,
    ) -> Result<AuditPage, ClientError> {
        let call =
            filters.iter().fold(Call::get("/audit"), |call, (name, value)| call.with(name, value));
        self.ask(call.with_some("cursor", cursor)).await
    }
}
