//! Effects that happen once.

use std::time::Duration;

use futures::future::join_all;
use uuid::Uuid;

use super::fences::PLAN_LIFETIME;
use super::fixture::{Fixture, at, by_path, report};
use crate::deletion::plan::plan;
use crate::deletion::record::{Counts, Declined};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::stored::{StoredPlan, Told};
use crate::domain::filter::FileFilter;
use crate::domain::guard::GuardLimits;
use crate::domain::id::{CommandId, KeyId, OrganizationId};
use crate::domain::once::{IdempotencyKey, Once, OnceToken, Repeat, RequestDigest};
use crate::domain::organization::{KeyHash, Realm, Scopes};
use crate::domain::path::EntryPath;
use crate::ledger::{Cancellation, Keeping, KeyRefusal, NewCommand, NewKey, NewOrganization};

/// How many ask at once.
const ASKERS: usize = 16;

/// A request with the idempotency key `key` that asks for `what`.
pub(super) fn once(fixture: &Fixture, key: &str, what: &str) -> Once {
    let key = IdempotencyKey::parse(key.as_bytes()).unwrap();
    let token = OnceToken::of(KeyId::from_bytes([7; 16]), &key);
    Once { token, request: RequestDigest::of(&[what.as_bytes()]), at: fixture.now() }
}

async fn make_command(
    fixture: &Fixture,
    realm: &Realm,
    once: Option<Once>,
) -> Result<CommandId, Repeat> {
    let id = fixture.id();
    let new = NewCommand { id, report: report() };
    let made = fixture.ledger.create_command(realm, new, once, fixture.now()).await.unwrap();
    made.map(|()| id)
}

fn of(id: impl Into<Uuid>) -> Repeat {
    Repeat::Of(id.into())
}

/// A repeat makes nothing and learns what the first one made; another request is told apart.
pub(crate) async fn a_command_is_made_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let made = make_command(&fixture, &realm, Some(once(&fixture, "a", "one"))).await.unwrap();
    fixture.clock.advance(Duration::from_hours(1));
    let repeat = make_command(&fixture, &realm, Some(once(&fixture, "a", "one"))).await;
    assert_eq!(repeat, Err(of(made)));
    let other = make_command(&fixture, &realm, Some(once(&fixture, "a", "two"))).await;
    assert_eq!(other, Err(Repeat::OtherRequest));
    let fresh = make_command(&fixture, &realm, Some(once(&fixture, "b", "one"))).await.unwrap();
    let unnamed = make_command(&fixture, &realm, None).await.unwrap();
    let query = crate::ledger::reports::CommandQuery { status: None, before: None, limit: 9 };
    let all = fixture.ledger.command_page(&realm, query).await.unwrap();
    let all: Vec<_> = all.into_iter().map(|command| command.id).collect();
    assert_eq!(all, [unnamed, fresh, made]);
    // What one organization was asked is nothing to another.
    let elsewhere = fixture.realm().await;
    assert!(make_command(&fixture, &elsewhere, Some(once(&fixture, "a", "two"))).await.is_ok());
}

/// Organizations and keys are made once as well, each in its own books.
pub(crate) async fn organizations_and_keys_are_made_once(fixture: Fixture) {
    let make = async || {
        let new = NewOrganization {
            id: fixture.id(),
            name: "Once".to_owned(),
            plan: "default".to_owned(),
            folders: [fixture.id(), fixture.id(), fixture.id()],
        };
        let once = Some(once(&fixture, "a", "an organization"));
        fixture.ledger.create_organization(new, once, fixture.now()).await.unwrap()
    };
    let made = make().await.unwrap();
    assert_eq!(make().await, Err(of(made.id)));
    assert_eq!(fixture.ledger.organizations().await.unwrap(), std::slice::from_ref(&made));
    let new_key = async |organization: Option<OrganizationId>, hash, what| {
        let new = NewKey {
            id: fixture.id(),
            organization,
            hash: KeyHash([hash; 32]),
            scopes: Scopes::usual(),
            prefix: EntryPath::root(),
            guard: GuardLimits::default(),
            expires_at: None,
        };
        let once = Some(once(&fixture, "a", what));
        fixture.ledger.create_key(new, once, fixture.now()).await.unwrap()
    };
    let nobody = new_key(Some(fixture.id()), 1, "a key").await;
    assert_eq!(nobody, Err(KeyRefusal::NoOrganization));
    let key = new_key(Some(made.id), 1, "a key").await.unwrap();
    let repeat = new_key(Some(made.id), 2, "a key").await;
    assert_eq!(repeat, Err(KeyRefusal::Repeated(of(key.id))));
    let other = new_key(Some(made.id), 2, "another").await;
    assert_eq!(other, Err(KeyRefusal::Repeated(Repeat::OtherRequest)));
    assert_eq!(fixture.ledger.keys().await.unwrap(), [key]);
}

