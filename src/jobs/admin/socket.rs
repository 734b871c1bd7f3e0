//! The way from an administrative command to the server that runs: one line of JSON there, one
//! line of JSON back, over `admin.sock` in the data directory.
//!
//! Who may open the socket is decided by the file system, and once more by asking the kernel who
//! calls: the server's own user, or root. A socket file says nothing of whether a server lives;
//! the instance lock does.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{AdminAnswer, AdminRequest, Office};
use crate::instance::{DataDirectory, InstanceLock};

/// Bytes of a request at most.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of an answer at most: a list of some hundred thousand keys.
const ANSWER_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// How long the server waits for a request that has begun, and for its answer to be taken.
const TRANSFER_DURATION_MAX: Duration = Duration::from_secs(10);
/// How long a command waits for its answer: a sweep may take long.
const ANSWER_WAIT_MAX: Duration = Duration::from_mins(10);
/// Administrative requests at the same time at most; further ones wait.
const CALLERS_MAX: usize = 8;
/// The pause after a caller could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests that are being executed have to end once the server stops.
const DRAIN_DURATION_MAX: Duration = Duration::from_secs(5);
/// Longer paths than this many bytes may not fit the address of a socket.
const ADDRESS_BYTES_MAX: usize = 100;

/// The server's end.
pub struct AdminSocket {
    listener: UnixListener,
    file: PathBuf,
}

impl AdminSocket {
    /// Listens. Whoever holds the lock of the directory is the only server in it, so that a
    /// socket file which lies there is a dead server's and is replaced.
    pub fn bind(directory: &DataDirectory, _lock: &InstanceLock) -> io::Result<Self> {
        let file = directory.socket();
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let address = Address::of(directory)?;
        let listener = UnixListener::bind(&address.path)?;
        std::fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        Ok(Self { listener, file })
    }

    /// Executes what comes until `stop`, and ends what was begun.
    pub async fn serve(self, office: Office, stop: CancellationToken) {
        let callers = TaskTracker::new();
        let places = Arc::new(Semaphore::new(CALLERS_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, place)) => {
                    let office = office.clone();
                    callers.spawn(async move {
                        if let Err(error) = answer(stream, &office).await {
                            tracing::warn!(%error, "an administrative caller went away");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "an administrative caller could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // Whoever comes from here on finds nobody, and waits for the lock instead.
        if let Err(error) = std::fs::remove_file(&self.file) {
            tracing::warn!(%error, "the administrative socket could not be removed");
        }
        callers.close();
        if tokio::time::timeout(DRAIN_DURATION_MAX, callers.wait()).await.is_err() {
            tracing::warn!("administrative requests were cut off");
        }
    }
}

async fn accept(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn answer(mut stream: UnixStream, office: &Office) -> io::Result<()> {
    let caller = stream.peer_cred()?.uid();
    if caller != 0 && caller != rustix::process::geteuid().as_raw() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let line = within(TRANSFER_DURATION_MAX, read_line(&mut stream, REQUEST_BYTES_MAX)).await?;
    let answer = match serde_json::from_slice(&line) {
        Ok(request) => office.administer(request).await,
        Err(error) => AdminAnswer::Refused { reason: format!("not understood: {error}") },
    };
    within(TRANSFER_DURATION_MAX, write_line(&mut stream, &answer)).await
}

/// Asks the server that runs on `directory`. `None`: nobody listens, and nothing was asked.
pub async fn ask(
    directory: &DataDirectory,
    request: &AdminRequest,
) -> io::Result<Option<AdminAnswer>> {
    let address = Address::of(directory)?;
    let mut stream = match UnixStream::connect(&address.path).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(error.kind()) => return Ok(None),
        Err(error) => return Err(error),
    };
    within(TRANSFER_DURATION_MAX, write_line(&mut stream, request)).await?;
    let line = within(ANSWER_WAIT_MAX, read_line(&mut stream, ANSWER_BYTES_MAX)).await?;
    Ok(Some(serde_json::from_slice(&line)?))
}

/// Whether a server listens on `directory`.
pub async fn is_served(directory: &DataDirectory) -> io::Result<bool> {
    let address = Address::of(directory)?;
    Ok(UnixStream::connect(&address.path).await.is_ok())
}

fn is_nobody(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::WouldBlock)
}

async fn within<T>(
    at_most: Duration,
    transfer: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match tokio::time::timeout(at_most, transfer).await {
        Ok(transferred) => transferred,
        Err(_late) => Err(ErrorKind::TimedOut.into()),
    }
}

/// One line without its end; an error where it is longer than `bytes_max`, or has no end.
async fn read_line(stream: &mut UnixStream, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(bytes_max)).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        Some(_) | None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

async fn write_line(stream: &mut UnixStream, message: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// A path of the socket that fits the address of a socket, however deep the directory lies: the
/// kernel resolves the directory through its open file.
struct Address {
    path: PathBuf,
    _directory: Option<File>,
}

impl Address {
    fn of(directory: &DataDirectory) -> io::Result<Self> {
        let path = directory.socket();
        if path.as_os_str().as_bytes().len() <= ADDRESS_BYTES_MAX {
            return Ok(Self { path, _directory: None });
        }
        let open = File::open(directory.path())?;
        let name = path.file_name().expect("a socket has a name");
        let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(name);
        Ok(Self { path, _directory: Some(open) })
    }
}
