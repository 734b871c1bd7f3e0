//! Plans that are stored and committed later: what has changed in between stays, and is counted.

use std::time::Duration;

use super::fixture::{Fixture, at, beneath, blobs_of, by_path, written};
use crate::deletion::plan::plan;
use crate::deletion::record::{Committed, Counts, Declined, DeletionState, Outcome, Refusal};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::stored::{Commitment, Preview, STORED_PLANS_MAX, StoredPlan};
use crate::domain::entry::TagChange;
use crate::domain::filter::FileFilter;
use crate::domain::id::PlanId;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::Keeping;

/// How long the plans of these checks live.
pub(crate) const PLAN_LIFETIME: Duration = Duration::from_hours(1);

impl Fixture {
    pub(crate) async fn preview(&self, request: &DeleteRequest) -> Preview {
        self.ledger.preview_deletion(request.clone(), plan).await.unwrap().unwrap()
    }

    /// Stores the plan of a request, which is not refused.
    pub(crate) async fn stored(&self, request: &DeleteRequest) -> StoredPlan {
        let preview = self.preview(request).await;
        let stored = StoredPlan::new(self.id(), request, &preview, PLAN_LIFETIME).unwrap();
        let organization = request.realm.organization;
        let keeping = self.ledger.store_plan(organization, stored.clone(), None).await.unwrap();
        assert_eq!(keeping, Keeping::Kept);
        stored
    }

    /// The request that commits a stored plan now.
    pub(crate) fn commitment(&self, realm: &Realm, stored: &StoredPlan) -> DeleteRequest {
        let like = self.request(realm, vec![Selector::Unmatchable]);
        let organization = realm.organization;
        stored.clone().commitment(Commitment {
            id: like.id,
            organization,
            key: like.key,
            door: like.door,
            guard: like.guard,
            once: None,
            at: like.at,
        })
    }

    /// Stores a plan that takes what it can of these paths.
    async fn plan_of(&self, realm: &Realm, paths: &[&str]) -> StoredPlan {
        let selectors = paths.iter().map(|path| by_path(path)).collect();
        self.stored(&self.lenient(realm, selectors)).await
    }

    async fn commit_plan(&self, realm: &Realm, stored: &StoredPlan) -> Committed {
        self.delete(self.commitment(realm, stored)).await.unwrap()
    }
}

const fn counts(files: u64, bytes: u64, folders: u64) -> Counts {
    Counts { files, bytes, folders }
}

fn partly(gone: Counts, changed: Counts) -> Outcome {
    Outcome::Partly { counts: gone, locked: Vec::new(), changed }
}

fn changed(changed: Counts) -> Outcome {
    Outcome::Changed { changed, locked: Vec::new() }
}

/// With nothing in between a commit does what its plan said, item by item.
pub(crate) async fn a_plan_is_committed_as_it_was_made(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b/c", "/t/keep/x", "/single", "/l/x"]).await;
    fixture.lock(&realm, &["/t/keep/x", "/l"]).await;
    let command = fixture.command(&realm).await;
    fixture.output(&realm, (command, "out"), "/commands/1/out", 4).await.unwrap();
    let mut selectors: Vec<Selector> =
        ["/t", "/t/b", "/single", "/gone", "/l"].into_iter().map(by_path).collect();
    selectors.push(Selector::Outputs(command));
    let request = fixture.lenient(&realm, selectors);
    let preview = fixture.preview(&request).await;
    let mut sample: Vec<&str> = preview.sample.iter().map(EntryPath::as_str).collect();
    sample.sort_unstable();
    assert_eq!(sample, ["/commands/1/out", "/single", "/t/a", "/t/b/c"]);
    let stored = fixture.stored(&request).await;
    assert_eq!(stored.counts, preview.plan.counts);
    let committed = fixture.commit_plan(&realm, &stored).await;
    assert_eq!(committed.outcomes, preview.plan.outcomes);
    assert_eq!((committed.counts, committed.changed), (stored.counts, Counts::default()));
    fixture.drain().await;
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.changed), (DeletionState::Settled, Counts::default()));
    assert_eq!(fixture.usage(&realm).await.live.files, 2);
}

