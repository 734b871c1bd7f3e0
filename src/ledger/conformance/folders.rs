//! Folders that are made, and what they list.

use super::fixture::{Fixture, at, beneath, by_path, written};
use crate::deletion::record::{Counts, Declined, Refusal};
use crate::deletion::request::{DeleteRequest, FoldersPolicy, LockedPolicy, MissingPolicy};
use crate::domain::entry::{Entry, FolderRecord, NewVersion, TAGS_MAX, TagChange};
use crate::domain::organization::Realm;
use crate::domain::usage::Tally;
use crate::ledger::tree::{ChildCursor, ChildPage, TreeRefusal};

impl Fixture {
    /// Makes a folder, or says why not.
    pub(crate) async fn make_folder(
        &self,
        realm: &Realm,
        path: &str,
    ) -> Result<FolderRecord, TreeRefusal> {
        let made = self.ledger.make_folder(realm, &at(path), None, self.now()).await.unwrap();
        self.assert_sound().await;
        made
    }

    async fn page(
        &self,
        realm: &Realm,
        folder: &str,
        after: Option<&ChildCursor>,
        limit: u64,
    ) -> Result<ChildPage, TreeRefusal> {
        self.ledger.children(realm, &written(folder), after, limit).await.unwrap()
    }

    /// The names of all children, in pages of `limit`; those of folders end in `/`.
    pub(crate) async fn children(&self, realm: &Realm, folder: &str, limit: u64) -> Vec<String> {
        let mut names = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(realm, folder, after.as_ref(), limit).await.unwrap();
            assert!(page.children.len() as u64 <= limit);
            names.extend(page.children.iter().map(|child| match &child.entry {
                Entry::Folder(_) => format!("{}/", child.name),
                Entry::File(file) => {
                    assert_eq!(file.name, child.name);
                    child.name.to_string()
                }
            }));
            after = page.next;
            if after.is_none() {
                return names;
            }
            assert_eq!(page.children.len() as u64, limit, "only the last page is short");
        }
    }

    async fn tag(
        &self,
        realm: &Realm,
        path: &str,
        change: TagChange,
    ) -> Result<Vec<String>, TreeRefusal> {
        let tagged = self.ledger.change_tags(realm, &written(path), &change).await.unwrap();
        self.assert_sound().await;
        tagged.map(|file| file.attributes.tags)
    }
}

/// A folder is made with those above it, empty, and goes like any other.
pub(crate) async fn a_folder_is_made_with_those_above_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    let made = fixture.make_folder(&realm, "/a/b/c").await.unwrap();
    assert_eq!(fixture.folder_at(&realm, "/a/b/c").await.as_ref(), Some(&made));
    assert_eq!(
        (made.created_at, made.locked, made.direct),
        (fixture.now(), false, Tally::default())
    );
    let other = fixture.make_folder(&realm, "/a/b/d").await.unwrap();
    assert_ne!((other.id, other.number), (made.id, made.number));
    fixture.upload(&realm, "/a/b/c/x", 1).await;
    let committed = fixture.delete_path(&realm, "/a").await;
    assert_eq!(committed.counts, Counts { files: 1, bytes: 1, folders: 4 });
    fixture.drain().await;
}

/// Nothing is made where something is, or below a file, or beyond the prefix.
pub(crate) async fn a_folder_is_made_only_where_nothing_is(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/x", 1).await;
    for path in ["/", "/a", "/a/x", "/uploads", "/commands"] {
        let refused = fixture.make_folder(&realm, path).await;
        assert_eq!(refused, Err(TreeRefusal::Exists), "{path}");
    }
    for path in ["/a/x/b", "/a/x/b/c"] {
        let refused = fixture.make_folder(&realm, path).await;
        assert_eq!(refused, Err(TreeRefusal::ParentIsFile(at("/a/x"))), "{path}");
    }
    let narrow = beneath(&realm, "/a/b");
    for path in ["/", "/a", "/a/bb", "/c"] {
        let refused = fixture.make_folder(&narrow, path).await;
        assert_eq!(refused, Err(TreeRefusal::OutsidePrefix), "{path}");
    }
    assert_eq!(fixture.present(&realm, &["/a/bb", "/c"]).await, [""; 0]);
    fixture.make_folder(&narrow, "/a/b").await.unwrap();
}

