//! Moving entries: what comes along, what forbids it, and what deletions make of it.

use super::fixture::{Fixture, at, beneath, blobs_of, by_path, written};
use crate::deletion::plan::{Marking, Plan, plan};
use crate::deletion::record::{Counts, Refusal};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::snapshot::Snapshot;
use crate::domain::entry::{Entry, FileRecord, FolderRecord};
use crate::domain::organization::Realm;
use crate::domain::usage::Tally;
use crate::ledger::tree::{LookLimits, MoveRequest, TreeRefusal};

impl Fixture {
    fn to_move(&self, from: &str, to: &str) -> MoveRequest {
        let (from, to) = (written(from), written(to));
        MoveRequest { from, to, look: LookLimits::USUAL, at: self.now() }
    }

    async fn moved(&self, realm: &Realm, request: &MoveRequest) -> Result<Entry, TreeRefusal> {
        let moved = self.ledger.move_entry(realm, request).await.unwrap();
        self.assert_sound().await;
        moved
    }

    /// Moves what lies at `from`, or says why not.
    pub(crate) async fn move_entry(
        &self,
        realm: &Realm,
        from: &str,
        to: &str,
    ) -> Result<Entry, TreeRefusal> {
        self.moved(realm, &self.to_move(from, to)).await
    }

    async fn move_file(&self, realm: &Realm, from: &str, to: &str) -> FileRecord {
        match self.move_entry(realm, from, to).await.unwrap() {
            Entry::File(file) => file,
            Entry::Folder(_) => panic!("{from} is a folder"),
        }
    }

    async fn move_folder(&self, realm: &Realm, from: &str, to: &str) -> FolderRecord {
        match self.move_entry(realm, from, to).await.unwrap() {
            Entry::Folder(folder) => folder,
            Entry::File(_) => panic!("{from} is a file"),
        }
    }

    /// Why nothing was moved.
    async fn refused(&self, realm: &Realm, from: &str, to: &str) -> TreeRefusal {
        self.move_entry(realm, from, to).await.unwrap_err()
    }
}

/// I13: only the place, the title and the order change; the counts of both folders follow.
pub(crate) async fn a_moved_file_keeps_all_but_its_place(fixture: Fixture) {
    let realm = fixture.realm().await;
    let before = fixture.upload(&realm, "/a/x", 7).await;
    fixture.upload(&realm, "/b/y", 1).await;
    let usage = fixture.usage(&realm).await;
    let moved = fixture.move_file(&realm, "/a/x", "/b/x").await;
    assert!(moved.sequence > before.sequence);
    let folder = fixture.folder_at(&realm, "/b").await.unwrap();
    let expected = FileRecord { folder: folder.number, sequence: moved.sequence, ..before.clone() };
    assert_eq!(moved, expected);
    assert_eq!(fixture.file_at(&realm, "/b/x").await, Some(moved.clone()));
    assert_eq!(fixture.ledger.file(&realm, before.id).await.unwrap(), Some(moved));
    assert_eq!(fixture.entry(&realm, "/a/x").await, None);
    assert_eq!(folder.direct, Tally { files: 2, bytes: 8 });
    assert_eq!(fixture.folder_at(&realm, "/a").await.unwrap().direct, Tally::default());
    assert_eq!(fixture.usage(&realm).await, usage);
    // The title is the client's until a rename changes the name.
    let renamed = fixture.move_file(&realm, "/b/x", "/b/z").await;
    assert_eq!(renamed.attributes.title, "z");
    assert_eq!(fixture.drain().await, []);
}

/// A folder is moved with everything in it, which is found, counted and deleted there.
pub(crate) async fn a_moved_folder_takes_all_below_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/a/x", "/a/b/y", "/a/b/c/z", "/ab"]).await;
    let before = fixture.folder_at(&realm, "/a").await.unwrap();
    let usage = fixture.usage(&realm).await;
    assert_eq!(fixture.move_folder(&realm, "/a/", "/n/m/").await, before);
    let paths = ["/n/m/x", "/n/m/b/y", "/n/m/b/c/z", "/ab"];
    for (path, file) in paths.iter().zip(&files) {
        assert_eq!(fixture.file_at(&realm, path).await.as_ref(), Some(file));
    }
    assert_eq!(fixture.present(&realm, &["/a", "/a/x", "/a/b", "/a/b/y"]).await, [""; 0]);
    assert_eq!(fixture.usage(&realm).await, usage);
    // The name is free, and what comes to it has nothing to do with what was there.
    fixture.upload(&realm, "/a/x", 1).await;
    let committed = fixture.delete_path(&realm, "/n").await;
    assert_eq!(committed.counts, Counts { files: 3, bytes: 3, folders: 4 });
    assert_eq!(fixture.drain().await, blobs_of(&files[..3]));
    assert_eq!(fixture.present(&realm, &["/a/x", "/ab"]).await, ["/a/x", "/ab"]);
}

