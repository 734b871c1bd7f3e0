//! The composition: the only file that names concrete backends. It puts the parts together,
//! starts them in the order of their needs and stops them in the reverse.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::blobs::disk::DiskBlobs;
use crate::blobs::{BlobError, BlobStore};
use crate::config::Settings;
use crate::deletion::accept::Deleter;
use crate::deletion::progress::ProgressBoard;
use crate::deletion::purge::Purger;
use crate::deletion::verify::Verification;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::id::IdSource;
use crate::domain::plans::Plans;
use crate::domain::random::{Random, SystemRandom};
use crate::http::connection::{self, ConnectionSettings, Patience};
use crate::http::limits::{Requests, RollingMinute};
use crate::http::router;
use crate::http::signing::Signer;
use crate::http::state::{Service, ServiceParts};
use crate::http::streams::Streams;
use crate::instance::{DataDirectory, InstanceLock, Reading};
use crate::jobs::admin::socket::{self, AdminSocket};
use crate::jobs::admin::{AdminAnswer, AdminRequest, Office, first_start};
use crate::jobs::runner::{Ground, Purging, Runner, Wakes};
use crate::ledger::sqlite::{self, Access, Examined, SqliteLedger, SqliteSettings};
use crate::ledger::{Ledger, LedgerError, OrganizationLedger, PlanLedger, RemovalLedger};
use crate::meters::Meters;
use crate::uploads::{UploadLimits, Uploader};
use crate::webhooks::{Courier, Sender};

/// How long a server waits for an administrative command to give the data directory back.
const LOCK_DURATION_MAX: Duration = Duration::from_secs(5);
/// Connections that read, of a server.
const READERS: usize = 4;
/// Connections that read, of a command.
const COMMAND_READERS: usize = 1;
/// The pause between two tries to close the database.
const CLOSE_RETRY_INTERVAL: Duration = Duration::from_millis(10);
/// Tries to close the database: two seconds.
const CLOSE_TRIES_MAX: u32 = 200;
/// How much longer the socket may be silent than a body: whoever is late is to hear of it.
const SILENCE_GRACE: Duration = Duration::from_secs(30);
/// Descriptors beside those of connections: the database, and one blob for each connection.
const FILES_BESIDE_CONNECTIONS: u64 = 256;

/// The parts that everything else is made of.
struct Parts {
    ledger: Arc<SqliteLedger>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    ids: Arc<IdSource>,
    wakes: Wakes,
    plans: Plans,
}

/// Serves until a signal, or until a background loop breaks; then lets what runs end.
pub async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let (stop, broken) = (CancellationToken::new(), CancellationToken::new());
    stop_on_signal(&stop, &broken)?;
    let place = settings.data.display();
    let directory = DataDirectory::create(&settings.data)
        .with_context(|| format!("no data directory can be made at {place}"))?;
    let lock = take(&directory).await;
    let Some(lock) = lock.with_context(|| format!("{place} cannot be locked"))? else {
        bail!("the data directory {place} is in use by another process");
    };
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", settings.listen))?;
    let address = listener.local_addr()?;
    raise_file_limit(settings.connections_max);

    // Before any part is made: each takes what it measures with when it is made.
    let meters = Meters::new(SystemClock.now());
    if !meters.install() {
        bail!("somebody else measures this process");
    }
    let parts = Parts::open(settings, &directory, READERS).await?;
    let purging = Purging::start(parts.ground(), parts.wakes.queue.clone(), broken.clone());
    let office = parts.office(Arc::clone(purging.purger()));
    let unknown = office.unknown_plans().await?;
    if !unknown.is_empty() {
        let names = unknown.into_iter().collect::<Vec<_>>().join("', '");
        bail!("organizations have plans that are not configured: '{names}'");
    }
    if first_start(&office, &directory).await? {
        explain_first_key(&directory, address);
    }
    let admin =
        AdminSocket::bind(&directory, &lock).context("the administrative socket cannot be made")?;
    let streams = Streams::until(stop.clone());
    let keeping_up = tokio::spawn(meters.clone().keep_up(stop.clone()));
    let purger = Arc::clone(purging.purger());
    let service = parts.service(settings, purger, (streams, meters)).await?;
    let interval = Duration::from_secs(settings.sweep_interval_seconds);
    let runner = Runner::start(parts.ground(), purging, parts.wakes.clone(), interval);
    let courier = parts.courier(settings);
    runner.add("webhooks", |stop| courier.run(stop));
    let administration = tokio::spawn(admin.serve(office, stop.clone()));

    announce(address);
    let bounds = connection_settings(settings)?;
    connection::serve(listener, router::router(service), bounds, stop.clone()).await;

    if let Err(error) = administration.await {
        tracing::error!(%error, "administration broke off");
    }
    keeping_up.abort();
    runner.stop().await;
    close(parts.ledger).await;
    drop(lock);
    if broken.is_cancelled() {
        bail!("a background loop panicked");
    }
    Ok(())
}

