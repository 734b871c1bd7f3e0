//! One entry's bytes: read piece by piece, unpacked, and checked against the directory. A stream
//! that ended without an error had exactly the announced bytes.

use std::sync::Arc;

use bytes::Bytes;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::Unacceptable;
use super::directory::{Listed, Method};
use super::local::{HEADER_BYTES, Header, disagreement};
use super::unpack::Fault;
use crate::blobs::{BlobError, BlobErrorKind, BlobStore, BlobStream};
use crate::domain::blob::BlobKey;

/// Bytes of one unpacked piece at most.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes of a header that are read at once; a longer one is read again as a whole.
const HEADER_GUESS_BYTES: u64 = 512;

/// The bytes of `range` of a spooled archive.
pub(super) async fn read(
    blobs: &dyn BlobStore,
    spool: BlobKey,
    range: std::ops::Range<u64>,
) -> Result<BlobStream, BlobError> {
    let found = blobs.read(spool, range).await?;
    found.ok_or_else(|| BlobErrorKind::Corrupt.because("a spooled archive is absent"))
}

/// The same as one piece; only for what is known to be short.
pub(super) async fn read_whole(
    blobs: &dyn BlobStore,
    spool: BlobKey,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, BlobError> {
    let mut stream = read(blobs, spool, range).await?;
    let mut whole = Vec::new();
    while let Some(piece) = stream.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// The unpacked bytes of an entry.
pub(super) fn content(
    blobs: Arc<dyn BlobStore>,
    spool: BlobKey,
    entry: Listed,
) -> impl Stream<Item = Result<Bytes, Fault>> + Send {
    let opened = async move {
        let from = begin(blobs.as_ref(), spool, &entry).await?;
        let packed = read(blobs.as_ref(), spool, from..from + entry.packed_bytes).await?;
        let content = Content::of(packed, entry);
        Ok::<_, Fault>(stream::try_unfold(content, |mut content| async move {
            Ok(content.next().await?.map(|piece| (piece, content)))
        }))
    };
    stream::once(opened).try_flatten()
}

/// Refuses an entry that is anything but an intact and empty one.
pub(super) async fn check_empty(
    blobs: Arc<dyn BlobStore>,
    spool: BlobKey,
    entry: &Listed,
) -> Result<(), Fault> {
    let mut bytes = std::pin::pin!(content(blobs, spool, entry.clone()));
    match bytes.try_next().await? {
        None => Ok(()),
        Some(_) => Err(Unacceptable::entry(&entry.name, "is damaged").into()),
    }
}

/// Where the bytes of an entry begin, once its header was found to agree with the directory.
async fn begin(blobs: &dyn BlobStore, spool: BlobKey, entry: &Listed) -> Result<u64, Fault> {
    let (from, room) = (entry.offset, entry.bound - entry.offset);
    let mut bytes = read_whole(blobs, spool, from..from + room.min(HEADER_GUESS_BYTES)).await?;
    let header = Header::read(&bytes).ok_or_else(|| disagreement(entry))?;
    let total = header.total_bytes();
    if total.checked_add(entry.packed_bytes).is_none_or(|end| end > room) {
        return Err(Unacceptable::entry(&entry.name, "overlaps another").into());
    }
    if (bytes.len() as u64) < total {
        bytes = read_whole(blobs, spool, from..from + total).await?;
    }
    let fixed = usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX);
    match bytes.get(fixed..).is_some_and(|rest| header.agrees(rest, entry)) {
        true => Ok(from + total),
        false => Err(disagreement(entry).into()),
    }
}

/// An entry that is being unpacked.
struct Content {
    packed: BlobStream,
    /// What of it was read and not unpacked yet.
    pending: Bytes,
    /// None where the bytes are stored as they are.
    inflater: Option<Decompress>,
    is_inflated: bool,
    /// Whether the last piece was full, so that more may come without more of the packed bytes.
    may_hold_more: bool,
    checksum: Crc,
    bytes: u64,
    entry: Listed,
}

impl Content {
    fn of(packed: BlobStream, entry: Listed) -> Self {
        let inflater = match entry.method {
            Method::Stored => None,
            Method::Deflated => Some(Decompress::new(false)),
        };
        Self {
            packed,
            pending: Bytes::new(),
            inflater,
            is_inflated: false,
            may_hold_more: false,
            checksum: Crc::new(),
            bytes: 0,
            entry,
        }
    }

    fn broken(&self) -> Fault {
        Unacceptable::entry(&self.entry.name, "is damaged").into()
    }

    /// The next piece; none at the end, once all was found to be right.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if self.pending.is_empty() && !self.may_hold_more {
                match self.packed.next().await {
                    Some(piece) => self.pending = piece?,
                    None if self.is_whole() => return Ok(None),
                    None => return Err(self.broken()),
                }
            }
            let piece = self.unpack()?;
            if piece.is_empty() {
                continue;
            }
            self.bytes += piece.len() as u64;
            // More than was announced never reaches the store, however much would come.
            if self.bytes > self.entry.bytes {
                return Err(self.broken());
            }
            self.checksum.update(&piece);
            return Ok(Some(piece));
        }
    }

    /// Unpacks something of what is pending. Empty where that gave nothing yet.
    fn unpack(&mut self) -> Result<Bytes, Fault> {
        let Some(inflater) = &mut self.inflater else {
            return Ok(std::mem::take(&mut self.pending));
        };
        if self.is_inflated {
            return Err(self.broken());
        }
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let before = inflater.total_in();
        let status = inflater.decompress_vec(&self.pending, &mut piece, FlushDecompress::None);
        let taken = usize::try_from(inflater.total_in() - before).unwrap_or(usize::MAX);
        let stands_still = taken == 0 && piece.is_empty() && !self.may_hold_more;
        self.may_hold_more = piece.len() == piece.capacity();
        let _ = self.pending.split_to(taken.min(self.pending.len()));
        match status {
            Ok(Status::StreamEnd) => {
                self.is_inflated = true;
                self.may_hold_more = false;
            }
            Ok(Status::Ok | Status::BufError) if !stands_still => {}
            Ok(Status::Ok | Status::BufError) | Err(_) => return Err(self.broken()),
        }
        Ok(piece.into())
    }

    fn is_whole(&self) -> bool {
        (self.inflater.is_none() || self.is_inflated)
            && self.bytes == self.entry.bytes
            && self.checksum.sum() == self.entry.checksum
    }
}
