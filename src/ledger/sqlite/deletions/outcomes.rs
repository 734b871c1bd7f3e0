//! The items of a deletion, packed into one column: about thirty bytes for each.
//!
//! An item is two bytes, what was named and what became of it, and then what these two have: the
//! identity, the counts, the other item or deletion, the locked paths. Numbers are seven bits to
//! a byte, the least first. The index is the place in the column.

use crate::deletion::items::{Fate, Item, Named};
use crate::deletion::record::Counts;
use crate::domain::id::{CommandId, DeletionId, EntryId};
use crate::domain::path::EntryPath;

/// Packs items that are in order from the first.
pub(in super::super) fn pack(items: &[Item]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(items.len() * 32);
    for item in items {
        pack_item(item, &mut packed);
    }
    packed
}

fn pack_item(item: &Item, packed: &mut Vec<u8>) {
    match item.named {
        Named::Nothing => packed.push(0),
        Named::Id(id) => push_identity(1, id.as_bytes(), packed),
        Named::Path(None) => packed.push(2),
        Named::Path(Some(id)) => push_identity(3, id.as_bytes(), packed),
        Named::Command(id) => push_identity(4, id.as_bytes(), packed),
        Named::Filter => packed.push(5),
    }
    match item.fate {
        Fate::Deleted => push_counts(0, item.counts, packed),
        Fate::Partly => push_counts(1, item.counts, packed),
        Fate::Locked => packed.push(2),
        Fate::Missing => packed.push(3),
        Fate::Forbidden => packed.push(4),
        Fate::Within(other) => {
            packed.push(5);
            push_number(other.into(), packed);
        }
        Fate::Joined(deletion) => push_identity(6, deletion.as_bytes(), packed),
        Fate::PreconditionFailed => packed.push(7),
        Fate::Changed => packed.push(8),
        Fate::Selecting => push_counts(9, item.counts, packed),
        Fate::Cancelled => push_counts(10, item.counts, packed),
    }
    if may_keep(item.fate) {
        push_numbers(item.changed, packed);
        push_number(item.locked_count, packed);
        push_number(item.locked.len() as u64, packed);
        for path in &item.locked {
            push_number(path.as_str().len() as u64, packed);
            packed.extend_from_slice(path.as_str().as_bytes());
        }
    }
}

const fn may_keep(fate: Fate) -> bool {
    match fate {
        Fate::Partly | Fate::Changed | Fate::Selecting | Fate::Cancelled | Fate::Locked => true,
        Fate::Deleted
        | Fate::Missing
        | Fate::Forbidden
        | Fate::PreconditionFailed
        | Fate::Within(_)
        | Fate::Joined(_) => false,
    }
}

fn push_identity(tag: u8, identity: &[u8; 16], packed: &mut Vec<u8>) {
    packed.push(tag);
    packed.extend_from_slice(identity);
}

fn push_counts(tag: u8, counts: Counts, packed: &mut Vec<u8>) {
    packed.push(tag);
    push_numbers(counts, packed);
}

fn push_numbers(counts: Counts, packed: &mut Vec<u8>) {
    for number in [counts.files, counts.bytes, counts.folders] {
        push_number(number, packed);
    }
}

