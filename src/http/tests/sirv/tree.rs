//! The tree: single deletes, folders, moves, lists and tags.

use super::*;

const LOCKED: &str = r#"{"statusCode":423,"error":"Locked","message":"Locked"}"#;
const TIME: &str = "2023-11-14T22:13:20.000Z";

impl Sirv {
    async fn delete_one(&self, path: &str) -> Answer {
        self.post(&format!("/v2/files/delete?filename={path}"), "").await
    }

    async fn mkdir(&self, path: &str) -> Answer {
        self.post(&format!("/v2/files/mkdir?dirname={path}"), "").await
    }

    async fn rename(&self, from: &str, to: &str) -> Answer {
        self.post(&format!("/v2/files/rename?from={from}&to={to}"), "").await
    }

    async fn readdir(&self, query: &str) -> Answer {
        self.get(&format!("/v2/files/readdir?dirname={query}")).await
    }

    async fn tag(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = self.request(method, &format!("/v2/files/meta/tags?filename={path}"));
        let request = request.header("content-type", "application/json");
        self.app.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

#[tokio::test]
async fn one_file_or_one_empty_folder_is_deleted() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/b").await;
    let full = sirv.delete_one("/a").await;
    let expected = error(409, "Conflict", "the folder is not empty");
    assert_eq!(shown(&full), (409, expected.as_str()));
    assert_eq!(shown(&sirv.delete_one("/a/b/").await), (404, NOT_FOUND));
    assert_eq!(shown(&sirv.delete_one("/a/b").await), (200, ""));
    assert_eq!(shown(&sirv.delete_one("/a/b").await), (404, NOT_FOUND));
    assert_eq!(shown(&sirv.delete_one("/a/").await), (200, ""));
    assert!(!sirv.is_there("/a").await);
    sirv.app.drained().await;
    assert_eq!(sirv.app.stored.keys().len(), 0);
}

#[tokio::test]
async fn what_is_locked_is_not_deleted_by_itself_and_not_empty_comes_first() {
    let sirv = Sirv::new().await;
    for path in ["/held", "/full/x", "/above/x"] {
        sirv.upload(path).await;
    }
    assert_eq!(shown(&sirv.mkdir("/empty").await), (200, ""));
    for path in ["/held", "/full", "/above", "/empty"] {
        sirv.lock(path).await;
    }
    for path in ["/held", "/above/x", "/empty", "/uploads"] {
        assert_eq!(shown(&sirv.delete_one(path).await), (423, LOCKED), "{path}");
    }
    assert_eq!(sirv.delete_one("/full").await.status.as_u16(), 409);
    assert!(sirv.is_there("/held").await && sirv.is_there("/full/x").await);
}

#[tokio::test]
async fn a_single_delete_takes_one_absolute_path_and_nothing_else() {
    let sirv = Sirv::new().await;
    sirv.upload("/a").await;
    for (query, message) in [
        ("", "filename is required"),
        ("?filename=/", "'/' cannot be deleted"),
        ("?filename=a", "path must be absolute and start with '/'"),
        ("?filename=/a&filename=/a", "query parameter 'filename' is given more than once"),
        ("?filename=/a&dry_run=true", "unknown query parameter 'dry_run'"),
    ] {
        let answer = sirv.post(&format!("/v2/files/delete{query}"), "").await;
        let expected = error(400, "Bad Request", message);
        assert_eq!(shown(&answer), (400, expected.as_str()), "{query}");
    }
    let token = sirv.token_of(Scopes::parse("read,write").unwrap(), "/").await;
    let request = request_as(&token, Method::POST, "/v2/files/delete?filename=/a");
    let refused = sirv.app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status.as_u16(), 403);
    assert!(sirv.is_there("/a").await);
}

#[tokio::test]
async fn a_folder_is_made_once_with_its_parents() {
    let sirv = Sirv::new().await;
    assert_eq!(shown(&sirv.mkdir("/a/b%20c/").await), (200, ""));
    assert!(sirv.is_there("/a/b+c/").await);
    sirv.upload("/f").await;
    let expected = error(409, "Conflict", "something is at this path already");
    for path in ["/a", "/a/b+c", "/f", "/", "/commands/"] {
        assert_eq!(shown(&sirv.mkdir(path).await), (409, expected.as_str()), "{path}");
    }
    let below = sirv.mkdir("/f/x/y").await;
    let expected = error(409, "Conflict", "a file is where a folder would have to be: /f");
    assert_eq!(shown(&below), (409, expected.as_str()));
    let missing = sirv.post("/v2/files/mkdir", "").await;
    let expected = error(400, "Bad Request", "dirname is required");
    assert_eq!(shown(&missing), (400, expected.as_str()));
    // A lock keeps what is there and lets come what is new.
    sirv.lock("/a").await;
    assert_eq!(shown(&sirv.mkdir("/a/new").await), (200, ""));
}

