//! Many versions that become live in one transaction, or not at all (I6, I12, I13).

use std::time::Duration;

use super::fixture::{Fixture, INTENT_LIFETIME, at, beneath, by_path, keys_of, written};
use super::once::once;
use crate::domain::attach::{
    ATTACH_ENTRIES_MAX, Attach, AttachOnce, AttachRefusal, Attached, Attachment, CopySource,
};
use crate::domain::blob::BlobKey;
use crate::domain::entry::{Entry, FileRecord, UploadRefusal};
use crate::domain::once::Repeat;
use crate::domain::organization::{DEFAULT_PLAN, Realm};
use crate::domain::overwrite::Overwrite;
use crate::domain::plans::{PlanLimits, Plans};
use crate::ledger::Standing;

/// Files of one byte at these paths, under fresh intents, which overwrite nothing.
async fn files(fixture: &Fixture, paths: &[&str]) -> Attach {
    let mut attach = Attach::default();
    for (blob, path) in fixture.intents(paths.len()).await.into_iter().zip(paths) {
        let mut version = fixture.version_of(blob, path, 1);
        version.overwrite = Overwrite::Never;
        attach.files.push(Attachment { version, source: None });
    }
    attach
}

fn overwriting(mut attach: Attach) -> Attach {
    for file in &mut attach.files {
        file.version.overwrite = Overwrite::Always;
    }
    attach
}

fn with_source(mut attach: Attach, file: &FileRecord) -> Attach {
    let source = CopySource { entry: file.id, blob: file.blob };
    attach.files[0].source = Some(source);
    attach
}

fn blobs(attach: &Attach) -> Vec<BlobKey> {
    attach.files.iter().map(|file| file.version.blob).collect()
}

async fn attach(
    fixture: &Fixture,
    realm: &Realm,
    attach: Attach,
) -> Result<Attached, AttachRefusal> {
    let attached = fixture.ledger.attach(realm, attach, fixture.now()).await.unwrap();
    fixture.assert_sound().await;
    attached
}

/// Fails unless the refusal is this one, and left the intents and the tree as they were.
async fn assert_refused(fixture: &Fixture, realm: &Realm, wanted: Attach, refusal: AttachRefusal) {
    let (before, blobs) = (fixture.usage(realm).await, blobs(&wanted));
    let new: Vec<_> = wanted.files.iter().map(|file| file.version.entry).collect();
    assert_eq!(attach(fixture, realm, wanted).await, Err(refusal));
    assert_eq!(fixture.usage(realm).await, before);
    let inspected = fixture.ledger.inspect().await.unwrap();
    for blob in blobs {
        assert!(inspected.blobs.contains(&(blob, None, Standing::Intended)), "{blob:?}");
    }
    for entry in new {
        assert_eq!(fixture.ledger.file(realm, entry).await.unwrap(), None);
    }
}

fn refused(path: &str, refusal: UploadRefusal) -> AttachRefusal {
    AttachRefusal::Entry(at(path), refusal)
}

/// All of them are there, with their folders, counted, and their intents are gone.
pub(crate) async fn many_files_become_live_together(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/x/a", "/x/deep/er/b", "/x/deep/c", "/d"];
    let wanted = files(&fixture, &paths).await;
    let blobs = blobs(&wanted);
    let attached = attach(&fixture, &realm, wanted).await;
    assert_eq!(attached, Ok(Attached { created: 4, replaced: 0 }));
    assert_eq!(fixture.present(&realm, &paths).await, paths);
    assert_eq!(fixture.usage(&realm).await.live.files, 4);
    let inspected = fixture.ledger.inspect().await.unwrap();
    for blob in blobs {
        assert!(inspected.blobs.contains(&(blob, Some(1), Standing::Stored)));
    }
    assert_eq!(attach(&fixture, &realm, Attach::default()).await, Ok(Attached::default()));
}

/// The last of them is refused: none of them is there, and no folder was made for any.
pub(crate) async fn one_file_that_is_refused_spares_the_tree_all_others(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/x/there", 1).await;
    let wanted = files(&fixture, &["/new/a", "/x/b", "/x/there"]).await;
    let exists = refused("/x/there", UploadRefusal::Exists);
    assert_refused(&fixture, &realm, wanted, exists).await;
    assert_eq!(fixture.present(&realm, &["/new", "/x/b"]).await, [""; 0]);
    let wanted = files(&fixture, &["/new/a", "/x/there/b"]).await;
    let parent = refused("/x/there/b", UploadRefusal::ParentIsFile(at("/x/there")));
    assert_refused(&fixture, &realm, wanted, parent).await;
    let wanted = overwriting(files(&fixture, &["/new/a", "/x"]).await);
    assert_refused(&fixture, &realm, wanted, refused("/x", UploadRefusal::IsFolder)).await;
    assert_eq!(fixture.present(&realm, &["/new"]).await, [""; 0]);
}

