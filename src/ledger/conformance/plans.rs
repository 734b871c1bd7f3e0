//! The limits of plans, held where it is stored.

use futures::future::join_all;

use super::fixture::{Fixture, at, beneath};
use crate::domain::entry::UploadRefusal;
use crate::domain::organization::{DEFAULT_PLAN, Realm};
use crate::domain::plans::{Announced, Bound, PlanLimits, Plans, Target};
use crate::domain::usage::Tally;
use crate::ledger::NewOrganization;

const OVER_TEN: UploadRefusal = UploadRefusal::BytesQuota { limit: 10 };

fn ten_bytes() -> PlanLimits {
    PlanLimits { quota_bytes: Some(10), ..PlanLimits::default() }
}

/// All of a new organization whose plan allows this.
async fn limited(fixture: &Fixture, limits: PlanLimits) -> Realm {
    fixture.ledger.set_plans(Plans::new([(DEFAULT_PLAN.to_owned(), limits)]));
    fixture.realm().await
}

async fn put(
    fixture: &Fixture,
    realm: &Realm,
    path: &str,
    size: u64,
) -> Result<u64, UploadRefusal> {
    let stored = fixture.commit(realm, fixture.version(path, size).await).await?;
    Ok(stored.file.content.size)
}

async fn live(fixture: &Fixture, realm: &Realm) -> Tally {
    fixture.usage(realm).await.live
}

/// One byte below, at and above.
pub(crate) async fn a_quota_of_bytes_is_exact_at_its_edge(fixture: Fixture) {
    let realm = limited(&fixture, ten_bytes()).await;
    assert_eq!(put(&fixture, &realm, "/whole", 11).await, Err(OVER_TEN));
    assert_eq!(put(&fixture, &realm, "/a", 9).await, Ok(9));
    assert_eq!(put(&fixture, &realm, "/b", 2).await, Err(OVER_TEN));
    assert_eq!(put(&fixture, &realm, "/b", 1).await, Ok(1));
    assert_eq!(put(&fixture, &realm, "/c", 1).await, Err(OVER_TEN));
    assert_eq!(put(&fixture, &realm, "/empty", 0).await, Ok(0));
    assert_eq!(live(&fixture, &realm).await, Tally { files: 3, bytes: 10 });
}

/// Overwriting makes no file more.
pub(crate) async fn a_quota_of_files_counts_what_is_new(fixture: Fixture) {
    let limits = PlanLimits { quota_files: Some(2), ..PlanLimits::default() };
    let realm = limited(&fixture, limits).await;
    assert_eq!(put(&fixture, &realm, "/a", 1).await, Ok(1));
    assert_eq!(put(&fixture, &realm, "/b", 1).await, Ok(1));
    let full = Err(UploadRefusal::FilesQuota { limit: 2 });
    assert_eq!(put(&fixture, &realm, "/c", 1).await, full);
    assert_eq!(put(&fixture, &realm, "/b", 5).await, Ok(5));
    fixture.delete_path(&realm, "/a").await;
    assert_eq!(put(&fixture, &realm, "/c", 1).await, Ok(1));
    assert_eq!(put(&fixture, &realm, "/a", 1).await, full);
}

/// I13: what is replaced makes room for what replaces it.
pub(crate) async fn an_overwrite_counts_the_difference_against_the_quota(fixture: Fixture) {
    let realm = limited(&fixture, ten_bytes()).await;
    fixture.upload(&realm, "/a", 4).await;
    fixture.upload(&realm, "/b", 6).await;
    assert_eq!(put(&fixture, &realm, "/a", 5).await, Err(OVER_TEN));
    assert_eq!(put(&fixture, &realm, "/a", 4).await, Ok(4));
    assert_eq!(put(&fixture, &realm, "/a", 2).await, Ok(2));
    assert_eq!(put(&fixture, &realm, "/b", 9).await, Err(OVER_TEN));
    assert_eq!(put(&fixture, &realm, "/b", 8).await, Ok(8));
    // The plan is made smaller than what is there: what does not grow is still taken.
    let smaller = PlanLimits { quota_bytes: Some(3), ..PlanLimits::default() };
    fixture.ledger.set_plans(Plans::new([(DEFAULT_PLAN.to_owned(), smaller)]));
    let over = Err(UploadRefusal::BytesQuota { limit: 3 });
    assert_eq!(put(&fixture, &realm, "/b", 9).await, over);
    assert_eq!(put(&fixture, &realm, "/b", 7).await, Ok(7));
    assert_eq!(put(&fixture, &realm, "/c", 1).await, over);
}

