//! Rows 55 to 78: the body of a batch, and the job that comes of it.

use bytes::Bytes;

use super::*;

const BATCH: &str = "/v2/files/batch/delete";

async fn submit(hostile: &Hostile, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    hostile.ask_as(&hostile.ours, (Method::POST, BATCH), headers, body).await
}

/// A batch of exactly so many bytes, of paths where nothing is.
fn batch_of(bytes: usize) -> String {
    let paths: Vec<String> = (0..32).map(|n| format!("\"/{n:02}{}\"", "p".repeat(1000))).collect();
    let mut body = format!("{{\"filenames\":[{}", paths[..31].join(","));
    body.push_str("]}");
    let rest = bytes - body.len();
    body + &" ".repeat(rest)
}

#[tokio::test]
async fn a_body_that_is_no_batch_is_a_400() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    let deep = format!("{{\"filenames\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let many: Vec<String> = (0..1001).map(|n| format!("\"/{n}\"")).collect();
    let many = format!("{{\"filenames\":[{}]}}", many.join(","));
    let cases: Vec<(u32, &[u8])> = vec![
        (55, b""),
        (55, b" "),
        (56, b"{\"filenames\":[]}"),
        (56, b"{}"),
        (57, b"null"),
        (57, b"\"/ab\""),
        (57, b"1"),
        (57, b"{\"filenames\":null}"),
        (57, b"{\"filenames\":\"/ab\"}"),
        (57, b"{\"filenames\":[1]}"),
        (57, b"{\"filenames\":[[\"/ab\"]]}"),
        (57, b"{\"filenames\":{\"0\":\"/ab\"}}"),
        (58, b"[\"/ab\"]"),
        (58, b"[[\"/ab\"]]"),
        (59, b"{\"filenames\":[\"/ab\"],\"filenames\":[\"/a.txt\"]}"),
        (60, b"{\"filenames\":[\"/ab\"],\"force\":true}"),
        (60, b"{\"filenames\":[\"/ab\"],\"dry_run\":true}"),
        (61, b"{\"Filenames\":[\"/ab\"]}"),
        (62, b"{\"filenames\":[\"/ab\",\"/a\\u0000\"]}"),
        (62, b"{\"filenames\":[\"/ab\",\"/a\\n\"]}"),
        (63, b"{\"filenames\":[\"/ab\",\"\\ud800\"]}"),
        (64, b"\xef\xbb\xbf{\"filenames\":[\"/ab\"]}"),
        (64, b"{\"filenames\":[\"/ab\"]/*c*/}"),
        (64, b"{\"filenames\":[\"/ab\",NaN]}"),
        (64, b"{\"filenames\":[\"/ab\"]}x"),
        (64, b"{\"filenames\":[\"/ab\"]}{\"filenames\":[\"/ab\"]}"),
        (64, b"{\"filenames\":[\"/ab\"],}"),
        (65, b"{\"filenames\":[\"/ab\",\"/\xff\"]}"),
        (66, deep.as_bytes()),
        (70, many.as_bytes()),
        (4, b"{\"filenames\":[\"/ab\",\"/\"]}"),
        (108, b"{\"filenames\":[\"/ab\"],\"tenant_id\":2}"),
        (108, b"{\"filenames\":[\"/ab\"],\"locked\":false}"),
    ];
    for (row, body) in cases {
        let answer = submit(&hostile, &[], body.to_vec()).await;
        let case = format!("row {row}: {:.80}", String::from_utf8_lossy(body));
        assert_refused(&answer, 400, &case);
        hostile.assert_unchanged(&before, &case).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_plain_json_is_refused_by_that() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    let body = "{\"filenames\":[\"/ab\"]}";
    for (row, headers, status) in [
        (69, vec![("content-length", "1000000000000")], 413),
        (72, vec![("content-type", "text/plain")], 415),
        (72, vec![("content-type", "application/json; charset=utf-16")], 415),
        (72, vec![("content-type", "application/json"), ("content-type", "text/plain")], 415),
        (73, vec![("content-encoding", "gzip")], 415),
        (73, vec![("content-encoding", "identity"), ("content-encoding", "br")], 415),
        (74, vec![("content-type", "application/vnd.x+json")], 415),
    ] {
        let answer = submit(&hostile, &headers, body).await;
        assert_refused(&answer, status, &format!("row {row}: {headers:?}"));
        hostile.assert_unchanged(&before, &format!("row {row}")).await;
    }
    assert_refused(&submit(&hostile, &[], batch_of(32_769)).await, 413, "row 67");
    let pieces = futures::stream::iter(
        (0..40).map(|_| Ok::<_, std::io::Error>(Bytes::from(" ".repeat(1000)))),
    );
    assert_refused(&submit(&hostile, &[], Body::from_stream(pieces)).await, 413, "row 68");
    hostile.assert_unchanged(&before, "rows 67 and 68").await;
    assert_eq!(submit(&hostile, &[], batch_of(32_768)).await.status, 200, "row 67");
    // Row 72: by the contract, a batch that does not say what it is is taken.
    assert_eq!(submit(&hostile, &[], "{\"filenames\":[\"/no\"]}").await.status, 200, "row 72");
}

