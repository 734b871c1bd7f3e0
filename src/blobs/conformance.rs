//! What every blob store must do, as checks that each store's own tests run by [`suite!`].

use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;

use super::{BlobError, BlobErrorKind, BlobStore, Removal};
use crate::domain::blob::{BLOBS_PER_DIRECTORY, BlobFacts, BlobKey};
use crate::domain::id::BlobId;

/// A store of one kind, and what a test can do to it from outside.
pub(crate) trait Fixture {
    /// A fresh, empty store.
    fn fresh() -> Self;
    /// The store.
    fn store(&self) -> &dyn BlobStore;
    /// Makes the store unreachable, as an unmounted disk is.
    fn go_away(&self);
    /// Puts something there that is no blob; its name in an inventory.
    fn plant_stranger(&self) -> String;
}

/// The suite: one test for each check.
macro_rules! suite {
    ($fixture:ty) => {
        $crate::blobs::conformance::suite! { @checks $fixture:
            what_is_finished_reads_back_byte_for_byte,
            the_facts_are_size_and_checksum,
            a_range_is_just_that_range,
            a_range_beyond_the_end_is_an_error,
            an_empty_blob_is_a_blob,
            a_blob_that_was_never_written_is_absent,
            a_key_that_exists_is_refused_and_its_blob_stays,
            a_key_that_is_being_written_is_refused_and_not_removed,
            what_was_dropped_unfinished_can_be_removed,
            what_is_removed_cannot_be_read,
            removed_twice_is_removed_and_then_absent,
            many_removals_answer_in_the_order_of_the_keys,
            nothing_to_remove_is_no_error,
            many_writers_at_once_lose_nothing,
            a_blob_may_come_in_pieces,
            what_was_not_acknowledged_is_cut_off,
            a_piece_goes_on_only_where_something_was_acknowledged,
            a_blob_in_pieces_is_open_once_and_not_removed_meanwhile,
            a_blob_in_pieces_can_be_removed_before_it_is_whole,
            an_inventory_holds_all_blobs_in_order,
            what_is_no_blob_is_a_stranger,
            a_store_that_went_away_is_an_error_and_never_an_absence,
        }
    };
    (@checks $fixture:ty: $($check:ident,)+) => {
        $(
            #[tokio::test]
            async fn $check() {
                let fixture = <$fixture as $crate::blobs::conformance::Fixture>::fresh();
                $crate::blobs::conformance::$check(&fixture).await;
            }
        )+
    };
}
pub(crate) use suite;

