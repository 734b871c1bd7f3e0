//! Filters: which files they select, how many of them go at once, and the steps in which the rest
//! goes.

use std::time::Duration;

use super::fixture::{Fixture, STEP, STEPS_MAX, attributes, beneath, by_path, keys_of};
use crate::deletion::items::Fate;
use crate::deletion::plan::plan;
use crate::deletion::record::{Counts, Declined, DeletionState, Outcome, Refusal};
use crate::deletion::request::{Atomicity, DeleteRequest, Precondition, Selector};
use crate::domain::entry::{FileRecord, NewVersion, TagChange};
use crate::domain::filter::FileFilter;
use crate::domain::guard::{Guard, GuardLimits};
use crate::domain::id::DeletionId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::ledger::{Cancellation, ExpandStep, StepLimits};

const RED: &str = "red";

/// Everything that has this tag.
fn tagged(tag: &str) -> FileFilter {
    FileFilter { tags: vec![tag.to_owned()], ..FileFilter::default() }
}

fn beneath_path(prefix: &str) -> FileFilter {
    FileFilter { prefix: Some(super::fixture::at(prefix)), ..FileFilter::default() }
}

fn by(filter: FileFilter) -> Vec<Selector> {
    vec![Selector::Matching(filter)]
}

/// A best effort that takes at most `at_once` files in its commit.
fn in_steps(fixture: &Fixture, realm: &Realm, filter: FileFilter, at_once: usize) -> DeleteRequest {
    DeleteRequest { matched_files_max: at_once, ..fixture.lenient(realm, by(filter)) }
}

impl Fixture {
    /// One step of selecting; `None` where nothing waits.
    pub(crate) async fn select_once(
        &self,
        after: Option<OrganizationNumber>,
        blobs: usize,
    ) -> Option<ExpandStep> {
        let limits = StepLimits { blobs, ..STEP };
        let step = self.ledger.select_step(after, self.lease(), limits, self.now()).await.unwrap();
        self.assert_sound().await;
        step.served.is_some().then_some(step)
    }

    /// Selects until nothing waits, in steps of `blobs`.
    pub(crate) async fn select(&self, blobs: usize) {
        let mut served = None;
        for _ in 0..STEPS_MAX {
            match self.select_once(served, blobs).await {
                Some(step) => served = step.served,
                None => return,
            }
        }
        panic!("selecting does not end");
    }

    async fn cancel(&self, realm: &Realm, id: DeletionId) -> Option<Cancellation> {
        let cancelled = self.ledger.cancel_deletion(realm, id, None, self.now()).await.unwrap();
        self.assert_sound().await;
        cancelled
    }

    async fn move_to(&self, realm: &Realm, from: &str, to: &str) {
        self.move_entry(realm, from, to).await.unwrap();
    }
}

/// Stores one byte at each of `paths`, tagged red.
async fn upload_red(fixture: &Fixture, realm: &Realm, paths: &[&str]) -> Vec<FileRecord> {
    let mut files = Vec::new();
    for path in paths {
        let version = fixture.version(path, 1).await;
        let mut red = attributes("red");
        red.tags = vec![RED.to_owned()];
        let version = NewVersion { attributes: red, ..version };
        files.push(fixture.commit(realm, version).await.unwrap().file);
    }
    files
}

fn one(bytes: u64) -> Counts {
    Counts::files(Tally::one(bytes))
}

