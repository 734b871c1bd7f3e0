//! What is true of the disk alone; everything else is in the suite.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::layout::blob_name;
use super::*;
use crate::blobs::conformance::{self, Fixture, get, key, pattern, put};
use crate::blobs::{BlobErrorKind, BlobStore};
use crate::domain::blob::BLOBS_PER_DIRECTORY;

const INSTANCE: [u8; 16] = [9; 16];

struct OnDisk {
    directory: TempDir,
    store: DiskBlobs,
}

impl OnDisk {
    fn root(&self) -> PathBuf {
        self.directory.path().join("blobs")
    }

    fn path(&self, key: BlobKey) -> PathBuf {
        self.root().join(key.directory().to_string()).join(blob_name(key))
    }

    fn reopen(&self) -> DiskBlobs {
        DiskBlobs::open(&self.root(), INSTANCE, false).unwrap()
    }
}

impl Fixture for OnDisk {
    fn fresh() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = DiskBlobs::open(&directory.path().join("blobs"), INSTANCE, true).unwrap();
        Self { directory, store }
    }

    fn store(&self) -> &dyn BlobStore {
        &self.store
    }

    fn go_away(&self) {
        for entry in fs::read_dir(self.root()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
    }

    fn plant_stranger(&self) -> String {
        fs::write(self.root().join("0").join("notes.txt"), "not a blob").unwrap();
        "0/notes.txt".to_owned()
    }
}

conformance::suite!(OnDisk);

fn refusal(path: &Path, instance: [u8; 16], fresh: bool) -> String {
    let error = DiskBlobs::open(path, instance, fresh).err().expect("it is refused");
    assert_eq!(error.kind, BlobErrorKind::Corrupt);
    error.to_string()
}

#[tokio::test]
async fn a_store_opened_again_holds_what_was_finished() {
    let disk = OnDisk::fresh();
    put(&disk.store, key(5), pattern(10)).await.unwrap();
    let again = disk.reopen();
    assert_eq!(get(&again, key(5), 0..10).await.unwrap(), Some(pattern(10)));
}

#[test]
fn a_foreign_a_missing_and_an_empty_directory_are_refused() {
    let disk = OnDisk::fresh();
    let foreign = refusal(&disk.root(), [8; 16], false);
    assert_eq!(
        foreign,
        "blob store: the blob directory is not the one this database belongs to; is its disk \
         mounted?"
    );
    assert_eq!(refusal(&disk.root(), [8; 16], true), foreign, "not even for a new database");
    assert_eq!(refusal(&disk.root().join("missing"), INSTANCE, false), foreign);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(refusal(empty.path(), INSTANCE, false), foreign);
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "nothing was written");
    fs::write(disk.root().join(".delenda"), "").unwrap();
    assert_eq!(refusal(&disk.root(), INSTANCE, false), foreign, "an emptied sentinel");
}

#[test]
fn a_new_database_takes_no_directory_that_is_in_use() {
    let used = tempfile::tempdir().unwrap();
    fs::create_dir(used.path().join("lost+found")).unwrap();
    fs::write(used.path().join(".delenda.part"), "cut off").unwrap();
    DiskBlobs::open(used.path(), INSTANCE, true).unwrap();
    DiskBlobs::open(used.path(), INSTANCE, true).unwrap();
    let used = tempfile::tempdir().unwrap();
    fs::write(used.path().join("letter.txt"), "mine").unwrap();
    assert!(refusal(used.path(), INSTANCE, true).contains("must be empty"));
}

