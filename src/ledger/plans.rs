//! What the plans of organizations allow to be stored, held where it is stored.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::entry::UploadRefusal;
use crate::domain::organization::Realm;
use crate::domain::plans::{Announced, Bound, Plans};

/// The storage limits of plans.
#[async_trait]
pub trait PlanLedger: Send + Sync {
    /// Has every transaction from now on hold the limits of these plans, each for the
    /// organizations that name it: whatever makes live files more or larger is measured with all
    /// that was committed before it. Plans are configuration: nothing of them is stored.
    fn set_plans(&self, plans: Plans);

    /// Whether an upload would be stored, as far as its plan and the disk's reserve go, and how
    /// large it may become; `None`: of any size. So that bytes which cannot stay are not written
    /// at all; the commit decides.
    async fn room(
        &self,
        realm: &Realm,
        announced: &Announced,
    ) -> Result<Result<Option<Bound>, UploadRefusal>, LedgerError>;
}