fn delete_once(fixture: &Fixture, realm: &Realm, path: &str, what: &str) -> DeleteRequest {
    let request = fixture.request(realm, vec![by_path(path)]);
    DeleteRequest { once: Some(once(fixture, "a", what)), ..request }
}

/// A repeat deletes nothing that came to the name meanwhile; a refusal is not remembered.
pub(crate) async fn a_deletion_happens_once_and_a_refusal_is_no_effect(fixture: Fixture) {
    let realm = fixture.realm().await;
    let refused = fixture.delete(delete_once(&fixture, &realm, "/a", "a")).await;
    assert!(matches!(refused, Err(Declined::Refused(_))), "{refused:?}");
    fixture.upload(&realm, "/a", 5).await;
    let committed = fixture.delete(delete_once(&fixture, &realm, "/a", "a")).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 1, bytes: 5, folders: 0 });
    fixture.upload(&realm, "/a", 7).await;
    let repeat = fixture.delete(delete_once(&fixture, &realm, "/a", "a")).await;
    assert_eq!(repeat.unwrap_err(), Declined::Repeated(of(committed.id)));
    let other = fixture.delete(delete_once(&fixture, &realm, "/a", "b")).await;
    assert_eq!(other.unwrap_err(), Declined::Repeated(Repeat::OtherRequest));
    assert_eq!(fixture.usage(&realm).await.live.bytes, 7);
    assert_eq!(fixture.record(&realm, committed.id).await.doomed, committed.counts);
}

/// Of requests that arrive together one has its effect, and all others learn of it.
pub(crate) async fn of_repeats_at_once_one_has_its_effect(fixture: Fixture) {
    let realm = fixture.realm().await;
    let asked =
        (0..ASKERS).map(|_| make_command(&fixture, &realm, Some(once(&fixture, "c", "one"))));
    let answers = join_all(asked).await;
    let made: Vec<_> = answers.iter().filter_map(|answer| answer.ok()).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    let others = answers.iter().filter(|answer| **answer == Err(of(made[0]))).count();
    assert_eq!(others, ASKERS - 1, "{answers:?}");

    fixture.upload(&realm, "/a", 5).await;
    let asked = (0..ASKERS).map(|_| {
        let request = delete_once(&fixture, &realm, "/a", "a");
        fixture.ledger.commit_deletion(request, plan, fixture.lease())
    });
    let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    let committed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(committed.len(), 1);
    let known = Declined::Repeated(of(committed[0].id));
    let others = answers.iter().filter(|answer| answer.as_ref().err() == Some(&known)).count();
    assert_eq!(others, ASKERS - 1);
    fixture.assert_sound().await;
}

/// Old effects are forgotten in bounded steps, the oldest first; their repeats are new.
pub(crate) async fn old_effects_are_forgotten_in_steps(fixture: Fixture) {
    let realm = fixture.realm().await;
    let mut made = Vec::new();
    for key in ["a", "b", "c"] {
        made.push(make_command(&fixture, &realm, Some(once(&fixture, key, "one"))).await.unwrap());
        fixture.clock.advance(Duration::from_secs(1));
    }
    let until = fixture.now().minus(Duration::from_secs(2));
    assert_eq!(fixture.ledger.forget_effects(until, 1).await.unwrap(), 1);
    assert_eq!(fixture.ledger.forget_effects(until, 9).await.unwrap(), 1);
    assert_eq!(fixture.ledger.forget_effects(until, 9).await.unwrap(), 0);
    let third = make_command(&fixture, &realm, Some(once(&fixture, "c", "one"))).await;
    assert_eq!(third, Err(of(made[2])));
    for key in ["a", "b"] {
        assert!(make_command(&fixture, &realm, Some(once(&fixture, key, "other"))).await.is_ok());
    }
}

