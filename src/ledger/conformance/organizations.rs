//! Organizations, keys, secrets and usage.

use std::time::Duration;

use super::fixture::{Fixture, beneath};
use crate::domain::guard::GuardLimits;
use crate::domain::id::OrganizationId;
use crate::domain::organization::{KeyHash, Scopes};
use crate::domain::path::EntryPath;
use crate::domain::usage::{Tally, Usage};
use crate::ledger::{KeyRefusal, NewKey, NewOrganization};

fn new_key(fixture: &Fixture, organization: Option<OrganizationId>, hash: u8) -> NewKey {
    NewKey {
        id: fixture.id(),
        organization,
        hash: KeyHash([hash; 32]),
        scopes: Scopes::usual(),
        prefix: EntryPath::root(),
        guard: GuardLimits::default(),
        expires_at: None,
    }
}

/// An organization begins with its root and its reserved folders, under the ids it was given.
pub(crate) async fn an_organization_begins_with_its_folders(fixture: Fixture) {
    let folders = [fixture.id(), fixture.id(), fixture.id()];
    let new = NewOrganization {
        id: fixture.id(),
        name: "Acme".to_owned(),
        plan: "large".to_owned(),
        folders,
    };
    let made = fixture
        .ledger
        .create_organization(new.clone(), None, fixture.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((made.id, &made.name, &made.plan), (new.id, &new.name, &new.plan));
    assert_eq!((made.created_at, made.disabled_at), (fixture.now(), None));
    let realm = crate::domain::organization::Realm::whole(made.number);
    for (path, id) in ["/", "/uploads", "/commands"].into_iter().zip(folders) {
        let folder = fixture.folder_at(&realm, path).await.unwrap();
        assert_eq!((folder.id, folder.locked, folder.direct), (id, false, Tally::default()));
    }
    assert_eq!(fixture.usage(&realm).await, Usage::default());
    fixture.assert_sound().await;
}

/// In the order in which they were made.
pub(crate) async fn organizations_are_listed_in_order(fixture: Fixture) {
    assert_eq!(fixture.ledger.organizations().await.unwrap(), []);
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(fixture.organization().await);
    }
    assert_eq!(fixture.ledger.organizations().await.unwrap(), made);
}

/// Disabling shows at every key at once, and the first time stands.
pub(crate) async fn a_disabled_organization_shows_at_its_keys(fixture: Fixture) {
    let (one, other) = (fixture.organization().await, fixture.organization().await);
    fixture
        .ledger
        .create_key(new_key(&fixture, Some(one.id), 1), None, fixture.now())
        .await
        .unwrap()
        .unwrap();
    fixture
        .ledger
        .create_key(new_key(&fixture, Some(other.id), 2), None, fixture.now())
        .await
        .unwrap()
        .unwrap();
    let disabled_at = Some(fixture.now());
    for _ in 0..2 {
        assert!(fixture.ledger.disable_organization(one.id, fixture.now()).await.unwrap());
        fixture.clock.advance(Duration::from_secs(1));
    }
    for (hash, expected) in [(1, disabled_at), (2, None)] {
        let key = fixture.ledger.key_by_hash(KeyHash([hash; 32])).await.unwrap().unwrap();
        assert_eq!(key.organization.unwrap().disabled_at, expected);
    }
    assert_eq!(fixture.ledger.organizations().await.unwrap()[0].disabled_at, disabled_at);
    let unknown = fixture.id();
    assert!(!fixture.ledger.disable_organization(unknown, fixture.now()).await.unwrap());
}

/// A key is found by its hash and by its id, with everything that it was given.
pub(crate) async fn a_key_is_found_by_hash_and_by_id(fixture: Fixture) {
    let organization = fixture.organization().await;
    let new = NewKey {
        scopes: Scopes::all(),
        prefix: super::fixture::at("/a/b"),
        guard: GuardLimits { files_max: Some(10), share_percent_max: Some(100) },
        expires_at: Some(fixture.now().plus(Duration::from_secs(9))),
        ..new_key(&fixture, Some(organization.id), 7)
    };
    let key = fixture.ledger.create_key(new.clone(), None, fixture.now()).await.unwrap().unwrap();
    assert_eq!((key.id, key.scopes, &key.prefix), (new.id, new.scopes, &new.prefix));
    assert_eq!(key.guard, new.guard);
    assert_eq!((key.created_at, key.expires_at), (fixture.now(), new.expires_at));
    assert_eq!((key.organization.as_ref(), key.revoked_at), (Some(&organization), None));
    let by_hash = fixture.ledger.key_by_hash(new.hash).await.unwrap();
    let by_id = fixture.ledger.key_by_id(new.id).await.unwrap();
    assert_eq!((by_hash.as_ref(), by_id.as_ref()), (Some(&key), Some(&key)));
    assert_eq!(fixture.ledger.key_by_hash(KeyHash([8; 32])).await.unwrap(), None);
    assert_eq!(fixture.ledger.key_by_id(fixture.id()).await.unwrap(), None);
}

