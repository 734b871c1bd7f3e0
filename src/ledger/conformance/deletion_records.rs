//! The records of deletions: listed in the order of their commits, and what they keep of each
//! selector.

use std::time::Duration;

use super::fixture::{Fixture, at, beneath, by_path};
use crate::deletion::items::{Fate, Item, Named};
use crate::deletion::record::{Counts, DeletionState};
use crate::deletion::request::{DeleteRequest, Door, Selector};
use crate::domain::id::{DeletionId, KeyId};
use crate::domain::organization::Realm;
use crate::ledger::{DeletionOrder, DeletionPage, DeletionQuery};

const ALL: DeletionQuery = DeletionQuery {
    state: None,
    door: None,
    key: None,
    since: None,
    until: None,
    order: DeletionOrder::NewestFirst,
    after: None,
    limit: 100,
};

impl Fixture {
    async fn deletion_page(&self, realm: &Realm, query: &DeletionQuery) -> DeletionPage {
        self.ledger.deletions(realm, query).await.unwrap()
    }

    /// The deletions of a whole list, read in pages of this size.
    async fn listed_deletions(&self, realm: &Realm, query: &DeletionQuery) -> Vec<DeletionId> {
        let (mut query, mut ids) = (query.clone(), Vec::new());
        loop {
            let page = self.deletion_page(realm, &query).await;
            assert!(page.records.len() <= query.limit);
            ids.extend(page.records.iter().map(|record| record.id));
            query.after = page.next;
            if page.next.is_none() {
                return ids;
            }
        }
    }

    async fn items_of(&self, realm: &Realm, id: DeletionId) -> Option<Vec<Item>> {
        self.ledger.deletion_items(realm, id).await.unwrap()
    }

    /// Commits deletions of nothing, one second apart.
    async fn deletions_of_nothing(&self, realm: &Realm, count: usize) -> Vec<DeletionId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            self.clock.advance(Duration::from_secs(1));
            let request = self.lenient(realm, vec![by_path("/nothing")]);
            ids.push(self.delete(request).await.unwrap().id);
        }
        ids
    }
}

/// Pages of any size make the same list, in both directions.
pub(crate) async fn deletions_are_listed_in_the_order_of_their_commits(fixture: Fixture) {
    let realm = fixture.realm().await;
    assert_eq!(fixture.deletion_page(&realm, &ALL).await, DeletionPage::default());
    let mut ids = fixture.deletions_of_nothing(&realm, 5).await;
    // The order is that of the commits, and not of the identities or the clock.
    let early: DeletionId = fixture.id();
    ids.extend(fixture.deletions_of_nothing(&realm, 1).await);
    fixture.clock.set(fixture.now().minus(Duration::from_secs(60)));
    let late = DeleteRequest { id: early, ..fixture.lenient(&realm, vec![by_path("/x")]) };
    ids.push(fixture.delete(late).await.unwrap().id);
    for limit in [1, 2, 7, 100] {
        let forward = DeletionQuery { order: DeletionOrder::OldestFirst, limit, ..ALL };
        assert_eq!(fixture.listed_deletions(&realm, &forward).await, ids, "{limit}");
        let backward = DeletionQuery { limit, ..ALL };
        let newest_first: Vec<DeletionId> = ids.iter().rev().copied().collect();
        assert_eq!(fixture.listed_deletions(&realm, &backward).await, newest_first, "{limit}");
    }
}

/// What is committed while somebody reads page after page shifts nothing.
pub(crate) async fn a_list_of_deletions_stands_while_others_are_committed(fixture: Fixture) {
    let realm = fixture.realm().await;
    let ids = fixture.deletions_of_nothing(&realm, 3).await;
    let first = fixture.deletion_page(&realm, &DeletionQuery { limit: 2, ..ALL }).await;
    let forward = DeletionQuery { order: DeletionOrder::OldestFirst, limit: 2, ..ALL };
    let oldest = fixture.deletion_page(&realm, &forward).await;
    let later = fixture.deletions_of_nothing(&realm, 1).await;
    let rest = fixture.deletion_page(&realm, &DeletionQuery { after: first.next, ..ALL }).await;
    assert_eq!(rest.records.iter().map(|record| record.id).collect::<Vec<_>>(), [ids[0]]);
    let rest =
        fixture.listed_deletions(&realm, &DeletionQuery { after: oldest.next, ..forward }).await;
    assert_eq!(rest, [ids[2], later[0]]);
}

