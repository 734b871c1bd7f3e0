//! Organizations and keys by pages, and their changes.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryLedger;
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::once::Once;
use crate::domain::organization::{FormerSecret, Key, Organization, OrganizationNumber};
use crate::domain::usage::Usage;
use crate::ledger::LedgerError;
use crate::ledger::registry::{
    KeyQuery, OrganizationChange, RegistryLedger, Rotation, RotationRefusal,
};

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[async_trait]
impl RegistryLedger for MemoryLedger {
    async fn organization_page(
        &self,
        after: Option<OrganizationNumber>,
        limit: u64,
    ) -> Result<Vec<Organization>, LedgerError> {
        let state = self.state();
        let later = state
            .standing()
            .filter(|organization| after.is_none_or(|end| organization.number > end));
        Ok(later.take(count(limit)).cloned().collect())
    }

    async fn usages(
        &self,
        of: Vec<OrganizationNumber>,
    ) -> Result<BTreeMap<OrganizationNumber, Usage>, LedgerError> {
        let state = self.state();
        Ok(of.into_iter().map(|one| (one, state.whole_usage(one))).collect())
    }

    async fn change_organization(
        &self,
        id: OrganizationId,
        change: OrganizationChange,
        now: Timestamp,
    ) -> Result<Option<Organization>, LedgerError> {
        let mut state = self.state();
        let Some(found) = state.standing_mut().find(|organization| organization.id == id) else {
            return Ok(None);
        };
        let OrganizationChange { name, plan, disabled } = change;
        found.name = name.unwrap_or_else(|| found.name.clone());
        found.plan = plan.unwrap_or_else(|| found.plan.clone());
        match disabled {
            None => {}
            Some(true) => found.disabled_at = found.disabled_at.or(Some(now)),
            Some(false) => found.disabled_at = None,
        }
        Ok(Some(found.clone()))
    }

    async fn key_page(&self, query: KeyQuery) -> Result<Vec<Key>, LedgerError> {
        let state = self.state();
        let mut keys: Vec<Key> = state.keys.iter().map(|row| state.key(row)).collect();
        keys.retain(|key| query.after.is_none_or(|end| key.id > end));
        if let Some(realm) = &query.realm {
            let owner = |key: &Key| key.organization.as_ref().map(|owner| owner.number);
            keys.retain(|key| owner(key) == Some(realm.organization) && realm.sees(&key.prefix));
        }
        keys.sort_by_key(|key| key.id);
        keys.truncate(count(query.limit));
        Ok(keys)
    }

    async fn rotate_key(
        &self,
        rotation: Rotation,
        once: Option<Once>,
    ) -> Result<Result<Key, RotationRefusal>, LedgerError> {
        let mut state = self.state();
        let Some(place) = state.keys.iter().position(|row| row.new.id == rotation.key) else {
            return Ok(Err(RotationRefusal::NoKey));
        };
        let owner = state.key(&state.keys[place]).organization.map(|owner| owner.number);
        if let Some(repeat) = state.repeat(owner, once.as_ref()) {
            return Ok(Err(RotationRefusal::Repeated(repeat)));
        }
        if state.keys[place].revoked_at.is_some() {
            return Ok(Err(RotationRefusal::Revoked));
        }
        state.remember(owner, once.as_ref(), rotation.id);
        let row = &mut state.keys[place];
        let before = std::mem::replace(&mut row.new.hash, rotation.hash);
        row.former = rotation.former_until.map(|until| FormerSecret { hash: before, until });
        Ok(Ok(state.key(&state.keys[place])))
    }
}