/// The key of the blob with this number; blobs of different numbers have different ids.
pub(crate) fn key(number: i64) -> BlobKey {
    let mut id = [0x5a; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    BlobKey { number, id: BlobId::from_bytes(id) }
}

/// Reproducible bytes that repeat at no power of two.
pub(crate) fn pattern(length: usize) -> Bytes {
    (0_u8..251).cycle().take(length).collect()
}

/// Stores `bytes` in pieces of uneven sizes.
pub(crate) async fn put(
    store: &dyn BlobStore,
    key: BlobKey,
    mut bytes: Bytes,
) -> Result<BlobFacts, BlobError> {
    const PIECE_BYTES: usize = 50_001;
    let mut writer = store.create(key).await?;
    while !bytes.is_empty() {
        writer.write(bytes.split_to(PIECE_BYTES.min(bytes.len()))).await?;
    }
    writer.finish().await
}

/// Reads a range whole; `None` where the blob is absent.
pub(crate) async fn get(
    store: &dyn BlobStore,
    key: BlobKey,
    range: Range<u64>,
) -> Result<Option<Bytes>, BlobError> {
    let Some(stream) = store.read(key, range).await? else { return Ok(None) };
    let chunks: Vec<Bytes> = stream.try_collect().await?;
    Ok(Some(Bytes::from(chunks.concat())))
}

/// Sizes around every bound that a store may have.
const SIZES_BYTES: [usize; 9] = [
    0,
    1,
    4096,
    64 * 1024,
    64 * 1024 + 1,
    256 * 1024,
    320 * 1024,
    320 * 1024 + 1,
    9 * 1024 * 1024 + 17,
];

pub(crate) async fn what_is_finished_reads_back_byte_for_byte(fixture: &impl Fixture) {
    for (number, size) in (1..).zip(SIZES_BYTES) {
        let bytes = pattern(size);
        put(fixture.store(), key(number), bytes.clone()).await.unwrap();
        let read = get(fixture.store(), key(number), 0..size as u64).await.unwrap();
        assert!(read == Some(bytes), "{size} bytes");
    }
}

pub(crate) async fn the_facts_are_size_and_checksum(fixture: &impl Fixture) {
    for (number, size) in (1..).zip(SIZES_BYTES) {
        let bytes = pattern(size);
        let facts = put(fixture.store(), key(number), bytes.clone()).await.unwrap();
        let checksum = blake3::hash(&bytes).into();
        assert_eq!(facts, BlobFacts { size: size as u64, checksum });
    }
}

pub(crate) async fn a_range_is_just_that_range(fixture: &impl Fixture) {
    let size = 700 * 1024_u64;
    let bytes = pattern(700 * 1024);
    put(fixture.store(), key(1), bytes.clone()).await.unwrap();
    for range in [0..1, 5..5, size - 1..size, 65_535..65_537, 1000..600_000, size..size] {
        let index = |offset: u64| usize::try_from(offset).unwrap();
        let expected = bytes.slice(index(range.start)..index(range.end));
        let read = get(fixture.store(), key(1), range.clone()).await.unwrap();
        assert!(read == Some(expected), "{range:?}");
    }
}

pub(crate) async fn a_range_beyond_the_end_is_an_error(fixture: &impl Fixture) {
    put(fixture.store(), key(1), pattern(10)).await.unwrap();
    let error = get(fixture.store(), key(1), 0..11).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Corrupt);
}

pub(crate) async fn an_empty_blob_is_a_blob(fixture: &impl Fixture) {
    put(fixture.store(), key(1), Bytes::new()).await.unwrap();
    assert_eq!(get(fixture.store(), key(1), 0..0).await.unwrap(), Some(Bytes::new()));
    assert_eq!(fixture.store().inventory().await.unwrap().blobs, [(key(1), 0)]);
    assert!(matches!(fixture.store().remove(&[key(1)]).await[..], [Removal::Removed]));
}

pub(crate) async fn a_blob_that_was_never_written_is_absent(fixture: &impl Fixture) {
    assert_eq!(get(fixture.store(), key(1), 0..0).await.unwrap(), None);
    put(fixture.store(), key(1), pattern(1)).await.unwrap();
    assert_eq!(get(fixture.store(), key(2), 0..0).await.unwrap(), None);
    let namesake = BlobKey { number: 1, id: key(2).id };
    assert_eq!(get(fixture.store(), namesake, 0..0).await.unwrap(), None);
}

pub(crate) async fn a_key_that_exists_is_refused_and_its_blob_stays(fixture: &impl Fixture) {
    for (number, size) in [(1, 10), (2, 300 * 1024)] {
        put(fixture.store(), key(number), pattern(20)).await.unwrap();
        let error = put(fixture.store(), key(number), pattern(size)).await.unwrap_err();
        assert_eq!(error.kind, BlobErrorKind::Corrupt);
        let read = get(fixture.store(), key(number), 0..20).await.unwrap();
        assert_eq!(read, Some(pattern(20)));
    }
}

pub(crate) async fn a_key_that_is_being_written_is_refused_and_not_removed(fixture: &impl Fixture) {
    let mut writer = fixture.store().create(key(1)).await.unwrap();
    writer.write(pattern(10)).await.unwrap();
    assert!(fixture.store().create(key(1)).await.is_err());
    assert!(matches!(fixture.store().remove(&[key(1)]).await[..], [Removal::Unknown(_)]));
    writer.finish().await.unwrap();
    assert_eq!(get(fixture.store(), key(1), 0..10).await.unwrap(), Some(pattern(10)));
}

