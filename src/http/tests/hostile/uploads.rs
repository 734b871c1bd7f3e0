//! Rows 99 and 110 to 119: uploads, names, and many requests at once.

use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;

use super::*;

/// A body of `bytes` and then an error, as of a client that went away.
fn broken(bytes: &'static str) -> Body {
    let begin = futures::stream::iter([Ok(Bytes::from_static(bytes.as_bytes()))]);
    Body::from_stream(begin.chain(futures::stream::iter([Err(std::io::Error::other("gone"))])))
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    let begin = "--boundary-of-the-form\r\nContent-Disposition: form-data; name=\"file\"; \
                 filename=\"a\"\r\n\r\nbytes";
    let whole = form(&[Part::File("a", "", "bytes")]);
    let open = whole.trim_end_matches("--\r\n").to_owned();
    for (target, kind) in [
        ("/fso?path=/new", ""),
        ("/fso?path=/ab&overwrite=true", ""),
        ("/v2/files/upload?filename=/ab", ""),
        ("/api/uploads/files", FORM),
        ("/v1/upload", FORM),
    ] {
        let headers = [("content-type", kind)];
        let headers = if kind.is_empty() { &headers[..0] } else { &headers[..] };
        let asked = (Method::POST, target);
        let answer = hostile.ask_as(&hostile.ours, asked.clone(), headers, broken(begin)).await;
        assert_refused(&answer, 400, &format!("row 111: {target}"));
        if !kind.is_empty() {
            let answer = hostile.ask_as(&hostile.ours, asked, headers, open.clone()).await;
            assert_refused(&answer, 400, &format!("row 111: {target} without its end"));
        }
        hostile.assert_unchanged(&before, &format!("row 111: {target}")).await;
    }
}

#[tokio::test]
async fn a_file_is_as_large_as_it_may_be_and_no_larger() {
    let app = TestApp::with(|settings| settings.upload_bytes_max = 100).await;
    let hostile = Hostile::of(app).await;
    let body = |bytes: usize| "b".repeat(bytes);
    for (row, bytes, status) in [(112, 0, 201), (112, 99, 201), (112, 100, 201)] {
        let target = format!("/fso?path=/size{bytes}");
        let answer = hostile.ask_as(&hostile.ours, (Method::POST, &target), &[], body(bytes)).await;
        assert_eq!(answer.status.as_u16(), status, "row {row}: {bytes}");
    }
    let before = hostile.state().await;
    assert_eq!(before.files.len(), OURS.len() + 3);
    for target in
        ["/fso?path=/new", "/fso?path=/ab&overwrite=true", "/v2/files/upload?filename=/new"]
    {
        for announced in [true, false] {
            let headers = [("content-length", "101")];
            let headers = if announced { &headers[..] } else { &headers[..0] };
            let asked = (Method::POST, target);
            let answer = hostile.ask_as(&hostile.ours, asked, headers, body(101)).await;
            assert_refused(&answer, 413, &format!("row 112: {target}"));
            hostile.assert_unchanged(&before, &format!("row 112: {target}")).await;
        }
    }
    let parts = form(&[Part::File("a", "", &body(101))]);
    let headers = [("content-type", FORM)];
    for target in ["/api/uploads/files", "/v1/upload"] {
        let asked = (Method::POST, target);
        let answer = hostile.ask_as(&hostile.ours, asked, &headers, parts.clone()).await;
        assert_refused(&answer, 413, &format!("row 112: {target}"));
        hostile.assert_unchanged(&before, &format!("row 112: {target}")).await;
    }
}

#[tokio::test]
async fn names_of_files_are_kept_or_refused_and_never_break_a_header() {
    let hostile = Hostile::new().await;
    let headers = [("content-type", FORM)];
    let upload = async |name: &str| {
        let parts = form(&[Part::File(name, "text/html", "<script>")]);
        let asked = (Method::POST, "/api/uploads/files");
        hostile.ask_as(&hostile.ours, asked, &headers, parts).await
    };
    let before = hostile.state().await;
    for name in ["a\u{1}.html", "a\u{7f}.html", "a\u{85}.html", "a\tb.html"] {
        let answer = upload(name).await;
        assert_refused(&answer, 400, &format!("row 115: {name:?}"));
        hostile.assert_unchanged(&before, &format!("row 115: {name:?}")).await;
    }
    for (name, disposition) in [
        ("a'b;c.html", "attachment; filename=\"a'b;c.html\"; filename*=UTF-8''a%27b%3Bc.html"),
        ("\u{202e}gpj.exe", "attachment; filename=\"_gpj.exe\"; filename*=UTF-8''%E2%80%AEgpj.exe"),
        ("../../x.svg", "attachment; filename=\"../../x.svg\"; filename*=UTF-8''..%2F..%2Fx.svg"),
        ("a%0d%0aX:1", "attachment; filename=\"a_0d_0aX:1\"; filename*=UTF-8''a%250d%250aX%3A1"),
    ] {
        let answer = upload(name).await;
        assert_eq!(answer.status, 201, "row 115: {name:?}: {}", answer.text());
        let file = answer.json();
        assert_eq!(file["name"], name, "row 115");
        let url = file["url"].as_str().unwrap().strip_prefix("https://files.test").unwrap();
        let bytes = hostile.app.call(Method::GET, url, &[], "").await;
        assert_eq!(bytes.header("content-disposition"), disposition, "row 115");
        assert_eq!(bytes.header("x-content-type-options"), "nosniff", "row 115");
        // Row 99: many ranges are passed over, and what is not there cannot be matched.
        let many = format!("bytes={}", vec!["0-"; 1000].join(","));
        let ranged = hostile.app.call(Method::GET, url, &[("range", &many)], "").await;
        assert_eq!((ranged.status.as_u16(), ranged.text()), (200, "<script>"), "row 99");
        for (etag, status) in [("*", 200), ("\"no\"", 412)] {
            let matched = hostile.app.call(Method::GET, url, &[("if-match", etag)], "").await;
            assert_eq!(matched.status.as_u16(), status, "row 99");
        }
    }
}