/// Each condition selects by itself, and files only: the folders stay.
pub(crate) async fn files_are_selected_by_what_they_are(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/a/old", "/a/b/large", "/a/b/red", "/ab/video", "/small"];
    fixture.upload(&realm, "/a/old", 5).await;
    fixture.clock.advance(Duration::from_secs(60));
    fixture.upload(&realm, "/a/b/large", 9).await;
    upload_red(&fixture, &realm, &["/a/b/red"]).await;
    let mut video = fixture.version("/ab/video", 5).await;
    video.attributes.content_type = "video/mp4".to_owned();
    fixture.commit(&realm, video).await.unwrap();
    fixture.upload(&realm, "/small", 0).await;
    let none = FileFilter::default();
    for (filter, expected) in [
        (FileFilter { older_than: Some(Duration::from_secs(59)), ..none.clone() }, "/a/old"),
        (FileFilter { larger_than: Some(5), ..none.clone() }, "/a/b/large"),
        (tagged(RED), "/a/b/red"),
        (FileFilter { media_type: Some("video/*".to_owned()), ..none.clone() }, "/ab/video"),
        (FileFilter { smaller_than: Some(1), ..none }, "/small"),
    ] {
        let request = fixture.request(&realm, by(filter));
        let preview = fixture.ledger.preview_deletion(request.clone(), plan).await.unwrap();
        let committed = fixture.delete(request).await.unwrap();
        assert_eq!(preview.unwrap().plan.outcomes, committed.outcomes, "{expected}");
        assert_eq!((committed.counts.files, committed.counts.folders), (1, 0), "{expected}");
        assert!(fixture.entry(&realm, expected).await.is_none(), "{expected}");
    }
    assert_eq!(fixture.present(&realm, &paths).await, [""; 0]);
    assert_eq!(fixture.present(&realm, &["/a/b", "/ab"]).await, ["/a/b", "/ab"]);
    assert_eq!(fixture.drain().await.len(), 5);
}

/// A prefix ends with a segment, may name a file, and holds together with the other conditions.
pub(crate) async fn a_filters_prefix_ends_with_a_segment(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/a/x", "/a/b/x", "/ab/x", "/a.txt", "/uploads/x"];
    upload_red(&fixture, &realm, &paths).await;
    let filter = FileFilter { prefix: Some(super::fixture::at("/a")), ..tagged(RED) };
    let committed = fixture.delete(fixture.request(&realm, by(filter))).await.unwrap();
    assert_eq!(committed.counts.files, 2);
    assert_eq!(fixture.present(&realm, &paths).await, ["/ab/x", "/a.txt", "/uploads/x"]);
    let filter = beneath_path("/a.txt");
    assert_eq!(fixture.delete(fixture.request(&realm, by(filter))).await.unwrap().counts, one(1));
    let filter = beneath_path("/uploads");
    assert_eq!(fixture.delete(fixture.request(&realm, by(filter))).await.unwrap().counts, one(1));
    assert!(fixture.folder_at(&realm, "/uploads").await.is_some());
}

/// I7: a filter sees what its realm sees. A prefix outside of it is forbidden, one that finds
/// nothing is no fault.
pub(crate) async fn a_filter_ends_at_the_realm(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    upload_red(&fixture, &realm, &["/a/x", "/b/x", "/c"]).await;
    upload_red(&fixture, &other, &["/a/x"]).await;
    let narrow = beneath(&realm, "/a");
    let selectors = [tagged(RED), beneath_path("/b"), beneath_path("/a/none")];
    let selectors: Vec<Selector> = selectors.into_iter().map(Selector::Matching).collect();
    let declined = fixture.delete(fixture.request(&narrow, selectors.clone())).await.unwrap_err();
    let refusal = Refusal { outside_prefix: vec![1], ..Refusal::default() };
    assert_eq!(declined, Declined::Refused(refusal));
    let committed = fixture.delete(fixture.lenient(&narrow, selectors)).await.unwrap();
    let nothing = Outcome::Deleted { counts: Counts::default(), files: vec![] };
    assert_eq!(committed.outcomes[1..], [Outcome::Forbidden, nothing]);
    assert_eq!((committed.outcomes[0].counts(), committed.counts), (one(1), one(1)));
    assert_eq!(fixture.usage(&other).await.live.files, 1);
    let file = beneath(&realm, "/c");
    let committed = fixture.delete(fixture.request(&file, by(tagged(RED)))).await.unwrap();
    assert_eq!(committed.counts, one(1));
    assert_eq!(fixture.present(&realm, &["/b/x"]).await, ["/b/x"]);
}