pub(crate) async fn what_was_dropped_unfinished_can_be_removed(fixture: &impl Fixture) {
    for (number, size) in [(1, 10), (2, 3 * 1024 * 1024)] {
        let mut writer = fixture.store().create(key(number)).await.unwrap();
        writer.write(pattern(size)).await.unwrap();
        drop(writer);
        // A piece may still be on its way to the store; until it is there, nothing is learnt.
        let mut removal = fixture.store().remove(&[key(number)]).await.remove(0);
        for _ in 0..10_000 {
            if removal.is_gone() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            removal = fixture.store().remove(&[key(number)]).await.remove(0);
        }
        assert!(removal.is_gone(), "{removal:?}");
    }
    assert_eq!(fixture.store().inventory().await.unwrap().blobs, []);
}

pub(crate) async fn what_is_removed_cannot_be_read(fixture: &impl Fixture) {
    put(fixture.store(), key(1), pattern(10)).await.unwrap();
    put(fixture.store(), key(2), pattern(10)).await.unwrap();
    assert!(matches!(fixture.store().remove(&[key(1)]).await[..], [Removal::Removed]));
    assert_eq!(get(fixture.store(), key(1), 0..10).await.unwrap(), None);
    fixture.store().sync_removals(&[key(1)]).await.unwrap();
    assert_eq!(get(fixture.store(), key(2), 0..10).await.unwrap(), Some(pattern(10)));
}

pub(crate) async fn removed_twice_is_removed_and_then_absent(fixture: &impl Fixture) {
    put(fixture.store(), key(1), pattern(10)).await.unwrap();
    assert!(matches!(fixture.store().remove(&[key(1)]).await[..], [Removal::Removed]));
    assert!(matches!(fixture.store().remove(&[key(1)]).await[..], [Removal::Absent]));
    fixture.store().sync_removals(&[key(1)]).await.unwrap();
    assert!(matches!(fixture.store().remove(&[key(1)]).await[..], [Removal::Absent]));
    fixture.store().sync_removals(&[key(1)]).await.unwrap();
}

pub(crate) async fn many_removals_answer_in_the_order_of_the_keys(fixture: &impl Fixture) {
    let there = |number: i64| number % 3 == 0;
    let number = |index: i64| index * 101 % 400 + index % 2 * BLOBS_PER_DIRECTORY;
    let keys: Vec<BlobKey> = (0..400).map(|index| key(number(index))).collect();
    for key in keys.iter().filter(|key| there(key.number)) {
        put(fixture.store(), *key, pattern(1)).await.unwrap();
    }
    let removals = fixture.store().remove(&keys).await;
    assert_eq!(removals.len(), keys.len());
    for (key, removal) in keys.iter().zip(removals) {
        match removal {
            Removal::Removed => assert!(there(key.number), "{key:?}"),
            Removal::Absent => assert!(!there(key.number), "{key:?}"),
            Removal::Unknown(error) => panic!("{key:?}: {error}"),
        }
    }
    fixture.store().sync_removals(&keys).await.unwrap();
    assert_eq!(fixture.store().inventory().await.unwrap().blobs, []);
}

pub(crate) async fn nothing_to_remove_is_no_error(fixture: &impl Fixture) {
    assert_eq!(fixture.store().remove(&[]).await.len(), 0);
    fixture.store().sync_removals(&[]).await.unwrap();
}

pub(crate) async fn many_writers_at_once_lose_nothing(fixture: &impl Fixture) {
    let numbers = || BLOBS_PER_DIRECTORY - 100..BLOBS_PER_DIRECTORY + 100;
    let size = |number: i64| usize::try_from(number % 97 * number % 97 * 900).unwrap();
    let puts = numbers().map(|number| put(fixture.store(), key(number), pattern(size(number))));
    for facts in futures::future::join_all(puts).await {
        facts.unwrap();
    }
    for number in numbers() {
        let range = 0..size(number) as u64;
        let read = get(fixture.store(), key(number), range).await.unwrap();
        assert!(read == Some(pattern(size(number))), "{number}");
    }
}