#[tokio::test]
async fn a_file_or_a_folder_is_renamed_with_all_that_is_in_it() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/b/c").await;
    assert_eq!(shown(&sirv.rename("/a/b/c", "/n/d").await), (200, ""));
    let read = sirv.get("/v2/files/download?filename=/n/d").await;
    assert_eq!(shown(&read), (200, "bytes"));
    assert_eq!(shown(&sirv.rename("/n/", "/a/b/n/").await), (200, ""));
    assert!(sirv.is_there("/a/b/n/d").await && !sirv.is_there("/n").await);
    sirv.app.drained().await;
    assert_eq!(sirv.app.stored.keys().len(), 1);
    assert_eq!(sirv.delete(&["/a"]).await, result("[]", 0, 1, 3));
    assert_eq!(sirv.app.stored.keys().len(), 0);
}

/// A url is of a version, wherever that lies: a rename does not end it, and what comes to the old
/// name later has another url.
#[tokio::test]
async fn a_signed_url_follows_its_file_through_renames_and_ends_with_it() {
    let sirv = Sirv::new().await;
    let url_of = async |file: &str| {
        let target = format!("/api/uploads/files/{file}");
        let shown = sirv.app.bearer(Method::GET, &target).await.json();
        let url = shown["url"].as_str().unwrap().strip_prefix("https://files.test").unwrap();
        url.to_owned()
    };
    let fetch = async |url: &str| sirv.app.call(Method::GET, url, &[], "").await.status.as_u16();
    let file = sirv.app.upload_to("/f/in/a.png").await;
    let url = url_of(&file).await;
    assert_eq!(shown(&sirv.rename("/f/in/a.png", "/f/in/b.png").await), (200, ""));
    assert_eq!(shown(&sirv.rename("/f/in", "/g").await), (200, ""));
    assert_eq!((fetch(&url).await, url_of(&file).await), (200, url.clone()));
    let newer = url_of(&sirv.app.upload_to("/f/in/a.png").await).await;
    assert_ne!(newer, url);
    assert_eq!(sirv.delete(&["/f"]).await, result("[]", 0, 1, 2));
    assert_eq!((fetch(&newer).await, fetch(&url).await), (404, 200));
    assert_eq!(sirv.delete(&["/g"]).await, result("[]", 0, 1, 1));
    assert_eq!(fetch(&url).await, 404);
}

#[tokio::test]
async fn an_output_that_was_moved_goes_with_its_command_also_where_it_was_stored_again() {
    let sirv = Sirv::new().await;
    let made = sirv.app.bearer(Method::POST, "/delenda/v1/commands").await.json();
    let command = made["command_id"].as_str().unwrap();
    let store = async || {
        let target = format!("/delenda/v1/commands/{command}/outputs/out");
        let bearer = format!("Bearer {}", sirv.app.key);
        let headers = [("authorization", bearer.as_str())];
        sirv.app.call(Method::PUT, &target, &headers, "bytes").await.status.as_u16()
    };
    assert_eq!(store().await, 201);
    let path = format!("/commands/{}/{command}-out", &TIME[..10]);
    assert_eq!(shown(&sirv.rename(&path, "/kept/out").await), (200, ""));
    assert_eq!(store().await, 201);
    assert!(sirv.is_there(&path).await && sirv.is_there("/kept/out").await);
    let target = format!("/api/v1/commands/{command}/files");
    let headers = [("x-api-key", sirv.app.key.as_str())];
    let deleted = sirv.app.call(Method::DELETE, &target, &headers, "").await;
    assert_eq!(deleted.both(), (200, "{\"deleted\":true,\"files_deleted\":2}"));
    assert!(!sirv.is_there(&path).await && !sirv.is_there("/kept/out").await);
    assert_eq!(sirv.app.stored.keys().len(), 0);
}