/// The lock of a directory that no other server uses. An administrative command that has it for a
/// moment is waited for.
async fn take(directory: &DataDirectory) -> std::io::Result<Option<InstanceLock>> {
    let lock = directory.try_lock()?;
    if lock.is_some() || socket::is_served(directory).await? {
        return Ok(lock);
    }
    directory.lock_within(LOCK_DURATION_MAX).await
}

/// Executes a request in a directory that no server uses, which the lock shows. A sweep also
/// purges what is due.
pub async fn administer_alone(
    settings: &Settings,
    directory: &DataDirectory,
    request: AdminRequest,
    _lock: &InstanceLock,
) -> anyhow::Result<AdminAnswer> {
    let parts = Parts::open(settings, directory, COMMAND_READERS).await?;
    let broken = CancellationToken::new();
    let purging = Purging::start(parts.ground(), parts.wakes.queue.clone(), broken);
    let office = parts.office(Arc::clone(purging.purger()));
    let mut answer = office.administer(request).await;
    drop(office);
    let due = match &mut answer {
        AdminAnswer::Swept { purged, dry_run: false, .. } => {
            purging.purge_due().await.map(|blobs| *purged = Some(blobs))
        }
        _ => Ok(()),
    };
    purging.stop().await;
    due?;
    close(parts.ledger).await;
    Ok(answer)
}

/// Compares database and blobs of a directory that nobody uses, and writes nothing.
pub async fn verify(settings: &Settings) -> anyhow::Result<Verification> {
    let place = settings.data.display();
    let directory = DataDirectory::existing(&settings.data)
        .with_context(|| format!("no data directory at {place}"))?;
    if !directory.holds_database()? {
        bail!("{place} holds no database");
    }
    let reading = directory.try_lock_for_reading();
    let reading = reading.with_context(|| format!("{place} cannot be locked"))?;
    let Reading::Free(_lock) = reading else {
        bail!("{place} is in use: stop the server to verify");
    };
    let (ids, random) = identities(Arc::new(SystemClock));
    let database = database(&directory, COMMAND_READERS, Access::Inspect);
    let ledger = SqliteLedger::open(&database, ids, random.as_ref())?;
    let blobs = DiskBlobs::open_read_only(&settings.blobs_directory(), ledger.instance_id())?;
    let found = crate::deletion::verify::verify(&ledger, &blobs).await?;
    ledger.close();
    Ok(found)
}

/// What the database of a directory says of itself, and whether the directory of the blobs is its
/// own. Changes nothing; `is_served` says that a server runs, else the caller holds the lock.
pub fn examine(
    settings: &Settings,
    directory: &DataDirectory,
    is_served: bool,
) -> anyhow::Result<(Examined, Result<(), BlobError>)> {
    let examined = sqlite::examine(&directory.database(), is_served)?;
    let blobs = DiskBlobs::open_read_only(&settings.blobs_directory(), examined.instance);
    Ok((examined, blobs.map(|_| ())))
}

impl Parts {
    async fn open(
        settings: &Settings,
        directory: &DataDirectory,
        readers: usize,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (ids, random) = identities(Arc::clone(&clock));
        let database = database(directory, readers, Access::ReadWrite);
        let ledger = SqliteLedger::open(&database, Arc::clone(&ids), random.as_ref())?;
        // Without an organization there is no blob yet: a start that was interrupted before the
        // blob store was marked as this database's is made good. Afterwards a store without the
        // mark is another one, or an unmounted one, and never opened.
        let fresh = ledger.is_fresh() || !has_begun(&ledger).await?;
        let blobs = DiskBlobs::open(&settings.blobs_directory(), ledger.instance_id(), fresh)?;
        let plans = settings.plans();
        ledger.set_plans(plans.clone());
        let (ledger, blobs) = (Arc::new(ledger), Arc::new(blobs));
        Ok(Self { ledger, blobs, clock, random, ids, wakes: Wakes::default(), plans })
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::clone(&self.ledger) as Arc<dyn Ledger>
    }

