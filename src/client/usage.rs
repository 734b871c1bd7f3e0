//! What the organization uses.

use serde::{Deserialize, Serialize};

use super::deletions::Amount;
use super::error::ClientError;
use super::transport::{Call, Client};

/// Files and bytes by what has become of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Ever stored.
    pub uploaded: Amount,
    /// Can be read.
    pub live: Amount,
    /// Deleted, not yet on the purge queue.
    pub doomed: Amount,
    /// Deleted, on the purge queue.
    pub condemned: Amount,
    /// Deleted, with the bytes durably gone.
    pub settled: Amount,
}

impl Client {
    /// What the organization uses.
    pub async fn usage(&self) -> Result<Usage, ClientError> {
        self.ask(Call::get("/usage")).await
    }
}
