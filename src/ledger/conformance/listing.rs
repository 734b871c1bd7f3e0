//! Lists of files: what matches, in which order, how many in all.

use std::time::Duration;

use super::fixture::{Fixture, attributes, beneath};
use crate::domain::entry::{Attributes, FileRecord, NewVersion};
use crate::domain::organization::Realm;
use crate::ledger::{FileKind, FileQuery};

const ALL: FileQuery =
    FileQuery { kind: None, any_tag: Vec::new(), text: None, offset: 0, limit: 100 };

async fn upload(fixture: &Fixture, realm: &Realm, path: &str, said: Attributes) -> FileRecord {
    let version = NewVersion { attributes: said, ..fixture.version(path, 1).await };
    fixture.commit(realm, version).await.unwrap().file
}

/// The names on the page, and the total.
async fn listed(fixture: &Fixture, realm: &Realm, query: FileQuery) -> (Vec<String>, u64) {
    let page = fixture.ledger.files(realm, &query).await.unwrap();
    (page.files.iter().map(|file| file.name.as_str().to_owned()).collect(), page.total)
}

async fn names(fixture: &Fixture, realm: &Realm, query: FileQuery) -> Vec<String> {
    let (names, total) = listed(fixture, realm, query).await;
    assert_eq!(names.len() as u64, total);
    names
}

/// Newest entry first; overwriting does not make an entry newer.
pub(crate) async fn files_are_listed_newest_first(fixture: Fixture) {
    let realm = fixture.realm().await;
    for path in ["/b", "/t/a", "/c"] {
        fixture.upload(&realm, path, 1).await;
        fixture.clock.advance(Duration::from_secs(1));
    }
    fixture.upload(&realm, "/b", 2).await;
    assert_eq!(names(&fixture, &realm, ALL).await, ["c", "a", "b"]);
    let page = fixture.ledger.files(&realm, &ALL).await.unwrap();
    assert_eq!(Some(&page.files[1]), fixture.file_at(&realm, "/t/a").await.as_ref());
}

/// Pages cut the list without gaps and repeats; the total is that of the whole list.
pub(crate) async fn pages_cut_the_list_and_tell_its_length(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_many(&realm, "/t", 7).await;
    let whole = names(&fixture, &realm, ALL).await;
    for (offset, limit) in [(0, 3), (3, 3), (6, 3), (7, 3), (100, 3), (0, 0)] {
        let query = FileQuery { offset, limit, ..ALL };
        let from = usize::try_from(offset).unwrap().min(7);
        let to = (from + usize::try_from(limit).unwrap()).min(7);
        let page = (whole[from..to].to_vec(), 7);
        assert_eq!(listed(&fixture, &realm, query).await, page, "{offset} {limit}");
    }
}

/// The kind is the front part of the media type.
pub(crate) async fn files_are_listed_by_kind(fixture: Fixture) {
    let realm = fixture.realm().await;
    let types = [("i", "image/png"), ("v", "video/mp4"), ("a", "audio/ogg"), ("o", "text/plain")];
    for (name, content_type) in types {
        let said = Attributes { content_type: content_type.to_owned(), ..attributes(name) };
        upload(&fixture, &realm, &format!("/{name}"), said).await;
    }
    for (kind, name) in [
        (FileKind::Image, "i"),
        (FileKind::Video, "v"),
        (FileKind::Audio, "a"),
        (FileKind::Other, "o"),
    ] {
        let query = FileQuery { kind: Some(kind), ..ALL };
        assert_eq!(names(&fixture, &realm, query).await, [name]);
    }
}

/// One of the tags is enough; a tag matches whole, in its letter case.
pub(crate) async fn files_are_listed_by_any_of_several_tags(fixture: Fixture) {
    let realm = fixture.realm().await;
    for (name, tags) in [("one", vec!["red"]), ("two", vec!["green", "blue"]), ("three", vec![])] {
        let tags = tags.into_iter().map(str::to_owned).collect();
        let said = Attributes { tags, ..attributes(name) };
        upload(&fixture, &realm, &format!("/{name}"), said).await;
    }
    for (tags, expected) in [
        (&["red"][..], &["one"][..]),
        (&["blue", "red"], &["two", "one"]),
        (&["green", "blue"], &["two"]),
        (&["gree"], &[]),
        (&["RED"], &[]),
    ] {
        let any_tag = tags.iter().map(|tag| (*tag).to_owned()).collect();
        assert_eq!(names(&fixture, &realm, FileQuery { any_tag, ..ALL }).await, expected);
    }
}

