//! Rows 1 to 32: paths, on every door that takes one.

use super::*;

/// Queries of `DELETE /fso`, with their rows. What is refused as such is refused on uploads too.
fn malformed() -> Vec<(u32, String, u16)> {
    let long_segment = format!("path=/{}", "s".repeat(256));
    let long_path = format!("path=/{}", "a/".repeat(512));
    let deep = format!("path={}", "/d".repeat(10_000));
    [
        (1, "path="),
        (2, ""),
        (2, "other=/ab"),
        (3, "path=a/b"),
        (3, "path=ab"),
        (5, "path=/a/../ab"),
        (5, "path=/.."),
        (5, "path=/../../etc/passwd"),
        (6, "path=/a/./file"),
        (6, "path=/."),
        (7, "path=/a//file"),
        (7, "path=//ab"),
        (7, "path=/a/file//"),
        (9, "path=%2Fa%2F%2e%2e%2fab"),
        (9, "path=/%2e%2e"),
        (11, "path=/..%c0%af"),
        (11, "path=/%c0%ae%c0%ae"),
        (12, "path=/%ff"),
        (12, "path=/%ed%a0%80"),
        (13, "path=/%zz"),
        (13, "path=/%4"),
        (13, "path=/ab%"),
        (14, "path=%00"),
        (14, "path=/ab%00.jpg"),
        (15, "path=/ab%0d%0aX:1"),
        (15, "path=/ab%09"),
        (15, "path=/ab%7f"),
        (15, "path=/ab%c2%85"),
        (17, "path=/ab&path=/a.txt"),
        (17, "path=/ab&path=/ab"),
        (18, "Path=/ab"),
        (18, "path[]=/ab"),
        (18, "path%00=/ab"),
        (22, "path=%5C..%5Cab"),
        (22, "path=C:%5Cab"),
        (22, "path=%5C%5Csrv%5Cab"),
        (27, long_segment.as_str()),
        (27, long_path.as_str()),
        (27, deep.as_str()),
    ]
    .map(|(row, query)| (row, query.to_owned(), 400))
    .to_vec()
}

/// Names that are no more than names, and which nothing has.
fn literal() -> Vec<(u32, String)> {
    [
        (10, "/%2e%2e/ab"),
        (16, "/a&path=/ab"),
        (19, "/a;path=/ab"),
        (22, "/..\\..\\ab"),
        (22, "/C:\\ab"),
        (25, "/\u{ff0e}\u{ff0e}\u{ff0f}ab"),
        (25, "/\u{2024}\u{2024}\u{2215}ab"),
        (26, "/\u{202e}ba"),
        (26, "/a\u{200d}b"),
        (26, "/\u{feff}ab"),
        (26, "/a\u{200b}b"),
        (28, "/a%"),
        (28, "/a_"),
        (28, "/a["),
        (28, "/%"),
        (28, "/_b"),
        (30, "/CON"),
        (30, "/~"),
        (30, "/-rf"),
        (30, "/$(ab)"),
        (30, "/;rm ab"),
        (30, "/\u{1f5d1}"),
        (30, "/.git"),
        (30, "/..."),
    ]
    .map(|(row, path)| (row, path.to_owned()))
    .to_vec()
}

#[tokio::test]
async fn a_path_that_means_nothing_changes_nothing_on_any_door() {
    let hostile = Hostile::new().await;
    let on = |door: &str, name: &str| -> Vec<(u32, String, u16)> {
        let cases = malformed().into_iter();
        cases
            .map(|(row, query, status)| {
                (row, format!("{door}?{}", query.replace("path", name)), status)
            })
            .collect()
    };
    hostile.refuse_all(&Method::DELETE, &on("/fso", "path")).await;
    hostile.refuse_all(&Method::GET, &on("/fso", "path")).await;
    hostile.refuse_all(&Method::POST, &on("/fso", "path")).await;
    for door in ["/v2/files/upload", "/v2/files/lock"] {
        hostile.refuse_all(&Method::POST, &on(door, "filename")).await;
    }
    for door in ["/v2/files/stat", "/v2/files/download"] {
        hostile.refuse_all(&Method::GET, &on(door, "filename")).await;
    }
}

#[tokio::test]
async fn the_root_is_never_deleted_and_a_file_is_no_folder() {
    let hostile = Hostile::new().await;
    let cases =
        [(4, "/fso?path=/", 400), (8, "/fso?path=/ab/", 404), (8, "/fso?path=/a/file/", 404)]
            .map(|(row, target, status)| (row, target.to_owned(), status));
    hostile.refuse_all(&Method::DELETE, &cases).await;
}