#[tokio::test]
async fn many_uploads_to_one_path_leave_one_file_and_its_bytes() {
    let hostile = Hostile::new().await;
    let blobs = hostile.app.stored.keys().len();
    let upload = async |n: usize| {
        let asked = (Method::POST, "/v2/files/upload?filename=/many");
        hostile.ask_as(&hostile.ours, asked, &[], format!("version {n}")).await
    };
    for answer in join_all((0..200).map(upload)).await {
        assert_eq!(answer.status, 200, "row 110");
    }
    hostile.app.drained().await;
    hostile.app.stored_blobs_become(blobs + 1).await;
    assert_eq!(hostile.state().await.files.len(), OURS.len() + 1);
    let delete = || hostile.ask(Method::DELETE, "/fso?path=/many");
    let (uploads, deletes) =
        tokio::join!(join_all((0..50).map(upload)), join_all((0..50).map(|_| delete())));
    assert!(uploads.iter().all(|answer| answer.status == 200), "row 110");
    assert!(deletes.iter().all(|answer| [200, 404].contains(&answer.status.as_u16())), "row 110");
    hostile.app.drained().await;
    let there = usize::from(hostile.ask(Method::GET, "/fso?path=/many").await.status == 200);
    hostile.app.stored_blobs_become(blobs + there).await;
    assert_eq!(hostile.state().await.files.len(), OURS.len() + there);
}

#[tokio::test]
async fn of_many_deletes_of_one_thing_exactly_one_succeeds() {
    let hostile = Hostile::new().await;
    for target in [
        format!("/api/uploads/files/{}", hostile.files[0]),
        "/fso?path=/ab".to_owned(),
        format!("/v1/upload/{}", hostile.files[3]),
    ] {
        let asks = (0..1000).map(|_| hostile.ask(Method::DELETE, &target));
        let answers = join_all(asks).await;
        let succeeded = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(succeeded, 1, "row 119: {target}");
        let refused = if target.starts_with("/v1") { 400 } else { 404 };
        let others = answers.iter().filter(|answer| answer.status.as_u16() == refused).count();
        assert_eq!(others, 999, "row 119: {target}");
    }
    hostile.app.drained().await;
    assert_eq!(hostile.state().await.files.len(), OURS.len() - 3);
}

#[tokio::test]
async fn a_lock_that_comes_and_goes_during_a_batch_keeps_what_it_says_it_keeps() {
    let hostile = Hostile::new().await;
    for round in 0..20 {
        let id = hostile.app.upload_to("/flap/file").await;
        let lock = |verb: &str| format!("/v2/files/{verb}?filename=/flap/file");
        let (lock, unlock) = (lock("lock"), lock("unlock"));
        let flapping = async {
            for _ in 0..5 {
                hostile.ask(Method::POST, &lock).await;
                tokio::task::yield_now().await;
                hostile.ask(Method::POST, &unlock).await;
            }
        };
        let (deleted, ()) = tokio::join!(hostile.ask(Method::DELETE, "/fso?path=/flap"), flapping);
        let there = hostile.ask(Method::GET, &format!("/api/uploads/files/{id}")).await.status;
        match deleted.status.as_u16() {
            200 => assert_eq!(there, 404, "row 117: round {round}"),
            409 => assert_eq!(there, 200, "row 117: round {round}"),
            other => panic!("row 117: round {round}: {other}"),
        }
        hostile.ask(Method::DELETE, "/fso?path=/flap").await;
    }
    hostile.app.drained().await;
    assert_eq!(hostile.state().await.files.len(), OURS.len());
}
