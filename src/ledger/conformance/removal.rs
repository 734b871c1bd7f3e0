//! Organizations that are removed: refused or whole, at once out of reach, and nothing left in the
//! end.

use super::fixture::{Fixture, STEP, STEPS_MAX, at, by_path, report};
use super::webhooks::new_webhook;
use crate::deletion::plan::plan;
use crate::deletion::record::{Declined, DeletionState, Refusal};
use crate::deletion::removal::NewRemoval;
use crate::deletion::request::{DeleteRequest, Selector};
use crate::domain::filter::FileFilter;
use crate::domain::guard::GuardLimits;
use crate::domain::organization::{KeyHash, Organization, Realm, Scopes};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::ledger::registry::{KeyQuery, OrganizationChange};
use crate::ledger::removal::Removal;
use crate::ledger::{KeyRefusal, LedgerErrorKind, NewCommand, NewKey};

const KEY: KeyHash = KeyHash([9; 32]);

impl Fixture {
    async fn switched_off(&self) -> (Organization, Realm) {
        let organization = self.organization().await;
        self.ledger.disable_organization(organization.id, self.now()).await.unwrap();
        let realm = Realm::whole(organization.number);
        (organization, realm)
    }

    fn removal_of(&self, realm: &Realm, confirmed: Option<u64>, locked: bool) -> DeleteRequest {
        let removal = NewRemoval {
            id: self.id(),
            organization: realm.organization,
            key: None,
            confirmed,
            removes_locked: locked,
            at: self.now(),
        };
        removal.request()
    }

    /// Clears in steps of `rows` until nothing is left to clear; how many there were.
    async fn clear(&self, rows: usize) -> usize {
        for steps in 0..STEPS_MAX {
            let cleared = self.ledger.clear_step(rows, self.now()).await.unwrap();
            self.assert_sound().await;
            if !cleared {
                return steps;
            }
        }
        panic!("clearing does not end");
    }

    async fn removal(&self, organization: &Organization) -> Removal {
        self.ledger.removal(organization.id).await.unwrap().expect("it was removed")
    }

    fn key_in(&self, organization: &Organization) -> NewKey {
        NewKey {
            id: self.id(),
            organization: Some(organization.id),
            hash: KEY,
            scopes: Scopes::usual(),
            prefix: EntryPath::root(),
            guard: GuardLimits::default(),
            expires_at: None,
        }
    }

    /// Some of everything that an organization can have; its live files.
    async fn furnish(&self, organization: &Organization, realm: &Realm) -> u64 {
        let ledger = &self.ledger;
        ledger.create_key(self.key_in(organization), None, self.now()).await.unwrap().unwrap();
        let command = self.command(realm).await;
        self.output(realm, (command, "out"), "/commands/out", 3).await.unwrap();
        self.upload_each(realm, &["/a/b/c", "/a/d", "/x", "/gone/1", "/gone/2"]).await;
        ledger.begin_upload(realm, self.new_upload("/upload", 10), None).await.unwrap().unwrap();
        self.plan_of(realm, &["/x"]).await;
        let hook = new_webhook(self);
        ledger.create_webhook(realm, hook, None, self.now()).await.unwrap().unwrap();
        // A deletion whose tree is still there, and a filter that goes on in steps.
        self.delete_path(realm, "/gone").await;
        let filter = FileFilter { prefix: Some(at("/a")), ..FileFilter::default() };
        let step = self.lenient(realm, vec![Selector::Matching(filter)]);
        self.delete(DeleteRequest { matched_files_max: 1, ..step }).await.unwrap();
        self.usage(realm).await.live.files
    }
}