/// A folder may go up as well as down, and take the name of one of its own.
pub(crate) async fn a_folder_may_go_up(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a/b/b/x", 1).await;
    fixture.move_folder(&realm, "/a/b", "/b").await;
    fixture.move_folder(&realm, "/b/b", "/a/b").await;
    assert_eq!(fixture.file_at(&realm, "/a/b/x").await, Some(file));
    assert!(fixture.folder_at(&realm, "/b").await.is_some());
}

/// Whatever forbids a move, nothing has changed, and no folder was made on the way.
pub(crate) async fn a_refused_move_changes_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/a/x", "/a/b/y", "/c", "/d/held"];
    fixture.upload_each(&realm, &paths).await;
    fixture.lock(&realm, &["/d/held"]).await;
    // 1,022 bytes, with which what lies in the folder needs more than 1,024.
    let long = format!("/{}/{}", vec!["n".repeat(250); 4].join("/"), "m".repeat(17));
    let parent_is_file = TreeRefusal::ParentIsFile(at("/c"));
    for (from, to, refusal) in [
        ("/gone", "/new/x", TreeRefusal::Missing),
        ("/a/x/", "/new/x", TreeRefusal::Missing),
        ("/a/x", "/a/x", TreeRefusal::Exists),
        ("/a/x", "/c", TreeRefusal::Exists),
        ("/a/x", "/a/b", TreeRefusal::Exists),
        ("/a", "/d", TreeRefusal::Exists),
        ("/a", "/", TreeRefusal::Exists),
        ("/", "/new", TreeRefusal::IntoItself),
        ("/a/x", "/c/x", parent_is_file.clone()),
        ("/a", "/c/new/x", parent_is_file),
        ("/c", "/c/x", TreeRefusal::ParentIsFile(at("/c"))),
        ("/a/x", "/new/x/", TreeRefusal::IsFolder),
        ("/a", "/a/new/x", TreeRefusal::IntoItself),
        ("/a", "/a/b/new", TreeRefusal::IntoItself),
        ("/d", "/new/d", TreeRefusal::Locked(at("/d"))),
        ("/a", &long, TreeRefusal::PathTooLong),
    ] {
        assert_eq!(fixture.refused(&realm, from, to).await, refusal, "{from} to {to}");
    }
    let nowhere = format!("/{}", "n".repeat(250));
    let mut all = paths.to_vec();
    all.extend(["/new", nowhere.as_str()]);
    assert_eq!(fixture.present(&realm, &all).await, paths);
    assert_eq!(fixture.drain().await, []);
}

/// The source is missing beyond the prefix; a target there is refused.
pub(crate) async fn a_move_ends_at_the_prefix(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a/b/x", "/a/y", "/ab"]).await;
    let narrow = beneath(&realm, "/a/b");
    for (from, to, refusal) in [
        ("/a/y", "/a/b/y", TreeRefusal::Missing),
        ("/ab", "/a/b/y", TreeRefusal::Missing),
        ("/", "/a/b/y", TreeRefusal::Missing),
        ("/a", "/a/b/y", TreeRefusal::Missing),
        ("/a/b/x", "/a/x", TreeRefusal::OutsidePrefix),
        ("/a/b/x", "/a/y", TreeRefusal::OutsidePrefix),
        ("/a/b", "/a/bb", TreeRefusal::OutsidePrefix),
        ("/a/b", "/a/b/c", TreeRefusal::IntoItself),
    ] {
        assert_eq!(fixture.refused(&narrow, from, to).await, refusal, "{from} to {to}");
    }
    fixture.move_file(&narrow, "/a/b/x", "/a/b/c/x").await;
    let foreign = fixture.realm().await;
    assert_eq!(fixture.refused(&foreign, "/ab", "/x").await, TreeRefusal::Missing);
}

