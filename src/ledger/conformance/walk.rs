//! Walks: everything live below a folder, once, in one order.

use super::fixture::{Fixture, at, beneath, by_path};
use crate::domain::organization::Realm;
use crate::ledger::{WalkCursor, WalkQuery, Walked};

/// In the order of the walk; folders end in `/`.
const TREE: [&str; 12] = [
    "/t/B", "/t/a", "/t/a.b", "/t/z", "/t/a b/", "/t/a b/x", "/t/b/", "/t/b/y", "/t/b/c/",
    "/t/b/c/z", "/t/ä/", "/t/ä/a",
];

async fn planted(fixture: &Fixture) -> Realm {
    let realm = fixture.realm().await;
    let mut files: Vec<&str> = TREE.into_iter().filter(|path| !path.ends_with('/')).collect();
    files.reverse();
    fixture.upload_each(&realm, &files).await;
    fixture.upload_each(&realm, &["/s/a", "/tt/a", "/t.a"]).await;
    realm
}

fn query(top: &str) -> WalkQuery {
    WalkQuery { top: at(top), depth: None, after: None, limit: 1000 }
}

async fn page(fixture: &Fixture, realm: &Realm, query: &WalkQuery) -> Vec<Walked> {
    fixture.ledger.walk(realm, query).await.unwrap().expect("the realm sees the folder")
}

fn shown(met: &[Walked]) -> Vec<String> {
    let slash = |met: &Walked| if met.cursor().is_folder { "/" } else { "" };
    met.iter().map(|met| format!("{}{}", met.path, slash(met))).collect()
}

async fn walked(fixture: &Fixture, realm: &Realm, query: &WalkQuery) -> Vec<String> {
    shown(&page(fixture, realm, query).await)
}

/// Files before folders, each by its bytes, and folders right before what is in them. The entries
/// are what is found at their paths.
pub(crate) async fn a_walk_meets_everything_below_in_order(fixture: Fixture) {
    let realm = planted(&fixture).await;
    let met = page(&fixture, &realm, &query("/t")).await;
    assert_eq!(shown(&met), TREE);
    for walked in met {
        let there = fixture.entry(&realm, walked.path.as_str()).await;
        assert_eq!(there, Some(walked.entry));
    }
    let root = walked(&fixture, &realm, &query("/")).await;
    assert_eq!(root[..4], ["/t.a", "/commands/", "/s/", "/s/a"]);
    assert_eq!(root.len(), 4 + 1 + TREE.len() + 2 + 1);
}

/// No entry is left out or met twice, wherever a page ends.
pub(crate) async fn pages_of_any_size_make_the_same_walk(fixture: Fixture) {
    let realm = planted(&fixture).await;
    for limit in 1..=TREE.len() + 1 {
        let mut query = WalkQuery { limit, ..query("/t") };
        let mut whole = Vec::new();
        loop {
            let met = page(&fixture, &realm, &query).await;
            assert!(met.len() <= limit);
            query.after = met.last().map(Walked::cursor);
            whole.extend(shown(&met));
            if met.len() < limit {
                break;
            }
        }
        assert_eq!(whole, TREE, "{limit}");
    }
    assert_eq!(walked(&fixture, &realm, &WalkQuery { limit: 0, ..query("/t") }).await, [""; 0]);
}

/// Folders at the last level are met and not entered.
pub(crate) async fn a_walk_goes_no_deeper_than_it_is_asked(fixture: Fixture) {
    let realm = planted(&fixture).await;
    for depth in 1..4 {
        let level = |path: &str| path.trim_end_matches('/').matches('/').count() - 1;
        let expected: Vec<&str> = TREE.into_iter().filter(|path| level(path) <= depth).collect();
        let asked = WalkQuery { depth: Some(depth), ..query("/t") };
        assert_eq!(walked(&fixture, &realm, &asked).await, expected, "{depth}");
    }
}