#[tokio::test]
async fn a_batch_counts_once_what_it_names_often_and_spares_what_it_does_not() {
    let hostile = Hostile::new().await;
    // Row 30: what is no path is counted as missing by the contract, and no 400.
    let names =
        ["/ab", "/ab", "/ab/", "/.", "/..", "/a/..", "ab", "/CON", "/-rf", "/$(x)", "/a%62"];
    let body = serde_json::json!({ "filenames": names }).to_string();
    let answer = submit(&hostile, &[], body).await;
    let job = answer.json()["id"].as_str().unwrap().to_owned();
    hostile.app.drained().await;
    let target = format!("{BATCH}?id={job}");
    // Row 77: there is no limit on looking, and looking changes nothing.
    let before = hostile.state().await;
    for _ in 0..1000 {
        let progress = hostile.ask(Method::GET, &target).await.json();
        assert_eq!(progress["progress"], 100);
        // Row 71: the file, and the eight different names that nothing has.
        assert_eq!(progress["result"]["deleted"], serde_json::json!({ "files": 1, "dirs": 0 }));
        assert_eq!(progress["result"]["notfound"], 8);
    }
    hostile.assert_unchanged(&before, "row 77").await;
    assert_eq!(before.files.len(), OURS.len() - 1);
}

#[tokio::test]
async fn a_job_that_is_not_ours_is_none() {
    let hostile = Hostile::new().await;
    let asked = (Method::POST, BATCH);
    let body = "{\"filenames\":[\"/no\"]}";
    let theirs = hostile.ask_as(&hostile.theirs, asked, &[], body).await.json();
    let theirs = theirs["id"].as_str().unwrap().to_owned();
    let ours = submit(&hostile, &[], body).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(hostile.ask(Method::GET, &format!("{BATCH}?id={ours}")).await.status, 200);
    let cases = [
        (76, format!("?id={theirs}"), 404),
        (76, format!("?id={}", UNKNOWN.replace('-', "")), 404),
        (76, format!("?id={UNKNOWN}"), 404),
        (76, format!("?id={}", "i".repeat(10 << 10)), 404),
        (42, format!("?id={}", ours.to_uppercase()), 404),
        (39, format!("?id={ours}%00"), 404),
        (76, "?id=".to_owned(), 404),
        (76, format!("?id={ours}&id={ours}"), 400),
        (76, String::new(), 400),
        (13, format!("?id={ours}%"), 400),
    ]
    .map(|(row, query, status)| (row, format!("{BATCH}{query}"), status));
    hostile.refuse_all(&Method::GET, &cases).await;
}
