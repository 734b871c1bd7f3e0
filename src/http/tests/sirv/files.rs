//! Files by their paths.

use super::*;

#[tokio::test]
async fn an_upload_makes_its_parents_and_replaces() {
    let sirv = Sirv::new().await;
    for body in ["one", "second"] {
        let answer = sirv.post("/v2/files/upload?filename=/a/b%20c.png", body).await;
        assert_eq!(shown(&answer), (200, ""));
        let read = sirv.get("/v2/files/download?filename=/a/b+c.png").await;
        assert_eq!(shown(&read), (200, body));
        assert_eq!(read.header("content-type"), "image/png");
        assert!(!read.header("etag").is_empty() && !read.header("last-modified").is_empty());
    }
    sirv.app.drained().await;
    assert_eq!(sirv.app.stored.keys().len(), 1);
}

#[tokio::test]
async fn stat_tells_of_files_and_folders() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/b.txt").await;
    let time = "2023-11-14T22:13:20.000Z";
    let file = sirv.get("/v2/files/stat?filename=/a/b.txt").await;
    let expected = format!(
        r#"{{"mtime":"{time}","ctime":"{time}","contentType":"text/plain","size":5,"isDirectory":false,"meta":{{}}}}"#
    );
    assert_eq!(shown(&file), (200, expected.as_str()));
    let expected =
        format!(r#"{{"mtime":"{time}","ctime":"{time}","size":0,"isDirectory":true,"meta":{{}}}}"#);
    for folder in ["/a", "/a/"] {
        let folder = sirv.get(&format!("/v2/files/stat?filename={folder}")).await;
        assert_eq!(shown(&folder), (200, expected.as_str()));
    }
    for missing in ["/b", "/a/b.txt/"] {
        let missing = sirv.get(&format!("/v2/files/stat?filename={missing}")).await;
        assert_eq!(shown(&missing), (404, NOT_FOUND));
    }
}

#[tokio::test]
async fn a_download_has_ranges_and_no_folders() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/b").await;
    let request =
        sirv.request(Method::GET, "/v2/files/download?filename=/a/b").header("range", "bytes=1-2");
    let part = sirv.app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(shown(&part), (206, "yt"));
    let head = sirv.request(Method::HEAD, "/v2/files/download?filename=/a/b");
    let head = sirv.app.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!((shown(&head), head.header("content-length")), ((200, ""), "5"));
    let folder = sirv.get("/v2/files/download?filename=/a").await;
    let expected = error(400, "Bad Request", "filename names a folder");
    assert_eq!(shown(&folder), (400, expected.as_str()));
    assert_eq!(shown(&sirv.get("/v2/files/download?filename=/b").await), (404, NOT_FOUND));
}

#[tokio::test]
async fn a_filename_is_one_absolute_path() {
    let sirv = Sirv::new().await;
    for (query, message) in [
        ("", "filename is required"),
        ("?filename=", "path is empty"),
        ("?filename=a", "path must be absolute and start with '/'"),
        ("?filename=/a/../b", "path has a '.' or '..' segment"),
        ("?filename=/a&filename=/a", "query parameter 'filename' is given more than once"),
    ] {
        let expected = error(400, "Bad Request", message);
        for call in ["upload", "lock", "unlock"] {
            let answer = sirv.post(&format!("/v2/files/{call}{query}"), "1").await;
            assert_eq!(shown(&answer), (400, expected.as_str()), "{call}{query}");
        }
        for call in ["stat", "download"] {
            let answer = sirv.get(&format!("/v2/files/{call}{query}")).await;
            assert_eq!(shown(&answer), (400, expected.as_str()), "{call}{query}");
        }
    }
    for call in ["lock", "unlock"] {
        let answer = sirv.post(&format!("/v2/files/{call}?filename=/"), "").await;
        let expected = error(400, "Bad Request", "'/' cannot be locked");
        assert_eq!(shown(&answer), (400, expected.as_str()));
    }
}

#[tokio::test]
async fn an_upload_does_not_take_a_folders_place() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/b").await;
    let onto = sirv.post("/v2/files/upload?filename=/a", "1").await;
    let expected = error(409, "Conflict", "a folder is at this path");
    assert_eq!(shown(&onto), (409, expected.as_str()));
    let below = sirv.post("/v2/files/upload?filename=/a/b/c", "1").await;
    let expected = error(409, "Conflict", "a file is where a folder would have to be: /a/b");
    assert_eq!(shown(&below), (409, expected.as_str()));
    let slash = sirv.post("/v2/files/upload?filename=/x/", "1").await;
    let expected = error(400, "Bad Request", "filename names a folder");
    assert_eq!(shown(&slash), (400, expected.as_str()));
}

#[tokio::test]
async fn what_is_locked_is_not_overwritten_until_it_is_unlocked() {
    let sirv = Sirv::new().await;
    sirv.upload("/f/held").await;
    sirv.lock("/f").await;
    sirv.lock("/f").await;
    let refused = sirv.post("/v2/files/upload?filename=/f/held", "new").await;
    assert_eq!(shown(&refused), (423, error(423, "Locked", "Locked").as_str()));
    sirv.upload("/f/beside").await;
    let unlocked = sirv.post("/v2/files/unlock?filename=/f/", "").await;
    assert_eq!(shown(&unlocked), (200, ""));
    assert_eq!(shown(&sirv.post("/v2/files/upload?filename=/f/held", "new").await), (200, ""));
    let read = sirv.get("/v2/files/download?filename=/f/held").await;
    assert_eq!(shown(&read), (200, "new"));
    for call in ["lock", "unlock"] {
        let missing = sirv.post(&format!("/v2/files/{call}?filename=/gone"), "").await;
        assert_eq!(shown(&missing), (404, NOT_FOUND));
    }
}
