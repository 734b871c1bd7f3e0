//! Answers without an end of their own: how many of them an organization may hold open, and what
//! ends all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::organization::OrganizationNumber;

/// Streams of one organization at one time.
pub const STREAMS_PER_ORGANIZATION_MAX: usize = 64;

/// When a stream of events speaks, and when it ends though there would be more.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// The least time between two events.
    pub event_interval_min: Duration,
    /// How often a comment tells that the stream is alive, where nothing else does.
    pub keep_alive_interval: Duration,
    /// How often it is looked whether the key still works.
    pub key_look_interval: Duration,
    /// How long a stream lasts at most: whoever wants more comes back.
    pub duration_max: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            event_interval_min: Duration::from_millis(250),
            keep_alive_interval: Duration::from_secs(15),
            key_look_interval: Duration::from_secs(30),
            duration_max: Duration::from_hours(1),
        }
    }
}

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