/// What came into a planned folder stays, with the folders that lead to it, and no file but it.
pub(crate) async fn what_is_uploaded_after_a_plan_stays(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/t/a", "/t/b/c", "/t/d/e"]).await;
    let stored = fixture.plan_of(&realm, &["/t"]).await;
    assert_eq!(stored.counts, counts(3, 3, 3));
    let new = fixture.upload(&realm, "/t/b/new", 9).await;
    let committed = fixture.commit_plan(&realm, &stored).await;
    assert_eq!(committed.outcomes, [partly(counts(3, 3, 1), counts(0, 0, 2))]);
    assert_eq!(committed.changed, counts(0, 0, 2));
    // A name that the plan freed may be taken again before it is expanded.
    let again = fixture.upload(&realm, "/t/b/c", 2).await;
    assert_eq!(fixture.drain().await, blobs_of(&files));
    assert_eq!(fixture.file_at(&realm, "/t/b/new").await, Some(new));
    assert_eq!(fixture.file_at(&realm, "/t/b/c").await, Some(again));
    assert_eq!(fixture.present(&realm, &["/t/a", "/t/d"]).await, [""; 0]);
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.changed), (DeletionState::Settled, counts(0, 0, 2)));
}

/// Each kind of change of a file keeps it, by its path, by its id, and with its folder.
pub(crate) async fn a_file_that_changed_stays(fixture: Fixture) {
    let realm = fixture.realm().await;
    for (round, change) in ["overwrite", "tag", "lock", "rename", "move"].into_iter().enumerate() {
        let top = format!("/{round}");
        let path = |name: &str| format!("{top}/{name}");
        let file = fixture.upload(&realm, &path("a"), 3).await;
        fixture.upload(&realm, &path("b"), 4).await;
        let by_id = fixture.request(&realm, vec![Selector::File(file.id)]);
        let plans = [
            fixture.plan_of(&realm, &[&path("a")]).await,
            fixture.stored(&by_id).await,
            fixture.plan_of(&realm, &[&top]).await,
        ];
        let (from, to) = (path("a"), path("c"));
        let tags = TagChange::Add(vec!["new".to_owned()]);
        let written = written(&from);
        match change {
            "overwrite" => drop(fixture.upload(&realm, &from, 3).await),
            "tag" => drop(fixture.ledger.change_tags(&realm, &written, &tags).await.unwrap()),
            "lock" => {
                fixture.lock(&realm, &[&from]).await;
                fixture.set_lock(&realm, &from, false).await;
            }
            "rename" => drop(fixture.move_entry(&realm, &from, &to).await.unwrap()),
            _ => {
                fixture.move_entry(&realm, &from, "/away").await.unwrap();
                fixture.move_entry(&realm, "/away", &from).await.unwrap();
            }
        }
        for stored in &plans[..2] {
            let committed = fixture.commit_plan(&realm, stored).await;
            assert_eq!(committed.outcomes, [changed(counts(1, 3, 0))], "{change}");
        }
        let committed = fixture.commit_plan(&realm, &plans[2]).await;
        let outcome = partly(counts(1, 4, 0), counts(1, 3, 1));
        assert_eq!(committed.outcomes, [outcome], "{change}");
        assert!(fixture.ledger.file(&realm, file.id).await.unwrap().is_some(), "{change}");
    }
}

/// A folder that came, was renamed, or was away and is back, stays with everything in it, however
/// old that is.
pub(crate) async fn a_folder_that_changed_stays_whole(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/go", "/t/old/x", "/t/back/y/z", "/in/deep/w", "/t/out/v"];
    fixture.upload_each(&realm, &paths).await;
    let stored = fixture.plan_of(&realm, &["/t"]).await;
    assert_eq!(stored.counts, counts(4, 4, 5));
    for (from, to) in [
        ("/t/old", "/t/new"),
        ("/t/back", "/b"),
        ("/b", "/t/back"),
        ("/in", "/t/in"),
        ("/t/out", "/out"),
    ] {
        fixture.move_entry(&realm, from, to).await.unwrap();
    }
    let committed = fixture.commit_plan(&realm, &stored).await;
    assert_eq!(committed.outcomes, [partly(counts(1, 1, 0), counts(3, 3, 5))]);
    fixture.drain().await;
    let left = ["/t/new/x", "/t/back/y/z", "/t/in/deep/w", "/out/v"];
    assert_eq!(fixture.present(&realm, &left).await, left);
    assert_eq!(fixture.usage(&realm).await.live.files, 4);
}

