//! The central directory: where it is, and what it lists. Pure.
//!
//! | bytes at the end of an archive | |
//! |---|---|
//! | central directory | one record for each entry |
//! | end in its large form, 56 bytes, and its locator, 20 bytes | where numbers need it |
//! | end, 22 bytes, and a comment | must end where the archive ends |
//!
//! All of these must lie gap-free behind one another: then no two readers see two directories.

use super::fields::{
    CENTRAL, END, END_LARGE, EXTRA_LARGE, FLAG_DESCRIPTOR, FLAG_UTF8, Fields, LOCATOR,
    METHOD_DEFLATED, METHOD_STORED, SEE_LARGE, SEE_LARGE_SHORT, extra_fields,
};
use super::{ArchiveLimits, Unacceptable};

/// Bytes from the end of an archive in which its end is found.
pub(super) const TAIL_BYTES: u64 = COMMENT_BYTES_MAX + END_BYTES + LOCATOR_BYTES + LARGE_BYTES;
/// Bytes of a directory at most: 10,000 entries with names of full length fit.
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;
/// Below this no archive is too well packed: a page of zeros is nobody's attack.
const RATIO_FREE_BYTES: u64 = 64 << 20;

const COMMENT_BYTES_MAX: u64 = 65_535;
const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const LARGE_BYTES: u64 = 56;
/// Bytes of a directory's record without its name.
const RECORD_BYTES_MIN: u64 = 46;
/// The size that the large end says of itself: what follows this field.
const LARGE_REST_BYTES: u64 = LARGE_BYTES - 12;

/// How hard the packer tried (bits 1 and 2), a descriptor, names in UTF-8: nothing else is known
/// to mean the same to every reader. An encrypted entry has bit 0.
const FLAGS_KNOWN: u16 = 0b110 | FLAG_DESCRIPTOR | FLAG_UTF8;
/// The types of a file's mode in UNIX, and where it stands in an entry's attributes.
const MODE_SHIFT: u32 = 16;
const MODE_TYPE: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;
const DOS_FOLDER: u32 = 0x10;
/// Extra fields that can turn an entry into a link or a device, or give it another name.
const EXTRA_PKWARE_UNIX: u16 = 0x000d;
const EXTRA_ASI_UNIX: u16 = 0x756e;
const EXTRA_UNICODE_PATH: u16 = 0x7075;
/// Times and owners; what follows them is a link's target or a device.
const PKWARE_UNIX_PLAIN_BYTES: usize = 12;

/// Where the directory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) entries: u64,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// How an entry's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// As it stands there; a folder's ends in `/`.
    pub(super) name: String,
    pub(super) flags: u16,
    pub(super) method: Method,
    pub(super) checksum: u32,
    pub(super) packed_bytes: u64,
    pub(super) bytes: u64,
    /// Where its local header begins.
    pub(super) offset: u64,
    /// Where the next entry, or the directory, begins: nothing of it reaches beyond.
    pub(super) bound: u64,
}

impl Listed {
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// The method as a number.
    pub(super) fn method_number(&self) -> u16 {
        match self.method {
            Method::Stored => METHOD_STORED,
            Method::Deflated => METHOD_DEFLATED,
        }
    }
}

fn broken() -> Unacceptable {
    Unacceptable::because("the body is not a whole zip archive")
}

/// Finds the directory in the last bytes of an archive of this size.
pub(super) fn find_end(tail: &[u8], size: u64) -> Result<End, Unacceptable> {
    let signature = END.to_le_bytes();
    let ends_with_the_archive = |at: &usize| {
        let comment = tail.get(at + 20..at + 22).map(|length| [length[0], length[1]]);
        tail[*at..].starts_with(&signature)
            && comment.is_some_and(|length| {
                at + 22 + usize::from(u16::from_le_bytes(length)) == tail.len()
            })
    };
    let mut found = (0..tail.len().saturating_sub(21)).filter(ends_with_the_archive);
    let (Some(at), None) = (found.next(), found.next()) else {
        return Err(broken());
    };
    let (end, at_end) = read_end(&tail[at..]).ok_or_else(broken)?;
    let large = at.checked_sub(76).and_then(|from| read_large(&tail[from..at], size, tail, from));
    let has_locator =
        at.checked_sub(20).is_some_and(|from| tail[from..].starts_with(&LOCATOR.to_le_bytes()));
    let (end, behind) = match (large, has_locator) {
        (Some(large), _) if at_end.agrees_with(large) => (large, at - 76),
        (None, false) if !at_end.needs_large() => (end, at),
        (Some(_) | None, _) => return Err(broken()),
    };
    let behind = size - tail.len() as u64 + behind as u64;
    match end.offset.checked_add(end.bytes) == Some(behind) {
        true => Ok(end),
        false => Err(broken()),
    }
}

