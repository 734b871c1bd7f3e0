//! Selectors of one request that name the same things: each entry is taken, and counted, once
//! (I9).

use super::fixture::{Fixture, by_path};
use crate::deletion::record::{Counts, Outcome};
use crate::deletion::request::Selector;

fn took(outcome: &Outcome) -> u64 {
    outcome.counts().files
}

/// By id, by path, and again: the first has it.
pub(crate) async fn a_file_named_twice_counts_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 3).await;
    let by_id = Selector::File(file.id);
    let selectors = vec![by_id.clone(), by_path("/a"), by_id];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    assert_eq!(took(&committed.outcomes[0]), 1);
    assert_eq!(committed.outcomes[1..], [Outcome::Within(0), Outcome::Within(0)]);
    assert_eq!(committed.counts, Counts { files: 1, bytes: 3, folders: 0 });
    assert_eq!(fixture.drain().await, [file.blob]);
}

/// A folder takes what lies below it, whichever of the two was named first.
pub(crate) async fn a_folder_takes_what_is_named_below_it(fixture: Fixture) {
    for folder_first in [true, false] {
        let realm = fixture.realm().await;
        let file = fixture.upload(&realm, "/t/sub/a", 1).await;
        let mut selectors =
            vec![by_path("/t"), by_path("/t/sub"), by_path("/t/sub/a"), Selector::File(file.id)];
        if !folder_first {
            selectors.reverse();
        }
        let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
        let folder = if folder_first { 0 } else { 3 };
        let within = committed.outcomes.iter().filter(|&o| *o == Outcome::Within(folder));
        assert_eq!(within.count(), 3);
        assert_eq!(committed.counts, Counts { files: 1, bytes: 1, folders: 2 });
        assert_eq!(fixture.drain().await, [file.blob]);
    }
}

/// A folder with and without the trailing slash is one folder.
pub(crate) async fn a_folder_named_twice_counts_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 1).await;
    let selectors = vec![by_path("/t/"), by_path("/t"), by_path("/t/")];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    assert_eq!(committed.outcomes[1..], [Outcome::Within(0), Outcome::Within(0)]);
    assert_eq!(committed.counts, Counts { files: 1, bytes: 1, folders: 1 });
    fixture.drain().await;
}

/// Siblings whose names begin alike are no overlap.
pub(crate) async fn names_that_begin_alike_do_not_overlap(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a/x", "/a b/x", "/ab/x", "/a.txt", "/a-b"]).await;
    let selectors = vec![by_path("/a"), by_path("/ab"), by_path("/a.txt")];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    assert!(committed.outcomes.iter().all(|outcome| took(outcome) == 1));
    let others = ["/a b/x", "/a-b"];
    assert_eq!(fixture.present(&realm, &others).await, others);
}

/// A missing selector named twice is missing twice; it overlaps with nothing.
pub(crate) async fn what_is_not_there_does_not_overlap(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload(&realm, "/t/a", 1).await;
    let selectors = vec![by_path("/t"), by_path("/t/missing"), by_path("/t/a/")];
    let committed = fixture.delete(fixture.lenient(&realm, selectors)).await.unwrap();
    assert_eq!(committed.outcomes[1..], [Outcome::Missing, Outcome::Missing]);
    assert_eq!(fixture.record(&realm, committed.id).await.missing, 2);
}

/// A command's output that another selector names too is counted with that one.
pub(crate) async fn an_output_named_twice_counts_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let command = fixture.command(&realm).await;
    let one = fixture.output(&realm, (command, "1"), "/commands/day/1", 1).await.unwrap();
    fixture.output(&realm, (command, "2"), "/commands/other/2", 2).await.unwrap();
    fixture.output(&realm, (command, "3"), "/commands/other/3", 4).await.unwrap();
    let selectors = vec![
        Selector::Outputs(command),
        Selector::File(one.id),
        Selector::Outputs(command),
        by_path("/commands/other/3"),
    ];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 3, bytes: 7, folders: 0 });
    let taken: Vec<u64> = committed.outcomes.iter().map(took).collect();
    assert_eq!((taken, &committed.outcomes[2]), (vec![1, 1, 0, 1], &Outcome::Within(0)));
    assert_eq!(fixture.drain().await.len(), 3);
}

/// The same with a folder that holds some of the outputs.
pub(crate) async fn a_folder_takes_the_outputs_below_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    let command = fixture.command(&realm).await;
    for (key, path) in [("1", "/commands/a/1"), ("2", "/commands/b/2")] {
        fixture.output(&realm, (command, key), path, 1).await.unwrap();
    }
    let selectors = vec![Selector::Outputs(command), by_path("/commands/a")];
    let committed = fixture.delete(fixture.request(&realm, selectors)).await.unwrap();
    let taken: Vec<u64> = committed.outcomes.iter().map(took).collect();
    assert_eq!(taken, [1, 1]);
    assert_eq!(committed.counts, Counts { files: 2, bytes: 2, folders: 1 });
    assert_eq!(fixture.drain().await.len(), 2);
}
