//! Uploads, overwrites and what is read of them.

use super::fixture::{Fixture, at, attributes, beneath, written};
use crate::domain::entry::{Attributes, Entry, NewVersion, Stored, UploadRefusal};
use crate::domain::overwrite::Overwrite;
use crate::domain::usage::{Tally, Usage};

/// I13.
pub(crate) async fn an_upload_is_read_by_path_and_by_id(fixture: Fixture) {
    let realm = fixture.realm().await;
    let version = fixture.version("/a/b.png", 5).await;
    let Stored { file, created } = fixture.commit(&realm, version.clone()).await.unwrap();
    assert!(created);
    assert_eq!((file.id, file.blob, file.content), (version.entry, version.blob, version.content));
    assert_eq!((file.created_at, file.modified_at), (fixture.now(), fixture.now()));
    assert_eq!((file.name.as_str(), &file.attributes), ("b.png", &version.attributes));
    assert_eq!((file.locked, file.command), (false, None));
    assert_eq!(fixture.file_at(&realm, "/a/b.png").await.as_ref(), Some(&file));
    assert_eq!(fixture.ledger.file(&realm, file.id).await.unwrap(), Some(file));
}

/// Folders on the way are made, once, and count their direct files.
pub(crate) async fn an_upload_makes_the_folders_on_its_way(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b/one", 3).await;
    let above = fixture.folder_at(&realm, "/a").await.unwrap();
    let folder = fixture.folder_at(&realm, "/a/b").await.unwrap();
    assert_eq!((above.direct, folder.direct), (Tally::default(), Tally::one(3)));
    assert_eq!((folder.created_at, folder.locked), (fixture.now(), false));
    let two = fixture.upload(&realm, "/a/b/two", 4).await;
    let again = fixture.folder_at(&realm, "/a/b").await.unwrap();
    assert_eq!((again.id, again.number, again.number), (folder.id, folder.number, two.folder));
    assert_eq!(again.direct, Tally { files: 2, bytes: 7 });
}

/// A path that says a folder finds no file; one that does not finds either.
pub(crate) async fn a_trailing_slash_finds_folders_only(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b", 1).await;
    assert_eq!(fixture.entry(&realm, "/a/b/").await, None);
    assert!(matches!(fixture.entry(&realm, "/a/").await, Some(Entry::Folder(_))));
    assert!(matches!(fixture.entry(&realm, "/a").await, Some(Entry::Folder(_))));
    assert!(matches!(fixture.entry(&realm, "/").await, Some(Entry::Folder(_))));
    assert_eq!(fixture.entry(&realm, "/a/b/c").await, None);
}

/// Names are kept byte for byte: no folding of case, no normalisation.
pub(crate) async fn names_are_compared_byte_for_byte(fixture: Fixture) {
    let realm = fixture.realm().await;
    let names = ["/a/x", "/a/X", "/a/é", "/a/e\u{301}", "/a/%78", "/a/x ", "/a/_", "/a/*"];
    let files = fixture.upload_each(&realm, &names).await;
    for (name, file) in names.iter().zip(&files) {
        assert_eq!(fixture.file_at(&realm, name).await.map(|f| f.id), Some(file.id), "{name}");
    }
    fixture.delete_path(&realm, "/a/x").await;
    assert_eq!(fixture.present(&realm, &names).await, &names[1..]);
}

/// I8, I9: the old bytes are condemned, without a deletion, and due at once.
pub(crate) async fn overwriting_condemns_the_version_before(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload(&realm, "/a", 10).await;
    let after = fixture.upload(&realm, "/a", 3).await;
    let usage = Usage {
        uploaded: Tally { files: 2, bytes: 13 },
        live: Tally::one(3),
        condemned: Tally::one(10),
        ..Usage::default()
    };
    assert_eq!(fixture.usage(&realm).await, usage);
    let lease = fixture.lease();
    let batches = fixture.lease_due(lease).await;
    assert_eq!(batches.len(), 1);
    assert_eq!((batches[0].deletion, batches[0].attempts), (None, 0));
    assert_eq!((batches[0].blobs[0].key, batches[0].blobs[0].size), (before.blob, 10));
    fixture.settle(&batches, lease.token, |_| false).await;
    assert_eq!(fixture.usage(&realm).await.settled, Tally::one(10));
    assert_eq!(fixture.file_at(&realm, "/a").await.unwrap().blob, after.blob);
}

