//! Entries by their identities: found, and changed all at once.

use super::fixture::{Fixture, at, beneath, written};
use super::moves::plan_in_steps;
use super::once::once;
use crate::domain::entry::{Entry, FileRecord, TAGS_MAX, TagChange};
use crate::domain::id::EntryId;
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::Realm;
use crate::domain::path::EntryName;
use crate::ledger::tree::{LookLimits, TreeRefusal};
use crate::ledger::{ChangeRefusal, EntryChange, FolderRefusal, Walked};

impl Fixture {
    /// Where an entry lies that is found by its identity.
    async fn path_of(&self, realm: &Realm, id: EntryId) -> Option<String> {
        let found = self.ledger.entry(realm, id).await.unwrap();
        found.map(|found| found.path.to_string())
    }

    async fn id_at(&self, realm: &Realm, path: &str) -> EntryId {
        match self.entry(realm, path).await.expect("something lies there") {
            Entry::File(file) => file.id,
            Entry::Folder(folder) => folder.id,
        }
    }

    /// A change that changes nothing yet.
    fn change(&self, id: EntryId) -> EntryChange {
        let (versions, parent, name, tags, locked) = (None, None, None, None, None);
        let (look, at) = (LookLimits::USUAL, self.now());
        EntryChange { id, versions, parent, name, tags, locked, look, at }
    }

    async fn apply(&self, realm: &Realm, change: EntryChange) -> Result<Walked, ChangeRefusal> {
        let changed = self.ledger.change_entry(realm, &change).await.unwrap();
        self.assert_sound().await;
        if let Ok(changed) = &changed {
            let found = self.ledger.entry(realm, change.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(changed));
            let at_path = self.ledger.entry_at(realm, &changed.path.clone().into()).await;
            assert_eq!(at_path.unwrap().as_ref(), Some(&changed.entry));
        }
        changed
    }
}

fn name(text: &str) -> EntryName {
    EntryName::parse(text).unwrap()
}

fn add(tags: &[&str]) -> TagChange {
    TagChange::Add(tags.iter().map(|&tag| tag.to_owned()).collect())
}

fn file_of(found: Walked) -> FileRecord {
    match found.entry {
        Entry::File(file) => file,
        Entry::Folder(_) => panic!("a folder lies there"),
    }
}

pub(crate) async fn entries_of_both_kinds_are_found_by_identity(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/b/file", 5).await;
    for path in ["/", "/uploads", "/a", "/a/b", "/a/b/file"] {
        let id = fixture.id_at(&realm, path).await;
        let found = fixture.ledger.entry(&realm, id).await.unwrap().unwrap();
        assert_eq!(found.path.as_str(), path);
        assert_eq!(fixture.entry(&realm, path).await, Some(found.entry));
    }
    assert_eq!(fixture.path_of(&realm, fixture.id()).await, None);
}

/// I7, and the prefix of a key.
pub(crate) async fn an_identity_is_found_where_the_realm_sees_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    let stranger = fixture.realm().await;
    fixture.upload(&realm, "/a/b/file", 5).await;
    for (path, within, above, beside) in
        [("/a", false, true, false), ("/a/b", true, true, false), ("/a/b/file", true, true, false)]
    {
        let id = fixture.id_at(&realm, path).await;
        for (realm, expected) in [
            (&beneath(&realm, "/a/b"), within),
            (&beneath(&realm, "/a"), above),
            (&beneath(&realm, "/a/bb"), beside),
            (&stranger, false),
        ] {
            assert_eq!(fixture.path_of(realm, id).await.is_some(), expected, "{path} {realm:?}");
            let change = EntryChange { locked: Some(true), ..fixture.change(id) };
            if !expected {
                assert_eq!(fixture.apply(realm, change).await, Err(ChangeRefusal::Missing));
            }
        }
    }
    let unlocked = fixture.folder_at(&realm, "/a").await.unwrap();
    assert!(!unlocked.locked);
}

