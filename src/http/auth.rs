//! From headers to a caller: the key, its organization, and what it may do and see.
//!
//! Whatever is wrong with a key is one and the same answer. The ledger is asked only for texts
//! that have the form of a key, and only for their hash.
//!
//! What is wrong with a request is told in one order, in every dialect:
//!
//! 1. its framing and its head: 400, 413, 414, 431 (`connection`);
//! 2. its route and method: 404, 405 (`router`);
//! 3. its key, and the organization that it means: 401, 400, 403 ([`Identified`]);
//! 4. limits: 429;
//! 5. the body by its announcement: 413, 415, and then the syntax of the query: 400
//!    ([`Authenticated`]), of what the query says, and of the body: 413, 400, 422 (the handler);
//! 6. the scope: 403 ([`Authenticated::require`], which handlers call when all of the syntax is
//!    read; only of an upload the body is read afterwards, since nobody's bytes are taken who may
//!    not store them), and what exists: 404;
//! 7. locks and conflicts: 409 and the like.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use secrecy::{ExposeSecret, SecretString};

use super::dialect::{Credential, Dialect, DialectError, NamedOrganization};
use super::error::ApiError;
use super::json::check_announced;
use super::limits::RequestsLeft;
use super::query::{Query, QueryError};
use super::state::Service;
use crate::domain::id::OrganizationId;
use crate::domain::organization::{Caller, Key, Organization, Realm, Scope, Scopes};
use crate::domain::secret::{hash_key, is_key_shaped};

/// A request whose key was good, with its query read.
#[derive(Debug)]
pub struct Authenticated<D> {
    /// Who asks.
    pub caller: Caller,
    /// The request's query.
    pub query: Query,
    /// How many requests the organization has left.
    pub left: RequestsLeft,
    dialect: PhantomData<D>,
}

/// A request whose key was good; of the rest nothing was judged.
#[derive(Debug)]
pub struct Identified<D> {
    /// Who asks.
    pub caller: Caller,
    /// The request's query, if it can be read.
    pub query: Result<Query, QueryError>,
    /// How many requests the organization has left.
    pub left: RequestsLeft,
    dialect: PhantomData<D>,
}

impl<D: Dialect> Identified<D> {
    /// Judges what the head says of the body, and then the query.
    pub fn judge(
        self,
        service: &Service,
        headers: &HeaderMap,
    ) -> Result<Authenticated<D>, ApiError> {
        check_announced(headers, service.settings.body_bytes_max())?;
        let Self { caller, query, left, dialect } = self;
        Ok(Authenticated { caller, query: query?, left, dialect })
    }
}

impl<D> Authenticated<D> {
    /// Refuses a caller without this scope.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        match self.caller.scopes.allow(scope) {
            true => Ok(()),
            false => Err(ApiError::Forbidden(scope)),
        }
    }
}

impl<D: Dialect> FromRequestParts<Service> for Authenticated<D> {
    type Rejection = DialectError<D>;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let identified = Identified::<D>::from_request_parts(parts, service).await?;
        Ok(identified.judge(service, &parts.headers)?)
    }
}

impl<D: Dialect> FromRequestParts<Service> for Identified<D> {
    type Rejection = DialectError<D>;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let (key, scopes) = prove::<D>(&parts.headers, service).await?;
        if key.organization.is_none() && D::named_organization(&Query::default())?.is_none() {
            return Err(ApiError::Unauthenticated.into());
        }
        let query = Query::parse(parts.uri.query());
        let named = match &query {
            Ok(query) => D::named_organization(query)?,
            // It may mean any organization; a key that is bound means its own all the same.
            Err(error) if key.organization.is_none() => return Err(error.clone().into()),
            Err(_) => None,
        };
        let organization = organization_of(service, key.organization, named).await?;
        let left = service.count_request(&organization)?;
        let realm = Realm { organization: organization.number, prefix: key.prefix };
        let (key, guard) = (key.id, key.guard);
        let caller = Caller { key, scopes, realm, guard, organization };
        Ok(Self { caller, query, left, dialect: PhantomData })
    }
}

/// The key behind what the headers offer, with what the request may do.
pub(super) async fn prove<D: Dialect>(
    headers: &HeaderMap,
    service: &Service,
) -> Result<(Key, Scopes), ApiError> {
    let (key, scopes) = match D::credential(headers) {
        Credential::Absent | Credential::Malformed => return Err(ApiError::Unauthenticated),
        Credential::Key(text) => {
            let key = working_key(service, &text).await?;
            let scopes = key.scopes;
            (key, scopes)
        }
        Credential::Token(text) => key_of_token(service, &text).await?,
    };
    match key.organization.as_ref().is_some_and(|own| own.disabled_at.is_some()) {
        true => Err(ApiError::OrganizationGone),
        false => Ok((key, scopes)),
    }
}

/// The key of this text, if it works now. Its organization may be switched off.
pub async fn working_key(service: &Service, text: &SecretString) -> Result<Key, ApiError> {
    let text = text.expose_secret();
    if !is_key_shaped(text) {
        return Err(ApiError::Unauthenticated);
    }
    let (hash, now) = (hash_key(text), service.clock.now());
    let key = service.ledger.key_by_hash(hash).await?;
    let works = |key: &Key| key.works_at(now) && key.is_opened_at(now, |known| known == hash);
    key.filter(works).ok_or(ApiError::Unauthenticated)
}

/// The key behind a token, if both work now, with what the token still allows.
async fn key_of_token(service: &Service, text: &SecretString) -> Result<(Key, Scopes), ApiError> {
    let now = service.clock.now();
    let claims = service.signer.check_token(text.expose_secret(), now);
    let claims = claims.ok_or(ApiError::Unauthenticated)?;
    let key = service.ledger.key_by_id(claims.key).await?;
    let key = key.filter(|key| {
        let own = key.organization.as_ref().map(|own| own.id);
        let opened = key.is_opened_at(now, |hash| hash.mark() == claims.secret);
        key.works_at(now) && opened && own == Some(claims.organization)
    });
    let key = key.ok_or(ApiError::Unauthenticated)?;
    let scopes = key.scopes.and(claims.scopes);
    Ok((key, scopes))
}

/// The one organization that a request means: the key's own, or the one that an operator names.
pub(super) async fn organization_of(
    service: &Service,
    own: Option<Organization>,
    named: Option<NamedOrganization>,
) -> Result<Organization, ApiError> {
    match (own, named) {
        (Some(own), None | Some(NamedOrganization::Unnamed)) => Ok(own),
        (Some(own), Some(NamedOrganization::Named(name))) => match own.id.to_string() == name {
            true => Ok(own),
            false => Err(ApiError::OrganizationMismatch),
        },
        (None, None) => Err(ApiError::Unauthenticated),
        (None, Some(NamedOrganization::Unnamed)) => Err(ApiError::OrganizationRequired),
        (None, Some(NamedOrganization::Named(name))) => {
            let id = OrganizationId::parse(&name).ok_or(ApiError::OrganizationMismatch)?;
            let organization = service.ledger.organization(id).await?;
            let organization = organization.ok_or(ApiError::OrganizationMismatch)?;
            match organization.disabled_at {
                None => Ok(organization),
                Some(_) => Err(ApiError::OrganizationGone),
            }
        }
    }
}