/// The commit of a deletion frees its bytes, whatever is still to be removed; so does a folder's.
pub(crate) async fn a_deletion_makes_room_at_once(fixture: Fixture) {
    let realm = limited(&fixture, ten_bytes()).await;
    fixture.upload(&realm, "/f/a", 6).await;
    fixture.upload(&realm, "/f/b", 4).await;
    assert_eq!(put(&fixture, &realm, "/c", 1).await, Err(OVER_TEN));
    fixture.delete_path(&realm, "/f/b").await;
    assert_eq!(put(&fixture, &realm, "/c", 5).await, Err(OVER_TEN));
    assert_eq!(put(&fixture, &realm, "/c", 4).await, Ok(4));
    fixture.delete_path(&realm, "/f").await;
    assert_eq!(put(&fixture, &realm, "/f/a", 6).await, Ok(6));
    assert_eq!(put(&fixture, &realm, "/d", 1).await, Err(OVER_TEN));
}

/// Also those that one group of transactions commits together.
pub(crate) async fn of_uploads_that_race_for_the_last_room_some_get_it_and_no_more(
    fixture: Fixture,
) {
    let realm = limited(&fixture, ten_bytes()).await;
    let keys = fixture.intents(40).await;
    let commits = keys.into_iter().enumerate().map(|(number, blob)| {
        let version = fixture.version_of(blob, &format!("/{}", number % 20), 2);
        fixture.ledger.commit_version(&realm, version, fixture.now())
    });
    let outcomes = join_all(commits).await;
    let created = outcomes.iter().filter(|outcome| match outcome.as_ref().unwrap() {
        Ok(stored) => stored.created,
        Err(refusal) => {
            assert_eq!(*refusal, OVER_TEN);
            false
        }
    });
    assert_eq!(created.count(), 5);
    assert_eq!(live(&fixture, &realm).await, Tally { files: 5, bytes: 10 });
    fixture.assert_sound().await;
}

/// Exactly as much as the limit may wait; beyond it nothing is taken, until bytes are gone.
pub(crate) async fn a_backlog_refuses_uploads_until_it_is_purged(fixture: Fixture) {
    let limits = PlanLimits { backlog_bytes_max: Some(5), ..PlanLimits::default() };
    let realm = limited(&fixture, limits).await;
    fixture.upload(&realm, "/f/a", 5).await;
    fixture.upload(&realm, "/b", 1).await;
    fixture.delete_path(&realm, "/f").await;
    // Five bytes are doomed: that is the limit, and not beyond it.
    assert_eq!(put(&fixture, &realm, "/c", 1).await, Ok(1));
    fixture.delete_path(&realm, "/b").await;
    assert_eq!(put(&fixture, &realm, "/d", 1).await, Err(UploadRefusal::BacklogFull));
    fixture.expand(100).await;
    assert_eq!(put(&fixture, &realm, "/d", 1).await, Err(UploadRefusal::BacklogFull));
    fixture.drain().await;
    assert_eq!(put(&fixture, &realm, "/d", 1).await, Ok(1));
}

/// Neither folders nor usage, and the intent is there still.
pub(crate) async fn a_refusal_by_the_plan_changes_nothing(fixture: Fixture) {
    let realm = limited(&fixture, ten_bytes()).await;
    fixture.upload(&realm, "/a", 10).await;
    let before = fixture.usage(&realm).await;
    let version = fixture.version("/new/folder/b", 1).await;
    assert_eq!(fixture.commit(&realm, version.clone()).await, Err(OVER_TEN));
    let overwriting = fixture.version("/a", 11).await;
    assert_eq!(fixture.commit(&realm, overwriting).await, Err(OVER_TEN));
    assert_eq!(fixture.usage(&realm).await, before);
    assert!(fixture.folder_at(&realm, "/new").await.is_none());
    assert_eq!(fixture.file_at(&realm, "/a").await.unwrap().content.size, 10);
    fixture.delete_path(&realm, "/a").await;
    assert!(fixture.commit(&realm, version).await.is_ok());
}

