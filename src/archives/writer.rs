//! The bytes of an archive, made in one pass. Pure: pieces in, pieces out.
//!
//! Sizes and checksum of a file are known when its last byte has passed, so they follow it in a
//! descriptor. Everything is deflated, what is packed already without trying: readers that do not
//! seek find the end of a stored file only by its size. The directory is kept packed, the one
//! thing that grows with the number of entries.

use std::collections::VecDeque;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::fields::{
    CENTRAL, DESCRIPTOR, END, END_LARGE, EXTRA_LARGE, FLAG_DESCRIPTOR, FLAG_UTF8, LOCAL, LOCATOR,
    METHOD_DEFLATED, METHOD_STORED, SEE_LARGE, SEE_LARGE_SHORT,
};
use crate::domain::clock::Timestamp;

/// From this size on a file is announced with numbers of 64 bits: deflating may add a little.
const LARGE_FROM_BYTES: u64 = 4_000_000_000;
/// Bytes that a piece of packed output grows by at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes of the directory that are kept in one piece.
const DIRECTORY_PIECE_BYTES: usize = 64 << 10;
/// Made by a UNIX of version 4.5 of the format, which reads numbers of 64 bits.
const MADE_BY: u16 = 3 << 8 | VERSION;
const VERSION: u16 = 45;
/// A file, a folder, as UNIX has them; the lowest bits are those of DOS.
const FILE_ATTRIBUTES: u32 = 0o100_644 << 16;
const FOLDER_ATTRIBUTES: u32 = 0o040_755 << 16 | 0x10;
/// What follows its own field in the large end.
const LARGE_REST_BYTES: u64 = 44;

/// An archive that is being made.
pub(super) struct Writer {
    /// Bytes given out so far.
    offset: u64,
    entries: u64,
    directory: Vec<Vec<u8>>,
    open: Option<Entry>,
    /// Kept between files, since making them costs more than most files are long.
    packers: [Compress; 2],
}

/// A file that is being written.
struct Entry {
    name: String,
    modified: u32,
    offset: u64,
    data_from: u64,
    is_large: bool,
    packs: bool,
    checksum: Crc,
    bytes: u64,
}

/// A number in as many bytes as it has, appended.
trait Put {
    fn u16(&mut self, number: u16);
    fn u32(&mut self, number: u32);
    fn u64(&mut self, number: u64);
}

impl Put for Vec<u8> {
    fn u16(&mut self, number: u16) {
        self.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.extend_from_slice(&number.to_le_bytes());
    }
}

/// The number itself, or what stands for a larger one.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(SEE_LARGE)
}

impl Writer {
    pub(super) fn new() -> Self {
        let packers = [Compression::none(), Compression::fast()];
        Self {
            offset: 0,
            entries: 0,
            directory: Vec::new(),
            open: None,
            packers: packers.map(|level| Compress::new(level, false)),
        }
    }

    /// Bytes of the directory so far.
    pub(super) fn directory_bytes(&self) -> usize {
        self.directory.iter().map(Vec::len).sum()
    }

    /// An entry for a folder; the name without its `/`.
    pub(super) fn folder(&mut self, name: &str, modified: Timestamp) -> Bytes {
        let (name, modified) = (format!("{name}/"), dos_time(modified));
        let mut header = Vec::new();
        header.u32(LOCAL);
        put_common(&mut header, FLAG_UTF8, METHOD_STORED, modified);
        for _checksum_and_sizes in 0..3 {
            header.u32(0);
        }
        put_name(&mut header, &name, 0);
        let offset = self.offset;
        self.list(&Listing {
            name: &name,
            modified,
            offset,
            flags: FLAG_UTF8,
            method: METHOD_STORED,
            attributes: FOLDER_ATTRIBUTES,
            ..Listing::default()
        });
        self.counted(header)
    }

    /// Begins a file of about `bytes` bytes, whose content is worth packing or not.
    pub(super) fn begin(
        &mut self,
        name: String,
        modified: Timestamp,
        bytes: u64,
        packs: bool,
    ) -> Bytes {
        let (modified, offset) = (dos_time(modified), self.offset);
        let is_large = bytes >= LARGE_FROM_BYTES;
        let mut header = Vec::new();
        header.u32(LOCAL);
        put_common(&mut header, FLAG_UTF8 | FLAG_DESCRIPTOR, METHOD_DEFLATED, modified);
        header.u32(0);
        let size = if is_large { SEE_LARGE } else { 0 };
        header.u32(size);
        header.u32(size);
        put_name(&mut header, &name, if is_large { 20 } else { 0 });
        if is_large {
            header.u16(EXTRA_LARGE);
            header.u16(16);
            header.u64(0);
            header.u64(0);
        }
        let header = self.counted(header);
        self.packers[usize::from(packs)].reset();
        let (data_from, checksum) = (self.offset, Crc::new());
        self.open =
            Some(Entry { name, modified, offset, data_from, is_large, packs, checksum, bytes: 0 });
        header
    }