/// The entry stays who it was; the version is another.
pub(crate) async fn overwriting_keeps_the_entry_and_moves_its_sequence(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload(&realm, "/a/b", 1).await;
    fixture.clock.advance(std::time::Duration::from_secs(5));
    let version = fixture.version("/a/b", 2).await;
    let Stored { file, created } = fixture.commit(&realm, version).await.unwrap();
    assert!(!created);
    assert_eq!((file.id, file.created_at), (before.id, before.created_at));
    assert_eq!((file.folder, file.modified_at), (before.folder, fixture.now()));
    assert!(file.sequence > before.sequence);
    assert_ne!(file.blob, before.blob);
    assert_eq!(fixture.folder_at(&realm, "/a").await.unwrap().direct, Tally::one(2));
}

/// Tags outlive an overwrite that names none; everything else is the new version's.
pub(crate) async fn overwriting_keeps_tags_unless_it_brings_some(fixture: Fixture) {
    let realm = fixture.realm().await;
    let tagged = |tags: &[&str]| Attributes {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        description: Some("old".to_owned()),
        ..attributes("old")
    };
    let words = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    for (given, title, tags) in [
        (tagged(&["b", "a"]), "old", words(&["b", "a"])),
        (attributes("new"), "new", words(&["b", "a"])),
        (tagged(&["c"]), "old", words(&["c"])),
    ] {
        let version = NewVersion { attributes: given.clone(), ..fixture.version("/a", 1).await };
        let file = fixture.commit(&realm, version).await.unwrap().file;
        assert_eq!((file.attributes.title.as_str(), &file.attributes.tags), (title, &tags));
        assert_eq!(file.attributes.description, given.description);
        assert_eq!(fixture.ledger.file(&realm, file.id).await.unwrap(), Some(file));
    }
}

/// I6: a refusal changes nothing, and leaves the intent for another try.
pub(crate) async fn a_file_in_the_way_is_not_replaced_unasked(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload(&realm, "/a", 1).await;
    let version = NewVersion { overwrite: Overwrite::Never, ..fixture.version("/a", 2).await };
    let usage = fixture.usage(&realm).await;
    assert_eq!(fixture.commit(&realm, version.clone()).await, Err(UploadRefusal::Exists));
    assert_eq!(fixture.usage(&realm).await, usage);
    assert_eq!(fixture.file_at(&realm, "/a").await, Some(before));
    let elsewhere = NewVersion { path: at("/b"), ..version };
    assert!(fixture.commit(&realm, elsewhere).await.is_ok());
}

/// The root, a folder and a reserved folder cannot become files.
pub(crate) async fn a_folder_is_never_replaced_by_a_file(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b", 1).await;
    for path in ["/", "/a", "/uploads", "/commands"] {
        let version = fixture.version(path, 1).await;
        assert_eq!(fixture.commit(&realm, version).await, Err(UploadRefusal::IsFolder), "{path}");
    }
}

/// The file in the way is named, however far above it lies, and no folder is left behind.
pub(crate) async fn a_file_on_the_way_is_named(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/file", 1).await;
    for path in ["/a/file/x", "/a/file/x/y/z"] {
        let version = fixture.version(path, 1).await;
        let refusal = UploadRefusal::ParentIsFile(at("/a/file"));
        assert_eq!(fixture.commit(&realm, version).await, Err(refusal), "{path}");
    }
    assert!(fixture.file_at(&realm, "/a/file").await.is_some());
}

/// A refused upload makes none of the folders that it would have needed (I6).
pub(crate) async fn a_refused_upload_makes_no_folders(fixture: Fixture) {
    let realm = fixture.realm().await;
    let spent = fixture.upload(&realm, "/a", 1).await.blob;
    let version = fixture.version_of(spent, "/new/folder/b", 1);
    assert_eq!(fixture.commit(&realm, version).await, Err(UploadRefusal::IntentExpired));
    assert_eq!(fixture.present(&realm, &["/new", "/new/folder"]).await, [""; 0]);
}

/// I7: a key with a prefix stores beneath it only, siblings of similar names included.
pub(crate) async fn an_upload_outside_the_prefix_is_refused(fixture: Fixture) {
    let realm = fixture.realm().await;
    let narrow = beneath(&realm, "/a");
    for path in ["/b", "/ab", "/a.txt", "/"] {
        let version = fixture.version(path, 1).await;
        let refused = fixture.commit(&narrow, version).await;
        assert_eq!(refused, Err(UploadRefusal::OutsidePrefix), "{path}");
    }
    let file = fixture.upload(&narrow, "/a/b", 1).await;
    assert_eq!(fixture.file_at(&realm, "/a/b").await, Some(file));
}

