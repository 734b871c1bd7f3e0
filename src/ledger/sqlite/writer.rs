//! The one thread that writes: all transactions that wait go into one commit.
//!
//! A commit costs a sync of the log, whether it holds one transaction or two hundred. So the
//! thread runs what waits, commits all of it at once, and only then answers. Whatever comes
//! meanwhile is the next group: nobody waits for company.
//!
//! A refusal is an answer and changes nothing; a failure is rare. So there are no savepoints: when
//! a job fails, the whole group is undone and each of its jobs runs again, alone. A job may
//! therefore run twice, and only its last run counts. When a commit fails in a way that leaves its
//! outcome open, the process ends: what is durable is decided by recovery.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::{Histogram, histogram};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::ballast::Ballast;
use super::installation::Counters;
use super::organizations::UsageMoves;
use super::plans::PlanBook;
use super::rows::failed;
use super::webhooks::Hearers;
use crate::ledger::{LedgerError, LedgerErrorKind};
use crate::meters;

/// Transactions in one commit at most.
const GROUP_JOBS_MAX: usize = 256;
/// How long a group takes in transactions, unless its first alone takes longer.
const GROUP_DURATION_MAX: Duration = Duration::from_millis(8);
/// Transactions that wait for the writer at most; callers beyond that wait to ask.
const QUEUE_JOBS_MAX: usize = 4096;
/// How long after somebody asked the background work still takes small steps.
const ASKED_LATELY_MS: u64 = 100;
/// How often the background work looks whether the log is new.
const LOG_END_LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// Looks after which it goes on all the same.
const LOG_END_LOOKS_MAX: u32 = 100;

/// What a transaction works with: the connection, inside the group's transaction of SQLite.
pub(super) struct WriteTx<'c> {
    /// The connection, inside the transaction.
    pub(super) connection: &'c Connection,
    /// The next numbers to be drawn.
    pub(super) counters: Counters,
    /// What is to be added to the usage of organizations, when the group commits.
    pub(super) usage: UsageMoves,
    /// What plans allow.
    pub(super) plans: &'c PlanBook,
    /// Who has webhooks.
    pub(super) hearers: &'c Hearers,
    /// Whether others than the background work use the writer.
    pub(super) waiting: &'c Waiting,
}

/// Whether anybody but the background work uses the writer, so that the background work can make
/// room.
pub(super) struct Waiting {
    opened: Instant,
    /// Milliseconds between the opening and the last time that somebody asked.
    asked_after_ms: AtomicU64,
    /// Set while the last pages of the log are copied, which nobody may write beside.
    log_ends: AtomicBool,
}

impl Waiting {
    fn new() -> Self {
        let (asked_after_ms, log_ends) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
        Self { opened: Instant::now(), asked_after_ms, log_ends }
    }

    fn ask(&self) {
        self.asked_after_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Whether somebody asked a moment ago. Who asks one thing after the other is about to ask
    /// again, although nothing waits at this instant.
    pub(super) fn is_any(&self) -> bool {
        let asked = self.asked_after_ms.load(Ordering::Relaxed);
        asked != u64::MAX && self.now_ms().saturating_sub(asked) < ASKED_LATELY_MS
    }

    /// Tells the background work to hold still, or to go on.
    pub(super) fn end_log(&self, ends: bool) {
        self.log_ends.store(ends, Ordering::Relaxed);
    }

    /// Ends when the background work may write, as good as at once.
    pub(super) async fn until_log_is_new(&self) {
        for _ in 0..LOG_END_LOOKS_MAX {
            if !self.log_ends.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(LOG_END_LOOK_INTERVAL).await;
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

trait Job: Send {
    /// Runs in the transaction and keeps the answer. After an error nothing may be committed.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> Result<(), LedgerError>;
    /// Keeps an error as the answer, in place of what the last run gave.
    fn fail(&mut self, error: LedgerError);
    fn answer(self: Box<Self>);
}

struct Asked<T, F> {
    work: F,
    outcome: Option<Result<T, LedgerError>>,
    reply: oneshot::Sender<Result<T, LedgerError>>,
}

impl<T, F> Job for Asked<T, F>
where
    T: Send,
    F: FnMut(&mut WriteTx<'_>) -> Result<T, LedgerError> + Send,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> Result<(), LedgerError> {
        let ran = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)));
        let outcome = ran.unwrap_or_else(|_| {
            Err(LedgerErrorKind::Corrupt.because("a transaction panicked and was undone"))
        });
        self.outcome = Some(Ok(outcome?));
        Ok(())
    }