pub(crate) async fn an_inventory_holds_all_blobs_in_order(fixture: &impl Fixture) {
    for number in [70_000, 3, 4095, 4096, 20] {
        let size = usize::try_from(number).unwrap();
        put(fixture.store(), key(number), pattern(size)).await.unwrap();
    }
    let inventory = fixture.store().inventory().await.unwrap();
    let expected =
        [3, 20, 4095, 4096, 70_000].map(|number: i64| (key(number), number.unsigned_abs()));
    assert_eq!(inventory.blobs, expected);
    assert_eq!(inventory.strangers, [""; 0]);
}

pub(crate) async fn what_is_no_blob_is_a_stranger(fixture: &impl Fixture) {
    put(fixture.store(), key(1), pattern(1)).await.unwrap();
    let stranger = fixture.plant_stranger();
    let inventory = fixture.store().inventory().await.unwrap();
    assert_eq!(inventory.blobs, [(key(1), 1)]);
    assert_eq!(inventory.strangers, [stranger]);
}

pub(crate) async fn a_store_that_went_away_is_an_error_and_never_an_absence(
    fixture: &impl Fixture,
) {
    put(fixture.store(), key(1), pattern(10)).await.unwrap();
    fixture.store().check().await.unwrap();
    fixture.go_away();
    assert!(fixture.store().check().await.is_err());
    for there in [key(1), key(2)] {
        assert!(get(fixture.store(), there, 0..1).await.is_err());
    }
    let removals = fixture.store().remove(&[key(2), key(1)]).await;
    assert!(removals.iter().all(|removal| !removal.is_gone()), "{removals:?}");
    assert!(fixture.store().sync_removals(&[key(1)]).await.is_err());
    assert!(fixture.store().inventory().await.is_err());
    assert!(put(fixture.store(), key(3), pattern(10)).await.is_err());
}

mod memory {
    use super::super::memory::MemoryBlobs;
    use super::{BlobStore, Fixture};

    impl Fixture for MemoryBlobs {
        fn fresh() -> Self {
            Self::new()
        }

        fn store(&self) -> &dyn BlobStore {
            self
        }

        fn go_away(&self) {
            Self::go_away(self);
        }

        fn plant_stranger(&self) -> String {
            Self::plant_stranger(self, "7/stranger");
            "7/stranger".to_owned()
        }
    }

    super::suite!(MemoryBlobs);
}

mod faulty {
    use std::sync::Arc;

    use super::super::faulty::FaultyBlobs;
    use super::super::memory::MemoryBlobs;
    use super::{BlobStore, Fixture};

    /// A wrapper that was told nothing changes nothing.
    struct Untold(MemoryBlobs, FaultyBlobs);

    impl Fixture for Untold {
        fn fresh() -> Self {
            let memory = MemoryBlobs::new();
            Self(memory.clone(), FaultyBlobs::around(Arc::new(memory)))
        }

        fn store(&self) -> &dyn BlobStore {
            &self.1
        }

        fn go_away(&self) {
            self.0.go_away();
        }

        fn plant_stranger(&self) -> String {
            Fixture::plant_stranger(&self.0)
        }
    }

    super::suite!(Untold);
}

/// Appends a piece at `offset`; how much is acknowledged then.
async fn append(store: &dyn BlobStore, key: BlobKey, offset: u64, bytes: Bytes) -> u64 {
    let mut piece = store.reopen(key, offset).await.unwrap();
    piece.write(bytes).await.unwrap();
    piece.sync().await.unwrap()
}