/// Two files at one path, or one within the other, are refused whatever the tree holds.
pub(crate) async fn what_fits_no_tree_is_refused_by_itself(fixture: Fixture) {
    let realm = fixture.realm().await;
    let twice = overwriting(files(&fixture, &["/a", "/b", "/a"]).await);
    assert_refused(&fixture, &realm, twice, refused("/a", UploadRefusal::Exists)).await;
    for paths in [["/a", "/a/b"], ["/a/b", "/a"]] {
        let within = overwriting(files(&fixture, &paths).await);
        let refusal = refused("/a/b", UploadRefusal::ParentIsFile(at("/a")));
        assert_refused(&fixture, &realm, within, refusal).await;
    }
    let mut folder = overwriting(files(&fixture, &["/a"]).await);
    folder.folders.push(at("/a"));
    assert_refused(&fixture, &realm, folder, refused("/a", UploadRefusal::Exists)).await;
    let mut below = overwriting(files(&fixture, &["/a"]).await);
    below.folders.push(at("/a/b"));
    let refusal = refused("/a/b", UploadRefusal::ParentIsFile(at("/a")));
    assert_refused(&fixture, &realm, below, refusal).await;
}

/// Overwriting keeps the entry and condemns the version before; a doomed name is free.
pub(crate) async fn a_file_is_attached_over_another_only_where_it_may(fixture: Fixture) {
    let realm = fixture.realm().await;
    let old = fixture.upload(&realm, "/x/a", 5).await;
    fixture.upload(&realm, "/gone/b", 1).await;
    fixture.delete_path(&realm, "/gone").await;
    let paths = ["/x/a", "/x/new", "/gone/b"];
    let wanted = overwriting(files(&fixture, &paths).await);
    let attached = attach(&fixture, &realm, wanted).await;
    assert_eq!(attached, Ok(Attached { created: 2, replaced: 1 }));
    let new = fixture.file_at(&realm, "/x/a").await.unwrap();
    assert_eq!((new.id, new.content.size), (old.id, 1));
    assert!(new.sequence > old.sequence);
    assert!(fixture.drain().await.contains(&old.blob));
    assert_eq!(fixture.present(&realm, &paths).await, paths);
}

/// I11: a lock refuses all of it; a locked folder takes what is new.
pub(crate) async fn a_locked_file_refuses_all_that_would_be_attached(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/x/a", "/held/b"]).await;
    fixture.lock(&realm, &["/x/a", "/held"]).await;
    for path in ["/x/a", "/held/b"] {
        let wanted = overwriting(files(&fixture, &["/new", path]).await);
        let locked = refused(path, UploadRefusal::Locked(at(path)));
        assert_refused(&fixture, &realm, wanted, locked).await;
    }
    let wanted = files(&fixture, &["/held/new"]).await;
    assert!(attach(&fixture, &realm, wanted).await.is_ok());
}

/// I7: neither files nor folders, and nothing of what lies within the prefix either.
pub(crate) async fn what_lies_beyond_the_prefix_is_not_attached(fixture: Fixture) {
    let realm = beneath(&fixture.realm().await, "/t");
    let wanted = files(&fixture, &["/t/a", "/other/b"]).await;
    let outside = refused("/other/b", UploadRefusal::OutsidePrefix);
    assert_refused(&fixture, &realm, wanted, outside).await;
    let mut wanted = files(&fixture, &["/t/a"]).await;
    wanted.folders.push(at("/other"));
    let outside = refused("/other", UploadRefusal::OutsidePrefix);
    assert_refused(&fixture, &realm, wanted, outside).await;
    let wanted = files(&fixture, &["/t/a"]).await;
    assert!(attach(&fixture, &realm, wanted).await.is_ok());
}

/// A file, a folder, the root: all of them are something; what is doomed is nothing.
pub(crate) async fn a_path_that_must_be_vacant_refuses_all(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/x/a", "/gone/a"]).await;
    fixture.delete_path(&realm, "/gone").await;
    for path in ["/x", "/x/a", "/uploads", "/"] {
        let mut wanted = files(&fixture, &["/new/a"]).await;
        wanted.vacant.push(at(path));
        let occupied = AttachRefusal::Occupied(at(path));
        assert_refused(&fixture, &realm, wanted, occupied).await;
    }
    let mut wanted = files(&fixture, &["/gone/b"]).await;
    wanted.vacant = vec![at("/gone"), at("/gone/b"), at("/x/a/b"), at("/never/was")];
    assert!(attach(&fixture, &realm, wanted).await.is_ok());
}