/// Nothing goes that is in use, that is locked, or that was not counted.
pub(crate) async fn a_refused_removal_changes_nothing(fixture: Fixture) {
    let organization = fixture.organization().await;
    let realm = Realm::whole(organization.number);
    fixture.upload_each(&realm, &["/a/1", "/a/2", "/b"]).await;
    fixture.lock(&realm, &["/a/1", "/b"]).await;
    let before = fixture.usage(&realm).await;
    let refused = async |confirmed, locked| {
        let request = fixture.removal_of(&realm, confirmed, locked);
        match fixture.delete(request).await {
            Err(Declined::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(Some(3), true).await.switched_on);
    fixture.ledger.disable_organization(organization.id, fixture.now()).await.unwrap();
    let unconfirmed = |files| Refusal { unconfirmed: Some(files), ..Refusal::default() };
    assert_eq!(refused(None, true).await, unconfirmed(3));
    assert_eq!(refused(Some(2), true).await, unconfirmed(3));
    let locked = refused(Some(3), false).await;
    assert_eq!(locked.locked, [(0, at("/a/1")), (0, at("/b"))]);
    assert_eq!(fixture.usage(&realm).await, before);
    assert_eq!(fixture.present(&realm, &["/a/1", "/a/2", "/b"]).await, ["/a/1", "/a/2", "/b"]);
    assert_eq!(fixture.ledger.removal(organization.id).await.unwrap(), None);
    assert!(!fixture.ledger.any_removal().await.unwrap());
    assert_eq!(fixture.clear(9).await, 0);
    // Where nothing is, nothing needs to be confirmed.
    let (empty, realm) = fixture.switched_off().await;
    fixture.delete(fixture.removal_of(&realm, None, false)).await.unwrap();
    fixture.clear(9).await;
    fixture.expand(STEP.blobs).await;
    assert_eq!(fixture.removal(&empty).await.settled_at(), Some(fixture.now()));
}

/// From the commit on it is nowhere to be found, and nothing is stored in it.
pub(crate) async fn a_removed_organization_is_gone_for_everybody(fixture: Fixture) {
    let other = fixture.organization().await;
    let (organization, realm) = fixture.switched_off().await;
    let files = fixture.furnish(&organization, &realm).await;
    let stored = fixture.plan_of(&realm, &["/x"]).await;
    fixture.delete(fixture.removal_of(&realm, Some(files), false)).await.unwrap();
    let ledger = &fixture.ledger;
    assert_eq!(ledger.organization(organization.id).await.unwrap(), None);
    let others = [other];
    assert_eq!(ledger.organizations().await.unwrap(), others);
    assert_eq!(ledger.organization_page(None, 9).await.unwrap(), others);
    let on = OrganizationChange { disabled: Some(false), ..Default::default() };
    assert_eq!(ledger.change_organization(organization.id, on, fixture.now()).await.unwrap(), None);
    assert!(!ledger.disable_organization(organization.id, fixture.now()).await.unwrap());
    let key = NewKey { hash: KeyHash([8; 32]), ..fixture.key_in(&organization) };
    let key = ledger.create_key(key, None, fixture.now()).await.unwrap();
    assert_eq!(key, Err(KeyRefusal::NoOrganization));
    if let Some(key) = ledger.key_by_hash(KEY).await.unwrap() {
        assert!(key.organization.unwrap().disabled_at.is_some(), "the key does not work");
    }
    // What began before the removal comes too late.
    let version = fixture.version("/late", 1).await;
    let late = ledger.commit_version(&realm, version, fixture.now()).await;
    assert_eq!(late.unwrap_err().kind, LedgerErrorKind::Unavailable);
    let new = NewCommand { id: fixture.id(), report: report() };
    let late = ledger.create_command(&realm, new, None, fixture.now()).await;
    assert_eq!(late.unwrap_err().kind, LedgerErrorKind::Unavailable);
    let late = ledger.begin_upload(&realm, fixture.new_upload("/upload", 10), None).await;
    assert_eq!(late.unwrap_err().kind, LedgerErrorKind::Unavailable);
    let late = ledger.create_webhook(&realm, new_webhook(&fixture), None, fixture.now()).await;
    assert_eq!(late.unwrap_err().kind, LedgerErrorKind::Unavailable);
    let late = ledger.store_plan(realm.organization, stored, None).await;
    assert_eq!(late.unwrap_err().kind, LedgerErrorKind::Unavailable);
    let again = fixture.removal_of(&realm, Some(0), true);
    let late = ledger.commit_deletion(again, plan, fixture.lease()).await;
    assert_eq!(late.unwrap_err().kind, LedgerErrorKind::Unavailable);
}

/// Everything goes, however small the steps, and only then it is settled.
pub(crate) async fn nothing_is_left_of_a_removed_organization(fixture: Fixture) {
    let (other, theirs) = fixture.switched_off().await;
    let kept = fixture.furnish(&other, &theirs).await;
    let before = fixture.usage(&theirs).await;
    fixture.drain().await;
    let settled = fixture.usage(&theirs).await;
    assert_eq!(before.uploaded, settled.uploaded);

    let (organization, realm) = fixture.switched_off().await;
    // The hash of a key is its own: this organization has none.
    fixture.upload_each(&realm, &["/l/1", "/l/m/2", "/free"]).await;
    fixture.lock(&realm, &["/l", "/l/m/2"]).await;
    let command = fixture.command(&realm).await;
    fixture.output(&realm, (command, "out"), "/commands/out", 3).await.unwrap();
    fixture
        .ledger
        .begin_upload(&realm, fixture.new_upload("/upload", 10), None)
        .await
        .unwrap()
        .unwrap();
    let skipping = fixture.lenient(&realm, vec![by_path("/l")]);
    let skipping = fixture.delete(skipping).await.unwrap().id;
    assert_eq!(fixture.record(&realm, skipping).await.skipped, [at("/l")]);
    let removal = fixture.removal_of(&realm, Some(4), true);
    let committed = fixture.delete(removal).await.unwrap();
    assert_eq!((committed.counts.files, committed.counts.bytes), (4, 6));
    assert_eq!(fixture.removal(&organization).await.remaining, Tally { files: 4, bytes: 6 });

    fixture.expand(1).await;
    fixture.purge().await;
    let unsettled = fixture.removal(&organization).await;
    assert_eq!(unsettled.remaining, Tally::default());
    assert_eq!((unsettled.record.state, unsettled.settled_at()), (DeletionState::Purging, None));
    assert!(fixture.clear(1).await > 0);
    fixture.purge().await;
    let settled = fixture.removal(&organization).await;
    assert_eq!(settled.record.state, DeletionState::Settled);
    assert!(settled.settled_at().is_some());
    assert_eq!(settled.record.purged, Tally { files: 4, bytes: 6 });
    let usage = fixture.usage(&realm).await;
    assert_eq!((usage.uploaded, usage.live), (usage.settled, Tally::default()));
    assert_eq!(fixture.record(&realm, skipping).await.skipped, []);
    // Of the other nothing went but what it had deleted itself.
    assert_eq!(fixture.usage(&theirs).await.live.files, kept - 1);
    let query = KeyQuery { realm: Some(theirs), after: None, limit: 9 };
    assert_eq!(fixture.ledger.key_page(query).await.unwrap().len(), 1);
}

/// Filters of its deletions take no more, and the deletions settle as if they were cancelled.
pub(crate) async fn a_removal_ends_what_goes_on_in_steps(fixture: Fixture) {
    let (organization, realm) = fixture.switched_off().await;
    let files = fixture.furnish(&organization, &realm).await;
    fixture.delete(fixture.removal_of(&realm, Some(files), false)).await.unwrap();
    assert!(fixture.select_once(None, 9).await.is_none(), "no filter goes on");
    fixture.drain().await;
    fixture.clear(2).await;
    fixture.drain().await;
    let removal = fixture.removal(&organization).await;
    assert_eq!(removal.record.doomed.files, files);
    assert!(removal.settled_at().is_some());
    assert_eq!(fixture.ledger.keys().await.unwrap(), []);
    let inspection = fixture.ledger.inspect().await.unwrap();
    assert_eq!(inspection.blobs.len(), 0, "{:?}", inspection.blobs);
}
