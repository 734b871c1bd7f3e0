//! Many files in and out at once: unpacking, downloading, telling.

use std::io::{Cursor, Read};

use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;

use super::app::{Answer, TestApp};
use crate::archives::tests::crafted::{Crafted, archive, hostile};
use crate::blobs::faulty::{Call, Failing};
use crate::domain::plans::{PlanLimits, Plans};
use crate::domain::usage::Tally;
use crate::http::state::HttpSettings;

struct Merple {
    app: TestApp,
    key: String,
}

impl Merple {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut HttpSettings)) -> Self {
        let app = TestApp::with(adjust).await;
        let key = app.key.clone();
        Self { app, key }
    }

    async fn get(&self, target: &str) -> Answer {
        self.get_as(&self.key, target).await
    }

    async fn get_as(&self, key: &str, target: &str) -> Answer {
        self.app.call(Method::GET, target, &[("x-user-api-key", key)], Body::empty()).await
    }

    async fn put(&self, path: &str, bytes: &str) {
        let target = format!("/fso?path={path}&overwrite=true");
        let headers = [("x-user-api-key", self.key.as_str())];
        let answer = self.app.call(Method::POST, &target, &headers, bytes.to_owned()).await;
        assert_eq!(answer.status.as_u16(), 201, "{path}: {}", answer.text());
    }

    async fn unpack(&self, query: &str, archive: Vec<u8>) -> (u16, String) {
        self.unpack_as(&self.key, query, archive).await
    }

    async fn unpack_as(&self, key: &str, query: &str, archive: Vec<u8>) -> (u16, String) {
        let headers = [("x-user-api-key", key), ("content-type", "application/zip; x=y")];
        let target = format!("/fso?{query}");
        let answer = self.app.call(Method::POST, &target, &headers, archive).await;
        (answer.status.as_u16(), answer.text().to_owned())
    }

    async fn read(&self, path: &str) -> String {
        self.get(&format!("/fso?path={path}")).await.text().to_owned()
    }

    async fn is_there(&self, path: &str) -> bool {
        self.get(&format!("/fso-info?path={path}")).await.status.as_u16() == 200
    }

    /// The entries of a download, and their text.
    async fn download(&self, query: &str) -> Vec<(String, String)> {
        let answer = self.get(&format!("/fsos?{query}")).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("content-type"), "application/zip");
        let mut archive = zip::ZipArchive::new(Cursor::new(answer.body.to_vec())).unwrap();
        let mut entries = Vec::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            entries.push((file.name().unwrap().into_owned(), text));
        }
        entries
    }
}

fn files(entries: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<Crafted> =
        entries.iter().map(|(name, bytes)| Crafted::file(name, bytes)).collect();
    archive(&entries)
}