/// I11: what is locked, lies below a lock or holds something locked stays; and nothing that is
/// there already is moved to below a lock.
pub(crate) async fn nothing_locked_is_moved(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a/b/c/x", "/d/e/y", "/free"]).await;
    fixture.lock(&realm, &["/a/b", "/d/e/y"]).await;
    for (from, to, locked) in [
        ("/d/e/y", "/d/e/z", "/d/e/y"),
        ("/d/e", "/e", "/d/e"),
        ("/d", "/e", "/d"),
        ("/a/b", "/b", "/a/b"),
        ("/a", "/b", "/a"),
        ("/a/b/c", "/c", "/a/b/c"),
        ("/a/b/c/x", "/x", "/a/b/c/x"),
        ("/a/b/c/x", "/a/b/c/y", "/a/b/c/x"),
        ("/free", "/a/b/free", "/a/b/free"),
        ("/free", "/a/b/new/free", "/a/b/new/free"),
    ] {
        let refusal = TreeRefusal::Locked(at(locked));
        assert_eq!(fixture.refused(&realm, from, to).await, refusal, "{from} to {to}");
    }
    // What is there already comes before any lock.
    assert_eq!(fixture.refused(&realm, "/d/e/y", "/free").await, TreeRefusal::Exists);
    assert_eq!(fixture.refused(&realm, "/free", "/a/b/c").await, TreeRefusal::Exists);
    assert!(fixture.set_lock(&realm, "/d/e/y", false).await);
    assert!(fixture.set_lock(&realm, "/a/b", false).await);
    fixture.move_folder(&realm, "/d", "/a/b/d").await;
    fixture.move_folder(&realm, "/a", "/z").await;
    assert!(fixture.file_at(&realm, "/z/b/d/e/y").await.is_some());
}

/// Reserved folders are where they are; what lies in them moves, and their names elsewhere are
/// ordinary.
pub(crate) async fn reserved_folders_are_not_moved(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/uploads/day/x", "/a/uploads/y"]).await;
    for name in ["/uploads", "/commands"] {
        let refusal = TreeRefusal::Reserved(at(name));
        assert_eq!(fixture.refused(&realm, name, "/new").await, refusal);
        assert_eq!(fixture.refused(&realm, "/a/uploads", name).await, TreeRefusal::Exists);
    }
    fixture.move_folder(&realm, "/a/uploads", "/uploads/day/uploads").await;
    fixture.move_folder(&realm, "/uploads/day", "/day").await;
    assert_eq!(fixture.present(&realm, &["/day/x", "/day/uploads/y"]).await.len(), 2);
}

/// A path may have 1,024 bytes after a move, and not one more: a file's below a folder as well as
/// that of an empty folder, and what is doomed does not count.
pub(crate) async fn a_path_may_become_as_long_as_a_path_may_be(fixture: Fixture) {
    let realm = fixture.realm().await;
    let deep = vec!["d".repeat(199); 4].join("/");
    // "/t/" and four folders of 199 with their slashes are 802 bytes, "/f/" and the name 222.
    let name = "n".repeat(218);
    let file = format!("/t/{deep}/ff/{name}");
    let folder = format!("/u/{deep}/{}", "e".repeat(221));
    assert_eq!((file.len(), folder.len()), (1024, 1024));
    fixture.upload(&realm, &file, 1).await;
    fixture.make_folder(&realm, &folder).await.unwrap();
    for (from, to) in [("/t", "/tt"), ("/u", "/uu")] {
        assert_eq!(fixture.refused(&realm, from, to).await, TreeRefusal::PathTooLong);
    }
    fixture.move_folder(&realm, "/t", "/v").await;
    let inner = format!("/v/{deep}/ff");
    fixture.move_folder(&realm, &inner, &format!("/v/{deep}/f")).await;
    fixture.move_folder(&realm, "/v", "/vv").await;
    assert_eq!(fixture.refused(&realm, "/vv", "/vvv").await, TreeRefusal::PathTooLong);
    assert!(fixture.file_at(&realm, &format!("/vv/{deep}/f/{name}")).await.is_some());
    // The file that would be too long is doomed, and its folder survives.
    let keep = format!("/vv/{deep}/f/keep");
    fixture.upload(&realm, &keep, 1).await;
    fixture.lock(&realm, &[&keep]).await;
    fixture.delete(fixture.lenient(&realm, vec![by_path("/vv")])).await.unwrap();
    assert!(fixture.set_lock(&realm, &keep, false).await);
    fixture.move_folder(&realm, "/vv", "/vvv").await;
    assert_eq!(fixture.drain().await.len(), 1);
}

