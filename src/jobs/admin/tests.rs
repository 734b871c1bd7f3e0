//! The executor, the way to it, and the first start, over the ledger's model.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::socket::{AdminSocket, ask};
use super::*;
use crate::blobs::memory::MemoryBlobs;
use crate::deletion::accept::Deleter;
use crate::deletion::purge::Purger;
use crate::domain::clock::{Clock, ManualClock, Timestamp};
use crate::domain::guard::GuardLimits;
use crate::domain::id::IdSource;
use crate::domain::plans::{PlanLimits, Plans};
use crate::domain::random::SeededRandom;
use crate::domain::secret::{hash_key, is_key_shaped};
use crate::instance::DataDirectory;
use crate::jobs::wake::Wake;
use crate::ledger::Ledger;
use crate::ledger::memory::MemoryLedger;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn office() -> (Office, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let random = Arc::new(SeededRandom::new(5));
    let ids = Arc::new(IdSource::new(Arc::clone(&clock) as Arc<dyn Clock>, random.clone()));
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::clone(&ids)));
    let (time, blobs) = (Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(MemoryBlobs::new()));
    let purger = Purger::new(Arc::clone(&ledger), blobs, time, random.clone(), Wake::default());
    let office = Office {
        deleter: Deleter::new(Arc::clone(&ledger), Arc::new(purger), Wake::default()),
        ledger,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ids,
        random,
        purge: Wake::default(),
        plans: Plans::new([("gold".to_owned(), PlanLimits::default())]),
    };
    (office, clock)
}

fn create_organization(name: &str) -> AdminRequest {
    AdminRequest::CreateOrganization { name: name.to_owned(), plan: None }
}

fn create_key(organization: Option<&str>) -> AdminRequest {
    AdminRequest::CreateKey {
        organization: organization.map(str::to_owned),
        scopes: vec![Scope::Read],
        prefix: "/p/".to_owned(),
        expires_at: Some(NOW.plus(Duration::from_secs(1)).millis()),
        guard_files: Some(7),
        guard_share: Some(50),
    }
}

