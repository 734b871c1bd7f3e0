//! The one executor of administrative requests.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::ExposeSecret;

use super::{AdminAnswer, AdminRequest, KeyLine, OrganizationLine, ShownKey, scope_list};
use crate::deletion::accept::Deleter;
use crate::deletion::record::Declined;
use crate::deletion::removal::NewRemoval;
use crate::deletion::sweep::sweep;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::guard::{GuardLimits, SHARE_PERCENT_MAX};
use crate::domain::id::{IdSource, KeyId, OrganizationId};
use crate::domain::organization::{DEFAULT_PLAN, Key, Organization, Scope, is_organization_name};
use crate::domain::path::EntryPath;
use crate::domain::plans::Plans;
use crate::domain::random::Random;
use crate::domain::secret::{generate_key, hash_key};
use crate::jobs::wake::Wake;
use crate::ledger::registry::OrganizationChange;
use crate::ledger::{Ledger, LedgerError, NewKey, NewOrganization};

/// What executing takes. Cheap to clone.
#[derive(Clone)]
pub struct Office {
    /// Metadata.
    pub ledger: Arc<dyn Ledger>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identities.
    pub ids: Arc<IdSource>,
    /// Where keys come from.
    pub random: Arc<dyn Random>,
    /// Deletes, as the server does.
    pub deleter: Deleter,
    /// Woken when a sweep has condemned something.
    pub purge: Wake,
    /// The plans that an organization may have.
    pub plans: Plans,
}

/// Why a request was not executed.
enum Unexecuted {
    Refused(Cow<'static, str>),
    UnknownPlan(String),
    Failed(LedgerError),
}

impl From<LedgerError> for Unexecuted {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error)
    }
}

type Executed = Result<AdminAnswer, Unexecuted>;

impl Office {
    /// Executes a request. What the answer reports is durable, and holds for every later request
    /// of anybody.
    pub async fn administer(&self, request: AdminRequest) -> AdminAnswer {
        let executed = match request {
            AdminRequest::CreateOrganization { name, plan } => {
                self.create_organization(name, plan).await
            }
            AdminRequest::ListOrganizations {} => self.organizations().await,
            AdminRequest::DisableOrganization { id } => self.disable_organization(id).await,
            AdminRequest::EnableOrganization { id } => self.enable_organization(id).await,
            AdminRequest::RemoveOrganization { id, confirm, locked } => {
                self.remove_organization(&id, confirm, locked).await
            }
            AdminRequest::SetPlan { id, plan } => self.set_plan(id, plan).await,
            AdminRequest::CreateKey {
                organization,
                scopes,
                prefix,
                expires_at,
                guard_files: files_max,
                guard_share: share_percent_max,
            } => {
                let guard = GuardLimits { files_max, share_percent_max };
                let limits = KeyLimits { scopes, prefix, guard, expires_at };
                self.create_key(organization, limits).await
            }
            AdminRequest::ListKeys {} => self.keys().await,
            AdminRequest::RevokeKey { id } => self.revoke_key(id).await,
            AdminRequest::Sweep { dry_run } => self.sweep(dry_run).await,
        };
        match executed {
            Ok(answer) => answer,
            Err(Unexecuted::Refused(reason)) => {
                AdminAnswer::Refused { reason: reason.into_owned() }
            }
            Err(Unexecuted::UnknownPlan(name)) => {
                let known: Vec<&str> = self.plans.names().collect();
                let known = known.join(", ");
                let reason = format!("no plan '{name}' is configured; there are: {known}");
                AdminAnswer::Refused { reason }
            }
            Err(Unexecuted::Failed(error)) => {
                // The asker learns what happened; the cause belongs to whoever reads the log.
                tracing::error!(%error, cause = ?error.source, "an administrative request failed");
                AdminAnswer::Failed { reason: error.to_string() }
            }
        }
    }

    /// The plans that organizations have and nobody configured, each once, in order. Switched off
    /// ones aside: nothing is asked of theirs.
    pub async fn unknown_plans(&self) -> Result<BTreeSet<String>, LedgerError> {
        let all = self.ledger.organizations().await?.into_iter();
        let active = all.filter(|organization| organization.disabled_at.is_none());
        let plans = active.map(|organization| organization.plan);
        Ok(plans.filter(|plan| self.plans.get(plan).is_none()).collect())
    }

    /// Makes a key whose secret exists already: only [`Office::administer`] and the first start,
    /// which writes the secret down before the key works, need it.
    pub async fn register_key(
        &self,
        secret: &str,
        organization: Option<OrganizationId>,
        scopes: &[Scope],
    ) -> Result<Option<Key>, LedgerError> {
        let limits = Limits {
            scopes: scopes.to_vec(),
            prefix: EntryPath::root(),
            guard: GuardLimits::default(),
            expires_at: None,
        };
        self.insert_key(secret, organization, limits).await
    }