/// A change of a folder above changes what is selected below it, by path and by id.
pub(crate) async fn what_lies_below_a_changed_folder_has_changed(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_each(&realm, &["/a/b/x", "/a/b/y", "/a/c/z"]).await;
    let selectors = vec![Selector::File(files[0].id), by_path("/a/b/y"), by_path("/a/c")];
    let stored = fixture.stored(&fixture.lenient(&realm, selectors)).await;
    fixture.move_entry(&realm, "/a", "/m").await.unwrap();
    fixture.move_entry(&realm, "/m", "/a").await.unwrap();
    let committed = fixture.commit_plan(&realm, &stored).await;
    let one = counts(1, 1, 0);
    assert_eq!(committed.outcomes, [changed(one), changed(one), changed(counts(1, 1, 1))]);
    assert_eq!((committed.counts, committed.changed), (Counts::default(), counts(3, 3, 1)));
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!(record.state, DeletionState::Settled);
}

/// What took the place of what was planned, or of nothing, is not what was planned; what is gone
/// has changed.
pub(crate) async fn another_entry_in_the_place_stays(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a", "/f/x", "/gone", "/other/x"]).await;
    let paths = ["/a", "/f", "/gone", "/nothing", "/never"];
    let stored = fixture.plan_of(&realm, &paths).await;
    for path in ["/a", "/f", "/gone"] {
        fixture.delete_path(&realm, path).await;
    }
    fixture.upload_each(&realm, &["/a", "/nothing"]).await;
    fixture.move_entry(&realm, "/other", "/f").await.unwrap();
    let committed = fixture.commit_plan(&realm, &stored).await;
    let one = counts(1, 1, 0);
    let expected = [
        changed(one),
        changed(counts(1, 1, 1)),
        changed(one),
        changed(Counts::default()),
        Outcome::Missing,
    ];
    assert_eq!(committed.outcomes, expected);
    assert_eq!((committed.counts, committed.changed), (Counts::default(), counts(3, 3, 1)));
    fixture.drain().await;
    let left = ["/a", "/f/x", "/nothing"];
    assert_eq!(fixture.present(&realm, &left).await, left);
}

/// I11: what is locked since stays under the request's policy: it refuses the commit, which leaves
/// the plan unused, or is named; and it counts as changed.
pub(crate) async fn what_is_locked_after_a_plan_is_locked(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b", "/s"]).await;
    let selectors = vec![by_path("/t"), by_path("/s")];
    let strict = fixture.stored(&fixture.request(&realm, selectors)).await;
    let lenient = fixture.plan_of(&realm, &["/t", "/s"]).await;
    fixture.lock(&realm, &["/t/a", "/s"]).await;
    let declined = fixture.delete(fixture.commitment(&realm, &strict)).await.unwrap_err();
    let locked = vec![(0, at("/t/a")), (1, at("/s"))];
    assert_eq!(declined, Declined::Refused(Refusal { locked, ..Refusal::default() }));
    let unused = fixture.ledger.stored_plan(&realm, strict.id, fixture.now()).await.unwrap();
    assert_eq!(unused, Some(strict.clone()));
    let committed = fixture.commit_plan(&realm, &lenient).await;
    let some = Outcome::Partly {
        counts: counts(1, 1, 0),
        locked: vec![at("/t/a")],
        changed: counts(1, 1, 1),
    };
    let none = Outcome::Changed { changed: counts(1, 1, 0), locked: vec![at("/s")] };
    assert_eq!(committed.outcomes, [some, none]);
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!(record.skipped, [at("/s"), at("/t/a")]);
    // Unlocked, what is left has changed; the strict plan takes nothing of it and is not refused.
    fixture.set_lock(&realm, "/t/a", false).await;
    fixture.set_lock(&realm, "/s", false).await;
    let committed = fixture.commit_plan(&realm, &strict).await;
    let expected = [changed(counts(2, 2, 1)), changed(counts(1, 1, 0))];
    assert_eq!(committed.outcomes, expected);
    assert_eq!(fixture.present(&realm, &["/t/a", "/s"]).await, ["/t/a", "/s"]);
}