#[tokio::test]
async fn the_root_may_be_a_link_and_nothing_beneath_it() {
    let disk = OnDisk::fresh();
    put(&disk.store, key(1), pattern(10)).await.unwrap();
    let link = disk.directory.path().join("link");
    symlink(disk.root(), &link).unwrap();
    let linked = DiskBlobs::open(&link, INSTANCE, false).unwrap();
    assert_eq!(get(&linked, key(1), 0..10).await.unwrap(), Some(pattern(10)));

    let outside = disk.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink(outside.join("secret"), disk.path(key(2))).unwrap();
    symlink(&outside, disk.root().join("1")).unwrap();
    let beyond = key(BLOBS_PER_DIRECTORY);
    fs::write(outside.join(blob_name(beyond)), "secret").unwrap();
    for planted in [key(2), beyond] {
        let error = get(&disk.store, planted, 0..1).await.unwrap_err();
        assert_eq!(error.kind, BlobErrorKind::Corrupt);
        assert!(put(&disk.store, planted, pattern(10)).await.is_err());
        assert!(put(&disk.store, planted, pattern(100_000)).await.is_err());
    }
    assert!(!disk.store.remove(&[beyond]).await[0].is_gone());
    let inventory = disk.store.inventory().await.unwrap();
    assert_eq!(inventory.strangers, [format!("0/{}", blob_name(key(2))), "1".to_owned()]);
    // The link itself is removed, not what it points to.
    assert!(disk.store.remove(&[key(2)]).await[0].is_gone());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "secret");
}