    async fn create_organization(&self, name: String, plan: Option<String>) -> Executed {
        let plan = plan.unwrap_or_else(|| DEFAULT_PLAN.to_owned());
        if !is_organization_name(&name) {
            return Err(refused(
                "a name has 1 to 255 bytes, no control characters, and is not all blank",
            ));
        }
        self.known_plan(&plan)?;
        let folders = [self.ids.next(), self.ids.next(), self.ids.next()];
        let new = NewOrganization { id: self.ids.next(), name, plan, folders };
        let made = self.ledger.create_organization(new, None, self.clock.now()).await?;
        let made = made.map_err(|_| refused("it was made before"))?;
        Ok(AdminAnswer::OrganizationCreated { id: made.id.to_string(), name: made.name })
    }

    async fn organizations(&self) -> Executed {
        let all = self.ledger.organizations().await?;
        Ok(AdminAnswer::Organizations {
            organizations: all.iter().map(organization_line).collect(),
        })
    }

    async fn disable_organization(&self, id: String) -> Executed {
        let known = OrganizationId::parse(&id);
        let Some(organization) = known else { return Err(NO_ORGANIZATION) };
        if !self.ledger.disable_organization(organization, self.clock.now()).await? {
            return Err(NO_ORGANIZATION);
        }
        Ok(AdminAnswer::OrganizationDisabled { id })
    }

    async fn enable_organization(&self, id: String) -> Executed {
        let organization = self.named(&id).await?;
        // What was switched off may have kept a plan that is not configured any more.
        self.known_plan(&organization.plan)?;
        let change = OrganizationChange { disabled: Some(false), ..Default::default() };
        self.change_organization(organization.id, change).await?;
        Ok(AdminAnswer::OrganizationEnabled { id })
    }

    async fn remove_organization(
        &self,
        id: &str,
        confirmed: Option<u64>,
        removes_locked: bool,
    ) -> Executed {
        let id = OrganizationId::parse(id).ok_or(NO_ORGANIZATION)?;
        if let Some(organization) = self.ledger.organization(id).await? {
            let removal = NewRemoval {
                id: self.ids.next(),
                organization: organization.number,
                key: None,
                confirmed,
                removes_locked,
                at: self.clock.now(),
            };
            let decided = self.deleter.delete(removal.request()).await?;
            decided.map_err(|declined| unremoved(&declined))?;
        }
        let removal = self.ledger.removal(id).await?.ok_or(NO_ORGANIZATION)?;
        Ok(AdminAnswer::OrganizationRemoved {
            id: id.to_string(),
            files: removal.record.doomed.files,
            bytes: removal.record.doomed.bytes,
            remaining: removal.remaining.files,
            settled: removal.settled_at().is_some(),
        })
    }

    async fn set_plan(&self, id: String, plan: String) -> Executed {
        let organization = self.named(&id).await?;
        self.known_plan(&plan)?;
        let change = OrganizationChange { plan: Some(plan.clone()), ..Default::default() };
        self.change_organization(organization.id, change).await?;
        Ok(AdminAnswer::PlanSet { id, plan })
    }

    async fn named(&self, id: &str) -> Result<Organization, Unexecuted> {
        let id = OrganizationId::parse(id).ok_or(NO_ORGANIZATION)?;
        self.ledger.organization(id).await?.ok_or(NO_ORGANIZATION)
    }

    fn known_plan(&self, plan: &str) -> Result<(), Unexecuted> {
        match self.plans.get(plan) {
            Some(_) => Ok(()),
            None => Err(Unexecuted::UnknownPlan(plan.to_owned())),
        }
    }

    async fn change_organization(
        &self,
        id: OrganizationId,
        change: OrganizationChange,
    ) -> Result<(), Unexecuted> {
        let changed = self.ledger.change_organization(id, change, self.clock.now()).await?;
        changed.map(|_| ()).ok_or(NO_ORGANIZATION)
    }

