//! Reading: chunks by blocking tasks, one at a time. The first is read with the opening, so that
//! a small blob costs one task.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::fault::{Fault, blocking};
use super::layout::blob_name;
use super::root::Root;
use crate::blobs::BlobStream;
use crate::domain::blob::BlobKey;

/// What one task reads at most.
const CHUNK_BYTES: u64 = 256 * 1024;

const SHORT: Fault = Fault::corrupt("a blob is shorter than it must be");

/// A blob that is being read.
struct Reading {
    file: File,
    rest: Range<u64>,
}

/// Opens a blob and reads the first chunk; `None` where it is positively absent.
pub(super) fn open(
    root: &Root,
    key: BlobKey,
    range: Range<u64>,
) -> Result<Option<BlobStream>, Fault> {
    let Some(file) = open_file(root, key)? else { return Ok(None) };
    let stat = rustix::fs::fstat(&file).map_err(Fault::of("looking at a blob"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fault::corrupt("what lies under the name of a blob is no file"));
    }
    if u64::try_from(stat.st_size).unwrap_or(0) < range.end {
        return Err(SHORT);
    }
    let mut reading = Reading { file, rest: range };
    let first = reading.next_chunk()?;
    let later = stream::try_unfold(reading, |mut reading| async move {
        if reading.rest.is_empty() {
            return Ok(None);
        }
        let read = blocking(move || Ok((reading.next_chunk()?, reading))).await?;
        Ok(Some(read))
    });
    let first = stream::iter((!first.is_empty()).then_some(Ok(first)));
    Ok(Some(first.chain(later).boxed()))
}

fn open_file(root: &Root, key: BlobKey) -> Result<Option<File>, Fault> {
    // A pipe that somebody put here must not hold the thread: hence the second flag.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Some(directory) = root.directory(key.directory())? {
        match rustix::fs::openat(&directory, blob_name(key), flags, Mode::empty()) {
            Ok(file) => return Ok(Some(File::from(file))),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(Fault::of("opening a blob")(errno)),
        }
    }
    root.check()?;
    Ok(None)
}

impl Reading {
    fn next_chunk(&mut self) -> Result<Bytes, Fault> {
        let length = (self.rest.end.saturating_sub(self.rest.start)).min(CHUNK_BYTES);
        let mut chunk = vec![0; usize::try_from(length).expect("a chunk fits into memory")];
        self.file.read_exact_at(&mut chunk, self.rest.start).map_err(|error| {
            match error.kind() {
                std::io::ErrorKind::UnexpectedEof => SHORT,
                _ => Fault::of_io("reading a blob")(error),
            }
        })?;
        self.rest.start += length;
        Ok(Bytes::from(chunk))
    }
}