    fn fail(&mut self, error: LedgerError) {
        self.outcome = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        let unasked = || Err(LedgerErrorKind::Unavailable.because("the transaction never ran"));
        // Whoever asked may have gone away; the transaction stands.
        let _ = self.reply.send(self.outcome.unwrap_or_else(unasked));
    }
}

/// The asking end.
pub(super) struct Writer {
    jobs: SyncSender<Box<dyn Job>>,
    waiting: Arc<Waiting>,
    thread: JoinHandle<()>,
    ballast_spent: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread, which owns the connection from then on.
    pub(super) fn start(
        connection: Connection,
        counters: Counters,
        ballast: Ballast,
        (plans, hearers): (PlanBook, Hearers),
    ) -> Result<Self, LedgerError> {
        let (jobs, queue) = mpsc::sync_channel(QUEUE_JOBS_MAX);
        let waiting = Arc::new(Waiting::new());
        let ballast_spent = ballast.spent_flag();
        let meters = CommitMeters::new();
        let waiting_too = Arc::clone(&waiting);
        let committer = Committer {
            connection,
            counters,
            ballast,
            plans,
            hearers,
            waiting: waiting_too,
            meters,
        };
        let thread = std::thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || committer.run(&queue))
            .map_err(|error| {
                LedgerErrorKind::Unavailable.caused_by("starting the writer", error)
            })?;
        Ok(Self { jobs, waiting, thread, ballast_spent })
    }

    /// Who uses it.
    pub(super) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.waiting)
    }

    /// Whether the disk was found full and its reserve is not made anew yet.
    pub(super) fn is_ballast_spent(&self) -> bool {
        self.ballast_spent.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction and answers when it is durable. `work` may run twice.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut WriteTx<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        self.waiting.ask();
        self.enqueue(work).await
    }

    /// The same for the background work, which makes room for whoever else asks.
    pub(super) async fn run_behind<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut WriteTx<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        self.waiting.until_log_is_new().await;
        self.enqueue(work).await
    }

    async fn enqueue<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut WriteTx<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let mut job: Box<dyn Job> = Box::new(Asked { work, outcome: None, reply });
        while let Err(unsent) = self.jobs.try_send(job) {
            match unsent {
                mpsc::TrySendError::Full(back) => {
                    job = back;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                mpsc::TrySendError::Disconnected(_) => return Err(stopped()),
            }
        }
        answer.await.map_err(|_| stopped())?
    }

    /// Ends the thread when everything that was asked is answered.
    pub(super) fn stop(self) {
        drop(self.jobs);
        if self.thread.join().is_err() {
            tracing::error!("the ledger's writer ended in a panic");
        }
    }
}

fn stopped() -> LedgerError {
    LedgerErrorKind::Unavailable.because("the ledger is stopping")
}

struct Committer {
    connection: Connection,
    counters: Counters,
    ballast: Ballast,
    waiting: Arc<Waiting>,
    plans: PlanBook,
    hearers: Hearers,
    meters: CommitMeters,
}