/// A locked folder takes what is new.
pub(crate) async fn a_folder_may_be_made_below_a_locked_one(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.make_folder(&realm, "/a/b").await.unwrap();
    fixture.lock(&realm, &["/a"]).await;
    fixture.make_folder(&realm, "/a/b/c").await.unwrap();
    let refused = fixture.delete(fixture.request(&realm, vec![by_path("/a/b/c")])).await;
    assert!(refused.is_err());
}

/// A doomed name is free for a folder at once, and what was doomed goes all the same.
pub(crate) async fn a_folder_takes_a_doomed_name(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/t/go", "/t/keep", "/u/x"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    let selectors = vec![by_path("/t"), by_path("/u")];
    fixture.delete(fixture.lenient(&realm, selectors)).await.unwrap();
    fixture.make_folder(&realm, "/t/go").await.unwrap();
    fixture.make_folder(&realm, "/u").await.unwrap();
    fixture.upload(&realm, "/t/go/new", 1).await;
    assert_eq!(fixture.children(&realm, "/t", 9).await, ["go/", "keep"]);
    assert_eq!(fixture.children(&realm, "/u", 9).await, [""; 0]);
    let gone = fixture.drain().await;
    assert_eq!(gone, [files[0].blob, files[2].blob]);
    assert_eq!(fixture.children(&realm, "/t", 9).await, ["go/", "keep"]);
}

/// I6: where only empty folders may go, one that holds anything refuses the whole request, and
/// that is said before what is locked.
pub(crate) async fn a_folder_that_holds_something_may_be_spared(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a/x", "/b/c/y", "/file"]).await;
    fixture.make_folder(&realm, "/e/f").await.unwrap();
    fixture.make_folder(&realm, "/held").await.unwrap();
    fixture.lock(&realm, &["/a/x", "/b", "/held"]).await;
    let spare = |selectors: &[&str]| DeleteRequest {
        folders: FoldersPolicy::EmptyOnly,
        ..fixture.request(&realm, selectors.iter().map(|path| by_path(path)).collect())
    };
    for full in ["/a", "/b", "/b/c", "/e", "/e/"] {
        let refusal = Refusal { not_empty: vec![0], ..Refusal::default() };
        let refused = fixture.delete(spare(&[full])).await;
        assert_eq!(refused.unwrap_err(), Declined::Refused(refusal), "{full}");
    }
    let refused = fixture.delete(spare(&["/file", "/e", "/held", "/gone", "/uploads"])).await;
    let refusal = Refusal {
        missing: vec![3],
        not_empty: vec![1],
        locked: vec![(2, at("/held")), (4, at("/uploads"))],
        ..Refusal::default()
    };
    assert_eq!(refused.unwrap_err(), Declined::Refused(refusal));
    // No other policy makes it go.
    let (missing, locked) = (MissingPolicy::Count, LockedPolicy::Skip);
    let lenient = DeleteRequest { missing, locked, ..spare(&["/e", "/gone", "/held"]) };
    let refusal = Refusal { not_empty: vec![0], ..Refusal::default() };
    assert_eq!(fixture.delete(lenient).await.unwrap_err(), Declined::Refused(refusal));
    let committed = fixture.delete(spare(&["/file", "/e/f"])).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 1, bytes: 1, folders: 1 });
    // It has become empty. What is doomed and not expanded is nothing.
    let committed = fixture.delete(spare(&["/e"])).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 0, bytes: 0, folders: 1 });
    fixture.drain().await;
}

