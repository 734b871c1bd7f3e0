//! Attaching: what was built over a long time becomes live in one moment.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::attach::{Attach, AttachRefusal, Attached};
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::organization::Realm;

/// Many versions at once.
#[async_trait]
pub trait AttachLedger: Send + Sync {
    /// Lets these intents expire no earlier than `expires_at`, those that are still there; whether
    /// all of them are. For what is built longer than one intent lives.
    async fn renew_intents(
        &self,
        blobs: &[BlobKey],
        expires_at: Timestamp,
    ) -> Result<bool, LedgerError>;

    /// Makes all of it live and consumes the intents, in one transaction that resolves and checks
    /// everything anew: conflicts, locks, prefix, sources, intents. All or nothing, also across a
    /// crash. The first thing that is wrong is the one named, in the order in which the parts of
    /// [`Attach`] are checked: by itself, vacant paths, folders, files, and then of the files all
    /// sources, and all intents. Before all of that, whether it happened before. Overwritten versions are condemned. Every version's sequence is
    /// larger than that of every deletion committed before (I12). A refusal changes nothing and
    /// leaves the intents.
    async fn attach(
        &self,
        realm: &Realm,
        attach: Attach,
        now: Timestamp,
    ) -> Result<Result<Attached, AttachRefusal>, LedgerError>;
}
