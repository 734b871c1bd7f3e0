//! Effects that happen once: what is remembered of them, and for how long.
//!
//! The calls that take a [`Once`](crate::domain::once::Once) look for it and write it down in
//! their own transaction, beside the effect: of requests that arrive together exactly one has it,
//! and the others learn what it made. Here is only the forgetting.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::clock::Timestamp;

/// Forgetting.
#[async_trait]
pub trait OnceLedger: Send + Sync {
    /// Forgets up to `limit` effects that were asked for at or before `until`, the oldest first;
    /// how many. Their repeats are new requests from then on.
    async fn forget_effects(&self, until: Timestamp, limit: usize) -> Result<usize, LedgerError>;
}
