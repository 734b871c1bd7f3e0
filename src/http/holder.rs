//! Who asks about organizations and keys themselves, where an operator need not name an
//! organization, or may do so alone.
//!
//! The order of refusals is that of every other route: the key, the organization that it means,
//! limits, what the head says of the body, the query.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::auth::{organization_of, prove};
use super::dialect::{Dialect, DialectError, NamedOrganization};
use super::error::ApiError;
use super::json::check_announced;
use super::query::{Query, QueryError};
use super::state::Service;
use crate::domain::organization::{Key, Organization, Realm, Scope, Scopes};

/// A request whose key was good: of an organization, or of an operator who may name one.
#[derive(Debug)]
pub struct Holder<D> {
    /// The key that asks.
    pub key: Key,
    /// What the request may do.
    pub scopes: Scopes,
    /// The organization that is meant: the key's own, or the one that an operator names, if any.
    pub organization: Option<Organization>,
    /// The request's query.
    pub query: Query,
    dialect: PhantomData<D>,
}

/// The same of an operator; anybody else is refused.
#[derive(Debug)]
pub struct Operator<D>(pub Holder<D>);

impl<D> Holder<D> {
    /// Refuses a caller without this scope.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        match self.scopes.allow(scope) {
            true => Ok(()),
            false => Err(ApiError::Forbidden(scope)),
        }
    }

    /// What it sees of the organization that is meant; `None`: the whole installation.
    pub fn realm(&self) -> Option<Realm> {
        let organization = self.organization.as_ref()?.number;
        Some(Realm { organization, prefix: self.key.prefix.clone() })
    }
}

/// A good key with what it means, before anything else of the request was judged.
struct Known {
    key: Key,
    scopes: Scopes,
    organization: Option<Organization>,
    query: Result<Query, QueryError>,
}

async fn known<D: Dialect>(parts: &Parts, service: &Service) -> Result<Known, ApiError> {
    let (key, scopes) = prove::<D>(&parts.headers, service).await?;
    let query = Query::parse(parts.uri.query());
    let named = match &query {
        Ok(query) => D::named_organization(query)?,
        Err(_) => None,
    };
    let organization = match (&key.organization, named) {
        (None, None | Some(NamedOrganization::Unnamed)) => None,
        (own, named) => Some(organization_of(service, own.clone(), named).await?),
    };
    match &organization {
        Some(organization) => service.count_request(organization)?,
        None => service.count_operator_request()?,
    };
    Ok(Known { key, scopes, organization, query })
}

fn judged<D>(known: Known, parts: &Parts, service: &Service) -> Result<Holder<D>, ApiError> {
    check_announced(&parts.headers, service.settings.body_bytes_max())?;
    let Known { key, scopes, organization, query } = known;
    Ok(Holder { key, scopes, organization, query: query?, dialect: PhantomData })
}

impl<D: Dialect> FromRequestParts<Service> for Holder<D> {
    type Rejection = DialectError<D>;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        Ok(judged(known::<D>(parts, service).await?, parts, service)?)
    }
}

impl<D: Dialect> FromRequestParts<Service> for Operator<D> {
    type Rejection = DialectError<D>;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Service,
    ) -> Result<Self, Self::Rejection> {
        let known = known::<D>(parts, service).await?;
        if known.key.organization.is_some() {
            return Err(ApiError::OperatorsOnly.into());
        }
        Ok(Self(judged(known, parts, service)?))
    }
}