/// A folder that was to stay for the sake of a lock below it stays, also when neither the lock nor
/// what it held is there any more.
pub(crate) async fn a_folder_that_was_not_planned_stays(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b/c/held", "/t/b/x", "/t/l/y", "/t/m/n/z"]).await;
    fixture.lock(&realm, &["/t/b/c/held", "/t/l", "/t/m/n"]).await;
    let stored = fixture.plan_of(&realm, &["/t"]).await;
    assert_eq!(stored.counts, counts(2, 2, 0));
    for path in ["/t/b/c/held", "/t/l", "/t/m/n"] {
        fixture.set_lock(&realm, path, false).await;
    }
    fixture.delete_path(&realm, "/t/b/c/held").await;
    fixture.move_entry(&realm, "/t/b/c", "/c").await.unwrap();
    fixture.delete_path(&realm, "/t/l").await;
    fixture.delete_path(&realm, "/t/m/n").await;
    let committed = fixture.commit_plan(&realm, &stored).await;
    let all = Outcome::Deleted { counts: counts(2, 2, 0), files: Vec::new() };
    assert_eq!(committed.outcomes, [all]);
    fixture.drain().await;
    assert_eq!(fixture.present(&realm, &["/t", "/t/b", "/t/m"]).await, ["/t", "/t/b", "/t/m"]);
}

/// An output that was stored after the plan stays; the command is closed as the plan said.
pub(crate) async fn an_output_stored_after_a_plan_stays(fixture: Fixture) {
    let realm = fixture.realm().await;
    let (command, empty) = (fixture.command(&realm).await, fixture.command(&realm).await);
    for key in ["a", "b", "c"] {
        let path = format!("/commands/{key}");
        fixture.output(&realm, (command, key), &path, 2).await.unwrap();
    }
    let selectors = vec![Selector::Outputs(command), Selector::Outputs(empty)];
    let stored = fixture.stored(&fixture.request(&realm, selectors)).await;
    fixture.output(&realm, (command, "b"), "/commands/b", 5).await.unwrap();
    fixture.output(&realm, (command, "d"), "/commands/d", 7).await.unwrap();
    fixture.output(&realm, (empty, "e"), "/commands/e", 8).await.unwrap();
    let committed = fixture.commit_plan(&realm, &stored).await;
    let expected = [partly(counts(2, 4, 0), counts(1, 2, 0)), changed(Counts::default())];
    assert_eq!(committed.outcomes, expected);
    for id in [command, empty] {
        assert!(fixture.ledger.command(&realm, id).await.unwrap().unwrap().closed);
    }
    fixture.drain().await;
    let left = ["/commands/b", "/commands/d", "/commands/e"];
    assert_eq!(fixture.present(&realm, &left).await, left);
    assert_eq!(fixture.usage(&realm).await.live.files, 3);
}

/// A filter takes what it took when the plan was made: ages do not grow, what came with a folder
/// does not count, and what goes on in steps is not stored.
pub(crate) async fn a_filter_takes_what_its_plan_showed(fixture: Fixture) {
    let realm = fixture.realm().await;
    let old = ["/t/a", "/t/b", "/t/tagged", "/in/x"];
    fixture.upload_each(&realm, &old).await;
    fixture.clock.advance(Duration::from_secs(100));
    fixture.upload_each(&realm, &["/t/young"]).await;
    let (prefix, older_than) = (Some(at("/t")), Some(Duration::from_mins(1)));
    let filter = FileFilter { prefix, older_than, ..FileFilter::default() };
    let request = fixture.lenient(&realm, vec![Selector::Matching(filter)]);
    let stored = fixture.stored(&request).await;
    assert_eq!(stored.counts, counts(3, 3, 0));
    let stepping = DeleteRequest { matched_files_max: 2, ..request };
    let preview = fixture.preview(&stepping).await;
    assert_eq!(StoredPlan::new(fixture.id(), &stepping, &preview, PLAN_LIFETIME), None);
    fixture.clock.advance(Duration::from_secs(100));
    fixture.move_entry(&realm, "/in", "/t/in").await.unwrap();
    let tags = TagChange::Add(vec!["new".to_owned()]);
    let tagged = fixture.ledger.change_tags(&realm, &written("/t/tagged"), &tags).await;
    tagged.unwrap().unwrap();
    let committed = fixture.commit_plan(&realm, &stored).await;
    assert_eq!(committed.outcomes, [partly(counts(2, 2, 0), counts(1, 1, 0))]);
    fixture.drain().await;
    let left = ["/t/tagged", "/t/young", "/t/in/x"];
    assert_eq!(fixture.present(&realm, &left).await, left);
    assert_eq!(fixture.usage(&realm).await.live.files, 3);
}

