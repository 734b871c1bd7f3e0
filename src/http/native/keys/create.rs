//! Making a key.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{REQUEST_BYTES_MAX, answer_with_secret, check_grant, require_keeper, secret};
use crate::domain::clock::Timestamp;
use crate::domain::grant::Grant;
use crate::domain::guard::{GuardLimits, SHARE_PERCENT_MAX};
use crate::domain::id::KeyId;
use crate::domain::once::Repeat;
use crate::domain::organization::{Scope, Scopes};
use crate::domain::path::EntryPath;
use crate::domain::secret::hash_key;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::holder::Holder;
use crate::http::idempotency::{Posted, repeat_of};
use crate::http::native::Native;
use crate::http::state::Service;
use crate::ledger::{KeyRefusal, NewKey};

/// A key to be made. Whatever is left out has its usual value.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
struct Wanted {
    /// Of `read`, `write`, `delete` and `admin`, each once; the first three unless said.
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<Vec<Scope>>,
    /// It sees what lies at or beneath this path; `/` unless said.
    prefix: Option<String>,
    /// Files that one request may delete without a confirmation. No laxer than the caller's own,
    /// which is taken where nothing is said.
    guard_files: Option<u64>,
    /// The same as percent of the live files, up to 100.
    #[schema(maximum = 100)]
    guard_share: Option<u8>,
    /// When it ends, in ISO 8601 with its offset; never unless said.
    expires_at: Option<String>,
}

impl Wanted {
    /// What is wanted, by a caller with this guard.
    fn into_grant(self, own: GuardLimits, now: Timestamp) -> Result<Grant, ApiError> {
        let Self { scopes, prefix, guard_files, guard_share, expires_at } = self;
        if guard_share.is_some_and(|percent| percent > SHARE_PERCENT_MAX) {
            return Err(unacceptable("guard_share: it is a percentage"));
        }
        let guard = GuardLimits {
            files_max: guard_files.or(own.files_max),
            share_percent_max: guard_share.or(own.share_percent_max),
        };
        let expires_at = expires_at.map(|text| ends_at(&text, now)).transpose()?;
        let prefix = match prefix {
            None => EntryPath::root(),
            Some(text) => {
                let written = EntryPath::parse_written(&text);
                written.map_err(|error| unacceptable(&format!("prefix: {error}")))?.path
            }
        };
        let scopes = scopes.map_or_else(|| Ok(Scopes::usual()), |words| scopes_of(&words))?;
        Ok(Grant { scopes, prefix, guard, expires_at })
    }
}

fn unacceptable(text: &str) -> ApiError {
    ApiError::Unprocessable(text.to_owned())
}

fn scopes_of(words: &[Scope]) -> Result<Scopes, ApiError> {
    let scopes: Scopes = words.iter().copied().collect();
    match (words.is_empty(), scopes.words().len() == words.len()) {
        (true, _) => Err(unacceptable("a key without a scope can do nothing")),
        (false, false) => Err(unacceptable("a scope is given more than once")),
        (false, true) => Ok(scopes),
    }
}

fn ends_at(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let end = Timestamp::parse(text);
    let end =
        end.ok_or_else(|| unacceptable("expires_at: give a time such as 2030-01-31T12:00:00Z"))?;
    match now < end {
        true => Ok(end),
        false => Err(unacceptable("expires_at: it is over")),
    }
}

/// Makes a key
///
/// In the caller's organization, or in the one that an operator names. It may do and see no more
/// than the caller, and does not live longer. The secret is in this answer alone; a repeat with
/// the same idempotency key shows it again.
#[utoipa::path(
    post,
    path = "/delenda/v1/keys",
    tag = "keys",
    params(
        ("organization" = Option<String>, Query, description = "The organization that an operator means"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeats harmless"),
    ),
    request_body = Option<Wanted>,
    responses(
        (status = 201, description = "The key, with its secret", body = super::Shown),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "No key can be like this, or another request was made with this idempotency key"),
    )
)]
pub(in crate::http::native) async fn create(
    State(service): State<Service>,
    holder: Holder<Native>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    let posted =
        Posted::<Wanted>::read(&service, holder.key.id, request, REQUEST_BYTES_MAX).await?;
    let organization = holder.organization.as_ref().ok_or(ApiError::OrganizationRequired)?;
    let (id, once) = (service.ids.next::<KeyId>(), posted.once.as_ref());
    let made_secret = secret(&service, &posted.headers, once, id);
    let made = match repeat_of(&service, Some(organization.number), once).await? {
        Some(repeat) => Err(KeyRefusal::Repeated(repeat)),
        None => {
            let now = service.clock.now();
            let grant = posted.body.unwrap_or_default().into_grant(holder.key.guard, now)?;
            require_keeper(&holder)?;
            check_grant(&holder, &grant)?;
            let new = NewKey {
                id,
                organization: Some(organization.id),
                hash: hash_key(made_secret.expose_secret()),
                scopes: grant.scopes,
                prefix: grant.prefix,
                guard: grant.guard,
                expires_at: grant.expires_at,
            };
            service.ledger.create_key(new, posted.once.clone(), now).await?
        }
    };
    let (id, shown) = match made {
        Ok(key) => (key.id, made_secret),
        Err(KeyRefusal::Repeated(Repeat::Of(made))) => {
            (KeyId::from(made), secret(&service, &posted.headers, once, made))
        }
        Err(KeyRefusal::Repeated(Repeat::OtherRequest)) => {
            return Err(ApiError::IdempotencyMismatch.into());
        }
        Err(KeyRefusal::NoOrganization) => return Err(ApiError::NotFound.into()),
    };
    Ok(answer_with_secret(&service, StatusCode::CREATED, id, &shown).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn read(text: &str) -> Result<Grant, ApiError> {
        json::parse::<Wanted>(text.as_bytes())
            .and_then(|wanted| wanted.into_grant(GuardLimits::default(), NOW))
    }

    #[test]
    fn what_is_left_out_is_usual() {
        let usual = Grant {
            scopes: Scopes::usual(),
            prefix: EntryPath::root(),
            guard: GuardLimits::default(),
            expires_at: None,
        };
        assert_eq!(read("{}").unwrap(), usual);
        let narrow = r#"{"scopes":["admin","read"],"prefix":"/a/","expires_at":"2030-01-31T13:00:00+01:00"}"#;
        let narrow = read(narrow).unwrap();
        assert_eq!(narrow.scopes.words(), ["read", "admin"]);
        assert_eq!(narrow.prefix.as_str(), "/a");
        assert_eq!(narrow.expires_at.unwrap().iso8601(), "2030-01-31T12:00:00.000Z");
    }

    #[test]
    fn a_key_that_cannot_be_is_refused() {
        for wrong in [
            r#"{"scopes":[]}"#,
            r#"{"scopes":["read","read"]}"#,
            r#"{"prefix":"a"}"#,
            r#"{"prefix":"/a/../b"}"#,
            r#"{"guard_share":101}"#,
            r#"{"expires_at":"soon"}"#,
            r#"{"expires_at":"2030-01-31"}"#,
            r#"{"expires_at":"2023-11-14T22:13:20Z"}"#,
        ] {
            assert!(matches!(read(wrong), Err(ApiError::Unprocessable(_))), "{wrong}");
        }
        for wrong in [r#"{"scopes":["all"]}"#, r#"{"scopes":"read"}"#, r#"{"operator":true}"#] {
            assert!(matches!(read(wrong), Err(ApiError::Invalid(_))), "{wrong}");
        }
    }
}
