//! `Idempotency-Key`: how the native API reads it, and what it binds a request to.
//!
//! Every POST of the native API takes one. The first request with it that is accepted has its
//! effect; each repeat, also one that arrives meanwhile, has none and is answered with what the
//! first one made, as it is now. Whatever differs in method, target or body makes it another
//! request, which is refused.

use axum::extract::Request;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::json::{self, BodyLimits};
use super::state::Service;
use crate::domain::id::KeyId;
use crate::domain::once::{
    IDEMPOTENCY_KEY_BYTES_MAX, IdempotencyKey, Once, OnceToken, Repeat, RequestDigest,
};
use crate::domain::organization::OrganizationNumber;

/// The header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Bytes of a body at most that has nothing to say.
const NOTHING_BYTES_MAX: u64 = 1024;

/// The idempotency key of a request, if it has one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => IdempotencyKey::parse(value.as_bytes()),
        (Some(_), Some(_)) => None,
    };
    key.map(Some).ok_or_else(|| {
        ApiError::Invalid(format!(
            "an idempotency key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible characters of ASCII, \
             and stands once"
        ))
    })
}

/// A POST with its body read.
pub struct Posted<T> {
    /// What the body says; `None` where it is empty.
    pub body: Option<T>,
    /// That the request is to have one effect.
    pub once: Option<Once>,
    /// The headers.
    pub headers: HeaderMap,
}

impl<T: DeserializeOwned> Posted<T> {
    /// Reads a POST of this caller, whose body has at most `bytes_max` bytes.
    pub async fn read(
        service: &Service,
        caller: KeyId,
        request: Request,
        bytes_max: u64,
    ) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let limits = BodyLimits { bytes_max, idle_max: service.settings.body_idle_max };
        let text = json::read_text(&parts.headers, body, limits).await?;
        let body = json::parse_optional(&text)?;
        let once = once(service, caller, &parts, &text)?;
        Ok(Self { body, once, headers: parts.headers })
    }
}

/// What the body of a POST may be that says everything by its path, beside nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NothingMore {}

/// Reads a POST of this caller that says everything by its path.
pub async fn read_bare(
    service: &Service,
    caller: KeyId,
    request: Request,
) -> Result<Option<Once>, ApiError> {
    let posted = Posted::<NothingMore>::read(service, caller, request, NOTHING_BYTES_MAX).await?;
    Ok(posted.once)
}

/// What makes this request of this caller happen once, if it says so. `body` is all of its body.
pub fn once(
    service: &Service,
    caller: KeyId,
    parts: &Parts,
    body: &[u8],
) -> Result<Option<Once>, ApiError> {
    let Some(key) = idempotency_key(&parts.headers)? else { return Ok(None) };
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let request = [parts.method.as_str().as_bytes(), target.as_bytes(), body];
    Ok(Some(Once {
        token: OnceToken::of(caller, &key),
        request: RequestDigest::of(&request),
        at: service.clock.now(),
    }))
}

/// What is known of this request's effect, for whoever may refuse it for what is true by now: what
/// a repeat is told depends on nothing else than its effect.
pub async fn repeat_of(
    service: &Service,
    organization: Option<OrganizationNumber>,
    once: Option<&Once>,
) -> Result<Option<Repeat>, ApiError> {
    match once {
        None => Ok(None),
        Some(once) => Ok(service.ledger.repeat_of(organization, once).await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, http::HeaderValue::from_bytes(value).unwrap());
        }
        match idempotency_key(&headers) {
            Ok(key) => Ok(key.map(|key| key.as_str().to_owned())),
            Err(ApiError::Invalid(_)) => Err(400),
            Err(other) => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn a_key_stands_once_and_is_visible() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"one"]), Ok(Some("one".to_owned())));
        for wrong in [&[&b""[..]][..], &[b"a b"], &["é".as_bytes()], &[b"a", b"a"], &[b"a", b""]] {
            assert_eq!(read(wrong), Err(400), "{wrong:?}");
        }
    }
}
