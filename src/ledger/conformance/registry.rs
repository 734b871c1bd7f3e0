//! Organizations and keys by pages, and what changes of them.

use std::time::Duration;

use uuid::Uuid;

use super::fixture::{Fixture, at};
use crate::domain::guard::GuardLimits;
use crate::domain::id::{KeyId, OrganizationId};
use crate::domain::once::{IdempotencyKey, Once, OnceToken, Repeat, RequestDigest};
use crate::domain::organization::{FormerSecret, Key, KeyHash, Organization, Realm, Scopes};
use crate::domain::path::EntryPath;
use crate::ledger::NewKey;
use crate::ledger::registry::{KeyQuery, OrganizationChange, Rotation, RotationRefusal};

async fn key(fixture: &Fixture, owner: Option<OrganizationId>, prefix: &str, hash: u8) -> Key {
    let new = NewKey {
        id: fixture.id(),
        organization: owner,
        hash: KeyHash([hash; 32]),
        scopes: Scopes::usual(),
        prefix: if prefix == "/" { EntryPath::root() } else { at(prefix) },
        guard: GuardLimits::default(),
        expires_at: None,
    };
    fixture.ledger.create_key(new, None, fixture.now()).await.unwrap().unwrap()
}

async fn by_hash(fixture: &Fixture, hash: u8) -> Option<Key> {
    fixture.ledger.key_by_hash(KeyHash([hash; 32])).await.unwrap()
}

async fn change(
    fixture: &Fixture,
    id: OrganizationId,
    change: OrganizationChange,
) -> Option<Organization> {
    fixture.ledger.change_organization(id, change, fixture.now()).await.unwrap()
}

/// In the order in which they were made, from page to page.
pub(crate) async fn organizations_come_by_pages(fixture: Fixture) {
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(fixture.organization().await);
    }
    let page = async |after, limit| fixture.ledger.organization_page(after, limit).await.unwrap();
    assert_eq!(page(None, 9).await, made);
    assert_eq!(page(None, 2).await, made[..2]);
    assert_eq!(page(Some(made[1].number), 2).await, made[2..4]);
    assert_eq!(page(Some(made[3].number), 2).await, made[4..]);
    assert_eq!(page(Some(made[4].number), 2).await, []);
}

/// The counters of several are those of each.
pub(crate) async fn usages_are_those_of_each(fixture: Fixture) {
    let (one, other) = (fixture.organization().await, fixture.organization().await);
    let realm = Realm::whole(one.number);
    fixture.upload(&realm, "/a", 5).await;
    fixture.delete_path(&realm, "/a").await;
    fixture.upload(&realm, "/b", 7).await;
    let numbers = vec![other.number, one.number];
    let usages = fixture.ledger.usages(numbers).await.unwrap();
    assert_eq!(usages.len(), 2);
    assert_eq!(usages[&one.number], fixture.usage(&realm).await);
    assert_eq!(usages[&other.number], fixture.usage(&Realm::whole(other.number)).await);
    assert_eq!(fixture.ledger.usages(Vec::new()).await.unwrap().len(), 0);
}