impl Committer {
    fn run(mut self, queue: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            let gathering =
                &mut Gathering { group: &mut group, queue, next: 0, began: Instant::now() };
            if let Err(error) = self.commit_jobs(gathering) {
                self.run_each_alone(&mut group, &error);
            }
            for job in group {
                job.answer();
            }
            self.ballast.refill_when_possible();
        }
    }

    /// One of them failed, so that none of them is done: each gets a transaction of its own, and
    /// each failure is its own. On a full disk the ballast goes first, since deleting must be the
    /// last thing to fail.
    fn run_each_alone(&mut self, group: &mut [Box<dyn Job>], error: &LedgerError) {
        if error.kind == LedgerErrorKind::DiskFull {
            self.ballast.release();
            tracing::warn!(%error, jobs = group.len(), "the disk is full: the ballast was given up");
        }
        for job in group {
            let mut alone = std::slice::from_mut(job);
            if let Err(error) = self.commit_jobs(&mut alone) {
                job.fail(error);
            }
        }
    }

    /// One transaction of SQLite. An error means that all of it is undone.
    fn commit_jobs(&mut self, jobs: &mut dyn Jobs) -> Result<(), LedgerError> {
        let began = Instant::now();
        self.execute("begin immediate")?;
        let mut tx = WriteTx {
            connection: &self.connection,
            counters: self.counters.clone(),
            usage: UsageMoves::default(),
            plans: &self.plans,
            hearers: &self.hearers,
            waiting: &self.waiting,
        };
        let (mut outcome, mut count) = (Ok(()), 0);
        while let Some(job) = jobs.next_job() {
            count += 1;
            outcome = job.run(&mut tx);
            if outcome.is_err() {
                break;
            }
        }
        outcome = outcome.and_then(|()| tx.usage.apply(tx.connection));
        if tx.counters != self.counters {
            outcome = outcome.and_then(|()| tx.counters.write(tx.connection));
        }
        let counters = tx.counters;
        let worked = began.elapsed();
        match outcome.and_then(|()| self.commit()) {
            Ok(()) => {
                let committing = began.elapsed().saturating_sub(worked);
                tracing::trace!(?worked, ?committing, "a group is durable");
                self.meters.record(count, worked, committing);
                self.counters = counters;
                Ok(())
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    fn commit(&self) -> Result<(), LedgerError> {
        match self.execute("commit") {
            Err(error) if error.kind != LedgerErrorKind::DiskFull => {
                // After a failed sync nobody can say what is on the disk: end, and recover.
                tracing::error!(%error, source = ?error.source, "a commit failed");
                std::process::abort();
            }
            outcome => outcome,
        }
    }

    fn roll_back(&self) {
        // SQLite may have rolled back by itself, which makes this an error without meaning.
        if !self.connection.is_autocommit() {
            let _ = self.execute("rollback");
        }
    }

    fn execute(&self, sql: &'static str) -> Result<(), LedgerError> {
        execute(&self.connection, sql)
    }
}

/// What is measured of each commit.
struct CommitMeters {
    jobs: Histogram,
    work: Histogram,
    sync: Histogram,
}

impl CommitMeters {
    fn new() -> Self {
        Self {
            jobs: histogram!(meters::COMMIT_JOBS),
            work: histogram!(meters::COMMIT_WORK_SECONDS),
            sync: histogram!(meters::COMMIT_SYNC_SECONDS),
        }
    }

    fn record(&self, jobs: u32, worked: Duration, committing: Duration) {
        self.jobs.record(jobs);
        self.work.record(worked.as_secs_f64());
        self.sync.record(committing.as_secs_f64());
    }
}

/// The jobs of one transaction, one after the other.
trait Jobs {
    fn next_job(&mut self) -> Option<&mut Box<dyn Job>>;
}

/// The first job, and then what waits, until the group is large or old enough.
struct Gathering<'g> {
    group: &'g mut Vec<Box<dyn Job>>,
    queue: &'g Receiver<Box<dyn Job>>,
    next: usize,
    began: Instant,
}

impl Jobs for Gathering<'_> {
    fn next_job(&mut self) -> Option<&mut Box<dyn Job>> {
        if self.next == self.group.len() {
            let is_open = self.next < GROUP_JOBS_MAX && self.began.elapsed() < GROUP_DURATION_MAX;
            if self.next > 0 && !is_open {
                return None;
            }
            self.group.push(self.queue.try_recv().ok()?);
        }
        self.next += 1;
        self.group.get_mut(self.next - 1)
    }
}

/// Jobs that are given once, each.
impl Jobs for &mut [Box<dyn Job>] {
    fn next_job(&mut self) -> Option<&mut Box<dyn Job>> {
        let (first, rest) = std::mem::take(self).split_first_mut()?;
        *self = rest;
        Some(first)
    }
}

fn execute(connection: &Connection, sql: &'static str) -> Result<(), LedgerError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(sql))?;
    statement.execute([]).map(|_| ()).map_err(|error| match error.sqlite_error_code() {
        // Writing the log fails with an I/O error on some file systems that are full.
        Some(ErrorCode::DiskFull) => LedgerErrorKind::DiskFull.caused_by(sql, error),
        _ => failed(sql)(error),
    })
}