#[tokio::test]
async fn what_forbids_a_rename_changes_nothing() {
    let sirv = Sirv::new().await;
    for path in ["/a/x", "/b", "/held/in/x"] {
        sirv.upload(path).await;
    }
    sirv.lock("/held/in").await;
    let exists = error(409, "Conflict", "something is at this path already");
    let bad = |message: &str| error(400, "Bad Request", message);
    for (query, status, body) in [
        ("from=/gone&to=/n", 404, NOT_FOUND.to_owned()),
        ("from=/b/&to=/n", 404, NOT_FOUND.to_owned()),
        ("from=/b&to=/b", 409, exists.clone()),
        ("from=/b&to=/a", 409, exists.clone()),
        ("from=/a&to=/", 409, exists.clone()),
        // What exists comes before what is locked.
        ("from=/held/in/x&to=/b", 409, exists),
        ("from=/held/in/x&to=/n", 423, LOCKED.to_owned()),
        ("from=/held/in&to=/n", 423, LOCKED.to_owned()),
        ("from=/held&to=/n", 423, LOCKED.to_owned()),
        ("from=/b&to=/held/in/b", 423, LOCKED.to_owned()),
        ("from=/uploads&to=/n", 423, LOCKED.to_owned()),
        ("from=/a&to=/a/n", 400, bad("a folder cannot be moved into itself")),
        ("from=/b&to=/n/", 400, bad("the path names a folder")),
        ("from=/&to=/n", 400, bad("'/' cannot be renamed")),
        ("from=/a", 400, bad("to is required")),
        ("to=/a", 400, bad("from is required")),
        ("from=/a&to=n", 400, bad("path must be absolute and start with '/'")),
    ] {
        let answer = sirv.post(&format!("/v2/files/rename?{query}"), "").await;
        assert_eq!(shown(&answer), (status, body.as_str()), "{query}");
    }
    let long = format!("/{}/{}", vec!["n".repeat(250); 4].join("/"), "m".repeat(18));
    let answer = sirv.rename("/a", &long).await;
    let expected = bad("the path of something in it would be too long");
    assert_eq!(shown(&answer), (400, expected.as_str()));
    for path in ["/a/x", "/b", "/held/in/x"] {
        assert!(sirv.is_there(path).await, "{path}");
    }
    assert!(!sirv.is_there("/n").await);
}