    /// The next bytes of the file; empty while they are only taken in.
    pub(super) fn write(&mut self, piece: &[u8]) -> Bytes {
        self.pack(piece, FlushCompress::None)
    }

    /// Ends the file.
    pub(super) fn end(&mut self) -> Bytes {
        let mut last = self.pack(&[], FlushCompress::Finish).to_vec();
        let entry = self.open.take().expect("a file that ends was begun");
        let packed = self.offset - entry.data_from;
        let checksum = entry.checksum.sum();
        let mut descriptor = Vec::new();
        descriptor.u32(DESCRIPTOR);
        descriptor.u32(checksum);
        for size in [packed, entry.bytes] {
            match entry.is_large {
                true => descriptor.u64(size),
                false => descriptor.u32(short(size)),
            }
        }
        self.list(&Listing {
            name: &entry.name,
            modified: entry.modified,
            offset: entry.offset,
            flags: FLAG_UTF8 | FLAG_DESCRIPTOR,
            method: METHOD_DEFLATED,
            attributes: FILE_ATTRIBUTES,
            checksum,
            packed,
            bytes: entry.bytes,
        });
        last.extend_from_slice(&self.counted(descriptor));
        last.into()
    }

    /// The directory and the end of the archive, piece by piece.
    pub(super) fn finish(self) -> VecDeque<Bytes> {
        let (from, bytes) = (self.offset, self.directory_bytes() as u64);
        let mut end = Vec::new();
        let is_large = self.entries >= u64::from(SEE_LARGE_SHORT)
            || from >= u64::from(SEE_LARGE)
            || bytes >= u64::from(SEE_LARGE);
        if is_large {
            end.u32(END_LARGE);
            end.u64(LARGE_REST_BYTES);
            end.u16(MADE_BY);
            end.u16(VERSION);
            end.u64(0);
            end.u64(self.entries);
            end.u64(self.entries);
            end.u64(bytes);
            end.u64(from);
            end.u32(LOCATOR);
            end.u32(0);
            end.u64(from + bytes);
            end.u32(1);
        }
        let entries = u16::try_from(self.entries).unwrap_or(SEE_LARGE_SHORT);
        end.u32(END);
        end.u32(0);
        end.u16(entries);
        end.u16(entries);
        end.u32(short(bytes));
        end.u32(short(from));
        end.u16(0);
        self.directory.into_iter().chain([end]).map(Bytes::from).collect()
    }

    fn counted(&mut self, bytes: Vec<u8>) -> Bytes {
        self.offset += bytes.len() as u64;
        bytes.into()
    }

    fn pack(&mut self, mut piece: &[u8], flush: FlushCompress) -> Bytes {
        let entry = self.open.as_mut().expect("a file that is written was begun");
        entry.checksum.update(piece);
        entry.bytes += piece.len() as u64;
        let packer = &mut self.packers[usize::from(entry.packs)];
        let mut packed = Vec::new();
        loop {
            packed.reserve(PIECE_BYTES);
            let before = packer.total_in();
            let status = packer.compress_vec(piece, &mut packed, flush);
            let taken = usize::try_from(packer.total_in() - before).unwrap_or(usize::MAX);
            piece = &piece[taken.min(piece.len())..];
            let is_done = match flush {
                FlushCompress::Finish => matches!(status, Ok(Status::StreamEnd)),
                _ => piece.is_empty() && packed.len() < packed.capacity(),
            };
            if is_done {
                break;
            }
            assert!(status.is_ok(), "deflating into memory has nothing that could fail");
        }
        self.counted(packed)
    }

    fn list(&mut self, listing: &Listing<'_>) {
        let record = listing.record();
        match self.directory.last_mut() {
            Some(piece) if piece.len() + record.len() <= DIRECTORY_PIECE_BYTES => {
                piece.extend_from_slice(&record);
            }
            Some(_) | None => {
                let mut piece = Vec::with_capacity(DIRECTORY_PIECE_BYTES);
                piece.extend_from_slice(&record);
                self.directory.push(piece);
            }
        }
        self.entries += 1;
    }
}