/// A plan is kept once, and its dry run told again as long as it lives.
pub(crate) async fn a_plan_is_kept_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a/x", 5).await;
    let request = delete_once(&fixture, &realm, "/a", "a dry run");
    let preview = fixture.preview(&request).await;
    let stored = StoredPlan::new(fixture.id(), &request, &preview, PLAN_LIFETIME).unwrap();
    assert_eq!(stored.told, Some(Told::of(&request, &preview)));
    let keep = async |plan: &StoredPlan, what: &str| {
        let once = Some(once(&fixture, "a", what));
        fixture.ledger.store_plan(realm.organization, plan.clone(), once).await.unwrap()
    };
    let known = Keeping::Repeated(of(stored.id));
    let another = StoredPlan { id: fixture.id(), ..stored.clone() };
    assert_eq!(keep(&stored, "a dry run").await, Keeping::Kept);
    assert_eq!(keep(&another, "a dry run").await, known);
    assert_eq!(keep(&another, "another").await, Keeping::Repeated(Repeat::OtherRequest));
    let found = async |id| fixture.ledger.stored_plan(&realm, id, fixture.now()).await.unwrap();
    assert_eq!(found(another.id).await, None);
    assert_eq!(found(stored.id).await.as_ref(), Some(&stored));
    // It is told after its commit, too; when it has gone, its dry run is still no new one.
    let committed = fixture.delete(fixture.commitment(&realm, &stored)).await.unwrap();
    let used = StoredPlan { used_by: Some(committed.id), ..stored.clone() };
    assert_eq!(found(stored.id).await, Some(used));
    fixture.clock.advance(PLAN_LIFETIME);
    assert_eq!(fixture.ledger.forget_plans(fixture.now(), 10).await.unwrap(), 1);
    assert_eq!(keep(&another, "a dry run").await, known);
    let look = async |key: &str, what: &str| {
        let once = once(&fixture, key, what);
        fixture.ledger.repeat_of(Some(realm.organization), &once).await.unwrap()
    };
    assert_eq!(look("a", "a dry run").await, Some(of(stored.id)));
    assert_eq!(look("a", "another").await, Some(Repeat::OtherRequest));
    assert_eq!(look("b", "a dry run").await, None);
    let elsewhere = fixture.realm().await.organization;
    let once = once(&fixture, "a", "a dry run");
    assert_eq!(fixture.ledger.repeat_of(Some(elsewhere), &once).await.unwrap(), None);
    assert_eq!(fixture.ledger.repeat_of(None, &once).await.unwrap(), None);
}

/// A deletion is cancelled once; that nothing was left to cancel is not remembered.
pub(crate) async fn a_deletion_is_cancelled_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/a", 3).await;
    let filter = FileFilter { prefix: Some(at("/a")), ..FileFilter::default() };
    let asked = || DeleteRequest {
        matched_files_max: 1,
        ..fixture.lenient(&realm, vec![Selector::Matching(filter.clone())])
    };
    let cancel = async |id, key: &str, what: &str| {
        let once = Some(once(&fixture, key, what));
        fixture.ledger.cancel_deletion(&realm, id, once, fixture.now()).await.unwrap()
    };
    let first = fixture.delete(asked()).await.unwrap().id;
    assert_eq!(cancel(first, "a", "one").await, Some(Cancellation::Cancelled));
    let cancelled_at = fixture.record(&realm, first).await.cancelled_at;
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(cancel(first, "a", "one").await, Some(Cancellation::Repeated(of(first))));
    assert_eq!(cancel(first, "b", "one").await, Some(Cancellation::Cancelled));
    assert_eq!(fixture.record(&realm, first).await.cancelled_at, cancelled_at);
    let second = fixture.delete(asked()).await.unwrap().id;
    let other = cancel(second, "a", "two").await;
    assert_eq!(other, Some(Cancellation::Repeated(Repeat::OtherRequest)));
    assert_eq!(fixture.record(&realm, second).await.cancelled_at, None);
    fixture.select(9).await;
    for _again in 0..2 {
        let done = cancel(second, "c", "two").await;
        assert_eq!(done, Some(Cancellation::NothingToCancel));
    }
    assert_eq!(cancel(fixture.id(), "d", "none").await, None);
    assert_eq!(fixture.usage(&realm).await.live.files, 0);
}