/// I1: also below a tree whose marks have not come down yet.
pub(crate) async fn what_is_doomed_is_not_found_by_its_identity(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/x", "/t/a/y", "/t/a/b/z", "/s/x"]).await;
    let mut ids = Vec::new();
    for path in ["/t", "/t/a", "/t/a/b", "/t/x", "/t/a/y", "/t/a/b/z"] {
        ids.push(fixture.id_at(&realm, path).await);
    }
    let request = fixture.request(&realm, vec![super::fixture::by_path("/t")]);
    let lease = fixture.lease();
    let committed = fixture.ledger.commit_deletion(request, plan_in_steps, lease).await;
    committed.unwrap().unwrap();
    let single = fixture.id_at(&realm, "/s/x").await;
    fixture.delete_path(&realm, "/s/x").await;
    ids.push(single);
    for step in ["committed", "expanded", "gone"] {
        for id in &ids {
            assert_eq!(fixture.path_of(&realm, *id).await, None, "{step}");
            let change = EntryChange { name: Some(name("new")), ..fixture.change(*id) };
            assert_eq!(fixture.apply(&realm, change).await, Err(ChangeRefusal::Missing), "{step}");
        }
        match step {
            "committed" => drop(fixture.expand(1).await),
            _ => drop(fixture.purge().await),
        }
    }
}

/// Place, tags and lock in one transaction; the version stays the same.
pub(crate) async fn a_change_does_all_that_is_asked(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload(&realm, "/a/file", 5).await;
    let change = EntryChange {
        parent: Some(at("/new/b")),
        name: Some(name("other")),
        tags: Some(add(&["x", "y"])),
        locked: Some(true),
        versions: Some(vec![fixture.id(), before.blob.id]),
        ..fixture.change(before.id)
    };
    let changed = fixture.apply(&realm, change).await.unwrap();
    assert_eq!(changed.path, at("/new/b/other"));
    let after = file_of(changed);
    assert_eq!((after.id, after.blob, after.locked), (before.id, before.blob, true));
    assert_eq!(
        (after.attributes.tags, after.attributes.title.as_str()),
        (vec!["x".to_owned(), "y".to_owned()], "other")
    );
    assert!(after.sequence > before.sequence);
    assert_eq!(fixture.present(&realm, &["/a/file"]).await, [""; 0]);
}

/// What is not said stays; a place that is the entry's own is no move.
pub(crate) async fn a_change_leaves_what_it_does_not_name(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a/file", 5).await;
    let folder = fixture.id_at(&realm, "/a").await;
    let renamed = EntryChange { name: Some(name("b")), ..fixture.change(folder) };
    assert_eq!(fixture.apply(&realm, renamed).await.unwrap().path, at("/b"));
    let moved = EntryChange { parent: Some(at("/c")), ..fixture.change(folder) };
    assert_eq!(fixture.apply(&realm, moved).await.unwrap().path, at("/c/b"));
    let same = EntryChange {
        parent: Some(at("/c/b")),
        name: Some(name("file")),
        ..fixture.change(file.id)
    };
    let same = EntryChange { tags: Some(add(&["t"])), ..same };
    assert_eq!(fixture.apply(&realm, same).await.unwrap().path, at("/c/b/file"));
    let locked = EntryChange { locked: Some(true), ..fixture.change(folder) };
    assert_eq!(fixture.apply(&realm, locked).await.unwrap().path, at("/c/b"));
    let tagged = file_of(fixture.ledger.entry(&realm, file.id).await.unwrap().unwrap());
    assert_eq!((tagged.attributes.tags, tagged.locked), (vec!["t".to_owned()], false));
}

