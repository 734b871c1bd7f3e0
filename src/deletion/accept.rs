//! Accepting a request: the one way in for every dialect.
//!
//! Hands request and planner to the ledger, gives the condemned blobs to the purger and wakes the
//! expander. Dialects whose contract says so then wait until the bytes are gone. What is
//! committed stays committed, however the waiting ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinError;

use super::plan::plan;
use super::purge::Purger;
use super::record::{Committed, Declined, Outcome, Refusal};
use super::request::DeleteRequest;
use super::snapshot::MissedAnswer;
use super::stored::{Preview, StoredPlan};
use crate::domain::id::PlanId;
use crate::domain::once::Repeat;
use crate::domain::organization::Realm;
use crate::jobs::uninterrupted::to_the_end;
use crate::jobs::wake::Wake;
use crate::ledger::{Keeping, Ledger, LedgerError, LedgerErrorKind, MissedSubject};

/// How often a waiting caller looks at the durable record, beside being told by this process.
const RECORD_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Deletes. Cheap to clone.
#[derive(Clone)]
pub struct Deleter {
    ledger: Arc<dyn Ledger>,
    purger: Arc<Purger>,
    expander: Wake,
}

/// How the waiting for the bytes ended.
#[derive(Debug)]
pub struct Awaited {
    /// How many files the answer speaks of: those that this request took, or those of the
    /// earlier deletion that it joined.
    pub files: u64,
    /// Whether all their bytes are gone. If not, the entries stay deleted, the purge goes on, and
    /// the next repeat of the request joins it.
    pub bytes_gone: bool,
}

/// Why no plan was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unplanned {
    /// It would be refused.
    Refused(Refusal),
    /// Its filters would go on in steps behind the commit, and what goes then was not shown.
    GoesInSteps,
    /// The organization has as many stored plans as it may have.
    TooMany,
    /// It was asked for before, under the same idempotency key.
    Repeated(Repeat),
}

impl Deleter {
    /// A deleter over these parts; `expander` is woken when folders are doomed.
    pub fn new(ledger: Arc<dyn Ledger>, purger: Arc<Purger>, expander: Wake) -> Self {
        Self { ledger, purger, expander }
    }

    /// Commits a deletion, or changes nothing. What it dooms is unreachable from the answer on, and
    /// on its way to be purged also where nobody waits for the answer any more.
    pub async fn delete(
        &self,
        request: DeleteRequest,
    ) -> Result<Result<Committed, Declined>, LedgerError> {
        let deleter = self.clone();
        to_the_end(async move { deleter.commit(request).await }, cut_off).await
    }

    async fn commit(
        &self,
        request: DeleteRequest,
    ) -> Result<Result<Committed, Declined>, LedgerError> {
        let lease = self.purger.fresh_lease();
        let mut decided = self.ledger.commit_deletion(request, plan, lease).await?;
        if let Ok(committed) = &mut decided {
            self.purger.enqueue(std::mem::take(&mut committed.batches), lease.token);
            if committed.expanding {
                self.expander.wake();
            }
        }
        Ok(decided)
    }

    /// What [`Deleter::delete`] would decide now, by the same plan. Changes nothing.
    pub async fn preview(
        &self,
        request: DeleteRequest,
    ) -> Result<Result<Preview, Refusal>, LedgerError> {
        self.ledger.preview_deletion(request, plan).await
    }

    /// The same, and keeps the plan for `lifetime`, to be committed as it is: with
    /// [`StoredPlan::commitment`] by [`Deleter::delete`].
    pub async fn plan(
        &self,
        request: DeleteRequest,
        id: PlanId,
        lifetime: Duration,
    ) -> Result<Result<(StoredPlan, Preview), Unplanned>, LedgerError> {
        let preview = match self.preview(request.clone()).await? {
            Ok(preview) => preview,
            Err(refusal) => return Ok(Err(Unplanned::Refused(refusal))),
        };
        let Some(stored) = StoredPlan::new(id, &request, &preview, lifetime) else {
            return Ok(Err(Unplanned::GoesInSteps));
        };
        let organization = request.realm.organization;
        match self.ledger.store_plan(organization, stored.clone(), request.once).await? {
            Keeping::Kept => Ok(Ok((stored, preview))),
            Keeping::TooMany => Ok(Err(Unplanned::TooMany)),
            Keeping::Repeated(repeat) => Ok(Err(Unplanned::Repeated(repeat))),
        }
    }