#[tokio::test]
async fn files_and_directories_belong_to_the_service_alone() {
    let disk = OnDisk::fresh();
    put(&disk.store, key(1), pattern(10)).await.unwrap();
    put(&disk.store, key(2), pattern(100_000)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&disk.root()), 0o700);
    assert_eq!(mode(&disk.root().join("0")), 0o700);
    for file in [disk.path(key(1)), disk.path(key(2)), disk.root().join(".delenda")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn empty_directories_go_except_the_newest() {
    let disk = OnDisk::fresh();
    let keys = [1, 2, 3, 4].map(|directory| key(directory * BLOBS_PER_DIRECTORY));
    for key in keys {
        put(&disk.store, key, pattern(1)).await.unwrap();
    }
    let kept = key(BLOBS_PER_DIRECTORY + 1);
    put(&disk.store, kept, pattern(1)).await.unwrap();
    disk.store.remove(&keys).await;
    disk.store.sync_removals(&keys).await.unwrap();
    let exists = |number: i64| disk.root().join(number.to_string()).exists();
    assert_eq!([1, 2, 3, 4].map(exists), [true, false, true, true]);

    disk.store.remove(&[kept]).await;
    disk.store.sync_removals(&[kept]).await.unwrap();
    assert!(!exists(1), "the last blob has left");
    put(&disk.store, kept, pattern(1)).await.unwrap();
    assert!(exists(1), "a late blob makes its directory again");
}

#[tokio::test]
async fn after_a_restart_old_empty_directories_go_as_well() {
    let disk = OnDisk::fresh();
    let keys = [0, 5, 6].map(|directory| key(directory * BLOBS_PER_DIRECTORY));
    for key in keys {
        put(&disk.store, key, pattern(1)).await.unwrap();
    }
    let again = disk.reopen();
    again.remove(&keys).await;
    again.sync_removals(&keys).await.unwrap();
    let exists = |number: i64| disk.root().join(number.to_string()).exists();
    assert_eq!([0, 5, 6].map(exists), [false, true, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_come_into_directories_that_are_being_removed() {
    const ROUNDS: i64 = 300;
    let disk = Arc::new(OnDisk::fresh());
    put(&disk.store, key(9 * BLOBS_PER_DIRECTORY), pattern(1)).await.unwrap();
    let sweeping = Arc::clone(&disk);
    let sweep = tokio::spawn(async move {
        for _ in 0..ROUNDS {
            sweeping.store.sync_removals(&[key(0)]).await.unwrap();
        }
    });
    for number in 1..ROUNDS {
        // Small ones go through the committing thread, large ones through tasks of their own.
        let size = if number % 2 == 0 { 10 } else { 65 * 1024 };
        put(&disk.store, key(number), pattern(size)).await.unwrap();
        let read = get(&disk.store, key(number), 0..10).await.unwrap();
        assert_eq!(read, Some(pattern(10)));
        assert!(disk.store.remove(&[key(number)]).await[0].is_gone());
    }
    sweep.await.unwrap();
}

#[tokio::test]
async fn a_file_that_became_shorter_is_an_error_before_or_amid_its_bytes() {
    let disk = OnDisk::fresh();
    put(&disk.store, key(1), pattern(600 * 1024)).await.unwrap();
    let stream = disk.store.read(key(1), 0..600 * 1024).await.unwrap().unwrap();
    fs::OpenOptions::new().write(true).open(disk.path(key(1))).unwrap().set_len(300_000).unwrap();
    let items: Vec<_> = futures::StreamExt::collect(stream).await;
    assert_eq!(items.len(), 2);
    assert_eq!(items[0].as_ref().unwrap().len(), 256 * 1024);
    assert_eq!(items[1].as_ref().unwrap_err().kind, BlobErrorKind::Corrupt);
    let error = get(&disk.store, key(1), 0..600 * 1024).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Corrupt);
}

#[tokio::test]
async fn what_was_never_finished_is_listed_under_its_key() {
    let disk = OnDisk::fresh();
    let mut writer = disk.store.create(key(1)).await.unwrap();
    writer.write(pattern(400_000)).await.unwrap();
    // Once the claim is gone, the last task has ended.
    drop(writer);
    while !disk.store.disk.claims.among(&[key(1)]).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let inventory = disk.store.inventory().await.unwrap();
    assert_eq!(inventory.blobs.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [key(1)]);
    assert_eq!(inventory.strangers, [""; 0]);
    assert!(disk.store.remove(&[key(1)]).await[0].is_gone());
}

#[tokio::test]
async fn strangers_of_every_kind_are_named_and_none_is_touched() {
    let disk = OnDisk::fresh();
    put(&disk.store, key(1), pattern(1)).await.unwrap();
    let root = disk.root();
    fs::create_dir(root.join("lost+found")).unwrap();
    fs::create_dir(root.join("007")).unwrap();
    fs::write(root.join("8"), "a file").unwrap();
    fs::write(root.join("0").join(blob_name(key(BLOBS_PER_DIRECTORY))), "misplaced").unwrap();
    fs::create_dir(disk.path(key(2))).unwrap();
    let inventory = disk.store.inventory().await.unwrap();
    assert_eq!(inventory.blobs, [(key(1), 1)]);
    let mut expected = vec!["007".to_owned(), "8".to_owned()];
    expected.push(format!("0/{}", blob_name(key(2))));
    expected.push(format!("0/{}", blob_name(key(BLOBS_PER_DIRECTORY))));
    expected.sort();
    assert_eq!(inventory.strangers, expected);
    assert!(!disk.store.remove(&[key(2)]).await[0].is_gone(), "a directory is no blob");
}

#[tokio::test]
async fn open_for_reading_only_changes_nothing() {
    let disk = OnDisk::fresh();
    put(&disk.store, key(1), pattern(10)).await.unwrap();
    let reader = DiskBlobs::open_read_only(&disk.root(), INSTANCE).unwrap();
    assert_eq!(get(&reader, key(1), 0..10).await.unwrap(), Some(pattern(10)));
    assert_eq!(reader.inventory().await.unwrap().blobs, [(key(1), 10)]);
    assert!(put(&reader, key(2), pattern(10)).await.is_err());
    assert!(!reader.remove(&[key(1)]).await[0].is_gone());
    assert!(reader.sync_removals(&[key(1)]).await.is_err());
    assert_eq!(get(&disk.store, key(1), 0..10).await.unwrap(), Some(pattern(10)));
    let foreign = DiskBlobs::open_read_only(&disk.root(), [8; 16]).err();
    assert_eq!(foreign.map(|error| error.kind), Some(BlobErrorKind::Corrupt));
}

#[tokio::test]
async fn a_writer_that_failed_does_not_go_on() {
    let disk = OnDisk::fresh();
    put(&disk.store, key(1), pattern(1)).await.unwrap();
    let mut writer = disk.store.create(key(1)).await.unwrap();
    let mut failed = false;
    for _ in 0..8 {
        failed |= writer.write(pattern(200 * 1024)).await.is_err();
    }
    assert!(failed, "the key exists");
    assert!(writer.write(pattern(1)).await.is_err());
    assert!(writer.finish().await.is_err());
    assert_eq!(get(&disk.store, key(1), 0..1).await.unwrap(), Some(pattern(1)));
}