/// I11, and that a refusal changes nothing: whichever part is refused, no other is done.
pub(crate) async fn a_refused_change_changes_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let [file, held, other] = ["/a/file", "/a/held", "/b/file"];
    fixture.upload_each(&realm, &[file, held, other]).await;
    fixture.lock(&realm, &[held]).await;
    let (tree, many) = (ChangeRefusal::Tree, TAGS_MAX + 1);
    let many: Vec<String> = (0..many).map(|number| number.to_string()).collect();
    let id = async |path: &str| fixture.change(fixture.id_at(&realm, path).await);
    let narrow = beneath(&realm, "/a");
    for (who, change, refusal) in [
        (
            &realm,
            EntryChange { parent: Some(at("/b")), ..id(file).await },
            tree(TreeRefusal::Exists),
        ),
        (
            &realm,
            EntryChange { parent: Some(at("/b/file")), ..id(file).await },
            tree(TreeRefusal::ParentIsFile(at("/b/file"))),
        ),
        (
            &realm,
            EntryChange { tags: Some(TagChange::Set(many)), ..id(file).await },
            tree(TreeRefusal::TooManyTags),
        ),
        (
            &realm,
            EntryChange { tags: Some(add(&[])), ..id("/a").await },
            tree(TreeRefusal::IsFolder),
        ),
        (
            &realm,
            EntryChange { parent: Some(at("/a/c")), ..id("/a").await },
            tree(TreeRefusal::IntoItself),
        ),
        // It is moved before it is unlocked.
        (
            &realm,
            EntryChange { locked: Some(false), ..id(held).await },
            tree(TreeRefusal::Locked(at(held))),
        ),
        (&realm, EntryChange { versions: Some(vec![fixture.id()]), ..id(file).await }, {
            ChangeRefusal::VersionChanged
        }),
        (&realm, EntryChange { versions: Some(vec![fixture.id()]), ..id("/a").await }, {
            ChangeRefusal::VersionChanged
        }),
        (&realm, id("/uploads").await, tree(TreeRefusal::Reserved(at("/uploads")))),
        (&realm, id("/").await, tree(TreeRefusal::Reserved(at("/")))),
        (
            &narrow,
            EntryChange { parent: Some(at("/c")), ..id(file).await },
            tree(TreeRefusal::OutsidePrefix),
        ),
    ] {
        let change = EntryChange {
            name: change.name.clone().or_else(|| change.parent.is_none().then(|| name("new"))),
            locked: change.locked.or(Some(true)),
            ..change
        };
        let before = fixture.ledger.entry(who, change.id).await.unwrap();
        assert_eq!(fixture.apply(who, change.clone()).await, Err(refusal), "{change:?}");
        assert_eq!(fixture.ledger.entry(who, change.id).await.unwrap(), before, "{change:?}");
    }
    assert_eq!(fixture.present(&realm, &["/new", "/a/new", "/c"]).await, [""; 0]);
    let still = fixture.ledger.entry_at(&realm, &written(held)).await.unwrap();
    assert!(matches!(still, Some(Entry::File(file)) if file.locked));
}

/// Of requests under one idempotency key one makes the folder, and the others learn which.
pub(crate) async fn a_folder_is_made_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let make = |path: &str, asked: &Once| {
        let path = at(path);
        let (ledger, asked, realm, now) = (&fixture.ledger, asked.clone(), &realm, fixture.now());
        async move { ledger.make_folder_once(realm, &path, Some(asked), now).await.unwrap() }
    };
    let first = once(&fixture, "1", "request");
    let made = make("/a/b", &first).await.unwrap();
    assert_eq!(fixture.folder_at(&realm, "/a/b").await, Some(made.clone()));
    let repeated = Err(FolderRefusal::Repeated(Repeat::Of(made.id.into())));
    assert_eq!(make("/a/b", &first).await, repeated);
    let other = once(&fixture, "1", "other");
    let repeated = Err(FolderRefusal::Repeated(Repeat::OtherRequest));
    assert_eq!(make("/a/c", &other).await, repeated);
    // A refusal is not remembered.
    let later = once(&fixture, "2", "request");
    let exists = Err(FolderRefusal::Tree(TreeRefusal::Exists));
    assert_eq!(make("/a/b", &later).await, exists);
    assert!(make("/a/c", &later).await.is_ok());
    fixture.assert_sound().await;
}