/// Folders and files stand in one order, that of the bytes of their names.
pub(crate) async fn children_are_listed_in_the_order_of_their_names(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/b", "/t/a/x", "/t/B", "/t/ä", "/t/a.txt", "/t/c/d/e", "/t/a b", "/ta"];
    fixture.upload_each(&realm, &paths).await;
    fixture.make_folder(&realm, "/t/empty").await.unwrap();
    let names = ["B", "a/", "a b", "a.txt", "b", "c/", "empty/", "ä"];
    for limit in [1, 2, 3, 7, 8, 9, 100] {
        assert_eq!(fixture.children(&realm, "/t", limit).await, names, "{limit}");
    }
    assert_eq!(fixture.children(&realm, "/t/c/", 9).await, ["d/"]);
    assert_eq!(fixture.children(&realm, "/", 9).await, ["commands/", "t/", "ta", "uploads/"]);
    assert_eq!(fixture.children(&realm, "/t/empty", 9).await, [""; 0]);
    let page = fixture.page(&realm, "/", None, 9).await.unwrap();
    let records = page.children.into_iter().map(|child| child.entry);
    let entries = ["/commands", "/t", "/ta", "/uploads"];
    for (path, entry) in entries.into_iter().zip(records) {
        assert_eq!(fixture.entry(&realm, path).await, Some(entry), "{path}");
    }
}

