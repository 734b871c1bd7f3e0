//! Copies of files and folders.

use super::*;

async fn copied(sirv: &Sirv, from: &str, to: &str) -> (u16, String) {
    let answer = sirv.post(&format!("/v2/files/copy?from={from}&to={to}"), "").await;
    (answer.status.as_u16(), answer.text().to_owned())
}

fn done() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, reason: &str, message: &str) -> (u16, String) {
    (status, error(status, reason, message))
}

#[tokio::test]
async fn a_copy_has_its_own_bytes_and_outlives_its_source() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/one.png").await;
    assert_eq!(copied(&sirv, "/a/one.png", "/b/c/two.dat").await, done());
    sirv.app.stored_blobs_become(2).await;
    sirv.delete(&["/a"]).await;
    let copy = sirv.get("/v2/files/download?filename=/b/c/two.dat").await;
    assert_eq!(shown(&copy), (200, "bytes"));
    assert_eq!(copy.header("content-type"), "image/png");
    assert!(copy.header("content-disposition").contains("two.dat"));
    sirv.app.stored_blobs_become(1).await;
    assert_eq!(sirv.app.usage().await.live.files, 1);
}

#[tokio::test]
async fn tags_are_copied_and_locks_and_commands_are_not() {
    let sirv = Sirv::new().await;
    let parts = [
        Part::Text("path", "/a"),
        Part::Text("tags", "red,blue"),
        Part::File("a.png", "image/png", "bytes of it"),
    ];
    sirv.app.upload_as(&sirv.key.text, &parts).await;
    sirv.lock("/a").await;
    assert_eq!(copied(&sirv, "/a", "/b").await, done());
    let realm = Realm::whole(sirv.app.ours.number);
    let path = EntryPath::parse_written("/b").unwrap();
    let entry = sirv.app.service.ledger.entry_at(&realm, &path).await.unwrap();
    let Some(Entry::File(file)) = entry else { panic!("the copy is no file") };
    assert_eq!(file.attributes.tags, ["red", "blue"]);
    assert_eq!((file.attributes.title.as_str(), file.locked, file.command), ("b", false, None));
}

#[tokio::test]
async fn a_folder_is_copied_with_all_below_it() {
    let sirv = Sirv::new().await;
    for path in ["/f/one", "/f/deep/er/two", "/ff"] {
        sirv.upload(path).await;
    }
    sirv.lock("/f/deep").await;
    for to in ["/g/copy", "/h/"] {
        assert_eq!(copied(&sirv, "/f", to).await, done());
        let to = to.trim_end_matches('/');
        assert!(sirv.is_there(&format!("{to}/one")).await);
        assert!(sirv.is_there(&format!("{to}/deep/er/two")).await);
    }
    sirv.upload("/g/copy/deep/er/two").await;
    assert_eq!(sirv.app.usage().await.live.files, 3 + 2 + 2);
    let (empty, copy) = ("/g/empty", "/g/also%20empty");
    let realm = Realm::whole(sirv.app.ours.number);
    let folders = vec![EntryPath::parse(empty).unwrap()];
    let attach = Attach { folders, ..Attach::default() };
    sirv.app.service.ledger.attach(&realm, attach, sirv.app.clock.now()).await.unwrap().unwrap();
    assert_eq!(copied(&sirv, empty, copy).await, done());
    assert!(sirv.is_there(copy).await);
}

#[tokio::test]
async fn what_is_there_already_is_never_copied_over() {
    let sirv = Sirv::new().await;
    for path in ["/a", "/f/b"] {
        sirv.upload(path).await;
    }
    sirv.lock("/f").await;
    for (from, to) in
        [("/a", "/a"), ("/a", "/f/b"), ("/a", "/f"), ("/f", "/a"), ("/f", "/f/"), ("/f", "/")]
    {
        let there = if to == "/f/" { "/f" } else { to };
        let message = format!("something exists at this path: {there}");
        assert_eq!(copied(&sirv, from, to).await, refused(409, "Conflict", &message));
    }
    let message = "a file is where a folder would have to be: /a";
    assert_eq!(copied(&sirv, "/f", "/a/b").await, refused(409, "Conflict", message));
    sirv.app.stored_blobs_become(2).await;
}