/// What is given changes, all else stays, and every key shows it at once.
pub(crate) async fn an_organization_changes_where_it_is_given(fixture: Fixture) {
    let (one, other) = (fixture.organization().await, fixture.organization().await);
    key(&fixture, Some(one.id), "/", 1).await;
    by_hash(&fixture, 1).await;
    let renamed = OrganizationChange { name: Some("New".to_owned()), ..Default::default() };
    let named = change(&fixture, one.id, renamed).await.unwrap();
    assert_eq!(named, Organization { name: "New".to_owned(), ..one.clone() });
    let planned = OrganizationChange { plan: Some("large".to_owned()), ..Default::default() };
    let planned = change(&fixture, one.id, planned).await.unwrap();
    assert_eq!(planned, Organization { plan: "large".to_owned(), ..named });
    assert_eq!(by_hash(&fixture, 1).await.unwrap().organization, Some(planned.clone()));
    assert_eq!(
        change(&fixture, one.id, OrganizationChange::default()).await,
        Some(planned.clone())
    );
    let disabled_at = Some(fixture.now());
    for _ in 0..2 {
        let off = OrganizationChange { disabled: Some(true), ..Default::default() };
        let off = change(&fixture, one.id, off).await.unwrap();
        assert_eq!(off, Organization { disabled_at, ..planned.clone() });
        fixture.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(by_hash(&fixture, 1).await.unwrap().organization.unwrap().disabled_at, disabled_at);
    let on = OrganizationChange { disabled: Some(false), ..Default::default() };
    assert_eq!(change(&fixture, one.id, on.clone()).await, Some(planned.clone()));
    assert_eq!(by_hash(&fixture, 1).await.unwrap().organization, Some(planned));
    assert_eq!(change(&fixture, fixture.id(), on).await, None);
    assert_eq!(fixture.ledger.organization(other.id).await.unwrap(), Some(other));
}

/// Those of one organization that see no more than the realm, or all of them.
pub(crate) async fn keys_come_by_pages_as_the_realm_sees_them(fixture: Fixture) {
    let (one, other) = (fixture.organization().await, fixture.organization().await);
    let operator = key(&fixture, None, "/", 1).await;
    let whole = key(&fixture, Some(one.id), "/", 2).await;
    let foreign = key(&fixture, Some(other.id), "/a", 3).await;
    let narrow = key(&fixture, Some(one.id), "/a", 4).await;
    let deep = key(&fixture, Some(one.id), "/a/b", 5).await;
    let page = async |realm: Option<Realm>, after: Option<&Key>, limit| {
        let query = KeyQuery { realm, after: after.map(|key| key.id), limit };
        fixture.ledger.key_page(query).await.unwrap()
    };
    let all = [&operator, &whole, &foreign, &narrow, &deep].map(Clone::clone);
    assert_eq!(page(None, None, 9).await, all);
    assert_eq!(page(None, Some(&whole), 2).await, all[2..4]);
    let realm = Realm::whole(one.number);
    let own = [whole.clone(), narrow.clone(), deep.clone()];
    assert_eq!(page(Some(realm.clone()), None, 9).await, own);
    assert_eq!(page(Some(realm.clone()), Some(&whole), 1).await, own[1..2]);
    let beneath = Realm { prefix: at("/a"), ..realm };
    assert_eq!(page(Some(beneath.clone()), None, 1).await, own[1..2]);
    assert_eq!(page(Some(beneath.clone()), Some(&narrow), 1).await, own[2..]);
    assert_eq!(page(Some(beneath), Some(&deep), 1).await, []);
}

async fn rotate(
    fixture: &Fixture,
    (key, hash): (KeyId, u8),
    former_until: Option<crate::domain::clock::Timestamp>,
    once: Option<Once>,
) -> Result<Key, RotationRefusal> {
    let id = Uuid::from_bytes([hash; 16]);
    let rotation = Rotation { id, key, hash: KeyHash([hash; 32]), former_until };
    fixture.ledger.rotate_key(rotation, once).await.unwrap()
}

/// The new secret finds the key; the one before it does for as long as it was given grace, and
/// the key says until when.
pub(crate) async fn a_rotated_key_has_another_secret_and_one_that_ends(fixture: Fixture) {
    let owner = fixture.organization().await;
    let made = key(&fixture, Some(owner.id), "/", 1).await;
    by_hash(&fixture, 1).await;
    let until = fixture.now().plus(Duration::from_secs(9));
    let rotated = rotate(&fixture, (made.id, 2), Some(until), None).await.unwrap();
    let former = Some(FormerSecret { hash: KeyHash([1; 32]), until });
    assert_eq!(rotated, Key { hash: KeyHash([2; 32]), former, ..made.clone() });
    for hash in [1, 2] {
        let found = by_hash(&fixture, hash).await;
        assert_eq!(found.as_ref(), Some(&rotated));
        assert!(rotated.is_opened_at(fixture.now(), |known| known == KeyHash([hash; 32])));
    }
    assert!(!rotated.is_opened_at(until, |known| known == KeyHash([1; 32])));
    assert_eq!(fixture.ledger.key_by_id(made.id).await.unwrap(), Some(rotated));
    // Only the latest of the former secrets lives on, and without grace none.
    let again = rotate(&fixture, (made.id, 3), Some(until), None).await.unwrap();
    assert_eq!((by_hash(&fixture, 1).await, by_hash(&fixture, 2).await), (None, Some(again)));
    let last = rotate(&fixture, (made.id, 4), None, None).await.unwrap();
    assert_eq!(last, Key { hash: KeyHash([4; 32]), ..made });
    assert_eq!((by_hash(&fixture, 2).await, by_hash(&fixture, 3).await), (None, None));
}

/// A rotation happens once where it says so, and never to a key that was revoked.
pub(crate) async fn a_key_is_rotated_once_and_not_after_its_end(fixture: Fixture) {
    let owner = fixture.organization().await;
    let made = key(&fixture, Some(owner.id), "/", 1).await;
    let idempotency = IdempotencyKey::parse(b"one").unwrap();
    let once = |what: &[u8]| Once {
        token: OnceToken::of(made.id, &idempotency),
        request: RequestDigest::of(&[what]),
        at: fixture.now(),
    };
    let rotated = rotate(&fixture, (made.id, 2), None, Some(once(b"a"))).await.unwrap();
    let repeat = rotate(&fixture, (made.id, 3), None, Some(once(b"a"))).await;
    let first = Repeat::Of(Uuid::from_bytes([2; 16]));
    assert_eq!(repeat, Err(RotationRefusal::Repeated(first)));
    let other = rotate(&fixture, (made.id, 3), None, Some(once(b"b"))).await;
    assert_eq!(other, Err(RotationRefusal::Repeated(Repeat::OtherRequest)));
    assert_eq!(by_hash(&fixture, 2).await, Some(rotated));
    assert!(fixture.ledger.revoke_key(made.id, fixture.now()).await.unwrap());
    let late = rotate(&fixture, (made.id, 3), None, None).await;
    assert_eq!(late, Err(RotationRefusal::Revoked));
    assert_eq!(by_hash(&fixture, 3).await, None);
    let none = rotate(&fixture, (fixture.id(), 3), None, None).await;
    assert_eq!(none, Err(RotationRefusal::NoKey));
}
