//! Answers without an end of their own: how many of them an organization may hold open, and what
//! ends all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::domain::organization::OrganizationNumber;

/// Streams of one organization at one time.
pub const STREAMS_PER_ORGANIZATION_MAX: usize = 64;

type Open = Arc<Mutex<HashMap<OrganizationNumber, usize>>>;

/// The streams that are open in this process.
pub struct Streams {
    open: Open,
    stop: CancellationToken,
}

impl Streams {
    /// None yet; all end with `stop`.
    pub fn until(stop: CancellationToken) -> Self {
        Self { open: Open::default(), stop }
    }

    /// Counts one more stream of this organization; `None` where that is one too many.
    pub fn open(&self, organization: OrganizationNumber) -> Option<OpenStream> {
        let mut open = lock(&self.open);
        let count = open.entry(organization).or_default();
        if *count >= STREAMS_PER_ORGANIZATION_MAX {
            return None;
        }
        *count += 1;
        let stop = self.stop.clone();
        Some(OpenStream { organization, open: Arc::clone(&self.open), stop })
    }
}

/// One stream. It counts until it is dropped.
pub struct OpenStream {
    organization: OrganizationNumber,
    open: Open,
    stop: CancellationToken,
}

impl OpenStream {
    /// Ends when the server stops.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if let Some(count) = open.get_mut(&self.organization) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.organization);
            }
        }
    }
}

fn lock(open: &Open) -> MutexGuard<'_, HashMap<OrganizationNumber, usize>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_has_its_streams_and_no_more_until_one_ends() {
        let streams = Streams::until(CancellationToken::new());
        let (one, other) = (OrganizationNumber(1), OrganizationNumber(2));
        let mut open: Vec<_> =
            (0..STREAMS_PER_ORGANIZATION_MAX).map(|_| streams.open(one).unwrap()).collect();
        assert!(streams.open(one).is_none());
        assert!(streams.open(other).is_some());
        open.pop();
        let last = streams.open(one);
        assert!(last.is_some() && streams.open(one).is_none());
        drop((open, last));
        assert!(lock(&streams.open).is_empty());
    }
}
