//! Archives in which every number can be wrong.

use flate2::Crc;

/// An entry of an archive that is made by hand: a stored file, unless it is changed.
#[derive(Clone)]
pub(crate) struct Crafted {
    pub(crate) name: Vec<u8>,
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) local_flags: Option<u16>,
    pub(crate) method: u16,
    pub(crate) checksum: Option<u32>,
    pub(crate) local_checksum: Option<u32>,
    pub(crate) size: Option<u32>,
    pub(crate) local_size: Option<u32>,
    pub(crate) packed_size: Option<u32>,
    pub(crate) attributes: u32,
    pub(crate) extra: Vec<u8>,
    pub(crate) offset: Option<u32>,
}

impl Crafted {
    pub(crate) fn file(name: &str, bytes: &str) -> Self {
        Self {
            name: name.into(),
            local_name: None,
            bytes: bytes.into(),
            flags: 0,
            local_flags: None,
            method: 0,
            checksum: None,
            local_checksum: None,
            size: None,
            local_size: None,
            packed_size: None,
            attributes: 0,
            extra: Vec::new(),
            offset: None,
        }
    }

    /// A file whose mode in UNIX is this.
    pub(crate) fn with_mode(name: &str, mode: u32) -> Self {
        Self { attributes: mode << 16, ..Self::file(name, "x") }
    }

    fn sum(&self) -> u32 {
        let mut sum = Crc::new();
        sum.update(&self.bytes);
        self.checksum.unwrap_or(sum.sum())
    }

    fn length(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap()
    }

    fn local(&self) -> Vec<u8> {
        let name = self.local_name.as_ref().unwrap_or(&self.name);
        let mut header = b"PK\x03\x04\x14\x00".to_vec();
        put(&mut header, &[self.local_flags.unwrap_or(self.flags), self.method, 0, 0x21]);
        for number in [
            self.local_checksum.unwrap_or(self.sum()),
            self.packed_size.unwrap_or(self.length()),
            self.local_size.or(self.size).unwrap_or(self.length()),
        ] {
            header.extend(number.to_le_bytes());
        }
        put(&mut header, &[u16::try_from(name.len()).unwrap(), 0]);
        header.extend(name);
        header.extend(&self.bytes);
        header
    }

    fn central(&self, offset: u32) -> Vec<u8> {
        let mut record = b"PK\x01\x02\x14\x03\x14\x00".to_vec();
        put(&mut record, &[self.flags, self.method, 0, 0x21]);
        for number in [
            self.sum(),
            self.packed_size.unwrap_or(self.length()),
            self.size.unwrap_or(self.length()),
        ] {
            record.extend(number.to_le_bytes());
        }
        let lengths = [self.name.len(), self.extra.len(), 0, 0, 0];
        put(&mut record, &lengths.map(|length| u16::try_from(length).unwrap()));
        record.extend(self.attributes.to_le_bytes());
        record.extend(self.offset.unwrap_or(offset).to_le_bytes());
        record.extend(&self.name);
        record.extend(&self.extra);
        record
    }
}

fn put(bytes: &mut Vec<u8>, numbers: &[u16]) {
    for number in numbers {
        bytes.extend(number.to_le_bytes());
    }
}

/// The end of an archive with so many entries, a directory of so many bytes at this offset.
pub(crate) fn end(entries: u16, bytes: u32, offset: u32) -> Vec<u8> {
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    put(&mut end, &[entries, entries]);
    end.extend(bytes.to_le_bytes());
    end.extend(offset.to_le_bytes());
    put(&mut end, &[0]);
    end
}

/// An archive of these entries.
pub(crate) fn archive(entries: &[Crafted]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = u32::try_from(archive.len()).unwrap();
        archive.extend(entry.local());
        directory.extend(entry.central(offset));
    }
    let (offset, bytes) = (archive.len(), directory.len());
    archive.extend(directory);
    let number = |number: usize| u32::try_from(number).unwrap();
    archive.extend(end(u16::try_from(entries.len()).unwrap(), number(bytes), number(offset)));
    archive
}

