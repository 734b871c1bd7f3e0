//! Keys: made, listed, rotated and revoked, by operators in any organization, and by keys with
//! the scope `admin` in their own.
//!
//! A secret is shown once, in the answer that makes it (`src/http/native/secrets.rs`). No key hands
//! on more than it has.

mod create;
mod read;
mod revoke;
mod rotate;

use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::grant::{Excess, Grant};
use crate::domain::id::KeyId;
use crate::domain::once::Once;
use crate::domain::organization::{Key, Scope};
use crate::domain::secret::{hash_key, key_text};
use crate::http::error::ApiError;
use crate::http::holder::Holder;
use crate::http::json;
use crate::http::native::{Native, secrets};
use crate::http::segment::Segment;
use crate::http::state::Service;

/// Bytes of a request about a key at most.
const REQUEST_BYTES_MAX: u64 = 16_384;

/// The calls on keys.
pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(read::list, create::create))
        .routes(routes!(read::key, revoke::revoke))
        .routes(routes!(rotate::rotate))
}

/// A key. Its secret stands only in the answer that made it.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
struct Shown {
    id: String,
    /// The secret, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// `null` for an operator's.
    organization: Option<String>,
    scopes: Vec<&'static str>,
    /// It sees what lies at or beneath this path.
    prefix: String,
    /// Files that one request deletes without a confirmation, at most; `null`: not limited.
    guard_files: Option<u64>,
    /// The same as percent of the live files.
    guard_share: Option<u8>,
    created_at: String,
    /// `null`: never.
    expires_at: Option<String>,
    /// `null`: it was not.
    revoked_at: Option<String>,
    /// Until when the secret before the last rotation works; `null`: there is none, or not any more.
    former_works_until: Option<String>,
}

impl Shown {
    fn of(service: &Service, key: &Key) -> Self {
        let now = service.clock.now();
        let former = key.former.map(|former| former.until).filter(|until| now < *until);
        Self {
            id: key.id.to_string(),
            key: None,
            organization: key.organization.as_ref().map(|owner| owner.id.to_string()),
            scopes: key.scopes.words(),
            prefix: key.prefix.to_string(),
            guard_files: key.guard.files_max,
            guard_share: key.guard.share_percent_max,
            created_at: key.created_at.iso8601(),
            expires_at: key.expires_at.map(Timestamp::iso8601),
            revoked_at: key.revoked_at.map(Timestamp::iso8601),
            former_works_until: former.map(Timestamp::iso8601),
        }
    }
}

/// The answer that shows a key with its secret, where that is this key's still. Kept by nobody.
async fn answer_with_secret(
    service: &Service,
    status: StatusCode,
    id: KeyId,
    secret: &SecretString,
) -> Result<Response, ApiError> {
    let opened = service.ledger.key_by_hash(hash_key(secret.expose_secret())).await?;
    let opened = opened.filter(|key| key.id == id);
    let key = match &opened {
        Some(key) => key.clone(),
        None => service.ledger.key_by_id(id).await?.ok_or(ApiError::NotFound)?,
    };
    let text = opened.map(|_| secret.expose_secret().to_owned());
    let mut answer = json::answer(status, &Shown { key: text, ..Shown::of(service, &key) });
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// The secret that comes into being under `id`.
fn secret(
    service: &Service,
    headers: &HeaderMap,
    once: Option<&Once>,
    id: impl Into<Uuid>,
) -> SecretString {
    key_text(secrets::fresh(service, headers, (b"key", once), id))
}

/// The key that a path names, where the holder sees it.
async fn named(
    service: &Service,
    holder: &Holder<Native>,
    id: &Segment<3>,
) -> Result<Key, ApiError> {
    let id = id.parse(KeyId::parse).ok_or(ApiError::NotFound)?;
    let key = service.ledger.key_by_id(id).await?.ok_or(ApiError::NotFound)?;
    let owner = key.organization.as_ref().map(|owner| owner.number);
    let seen = holder
        .realm()
        .is_none_or(|realm| owner == Some(realm.organization) && realm.sees(&key.prefix));
    if seen { Ok(key) } else { Err(ApiError::NotFound) }
}

/// Refuses what the holder does not have itself.
fn check_grant(holder: &Holder<Native>, grant: &Grant) -> Result<(), ApiError> {
    Grant::of(&holder.key).covers(grant).map_err(|excess| match excess {
        Excess::Scope(scope) => ApiError::Forbidden(scope),
        Excess::Prefix => ApiError::OutsidePrefix,
        Excess::Guard => ApiError::Unprocessable(
            "a key cannot delete more without a confirmation than the one that asks".to_owned(),
        ),
        Excess::Lifetime => {
            ApiError::Unprocessable("a key cannot outlive the one that asks".to_owned())
        }
    })
}

/// Refuses who may not keep keys.
fn require_keeper(holder: &Holder<Native>) -> Result<(), ApiError> {
    holder.require(Scope::Admin)
}