/// What the commit of one plan leaves as changed has not changed for a plan that knows it.
pub(crate) async fn a_commit_changes_nothing_of_what_it_leaves(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b"]).await;
    let first = fixture.plan_of(&realm, &["/t"]).await;
    let late = fixture.upload(&realm, "/t/late", 5).await;
    let second = fixture.plan_of(&realm, &["/t"]).await;
    assert_eq!(second.counts, counts(3, 7, 1));
    let committed = fixture.commit_plan(&realm, &first).await;
    assert_eq!(committed.outcomes, [partly(counts(2, 2, 0), counts(0, 0, 1))]);
    assert_eq!(fixture.file_at(&realm, "/t/late").await, Some(late));
    let committed = fixture.commit_plan(&realm, &second).await;
    assert_eq!(committed.outcomes, [partly(counts(1, 5, 1), counts(2, 2, 0))]);
    assert_eq!(fixture.drain().await.len(), 3);
    assert_eq!(fixture.entry(&realm, "/t").await, None);
}

/// One commit uses a plan up; it, and no other, is told by the plan.
pub(crate) async fn a_plan_is_used_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a", "/b"]).await;
    let stored = fixture.plan_of(&realm, &["/a"]).await;
    fixture.preview(&fixture.commitment(&realm, &stored)).await;
    let committed = fixture.commit_plan(&realm, &stored).await;
    fixture.upload(&realm, "/a", 1).await;
    let again = fixture.delete(fixture.commitment(&realm, &stored)).await;
    assert_eq!(again.unwrap_err(), Declined::PlanSpent);
    let known = fixture.ledger.stored_plan(&realm, stored.id, fixture.now()).await.unwrap();
    assert_eq!(known, Some(StoredPlan { used_by: Some(committed.id), ..stored }));
}

/// An expired plan, another organization's, and one that a key does not see are as never made.
pub(crate) async fn a_plan_is_seen_by_whom_it_concerns_until_it_expires(fixture: Fixture) {
    let (realm, foreign) = (fixture.realm().await, fixture.realm().await);
    let (wide, narrow) = (beneath(&realm, "/a"), beneath(&realm, "/a/b"));
    fixture.upload(&realm, "/a/x", 1).await;
    let stored = fixture.plan_of(&wide, &["/a/x"]).await;
    for (seen, by) in [(true, &realm), (true, &wide), (false, &narrow), (false, &foreign)] {
        let found = fixture.ledger.stored_plan(by, stored.id, fixture.now()).await.unwrap();
        assert_eq!(found.is_some(), seen, "{by:?}");
    }
    let as_foreign = fixture.delete(fixture.commitment(&foreign, &stored)).await;
    assert_eq!(as_foreign.unwrap_err(), Declined::PlanSpent);
    let unknown: PlanId = fixture.id();
    assert_eq!(fixture.ledger.stored_plan(&realm, unknown, fixture.now()).await.unwrap(), None);
    assert_eq!(fixture.ledger.forget_plans(fixture.now(), 10).await.unwrap(), 0);
    fixture.clock.advance(PLAN_LIFETIME);
    assert_eq!(fixture.ledger.stored_plan(&realm, stored.id, fixture.now()).await.unwrap(), None);
    let late = fixture.delete(fixture.commitment(&realm, &stored)).await;
    assert_eq!(late.unwrap_err(), Declined::PlanSpent);
    assert_eq!(fixture.ledger.forget_plans(fixture.now(), 10).await.unwrap(), 1);
    assert_eq!(fixture.ledger.forget_plans(fixture.now(), 10).await.unwrap(), 0);
    assert!(fixture.entry(&realm, "/a/x").await.is_some());
}