pub(crate) async fn a_blob_may_come_in_pieces(fixture: &impl Fixture) {
    let store = fixture.store();
    for (number, size) in (1..).zip(SIZES_BYTES) {
        let bytes = pattern(size);
        let checksum = blake3::hash(&bytes).into();
        let facts = BlobFacts { size: size as u64, checksum };
        let cuts = [0, size / 3, size / 2, size];
        for pieces in cuts.windows(2).take(2) {
            let piece = bytes.slice(pieces[0]..pieces[1]);
            let grown = append(store, key(number), pieces[0] as u64, piece).await;
            assert_eq!(grown, pieces[1] as u64);
        }
        let mut last = store.reopen(key(number), cuts[2] as u64).await.unwrap();
        last.write(bytes.slice(cuts[2]..)).await.unwrap();
        assert_eq!(last.finish().await.unwrap(), facts, "{size} bytes");
        let read = get(store, key(number), 0..size as u64).await.unwrap();
        assert!(read == Some(bytes.clone()), "{size} bytes");
        let mut whole = store.reopen(key(100 + number), 0).await.unwrap();
        whole.write(bytes).await.unwrap();
        assert_eq!(whole.finish().await.unwrap(), facts, "{size} bytes");
    }
}

pub(crate) async fn what_was_not_acknowledged_is_cut_off(fixture: &impl Fixture) {
    let store = fixture.store();
    let bytes = pattern(700 * 1024);
    assert_eq!(append(store, key(1), 0, bytes.slice(..10)).await, 10);
    let mut lost = store.reopen(key(1), 10).await.unwrap();
    lost.write(Bytes::from(vec![0xff; 600 * 1024])).await.unwrap();
    drop(lost);
    assert_eq!(append(store, key(1), 10, bytes.slice(10..20)).await, 20);
    // Acknowledged by the store, and the caller did not get to remember it.
    let mut last = store.reopen(key(1), 15).await.unwrap();
    last.write(bytes.slice(15..)).await.unwrap();
    let facts = last.finish().await.unwrap();
    assert_eq!(facts.checksum, *blake3::hash(&bytes).as_bytes());
    let read = get(store, key(1), 0..facts.size).await.unwrap();
    assert!(read == Some(bytes.clone()));
    // Finished in vain: its end comes again.
    let mut again = store.reopen(key(1), 20).await.unwrap();
    again.write(bytes.slice(20..)).await.unwrap();
    assert_eq!(again.finish().await.unwrap(), facts);
    let read = get(store, key(1), 0..facts.size).await.unwrap();
    assert!(read == Some(bytes));
}

pub(crate) async fn a_piece_goes_on_only_where_something_was_acknowledged(fixture: &impl Fixture) {
    let store = fixture.store();
    for number in [1, 2] {
        let error = store.reopen(key(number), 11).await.err().unwrap();
        assert_eq!(error.kind, BlobErrorKind::Corrupt);
        append(store, key(number), 0, pattern(10)).await;
    }
    // An error leaves nothing open.
    assert_eq!(append(store, key(1), 10, pattern(1)).await, 11);
}

pub(crate) async fn a_blob_in_pieces_is_open_once_and_not_removed_meanwhile(
    fixture: &impl Fixture,
) {
    let store = fixture.store();
    let mut piece = store.reopen(key(1), 0).await.unwrap();
    piece.write(pattern(10)).await.unwrap();
    assert_eq!(piece.sync().await.unwrap(), 10);
    assert_eq!(store.reopen(key(1), 0).await.err().unwrap().kind, BlobErrorKind::Unavailable);
    assert!(store.create(key(1)).await.is_err());
    assert!(matches!(store.remove(&[key(1)]).await[..], [Removal::Unknown(_)]));
    piece.write(pattern(5)).await.unwrap();
    assert_eq!(piece.finish().await.unwrap().size, 15);
}

pub(crate) async fn a_blob_in_pieces_can_be_removed_before_it_is_whole(fixture: &impl Fixture) {
    let store = fixture.store();
    append(store, key(1), 0, pattern(300 * 1024)).await;
    assert_eq!(store.inventory().await.unwrap().blobs, [(key(1), 300 * 1024)]);
    assert!(matches!(store.remove(&[key(1)]).await[..], [Removal::Removed]));
    assert!(matches!(store.remove(&[key(1)]).await[..], [Removal::Absent]));
    assert_eq!(store.inventory().await.unwrap().blobs, []);
}