    async fn create_key(&self, organization: Option<String>, limits: KeyLimits) -> Executed {
        let organization = match organization {
            Some(id) => Some(OrganizationId::parse(&id).ok_or(NO_ORGANIZATION)?),
            None => None,
        };
        let Ok(prefix) = EntryPath::parse_written(&limits.prefix) else {
            return Err(refused("the prefix is not a path"));
        };
        if limits.scopes.is_empty() {
            return Err(refused("a key without a scope can do nothing"));
        }
        if limits.guard.share_percent_max.is_some_and(|percent| percent > SHARE_PERCENT_MAX) {
            return Err(refused("a share is a whole percent from 0 to 100"));
        }
        let scopes = scope_list(limits.scopes.into_iter().collect());
        let secret = generate_key(self.random.as_ref());
        let limits = Limits {
            scopes,
            prefix: prefix.path,
            guard: limits.guard,
            expires_at: limits.expires_at.map(Timestamp::from_millis),
        };
        let made = self.insert_key(secret.expose_secret(), organization, limits).await?;
        let Some(key) = made else { return Err(NO_ORGANIZATION) };
        Ok(AdminAnswer::KeyCreated {
            id: key.id.to_string(),
            key: ShownKey(secret.expose_secret().to_owned()),
            organization: key.organization.map(|organization| organization.id.to_string()),
            scopes: scope_list(key.scopes),
        })
    }

    async fn insert_key(
        &self,
        secret: &str,
        organization: Option<OrganizationId>,
        limits: Limits,
    ) -> Result<Option<Key>, LedgerError> {
        let new = NewKey {
            id: self.ids.next(),
            organization,
            hash: hash_key(secret),
            scopes: limits.scopes.into_iter().collect(),
            prefix: limits.prefix,
            guard: limits.guard,
            expires_at: limits.expires_at,
        };
        Ok(self.ledger.create_key(new, None, self.clock.now()).await?.ok())
    }

    async fn keys(&self) -> Executed {
        let all = self.ledger.keys().await?;
        Ok(AdminAnswer::Keys { keys: all.iter().map(key_line).collect() })
    }

    async fn revoke_key(&self, id: String) -> Executed {
        let Some(key) = KeyId::parse(&id) else { return Err(NO_KEY) };
        if !self.ledger.revoke_key(key, self.clock.now()).await? {
            return Err(NO_KEY);
        }
        Ok(AdminAnswer::KeyRevoked { id })
    }

    async fn sweep(&self, dry_run: bool) -> Executed {
        let now = self.clock.now();
        if dry_run {
            let condemned = self.ledger.count_expired_intents(now).await?;
            return Ok(AdminAnswer::Swept { condemned, purged: None, dry_run });
        }
        let condemned = sweep(self.ledger.as_ref(), now).await?;
        if condemned > 0 {
            self.purge.wake();
        }
        Ok(AdminAnswer::Swept { condemned, purged: None, dry_run })
    }
}

const NO_ORGANIZATION: Unexecuted = refused("no such organization");
const NO_KEY: Unexecuted = refused("no such key");

const fn refused(reason: &'static str) -> Unexecuted {
    Unexecuted::Refused(Cow::Borrowed(reason))
}

/// Why an organization stays.
fn unremoved(declined: &Declined) -> Unexecuted {
    let Declined::Refused(refusal) = declined else { return refused("it is removed already") };
    if refusal.switched_on {
        return refused("it is switched on: disable it first");
    }
    Unexecuted::Refused(Cow::Owned(match refusal.unconfirmed {
        Some(files) => format!("it holds {files} files: give --confirm {files}"),
        None => format!(
            "{} entries in it are locked: give --locked to remove them, too",
            refusal.locked.len()
        ),
    }))
}

/// What a key may do and see, and for how long, as it was asked for.
struct KeyLimits {
    scopes: Vec<Scope>,
    prefix: String,
    guard: GuardLimits,
    expires_at: Option<i64>,
}

/// The same, once it is understood.
struct Limits {
    scopes: Vec<Scope>,
    prefix: EntryPath,
    guard: GuardLimits,
    expires_at: Option<Timestamp>,
}

fn organization_line(organization: &Organization) -> OrganizationLine {
    OrganizationLine {
        id: organization.id.to_string(),
        name: organization.name.clone(),
        plan: organization.plan.clone(),
        created_at: organization.created_at.iso8601(),
        disabled_at: organization.disabled_at.map(Timestamp::iso8601),
    }
}

fn key_line(key: &Key) -> KeyLine {
    KeyLine {
        id: key.id.to_string(),
        organization: key.organization.as_ref().map(|organization| organization.id.to_string()),
        scopes: scope_list(key.scopes),
        prefix: key.prefix.to_string(),
        created_at: key.created_at.iso8601(),
        expires_at: key.expires_at.map(Timestamp::iso8601),
        revoked_at: key.revoked_at.map(Timestamp::iso8601),
        guard_files: key.guard.files_max,
        guard_share: key.guard.share_percent_max,
    }
}
