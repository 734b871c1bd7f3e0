//! The header before an entry's bytes: it says where they begin, and must say nothing else than
//! the directory does. Pure.

use super::Unacceptable;
use super::directory::Listed;
use super::fields::{EXTRA_LARGE, FLAG_DESCRIPTOR, Fields, LOCAL, SEE_LARGE, extra_fields};

/// Bytes of a header without name and extra fields.
pub(super) const HEADER_BYTES: u64 = 30;

/// What a header's first bytes say.
pub(super) struct Header {
    flags: u16,
    method: u16,
    checksum: u32,
    packed_bytes: u32,
    bytes: u32,
    name_bytes: u16,
    extra_bytes: u16,
}

impl Header {
    /// Reads the first [`HEADER_BYTES`] of a header.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.u32()? != LOCAL {
            return None;
        }
        let (_version, flags, method) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (_modified, checksum) = (fields.u32()?, fields.u32()?);
        let (packed_bytes, bytes) = (fields.u32()?, fields.u32()?);
        let (name_bytes, extra_bytes) = (fields.u16()?, fields.u16()?);
        Some(Self { flags, method, checksum, packed_bytes, bytes, name_bytes, extra_bytes })
    }

    /// Bytes of the whole header.
    pub(super) fn total_bytes(&self) -> u64 {
        HEADER_BYTES + u64::from(self.name_bytes) + u64::from(self.extra_bytes)
    }

    /// Whether this header, followed by `rest`, says what the directory says. Where a descriptor
    /// follows the bytes, sizes and checksum may be left at zero here.
    pub(super) fn agrees(&self, rest: &[u8], listed: &Listed) -> bool {
        let mut rest = Fields(rest);
        let (name, extra) =
            (rest.bytes(self.name_bytes.into()), rest.bytes(self.extra_bytes.into()));
        let Some(extras) = extra.and_then(extra_fields) else { return false };
        let Some([bytes, packed_bytes]) = self.large(&extras) else { return false };
        let may_be_zero = self.flags & FLAG_DESCRIPTOR != 0;
        let same = |here: u64, there: u64| here == there || (may_be_zero && here == 0);
        name == Some(listed.name.as_bytes())
            && self.flags == listed.flags
            && self.method == listed.method_number()
            && same(self.checksum.into(), listed.checksum.into())
            && same(bytes, listed.bytes)
            && same(packed_bytes, listed.packed_bytes)
    }

    fn large(&self, extras: &[(u16, &[u8])]) -> Option<[u64; 2]> {
        let large = extras.iter().find(|(id, _)| *id == EXTRA_LARGE);
        let mut field = Fields(large.map_or(&[][..], |(_, field)| field));
        let mut numbers = [0; 2];
        for (number, short) in numbers.iter_mut().zip([self.bytes, self.packed_bytes]) {
            *number = if short == SEE_LARGE { field.u64()? } else { short.into() };
        }
        Some(numbers)
    }
}

/// The refusal of an entry whose two headers differ.
pub(super) fn disagreement(listed: &Listed) -> Unacceptable {
    Unacceptable::entry(&listed.name, "is not what the archive's directory says")
}