/// Text is sought in titles and tags, letter case aside, also beyond ASCII; signs that mean
/// something to a database mean themselves.
pub(crate) async fn files_are_listed_by_text_in_title_or_tags(fixture: Fixture) {
    let realm = fixture.realm().await;
    for (path, title, tag) in [
        ("/1", "Holiday Photo", "sea"),
        ("/2", "100%_sure", "photo"),
        ("/3", "ÜBER UNS", "x"),
        ("/4", "back\\slash", "Ärger"),
    ] {
        let said = Attributes { tags: vec![tag.to_owned()], ..attributes(title) };
        upload(&fixture, &realm, path, said).await;
    }
    for (text, expected) in [
        ("PHOTO", &["2", "1"][..]),
        ("holiday p", &["1"]),
        ("%", &["2"]),
        ("_", &["2"]),
        ("0%_s", &["2"]),
        ("über", &["3"]),
        ("äRG", &["4"]),
        ("\\", &["4"]),
        ("nothing", &[]),
        ("", &["4", "3", "2", "1"]),
    ] {
        let query = FileQuery { text: Some(text.to_owned()), ..ALL };
        assert_eq!(names(&fixture, &realm, query).await, expected, "{text:?}");
    }
}

/// All conditions of a query hold together, on every page.
pub(crate) async fn conditions_of_a_query_hold_together(fixture: Fixture) {
    let realm = fixture.realm().await;
    for (path, content_type, tag) in [
        ("/1", "image/png", "red"),
        ("/2", "image/png", "blue"),
        ("/3", "video/mp4", "red"),
        ("/4", "image/gif", "red"),
    ] {
        let content_type = content_type.to_owned();
        let said = Attributes { content_type, tags: vec![tag.to_owned()], ..attributes("x") };
        upload(&fixture, &realm, path, said).await;
    }
    let query = FileQuery {
        kind: Some(FileKind::Image),
        any_tag: vec!["red".to_owned()],
        text: Some("X".to_owned()),
        offset: 1,
        limit: 5,
    };
    assert_eq!(listed(&fixture, &realm, query).await, (vec!["1".to_owned()], 2));
}

/// I7: a key with a prefix lists, and counts, what lies beneath it.
pub(crate) async fn a_list_ends_at_the_prefix(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/a/1", "/a/b/2", "/ab/3", "/a.4", "/5"]).await;
    assert_eq!(
        listed(&fixture, &beneath(&realm, "/a"), ALL).await,
        (vec!["2".to_owned(), "1".to_owned()], 2,)
    );
    assert_eq!(names(&fixture, &beneath(&realm, "/5"), ALL).await, ["5"]);
    assert_eq!(names(&fixture, &beneath(&realm, "/none"), ALL).await, [""; 0]);
    assert_eq!(names(&fixture, &realm, ALL).await.len(), 5);
}

/// I1: doomed files are in no list and in no total, expanded or not.
pub(crate) async fn doomed_files_are_not_listed(fixture: Fixture) {
    let realm = fixture.realm().await;
    fixture.upload_each(&realm, &["/t/1", "/t/keep", "/t/sub/2", "/3", "/4"]).await;
    fixture.lock(&realm, &["/t/keep"]).await;
    let selectors = vec![super::fixture::by_path("/t"), super::fixture::by_path("/3")];
    fixture.delete(fixture.lenient(&realm, selectors)).await.unwrap();
    assert_eq!(names(&fixture, &realm, ALL).await, ["4", "keep"]);
    fixture.drain().await;
    assert_eq!(names(&fixture, &realm, ALL).await, ["4", "keep"]);
}
