//! Little-endian numbers, one after the other.

/// Signature of an entry's header before its bytes.
pub(super) const LOCAL: u32 = 0x0403_4b50;
/// Signature of what follows an entry's bytes where its header could not say their size.
pub(super) const DESCRIPTOR: u32 = 0x0807_4b50;
/// Signature of an entry in the central directory.
pub(super) const CENTRAL: u32 = 0x0201_4b50;
/// Signature of the end of the directory in its large form.
pub(super) const END_LARGE: u32 = 0x0606_4b50;
/// Signature of the note that says where that is.
pub(super) const LOCATOR: u32 = 0x0706_4b50;
/// Signature of the end of the directory.
pub(super) const END: u32 = 0x0605_4b50;
/// The extra field with sizes and offsets of 64 bits.
pub(super) const EXTRA_LARGE: u16 = 0x0001;
/// Stands where the number is in the extra field.
pub(super) const SEE_LARGE: u32 = u32::MAX;
/// The same for numbers of 16 bits.
pub(super) const SEE_LARGE_SHORT: u16 = u16::MAX;
/// Stored as it is.
pub(super) const METHOD_STORED: u16 = 0;
/// Deflated.
pub(super) const METHOD_DEFLATED: u16 = 8;
/// Sizes and checksum follow the bytes.
pub(super) const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// The name is UTF-8.
pub(super) const FLAG_UTF8: u16 = 1 << 11;

/// What is left of some bytes. Reading beyond their end gives `None`, and everything after it too.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// The fields of an extra block, each with its identity; `None` where they do not fit into it.
/// Fewer bytes at the end than a field has in its head are padding.
pub(super) fn extra_fields(block: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    const HEAD: usize = 4;
    let mut rest = Fields(block);
    let mut fields = Vec::new();
    while rest.0.len() >= HEAD {
        let (id, length) = (rest.u16()?, rest.u16()?);
        fields.push((id, rest.bytes(usize::from(length))?));
    }
    Some(fields)
}