#[tokio::test]
async fn names_are_names_and_never_a_way_to_something_else() {
    let hostile = Hostile::new().await;
    let cases: Vec<_> = literal()
        .into_iter()
        .map(|(row, path)| (row, format!("/fso?path={}", encoded(&path)), 404))
        .collect();
    hostile.refuse_all(&Method::DELETE, &cases).await;
    hostile.refuse_all(&Method::GET, &cases).await;
    // Each of them can be a file's name, and goes by that name alone.
    for (row, target, _) in &cases {
        let before = hostile.state().await.files;
        let stored = hostile.ask(Method::POST, target).await;
        assert_eq!(stored.status, 201, "row {row}: {target}");
        let deleted = hostile.ask(Method::DELETE, target).await;
        assert_eq!(deleted.status, 200, "row {row}: {target}");
        assert_eq!(hostile.state().await.files, before, "row {row}: {target}");
    }
}

#[tokio::test]
async fn a_space_is_written_in_two_ways_and_a_plus_in_one() {
    let hostile = Hostile::new().await;
    // Row 21. Forms write a space as `+`, and scripts as `%20`.
    for (stored, asked) in [("/x%20y", "/x+y"), ("/x+y", "/x%20y"), ("/x%2By", "/x%2by")] {
        let target = |path: &str| format!("/fso?path={path}");
        assert_eq!(hostile.ask(Method::POST, &target(stored)).await.status, 201);
        assert_eq!(hostile.ask(Method::DELETE, &target(asked)).await.status, 200, "{asked}");
    }
    assert_eq!(hostile.ask(Method::POST, "/fso?path=/x%2By").await.status, 201);
    assert_eq!(hostile.ask(Method::DELETE, "/fso?path=/x+y").await.status, 404);
}

#[tokio::test]
async fn twins_and_siblings_survive() {
    let hostile = Hostile::new().await;
    let twins = [
        (23, "/caf\u{e9}", "/cafe\u{301}"),
        (24, "/Case", "/case"),
        (24, "/case/x", "/Case2/x"),
        (28, "/t_st", "/test"),
        (28, "/w%ld", "/world"),
    ];
    for (row, one, other) in twins {
        let target = |path: &str| format!("/fso?path={}", encoded(path));
        assert_eq!(hostile.ask(Method::POST, &target(one)).await.status, 201, "row {row}");
        assert_eq!(hostile.ask(Method::POST, &target(other)).await.status, 201, "row {row}");
        assert_eq!(hostile.ask(Method::DELETE, &target(one)).await.status, 200, "row {row}");
        assert_eq!(hostile.ask(Method::GET, &target(one)).await.status, 404, "row {row}");
        assert_eq!(hostile.ask(Method::GET, &target(other)).await.status, 200, "row {row}");
        assert_eq!(hostile.ask(Method::DELETE, &target(other)).await.status, 200, "row {row}");
    }
    // Row 29: what sorts before, between and behind `/a` and `/a/`.
    assert_eq!(hostile.ask(Method::DELETE, "/fso?path=/a").await.status, 200);
    for (path, file) in OURS.iter().zip(&hostile.files) {
        let status = hostile.ask(Method::GET, &format!("/api/uploads/files/{file}")).await.status;
        assert_eq!(status.as_u16(), if path.starts_with("/a/") { 404 } else { 200 }, "{path}");
    }
}

#[tokio::test]
async fn a_path_of_another_organization_is_a_path_where_nothing_is() {
    let hostile = Hostile::new().await;
    let parts = [Part::Text("path", "/theirs/only"), Part::File("a.png", "image/png", "theirs")];
    hostile.app.upload_as(&hostile.theirs.key, &parts).await;
    let before = hostile.state().await;
    for (method, foreign, nothing) in [
        (Method::DELETE, "/fso?path=/theirs/only", "/fso?path=/nothing/only"),
        (Method::DELETE, "/fso?path=/theirs", "/fso?path=/nothing"),
        (Method::GET, "/fso?path=/theirs/only", "/fso?path=/nothing/only"),
        (Method::GET, "/v2/files/stat?filename=/theirs", "/v2/files/stat?filename=/nothing"),
    ] {
        let foreign = hostile.ask(method.clone(), foreign).await;
        let nothing = hostile.ask(method, nothing).await;
        assert_refused(&foreign, 404, "row 31");
        assert_eq!((foreign.status, foreign.text()), (nothing.status, nothing.text()));
        hostile.assert_unchanged(&before, "row 31").await;
    }
}
