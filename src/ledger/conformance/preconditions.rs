//! Entries selected by identity, whatever they are, and selectors that hold for one version only.

use super::fixture::{Fixture, at, beneath, by_path};
use crate::deletion::record::{Counts, Declined, Outcome, Refusal};
use crate::deletion::request::{Atomicity, DeleteRequest, Precondition, Selector};
use crate::domain::entry::FileRecord;

fn wants(selector: usize, files: &[&FileRecord]) -> Precondition {
    Precondition { selector, versions: files.iter().map(|file| file.blob.id).collect() }
}

async fn folder_id(
    fixture: &Fixture,
    realm: &crate::domain::organization::Realm,
    path: &str,
) -> Selector {
    Selector::Entry(fixture.folder_at(realm, path).await.unwrap().id)
}

/// A file or a folder goes by its identity, wherever it lies by then.
pub(crate) async fn an_entry_goes_by_its_identity(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/a/b/x", "/a/b/c/y", "/a/z", "/single"];
    let files = fixture.upload_each(&realm, &paths).await;
    let folder = folder_id(&fixture, &realm, "/a/b").await;
    let selectors = vec![folder, Selector::Entry(files[3].id)];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 3, bytes: 3, folders: 2 });
    assert_eq!(committed.outcomes[0].counts(), Counts { files: 2, bytes: 2, folders: 2 });
    assert_eq!(fixture.present(&realm, &paths).await, ["/a/z"]);
    assert_eq!(fixture.drain().await.len(), 3);
}

/// The identity of what is gone, of the root, of nothing and of another organization's entry are
/// all the same: missing.
pub(crate) async fn an_identity_that_names_nothing_live_is_missing(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    fixture.upload_each(&realm, &["/gone/deep/x", "/kept"]).await;
    fixture.upload(&other, "/a/x", 1).await;
    let gone = ["/gone", "/gone/deep"];
    let mut selectors = vec![folder_id(&fixture, &realm, "/").await, Selector::Entry(fixture.id())];
    selectors.push(folder_id(&fixture, &other, "/a").await);
    for path in gone {
        selectors.push(folder_id(&fixture, &realm, path).await);
    }
    fixture.delete_path(&realm, "/gone").await;
    let declined = fixture.delete(fixture.request(&realm, selectors)).await.unwrap_err();
    let missing = vec![0, 1, 2, 3, 4];
    assert_eq!(declined, Declined::Refused(Refusal { missing, ..Refusal::default() }));
}

/// I11: reserved folders stay, and so does what a lock covers.
pub(crate) async fn an_identity_opens_no_lock(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/l/in/x", "/uploads/x"]).await;
    fixture.lock(&realm, &["/l"]).await;
    let mut selectors = Vec::new();
    for path in ["/l", "/l/in", "/uploads"] {
        selectors.push(folder_id(&fixture, &realm, path).await);
    }
    let committed = fixture.delete(fixture.lenient(&realm, selectors)).await.unwrap();
    // What a folder above takes, or would take but for a lock, is within that one.
    let locked = |path: &str| Outcome::Locked(vec![at(path)]);
    assert_eq!(committed.outcomes, [locked("/l"), Outcome::Within(0), locked("/uploads")]);
    assert_eq!(committed.counts, Counts::default());
}

/// I9: named by identity and by path, or below a folder that is named: counted once.
pub(crate) async fn identities_and_paths_overlap(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/a/b/x", "/a/y"]).await;
    let selectors = vec![
        folder_id(&fixture, &realm, "/a/b").await,
        Selector::Entry(files[1].id),
        folder_id(&fixture, &realm, "/a").await,
        by_path("/a"),
        Selector::File(files[0].id),
    ];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    let within = |index: usize| committed.outcomes[index] == Outcome::Within(2);
    assert_eq!([0, 1, 2, 3, 4].map(within), [true, true, false, true, true]);
    assert_eq!(committed.counts, Counts { files: 2, bytes: 2, folders: 2 });
}