/// A page that ends with a folder of the last level does not make the next one enter it.
pub(crate) async fn pages_go_no_deeper_than_the_walk(fixture: Fixture) {
    let realm = planted(&fixture).await;
    for depth in 0..4 {
        let asked = WalkQuery { depth: Some(depth), ..query("/t") };
        let expected = walked(&fixture, &realm, &asked).await;
        assert_eq!(expected.is_empty(), depth == 0);
        for limit in 1..4 {
            let mut query = WalkQuery { limit, ..asked.clone() };
            let mut whole = Vec::new();
            loop {
                let met = page(&fixture, &realm, &query).await;
                query.after = met.last().map(Walked::cursor);
                whole.extend(shown(&met));
                if met.len() < limit {
                    break;
                }
            }
            assert_eq!(whole, expected, "{depth} {limit}");
        }
    }
}

/// Neither what went with its tree, nor what went from a folder that survived it, before and
/// after it is expanded.
pub(crate) async fn doomed_files_are_not_met(fixture: Fixture) {
    let realm = planted(&fixture).await;
    fixture.lock(&realm, &["/t/b/y"]).await;
    fixture.delete(fixture.lenient(&realm, vec![by_path("/t")])).await.unwrap();
    let left = ["/t/b/", "/t/b/y"];
    assert_eq!(walked(&fixture, &realm, &query("/t")).await, left);
    fixture.upload(&realm, "/t/a", 1).await;
    let left = ["/t/a", "/t/b/", "/t/b/y"];
    assert_eq!(walked(&fixture, &realm, &query("/t")).await, left);
    fixture.drain().await;
    assert_eq!(walked(&fixture, &realm, &query("/t")).await, left);
}

/// Whatever became of the last entry of a page, the next one goes on behind its place.
pub(crate) async fn a_page_begins_where_the_last_entry_was_though_it_is_gone(fixture: Fixture) {
    let realm = planted(&fixture).await;
    let after = |path: &str, is_folder| {
        let cursor = WalkCursor { path: at(path), is_folder };
        WalkQuery { after: Some(cursor), ..query("/t") }
    };
    assert_eq!(walked(&fixture, &realm, &after("/t/b/c/a", false)).await, TREE[9..]);
    assert_eq!(walked(&fixture, &realm, &after("/t/b/none", true)).await, TREE[10..]);
    assert_eq!(walked(&fixture, &realm, &after("/t/b/none/x", false)).await, TREE[10..]);
    assert_eq!(walked(&fixture, &realm, &after("/t/zz", false)).await, TREE[4..]);
    fixture.delete_path(&realm, "/t/b").await;
    assert_eq!(walked(&fixture, &realm, &after("/t/b/c/z", false)).await, TREE[10..]);
    assert_eq!(walked(&fixture, &realm, &after("/t/b", true)).await, TREE[10..]);
    assert_eq!(walked(&fixture, &realm, &after("/t/ä/a", false)).await, [""; 0]);
}

/// I7: no file, nothing beyond the prefix, nothing of another organization.
pub(crate) async fn a_walk_begins_at_a_folder_that_the_realm_sees(fixture: Fixture) {
    let (realm, other) = (planted(&fixture).await, fixture.realm().await);
    let seen = async |realm: &Realm, top: &str| {
        fixture.ledger.walk(realm, &query(top)).await.unwrap().is_some()
    };
    for top in ["/t/a", "/none", "/t/a/b"] {
        assert!(!seen(&realm, top).await, "{top}");
    }
    assert!(!seen(&other, "/t").await);
    let narrow = beneath(&realm, "/t/b");
    assert!(seen(&narrow, "/t/b").await && seen(&narrow, "/t/b/c").await);
    assert!(!seen(&narrow, "/t").await && !seen(&narrow, "/").await);
    assert_eq!(walked(&fixture, &narrow, &query("/t/b")).await, TREE[7..10]);
}