    /// Commits a deletion of single files and waits at most `at_most` until their bytes are gone.
    /// An answer that whoever asked did not wait for is missed, as one that came too late is.
    pub async fn delete_and_wait(
        &self,
        request: DeleteRequest,
        subject: MissedSubject,
        at_most: Duration,
    ) -> Result<Result<Awaited, Declined>, LedgerError> {
        let deleter = self.clone();
        let (asked, answered) = oneshot::channel();
        let work = async move { deleter.commit_and_wait(request, subject, at_most, asked).await };
        let (ended, answer) = tokio::join!(to_the_end(work, cut_off), answered);
        ended?;
        answer.map_err(|_| LedgerErrorKind::Unavailable.because("a deletion gave no answer"))
    }

    async fn commit_and_wait(
        &self,
        request: DeleteRequest,
        subject: MissedSubject,
        at_most: Duration,
        mut asked: oneshot::Sender<Result<Awaited, Declined>>,
    ) -> Result<(), LedgerError> {
        let realm = request.realm.clone();
        let watch = self.purger.watch(request.id);
        let committed = match self.commit(request).await? {
            Ok(committed) => committed,
            Err(declined) => {
                // Nothing has changed: nobody misses this.
                let _ = asked.send(Err(declined));
                return Ok(());
            }
        };
        let answer = answer_of(&committed);
        let all_gone = async {
            tokio::select! {
                () = watch.gone(answer.files), if answer.deletion == committed.id => Ok(true),
                purged = self.purged_in_record(&realm, answer) => purged.map(|()| true),
            }
        };
        let waited = tokio::select! {
            waited = tokio::time::timeout(at_most, all_gone) => waited.unwrap_or(Ok(false)),
            () = asked.closed() => Ok(false),
        };
        let bytes_gone = *waited.as_ref().unwrap_or(&false);
        if !bytes_gone {
            self.ledger.remember_missed(&realm, subject, answer).await?;
        }
        waited?;
        let awaited = Awaited { files: answer.files, bytes_gone };
        if asked.send(Ok(awaited)).is_err() && bytes_gone {
            self.ledger.remember_missed(&realm, subject, answer).await?;
        }
        Ok(())
    }

    /// Ends when the record says that all is durably gone: the way of a repeat that joined, and
    /// of a deletion that another process purges.
    async fn purged_in_record(
        &self,
        realm: &Realm,
        answer: MissedAnswer,
    ) -> Result<(), LedgerError> {
        if answer.files == 0 {
            return Ok(());
        }
        loop {
            let record = self.ledger.deletion(realm, answer.deletion).await?;
            if record.is_some_and(|record| record.purged.files >= answer.files) {
                return Ok(());
            }
            tokio::time::sleep(RECORD_LOOK_INTERVAL).await;
        }
    }
}

fn cut_off(error: JoinError) -> LedgerError {
    LedgerErrorKind::Unavailable.caused_by("a deletion was cut off", error)
}

fn answer_of(committed: &Committed) -> MissedAnswer {
    let joined = committed.outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Joined(answer) => Some(*answer),
        Outcome::Deleted { .. }
        | Outcome::Partly { .. }
        | Outcome::Changed { .. }
        | Outcome::Selecting { .. }
        | Outcome::Locked(_)
        | Outcome::Missing
        | Outcome::Forbidden
        | Outcome::PreconditionFailed
        | Outcome::Within(_) => None,
    });
    joined.unwrap_or(MissedAnswer { deletion: committed.id, files: committed.counts.files })
}
