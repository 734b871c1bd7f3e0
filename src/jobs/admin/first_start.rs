//! The first start on an empty data directory: an organization and a key, so that the first call
//! needs no other command.

use anyhow::Context;
use secrecy::ExposeSecret;

use super::{AdminAnswer, AdminRequest, Office};
use crate::domain::id::OrganizationId;
use crate::domain::organization::Scope;
use crate::domain::secret::generate_key;
use crate::instance::DataDirectory;

/// The name of the organization that the first start makes.
const FIRST_ORGANIZATION: &str = "default";

/// Makes the first organization and key where nobody has made any, and whether it did. The key is
/// written down before it works: an interrupted first start is done again, with another key.
pub async fn first_start(office: &Office, directory: &DataDirectory) -> anyhow::Result<bool> {
    let Some(organization) = first_organization(office).await? else { return Ok(false) };
    let secret = generate_key(office.random.as_ref());
    directory
        .write_first_key(secret.expose_secret())
        .with_context(|| format!("{} cannot be written", directory.first_key().display()))?;
    let made = office.register_key(secret.expose_secret(), Some(organization), &Scope::ALL).await?;
    made.context("the first organization is gone")?;
    Ok(true)
}

/// The organization that the first key is for; none where somebody has begun already.
async fn first_organization(office: &Office) -> anyhow::Result<Option<OrganizationId>> {
    if !office.ledger.keys().await?.is_empty() || office.ledger.any_removal().await? {
        return Ok(None);
    }
    let organizations = office.ledger.organizations().await?;
    match organizations.as_slice() {
        [] => {
            let request = AdminRequest::CreateOrganization {
                name: FIRST_ORGANIZATION.to_owned(),
                plan: None,
            };
            let AdminAnswer::OrganizationCreated { id, .. } = office.administer(request).await
            else {
                anyhow::bail!("the first organization could not be made");
            };
            Ok(OrganizationId::parse(&id))
        }
        [only] if only.name == FIRST_ORGANIZATION => Ok(Some(only.id)),
        _ => Ok(None),
    }
}