/// Folders that are there stay what they are; a file is none.
pub(crate) async fn folders_are_made_where_they_are_not(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/x/a"]).await;
    let before = fixture.folder_at(&realm, "/x").await;
    let folders = vec![at("/x"), at("/x/empty/one"), at("/x/empty"), at("/")];
    let wanted = Attach { folders, ..Attach::default() };
    assert_eq!(attach(&fixture, &realm, wanted).await, Ok(Attached::default()));
    assert_eq!(fixture.folder_at(&realm, "/x").await, before);
    assert!(fixture.folder_at(&realm, "/x/empty/one").await.is_some());
    for (path, refusal) in [
        ("/x/a", UploadRefusal::Exists),
        ("/x/a/b", UploadRefusal::ParentIsFile(at("/x/a"))),
        ("/x/a/b/c", UploadRefusal::ParentIsFile(at("/x/a"))),
    ] {
        let folders = vec![at("/new"), at(path)];
        let wanted = Attach { folders, ..files(&fixture, &["/new/f"]).await };
        assert_refused(&fixture, &realm, wanted, refused(path, refusal)).await;
        assert_eq!(fixture.folder_at(&realm, "/new").await, None);
    }
}

/// Overwritten or deleted meanwhile: what was copied is not the source any more.
pub(crate) async fn a_source_that_changed_refuses_the_copy(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/x/a", 1).await;
    let wanted = with_source(files(&fixture, &["/copy", "/other"]).await, &file);
    assert!(attach(&fixture, &realm, wanted).await.is_ok());
    fixture.upload(&realm, "/x/a", 2).await;
    let changed = AttachRefusal::SourceChanged(at("/again"));
    let wanted = with_source(files(&fixture, &["/again", "/more"]).await, &file);
    assert_refused(&fixture, &realm, wanted, changed.clone()).await;
    let file = fixture.file_at(&realm, "/x/a").await.unwrap();
    fixture.delete_path(&realm, "/x").await;
    let wanted = with_source(files(&fixture, &["/again", "/more"]).await, &file);
    assert_refused(&fixture, &realm, wanted, changed).await;
}

/// I7: neither another organization's file nor one beyond the prefix can be copied.
pub(crate) async fn a_copy_is_of_what_the_realm_sees(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let foreign = fixture.upload(&other, "/a", 1).await;
    let beside = fixture.upload(&realm, "/a", 1).await;
    let realm = beneath(&realm, "/t");
    for file in [foreign, beside] {
        let wanted = with_source(files(&fixture, &["/t/copy"]).await, &file);
        let changed = AttachRefusal::SourceChanged(at("/t/copy"));
        assert_refused(&fixture, &realm, wanted, changed).await;
    }
}

/// Whoever comes second fails: what the sweep took is attached by nobody.
pub(crate) async fn an_expired_intent_refuses_all_and_the_others_stay(fixture: Fixture) {
    let realm = fixture.realm().await;
    let mut wanted = files(&fixture, &["/a", "/b", "/c"]).await;
    let swept = wanted.files[1].version.blob;
    fixture.ledger.abandon_intents(&[swept], fixture.now()).await.unwrap();
    let refusal = refused("/b", UploadRefusal::IntentExpired);
    assert_eq!(attach(&fixture, &realm, wanted.clone()).await, Err(refusal));
    assert_eq!(fixture.present(&realm, &["/a", "/b", "/c"]).await, [""; 0]);
    assert_eq!(keys_of(&fixture.lease_due(fixture.lease()).await), [swept]);
    wanted.files.remove(1);
    assert!(attach(&fixture, &realm, wanted).await.is_ok());
}

/// What is built for longer than an intent lives keeps its intents.
pub(crate) async fn a_renewed_intent_lives_longer_and_never_shorter(fixture: Fixture) {
    let renew =
        async |blobs: &[BlobKey], until| fixture.ledger.renew_intents(blobs, until).await.unwrap();
    let (held, left) = (fixture.intents(2).await, fixture.intent().await);
    assert!(renew(&held, fixture.now().plus(INTENT_LIFETIME * 2)).await);
    assert!(renew(&held, fixture.now()).await);
    let millisecond = Duration::from_millis(1);
    fixture.clock.set(fixture.now().plus(INTENT_LIFETIME * 2).minus(millisecond));
    assert_eq!(fixture.ledger.condemn_expired_intents(fixture.now(), 9).await.unwrap(), 1);
    assert_eq!(keys_of(&fixture.lease_due(fixture.lease()).await), [left]);
    fixture.clock.advance(millisecond);
    assert_eq!(fixture.ledger.condemn_expired_intents(fixture.now(), 1).await.unwrap(), 1);
    assert!(!renew(&held, fixture.now().plus(INTENT_LIFETIME)).await);
    // The one that was left is renewed all the same.
    assert_eq!(fixture.ledger.count_expired_intents(fixture.now()).await.unwrap(), 0);
}

