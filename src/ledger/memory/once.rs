//! Effects that happen once.

use async_trait::async_trait;
use uuid::Uuid;

use super::{MemoryLedger, State};
use crate::domain::clock::Timestamp;
use crate::domain::once::{Once, Repeat, RequestDigest};
use crate::domain::organization::OrganizationNumber;
use crate::ledger::{LedgerError, OnceLedger};

/// What is remembered of an effect.
pub(super) struct Remembered {
    request: RequestDigest,
    made: Uuid,
    at: Timestamp,
}

impl State {
    /// What is known of this effect.
    pub(super) fn repeat(
        &self,
        organization: Option<OrganizationNumber>,
        once: Option<&Once>,
    ) -> Option<Repeat> {
        let once = once?;
        let remembered = self.effects.get(&(organization, once.token))?;
        Some(once.repeats(remembered.request, remembered.made))
    }

    /// Remembers what an effect made.
    pub(super) fn remember(
        &mut self,
        organization: Option<OrganizationNumber>,
        once: Option<&Once>,
        made: impl Into<Uuid>,
    ) {
        let Some(once) = once else { return };
        let remembered = Remembered { request: once.request, made: made.into(), at: once.at };
        self.effects.insert((organization, once.token), remembered);
    }
}

#[async_trait]
impl OnceLedger for MemoryLedger {
    async fn repeat_of(
        &self,
        organization: Option<OrganizationNumber>,
        once: &Once,
    ) -> Result<Option<Repeat>, LedgerError> {
        Ok(self.state().repeat(organization, Some(once)))
    }

    async fn forget_effects(&self, until: Timestamp, limit: usize) -> Result<usize, LedgerError> {
        let mut state = self.state();
        let effects = state.effects.iter().filter(|(_, effect)| effect.at <= until);
        let mut old: Vec<_> = effects.map(|(name, effect)| (effect.at, *name)).collect();
        old.sort_unstable();
        old.truncate(limit);
        for (_, name) in &old {
            state.effects.remove(name);
        }
        Ok(old.len())
    }
}