/// Whatever door it came through.
pub(crate) async fn a_file_is_measured_by_its_size_and_type_too(fixture: Fixture) {
    let media_types = vec!["image/*".to_owned()];
    let limits = PlanLimits { file_bytes_max: Some(3), media_types, ..PlanLimits::default() };
    let realm = limited(&fixture, limits).await;
    for (content_type, size, expected) in [
        ("image/png", 3, Ok(3)),
        ("image/png", 4, Err(UploadRefusal::FileTooLarge { limit: 3 })),
        ("video/mp4", 1, Err(UploadRefusal::MediaType)),
        ("video/mp4", 4, Err(UploadRefusal::MediaType)),
    ] {
        let mut version = fixture.version("/a", size).await;
        content_type.clone_into(&mut version.attributes.content_type);
        let stored = fixture.commit(&realm, version).await;
        assert_eq!(stored.map(|stored| stored.file.content.size), expected);
    }
}

/// I7: the plan is found by its name, and counts what is the organization's alone.
pub(crate) async fn a_plan_holds_for_those_who_have_it(fixture: Fixture) {
    let one = limited(&fixture, PlanLimits::default()).await;
    fixture.ledger.set_plans(Plans::new([("ten".to_owned(), ten_bytes())]));
    let mut realms = Vec::new();
    for _ in 0..2 {
        let new = NewOrganization {
            id: fixture.id(),
            name: "Small".to_owned(),
            plan: "ten".to_owned(),
            folders: [fixture.id(), fixture.id(), fixture.id()],
        };
        let made =
            fixture.ledger.create_organization(new, None, fixture.now()).await.unwrap().unwrap();
        realms.push(Realm::whole(made.number));
    }
    assert_eq!(put(&fixture, &one, "/a", 100).await, Ok(100));
    for realm in &realms {
        assert_eq!(put(&fixture, realm, "/a", 10).await, Ok(10));
        assert_eq!(put(&fixture, realm, "/b", 1).await, Err(OVER_TEN));
    }
    // A key that sees a part of it uses the quota of the whole.
    assert_eq!(put(&fixture, &beneath(&realms[0], "/p"), "/p/b", 1).await, Err(OVER_TEN));
}

/// What is announced is measured as the commit will measure it.
pub(crate) async fn room_is_told_before_the_bytes_come(fixture: Fixture) {
    let realm = limited(&fixture, ten_bytes()).await;
    fixture.upload(&realm, "/p/a", 4).await;
    let room = async |realm: &Realm, bytes, target: Target| {
        let announced = Announced { bytes, content_type: "text/plain".to_owned(), target };
        fixture.ledger.room(realm, &announced).await.unwrap()
    };
    let bound = |bytes_max| Ok(Some(Bound { bytes_max, beyond: OVER_TEN }));
    assert_eq!(room(&realm, 0, Target::New).await, bound(6));
    assert_eq!(room(&realm, 6, Target::New).await, bound(6));
    assert_eq!(room(&realm, 7, Target::New).await, Err(OVER_TEN));
    assert_eq!(room(&realm, 7, Target::At(at("/new/b"))).await, Err(OVER_TEN));
    assert_eq!(room(&realm, 10, Target::At(at("/p/a"))).await, bound(10));
    assert_eq!(room(&realm, 11, Target::At(at("/p/a"))).await, Err(OVER_TEN));
    assert_eq!(room(&realm, 10, Target::Unknown).await, bound(10));
    assert_eq!(room(&realm, 11, Target::Unknown).await, Err(OVER_TEN));
    // What lies outside a prefix is measured by nothing that lies there.
    let outside = beneath(&realm, "/q");
    assert_eq!(room(&outside, 0, Target::At(at("/p/a"))).await, bound(10));
    fixture.ledger.set_plans(Plans::default());
    assert_eq!(room(&realm, u64::MAX, Target::New).await, Ok(None));
    assert_eq!(live(&fixture, &realm).await, Tally { files: 1, bytes: 4 });
}

/// Whatever the plan allows is about what comes in.
pub(crate) async fn no_quota_keeps_anything_from_being_deleted(fixture: Fixture) {
    let realm = limited(&fixture, PlanLimits::default()).await;
    fixture.upload(&realm, "/f/a", 100).await;
    fixture.upload(&realm, "/b", 100).await;
    let nothing = PlanLimits {
        quota_bytes: Some(0),
        quota_files: Some(0),
        backlog_bytes_max: Some(0),
        file_bytes_max: Some(0),
        media_types: vec!["image/png".to_owned()],
        ..PlanLimits::default()
    };
    fixture.ledger.set_plans(Plans::new([(DEFAULT_PLAN.to_owned(), nothing)]));
    fixture.delete_path(&realm, "/f").await;
    fixture.delete_path(&realm, "/b").await;
    fixture.drain().await;
    assert_eq!(live(&fixture, &realm).await, Tally::default());
}
