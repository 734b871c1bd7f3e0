//! A wake-up without data: who is woken looks at stored state, so that a restart or a second
//! node needs no other code.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// Wakes one loop. Wake-ups that come while the loop works are remembered as one. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Lets the loop look again.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Ends with the next wake-up, or after `at_most`: polling is the fallback.
    pub async fn woken_or_after(&self, at_most: Duration) {
        // A time-out is no error here: the loop looks in either case.
        let _ = tokio::time::timeout(at_most, self.0.notified()).await;
    }
}