/// I12: whatever was built before a deletion and attached after it stays.
pub(crate) async fn what_is_attached_after_a_deletion_survives_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/x/a", "/x/held/b"]).await;
    fixture.lock(&realm, &["/x/held/b"]).await;
    let paths = ["/x/a", "/x/held/c", "/x/held/d/e"];
    let wanted = files(&fixture, &paths).await;
    fixture.delete(fixture.lenient(&realm, vec![by_path("/x")])).await.unwrap();
    assert!(attach(&fixture, &realm, wanted).await.is_ok());
    fixture.drain().await;
    fixture.assert_sound().await;
    assert_eq!(fixture.present(&realm, &paths).await, paths);
}

/// Each is measured with those before it, and what those replaced waits to be purged.
pub(crate) async fn what_is_overwritten_together_counts_as_backlog(fixture: Fixture) {
    let limits = PlanLimits { backlog_bytes_max: Some(3), ..PlanLimits::default() };
    fixture.ledger.set_plans(Plans::new([(DEFAULT_PLAN.to_owned(), limits)]));
    let realm = fixture.realm().await;
    for (path, size) in [("/a", 4), ("/b", 3), ("/c", 1)] {
        fixture.upload(&realm, path, size).await;
    }
    let wanted = overwriting(files(&fixture, &["/a", "/c"]).await);
    assert_refused(&fixture, &realm, wanted, refused("/c", UploadRefusal::BacklogFull)).await;
    let wanted = overwriting(files(&fixture, &["/b", "/c"]).await);
    let attached = attach(&fixture, &realm, wanted).await;
    assert_eq!(attached, Ok(Attached { created: 0, replaced: 2 }));
}

/// One commit is bounded.
pub(crate) async fn ten_thousand_files_are_attached_and_no_more(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths: Vec<String> =
        (0..ATTACH_ENTRIES_MAX).map(|n| format!("/x/{:02}/{n:05}", n % 100)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut wanted = files(&fixture, &paths).await;
    wanted.folders.push(at("/one/more"));
    let refusal = attach(&fixture, &realm, wanted.clone()).await;
    assert_eq!(refusal, Err(AttachRefusal::TooMany));
    wanted.folders.clear();
    let attached = attach(&fixture, &realm, wanted).await;
    assert_eq!(attached, Ok(Attached { created: 10_000, replaced: 0 }));
    assert_eq!(fixture.usage(&realm).await.live.files, 10_000);
}

/// Of attachments under one idempotency key one is made, and the others learn what it made: a
/// file, or a folder. An empty one only asks.
pub(crate) async fn what_is_attached_once_is_known_by_what_it_made(fixture: Fixture) {
    let realm = fixture.realm().await;
    let asked = |key: &str, what: &str, made: &str| {
        Some(AttachOnce { once: once(&fixture, key, what), made: at(made) })
    };
    let empty = |once| Attach { vacant: vec![at("/a/f")], once, ..Attach::default() };
    for _asked_only in 0..2 {
        let answer = attach(&fixture, &realm, empty(asked("1", "file", "/a/f"))).await;
        assert_eq!(answer, Ok(Attached::default()));
    }
    for (key, what, made, file) in
        [("1", "file", "/a/f", "/a/f"), ("2", "folder", "/b/d", "/b/d/x")]
    {
        let wanted = Attach { once: asked(key, what, made), ..files(&fixture, &[file]).await };
        assert!(attach(&fixture, &realm, wanted).await.is_ok());
        let id = match fixture.ledger.entry_at(&realm, &written(made)).await.unwrap() {
            Some(Entry::File(file)) => file.id,
            Some(Entry::Folder(folder)) => folder.id,
            None => panic!("nothing is at {made}"),
        };
        // Whatever else would be wrong with it now.
        let repeat = empty(asked(key, what, made));
        let repeated = Err(AttachRefusal::Repeated(Repeat::Of(id.into())));
        assert_eq!(attach(&fixture, &realm, repeat).await, repeated);
        let other = Err(AttachRefusal::Repeated(Repeat::OtherRequest));
        assert_eq!(attach(&fixture, &realm, empty(asked(key, "other", made))).await, other);
    }
    // A refusal is not remembered.
    let refused = Err(AttachRefusal::Occupied(at("/a/f")));
    for _refused_again in 0..2 {
        assert_eq!(attach(&fixture, &realm, empty(asked("3", "x", "/a/f"))).await, refused);
    }
}
