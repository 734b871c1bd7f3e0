//! What is read of the ledger when somebody looks how the service does.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::clock::Timestamp;
use crate::domain::usage::Tally;
use crate::domain::webhooks::MessageCounts;

/// Rows of one kind that are counted at most: a look must stay cheap however much waits.
pub const COUNTED_ROWS_MAX: u64 = 100_000;
/// Rows in which unsettled deletions are looked for at most, of either kind.
pub const LOOKED_ROWS_MAX: u64 = 10_000;

/// How much there is and how much waits, in the whole installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// What can be read.
    pub live: Tally,
    /// Deleted, and not on the purge queue yet.
    pub doomed: Tally,
    /// On the purge queue, but for uploads that never ended.
    pub condemned: Tally,
    /// Batches on the purge queue, at most [`COUNTED_ROWS_MAX`].
    pub batches: u64,
    /// Since when the oldest of them has been there.
    pub oldest_condemned_at: Option<Timestamp>,
    /// Doomed trees and single folders that wait to be expanded, at most [`COUNTED_ROWS_MAX`].
    pub expansions: u64,
    /// Intents of uploads that are neither ended nor swept, at most [`COUNTED_ROWS_MAX`].
    pub open_intents: u64,
    /// Deletions that are not settled, as far as the first [`LOOKED_ROWS_MAX`] rows of the purge
    /// queue and of what waits to be expanded show them.
    pub unsettled_deletions: u64,
    /// Messages of webhooks.
    pub messages: MessageCounts,
    /// Since when the oldest message has waited for a webhook that is switched on.
    pub oldest_message_at: Option<Timestamp>,
    /// Free bytes of the volume that the ledger lies on, where it lies on one.
    pub free_bytes: Option<u64>,
    /// Whether the reserve for deleting is given up.
    pub reserve_spent: bool,
}

/// Reads for whoever watches the service.
#[async_trait]
pub trait GaugesLedger: Send + Sync {
    /// All gauges, from one snapshot. The work is bounded, however large the ledger is, but for
    /// one row of each organization and of each webhook.
    async fn gauges(&self) -> Result<Gauges, LedgerError>;

    /// Fails where a change could not be committed now, as far as can be known without making
    /// one: a change for each look would cost a sync, and keep the log from coming to rest.
    async fn check_writable(&self) -> Result<(), LedgerError>;

    /// Whether the reserve for deleting is given up, so that uploads are refused.
    fn is_reserve_spent(&self) -> bool;
}