#[tokio::test]
async fn a_key_with_a_prefix_arranges_what_lies_beneath_it_only() {
    let sirv = Sirv::new().await;
    for path in ["/a/x", "/b/y"] {
        sirv.upload(path).await;
    }
    let narrow = Sirv { token: sirv.token_of(Scopes::all(), "/a").await, ..sirv };
    let forbidden = error(403, "Forbidden", "The path lies outside of the API key's prefix");
    for target in ["mkdir?dirname=/b/new", "rename?from=/a/x&to=/b/x", "rename?from=/a/x&to=/b/y"] {
        let answer = narrow.post(&format!("/v2/files/{target}"), "").await;
        assert_eq!(shown(&answer), (403, forbidden.as_str()), "{target}");
    }
    for target in ["rename?from=/b/y&to=/a/y", "delete?filename=/b/y", "delete?filename=/b"] {
        let answer = narrow.post(&format!("/v2/files/{target}"), "").await;
        assert_eq!(shown(&answer), (404, NOT_FOUND), "{target}");
    }
    for query in ["/b", "/"] {
        assert_eq!(shown(&narrow.readdir(query).await), (404, NOT_FOUND));
    }
    let tags = narrow.tag(Method::POST, "/b/y", r#"{"tags":["a"]}"#).await;
    assert_eq!(shown(&tags), (404, NOT_FOUND));
    assert_eq!(shown(&narrow.rename("/a/x", "/a/b/x").await), (200, ""));
}

#[tokio::test]
async fn a_folder_lists_its_children_by_their_names() {
    let sirv = Sirv::new().await;
    for path in ["/d/b.png", "/d/a/deep/x", "/d/c"] {
        sirv.upload(path).await;
    }
    let expected = format!(
        concat!(
            r#"{{"contents":[{{"filename":"a","mtime":"{0}","size":0,"isDirectory":true,"meta":{{}}}},"#,
            r#"{{"filename":"b.png","mtime":"{0}","contentType":"image/png","size":5,"isDirectory":false,"meta":{{}}}},"#,
            r#"{{"filename":"c","mtime":"{0}","contentType":"application/octet-stream","size":5,"isDirectory":false,"meta":{{}}}}]}}"#
        ),
        TIME
    );
    for query in ["/d", "/d/", "/d&continuation="] {
        assert_eq!(shown(&sirv.readdir(query).await), (200, expected.as_str()), "{query}");
    }
    for query in ["/gone", "/d/c", "/d/c/"] {
        assert_eq!(shown(&sirv.readdir(query).await), (404, NOT_FOUND), "{query}");
    }
    assert_eq!(shown(&sirv.mkdir("/e").await), (200, ""));
    assert_eq!(shown(&sirv.readdir("/e").await), (200, r#"{"contents":[]}"#));
}

#[tokio::test]
async fn a_list_has_a_hundred_entries_a_page_and_its_continuation_is_the_folders_own() {
    let sirv = Sirv::new().await;
    for number in 0..101 {
        assert_eq!(shown(&sirv.mkdir(&format!("/d/{number:03}")).await), (200, ""));
    }
    let first = sirv.readdir("/d").await.json();
    assert_eq!(first["contents"].as_array().unwrap().len(), 100);
    let continuation = first["continuation"].as_str().unwrap().to_owned();
    let second = sirv.readdir(&format!("/d&continuation={continuation}")).await.json();
    assert_eq!(second["contents"][0]["filename"], "100");
    assert_eq!(
        (second["contents"].as_array().unwrap().len(), second.get("continuation")),
        (1, None)
    );
    // A hundred fill a page that is the last.
    assert_eq!(shown(&sirv.delete_one("/d/050").await), (200, ""));
    assert_eq!(sirv.readdir("/d").await.json().get("continuation"), None);
    let foreign = sirv.app.theirs.id;
    let foreign = sirv.token_for(&sirv.key_of(foreign, Scopes::all(), "/").await).await;
    let other = error(400, "Bad Request", "the continuation is not one of this folder");
    let target = format!("/v2/files/readdir?dirname=/&continuation={continuation}");
    let answer = sirv.get(&target).await;
    assert_eq!(shown(&answer), (400, other.as_str()));
    let request = request_as(&foreign, Method::GET, &target).body(Body::empty()).unwrap();
    assert_eq!(shown(&sirv.app.send(request).await), (400, other.as_str()));
    let malformed = error(400, "Bad Request", "the continuation is malformed");
    for text in ["x", "2", &continuation[1..]] {
        let answer = sirv.readdir(&format!("/d&continuation={text}")).await;
        assert_eq!(shown(&answer), (400, malformed.as_str()), "{text}");
    }
}

#[tokio::test]
async fn tags_of_a_file_come_and_go() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/x").await;
    let tags = async || {
        let answer = sirv.get("/v2/files/meta/tags?filename=/a/x").await;
        assert_eq!(answer.status.as_u16(), 200);
        answer.text().to_owned()
    };
    assert_eq!(tags().await, r#"{"tags":[]}"#);
    let added = sirv.tag(Method::POST, "/a/x", r#"{"tags":["b"," a ","b",""]}"#).await;
    assert_eq!(shown(&added), (200, ""));
    let added = sirv.tag(Method::POST, "/a/x", r#"{"tags":["c"]}"#).await;
    assert_eq!((shown(&added), tags().await.as_str()), ((200, ""), r#"{"tags":["b","a","c"]}"#));
    let removed = sirv.tag(Method::DELETE, "/a/x", r#"{"tags":["a","gone"]}"#).await;
    assert_eq!((shown(&removed), tags().await.as_str()), ((200, ""), r#"{"tags":["b","c"]}"#));
    // Overwriting keeps them.
    sirv.upload("/a/x").await;
    assert_eq!(tags().await, r#"{"tags":["b","c"]}"#);
}

#[tokio::test]
async fn what_is_no_list_of_tags_changes_none() {
    let sirv = Sirv::new().await;
    sirv.upload("/a/x").await;
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let bodies =
        ["", "[]", "{}", r#"{"tags":"a"}"#, r#"{"tags":["a"],"all":true}"#, r#"{"tags":[1]}"#];
    let many = json!({ "tags": many }).to_string();
    for body in bodies.into_iter().chain([many.as_str()]) {
        for method in [Method::POST, Method::DELETE] {
            let answer = sirv.tag(method, "/a/x", body).await;
            assert_eq!(answer.status.as_u16(), 400, "{body}");
        }
    }
    let folder = error(400, "Bad Request", "the path names a folder");
    let body = r#"{"tags":["a"]}"#;
    for method in [Method::POST, Method::DELETE, Method::GET] {
        assert_eq!(shown(&sirv.tag(method.clone(), "/a", body).await), (400, folder.as_str()));
        for path in ["/gone", "/a/x/"] {
            let missing = sirv.tag(method.clone(), path, body).await;
            assert_eq!(shown(&missing), (404, NOT_FOUND), "{method} {path}");
        }
    }
    let unknown = sirv.tag(Method::DELETE, "/a/x&all=true", body).await;
    assert_eq!(unknown.status.as_u16(), 400);
    let token = sirv.token_of(Scopes::parse("read,delete").unwrap(), "/").await;
    let target = "/v2/files/meta/tags?filename=/a/x";
    for method in [Method::POST, Method::DELETE] {
        let request = request_as(&token, method, target).body(Body::from(body)).unwrap();
        assert_eq!(sirv.app.send(request).await.status.as_u16(), 403);
    }
    let read = sirv.get(target).await;
    assert_eq!(shown(&read), (200, r#"{"tags":[]}"#));
}