/// What stays is listed exactly once, whatever comes and goes between two pages.
pub(crate) async fn a_list_of_children_stands_while_entries_come_and_go(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/b", "/t/d", "/t/f/x", "/t/h", "/t/k"]).await;
    let first = fixture.page(&realm, "/t", None, 2).await.unwrap();
    // The last of the page goes, as others do; some come before and behind it.
    fixture.delete_path(&realm, "/t/d").await;
    fixture.delete_path(&realm, "/t/h").await;
    fixture.upload_each(&realm, &["/t/a", "/t/e", "/t/z"]).await;
    fixture.move_entry(&realm, "/t/b", "/t/c").await.unwrap();
    fixture.move_entry(&realm, "/t", "/moved").await.unwrap();
    let second = fixture.page(&realm, "/moved", first.next.as_ref(), 2).await.unwrap();
    let third = fixture.page(&realm, "/moved", second.next.as_ref(), 2).await.unwrap();
    let names = |page: &ChildPage| {
        page.children.iter().map(|child| child.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["b", "d"]);
    assert_eq!(
        (names(&second), names(&third)),
        (vec!["e".into(), "f".into()], vec!["k".into(), "z".into()])
    );
    assert_eq!(third.next, None);
    fixture.drain().await;
}

/// I7: a continuation leads nowhere but in the folder that it was given for, and not in one of
/// the same path that came later.
pub(crate) async fn a_continuation_is_good_for_its_folder_only(fixture: Fixture) {
    let (realm, foreign) = (fixture.realm().await, fixture.realm().await);
    for realm in [&realm, &foreign] {
        fixture.upload_each(realm, &["/t/a", "/t/b", "/u/a", "/u/b"]).await;
    }
    let next = fixture.page(&realm, "/t", None, 1).await.unwrap().next.unwrap();
    let other = Err(TreeRefusal::OtherFolder);
    assert_eq!(fixture.page(&realm, "/u", Some(&next), 1).await, other);
    assert_eq!(fixture.page(&foreign, "/t", Some(&next), 1).await, other);
    assert!(fixture.page(&realm, "/t", Some(&next), 1).await.is_ok());
    fixture.delete_path(&realm, "/t").await;
    let missing = Err(TreeRefusal::Missing);
    assert_eq!(fixture.page(&realm, "/t", Some(&next), 1).await, missing);
    fixture.upload(&realm, "/t/b", 1).await;
    assert_eq!(fixture.page(&realm, "/t", Some(&next), 1).await, other);
}

/// What is no folder, is not there, or lies beyond the prefix has no children.
pub(crate) async fn only_a_folder_in_sight_has_children(fixture: Fixture) {
    let (realm, foreign) = (fixture.realm().await, fixture.realm().await);
    fixture.upload_each(&realm, &["/a/b/x", "/a/y"]).await;
    let narrow = beneath(&realm, "/a/b");
    for (realm, path) in [
        (&realm, "/a/y"),
        (&realm, "/a/y/"),
        (&realm, "/a/y/z"),
        (&realm, "/gone"),
        (&narrow, "/"),
        (&narrow, "/a"),
        (&foreign, "/a"),
    ] {
        let page = fixture.page(realm, path, None, 9).await;
        assert_eq!(page, Err(TreeRefusal::Missing), "{path}");
    }
    assert_eq!(fixture.children(&narrow, "/a/b", 9).await, ["x"]);
}

/// I1: what is doomed is in no list, expanded or not.
pub(crate) async fn doomed_children_are_not_listed(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b", "/t/go/x", "/t/keep", "/t/z"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    fixture.delete(fixture.lenient(&realm, vec![by_path("/t")])).await.unwrap();
    for limit in [1, 9] {
        assert_eq!(fixture.children(&realm, "/t", limit).await, ["keep"]);
    }
    fixture.upload(&realm, "/t/b", 1).await;
    assert_eq!(fixture.children(&realm, "/t", 1).await, ["b", "keep"]);
    fixture.drain().await;
    assert_eq!(fixture.children(&realm, "/t", 1).await, ["b", "keep"]);
}

/// Tags come, go and are set; the version stays what it was, and comes later in the order of all
/// changes.
pub(crate) async fn tags_are_changed_and_nothing_else_is(fixture: Fixture) {
    let realm = fixture.realm().await;
    let tags = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
    let mut version: NewVersion = fixture.version("/a/x", 1).await;
    version.attributes.tags = tags(&["a"]);
    let before = fixture.commit(&realm, version).await.unwrap().file;
    fixture.lock(&realm, &["/a"]).await;
    for (change, expected) in [
        (TagChange::Add(tags(&["b", "a"])), tags(&["a", "b"])),
        (TagChange::Remove(tags(&["a", "gone"])), tags(&["b"])),
        (TagChange::Set(tags(&["c", "d"])), tags(&["c", "d"])),
    ] {
        assert_eq!(fixture.tag(&realm, "/a/x", change).await, Ok(expected));
    }
    let mut after = fixture.file_at(&realm, "/a/x").await.unwrap();
    assert_eq!(after.attributes.tags, ["c", "d"]);
    assert!(after.sequence > before.sequence);
    (after.attributes, after.sequence) = (before.attributes.clone(), before.sequence);
    assert_eq!(after, before);
}

/// Tags are a file's, within the prefix, and no more than a file may have.
pub(crate) async fn only_a_file_in_sight_is_tagged(fixture: Fixture) {
    let (realm, foreign) = (fixture.realm().await, fixture.realm().await);
    fixture.upload(&realm, "/a/x", 1).await;
    let many = |count: usize| TagChange::Add((0..count).map(|n| n.to_string()).collect());
    let narrow = beneath(&realm, "/b");
    for (realm, path, refusal) in [
        (&realm, "/a", TreeRefusal::IsFolder),
        (&realm, "/", TreeRefusal::IsFolder),
        (&realm, "/a/x/", TreeRefusal::Missing),
        (&realm, "/gone", TreeRefusal::Missing),
        (&narrow, "/a/x", TreeRefusal::Missing),
        (&narrow, "/a", TreeRefusal::Missing),
        (&foreign, "/a/x", TreeRefusal::Missing),
    ] {
        assert_eq!(fixture.tag(realm, path, many(1)).await, Err(refusal), "{path}");
    }
    assert_eq!(fixture.tag(&realm, "/a/x", many(TAGS_MAX)).await.unwrap().len(), TAGS_MAX);
    let refused = fixture.tag(&realm, "/a/x", many(TAGS_MAX + 1)).await;
    assert_eq!(refused, Err(TreeRefusal::TooManyTags));
    assert_eq!(fixture.file_at(&realm, "/a/x").await.unwrap().attributes.tags.len(), TAGS_MAX);
}