/// I6: an atomic request takes what its filters find, up to a bound, or is refused with the count
/// of it all.
pub(crate) async fn an_atomic_request_takes_a_bounded_number(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/1", "/2/a", "/2/b", "/3/x"];
    upload_red(&fixture, &realm, &paths).await;
    let both = vec![Selector::Matching(beneath_path("/2")), Selector::Matching(beneath_path("/3"))];
    let request = |selectors: &[Selector], matched_files_max| DeleteRequest {
        matched_files_max,
        ..fixture.request(&realm, selectors.to_vec())
    };
    for (selectors, bound, count) in [(by(tagged(RED)), 3, 4), (both.clone(), 2, 3)] {
        let declined = fixture.delete(request(&selectors, bound)).await.unwrap_err();
        let refusal = Refusal { too_many_matching: Some(count), ..Refusal::default() };
        assert_eq!(declined, Declined::Refused(refusal));
    }
    assert_eq!(fixture.present(&realm, &paths).await, paths);
    let committed = fixture.delete(request(&both, 3)).await.unwrap();
    assert_eq!((committed.counts.files, committed.expanding), (3, false));
    assert_eq!(fixture.delete(request(&by(tagged(RED)), 1)).await.unwrap().counts.files, 1);
}

/// A locked file refuses an atomic request, and is skipped, counted and named by a best effort.
pub(crate) async fn a_filter_opens_no_lock(fixture: Fixture) {
    let realm = fixture.realm().await;
    upload_red(&fixture, &realm, &["/a", "/b", "/l/x", "/l/deep/y"]).await;
    fixture.lock(&realm, &["/a", "/l"]).await;
    let strict = fixture.request(&realm, by(tagged(RED)));
    let locked = ["/a", "/l/deep/y", "/l/x"].map(|path| (0, super::fixture::at(path)));
    let refusal = Refusal { locked: locked.to_vec(), ..Refusal::default() };
    assert_eq!(fixture.delete(strict).await.unwrap_err(), Declined::Refused(refusal));
    let committed = fixture.delete(fixture.lenient(&realm, by(tagged(RED)))).await.unwrap();
    assert_eq!(committed.counts, one(1));
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.locked_files, record.skipped.len()), (3, 3));
    assert_eq!(fixture.present(&realm, &["/a", "/l/x", "/l/deep/y"]).await.len(), 3);
}

/// I9: what several selectors name is taken once, and by the most particular of them.
pub(crate) async fn what_others_name_a_filter_leaves_to_them(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = upload_red(&fixture, &realm, &["/t/a", "/single", "/rest", "/both"]).await;
    let command = fixture.command(&realm).await;
    fixture.output(&realm, (command, "o"), "/both", 1).await.unwrap();
    let selectors = vec![
        Selector::Matching(tagged(RED)),
        by_path("/t"),
        Selector::Entry(files[1].id),
        Selector::Outputs(command),
        Selector::Matching(FileFilter { larger_than: Some(0), ..FileFilter::default() }),
    ];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    let taken: Vec<u64> = committed.outcomes.iter().map(|o| o.counts().files).collect();
    assert_eq!(taken, [1, 1, 1, 1, 0]);
    assert_eq!(committed.counts, Counts { files: 4, bytes: 4, folders: 1 });
    assert_eq!(fixture.usage(&realm).await.live, Tally::default());
}

/// A filter has no version, so that a precondition never holds for it.
pub(crate) async fn no_precondition_holds_for_a_filter(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = upload_red(&fixture, &realm, &["/a"]).await;
    let versions = vec![files[0].blob.id];
    let request = DeleteRequest {
        preconditions: vec![Precondition { selector: 0, versions }],
        ..fixture.lenient(&realm, by(tagged(RED)))
    };
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(committed.outcomes, [Outcome::PreconditionFailed]);
}

