//! Administrative commands: what was said becomes one request, which the running server or this
//! process executes, and its answer becomes lines.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

use super::arguments::{CreateKey, KeyCommand, Org, Sweep};
use super::{Ending, command_runtime, print, render};
use crate::app;
use crate::config::Settings;
use crate::domain::clock::Timestamp;
use crate::instance::DataDirectory;
use crate::jobs::admin::{AdminAnswer, AdminRequest, scope_list, socket};

/// How long a directory may be held by somebody who does not answer: a server that starts or
/// stops, or another command.
const BUSY_DURATION_MAX: Duration = Duration::from_secs(30);
/// The pause between two tries.
const BUSY_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// A request, and how its answer is to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Order {
    request: AdminRequest,
    json: bool,
}

/// Has the order executed by whoever holds the data directory, and writes the answer.
pub fn execute(settings: &Settings, order: &Order) -> anyhow::Result<Ending> {
    let answer = command_runtime(settings)?.block_on(administer(settings, &order.request))?;
    match answer {
        AdminAnswer::Refused { reason } => Ok(Ending::Refused(Some(reason))),
        AdminAnswer::Failed { reason } => bail!(reason),
        answer => {
            print(&render::answer(&answer, order.json))?;
            Ok(Ending::Done)
        }
    }
}

/// The lock is tried first, so that the socket of a dead server is never asked; who holds the
/// lock and does not listen is waited for.
async fn administer(settings: &Settings, request: &AdminRequest) -> anyhow::Result<AdminAnswer> {
    let place = settings.data.display();
    let directory = DataDirectory::existing(&settings.data)
        .with_context(|| format!("no data directory at {place}"))?;
    if !directory.holds_database()? && !request.may_be_first() {
        bail!("{place} holds no database: start a server on it first");
    }
    let deadline = Instant::now() + BUSY_DURATION_MAX;
    loop {
        let lock = directory.try_lock();
        if let Some(lock) = lock.with_context(|| format!("{place} cannot be locked"))? {
            return app::administer_alone(settings, &directory, request.clone(), &lock).await;
        }
        let asked = socket::ask(&directory, request).await;
        let asked = asked
            .context("the running server could not be asked, or went away before it answered")?;
        if let Some(answer) = asked {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("{place} is in use by a process that does not answer");
        }
        tokio::time::sleep(BUSY_RETRY_INTERVAL).await;
    }
}

impl Org {
    /// The order that was given.
    pub fn into_order(self) -> Order {
        let (request, form) = match self {
            Self::Create { name, plan, form } => {
                (AdminRequest::CreateOrganization { name, plan }, form)
            }
            Self::List(form) => (AdminRequest::ListOrganizations {}, form),
            Self::Disable { id, form } => (AdminRequest::DisableOrganization { id }, form),
            Self::Enable { id, form } => (AdminRequest::EnableOrganization { id }, form),
            Self::Remove { id, confirm, locked, form } => {
                (AdminRequest::RemoveOrganization { id, confirm, locked }, form)
            }
            Self::SetPlan { id, plan, form } => (AdminRequest::SetPlan { id, plan }, form),
        };
        Order { request, json: form.json }
    }
}

impl KeyCommand {
    /// The order that was given, at `now`.
    pub fn into_order(self, now: Timestamp) -> Order {
        let (request, form) = match self {
            Self::Create(create) => {
                let form = create.form;
                (create.into_request(now), form)
            }
            Self::List(form) => (AdminRequest::ListKeys {}, form),
            Self::Revoke { id, form } => (AdminRequest::RevokeKey { id }, form),
        };
        Order { request, json: form.json }
    }
}

impl CreateKey {
    fn into_request(self, now: Timestamp) -> AdminRequest {
        AdminRequest::CreateKey {
            organization: self.org,
            scopes: scope_list(self.scopes),
            prefix: self.prefix.as_str().to_owned(),
            expires_at: self.expires.map(|expiry| expiry.from(now).millis()),
            guard_files: self.guard_files,
            guard_share: self.guard_share,
        }
    }
}

impl Sweep {
    /// The order that was given.
    pub fn into_order(self) -> Order {
        let request = AdminRequest::Sweep { dry_run: self.dry_run };
        Order { request, json: self.form.json }
    }
}