fn put_common(header: &mut Vec<u8>, flags: u16, method: u16, modified: u32) {
    header.u16(VERSION);
    header.u16(flags);
    header.u16(method);
    header.u32(modified);
}

fn put_name(header: &mut Vec<u8>, name: &str, extra_bytes: u16) {
    // A path is far shorter than what this field can say.
    header.u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
    header.u16(extra_bytes);
    header.extend_from_slice(name.as_bytes());
}

/// An entry of the directory.
#[derive(Default)]
struct Listing<'a> {
    name: &'a str,
    modified: u32,
    offset: u64,
    flags: u16,
    method: u16,
    attributes: u32,
    checksum: u32,
    packed: u64,
    bytes: u64,
}

impl Listing<'_> {
    fn record(&self) -> Vec<u8> {
        let numbers = [self.bytes, self.packed, self.offset];
        let large = numbers.into_iter().filter(|number| short(*number) == SEE_LARGE);
        let large_bytes = u16::try_from(large.clone().count() * 8).unwrap_or(0);
        let mut record = Vec::new();
        record.u32(CENTRAL);
        record.u16(MADE_BY);
        record.u16(VERSION);
        record.u16(self.flags);
        record.u16(self.method);
        record.u32(self.modified);
        record.u32(self.checksum);
        record.u32(short(self.packed));
        record.u32(short(self.bytes));
        record.u16(u16::try_from(self.name.len()).unwrap_or(u16::MAX));
        record.u16(if large_bytes > 0 { large_bytes + 4 } else { 0 });
        for _comment_part_internal in 0..3 {
            record.u16(0);
        }
        record.u32(self.attributes);
        record.u32(short(self.offset));
        record.extend_from_slice(self.name.as_bytes());
        if large_bytes > 0 {
            record.u16(EXTRA_LARGE);
            record.u16(large_bytes);
            for number in large {
                record.u64(number);
            }
        }
        record
    }
}

/// A moment in the form of DOS: two seconds exact, UTC, from 1980 to 2107; the date is the upper
/// half.
fn dos_time(time: Timestamp) -> u32 {
    const EARLIEST: u32 = 1 << 21 | 1 << 16;
    let Ok(time) = jiff::Timestamp::from_second(time.seconds()) else { return EARLIEST };
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    let Ok(year) = u32::try_from(i32::from(time.year()) - 1980) else { return EARLIEST };
    let part = |number: i8| u32::try_from(number).unwrap_or(0);
    let date = year.min(127) << 9 | part(time.month()) << 5 | part(time.day());
    let two_seconds = part(time.second()) / 2;
    let clock = part(time.hour()) << 11 | part(time.minute()) << 5 | two_seconds;
    date << 16 | clock
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archives::ArchiveLimits;
    use crate::archives::directory::{find_end, read_directory};

    /// Beyond what numbers of 32 bits can say. The bytes themselves are left out.
    #[test]
    fn a_file_of_five_gigabytes_is_listed_with_its_size() {
        const SIZE: u64 = 5 << 30;
        let time = Timestamp::from_millis(0);
        let mut writer = Writer::new();
        let header = writer.begin("large".to_owned(), time, SIZE, false);
        assert_eq!(header.len(), 30 + 5 + 20);
        writer.open.as_mut().unwrap().bytes = SIZE;
        writer.offset += SIZE;
        assert!(writer.end().len() >= 24, "the descriptor has numbers of 64 bits");
        writer.folder("behind", time);
        let from = writer.offset;
        let tail = Vec::from(writer.finish()).concat();
        let size = from + tail.len() as u64;
        let end = find_end(&tail, size).unwrap();
        let directory = &tail[..usize::try_from(end.bytes).unwrap()];
        let listed = read_directory(directory, end, size, ArchiveLimits::default()).unwrap();
        assert_eq!((end.entries, end.offset), (2, from));
        assert_eq!(
            (listed[0].bytes, listed[0].offset, listed[0].bound),
            (SIZE, 0, listed[1].offset)
        );
        assert!(listed[0].packed_bytes >= SIZE && listed[1].offset > SIZE);
        assert_eq!(listed[1].bound, end.offset);
    }

    #[test]
    fn times_are_those_of_dos_from_1980_on() {
        let noon = Timestamp::from_millis(1_767_268_799_000);
        let (date, half_seconds) = (46 << 9 | 1 << 5 | 1, 58 / 2);
        assert_eq!(dos_time(noon), date << 16 | 11 << 11 | 59 << 5 | half_seconds);
        assert_eq!(dos_time(Timestamp::from_millis(0)), (1 << 5 | 1) << 16);
    }
}