/// I14: what a best effort does not take in its commit goes in steps; the counts grow, and it is
/// settled when all that is done and purged.
pub(crate) async fn a_best_effort_goes_on_in_steps(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_many(&realm, "/a/b", 7).await;
    let request = in_steps(&fixture, &realm, beneath_path("/a"), 2);
    let id = request.id;
    let lease = fixture.lease();
    let committed = fixture.ledger.commit_deletion(request, plan, lease).await.unwrap().unwrap();
    assert!(committed.expanding);
    assert!(
        matches!(&committed.outcomes[0], Outcome::Selecting { counts, .. } if counts.files == 2)
    );
    let mut batches = committed.batches;
    fixture.settle(&batches, lease.token, |_| false).await;
    let record = fixture.record(&realm, id).await;
    assert_eq!((record.state, record.percent()), (DeletionState::Selecting, 0));
    assert_eq!((record.doomed.files, record.purged.files), (2, 2));
    let mut doomed = vec![2];
    while let Some(step) = fixture.select_once(None, 2).await {
        assert_eq!(step.served, Some(realm.organization));
        assert!(step.batches.iter().all(|batch| batch.deletion == Some(id)));
        batches.extend(step.batches);
        doomed.push(fixture.record(&realm, id).await.doomed.files);
        assert!(doomed.len() < 10, "the steps do not end: {doomed:?}");
    }
    assert!(doomed.is_sorted() && doomed.last() == Some(&7), "{doomed:?}");
    let mut keys: Vec<_> = files.iter().map(|file| file.blob).collect();
    keys.sort();
    assert_eq!(keys_of(&batches), keys);
    assert_eq!(fixture.record(&realm, id).await.state, DeletionState::Purging);
    fixture.purge().await;
    let record = fixture.record(&realm, id).await;
    assert_eq!(
        (record.state, record.percent(), record.purged.files),
        (DeletionState::Settled, 100, 7)
    );
    assert!(fixture.folder_at(&realm, "/a/b").await.is_some());
}

/// I14: a filter's item grows with each step, and ends as what became of all that it met.
pub(crate) async fn an_item_tells_how_its_filter_ended(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/a", 5).await;
    fixture.upload_many(&realm, "/b", 3).await;
    fixture.upload_each(&realm, &["/c/1", "/c/2"]).await;
    for path in ["/b/00001", "/c/1", "/c/2"] {
        assert!(fixture.set_lock(&realm, path, true).await, "{path}");
    }
    let filters = ["/a", "/b", "/c", "/d"].map(|path| Selector::Matching(beneath_path(path)));
    let request =
        DeleteRequest { matched_files_max: 0, ..fixture.lenient(&realm, filters.to_vec()) };
    let id = fixture.delete(request).await.unwrap().id;
    let items = async || fixture.ledger.deletion_items(&realm, id).await.unwrap().unwrap();
    let mut files = 0;
    while fixture.select_once(None, 2).await.is_some() {
        let now = items().await.iter().map(|item| item.counts.files).sum();
        assert!(files <= now, "{files} {now}");
        assert_eq!(fixture.record(&realm, id).await.doomed.files, now);
        files = now;
    }
    let ended: Vec<_> = items()
        .await
        .into_iter()
        .map(|item| (item.fate, item.counts.files, item.counts.bytes, item.locked_count))
        .collect();
    let told: Vec<_> =
        ended.iter().map(|(fate, files, _, locked)| (*fate, *files, *locked)).collect();
    assert_eq!(
        told,
        [(Fate::Deleted, 5, 0), (Fate::Partly, 2, 1), (Fate::Locked, 0, 2), (Fate::Deleted, 0, 0)]
    );
    let all: u64 = ended.iter().map(|(_, _, bytes, _)| bytes).sum();
    assert_eq!(fixture.record(&realm, id).await.doomed.bytes, all);
}