/// The checks come in one order, so that two ledgers name the same fault.
pub(crate) async fn the_first_fault_of_an_upload_is_the_one_named(fixture: Fixture) {
    let realm = fixture.realm().await;
    let spent = fixture.upload(&realm, "/a/b", 1).await.blob;
    fixture.lock(&realm, &["/a/b"]).await;
    let no_command = Some((fixture.id(), "k".to_owned()));
    let mut version = NewVersion {
        output_of: no_command,
        overwrite: Overwrite::Never,
        ..fixture.version_of(spent, "/a/b", 1)
    };
    let outside = fixture.commit(&beneath(&realm, "/z"), version.clone()).await;
    assert_eq!(outside, Err(UploadRefusal::OutsidePrefix));
    assert_eq!(fixture.commit(&realm, version.clone()).await, Err(UploadRefusal::NoCommand));
    version.output_of = None;
    assert_eq!(fixture.commit(&realm, version.clone()).await, Err(UploadRefusal::Exists));
    version.overwrite = Overwrite::Always;
    let locked = Err(UploadRefusal::Locked(at("/a/b")));
    assert_eq!(fixture.commit(&realm, version.clone()).await, locked);
    assert!(fixture.set_lock(&realm, "/a/b", false).await);
    assert_eq!(fixture.commit(&realm, version).await, Err(UploadRefusal::IntentExpired));
}

/// An id is not enough: the realm has to see the path.
pub(crate) async fn a_file_is_found_by_id_within_the_prefix_only(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/ab/x", 1).await;
    for (prefix, seen) in [("/ab", true), ("/ab/x", true), ("/a", false), ("/ab/x/y", false)] {
        let narrow = beneath(&realm, prefix);
        let found = fixture.ledger.file(&narrow, file.id).await.unwrap();
        assert_eq!(found.is_some(), seen, "{prefix}");
        let found = fixture.ledger.entry_at(&narrow, &written("/ab/x")).await.unwrap();
        assert_eq!(found.is_some(), seen, "{prefix}");
    }
    assert_eq!(fixture.ledger.file(&realm, fixture.id()).await.unwrap(), None);
}

/// A folder's id is no file's.
pub(crate) async fn a_folder_is_not_found_as_a_file(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b", 1).await;
    let folder = fixture.folder_at(&realm, "/a").await.unwrap();
    assert_eq!(fixture.ledger.file(&realm, folder.id).await.unwrap(), None);
}

/// Empty files are files: they have a blob and they count.
pub(crate) async fn an_empty_file_counts(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 0).await;
    assert_eq!(fixture.usage(&realm).await.live, Tally::one(0));
    fixture.delete_path(&realm, "/a").await;
    assert_eq!(fixture.drain().await, [file.blob]);
    assert_eq!(fixture.usage(&realm).await.settled, Tally::one(0));
}

/// A version that names what it replaces replaces nothing else, also where several race.
pub(crate) async fn a_conditional_version_meets_what_it_wants_or_is_refused(fixture: Fixture) {
    let realm = fixture.realm().await;
    let first = fixture.upload(&realm, "/a", 1).await;
    fixture.upload(&realm, "/f/x", 1).await;
    let stale = Overwrite::IfVersion(vec![first.blob.id]);
    let changed = Some(UploadRefusal::VersionChanged);
    for (path, overwrite, refusal) in [
        ("/a", Overwrite::IfNone, changed.clone()),
        ("/a", Overwrite::IfVersion(vec![fixture.id()]), changed.clone()),
        ("/b", Overwrite::IfThere, changed.clone()),
        ("/b/c/d", stale.clone(), changed.clone()),
        ("/f", Overwrite::IfNone, Some(UploadRefusal::IsFolder)),
        ("/a/b", Overwrite::IfThere, Some(UploadRefusal::ParentIsFile(at("/a")))),
        ("/b", Overwrite::IfNone, None),
        ("/b", Overwrite::IfThere, None),
        ("/a", stale.clone(), None),
        ("/a", stale, changed.clone()),
    ] {
        let version = NewVersion { overwrite, ..fixture.version(path, 2).await };
        let case = format!("{version:?}");
        assert_eq!(fixture.commit(&realm, version).await.err(), refusal, "{case}");
    }
    let present = fixture.file_at(&realm, "/a").await.unwrap();
    let mut commits = Vec::new();
    for size in 1..=8 {
        let overwrite = Overwrite::IfVersion(vec![present.blob.id]);
        let version = NewVersion { overwrite, ..fixture.version("/a", size).await };
        commits.push(fixture.ledger.commit_version(&realm, version, fixture.now()));
    }
    let outcomes = futures::future::join_all(commits).await;
    let stored = outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().is_ok()).count();
    assert_eq!(stored, 1);
    fixture.assert_sound().await;
}
