//! The one order in which what is wrong is told, on every route: key, limits, size and type,
//! syntax, scope, existence, lock.

use super::*;

/// A route with one of everything that can be wrong with it.
struct Route {
    method: Method,
    /// A target whose syntax is right; nothing is there.
    target: &'static str,
    /// One whose syntax is wrong.
    malformed: &'static str,
    media_type: &'static str,
    /// Headers without which nothing is right.
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// Scopes that are not enough.
    lesser: &'static str,
    /// What these scopes are told.
    forbidden: u16,
    /// What is told when all is right but nothing is there; `None` where that is a success.
    absent: Option<u16>,
}

fn route(method: Method, target: &'static str, malformed: &'static str) -> Route {
    let lesser = if method == Method::GET { "write" } else { "read" };
    let (media_type, headers, body, forbidden, absent) = ("", &[], "", 403, Some(404));
    Route { method, target, malformed, media_type, headers, body, lesser, forbidden, absent }
}

const A_FORM: &str = "--boundary-of-the-form\r\nContent-Disposition: form-data; name=\"file\"; \
                      filename=\"a\"\r\n\r\n1\r\n--boundary-of-the-form--\r\n";

fn upload(target: &'static str, malformed: &'static str) -> Route {
    upload_by(Method::POST, target, malformed)
}

fn upload_by(method: Method, target: &'static str, malformed: &'static str) -> Route {
    Route { absent: None, ..route(method, target, malformed) }
}