/// What a filter took until its deletion was cancelled is counted; one that was done stays done.
pub(crate) async fn an_item_tells_that_it_was_cancelled(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/a", 2).await;
    fixture.upload_many(&realm, "/b", 5).await;
    let filters = ["/a", "/b", "/c"].map(|path| Selector::Matching(beneath_path(path)));
    let request =
        DeleteRequest { matched_files_max: 0, ..fixture.lenient(&realm, filters.to_vec()) };
    let id = fixture.delete(request).await.unwrap().id;
    let told = async || {
        let items = fixture.ledger.deletion_items(&realm, id).await.unwrap().unwrap();
        items.into_iter().map(|item| (item.fate, item.counts.files)).collect::<Vec<_>>()
    };
    while told().await[1].1 < 3 {
        fixture.select_once(None, 1).await;
    }
    assert_eq!(told().await, [(Fate::Deleted, 2), (Fate::Selecting, 3), (Fate::Selecting, 0)]);
    assert_eq!(fixture.cancel(&realm, id).await, Some(Cancellation::Cancelled));
    let ended = [(Fate::Deleted, 2), (Fate::Cancelled, 3), (Fate::Cancelled, 0)];
    assert_eq!(told().await, ended);
    fixture.drain().await;
    let record = fixture.record(&realm, id).await;
    assert_eq!((record.state, record.doomed.files), (DeletionState::Settled, 5));
    assert_eq!(told().await, ended);
}

/// I12: what is stored, overwritten, tagged or moved behind the commit is newer than the deletion,
/// whatever the filter says of it.
pub(crate) async fn no_step_touches_what_is_newer(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/t/gone", "/t/over", "/t/moved", "/other"];
    upload_red(&fixture, &realm, &paths).await;
    fixture.delete(in_steps(&fixture, &realm, tagged(RED), 0)).await.unwrap();
    upload_red(&fixture, &realm, &["/t/new", "/t/over"]).await;
    fixture.move_to(&realm, "/t/moved", "/t/there").await;
    let change = TagChange::Add(vec![RED.to_owned(), "blue".to_owned()]);
    let path = super::fixture::written("/other");
    fixture.ledger.change_tags(&realm, &path, &change).await.unwrap().unwrap();
    fixture.select(1).await;
    let kept = ["/t/new", "/t/over", "/t/there", "/other"];
    assert_eq!(fixture.present(&realm, &kept).await, kept);
    assert_eq!(fixture.present(&realm, &["/t/gone"]).await, [""; 0]);
}

/// What comes to a filter's prefix with a folder is newer there, however old it is itself.
pub(crate) async fn what_comes_with_a_folder_is_not_selected(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/a", "/t/b/c", "/in/x/y"]).await;
    fixture.delete(in_steps(&fixture, &realm, beneath_path("/t"), 0)).await.unwrap();
    fixture.move_to(&realm, "/in", "/t/b/in").await;
    fixture.select(1).await;
    let left = ["/t/b/in/x/y"];
    assert_eq!(fixture.present(&realm, &["/t/a", "/t/b/c", left[0]]).await, left);
}

/// However folders are moved between two steps, each file is met, once.
pub(crate) async fn moved_folders_are_met_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let paths = ["/a/1", "/a/2", "/b/1", "/b/2", "/c/d/1", "/c/d/2"];
    upload_red(&fixture, &realm, &paths).await;
    let committed = fixture.delete(in_steps(&fixture, &realm, tagged(RED), 1)).await.unwrap();
    for (from, to) in [("/a", "/z"), ("/c/d", "/0"), ("/b", "/c/b"), ("/z", "/a"), ("/0", "/zz")] {
        fixture.select_once(None, 1).await;
        fixture.move_to(&realm, from, to).await;
    }
    fixture.select(1).await;
    assert_eq!(fixture.record(&realm, committed.id).await.doomed.files, 6);
    assert_eq!(fixture.usage(&realm).await.live, Tally::default());
}