/// The short numbers of an end, some of which may stand for long ones.
struct ShortEnd {
    entries: u16,
    bytes: u32,
    offset: u32,
}

impl ShortEnd {
    fn needs_large(&self) -> bool {
        self.entries == SEE_LARGE_SHORT || self.bytes == SEE_LARGE || self.offset == SEE_LARGE
    }

    fn agrees_with(&self, large: End) -> bool {
        (self.entries == SEE_LARGE_SHORT || u64::from(self.entries) == large.entries)
            && (self.bytes == SEE_LARGE || u64::from(self.bytes) == large.bytes)
            && (self.offset == SEE_LARGE || u64::from(self.offset) == large.offset)
    }
}

fn read_end(bytes: &[u8]) -> Option<(End, ShortEnd)> {
    let mut fields = Fields(bytes);
    let (_signature, parts) = (fields.u32()?, (fields.u16()?, fields.u16()?));
    let (entries_here, entries) = (fields.u16()?, fields.u16()?);
    let (bytes, offset) = (fields.u32()?, fields.u32()?);
    if parts != (0, 0) || entries_here != entries {
        return None;
    }
    let end = End { entries: entries.into(), offset: offset.into(), bytes: bytes.into() };
    Some((end, ShortEnd { entries, bytes, offset }))
}

/// The large end and its locator, 76 bytes in all, which begin at `from` in the tail.
fn read_large(bytes: &[u8], size: u64, tail: &[u8], from: usize) -> Option<End> {
    let mut fields = Fields(bytes);
    if fields.u32()? != END_LARGE || fields.u64()? != LARGE_REST_BYTES {
        return None;
    }
    let (_versions, parts) = (fields.u32()?, (fields.u32()?, fields.u32()?));
    let (entries_here, entries) = (fields.u64()?, fields.u64()?);
    let (bytes, offset) = (fields.u64()?, fields.u64()?);
    let is_located = fields.u32()? == LOCATOR
        && fields.u32()? == 0
        && fields.u64()? == size - tail.len() as u64 + from as u64
        && fields.u32()? <= 1;
    (is_located && parts == (0, 0) && entries_here == entries).then_some(End {
        entries,
        offset,
        bytes,
    })
}

/// Refuses a directory that is too large to be read.
pub(super) fn check_end(end: End, limits: ArchiveLimits) -> Result<(), Unacceptable> {
    if end.entries > limits.entries_max {
        let most = limits.entries_max;
        return Err(Unacceptable::because(format!("the archive has more than {most} entries")));
    }
    if end.bytes > DIRECTORY_BYTES_MAX || end.entries.saturating_mul(RECORD_BYTES_MIN) > end.bytes {
        return Err(broken());
    }
    Ok(())
}

/// Reads the whole directory of an archive of `size` bytes, and refuses what must not be unpacked.
pub(super) fn read_directory(
    bytes: &[u8],
    end: End,
    size: u64,
    limits: ArchiveLimits,
) -> Result<Vec<Listed>, Unacceptable> {
    let mut fields = Fields(bytes);
    let mut listed = Vec::new();
    for _ in 0..end.entries {
        listed.push(read_record(&mut fields)?);
    }
    if !fields.0.is_empty() {
        return Err(broken());
    }
    bound_each(&mut listed, end.offset)?;
    let bytes: u64 = listed.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes));
    if bytes > limits.bytes_max {
        let most = limits.bytes_max;
        let text = format!("the archive holds more than {most} bytes");
        return Err(Unacceptable::because(text));
    }
    if bytes > RATIO_FREE_BYTES && bytes / size.max(1) >= limits.ratio_max {
        let most = limits.ratio_max;
        let text = format!("the archive is more than {most} times smaller than what it holds");
        return Err(Unacceptable::because(text));
    }
    Ok(listed)
}

/// Says of each entry where the next begins. Two that begin at one place share their bytes.
fn bound_each(listed: &mut [Listed], directory: u64) -> Result<(), Unacceptable> {
    let mut offsets: Vec<u64> = listed.iter().map(|entry| entry.offset).collect();
    offsets.push(directory);
    offsets.sort_unstable();
    for entry in listed {
        let next = offsets.partition_point(|offset| *offset <= entry.offset);
        let is_alone = next == 1 || offsets.get(next.wrapping_sub(2)) != Some(&entry.offset);
        match offsets.get(next) {
            Some(bound) if is_alone => entry.bound = *bound,
            Some(_) | None => return Err(Unacceptable::entry(&entry.name, "overlaps another")),
        }
    }
    Ok(())
}

