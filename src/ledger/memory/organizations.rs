//! Organizations, keys and secrets.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::tree::FolderRow;
use super::{Holdings, MemoryLedger, State};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FolderNumber, RESERVED_FOLDERS, Sequence};
use crate::domain::id::{KeyId, OrganizationId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::{
    FormerSecret, Key, KeyHash, Organization, OrganizationNumber, Realm,
};
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::usage::{Tally, Usage};
use crate::ledger::{KeyRefusal, LedgerError, NewKey, NewOrganization, OrganizationLedger};

/// A key. Its organization is looked up when the key is read, so that it is never stale.
pub(super) struct KeyRow {
    pub(super) new: NewKey,
    created_at: Timestamp,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) former: Option<FormerSecret>,
}

impl State {
    fn create_organization(&mut self, new: NewOrganization, now: Timestamp) -> Organization {
        let root = EntryPath::root();
        let reserved = RESERVED_FOLDERS.map(|name| {
            let name = EntryName::parse(name).expect("reserved names are names");
            root.child(&name).expect("reserved paths are short")
        });
        let number = OrganizationNumber(self.next_number());
        let mut folders = BTreeMap::new();
        for (path, id) in std::iter::once(root).chain(reserved).zip(new.folders) {
            let number = FolderNumber(self.next_number());
            let made = Sequence(self.next_number());
            folders.insert(path, FolderRow::new(id, number, now, made));
        }
        let organization = Organization {
            number,
            id: new.id,
            name: new.name,
            plan: new.plan,
            created_at: now,
            disabled_at: None,
        };
        let holdings = Holdings {
            organization: organization.clone(),
            folders,
            files: BTreeMap::new(),
            commands: BTreeMap::new(),
            keepsakes: BTreeMap::new(),
            deletions: BTreeMap::new(),
            accepted: BTreeMap::new(),
            missed: Vec::new(),
            uploads: BTreeMap::new(),
            stored_plans: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            uploaded: Tally::default(),
            settled: Tally::default(),
        };
        self.organizations.insert(number, holdings);
        organization
    }

    fn organization(&self, id: OrganizationId) -> Option<&Organization> {
        self.organizations.values().map(|h| &h.organization).find(|o| o.id == id)
    }

    pub(super) fn key(&self, row: &KeyRow) -> Key {
        Key {
            id: row.new.id,
            organization: row.new.organization.and_then(|id| self.organization(id)).cloned(),
            scopes: row.new.scopes,
            prefix: row.new.prefix.clone(),
            guard: row.new.guard,
            created_at: row.created_at,
            expires_at: row.new.expires_at,
            revoked_at: row.revoked_at,
            hash: row.new.hash,
            former: row.former,
        }
    }
}

#[async_trait]
impl OrganizationLedger for MemoryLedger {
    async fn create_organization(
        &self,
        new: NewOrganization,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Organization, Repeat>, LedgerError> {
        let mut state = self.state();
        if let Some(repeat) = state.repeat(None, once.as_ref()) {
            return Ok(Err(repeat));
        }
        state.remember(None, once.as_ref(), new.id);
        Ok(Ok(state.create_organization(new, now)))
    }

    async fn organizations(&self) -> Result<Vec<Organization>, LedgerError> {
        let state = self.state();
        Ok(state.organizations.values().map(|holdings| holdings.organization.clone()).collect())
    }

    async fn disable_organization(
        &self,
        id: OrganizationId,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut state = self.state();
        let mut organizations = state.organizations.values_mut().map(|h| &mut h.organization);
        let Some(found) = organizations.find(|organization| organization.id == id) else {
            return Ok(false);
        };
        // The first time stands.
        found.disabled_at.get_or_insert(now);
        Ok(true)
    }

    async fn create_key(
        &self,
        new: NewKey,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<Key, KeyRefusal>, LedgerError> {
        let mut state = self.state();
        let owner = new.organization.map(|id| state.organization(id).map(|owner| owner.number));
        if owner == Some(None) {
            return Ok(Err(KeyRefusal::NoOrganization));
        }
        let owner = owner.flatten();
        if let Some(repeat) = state.repeat(owner, once.as_ref()) {
            return Ok(Err(KeyRefusal::Repeated(repeat)));
        }
        state.remember(owner, once.as_ref(), new.id);
        let row = KeyRow { new, created_at: now, revoked_at: None, former: None };
        let key = state.key(&row);
        state.keys.push(row);
        Ok(Ok(key))
    }

    async fn keys(&self) -> Result<Vec<Key>, LedgerError> {
        let state = self.state();
        Ok(state.keys.iter().map(|row| state.key(row)).collect())
    }

    async fn revoke_key(&self, id: KeyId, now: Timestamp) -> Result<bool, LedgerError> {
        let mut state = self.state();
        let Some(found) = state.keys.iter_mut().find(|row| row.new.id == id) else {
            return Ok(false);
        };
        // The first time stands.
        found.revoked_at.get_or_insert(now);
        Ok(true)
    }

    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<Key>, LedgerError> {
        let state = self.state();
        let former = |row: &KeyRow| row.former.is_some_and(|former| former.hash == hash);
        let found = state.keys.iter().find(|row| row.new.hash == hash || former(row));
        Ok(found.map(|row| state.key(row)))
    }

    async fn key_by_id(&self, id: KeyId) -> Result<Option<Key>, LedgerError> {
        let state = self.state();
        let found = state.keys.iter().find(|row| row.new.id == id);
        Ok(found.map(|row| state.key(row)))
    }

    async fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Result<[u8; 32], LedgerError> {
        Ok(*self.state().secrets.entry(name).or_insert(fresh))
    }

    async fn usage(&self, realm: &Realm) -> Result<Usage, LedgerError> {
        let state = self.state();
        if realm.prefix.is_root() {
            return Ok(state.whole_usage(realm.organization));
        }
        let live = state.holdings(realm.organization).live_beneath(&realm.prefix);
        Ok(Usage { uploaded: live, live, ..Usage::default() })
    }
}