/// What another deletion dooms between two steps is that one's.
pub(crate) async fn what_goes_between_two_steps_is_not_counted(fixture: Fixture) {
    let realm = fixture.realm().await;
    upload_red(&fixture, &realm, &["/a/1", "/a/2", "/b/1", "/c"]).await;
    let committed = fixture.delete(in_steps(&fixture, &realm, tagged(RED), 0)).await.unwrap();
    assert_eq!(fixture.delete_path(&realm, "/a").await.counts.files, 2);
    fixture.select(10).await;
    assert_eq!(fixture.record(&realm, committed.id).await.doomed.files, 2);
    fixture.drain().await;
    assert_eq!(fixture.record(&realm, committed.id).await.state, DeletionState::Settled);
}

/// I11: a step skips what is locked by then, counts it and names it.
pub(crate) async fn a_step_opens_no_lock(fixture: Fixture) {
    let realm = fixture.realm().await;
    upload_red(&fixture, &realm, &["/a", "/l/x", "/l/y", "/z"]).await;
    let committed = fixture.delete(in_steps(&fixture, &realm, tagged(RED), 0)).await.unwrap();
    fixture.lock(&realm, &["/l"]).await;
    fixture.select(1).await;
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.doomed.files, record.locked_files), (2, 2));
    let named: Vec<&str> = record.skipped.iter().map(EntryPath::as_str).collect();
    assert_eq!(named, ["/l/x", "/l/y"]);
    assert_eq!(fixture.present(&realm, &["/l/x", "/l/y"]).await.len(), 2);
}

/// From the answer on nothing more is doomed; what is doomed stays doomed.
pub(crate) async fn a_cancelled_deletion_takes_no_more(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/a", 6).await;
    let committed =
        fixture.delete(in_steps(&fixture, &realm, beneath_path("/a"), 2)).await.unwrap();
    fixture.select_once(None, 1).await;
    let cancelled = fixture.cancel(&realm, committed.id).await;
    assert_eq!(cancelled, Some(Cancellation::Cancelled));
    assert!(fixture.select_once(None, 10).await.is_none());
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.doomed.files), (DeletionState::Purging, 3));
    assert_eq!(record.cancelled_at, Some(fixture.now()));
    assert_eq!(fixture.usage(&realm).await.live.files, 3);
    let again = fixture.cancel(&realm, committed.id).await;
    assert_eq!(again, Some(Cancellation::Cancelled));
    assert_eq!(fixture.drain().await.len(), 3);
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.percent()), (DeletionState::Settled, 100));
}

/// A cancelled deletion that doomed nothing is settled at once; one that goes in its commit has
/// nothing to cancel.
pub(crate) async fn a_deletion_is_cancelled_where_it_goes_on(fixture: Fixture) {
    let realm = fixture.realm().await;
    upload_red(&fixture, &realm, &["/a", "/b"]).await;
    let committed = fixture.delete(in_steps(&fixture, &realm, tagged(RED), 0)).await.unwrap();
    assert_eq!(fixture.cancel(&realm, committed.id).await, Some(Cancellation::Cancelled));
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.settled_at), (DeletionState::Settled, Some(fixture.now())));
    let whole = fixture.delete(fixture.request(&realm, by(tagged(RED)))).await.unwrap();
    assert_eq!(fixture.cancel(&realm, whole.id).await, Some(Cancellation::NothingToCancel));
}

/// I7: a deletion that the realm does not see cannot be cancelled, and is as one that never was.
pub(crate) async fn a_deletion_out_of_sight_cannot_be_cancelled(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    upload_red(&fixture, &realm, &["/a", "/b"]).await;
    let committed = fixture.delete(in_steps(&fixture, &realm, tagged(RED), 0)).await.unwrap();
    let narrow = beneath(&realm, "/a");
    for (who, id) in [(&other, committed.id), (&narrow, committed.id), (&realm, fixture.id())] {
        assert_eq!(fixture.cancel(who, id).await, None);
    }
    assert_eq!(fixture.record(&realm, committed.id).await.state, DeletionState::Selecting);
    fixture.select(1).await;
    assert_eq!(fixture.record(&realm, committed.id).await.doomed.files, 2);
}

