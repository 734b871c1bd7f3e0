//! `POST /v2/token`: a key's id and the key itself become a token that works for a while.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::Sirv;
use super::wire::{IssuedToken, TokenRequest};
use crate::domain::secret::hash_key;
use crate::http::auth::working_key;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json::{self, BodyLimits};
use crate::http::signing::Claims;
use crate::http::state::Service;

/// Bytes of a request for a token at most.
const REQUEST_BYTES_MAX: u64 = 32_768;
/// How long a token works where the request does not say.
const LIFETIME_SECONDS: u64 = 1200;
/// The shortest life that may be asked for.
const LIFETIME_SECONDS_MIN: u64 = 5;
/// The longest: a week.
const LIFETIME_SECONDS_MAX: u64 = 604_800;

pub(super) async fn issue(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, DialectError<Sirv>> {
    let limits =
        BodyLimits { bytes_max: REQUEST_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let request: Option<TokenRequest> = json::read(&headers, body, limits).await?;
    let request = json::required(request)?;
    let expires_in = lifetime_seconds(request.expires_in)?;
    let claims = claims_of(&service, &request.client_id, request.client_secret.into()).await?;
    let lifetime = Duration::from_secs(expires_in);
    let token = service.signer.issue_token(claims, lifetime, service.clock.now());
    let token = token.ok_or_else(|| ApiError::Internal("a token cannot be signed".into()))?;
    let scope = claims.scopes.words();
    let answer = IssuedToken { token: token.expose_secret(), expires_in, scope };
    Ok(json::answer(StatusCode::OK, &answer))
}

fn lifetime_seconds(asked: Option<u64>) -> Result<u64, ApiError> {
    match asked {
        None => Ok(LIFETIME_SECONDS),
        Some(seconds @ LIFETIME_SECONDS_MIN..=LIFETIME_SECONDS_MAX) => Ok(seconds),
        Some(_) => Err(ApiError::Invalid(format!(
            "expiresIn must be from {LIFETIME_SECONDS_MIN} to {LIFETIME_SECONDS_MAX}"
        ))),
    }
}

/// Whatever is wrong with the pair is one and the same answer. An operator key belongs to no
/// organization and gets no token.
async fn claims_of(service: &Service, id: &str, secret: SecretString) -> Result<Claims, ApiError> {
    let key = working_key(service, &secret).await?;
    let secret = hash_key(secret.expose_secret()).mark();
    let organization = key.organization.filter(|own| own.disabled_at.is_none());
    match organization {
        Some(organization) if key.id.to_string() == id => {
            service.count_request(&organization)?;
            Ok(Claims { key: key.id, organization: organization.id, scopes: key.scopes, secret })
        }
        Some(_) | None => Err(ApiError::Unauthenticated),
    }
}
