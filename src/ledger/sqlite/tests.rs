//! The conformance suite over a real database, and what only a real database can get wrong.

use std::sync::Arc;
use std::time::Duration;

use super::{Access, SqliteLedger, SqliteSettings};
use crate::domain::entry::UploadRefusal;
use crate::domain::organization::Realm;
use crate::domain::plans::{Announced, Target};
use crate::domain::random::SystemRandom;
use crate::ledger::conformance::{self, Fixture};

fn settings(dir: &std::path::Path, access: Access) -> SqliteSettings {
    let (file, ballast) = (dir.join("ledger.sqlite"), dir.join("ballast"));
    SqliteSettings { file, ballast, readers: 2, access }
}

fn fixture() -> Fixture {
    Fixture::over(|ids| {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), Access::ReadWrite);
        let ledger = SqliteLedger::open(&settings, ids, &SystemRandom).unwrap();
        (Arc::new(ledger), Some(dir))
    })
}

conformance::suite!(fixture());

#[test]
fn the_database_answers_as_the_model_does() {
    conformance::model::answers_are_equal(fixture, crate::ledger::memory::tests::fixture);
}

#[test]
fn a_commit_takes_what_nobody_touched() {
    conformance::planned::a_commit_takes_what_nobody_touched(fixture);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_holds_beside_others() {
    conformance::beside::a_plan_holds_beside_others(fixture()).await;
}

#[tokio::test]
async fn without_a_reserve_uploads_are_refused_before_their_bytes_come() {
    let dir = tempfile::tempdir().unwrap();
    let ballast = dir.path().join("no such folder").join("ballast");
    let settings = SqliteSettings { ballast, ..settings(dir.path(), Access::ReadWrite) };
    let fixture = Fixture::over(|ids| {
        (Arc::new(SqliteLedger::open(&settings, ids, &SystemRandom).unwrap()), None)
    });
    let room = async |fixture: &Fixture, realm: &Realm| {
        let content_type = "image/png".to_owned();
        let announced = Announced { bytes: 0, content_type, target: Target::New };
        fixture.ledger.room(realm, &announced).await.unwrap()
    };
    let realm = fixture.realm().await;
    assert_eq!(room(&fixture, &realm).await, Err(UploadRefusal::ReserveSpent));
    let version = fixture.version("/a", 1).await;
    assert_eq!(fixture.commit(&realm, version).await, Err(UploadRefusal::ReserveSpent));
    // Asking is enough for the reserve to be made anew once that is possible.
    std::fs::create_dir(dir.path().join("no such folder")).unwrap();
    let anew = async {
        while room(&fixture, &realm).await != Ok(None) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), anew).await.expect("the reserve is made anew");
    fixture.upload(&realm, "/a", 1).await;
}