/// A key needs its organization; an operator key has none.
pub(crate) async fn a_key_needs_its_organization(fixture: Fixture) {
    let unknown = new_key(&fixture, Some(fixture.id()), 1);
    let refused = fixture.ledger.create_key(unknown, None, fixture.now()).await.unwrap();
    assert_eq!(refused, Err(KeyRefusal::NoOrganization));
    assert_eq!(fixture.ledger.keys().await.unwrap(), []);
    let operator = new_key(&fixture, None, 2);
    let key = fixture.ledger.create_key(operator, None, fixture.now()).await.unwrap().unwrap();
    assert_eq!(key.organization, None);
    assert_eq!(fixture.ledger.keys().await.unwrap(), [key]);
}

/// In the order in which they were made, revoked ones too.
pub(crate) async fn keys_are_listed_in_order(fixture: Fixture) {
    let organization = fixture.organization().await;
    let mut made = Vec::new();
    for hash in [9, 3, 6] {
        let new = new_key(&fixture, Some(organization.id), hash);
        made.push(fixture.ledger.create_key(new, None, fixture.now()).await.unwrap().unwrap());
    }
    assert!(fixture.ledger.revoke_key(made[1].id, fixture.now()).await.unwrap());
    made[1].revoked_at = Some(fixture.now());
    assert_eq!(fixture.ledger.keys().await.unwrap(), made);
}

/// A revoked key is still found, and says so; the first time stands.
pub(crate) async fn a_revoked_key_says_so(fixture: Fixture) {
    let organization = fixture.organization().await;
    let new = new_key(&fixture, Some(organization.id), 1);
    fixture.ledger.create_key(new.clone(), None, fixture.now()).await.unwrap().unwrap();
    let revoked_at = fixture.now();
    for _ in 0..2 {
        assert!(fixture.ledger.revoke_key(new.id, fixture.now()).await.unwrap());
        fixture.clock.advance(Duration::from_secs(1));
    }
    let key = fixture.ledger.key_by_hash(new.hash).await.unwrap().unwrap();
    assert_eq!(key.revoked_at, Some(revoked_at));
    assert!(!key.works_at(fixture.now()));
    assert!(!fixture.ledger.revoke_key(fixture.id(), fixture.now()).await.unwrap());
}

/// A secret is what it was at first, whatever is offered later.
pub(crate) async fn a_secret_stays_what_it_was(fixture: Fixture) {
    let ledger = &fixture.ledger;
    assert_eq!(ledger.secret("links", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(ledger.secret("tokens", [2; 32]).await.unwrap(), [2; 32]);
    assert_eq!(ledger.secret("links", [3; 32]).await.unwrap(), [1; 32]);
    assert_eq!(ledger.secret("tokens", [3; 32]).await.unwrap(), [2; 32]);
}

/// I13: beneath a prefix live files alone are known.
pub(crate) async fn usage_beneath_a_prefix_is_what_lives_there(fixture: Fixture) {
    let realm = fixture.realm().await;
    for (path, size) in [("/a/1", 1), ("/a/b/2", 2), ("/ab/3", 4), ("/a.4", 8), ("/a/gone", 16)] {
        fixture.upload(&realm, path, size).await;
    }
    fixture.delete_path(&realm, "/a/gone").await;
    let live = Tally { files: 2, bytes: 3 };
    let usage = Usage { uploaded: live, live, ..Usage::default() };
    assert_eq!(fixture.usage(&beneath(&realm, "/a")).await, usage);
    let file = Tally::one(8);
    let usage = Usage { uploaded: file, live: file, ..Usage::default() };
    assert_eq!(fixture.usage(&beneath(&realm, "/a.4")).await, usage);
    assert_eq!(fixture.usage(&beneath(&realm, "/none")).await, Usage::default());
    assert_eq!(fixture.usage(&realm).await.uploaded, Tally { files: 5, bytes: 31 });
}