/// Selections of organizations are served in turn, and those of one in their order.
pub(crate) async fn selections_are_served_in_turn(fixture: Fixture) {
    let (one, other) = (fixture.realm().await, fixture.realm().await);
    let mut ids = Vec::new();
    for realm in [&one, &other] {
        upload_red(&fixture, realm, &["/a/1", "/a/2", "/b/1"]).await;
        for prefix in ["/a", "/b"] {
            let request = in_steps(&fixture, realm, beneath_path(prefix), 0);
            ids.push(fixture.delete(request).await.unwrap().id);
        }
    }
    let mut served = None;
    let mut order = Vec::new();
    while let Some(step) = fixture.select_once(served, 1).await {
        served = step.served;
        order.extend(step.batches.iter().map(|batch| batch.deletion.unwrap()));
        assert!(order.len() <= 6);
    }
    assert_eq!(order, [ids[0], ids[2], ids[0], ids[2], ids[1], ids[3]]);
}

/// A preview counts what a commit would leave to steps, and changes nothing.
pub(crate) async fn a_preview_counts_what_steps_would_take(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/a", 5).await;
    let request = in_steps(&fixture, &realm, beneath_path("/a"), 2);
    let planned = fixture.ledger.preview_deletion(request, plan).await.unwrap().unwrap();
    let beyond = Tally { files: 3, bytes: 3 };
    let planned = planned.plan;
    assert_eq!((planned.counts.files, planned.beyond), (2, beyond));
    assert_eq!(planned.selections, [0]);
    assert_eq!(fixture.usage(&realm).await.live.files, 5);
    assert!(fixture.select_once(None, 10).await.is_none());
}

/// The guard counts what steps would take: nothing goes before just that is confirmed.
pub(crate) async fn a_guard_counts_what_steps_would_take(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/a", 5).await;
    let request = |confirmed| {
        let limits = GuardLimits { files_max: Some(4), share_percent_max: None };
        let guard = Some(Guard { limits, confirmed });
        DeleteRequest { guard, ..in_steps(&fixture, &realm, beneath_path("/a"), 2) }
    };
    let refusal = Refusal { unconfirmed: Some(5), ..Refusal::default() };
    let refused = Declined::Refused(refusal);
    assert_eq!(fixture.delete(request(None)).await.unwrap_err(), refused);
    assert_eq!(fixture.delete(request(Some(2))).await.unwrap_err(), refused);
    let committed = fixture.delete(request(Some(5))).await.unwrap();
    fixture.select(10).await;
    assert_eq!(fixture.record(&realm, committed.id).await.doomed.files, 5);
}

/// A filter that goes on and finds nothing more ends, and its deletion settles.
pub(crate) async fn a_selection_of_nothing_ends(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    let request = DeleteRequest {
        atomicity: Atomicity::BestEffort,
        matched_files_max: 0,
        ..fixture.request(&realm, by(tagged(RED)))
    };
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(fixture.record(&realm, committed.id).await.state, DeletionState::Selecting);
    fixture.select(10).await;
    let record = fixture.record(&realm, committed.id).await;
    assert_eq!((record.state, record.doomed), (DeletionState::Settled, Counts::default()));
}

/// However short its time is, a step does something.
pub(crate) async fn a_selecting_step_without_time_does_something(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/a", 3).await;
    fixture.delete(in_steps(&fixture, &realm, beneath_path("/a"), 0)).await.unwrap();
    let limits = crate::ledger::StepLimits {
        duration: Duration::ZERO,
        duration_beside_others: Duration::ZERO,
        blobs: 100,
    };
    for _ in 0..10 {
        let lease = fixture.lease();
        fixture.ledger.select_step(None, lease, limits, fixture.now()).await.unwrap();
    }
    assert_eq!(fixture.usage(&realm).await.live.files, 0);
}