/// What must never be unpacked, with a word that its refusal has.
pub(crate) fn hostile() -> Vec<(Vec<u8>, &'static str)> {
    let good = Crafted::file("good", "good");
    let single = |entry: Crafted| archive(&[good.clone(), entry]);
    let named = |name: &str| single(Crafted::file(name, "x"));
    let unicode_path = [&[0x75, 0x70, 10, 0, 1, 0, 0, 0, 0][..], b"other"].concat();
    let link_to = [&[0x0d, 0, 15, 0][..], &[0; 12], b"etc"].concat();
    let device =
        [&[0x6e, 0x75, 14, 0, 0, 0, 0, 0][..], &0o060_644_u16.to_le_bytes(), &[0; 8]].concat();
    let changed = |change: fn(&mut Crafted)| {
        let mut entry = Crafted::file("file", "bytes");
        change(&mut entry);
        single(entry)
    };
    let deep = |tree: u32| Crafted::file(&format!("{tree}{}/x", "/d".repeat(400)), "x");
    let mut list = vec![
        (archive(&(0..51).map(deep).collect::<Vec<_>>()), "folders"),
        (named("../up"), "no use"),
        (named("a/../../up"), "no use"),
        (named("a/./b"), "no use"),
        (named("/etc/passwd"), "absolute"),
        (named("//etc"), "absolute"),
        (named("a//b"), "no use"),
        (named(""), "leave"),
        (named("a\\..\\b"), "backslash"),
        (named("a\0b"), "no use"),
        (named(&"n".repeat(256)), "no use"),
        (named("good"), "twice"),
        (named("good/below"), "in what is a file"),
        (named("folder/"), "folder with bytes"),
        (single(Crafted::with_mode("link", 0o120_777)), "neither"),
        (single(Crafted::with_mode("device", 0o060_644)), "neither"),
        (single(Crafted::with_mode("device", 0o020_644)), "neither"),
        (single(Crafted::with_mode("pipe", 0o010_644)), "neither"),
        (single(Crafted::with_mode("socket", 0o140_644)), "neither"),
        (single(Crafted::with_mode("folder", 0o040_755)), "neither"),
    ];
    list.extend([
        (changed(|entry| entry.attributes = 0x10), "neither"),
        (single(Crafted { extra: link_to, ..Crafted::file("l", "x") }), "neither"),
        (single(Crafted { extra: device, ..Crafted::file("d", "x") }), "neither"),
        (single(Crafted { extra: unicode_path, ..Crafted::file("o", "x") }), "two names"),
        (changed(|entry| entry.name = b"\xff\xfe".to_vec()), "UTF-8"),
        (changed(|entry| entry.flags = 1), "encrypted"),
        (changed(|entry| entry.flags = 1 << 6 | 1), "encrypted"),
        (changed(|entry| entry.flags = 1 << 13), "not supported"),
        (changed(|entry| entry.method = 12), "method"),
        (changed(|entry| entry.method = 99), "method"),
        (changed(|entry| entry.checksum = Some(1)), "damaged"),
        (changed(|entry| entry.local_checksum = Some(1)), "directory says"),
        (changed(|entry| entry.local_size = Some(4)), "directory says"),
        (changed(|entry| entry.local_flags = Some(1 << 11)), "directory says"),
        (changed(|entry| entry.local_name = Some(b"../e".to_vec())), "directory says"),
        (changed(|entry| entry.size = Some(6)), "malformed"),
        (changed(|entry| entry.method = 8), "damaged"),
        (changed(|entry| entry.packed_size = Some(u32::MAX)), "malformed"),
        (changed(|entry| (entry.packed_size, entry.size) = (Some(500), Some(500))), "overlaps"),
        (changed(|entry| entry.offset = Some(0)), "overlaps"),
        (changed(|entry| entry.offset = Some(1)), "directory says"),
        (changed(|entry| entry.offset = Some(u32::MAX - 1)), "overlaps"),
        (changed(|entry| entry.extra = vec![1, 0, 200, 0]), "malformed"),
    ]);
    list.extend(broken(&good));
    list
}

/// What is no whole archive, or more than one.
fn broken(good: &Crafted) -> Vec<(Vec<u8>, &'static str)> {
    let whole = archive(std::slice::from_ref(good));
    let with = |begin: &[u8], end: &[u8]| [begin, &whole, end].concat();
    let mut comment = whole.clone();
    let length = comment.len();
    comment[length - 2] = 22;
    comment.extend(end(0, 0, u32::try_from(length).unwrap()));
    let mut split = whole.clone();
    split[length - 18] = 1;
    let mut many = whole.clone();
    many[length - 14..length - 10].copy_from_slice(&[2, 0, 2, 0]);
    [
        Vec::new(),
        b"PK".to_vec(),
        b"no archive at all, but long enough to be one".to_vec(),
        whole[..length - 1].to_vec(),
        with(b"", b"behind"),
        with(b"before", b""),
        comment,
        split,
        many,
        end(1, 46, 0),
        end(u16::MAX, u32::MAX, u32::MAX),
    ]
    .into_iter()
    .map(|bytes| (bytes, "whole"))
    .collect()
}