/// A move looks at no more than it is allowed to, and refuses where that is not enough.
pub(crate) async fn a_move_looks_at_no_more_than_its_limits(fixture: Fixture) {
    let realm = fixture.realm().await;
    let deep = vec!["d".repeat(199); 4].join("/");
    fixture.upload_each(&realm, &["/a/b/x", "/a/c/x"]).await;
    for name in ["x", "y", "z"] {
        fixture.upload(&realm, &format!("/t/{deep}/{name}"), 1).await;
    }
    let limited = |from: &str, to: &str, folders, files| MoveRequest {
        look: LookLimits { folders, files },
        ..fixture.to_move(from, to)
    };
    for (request, is_refused) in [
        (limited("/a", "/b", 2, 9), true),
        (limited("/a", "/b", 3, 0), false),
        // Paths that become longer make it look at files, where they are that deep.
        (limited("/b", "/bb", 3, 0), false),
        (limited("/t", "/tt", 9, 2), true),
        (limited("/t", "/tt", 9, 3), false),
        (limited("/tt", "/t", 9, 0), false),
    ] {
        let refusal = is_refused.then_some(TreeRefusal::TooLarge);
        assert_eq!(fixture.moved(&realm, &request).await.err(), refusal, "{request:?}");
    }
}

/// I12: a file that comes into a survivor comes after the deletion that waits there.
pub(crate) async fn a_file_moved_into_a_survivor_outlives_the_deletion(fixture: Fixture) {
    let realm = fixture.realm().await;
    let came = fixture.upload(&realm, "/elsewhere", 1).await;
    let files = fixture.upload_each(&realm, &["/t/go", "/t/keep"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    fixture.delete(fixture.lenient(&realm, vec![by_path("/t")])).await.unwrap();
    fixture.move_file(&realm, "/elsewhere", "/t/came").await;
    assert_eq!(fixture.folder_at(&realm, "/t").await.unwrap().direct.files, 2);
    assert_eq!(fixture.drain().await, blobs_of(&files[..1]));
    assert_eq!(fixture.file_at(&realm, "/t/came").await.map(|file| file.blob), Some(came.blob));
}

/// I9: a doomed file makes room for what is moved to its name, and is counted with the deletion
/// that had doomed it.
pub(crate) async fn a_file_moved_to_a_doomed_name_replaces_the_doomed_row(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/came", 5).await;
    let files = fixture.upload_each(&realm, &["/t/go", "/t/gone", "/t/keep"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    let request = fixture.lenient(&realm, vec![by_path("/t")]);
    let committed = fixture.delete(request).await.unwrap();
    fixture.move_file(&realm, "/came", "/t/go").await;
    let usage = fixture.usage(&realm).await;
    assert_eq!((usage.doomed.files, usage.condemned.files, usage.live.bytes), (1, 1, 6));
    // A folder comes to a doomed name, too.
    fixture.upload(&realm, "/d/x", 1).await;
    fixture.move_folder(&realm, "/d", "/t/gone").await;
    assert_eq!(fixture.drain().await, blobs_of(&files[..2]));
    assert_eq!(fixture.record(&realm, committed.id).await.purged.files, 2);
    let paths = ["/t/go", "/t/gone/x", "/t/keep"];
    assert_eq!(fixture.present(&realm, &paths).await, paths);
}

/// I1: what is doomed is not moved, in a survivor as little as in a tree that went whole.
pub(crate) async fn what_is_doomed_does_not_move(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/t/go", "/t/keep", "/u/sub/x"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    let selectors = vec![by_path("/t"), by_path("/u")];
    fixture.delete(fixture.lenient(&realm, selectors)).await.unwrap();
    for from in ["/t/go", "/u", "/u/sub", "/u/sub/x"] {
        assert_eq!(fixture.refused(&realm, from, "/new").await, TreeRefusal::Missing, "{from}");
    }
    // A new folder at the old path is another one, and moving it takes nothing doomed along.
    fixture.upload(&realm, "/u/sub/y", 1).await;
    fixture.move_folder(&realm, "/u", "/new").await;
    assert_eq!(fixture.folder_at(&realm, "/new/sub").await.unwrap().direct.files, 1);
    assert_eq!(fixture.drain().await, blobs_of(&[files[0].clone(), files[2].clone()]));
}

/// I9: a survivor may go elsewhere, and even with a tree that is deleted, before it is expanded:
/// each deletion takes and counts what it doomed.
pub(crate) async fn a_survivor_may_move_before_it_is_expanded(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/t/s/go", "/t/s/keep", "/v/x"]).await;
    fixture.lock(&realm, &["/t/s/keep"]).await;
    let request = fixture.lenient(&realm, vec![by_path("/t")]);
    let first = fixture.delete(request).await.unwrap();
    assert!(fixture.set_lock(&realm, "/t/s/keep", false).await);
    fixture.move_folder(&realm, "/t/s", "/v/s").await;
    assert_eq!(fixture.present(&realm, &["/v/s/go", "/v/s/keep"]).await, ["/v/s/keep"]);
    let second = fixture.delete_path(&realm, "/v").await;
    assert_eq!(second.counts, Counts { files: 2, bytes: 2, folders: 2 });
    assert_eq!(fixture.drain().await, blobs_of(&files));
    assert_eq!(fixture.record(&realm, first.id).await.purged, Tally::one(1));
    assert_eq!(fixture.record(&realm, second.id).await.purged, Tally { files: 2, bytes: 2 });
    assert_eq!(fixture.usage(&realm).await.live.files, 0);
}

/// Marks the root of every tree in the commit and nothing more.
pub(crate) fn plan_in_steps(request: &DeleteRequest, snapshot: &Snapshot) -> Result<Plan, Refusal> {
    let mut plan = plan(request, snapshot)?;
    for tree in &mut plan.trees {
        tree.marking = Marking::InSteps;
    }
    Ok(plan)
}

/// I1, I9: below a doomed root the folders may not be marked yet. Nothing of it moves or is
/// listed, what comes to the old paths moves freely, and the marks come down where they belong.
pub(crate) async fn a_tree_that_is_partly_marked_is_out_of_reach(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/t/x", "/t/a/y", "/t/a/b/z"]).await;
    let request = fixture.request(&realm, vec![by_path("/t")]);
    let lease = fixture.lease();
    let ledger = &fixture.ledger;
    ledger.commit_deletion(request, plan_in_steps, lease).await.unwrap().unwrap();
    fixture.assert_sound().await;
    for from in ["/t", "/t/x", "/t/a", "/t/a/b"] {
        assert_eq!(fixture.refused(&realm, from, "/new").await, TreeRefusal::Missing, "{from}");
    }
    for file in &files {
        assert_eq!(ledger.file(&realm, file.id).await.unwrap(), None);
        let by_id = fixture.request(&realm, vec![Selector::File(file.id)]);
        assert!(fixture.delete(by_id).await.is_err());
    }
    let new = fixture.upload_each(&realm, &["/t/a/y", "/u/b/z"]).await;
    fixture.move_folder(&realm, "/u/b", "/t/a/b").await;
    fixture.move_folder(&realm, "/t", "/w").await;
    assert_eq!(fixture.drain().await, blobs_of(&files));
    let paths = ["/w/a/y", "/w/a/b/z"];
    assert_eq!(fixture.present(&realm, &paths).await, paths);
    assert_eq!(fixture.usage(&realm).await.live, Tally { files: 2, bytes: 2 });
    fixture.delete_path(&realm, "/w").await;
    assert_eq!(fixture.drain().await, blobs_of(&new));
}

/// That a file is the output of a command is not a matter of its path.
pub(crate) async fn a_moved_output_stays_its_commands(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    let files = [
        fixture.output(&realm, (id, "a"), "/commands/day/a", 1).await.unwrap(),
        fixture.output(&realm, (id, "b"), "/commands/day/b", 1).await.unwrap(),
    ];
    fixture.move_file(&realm, "/commands/day/a", "/kept").await;
    fixture.move_folder(&realm, "/commands/day", "/d").await;
    let command = fixture.ledger.command(&realm, id).await.unwrap().unwrap();
    assert!(command.outputs.iter().all(|output| output.live.is_some()));
    let committed =
        fixture.delete(fixture.request(&realm, vec![Selector::Outputs(id)])).await.unwrap();
    assert_eq!(committed.counts.files, 2);
    assert_eq!(fixture.present(&realm, &["/kept", "/d/b"]).await, [""; 0]);
    assert_eq!(fixture.drain().await, blobs_of(&files));
}
