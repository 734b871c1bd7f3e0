//! The ledger's side of `verify`: everything that it knows of blobs, recounted from the rows.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::blob::BlobKey;

/// What the ledger knows of one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A file's, live or in a doomed folder: its bytes must be there.
    Stored,
    /// On the purge queue: its bytes may be there or not.
    Condemned,
    /// An upload's that has not ended: its bytes may be there or not.
    Intended,
}

/// Everything that `verify` compares, from one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Every blob the ledger knows, in the order of the keys. The size is `None` for intents.
    pub blobs: Vec<(BlobKey, Option<u64>, Standing)>,
    /// Where the ledger disagrees with itself: counters that are not the sum of what they count,
    /// rows that lead nowhere. One sentence each, without names of files.
    pub disagreements: Vec<String>,
}

/// The ledger's side of `verify`.
#[async_trait]
pub trait InspectLedger: Send + Sync {
    /// Recounts everything from the rows. Writes nothing.
    async fn inspect(&self) -> Result<Inspection, LedgerError>;
}
