//! Errors inside the disk store: small enough to be copied to everybody who shared one sync.

use rustix::io::Errno;

use crate::blobs::{BlobError, BlobErrorKind};

/// What went wrong, and on the way to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    kind: BlobErrorKind,
    context: &'static str,
    errno: Option<Errno>,
}

impl Fault {
    /// What lies on the disk is not what must lie there.
    pub(super) const fn corrupt(context: &'static str) -> Self {
        Self { kind: BlobErrorKind::Corrupt, context, errno: None }
    }

    /// It cannot be done now.
    pub(super) const fn unavailable(context: &'static str) -> Self {
        Self { kind: BlobErrorKind::Unavailable, context, errno: None }
    }

    /// What the operating system answered to `context`.
    pub(super) fn of(context: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| {
            let kind = match errno {
                Errno::NOSPC | Errno::DQUOT => BlobErrorKind::Full,
                // A link, a file or a directory stands where something else belongs.
                Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::EXIST => BlobErrorKind::Corrupt,
                _ => BlobErrorKind::Unavailable,
            };
            Self { kind, context, errno: Some(errno) }
        }
    }

    /// What the standard library answered to `context`.
    pub(super) fn of_io(context: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| match Errno::from_io_error(&error) {
            Some(errno) => Self::of(context)(errno),
            None => Self::unavailable(context),
        }
    }
}

impl From<Fault> for BlobError {
    fn from(fault: Fault) -> Self {
        match fault.errno {
            Some(errno) => fault.kind.caused_by(fault.context, std::io::Error::from(errno)),
            None => fault.kind.because(fault.context),
        }
    }
}

/// Runs `work` where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(Fault::unavailable("disk work was cut short")),
    }
}