/// All conditions hold together.
pub(crate) async fn deletions_are_listed_by_what_they_are(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/a", 1).await;
    let begin = fixture.now();
    let waiting = fixture.delete_path(&realm, "/a").await.id;
    fixture.clock.advance(Duration::from_secs(10));
    let key = KeyId::from_bytes([9; 16]);
    let other = DeleteRequest {
        key,
        door: Door::Sirv,
        ..fixture.lenient(&realm, vec![by_path("/nothing")])
    };
    let settled = fixture.delete(other).await.unwrap().id;
    let end = fixture.now();
    let with = |change: fn(&mut DeletionQuery)| {
        let mut query = ALL;
        change(&mut query);
        query
    };
    for (query, expected) in [
        (with(|query| query.state = Some(DeletionState::Purging)), vec![waiting]),
        (with(|query| query.state = Some(DeletionState::Settled)), vec![settled]),
        (with(|query| query.door = Some(Door::Sirv)), vec![settled]),
        (with(|query| query.door = Some(Door::Native)), vec![waiting]),
        (with(|query| query.door = Some(Door::Merple)), vec![]),
        (DeletionQuery { key: Some(key), ..ALL }, vec![settled]),
        (DeletionQuery { since: Some(begin), until: Some(end), ..ALL }, vec![waiting]),
        (DeletionQuery { since: Some(end), ..ALL }, vec![settled]),
        (DeletionQuery { until: Some(begin), ..ALL }, vec![]),
        (DeletionQuery { key: Some(key), door: Some(Door::Native), ..ALL }, vec![]),
    ] {
        for limit in [1, 100] {
            let query = DeletionQuery { limit, ..query.clone() };
            assert_eq!(fixture.listed_deletions(&realm, &query).await, expected, "{query:?}");
        }
    }
    fixture.drain().await;
    let purging = with(|query| query.state = Some(DeletionState::Purging));
    assert_eq!(fixture.listed_deletions(&realm, &purging).await, []);
}

/// I7: a realm lists what it would find by its id, and nothing else.
pub(crate) async fn deletions_are_listed_to_whoever_may_see_them(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let whole = fixture.deletions_of_nothing(&realm, 1).await[0];
    let narrow = fixture.deletions_of_nothing(&beneath(&realm, "/a/b"), 1).await[0];
    for (prefix, expected) in
        [("/", vec![narrow, whole]), ("/a", vec![narrow]), ("/a/b", vec![narrow]), ("/ab", vec![])]
    {
        let seeing = beneath(&realm, prefix);
        assert_eq!(
            fixture.listed_deletions(&seeing, &DeletionQuery { limit: 1, ..ALL }).await,
            expected
        );
        for id in [whole, narrow] {
            let seen = expected.contains(&id);
            assert_eq!(fixture.items_of(&seeing, id).await.is_some(), seen, "{prefix}");
        }
    }
    assert_eq!(fixture.listed_deletions(&other, &ALL).await, []);
    assert_eq!(fixture.items_of(&other, whole).await, None);
    assert_eq!(fixture.items_of(&realm, fixture.id()).await, None);
}

/// Each selector's end is kept, with identities and counts; names of what stayed alone.
pub(crate) async fn what_became_of_each_selector_is_kept(fixture: Fixture) {
    let realm = fixture.realm().await;
    let command = fixture.command(&realm).await;
    fixture.output(&realm, (command, "out"), "/commands/day/out", 4).await.unwrap();
    let by_id = fixture.upload(&realm, "/one", 3).await;
    let by_name = fixture.upload(&realm, "/two", 2).await;
    fixture.upload_each(&realm, &["/t/keep", "/t/go", "/t/sub/go", "/locked"]).await;
    fixture.lock(&realm, &["/t/keep", "/locked"]).await;
    let never = fixture.id();
    let selectors = vec![
        Selector::File(by_id.id),
        by_path("/two"),
        Selector::Outputs(command),
        by_path("/t/sub"),
        by_path("/t"),
        by_path("/locked"),
        Selector::File(never),
        Selector::Unmatchable,
    ];
    let committed = fixture.delete(fixture.lenient(&realm, selectors)).await.unwrap();
    let item = |index, named, fate, counts| Item {
        index,
        named,
        fate,
        counts,
        changed: Counts::default(),
        locked: Vec::new(),
        locked_count: 0,
    };
    let nothing = Counts::default();
    let files = |files, bytes, folders| Counts { files, bytes, folders };
    let mut expected = vec![
        item(0, Named::Id(by_id.id), Fate::Deleted, files(1, 3, 0)),
        item(1, Named::Path(Some(by_name.id)), Fate::Deleted, files(1, 2, 0)),
        item(2, Named::Command(command), Fate::Deleted, files(1, 4, 0)),
        item(3, Named::Path(None), Fate::Within(4), nothing),
        item(4, Named::Path(None), Fate::Partly, files(2, 2, 1)),
        item(5, Named::Path(None), Fate::Locked, nothing),
        item(6, Named::Id(never), Fate::Missing, nothing),
        item(7, Named::Nothing, Fate::Missing, nothing),
    ];
    (expected[4].locked, expected[4].locked_count) = (vec![at("/t/keep")], 1);
    (expected[5].locked, expected[5].locked_count) = (vec![at("/locked")], 1);
    assert_eq!(fixture.items_of(&realm, committed.id).await.unwrap(), expected);
    fixture.drain().await;
    assert_eq!(fixture.items_of(&realm, committed.id).await.unwrap(), expected);
}

/// As many items as a request has selectors, and no fewer.
pub(crate) async fn a_thousand_items_are_kept(fixture: Fixture) {
    let realm = fixture.realm().await;
    let files = fixture.upload_many(&realm, "/a", 1000).await;
    let selectors = files.iter().map(|file| Selector::File(file.id)).collect();
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    let items = fixture.items_of(&realm, committed.id).await.unwrap();
    let expected = (0..).zip(&files).map(|(index, file)| Item {
        index,
        named: Named::Id(file.id),
        fate: Fate::Deleted,
        counts: Counts { files: 1, bytes: 1, folders: 0 },
        changed: Counts::default(),
        locked: Vec::new(),
        locked_count: 0,
    });
    assert_eq!(items, expected.collect::<Vec<_>>());
}