    fn office(&self, purger: Arc<Purger>) -> Office {
        Office {
            deleter: Deleter::new(self.ledger(), purger, self.wakes.doomed.clone()),
            ledger: self.ledger(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            random: Arc::clone(&self.random),
            purge: self.wakes.queue.clone(),
            plans: self.plans.clone(),
        }
    }

    fn ground(&self) -> Ground {
        Ground {
            ledger: self.ledger(),
            blobs: Arc::clone(&self.blobs),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
        }
    }

    fn courier(&self, settings: &Settings) -> Courier {
        let sender = Sender::new(settings.egress());
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let sending = (sender, settings.webhook_schedule());
        Courier::new(self.ledger(), clock, random, sending)
    }

    async fn service(
        &self,
        settings: &Settings,
        purger: Arc<Purger>,
        (streams, meters): (Streams, Meters),
    ) -> anyhow::Result<Service> {
        let http = settings.http();
        let limits =
            UploadLimits { bytes_max: http.upload_bytes_max, idle_max: http.body_idle_max };
        let (ledger, blobs, clock) =
            (self.ledger(), Arc::clone(&self.blobs), Arc::clone(&self.clock));
        let url_secret = ledger.secret("url", self.random.secret()).await?;
        let token_secret = ledger.secret("token", self.random.secret()).await?;
        Ok(Service::from(ServiceParts {
            deleter: Deleter::new(self.ledger(), purger, self.wakes.doomed.clone()),
            progress: ProgressBoard::new(self.ledger(), Arc::clone(&clock)),
            streams,
            uploader: Uploader::new(
                self.ledger(),
                Arc::clone(&blobs),
                Arc::clone(&clock),
                self.wakes.queue.clone(),
                limits,
            ),
            signer: Arc::new(Signer::new(url_secret, token_secret)),
            requests: Arc::new(Requests::new(Arc::clone(&clock))),
            floods: Arc::new(RollingMinute::new(Arc::clone(&clock))),
            meters,
            settings: http,
            ids: Arc::clone(&self.ids),
            random: Arc::clone(&self.random),
            ledger,
            blobs,
            clock,
        }))
    }
}

/// Whether there is an organization, or was one.
async fn has_begun(ledger: &SqliteLedger) -> Result<bool, LedgerError> {
    Ok(!ledger.organizations().await?.is_empty() || ledger.any_removal().await?)
}

/// Closes the ledger once nobody else holds it; whoever was cut off may do so for a moment. Not
/// closing loses nothing: the next start replays the log.
async fn close(mut ledger: Arc<SqliteLedger>) {
    for _ in 0..CLOSE_TRIES_MAX {
        match Arc::try_unwrap(ledger) {
            Ok(alone) => return alone.close(),
            Err(shared) => ledger = shared,
        }
        tokio::time::sleep(CLOSE_RETRY_INTERVAL).await;
    }
    tracing::warn!("the database is in use to the end and is not closed");
}

fn identities(clock: Arc<dyn Clock>) -> (Arc<IdSource>, Arc<dyn Random>) {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    (Arc::new(IdSource::new(clock, Arc::clone(&random))), random)
}

fn database(directory: &DataDirectory, readers: usize, access: Access) -> SqliteSettings {
    let (file, ballast) = (directory.database(), directory.ballast());
    SqliteSettings { file, ballast, readers, access }
}

fn connection_settings(settings: &Settings) -> anyhow::Result<ConnectionSettings> {
    Ok(ConnectionSettings {
        connections_max: usize::try_from(settings.connections_max)?,
        patience: Patience {
            head_max: Duration::from_secs(settings.header_timeout_seconds),
            idle_max: Duration::from_secs(settings.idle_timeout_seconds),
            silence_max: Duration::from_secs(settings.body_timeout_seconds) + SILENCE_GRACE,
        },
        stop_max: Duration::from_secs(settings.drain_timeout_seconds),
        ..ConnectionSettings::new(router::render_error)
    })
}

fn stop_on_signal(stop: &CancellationToken, broken: &CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, broken) = (stop.clone(), broken.clone());
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop"),
            _ = interrupt.recv() => tracing::info!("interrupted"),
            () = broken.cancelled() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// A server that was told to hold so many connections should not run out of descriptors first.
fn raise_file_limit(connections: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = connections.saturating_mul(2).saturating_add(FILES_BESIDE_CONNECTIONS);
    let granted = maximum.map_or(needed, |most| needed.min(most));
    if current.is_none_or(|current| current >= granted) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(granted), maximum }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// The one line of standard output. A reader that has gone does not stop the server.
fn announce(address: SocketAddr) {
    let mut output = std::io::stdout().lock();
    let written = writeln!(output, "listening on http://{address}").and_then(|()| output.flush());
    if let Err(error) = written {
        tracing::warn!(%error, "the address could not be written to standard output");
    }
}

/// Where the key is and how it is used, never the key itself: standard error is kept in logs.
fn explain_first_key(directory: &DataDirectory, address: SocketAddr) {
    let file = directory.first_key();
    let key = shell_quoted(&file);
    eprintln!(
        "delenda: first start: the organization `default` and a key with all scopes were made\n\
         delenda: the key is in {}, which only its owner can read; use it so:\n  \
         curl -H \"x-user-api-key: $(cat {key})\" --data-binary @FILE \
         'http://{address}/fso?path=/FILE'\n  \
         curl -H \"x-user-api-key: $(cat {key})\" -X DELETE 'http://{address}/fso?path=/FILE'",
        file.display(),
    );
}

fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
