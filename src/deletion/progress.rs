//! Following a deletion to its end: one look at its record after the other, shared by everybody
//! who follows the same one.
//!
//! The durable record is the only source, so that it does not matter which process works the
//! deletion off, nor how often it was restarted meanwhile. Looking ends when nobody follows any
//! more. What is told never goes back (I14).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::record::{DeletionRecord, DeletionState};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::id::DeletionId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::ledger::{Ledger, LedgerError};

/// The pause before the second look; it doubles with each further one.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(250);
/// What was seen longer ago says nothing of the pace.
const PACE_WINDOW: Duration = Duration::from_secs(15);
/// Looks that the pace remembers at most.
const PACE_LOOKS_MAX: usize = 128;

type Key = (OrganizationNumber, DeletionId);
type Followed = Arc<Mutex<HashMap<Key, watch::Sender<Progress>>>>;

/// The deletions that somebody in this process follows.
pub struct ProgressBoard {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    followed: Followed,
}

/// How far a deletion is, as it was last seen.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Its record.
    pub record: DeletionRecord,
    /// How many seconds it will take at the pace that was seen; `None` while that is unknown.
    pub seconds_left: Option<u64>,
}

impl Progress {
    /// Whether nothing is left to do.
    pub fn is_settled(&self) -> bool {
        self.record.state == DeletionState::Settled
    }
}

/// Somebody's view of a deletion that is followed.
pub struct Following(watch::Receiver<Progress>);

impl Following {
    /// What was last seen. It counts as told.
    pub fn latest(&mut self) -> Progress {
        self.0.borrow_and_update().clone()
    }

    /// Ends when more was seen than [`Following::latest`] told; false where nobody looks any more.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Ends when the deletion is settled, or when nobody looks any more.
    pub async fn settled(&mut self) {
        // Either way there is nothing more to wait for.
        let _ = self.0.wait_for(Progress::is_settled).await;
    }
}

impl ProgressBoard {
    /// A board on which nobody follows anything.
    pub fn new(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock, followed: Followed::default() }
    }

    /// Follows a deletion; `None` where the realm sees no such one.
    pub async fn follow(
        &self,
        realm: &Realm,
        id: DeletionId,
    ) -> Result<Option<Following>, LedgerError> {
        let Some(record) = self.ledger.deletion(realm, id).await? else { return Ok(None) };
        let key = (realm.organization, id);
        let mut followed = lock(&self.followed);
        if let Some(sender) = followed.get(&key) {
            return Ok(Some(Following(sender.subscribe())));
        }
        let settled = record.state == DeletionState::Settled;
        let (sender, receiver) = watch::channel(Progress { record, seconds_left: None });
        if !settled {
            followed.insert(key, sender);
            let looker = Looker {
                ledger: Arc::clone(&self.ledger),
                clock: Arc::clone(&self.clock),
                followed: Arc::clone(&self.followed),
                key,
                pace: Pace::default(),
            };
            tokio::spawn(looker.run());
        }
        Ok(Some(Following(receiver)))
    }

    /// How many deletions are looked at.
    #[cfg(test)]
    pub(crate) fn followed(&self) -> usize {
        lock(&self.followed).len()
    }
}

fn lock(followed: &Followed) -> MutexGuard<'_, HashMap<Key, watch::Sender<Progress>>> {
    followed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at one deletion for all who follow it.
struct Looker {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    followed: Followed,
    key: Key,
    pace: Pace,
}

impl Looker {
    async fn run(mut self) {
        let mut pause = LOOK_PAUSE_MIN;
        // Ends with the deletion, or when the last follower has gone.
        while self.is_followed() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_PAUSE_MAX);
            let (organization, id) = self.key;
            match self.ledger.deletion(&Realm::whole(organization), id).await {
                Ok(Some(record)) => self.tell(record),
                // Records are kept for ever.
                Ok(None) => {
                    lock(&self.followed).remove(&self.key);
                }
                Err(error) => tracing::debug!(%error, "a followed deletion could not be read"),
            }
        }
    }

    /// Whether anybody follows. Whoever begins to while this is false begins a looker anew.
    fn is_followed(&self) -> bool {
        let mut followed = lock(&self.followed);
        let is_over = |sender: &watch::Sender<Progress>| {
            sender.receiver_count() == 0 || sender.borrow().is_settled()
        };
        match followed.get(&self.key) {
            Some(sender) if !is_over(sender) => true,
            Some(_) | None => {
                followed.remove(&self.key);
                false
            }
        }
    }

    fn tell(&mut self, record: DeletionRecord) {
        let left = record.doomed.files.saturating_sub(record.purged.files);
        self.pace.note(self.clock.now(), record.purged.files);
        let seconds_left = match record.state {
            // What is left is not known before the filters are done.
            DeletionState::Selecting | DeletionState::Settled => None,
            DeletionState::Purging => self.pace.seconds_for(left),
        };
        if let Some(sender) = lock(&self.followed).get(&self.key) {
            sender.send_if_modified(|progress| {
                let changed = progress.record != record;
                *progress = Progress { record, seconds_left };
                changed
            });
        }
    }
}

/// How fast files go, from the looks of the last seconds.
#[derive(Default)]
struct Pace(VecDeque<(Timestamp, u64)>);

impl Pace {
    fn note(&mut self, now: Timestamp, files: u64) {
        let begins = now.minus(PACE_WINDOW);
        // What lies ahead was seen by a clock that went back since.
        self.0.retain(|(at, _)| (begins..=now).contains(at));
        self.0.truncate(PACE_LOOKS_MAX - 1);
        self.0.push_back((now, files));
    }

    /// How many whole seconds `files` more will take; `None` where nothing was seen to go.
    fn seconds_for(&self, files: u64) -> Option<u64> {
        let ((began, before), (ended, after)) = (self.0.front()?, self.0.back()?);
        let millis = ended.since(*began).as_millis();
        let gone = u128::from(after.saturating_sub(*before));
        let needed = (u128::from(files) * millis).checked_div(gone * 1000);
        needed.filter(|_| millis > 0).and_then(|whole| u64::try_from(whole + 1).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_time_left_follows_from_the_pace_of_the_last_seconds() {
        let mut pace = Pace::default();
        assert_eq!(pace.seconds_for(10), None);
        pace.note(at(0), 0);
        assert_eq!(pace.seconds_for(10), None);
        pace.note(at(1000), 100);
        assert_eq!(pace.seconds_for(1000), Some(11));
        assert_eq!(pace.seconds_for(0), Some(1));
        // Half as fast from then on, until the fast beginning is forgotten.
        for second in 2..=40 {
            pace.note(at(second * 1000), 100 + 50 * (second.unsigned_abs() - 1));
        }
        assert_eq!(pace.seconds_for(1000), Some(21));
        assert_eq!(pace.seconds_for(u64::MAX), Some(u64::MAX / 50 + 1));
    }

    #[test]
    fn a_standstill_has_no_end_and_a_clock_that_goes_back_is_forgiven() {
        let mut pace = Pace::default();
        pace.note(at(60_000), 5);
        pace.note(at(61_000), 5);
        assert_eq!(pace.seconds_for(1), None);
        pace.note(at(1000), 6);
        assert_eq!(pace.seconds_for(1), None);
        pace.note(at(2000), 7);
        assert_eq!(pace.seconds_for(1), Some(2));
    }

    #[test]
    fn the_looks_that_are_remembered_are_bounded() {
        let mut pace = Pace::default();
        for look in 0..10_000 {
            pace.note(at(0), look);
        }
        assert!(pace.0.len() <= PACE_LOOKS_MAX);
    }
}
