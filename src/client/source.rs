//! A file of this machine on its way: read once, from some byte on, and only while it stays the
//! file that was looked at.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use rustix::fs::OFlags;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::error::ClientError;

/// Bytes that are read at once.
const CHUNK_BYTES_MAX: usize = 256 << 10;
/// How often it is looked whether bytes still go.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// How many bytes are on their way or arrived; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    own: Arc<AtomicU64>,
    whole: Option<Arc<AtomicU64>>,
}

impl Meter {
    /// A meter of its own, whose bytes this one counts, too.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { own: Arc::default(), whole: Some(Arc::clone(&self.own)) }
    }

    /// That so many more went.
    pub fn add(&self, bytes: u64) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// That so many went in all, whatever was counted before.
    pub fn becomes(&self, bytes: u64) {
        let before = self.own.swap(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// How many they are.
    pub fn bytes(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }
}

/// A file of this machine that is to be stored.
#[derive(Clone, Debug)]
pub struct FileSource {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    from: u64,
    meter: Meter,
}

/// What became of a file while it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    fault: Arc<OnceLock<String>>,
    sent: Meter,
}

impl FileSource {
    /// The file at `path`, of this length and with this time of its last change. Bytes that go
    /// are counted in `meter`.
    pub fn new(path: &Path, (bytes, modified): (u64, Option<SystemTime>), meter: &Meter) -> Self {
        Self { path: path.to_owned(), bytes, modified, from: 0, meter: meter.part() }
    }

    /// The same, read from this byte on.
    #[must_use]
    pub fn from(&self, byte: u64) -> Self {
        Self { from: byte.min(self.bytes), ..self.clone() }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length when it was looked at.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When it was changed last, when it was looked at.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Where bytes that go are counted.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The bytes that are still to go.
    pub(super) fn left(&self) -> u64 {
        self.bytes - self.from
    }

    /// Its bytes. Where it is not any more what it was when it was looked at, they end before the
    /// last of them, so that nothing is stored which never was a file here.
    pub(super) async fn open(&self) -> Result<(reqwest::Body, Reading), ClientError> {
        let mut file = self.opened().await.map_err(|reason| self.failed(&reason))?;
        let sought = file.seek(std::io::SeekFrom::Start(self.from)).await;
        sought.map_err(|error| self.failed(&error.to_string()))?;
        let reading = Reading::default();
        let (source, told, left) = (self.clone(), reading.clone(), self.left());
        let chunks = futures::stream::try_unfold((file, left), move |(mut file, left)| {
            let (source, told) = (source.clone(), told.clone());
            async move {
                match source.next_chunk(&mut file, left).await {
                    Ok(chunk) if chunk.is_empty() => Ok(None),
                    Ok(chunk) => {
                        let bytes = chunk.len() as u64;
                        source.meter.add(bytes);
                        told.sent.add(bytes);
                        Ok(Some((chunk, (file, left - bytes))))
                    }
                    Err(reason) => {
                        let _ = told.fault.set(reason.clone());
                        Err(std::io::Error::other(reason))
                    }
                }
            }
        });
        Ok((reqwest::Body::wrap_stream(chunks), reading))
    }

    /// Opened without following a link, and without waiting for whoever writes to a pipe.
    async fn opened(&self) -> Result<File, String> {
        let mut options = tokio::fs::OpenOptions::new();
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = options.open(&self.path).await.map_err(|error| error.to_string())?;
        self.check(&file).await?;
        Ok(file)
    }

    async fn check(&self, file: &File) -> Result<(), String> {
        let now = file.metadata().await.map_err(|error| error.to_string())?;
        let is_same = now.is_file() && now.len() == self.bytes && {
            let modified = now.modified().ok();
            self.modified.is_none_or(|before| modified == Some(before))
        };
        match is_same {
            true => Ok(()),
            false => Err("it changed while it was read".to_owned()),
        }
    }

    async fn next_chunk(&self, file: &mut File, left: u64) -> Result<Bytes, String> {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX);
        let mut chunk = BytesMut::with_capacity(wanted);
        while chunk.len() < wanted {
            let mut rest = (&mut *file).take((wanted - chunk.len()) as u64);
            let read = rest.read_buf(&mut chunk).await.map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("it became shorter while it was read".to_owned());
            }
        }
        if wanted > 0 && chunk.len() as u64 == left {
            self.check(file).await?;
        }
        Ok(chunk.freeze())
    }

    fn failed(&self, reason: &str) -> ClientError {
        ClientError::Local(format!("{}: {reason}", self.path.display()))
    }

    /// The error that ended the reading, where that is why there was no answer.
    pub(super) fn fault(&self, reading: &Reading) -> Option<ClientError> {
        reading.fault.get().map(|reason| self.failed(reason))
    }
}

impl Reading {
    /// Ends when no byte has gone for so long.
    pub(super) async fn silence(&self, duration_max: Duration) {
        let (mut sent, mut silent) = (self.sent.bytes(), Duration::ZERO);
        while silent < duration_max {
            tokio::time::sleep(LOOK_PERIOD).await;
            silent = if self.sent.bytes() == sent { silent + LOOK_PERIOD } else { Duration::ZERO };
            sent = self.sent.bytes();
        }
    }

    /// For a body that comes from elsewhere: each chunk of it counts.
    pub(super) fn count(&self, chunk: &Bytes) {
        self.sent.add(chunk.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(source: &FileSource) -> Result<Vec<u8>, String> {
        let mut file = source.opened().await?;
        let (mut all, mut left) = (Vec::new(), source.bytes());
        while left > 0 {
            let chunk = source.next_chunk(&mut file, left).await?;
            left -= chunk.len() as u64;
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    #[test]
    fn a_part_is_counted_in_the_whole_and_can_be_corrected() {
        let whole = Meter::default();
        let (one, two) = (whole.part(), whole.part());
        one.add(10);
        two.add(5);
        one.becomes(3);
        assert_eq!((one.bytes(), whole.bytes()), (3, 8));
        one.becomes(20);
        assert_eq!(whole.bytes(), 25);
    }

    #[tokio::test]
    async fn a_file_that_is_not_what_it_was_ends_before_its_last_byte() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().ok();
        let source = FileSource::new(&path, (3, modified), &Meter::default());
        assert_eq!(read(&source).await, Ok(b"abc".to_vec()));
        let other = FileSource::new(&path, (2, modified), &Meter::default());
        assert!(read(&other).await.is_err());
        let mut file = source.opened().await.unwrap();
        let open = std::fs::File::options().write(true).open(&path).unwrap();
        open.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(source.next_chunk(&mut file, 3).await.is_err());
        std::os::unix::fs::symlink(&path, place.path().join("link")).unwrap();
        let link = FileSource::new(&place.path().join("link"), (3, None), &Meter::default());
        assert!(read(&link).await.is_err());
    }
}
