//! Effects that happen once: what is remembered of them, and for how long.
//!
//! The calls that take a [`Once`] look for it and write it down in their own transaction, beside the
//! effect: of requests that arrive together exactly one has it, and the others learn what it made.
//! Here is the look of whoever would refuse a request for what is true by now: a repeat is answered
//! whatever became of that since.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::clock::Timestamp;
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::OrganizationNumber;

/// Looking and forgetting.
#[async_trait]
pub trait OnceLedger: Send + Sync {
    /// What is known of an effect in the books of an organization, or of the installation. Nothing
    /// says that it is not had meanwhile: the call that has it looks again.
    async fn repeat_of(
        &self,
        organization: Option<OrganizationNumber>,
        once: &Once,
    ) -> Result<Option<Repeat>, LedgerError>;

    /// Forgets up to `limit` effects that were asked for at or before `until`, the oldest first;
    /// how many. Their repeats are new requests from then on.
    async fn forget_effects(&self, until: Timestamp, limit: usize) -> Result<usize, LedgerError>;
}