fn read_record(fields: &mut Fields<'_>) -> Result<Listed, Unacceptable> {
    let record = Record::read(fields).ok_or_else(broken)?;
    let name = std::str::from_utf8(record.name)
        .map_err(|_| Unacceptable::because("a name in the archive is not valid UTF-8"))?;
    let refuse = |text: &str| Err(Unacceptable::entry(name, text));
    if record.flags & 1 != 0 {
        return refuse("is encrypted");
    }
    if record.flags & !FLAGS_KNOWN != 0 {
        return refuse("needs something that is not supported");
    }
    let method = match record.method {
        METHOD_STORED => Method::Stored,
        METHOD_DEFLATED => Method::Deflated,
        _ => return refuse("is packed by a method that is not supported"),
    };
    let Some(extras) = extra_fields(record.extra) else { return refuse("is malformed") };
    let Some([bytes, packed_bytes, offset]) = record.large(&extras) else {
        return refuse("is malformed");
    };
    if !record.is_plain(name, &extras) {
        return refuse("is neither a file nor a folder");
    }
    let is_renamed = |(id, field): &(u16, &[u8])| {
        *id == EXTRA_UNICODE_PATH && field.get(5..).is_none_or(|other| other != record.name)
    };
    if extras.iter().any(is_renamed) {
        return refuse("has two names");
    }
    if method == Method::Stored && bytes != packed_bytes {
        return refuse("is malformed");
    }
    if name.ends_with('/') && bytes != 0 {
        return refuse("is a folder with bytes of its own");
    }
    let (name, flags, checksum) = (name.to_owned(), record.flags, record.checksum);
    Ok(Listed { name, flags, method, checksum, packed_bytes, bytes, offset, bound: 0 })
}

/// A directory's record as it stands there.
struct Record<'a> {
    flags: u16,
    method: u16,
    checksum: u32,
    packed_bytes: u32,
    bytes: u32,
    attributes: u32,
    offset: u32,
    name: &'a [u8],
    extra: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(fields: &mut Fields<'a>) -> Option<Self> {
        if fields.u32()? != CENTRAL {
            return None;
        }
        let (_versions, flags, method) = (fields.u32()?, fields.u16()?, fields.u16()?);
        let (_modified, checksum) = (fields.u32()?, fields.u32()?);
        let (packed_bytes, bytes) = (fields.u32()?, fields.u32()?);
        let lengths = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (part, _internal, attributes) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let offset = fields.u32()?;
        let name = fields.bytes(lengths.0.into())?;
        let extra = fields.bytes(lengths.1.into())?;
        let _comment = fields.bytes(lengths.2.into())?;
        (part == 0).then_some(Self {
            flags,
            method,
            checksum,
            packed_bytes,
            bytes,
            attributes,
            offset,
            name,
            extra,
        })
    }

    /// Size, packed size and offset, from the extra field where they need it.
    fn large(&self, extras: &[(u16, &[u8])]) -> Option<[u64; 3]> {
        let mut large = extras.iter().filter(|(id, _)| *id == EXTRA_LARGE);
        let mut field = Fields(large.next().map_or(&[][..], |(_, field)| field));
        if large.next().is_some() {
            return None;
        }
        let mut numbers = [0; 3];
        for (number, short) in numbers.iter_mut().zip([self.bytes, self.packed_bytes, self.offset])
        {
            *number = if short == SEE_LARGE { field.u64()? } else { short.into() };
        }
        Some(numbers)
    }

    /// Whether this is a file or a folder by everything that says so: the name, the attributes,
    /// and what some packers add.
    fn is_plain(&self, name: &str, extras: &[(u16, &[u8])]) -> bool {
        let is_folder = name.ends_with('/');
        let fits = |mode_type: u32| match mode_type {
            0 => true,
            MODE_FILE => !is_folder,
            MODE_FOLDER => is_folder,
            _ => false,
        };
        let is_dos_folder = self.attributes & DOS_FOLDER != 0;
        fits(self.attributes >> MODE_SHIFT & MODE_TYPE)
            && (is_folder || !is_dos_folder)
            && extras.iter().all(|(id, field)| match *id {
                EXTRA_PKWARE_UNIX => field.len() <= PKWARE_UNIX_PLAIN_BYTES,
                EXTRA_ASI_UNIX => field.get(4..6).is_some_and(|mode| {
                    fits((u32::from(mode[0]) | u32::from(mode[1]) << 8) & MODE_TYPE)
                }),
                _ => true,
            })
    }
}