fn error(status: u16, text: &str) -> (u16, String) {
    (status, format!(r#"{{"error":"{text}"}}"#))
}

fn shown(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.text().to_owned())
}

#[tokio::test]
async fn an_archive_is_unpacked_into_a_folder() {
    let merple = Merple::new().await;
    let sent = files(&[("a.png", "one"), ("b/c.txt", "two!"), ("empty/", "")]);
    let stored = merple.unpack("path=/x/y/", sent).await;
    assert_eq!(stored, (201, r#"{"path":"/x/y/","files":2,"size":7}"#.to_owned()));
    assert_eq!(merple.read("/x/y/a.png").await, "one");
    assert_eq!(merple.read("/x/y/b/c.txt").await, "two!");
    assert!(merple.is_there("/x/y/empty/").await);
    let head = merple.get("/fso?path=/x/y/b/c.txt").await;
    assert_eq!(head.header("content-type"), "text/plain");
    // The archive itself is gone, and was never counted.
    merple.app.stored_blobs_become(2).await;
    assert_eq!(merple.app.usage().await.uploaded, Tally { files: 2, bytes: 7 });
}

#[tokio::test]
async fn the_root_takes_an_archive_too_and_an_empty_one_makes_its_folder() {
    let merple = Merple::new().await;
    assert_eq!(merple.unpack("path=/", files(&[("a", "1")])).await.0, 201);
    assert_eq!(merple.read("/a").await, "1");
    let stored = merple.unpack("path=/new/", files(&[])).await;
    assert_eq!(stored, (201, r#"{"path":"/new/","files":0,"size":0}"#.to_owned()));
    assert!(merple.is_there("/new/").await);
}

#[tokio::test]
async fn a_file_that_exists_refuses_the_whole_archive_unless_it_may_be_replaced() {
    let merple = Merple::new().await;
    merple.put("/x/old", "old").await;
    merple.put("/x/kept", "kept").await;
    let sent = files(&[("new", "new"), ("old", "newer")]);
    let refused = merple.unpack("path=/x/", sent.clone()).await;
    assert_eq!(refused, error(409, "a file exists at this path: /x/old"));
    assert!(!merple.is_there("/x/new").await);
    merple.app.stored_blobs_become(2).await;
    assert_eq!(merple.unpack("path=/x/&overwrite=true", sent).await.0, 201);
    for (path, text) in [("/x/old", "newer"), ("/x/new", "new"), ("/x/kept", "kept")] {
        assert_eq!(merple.read(path).await, text);
    }
    let folder = merple.unpack("path=/&overwrite=true", files(&[("x", "no folder")])).await;
    assert_eq!(folder, error(409, "a folder is at this path: /x"));
    let below = merple.unpack("path=/x/old/&overwrite=true", files(&[("a", "1")])).await;
    assert_eq!(below, error(409, "a file is where a folder would have to be: /x/old"));
    merple.app.stored_blobs_become(3).await;
}

#[tokio::test]
async fn what_is_locked_or_beyond_the_prefix_refuses_the_whole_archive() {
    let merple = Merple::new().await;
    merple.put("/x/held", "held").await;
    merple.app.lock("/x/held", true).await;
    let sent = files(&[("new", "new"), ("held", "newer")]);
    let locked = r#"{"error":"Locked: nothing was changed","locked":["/x/held"]}"#;
    let refused = merple.unpack("path=/x/&overwrite=true", sent.clone()).await;
    assert_eq!(refused, (409, locked.to_owned()));
    let ours = Some(merple.app.ours.id);
    let (_, narrow) = merple.app.new_key(ours, "read,write", "/t").await;
    assert_eq!(merple.unpack_as(&narrow, "path=/x/", sent.clone()).await.0, 403);
    assert_eq!(merple.unpack_as(&narrow, "path=/t/", sent.clone()).await.0, 201);
    let (_, reader) = merple.app.new_key(ours, "read", "/").await;
    assert_eq!(merple.unpack_as(&reader, "path=/t/", sent).await.0, 403);
    assert!(!merple.is_there("/x/new").await);
    merple.app.stored_blobs_become(3).await;
}

#[tokio::test]
async fn a_hostile_archive_is_a_400_and_leaves_nothing() {
    let merple = Merple::new().await;
    for (sent, word) in hostile() {
        let (status, text) = merple.unpack("path=/x/&overwrite=true", sent).await;
        assert_eq!(status, 400, "{word}: {text}");
        assert!(text.starts_with(r#"{"error":"the "#) || text.contains("a name in"), "{text}");
    }
    assert!(!merple.is_there("/x").await);
    merple.app.stored_blobs_become(0).await;
    assert_eq!(merple.app.usage().await.uploaded, Tally::default());
}

#[tokio::test]
async fn an_archive_over_a_limit_is_refused_whole() {
    let merple = Merple::with(|settings| {
        settings.archives.entries_max = 3;
        settings.archives.bytes_max = 1000;
    })
    .await;
    let four = files(&[("a", "1"), ("b", "1"), ("c", "1"), ("d/", "")]);
    let refused = merple.unpack("path=/x/", four).await;
    assert_eq!(refused, error(400, "the archive has more than 3 entries"));
    let large = merple.unpack("path=/x/", vec![0; 1001]).await;
    assert_eq!(large, error(413, "At most 1000 bytes are accepted"));
    let mut bomb = Crafted::file("a", "");
    (bomb.method, bomb.size) = (8, Some(1001));
    let refused = merple.unpack("path=/x/", archive(&[bomb.clone()])).await;
    assert_eq!(refused, error(400, "the archive holds more than 1000 bytes"));
    // It says little, and would give much.
    bomb.bytes = deflated(&vec![0; 1_000_000]);
    bomb.size = Some(900);
    let refused = merple.unpack("path=/x/", archive(&[bomb])).await;
    assert_eq!(refused.0, 413, "{}", refused.1);
    let three = files(&[("a", "1"), ("b", "1"), ("c", "1")]);
    assert_eq!(merple.unpack("path=/x/", three).await.0, 201);
}

/// What cannot stay is not written at all.
#[tokio::test]
async fn an_archive_for_which_there_is_no_room_is_not_even_spooled() {
    let limits =
        PlanLimits { backlog_bytes_max: Some(3), quota_bytes: Some(6), ..PlanLimits::default() };
    let plans = Plans::new([("default".to_owned(), limits)]);
    let merple = Merple::with(|settings| settings.plans = plans).await;
    let created = || merple.app.faults.count(Call::Create);
    let refused = merple.unpack("path=/x/", files(&[("a", "1234"), ("b", "567")])).await;
    assert_eq!((refused.0, created()), (507, 1), "only the archive itself is written");
    merple.put("/a", "four").await;
    merple.app.faults.fail(Call::Remove, Failing::Always);
    merple.put("/a", "five").await;
    let before = created();
    let refused = merple.unpack("path=/x/", files(&[("a", "1")])).await;
    assert_eq!((refused.0, created()), (507, before), "{}", refused.1);
}

#[tokio::test]
async fn an_archive_that_says_less_than_it_gives_is_refused() {
    let merple = Merple::new().await;
    let mut bomb = Crafted::file("a", "");
    (bomb.method, bomb.size) = (8, Some(900));
    bomb.bytes = deflated(&vec![0; 10_000_000]);
    let refused = merple.unpack("path=/x/", archive(&[bomb.clone()])).await;
    assert_eq!(refused, error(400, "the archive's entry 'a' is damaged"));
    // Where it tells the truth, it is packed too well.
    bomb.bytes = deflated(&vec![0; 100_000_000]);
    bomb.size = Some(100_000_000);
    let refused = merple.unpack("path=/x/", archive(&[bomb])).await;
    let text = "the archive is more than 200 times smaller than what it holds";
    assert_eq!(refused, error(400, text));
    merple.app.stored_blobs_become(0).await;
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::Compress::new(flate2::Compression::best(), false);
    let mut packed = Vec::with_capacity(bytes.len());
    packer.compress_vec(bytes, &mut packed, flate2::FlushCompress::Finish).unwrap();
    packed
}

#[tokio::test]
async fn files_and_folders_are_downloaded_with_their_paths() {
    let merple = Merple::new().await;
    for (path, text) in [("/a", "1"), ("/x/b.txt", "2"), ("/x/y/c", "3"), ("/z/d", "4")] {
        merple.put(path, text).await;
    }
    let entry = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let folder = [entry("x/", ""), entry("x/b.txt", "2"), entry("x/y/", ""), entry("x/y/c", "3")];
    assert_eq!(merple.download("path=/x").await, folder);
    assert_eq!(merple.download("path=/x/").await, folder);
    let several = merple.download("path=/z/d&path=/a&path=/z/d&path=/a").await;
    assert_eq!(several, [entry("z/d", "4"), entry("a", "1")]);
    let overlapping = merple.download("path=/x/y/c&path=/x&path=/x/y&path=/a&path=/x/").await;
    assert_eq!(overlapping, [&folder[..], &[entry("a", "1")]].concat());
    let all = merple.download("path=/").await;
    assert_eq!(all.len(), 9, "{all:?}");
    let ours = Some(merple.app.ours.id);
    let (_, narrow) = merple.app.new_key(ours, "read", "/x").await;
    assert_eq!(merple.get_as(&narrow, "/fsos?path=/x").await.status.as_u16(), 200);
    assert_eq!(merple.get_as(&narrow, "/fsos?path=/").await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_download_that_lacks_something_is_refused_before_it_begins() {
    let merple = Merple::new().await;
    merple.put("/a", "1").await;
    for (query, refused) in [
        ("", error(400, "path is required")),
        ("path=", error(400, "path is empty")),
        ("path=/a&path=b", error(400, "path must be absolute and start with '/'")),
        ("path=/a&path=/b", error(404, "File or folder not found")),
        ("path=/a/", error(404, "File or folder not found")),
    ] {
        assert_eq!(shown(&merple.get(&format!("/fsos?{query}")).await), refused, "{query}");
    }
    let many = format!("/fsos?{}", "path=/a&".repeat(1001));
    assert_eq!(shown(&merple.get(&many).await), error(400, "more than 1000 paths are given"));
    let (_, foreign) = merple.app.new_key(Some(merple.app.theirs.id), "read", "/").await;
    assert_eq!(merple.get_as(&foreign, "/fsos?path=/a").await.status.as_u16(), 404);
    let (_, writer) = merple.app.new_key(Some(merple.app.ours.id), "write,delete", "/").await;
    for target in ["/fsos?path=/a", "/fso-info?path=/a"] {
        assert_eq!(merple.get_as(&writer, target).await.status.as_u16(), 403);
    }
}

#[tokio::test]
async fn a_file_that_is_deleted_meanwhile_breaks_the_download_off() {
    let merple = Merple::new().await;
    for path in ["/x/a", "/x/b", "/x/c"] {
        merple.put(path, "bytes").await;
    }
    let request = Request::get("/fsos?path=/x").header("x-user-api-key", &merple.key);
    let mut body = merple.app.open(request.body(Body::empty()).unwrap()).await.into_body();
    // The folder, and what was read with it.
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap();
    let target = "/fso?path=/x/c";
    let headers = [("x-user-api-key", merple.key.as_str())];
    merple.app.call(Method::DELETE, target, &headers, Body::empty()).await;
    merple.app.drained().await;
    let rest = body.collect().await;
    assert!(rest.is_err(), "the download came to its end without a file");
}

#[tokio::test]
async fn a_file_that_is_replaced_meanwhile_is_downloaded_as_it_is_then() {
    let merple = Merple::new().await;
    for path in ["/x/a", "/x/b", "/x/c"] {
        merple.put(path, "bytes").await;
    }
    let request = Request::get("/fsos?path=/x").header("x-user-api-key", &merple.key);
    let mut body = merple.app.open(request.body(Body::empty()).unwrap()).await.into_body();
    let mut whole = body.frame().await.unwrap().unwrap().into_data().unwrap().to_vec();
    whole.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
    merple.put("/x/c", "newer").await;
    merple.app.drained().await;
    whole.extend(body.collect().await.unwrap().to_bytes());
    let mut archive = zip::ZipArchive::new(Cursor::new(whole)).unwrap();
    let mut text = String::new();
    archive.by_name("x/c").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "newer");
}

#[tokio::test]
async fn info_tells_of_a_file_and_of_one_level_of_a_folder() {
    let merple = Merple::new().await;
    merple.put("/x/b.txt", "22").await;
    merple.put("/x/y/c", "333").await;
    let time = "2023-11-14T22:13:20.000Z";
    let info = |path: &str, name: &str, size: u64, nested: &str| {
        format!(
            r#"{{"path":"{path}","name":"{name}","size":{size},"last_modified":"{time}"{nested}}}"#
        )
    };
    let nested = |entries: &[String]| format!(r#","nested":[{}]"#, entries.join(","));
    let file = info("/x/b.txt", "b.txt", 2, "");
    let told = async |query: &str| shown(&merple.get(&format!("/fso-info?{query}")).await);
    assert_eq!(told("path=/x/b.txt").await, (200, file.clone()));
    let one = [file.clone(), info("/x/y", "y", 3, "")];
    let folder = (200, info("/x", "x", 2, &nested(&one)));
    assert_eq!(told("path=/x").await, folder);
    assert_eq!(told("path=/x/&depth=1").await, folder);
    assert_eq!(told("path=/x&depth=0").await, (200, info("/x", "x", 2, "")));
    let deep = info("/x/y", "y", 3, &nested(&[info("/x/y/c", "c", 3, "")]));
    let two = (200, info("/x", "x", 2, &nested(&[file, deep])));
    assert_eq!(told("path=/x&depth=2").await, two);
    assert_eq!(told("path=/x&depth=512").await, two);
    let root: serde_json::Value = serde_json::from_str(&told("path=/&depth=3").await.1).unwrap();
    assert_eq!(root["name"], "/");
    assert_eq!(root["nested"][2]["nested"][1]["nested"][0]["path"], "/x/y/c");
    assert_eq!(told("path=/none").await, error(404, "File or folder not found"));
    assert_eq!(told("path=/x/b.txt/").await, error(404, "File or folder not found"));
    for wrong in ["", "path=/x&depth=513", "path=/x&depth=-1", "path=x", "path=/x&path=/x"] {
        assert_eq!(told(wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn info_tells_ten_thousand_entries_and_no_more() {
    let merple = Merple::new().await;
    let entries: Vec<Crafted> =
        (0..10_000).map(|n| Crafted::file(&format!("{n:05}/"), "")).collect();
    assert_eq!(merple.unpack("path=/x/", archive(&entries)).await.0, 201);
    let told = merple.get("/fso-info?path=/x").await.json();
    assert_eq!(told["nested"].as_array().unwrap().len(), 10_000);
    merple.put("/x/more", "1").await;
    let refused = error(400, "more than 10000 files and folders; ask for fewer levels");
    assert_eq!(shown(&merple.get("/fso-info?path=/x").await), refused);
    assert_eq!(merple.get("/fso-info?path=/x&depth=0").await.status.as_u16(), 200);
}
