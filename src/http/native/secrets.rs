//! Secrets that are shown once, in the answer that makes them.
//!
//! Where the request has an idempotency key its secret is derived from the secret of the key that
//! asks, so that a repeat can show it again although nothing of it is kept for that; without one it
//! is random.

use http::HeaderMap;
use uuid::Uuid;

use crate::domain::once::Once;
use crate::http::dialect::{Credential, bearer};
use crate::http::state::Service;

/// The bytes of a secret of this kind that comes into being under `id`: for a request that happens
/// once always the same to the same caller, else random ones.
pub(super) fn fresh(
    service: &Service,
    headers: &HeaderMap,
    (kind, once): (&[u8], Option<&Once>),
    id: impl Into<Uuid>,
) -> [u8; 32] {
    match (once, bearer(headers)) {
        (Some(once), Credential::Key(presented)) => {
            let id: Uuid = id.into();
            service.signer.derive(&presented, &[kind, &once.token.0, id.as_bytes()])
        }
        (
            None | Some(_),
            Credential::Absent | Credential::Malformed | Credential::Token(_) | Credential::Key(_),
        ) => service.random.secret(),
    }
}