async fn organization(office: &Office, name: &str) -> String {
    match office.administer(create_organization(name)).await {
        AdminAnswer::OrganizationCreated { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

async fn key(office: &Office, organization: Option<&str>) -> (String, String) {
    match office.administer(create_key(organization)).await {
        AdminAnswer::KeyCreated { id, key, .. } => (id, key.0),
        other => panic!("{other:?}"),
    }
}

fn is_refused(answer: &AdminAnswer) -> bool {
    matches!(answer, AdminAnswer::Refused { .. })
}

#[tokio::test]
async fn a_made_key_is_known_by_its_hash_with_the_limits_that_were_asked_for() {
    let (office, _) = office();
    let owner = organization(&office, "one").await;
    let (id, secret) = key(&office, Some(&owner)).await;
    assert!(is_key_shaped(&secret));
    let known = office.ledger.key_by_hash(hash_key(&secret)).await.unwrap().unwrap();
    assert_eq!(known.id.to_string(), id);
    assert_eq!(known.organization.unwrap().id.to_string(), owner);
    assert_eq!(known.scopes.words(), ["read"]);
    assert_eq!(known.prefix.as_str(), "/p");
    assert_eq!(known.expires_at, Some(NOW.plus(Duration::from_secs(1))));
    let guard = GuardLimits { files_max: Some(7), share_percent_max: Some(50) };
    assert_eq!(known.guard, guard);
}

#[tokio::test]
async fn a_key_of_the_operator_belongs_to_no_organization() {
    let (office, _) = office();
    let (_, secret) = key(&office, None).await;
    let known = office.ledger.key_by_hash(hash_key(&secret)).await.unwrap().unwrap();
    assert_eq!(known.organization, None);
}

#[tokio::test]
async fn what_was_made_is_listed_and_what_was_ended_says_when() {
    let (office, clock) = office();
    let owner = organization(&office, "one").await;
    let (id, _) = key(&office, Some(&owner)).await;
    clock.advance(Duration::from_secs(5));
    let revoked = office.administer(AdminRequest::RevokeKey { id: id.clone() }).await;
    assert_eq!(revoked, AdminAnswer::KeyRevoked { id: id.clone() });
    let disabled = office.administer(AdminRequest::DisableOrganization { id: owner.clone() }).await;
    assert_eq!(disabled, AdminAnswer::OrganizationDisabled { id: owner.clone() });
    let later = NOW.plus(Duration::from_secs(5)).iso8601();
    let AdminAnswer::Keys { keys } = office.administer(AdminRequest::ListKeys {}).await else {
        panic!("keys are listed")
    };
    let [line] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((&line.id, &line.organization), (&id, &Some(owner.clone())));
    assert_eq!(line.revoked_at.as_ref(), Some(&later));
    let listed = office.administer(AdminRequest::ListOrganizations {}).await;
    let AdminAnswer::Organizations { organizations } = listed else { panic!("{listed:?}") };
    let [line] = organizations.as_slice() else { panic!("{organizations:?}") };
    assert_eq!((&line.id, line.name.as_str(), line.plan.as_str()), (&owner, "one", "default"));
    assert_eq!(line.disabled_at.as_ref(), Some(&later));
}

#[tokio::test]
async fn an_organization_gets_a_plan_that_is_configured_or_is_not_made() {
    let (office, _) = office();
    let with_plan = |plan: &str| AdminRequest::CreateOrganization {
        name: "one".to_owned(),
        plan: Some(plan.to_owned()),
    };
    for plan in ["silver", "", "Gold", "gold "] {
        let reason = format!("no plan '{plan}' is configured; there are: default, gold");
        let refused = AdminAnswer::Refused { reason };
        assert_eq!(office.administer(with_plan(plan)).await, refused);
    }
    assert_eq!(office.ledger.organizations().await.unwrap(), []);
    for plan in ["gold", "default"] {
        let made = office.administer(with_plan(plan)).await;
        assert!(matches!(made, AdminAnswer::OrganizationCreated { .. }), "{made:?}");
    }
    assert!(office.unknown_plans().await.unwrap().is_empty());
    // With another configuration than the one they were made under.
    let later = Office { plans: Plans::default(), ..office.clone() };
    assert_eq!(later.unknown_plans().await.unwrap().into_iter().collect::<Vec<_>>(), ["gold"]);
    let all = office.ledger.organizations().await.unwrap();
    assert!(office.ledger.disable_organization(all[0].id, NOW).await.unwrap());
    assert!(later.unknown_plans().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_names_nothing_or_cannot_be_is_refused() {
    let (office, _) = office();
    let owner = organization(&office, "one").await;
    let (id, _) = key(&office, Some(&owner)).await;
    let with_scopes_and_prefix = |scopes, prefix: &str| AdminRequest::CreateKey {
        organization: Some(owner.clone()),
        scopes,
        prefix: prefix.to_owned(),
        expires_at: None,
        guard_files: None,
        guard_share: None,
    };
    for request in [
        create_organization(""),
        create_organization(" \u{a0}"),
        create_organization("a\nb"),
        create_organization(&"n".repeat(256)),
        create_key(Some("none")),
        create_key(Some(&id)),
        with_scopes_and_prefix(Vec::new(), "/"),
        with_scopes_and_prefix(vec![Scope::Read], "p"),
        AdminRequest::DisableOrganization { id: id.clone() },
        AdminRequest::DisableOrganization { id: owner.to_uppercase() },
        AdminRequest::RevokeKey { id: owner.clone() },
        AdminRequest::RevokeKey { id: String::new() },
    ] {
        let answer = office.administer(request.clone()).await;
        assert!(is_refused(&answer), "{request:?}: {answer:?}");
    }
    assert_eq!(office.ledger.organizations().await.unwrap().len(), 1);
    assert_eq!(office.ledger.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_sweep_counts_what_a_sweep_then_condemns() {
    let (office, clock) = office();
    let end = NOW.plus(Duration::from_secs(1));
    office.ledger.reserve_intents(3, end).await.unwrap();
    clock.set(end);
    let swept = |condemned, dry_run| AdminAnswer::Swept { condemned, purged: None, dry_run };
    for (dry_run, condemned) in [(true, 3), (true, 3), (false, 3), (false, 0), (true, 0)] {
        let answer = office.administer(AdminRequest::Sweep { dry_run }).await;
        assert_eq!(answer, swept(condemned, dry_run));
    }
}

#[tokio::test]
async fn the_first_start_makes_one_key_with_all_scopes_and_the_next_makes_none() {
    let (office, _) = office();
    let place = TempDir::new().unwrap();
    let directory = DataDirectory::create(place.path()).unwrap();
    assert!(first_start(&office, &directory).await.unwrap());
    let written = std::fs::read_to_string(directory.first_key()).unwrap();
    let key = office.ledger.key_by_hash(hash_key(written.trim())).await.unwrap().unwrap();
    assert_eq!(key.scopes.words(), ["read", "write", "delete", "admin"]);
    assert_eq!(key.organization.unwrap().name, "default");
    assert!(!first_start(&office, &directory).await.unwrap());
    assert_eq!(std::fs::read_to_string(directory.first_key()).unwrap(), written);
    assert_eq!(office.ledger.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_first_start_that_was_interrupted_is_done_again() {
    let (office, _) = office();
    let place = TempDir::new().unwrap();
    let directory = DataDirectory::create(place.path()).unwrap();
    organization(&office, "default").await;
    directory.write_first_key("ffsk_never_registered").unwrap();
    assert!(first_start(&office, &directory).await.unwrap());
    let written = std::fs::read_to_string(directory.first_key()).unwrap();
    assert!(office.ledger.key_by_hash(hash_key(written.trim())).await.unwrap().is_some());
    assert_eq!(office.ledger.organizations().await.unwrap().len(), 1);
}

#[tokio::test]
async fn where_somebody_has_begun_the_first_start_makes_nothing() {
    let (office, _) = office();
    let place = TempDir::new().unwrap();
    let directory = DataDirectory::create(place.path()).unwrap();
    organization(&office, "one").await;
    assert!(!first_start(&office, &directory).await.unwrap());
    assert!(!directory.first_key().exists());
}

/// A served socket in a data directory at `path`.
fn serve(path: &Path, office: Office) -> (DataDirectory, CancellationToken) {
    let directory = DataDirectory::create(path).unwrap();
    let lock = directory.try_lock().unwrap().unwrap();
    let socket = AdminSocket::bind(&directory, &lock).unwrap();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        socket.serve(office, stopped).await;
        drop(lock);
    });
    (directory, stop)
}

#[tokio::test]
async fn a_running_server_executes_requests_however_deep_its_directory_lies() {
    let place = TempDir::new().unwrap();
    for depth in [0, 30] {
        let (office, _) = office();
        let path = place.path().join(depth.to_string()).join("deep/".repeat(depth));
        let (directory, stop) = serve(&path, office.clone());
        let answer = ask(&directory, &create_organization("one")).await.unwrap().unwrap();
        assert!(matches!(answer, AdminAnswer::OrganizationCreated { .. }), "{answer:?}");
        assert_eq!(office.ledger.organizations().await.unwrap().len(), 1);
        let refused = ask(&directory, &create_key(Some("none"))).await.unwrap().unwrap();
        assert!(is_refused(&refused), "{refused:?}");
        stop.cancel();
        let lock = directory.lock_within(Duration::from_secs(20)).await.unwrap();
        assert!(lock.is_some());
        assert!(!directory.socket().exists());
        assert_eq!(ask(&directory, &AdminRequest::ListKeys {}).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_socket_of_a_dead_server_is_nobody_and_is_replaced() {
    let place = TempDir::new().unwrap();
    let directory = DataDirectory::create(place.path()).unwrap();
    let lock = directory.try_lock().unwrap().unwrap();
    drop(AdminSocket::bind(&directory, &lock).unwrap());
    drop(lock);
    assert!(directory.socket().exists());
    assert_eq!(ask(&directory, &AdminRequest::ListKeys {}).await.unwrap(), None);
    let (office, _) = office();
    let (directory, _stop) = serve(place.path(), office);
    assert!(ask(&directory, &AdminRequest::ListKeys {}).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_what_is_too_long_is_cut_off() {
    let place = TempDir::new().unwrap();
    let (office, _) = office();
    let (directory, _stop) = serve(place.path(), office.clone());
    for (line, answered) in [
        ("nonsense\n".to_owned(), true),
        ("{\"request\":\"list_keys\",\"more\":1}\n".to_owned(), true),
        ("x".repeat(65 * 1024), false),
    ] {
        let mut stream = tokio::net::UnixStream::connect(directory.socket()).await.unwrap();
        // The server may close before it has read all of what is too long.
        let sent = stream.write_all(line.as_bytes()).await;
        assert!(sent.is_ok() || !answered);
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        assert!(read.is_ok() || !answered);
        assert_eq!(answer.contains("refused"), answered, "{answer}");
    }
    assert!(ask(&directory, &AdminRequest::ListKeys {}).await.unwrap().is_some());
}

#[tokio::test]
async fn an_organization_is_given_another_plan_and_switched_on_again() {
    let (office, _) = office();
    let id = organization(&office, "one").await;
    let set = |plan: &str| AdminRequest::SetPlan { id: id.clone(), plan: plan.to_owned() };
    let answer = office.administer(set("gold")).await;
    assert_eq!(answer, AdminAnswer::PlanSet { id: id.clone(), plan: "gold".to_owned() });
    assert_eq!(office.ledger.organizations().await.unwrap()[0].plan, "gold");
    assert!(is_refused(&office.administer(set("silver")).await));
    let unknown = AdminRequest::SetPlan { id: "none".to_owned(), plan: "gold".to_owned() };
    assert!(is_refused(&office.administer(unknown).await));
    office.administer(AdminRequest::DisableOrganization { id: id.clone() }).await;
    let enable = |id: &str| AdminRequest::EnableOrganization { id: id.to_owned() };
    let answer = office.administer(enable(&id)).await;
    assert_eq!(answer, AdminAnswer::OrganizationEnabled { id });
    let known = office.ledger.organizations().await.unwrap();
    assert_eq!((known[0].disabled_at, known[0].plan.as_str()), (None, "gold"));
    assert!(is_refused(&office.administer(enable("none")).await));
}