#[tokio::test]
async fn a_copy_that_makes_no_sense_is_refused() {
    let sirv = Sirv::new().await;
    sirv.upload("/f/a").await;
    for (query, message) in [
        ("from=/f", "to is required"),
        ("to=/g", "from is required"),
        ("from=/f&to=g", "path must be absolute and start with '/'"),
        ("from=/f&from=/f&to=/g", "query parameter 'from' is given more than once"),
        ("from=/f&to=/f/g", "a folder cannot be copied into itself"),
        ("from=/&to=/g", "a folder cannot be copied into itself"),
        ("from=/f/a&to=/g/", "to names a folder, and from a file"),
    ] {
        let answer = sirv.post(&format!("/v2/files/copy?{query}"), "").await;
        let expected = error(400, "Bad Request", message);
        assert_eq!(shown(&answer), (400, expected.as_str()), "{query}");
    }
    let long = "n".repeat(250);
    let to = format!("/{long}/{long}/{long}/{long}");
    let deep = format!("/f/{}", "d".repeat(30));
    sirv.upload(&deep).await;
    assert_eq!(copied(&sirv, "/f", &to).await.0, 400);
    for from in ["/none", "/f/a/", "/f/a/b"] {
        assert_eq!(copied(&sirv, from, "/g").await, (404, NOT_FOUND.to_owned()));
    }
}

#[tokio::test]
async fn both_ends_must_lie_within_the_prefix_and_both_scopes_are_needed() {
    let sirv = Sirv::new().await;
    sirv.upload("/a").await;
    sirv.upload("/t/a").await;
    let both = Scopes::parse("read,write").unwrap();
    let narrow = sirv.token_of(both, "/t").await;
    let status = async |token: &str, from: &str, to: &str| {
        let target = format!("/v2/files/copy?from={from}&to={to}");
        let request = request_as(token, Method::POST, &target).body(Body::empty());
        sirv.app.send(request.unwrap()).await.status.as_u16()
    };
    assert_eq!(status(&narrow, "/a", "/t/b").await, 404);
    assert_eq!(status(&narrow, "/t/a", "/b").await, 403);
    assert_eq!(status(&narrow, "/t/a", "/t/b").await, 200);
    for scopes in ["read", "write"] {
        let half = sirv.token_of(Scopes::parse(scopes).unwrap(), "/").await;
        assert_eq!(status(&half, "/a", "/c").await, 403);
    }
    let theirs = sirv.key_of(sirv.app.theirs.id, both, "/").await;
    let foreign = sirv.token_for(&theirs).await;
    assert_eq!(status(&foreign, "/a", "/b").await, 404);
}

#[tokio::test]
async fn a_copy_that_fails_half_way_leaves_nothing() {
    let sirv = Sirv::new().await;
    for number in 0..40 {
        sirv.upload(&format!("/f/{number}")).await;
    }
    for call in [Call::Read, Call::Create, Call::Finish] {
        let begun = sirv.app.faults.count(call);
        sirv.app.faults.fail(call, Failing::Nth(begun + 20));
        assert_eq!(copied(&sirv, "/f", "/g").await.0, 503, "{call:?}");
        sirv.app.faults.heal();
        assert!(!sirv.is_there("/g").await);
        sirv.app.stored_blobs_become(40).await;
    }
    assert_eq!(copied(&sirv, "/f", "/g").await, done());
    assert_eq!(sirv.app.usage().await.uploaded.files, 80);
}

#[tokio::test]
async fn bytes_that_are_missing_are_never_copied_as_something_else() {
    let sirv = Sirv::new().await;
    sirv.upload("/f/a").await;
    let blobs = sirv.app.stored.keys();
    sirv.app.service.blobs.remove(&blobs).await;
    assert_eq!(copied(&sirv, "/f", "/g").await.0, 500);
    assert!(!sirv.is_there("/g").await);
}