fn routes() -> Vec<Route> {
    [
        routes_of_the_deletes(),
        routes_of_deletions(),
        routes_of_the_tree(),
        routes_of_pages(),
        routes_of_commands(),
        routes_of_keys(),
        routes_of_webhooks(),
        routes_of_entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Files and folders by their paths, beside the deletes.
fn routes_of_the_tree() -> Vec<Route> {
    vec![
        route(Method::POST, "/v2/files/delete?filename=/no", "/v2/files/delete?filename=no"),
        upload("/v2/files/mkdir?dirname=/new3", "/v2/files/mkdir?dirname=new"),
        route(Method::POST, "/v2/files/rename?from=/no&to=/n", "/v2/files/rename?from=/no"),
        route(Method::POST, "/v2/files/copy?from=/no&to=/n", "/v2/files/copy?from=/no"),
        route(Method::GET, "/v2/files/readdir?dirname=/no", "/v2/files/readdir?dirname=no"),
        route(Method::GET, "/v2/files/meta/tags?filename=/no", "/v2/files/meta/tags?filename=no"),
        Route {
            body: "{\"tags\":[\"a\"]}",
            ..route(
                Method::POST,
                "/v2/files/meta/tags?filename=/no",
                "/v2/files/meta/tags?filename=no",
            )
        },
    ]
}

/// Commands of the native API, after they are made.
fn routes_of_commands() -> Vec<Route> {
    let (all, one) = ("/delenda/v1/commands", "/delenda/v1/commands/no");
    vec![
        Route { absent: None, ..route(Method::GET, all, "/delenda/v1/commands?limit=0") },
        route(Method::GET, one, "/delenda/v1/commands/no?%zz"),
        Route { body: "{}", ..route(Method::PATCH, one, "/delenda/v1/commands/no?%zz") },
        route(
            Method::DELETE,
            "/delenda/v1/commands/no/outputs",
            "/delenda/v1/commands/no/outputs?x=1",
        ),
    ]
}

/// Keys, which need the scope `admin`.
fn routes_of_keys() -> Vec<Route> {
    let (all, one) = ("/delenda/v1/keys", "/delenda/v1/keys/no");
    let keeping = |route: Route| Route { lesser: "read,write,delete", ..route };
    vec![
        keeping(Route { absent: None, ..route(Method::GET, all, "/delenda/v1/keys?limit=0") }),
        keeping(Route { absent: None, ..route(Method::POST, all, "/delenda/v1/keys?%zz") }),
        keeping(route(Method::GET, one, "/delenda/v1/keys/no?%zz")),
        keeping(route(Method::DELETE, one, "/delenda/v1/keys/no?x=1")),
        keeping(route(
            Method::POST,
            "/delenda/v1/keys/no/rotate",
            "/delenda/v1/keys/no/rotate?%zz",
        )),
    ]
}

/// Webhooks, which need the scope `admin` too.
fn routes_of_webhooks() -> Vec<Route> {
    let (all, one) = ("/delenda/v1/webhooks", "/delenda/v1/webhooks/no");
    let url = "{\"url\":\"https://a.example/\"}";
    let again = "/delenda/v1/webhooks/no/messages/no/redeliver";
    let again_bent = "/delenda/v1/webhooks/no/messages/no/redeliver?x=1";
    let routes = [
        Route { absent: None, ..route(Method::GET, all, "/delenda/v1/webhooks?limit=0") },
        Route { absent: None, body: url, ..route(Method::POST, all, "/delenda/v1/webhooks?%zz") },
        route(Method::GET, one, "/delenda/v1/webhooks/no?%zz"),
        Route { body: "{}", ..route(Method::PATCH, one, "/delenda/v1/webhooks/no?%zz") },
        route(Method::DELETE, one, "/delenda/v1/webhooks/no?x=1"),
        route(Method::POST, "/delenda/v1/webhooks/no/rotate", "/delenda/v1/webhooks/no/rotate?%zz"),
        route(Method::POST, "/delenda/v1/webhooks/no/test", "/delenda/v1/webhooks/no/test?x=1"),
        route(
            Method::GET,
            "/delenda/v1/webhooks/no/messages",
            "/delenda/v1/webhooks/no/messages?state=no",
        ),
        route(
            Method::GET,
            "/delenda/v1/webhooks/no/messages/no",
            "/delenda/v1/webhooks/no/messages/no?%zz",
        ),
        route(Method::POST, again, again_bent),
    ];
    routes.into_iter().map(|route| Route { lesser: "read,write,delete", ..route }).collect()
}

/// Files by their paths and entries by their identities, in the native API.
fn routes_of_entries() -> Vec<Route> {
    let (file, bent) = ("/delenda/v1/files/no", "/delenda/v1/files/%zz");
    let (id, nothing) = ("/delenda/v1/entries/no", "/delenda/v1/entries/no?x=%zz");
    let content = "/delenda/v1/entries/no/content";
    vec![
        upload_by(Method::PUT, "/delenda/v1/files/new4", bent),
        route(Method::GET, file, bent),
        route(Method::DELETE, file, "/delenda/v1/files/no?x=1"),
        route(Method::GET, "/delenda/v1/entries?path=/no", "/delenda/v1/entries?path=no"),
        route(Method::GET, "/delenda/v1/entry?path=/no", "/delenda/v1/entry?path=no"),
        route(Method::GET, id, nothing),
        route(Method::GET, content, "/delenda/v1/entries/no/content?x=%zz"),
        Route { body: "{\"name\":\"n\"}", ..route(Method::PATCH, id, nothing) },
        route(Method::DELETE, id, "/delenda/v1/entries/no?x=1"),
        Route {
            headers: &[
                ("tus-resumable", "1.0.0"),
                ("upload-length", "5"),
                ("upload-metadata", "path L25ldzY="),
            ],
            ..upload("/delenda/v1/uploads", "/delenda/v1/uploads?%zz")
        },
        Route {
            media_type: "application/offset+octet-stream",
            headers: &[("tus-resumable", "1.0.0"), ("upload-offset", "0")],
            body: "1",
            ..route(Method::PATCH, "/delenda/v1/uploads/no", "/delenda/v1/uploads/no?%zz")
        },
        Route {
            headers: &[("tus-resumable", "1.0.0")],
            ..route(Method::DELETE, "/delenda/v1/uploads/no", "/delenda/v1/uploads/no?x=1")
        },
        Route {
            body: "{\"path\":\"/new5\"}",
            ..upload("/delenda/v1/folders", "/delenda/v1/folders?%zz")
        },
    ]
}

/// Lists, what is kept of files, accounts.
fn routes_of_pages() -> Vec<Route> {
    vec![
        route(Method::GET, "/fsos?path=/no", "/fsos?path=no"),
        route(Method::GET, "/fso-info?path=/no", "/fso-info?path=no"),
        route(Method::GET, "/api/v1/files/no", "/api/v1/files/no?x=%zz"),
        route(Method::DELETE, "/api/v1/files/no", "/api/v1/files/no?x=1"),
        Route { absent: None, ..route(Method::GET, "/api/v1/files", "/api/v1/files?limit=0") },
        Route {
            absent: None,
            ..route(Method::GET, "/api/v1/commands", "/api/v1/commands?limit=0")
        },
        Route {
            media_type: FORM,
            body: A_FORM,
            ..upload("/api/v1/files/upload", "/api/v1/files/upload?%zz")
        },
        Route { absent: None, ..route(Method::GET, "/v1/account", "/v1/account?%zz") },
        Route { absent: None, ..route(Method::GET, "/v2/account", "/v2/account?%zz") },
        Route {
            absent: None,
            ..route(Method::GET, "/v2/account/storage", "/v2/account/storage?%zz")
        },
        Route {
            absent: None,
            ..route(Method::GET, "/delenda/v1/limits", "/delenda/v1/limits?%zz")
        },
    ]
}

/// Deletions as a resource.
fn routes_of_deletions() -> Vec<Route> {
    vec![
        Route {
            absent: None,
            ..route(Method::GET, "/delenda/v1/deletions", "/delenda/v1/deletions?limit=0")
        },
        route(
            Method::GET,
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000",
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000?%zz",
        ),
        route(
            Method::GET,
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000/items",
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000/items?limit=0",
        ),
        route(
            Method::GET,
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000/events",
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000/events?%zz",
        ),
        route(
            Method::POST,
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000/cancel",
            "/delenda/v1/deletions/01890000-0000-7000-8000-000000000000/cancel?x=1",
        ),
        Route {
            lesser: "read,delete",
            absent: None,
            ..route(Method::GET, "/delenda/v1/audit", "/delenda/v1/audit?order=up")
        },
    ]
}

/// The deletes, and what they need to be tried.
fn routes_of_the_deletes() -> Vec<Route> {
    let batch = "/v2/files/batch/delete";
    vec![
        route(Method::DELETE, "/fso?path=/no", "/fso?path=no"),
        route(Method::GET, "/fso?path=/no", "/fso?path=no"),
        upload("/fso?path=/new1", "/fso?path=new"),
        route(
            Method::DELETE,
            "/api/v1/commands/01890000-0000-7000-8000-000000000000/files",
            "/api/v1/commands/01890000-0000-7000-8000-000000000000/files?x=1",
        ),
        route(
            Method::GET,
            "/api/v1/commands/01890000-0000-7000-8000-000000000000",
            "/api/v1/commands/01890000-0000-7000-8000-000000000000?x=%zz",
        ),
        route(Method::DELETE, "/api/uploads/files/no", "/api/uploads/files/no?x=1"),
        route(Method::GET, "/api/uploads/files/no", "/api/uploads/files/no?x=%zz"),
        Route {
            absent: None,
            ..route(Method::GET, "/api/uploads/files", "/api/uploads/files?limit=0")
        },
        Route {
            media_type: FORM,
            body: A_FORM,
            ..upload("/api/uploads/files", "/api/uploads/files?%zz")
        },
        Route {
            forbidden: 400,
            absent: Some(400),
            ..route(Method::DELETE, "/v1/uploads?ids=no", "/v1/uploads?dry_run=1")
        },
        Route { media_type: FORM, body: A_FORM, ..upload("/v1/upload", "/v1/upload?%zz") },
        Route { absent: None, ..route(Method::GET, "/v1/uploads", "/v1/uploads?limit=0") },
        Route { body: "{\"filenames\":[\"/no\"]}", ..upload(batch, "/v2/files/batch/delete?x=1") },
        route(Method::GET, "/v2/files/batch/delete?id=no", "/v2/files/batch/delete?id=no&id=no"),
        upload("/v2/files/upload?filename=/new2", "/v2/files/upload?filename=new"),
        route(Method::GET, "/v2/files/stat?filename=/no", "/v2/files/stat?filename=no"),
        route(Method::GET, "/v2/files/download?filename=/no", "/v2/files/download?filename=no"),
        route(Method::POST, "/v2/files/lock?filename=/no", "/v2/files/lock?filename=no"),
        route(Method::POST, "/v2/files/unlock?filename=/no", "/v2/files/unlock?filename=no"),
        Route { body: "[]", ..upload("/delenda/v1/commands", "/delenda/v1/commands?%zz") },
        Route { absent: None, ..route(Method::GET, "/delenda/v1/usage", "/delenda/v1/usage?%zz") },
        Route {
            body: "{\"paths\":[\"/no\"]}",
            ..route(Method::POST, "/delenda/v1/deletions", "/delenda/v1/deletions?x=1")
        },
        route(
            Method::PUT,
            "/delenda/v1/commands/01890000-0000-7000-8000-000000000000/outputs/a",
            "/delenda/v1/commands/01890000-0000-7000-8000-000000000000/outputs/a?%zz",
        ),
    ]
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_order_on_every_route() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    for route in routes() {
        let lesser = hostile.pass(route.lesser, "/").await;
        let nobody = Pass { key: "ffsk_no".to_owned(), token: "no".to_owned() };
        let kind = ("content-type", route.media_type);
        let huge = ("content-length", "9000000000000000000");
        let coded = [("content-length", "5"), ("content-encoding", "gzip")];
        for (pass, target, headers, status) in [
            (&nobody, route.malformed, vec![kind, huge], 401),
            (&lesser, route.malformed, vec![kind, huge], 413),
            (&lesser, route.malformed, [vec![kind], coded.to_vec()].concat(), 415),
            (&lesser, route.malformed, vec![kind], 400),
            (&lesser, route.target, vec![kind], route.forbidden),
        ] {
            let headers = headers.into_iter().filter(|(_, text)| !text.is_empty());
            let headers: Vec<_> = headers.chain(route.headers.iter().copied()).collect();
            let asked = (route.method.clone(), target);
            let answer = hostile.ask_as(pass, asked, &headers, route.body).await;
            let case = format!("{} {target} {headers:?}", route.method);
            assert_refused(&answer, status, &case);
            hostile.assert_unchanged(&before, &case).await;
        }
    }
    for route in routes() {
        let kind = Some(("content-type", route.media_type)).filter(|(_, text)| !text.is_empty());
        let headers: Vec<_> = kind.into_iter().chain(route.headers.iter().copied()).collect();
        let asked = (route.method.clone(), route.target);
        let answer = hostile.ask_as(&hostile.ours, asked, &headers, route.body).await;
        let case = format!("{} {}", route.method, route.target);
        match route.absent {
            Some(status) => assert_refused(&answer, status, &case),
            None => assert!(answer.status.is_success(), "{case}: {}", answer.text()),
        }
    }
}

#[tokio::test]
async fn a_batch_beyond_its_allowance_is_told_so_before_anything_else() {
    let hostile = Hostile::new().await;
    for _ in 0..10 {
        let asked = (Method::POST, "/v2/files/batch/delete");
        let body = "{\"filenames\":[\"/no\"]}";
        assert_eq!(hostile.ask_as(&hostile.ours, asked, &[], body).await.status, 200);
    }
    let lesser = hostile.pass("read", "/").await;
    let before = hostile.state().await;
    for (target, headers, body) in [
        ("", vec![], "{\"filenames\":[\"/a/file\"]}"),
        ("", vec![("content-length", "9000000000000")], ""),
        ("", vec![("content-type", "text/plain")], "x"),
        ("", vec![], "[]"),
        ("?%zz", vec![], "[]"),
    ] {
        for pass in [&hostile.ours, &lesser] {
            let target = format!("/v2/files/batch/delete{target}");
            let asked = (Method::POST, target.as_str());
            let answer = hostile.ask_as(pass, asked, &headers, body).await;
            assert_refused(&answer, 429, body);
            assert_eq!(answer.header("x-ratelimit-remaining"), "0");
            assert_eq!(answer.header("retry-after"), "3600");
            hostile.assert_unchanged(&before, body).await;
        }
    }
}