/// An organization has room for so many plans, and each forgotten one makes room.
pub(crate) async fn stored_plans_are_bounded(fixture: Fixture) {
    let realm = fixture.realm().await;
    let like = fixture.plan_of(&realm, &["/a"]).await;
    let store = async |id: PlanId| {
        let plan = StoredPlan { id, ..like.clone() };
        fixture.ledger.store_plan(realm.organization, plan, None).await.unwrap()
    };
    let ids: Vec<PlanId> = (1..STORED_PLANS_MAX).map(|_| fixture.id()).collect();
    let stored = futures::future::join_all(ids.into_iter().map(&store)).await;
    assert!(stored.into_iter().all(|stored| stored == Keeping::Kept));
    assert_eq!(store(fixture.id()).await, Keeping::TooMany);
    let other = fixture.realm().await;
    fixture.plan_of(&other, &["/a"]).await;
    fixture.clock.advance(PLAN_LIFETIME);
    assert_eq!(fixture.ledger.forget_plans(fixture.now(), 3).await.unwrap(), 3);
    assert_eq!(store(fixture.id()).await, Keeping::Kept);
}

/// A folder with changes is looked through; where that were too many files, nothing is decided.
pub(crate) async fn a_commit_looks_at_no_more_than_its_limit(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/t/still", 20).await;
    fixture.upload_many(&realm, "/t/busy", 4).await;
    let stored = fixture.plan_of(&realm, &["/t"]).await;
    fixture.upload(&realm, "/t/busy/late", 1).await;
    // New folders are not looked into.
    fixture.upload_many(&realm, "/t/new", 20).await;
    let mut request = fixture.commitment(&realm, &stored);
    let limit =
        |files| move |fence: &mut crate::deletion::fence::Fence| fence.look_files_max = files;
    request.fence.as_mut().map(limit(4));
    let declined = fixture.delete(request.clone()).await.unwrap_err();
    let refusal = Refusal { too_much_changed: true, ..Refusal::default() };
    assert_eq!(declined, Declined::Refused(refusal));
    assert_eq!(fixture.usage(&realm).await.live.files, 45);
    request.fence.as_mut().map(limit(5));
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(committed.outcomes, [partly(counts(24, 24, 1), counts(0, 0, 2))]);
}

/// Deletions that follow one another, with and without a plan, each count what they took.
pub(crate) async fn plans_and_deletions_share_a_survivor(fixture: Fixture) {
    let realm = fixture.realm().await;
    let first = fixture.upload_each(&realm, &["/t/a", "/t/b", "/t/keep"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    let stored = fixture.plan_of(&realm, &["/t"]).await;
    let same = fixture.plan_of(&realm, &["/t"]).await;
    let second = fixture.upload_each(&realm, &["/t/c", "/t/d"]).await;
    let planned = fixture.commit_plan(&realm, &stored).await;
    assert_eq!(planned.counts, counts(2, 2, 0));
    let nothing = fixture.commit_plan(&realm, &same).await;
    let rest = Outcome::Changed { changed: counts(2, 2, 0), locked: vec![at("/t/keep")] };
    assert_eq!(nothing.outcomes, [rest]);
    let lenient = fixture.lenient(&realm, vec![by_path("/t")]);
    let plain = fixture.delete(lenient).await.unwrap();
    assert_eq!(plain.counts, counts(2, 2, 0));
    // A doomed name is taken again: its blob goes for the deletion that had doomed it.
    fixture.upload(&realm, "/t/a", 1).await;
    let third = fixture.plan_of(&realm, &["/t"]).await;
    assert_eq!(fixture.commit_plan(&realm, &third).await.counts, counts(1, 1, 0));
    let gone = fixture.drain().await;
    assert!(blobs_of(&first[..2]).iter().chain(&blobs_of(&second)).all(|key| gone.contains(key)));
    assert_eq!(gone.len(), 5);
    for committed in [planned, plain] {
        let record = fixture.record(&realm, committed.id).await;
        assert_eq!((record.purged.files, record.state), (2, DeletionState::Settled));
    }
    assert_eq!(fixture.present(&realm, &["/t/keep", "/t/a", "/t/c"]).await, ["/t/keep"]);
}