fn push_number(mut number: u64, packed: &mut Vec<u8>) {
    while number > 0x7f {
        packed.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    packed.push((number & 0x7f) as u8);
}

/// The items of a column; `None` where it is not one.
pub(in super::super) fn unpack(packed: &[u8]) -> Option<Vec<Item>> {
    let mut rest = Rest(packed);
    let mut items = Vec::new();
    while !rest.0.is_empty() {
        items.push(rest.item(u32::try_from(items.len()).ok()?)?);
    }
    Some(items)
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn item(&mut self, index: u32) -> Option<Item> {
        let named = match self.byte()? {
            0 => Named::Nothing,
            1 => Named::Id(EntryId::from_bytes(self.identity()?)),
            2 => Named::Path(None),
            3 => Named::Path(Some(EntryId::from_bytes(self.identity()?))),
            4 => Named::Command(CommandId::from_bytes(self.identity()?)),
            5 => Named::Filter,
            _ => return None,
        };
        let mut counts = Counts::default();
        let fate = match self.byte()? {
            tag @ (0 | 1 | 9 | 10) => {
                counts = self.counts()?;
                match tag {
                    0 => Fate::Deleted,
                    1 => Fate::Partly,
                    9 => Fate::Selecting,
                    _ => Fate::Cancelled,
                }
            }
            2 => Fate::Locked,
            3 => Fate::Missing,
            4 => Fate::Forbidden,
            5 => Fate::Within(u32::try_from(self.number()?).ok()?),
            6 => Fate::Joined(DeletionId::from_bytes(self.identity()?)),
            7 => Fate::PreconditionFailed,
            8 => Fate::Changed,
            _ => return None,
        };
        let (mut changed, mut locked, mut locked_count) = (Counts::default(), Vec::new(), 0);
        if may_keep(fate) {
            (changed, locked_count) = (self.counts()?, self.number()?);
            for _ in 0..self.number()? {
                locked.push(self.path()?);
            }
        }
        Some(Item { index, named, fate, counts, changed, locked, locked_count })
    }

    fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn identity(&mut self) -> Option<[u8; 16]> {
        self.bytes(16)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn counts(&mut self) -> Option<Counts> {
        let (files, bytes, folders) = (self.number()?, self.number()?, self.number()?);
        Some(Counts { files, bytes, folders })
    }

    fn path(&mut self) -> Option<EntryPath> {
        let length = usize::try_from(self.number()?).ok()?;
        EntryPath::parse(std::str::from_utf8(self.bytes(length)?).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named() -> impl Strategy<Value = Named> {
        prop_oneof![
            Just(Named::Nothing),
            any::<[u8; 16]>().prop_map(|id| Named::Id(EntryId::from_bytes(id))),
            Just(Named::Path(None)),
            any::<[u8; 16]>().prop_map(|id| Named::Path(Some(EntryId::from_bytes(id)))),
            any::<[u8; 16]>().prop_map(|id| Named::Command(CommandId::from_bytes(id))),
            Just(Named::Filter),
        ]
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            Just(Fate::Deleted),
            Just(Fate::Partly),
            Just(Fate::Changed),
            Just(Fate::Selecting),
            Just(Fate::Cancelled),
            Just(Fate::Locked),
            Just(Fate::Missing),
            Just(Fate::Forbidden),
            Just(Fate::PreconditionFailed),
            any::<u32>().prop_map(Fate::Within),
            any::<[u8; 16]>().prop_map(|id| Fate::Joined(DeletionId::from_bytes(id))),
        ]
    }

    fn item() -> impl Strategy<Value = Item> {
        let paths = prop::collection::vec("/[a-zä]{1,200}", 0..4);
        (named(), fate(), any::<[u64; 3]>(), paths, any::<u64>()).prop_map(
            |(named, fate, [files, bytes, folders], paths, locked_count)| {
                let has_counts = matches!(
                    fate,
                    Fate::Deleted | Fate::Partly | Fate::Selecting | Fate::Cancelled
                );
                let counts = Counts { files, bytes, folders };
                let counts = if has_counts { counts } else { Counts::default() };
                let paths = paths.iter().filter_map(|path| EntryPath::parse(path).ok());
                let (changed, locked, locked_count) = match may_keep(fate) {
                    true => (
                        Counts { files: bytes, bytes: folders, folders: files },
                        paths.collect(),
                        locked_count,
                    ),
                    false => (Counts::default(), Vec::new(), 0),
                };
                Item { index: 0, named, fate, counts, changed, locked, locked_count }
            },
        )
    }

    proptest! {
        #[test]
        fn items_read_back_as_themselves(mut items in prop::collection::vec(item(), 0..20)) {
            for (index, item) in items.iter_mut().enumerate() {
                item.index = u32::try_from(index).unwrap();
            }
            prop_assert_eq!(unpack(&pack(&items)), Some(items));
        }

        #[test]
        fn what_is_cut_short_or_made_up_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn an_item_of_a_single_file_takes_few_bytes() {
        let counts = Counts { files: 1, bytes: 1 << 20, folders: 0 };
        let named = Named::Id(EntryId::from_bytes([7; 16]));
        let (fate, locked) = (Fate::Deleted, Vec::new());
        let changed = Counts::default();
        let item = Item { index: 0, named, fate, counts, changed, locked, locked_count: 0 };
        assert_eq!(pack(&[item]).len(), 23);
        assert_eq!(unpack(&[6]), None);
    }
}