/// What exists beyond the key's prefix is told apart from what does not exist, and is neither
/// taken nor found.
pub(crate) async fn what_lies_outside_the_prefix_is_forbidden(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/a/x", "/b/y"]).await;
    let narrow = beneath(&realm, "/a");
    let selectors = vec![
        Selector::Entry(files[1].id),
        folder_id(&fixture, &realm, "/b").await,
        Selector::Entry(fixture.id()),
        folder_id(&fixture, &realm, "/a").await,
    ];
    let declined = fixture.delete(fixture.request(&narrow, selectors.clone())).await.unwrap_err();
    let refusal = Refusal { missing: vec![2], outside_prefix: vec![0, 1], ..Refusal::default() };
    assert_eq!(declined, Declined::Refused(refusal));
    let committed = fixture.delete(fixture.lenient(&narrow, selectors)).await.unwrap();
    let stayed = [Outcome::Forbidden, Outcome::Forbidden, Outcome::Missing];
    assert_eq!(committed.outcomes[..3], stayed);
    assert_eq!(fixture.record(&narrow, committed.id).await.missing, 3);
    assert_eq!(fixture.present(&realm, &["/a/x", "/b/y"]).await, ["/b/y"]);
}

/// I6: a file that became another version since somebody looked refuses the whole request, also
/// where the rest would forgive what is missing and what is locked.
pub(crate) async fn another_version_refuses_the_whole_request(fixture: Fixture) {
    let realm = fixture.realm().await;
    let seen = fixture.upload(&realm, "/a", 1).await;
    let present = fixture.upload(&realm, "/a", 2).await;
    fixture.upload(&realm, "/b", 1).await;
    let request = |atomicity, preconditions| DeleteRequest {
        preconditions,
        atomicity,
        ..fixture.lenient(&realm, vec![by_path("/b"), Selector::Entry(seen.id)])
    };
    let stale = vec![wants(1, &[&seen])];
    let declined = fixture.delete(request(Atomicity::AllOrNone, stale)).await.unwrap_err();
    let refusal = Refusal { precondition_failed: vec![1], ..Refusal::default() };
    assert_eq!(declined, Declined::Refused(refusal));
    assert_eq!(fixture.present(&realm, &["/a", "/b"]).await, ["/a", "/b"]);
    let fresh = vec![wants(1, &[&seen, &present])];
    let committed = fixture.delete(request(Atomicity::AllOrNone, fresh)).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 2, bytes: 3, folders: 0 });
}

/// A best effort spares what became another version, and takes the rest.
pub(crate) async fn another_version_is_spared_by_a_best_effort(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/a", "/b"]).await;
    let request = DeleteRequest {
        preconditions: vec![wants(0, &[&files[1]]), wants(1, &[&files[1]])],
        ..fixture.lenient(&realm, vec![by_path("/a"), by_path("/b")])
    };
    let preview = fixture.ledger.preview_deletion(request.clone(), crate::deletion::plan::plan);
    let preview = preview.await.unwrap().unwrap();
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(committed.outcomes[0], Outcome::PreconditionFailed);
    assert_eq!((committed.outcomes, committed.counts.files), (preview.outcomes, 1));
    assert_eq!(fixture.record(&realm, committed.id).await.missing, 0);
    assert_eq!(fixture.present(&realm, &["/a", "/b"]).await, ["/a"]);
}

/// A folder has no version, a command neither; and what is not there has failed no precondition.
pub(crate) async fn a_precondition_holds_for_a_files_version_only(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a/x", 1).await;
    let command = fixture.command(&realm).await;
    let selectors =
        vec![by_path("/a"), Selector::Outputs(command), by_path("/gone"), by_path("/a/x")];
    let request = DeleteRequest {
        preconditions: (0..4).map(|index| wants(index, &[&file])).collect(),
        ..fixture.lenient(&realm, selectors)
    };
    let committed = fixture.delete(request).await.unwrap();
    let failed = Outcome::PreconditionFailed;
    assert_eq!(committed.outcomes[..3], [failed.clone(), failed, Outcome::Missing]);
    assert_eq!(committed.outcomes[3].counts().files, 1);
    assert!(!fixture.ledger.command(&realm, command).await.unwrap().unwrap().closed);
}

/// A selector whose precondition fails takes nothing from the others.
pub(crate) async fn a_failed_precondition_leaves_the_file_to_other_selectors(fixture: Fixture) {
    let realm = fixture.realm().await;
    let seen = fixture.upload(&realm, "/a", 1).await;
    fixture.upload(&realm, "/a", 2).await;
    let request = DeleteRequest {
        preconditions: vec![wants(0, &[&seen])],
        ..fixture.lenient(&realm, vec![by_path("/a"), by_path("/a")])
    };
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(committed.outcomes[0], Outcome::PreconditionFailed);
    assert_eq!(committed.outcomes[1].counts(), Counts { files: 1, bytes: 2, folders: 0 });
}
