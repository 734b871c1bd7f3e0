//! Two organizations on one server: what belongs to the other looks exactly like what never was,
//! and nothing that one does changes the other (I7).

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::{Proof, answer};
use crate::harness::doors::encoded;
use crate::harness::server::verify;
use crate::harness::{Answer, Client, Server};

const CONTENT: Bytes = Bytes::from_static(b"content");
/// Deletions as a resource, and the trail of them.
const DELETIONS: &str = "/delenda/v1/deletions";
const AUDIT: &str = "/delenda/v1/audit";
const WEBHOOKS: &str = "/delenda/v1/webhooks";
/// Headers that differ between any two answers, whoever asks.
const VOLATILE: [&str; 7] = [
    "date",
    "x-request-id",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-global-ratelimit-remaining",
    "x-global-ratelimit-reset",
    "retry-after",
];

/// Names of one of each kind of thing, all of the same length in each set.
struct Names {
    file: String,
    /// An upload that is deleted, and remembered.
    remembered: String,
    path: String,
    folder: String,
    command: String,
    job: String,
    deletion: String,
    organization: String,
    key: String,
    webhook: String,
    message: String,
}

impl Names {
    /// Well-formed names of things that never were.
    fn absent() -> Self {
        let id = |digit: char| format!("019a0000-0000-7000-8000-00000000000{digit}");
        Self {
            file: id('1'),
            remembered: id('6'),
            path: "/absent/file.txt".to_owned(),
            folder: "/absent".to_owned(),
            command: id('2'),
            job: id('3').replace('-', ""),
            deletion: id('4'),
            organization: id('5'),
            key: id('7'),
            webhook: id('8'),
            message: id('9'),
        }
    }

    /// Names of things in an organization that all exist.
    async fn made(client: &Client, organization: &str) -> Self {
        let file = client.swiftia_put("file", None, CONTENT).await.unwrap().expect(201).json();
        let remembered = client.renderio_put("file", CONTENT).await.unwrap();
        client.renderio_delete_file(&remembered).await.unwrap().expect(200);
        client.merple_put("/secret/file.txt", CONTENT).await.unwrap().expect(201);
        let command = client.command_create().await.unwrap().expect(201).json();
        let command = command["command_id"].as_str().unwrap().to_owned();
        client.command_output(&command, "out", CONTENT).await.unwrap().expect(201);
        let job = client.sirv_delete(&["/nothing"]).await.unwrap().expect(200).json();
        let job = job["id"].as_str().unwrap().to_owned();
        let (webhook, message) = hook(client).await;
        let deletion = [&job[..8], &job[8..12], &job[12..16], &job[16..20], &job[20..]].join("-");
        Self {
            file: file["id"].as_str().unwrap().to_owned(),
            remembered,
            path: "/secret/file.txt".to_owned(),
            folder: "/secret".to_owned(),
            command,
            job,
            deletion,
            organization: organization.to_owned(),
            key: client.key_id.clone(),
            webhook,
            message,
        }
    }

    /// An answer's text with these names taken out.
    fn without(&self, text: &str) -> String {
        let Self { file, remembered, path, folder, command, job, deletion, organization, .. } =
            self;
        [path, folder, file, remembered, command, job, deletion, organization]
            .into_iter()
            .chain([&self.key, &self.webhook, &self.message])
            .fold(text.to_owned(), |text, name| {
                text.replace(name, "NAME").replace(&encoded(name), "NAME")
            })
    }
}

/// A webhook that is switched off, with a message.
async fn hook(client: &Client) -> (String, String) {
    let body = json!({ "url": "https://receiver.invalid/" });
    let post = async |target: &str, body: &Value| {
        client.send_json(Method::POST, target, Proof::Bearer, body).await.unwrap()
    };
    let id = |answer: Answer| answer.json()["id"].as_str().unwrap().to_owned();
    let webhook = id(post(WEBHOOKS, &body).await.expect(201));
    let one = format!("{WEBHOOKS}/{webhook}");
    let message = id(post(&format!("{one}/test"), &json!({})).await.expect(202));
    let off = json!({ "enabled": false });
    let off = client.send_json(Method::PATCH, &one, Proof::Bearer, &off).await.unwrap();
    off.expect(200);
    (webhook, message)
}

/// Webhooks, read.
fn webhooks(names: &Names) -> Vec<Probe> {
    let Names { webhook, message, organization, .. } = names;
    let get = |target: String| probe("GET", Proof::Bearer, format!("{WEBHOOKS}{target}"));
    vec![
        get(format!("?organization={organization}")),
        get(format!("/{webhook}")),
        get(format!("/{webhook}/messages")),
        get(format!("/{webhook}/messages/{message}")),
    ]
}

/// Webhooks, changed.
fn changes_of_webhooks(names: &Names) -> Vec<Probe> {
    let Names { webhook, message, organization, .. } = names;
    let post = |target: String| probe("POST", Proof::Bearer, format!("{WEBHOOKS}/{target}"));
    let one = format!("{WEBHOOKS}/{webhook}");
    let mine = json!({ "url": "https://mine.invalid/" });
    vec![
        probe_with("PATCH", Proof::Bearer, &one, mine.clone()),
        post(format!("{webhook}/rotate")),
        post(format!("{webhook}/test")),
        post(format!("{webhook}/messages/{message}/redeliver")),
        probe_with("POST", Proof::Bearer, format!("{WEBHOOKS}?organization={organization}"), mine),
        probe("DELETE", Proof::Bearer, &one),
    ]
}

/// One request, written for any set of names.
struct Probe {
    method: Method,
    target: String,
    proof: Proof,
    body: Option<Value>,
}

fn probe(method: &str, proof: Proof, target: impl Into<String>) -> Probe {
    let method = method.parse().unwrap();
    Probe { method, target: target.into(), proof, body: None }
}

fn probe_with(method: &str, proof: Proof, target: impl Into<String>, body: Value) -> Probe {
    Probe { body: Some(body), ..probe(method, proof, target) }
}

/// Reads, through every route that takes a name.
fn reads(names: &Names) -> Vec<Probe> {
    let Names { file, remembered, path, folder, command, job, deletion, organization, key, .. } =
        names;
    let by_path = format!("/delenda/v1/files{path}");
    let (path, folder) = (encoded(path), encoded(folder));
    vec![
        probe("GET", Proof::Bearer, by_path),
        probe("GET", Proof::Bearer, format!("/delenda/v1/entries/{file}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/entries/{file}/content")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/entries?path={folder}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/entry?path={folder}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/entries?path={folder}&recursive=true")),
        probe("GET", Proof::Renderio, format!("/api/v1/commands/{command}")),
        probe("GET", Proof::Renderio, format!("/api/v1/files/{file}")),
        probe("GET", Proof::Renderio, format!("/api/v1/files/{remembered}")),
        probe("GET", Proof::Bearer, format!("/api/uploads/files/{file}")),
        probe(
            "GET",
            Proof::Bearer,
            format!("/api/uploads/files/{file}?organizationId={organization}"),
        ),
        probe("GET", Proof::Bearer, format!("/api/uploads/files?organizationId={organization}")),
        probe("GET", Proof::Merple, format!("/fso?path={path}")),
        probe("GET", Proof::Merple, format!("/fso?path={folder}")),
        probe("GET", Proof::Merple, format!("/fso-info?path={path}")),
        probe("GET", Proof::Merple, format!("/fso-info?path={folder}&depth=9")),
        probe("GET", Proof::Merple, format!("/fsos?path={path}")),
        probe("GET", Proof::Merple, format!("/fsos?path={folder}&path={path}")),
        probe("GET", Proof::Sirv, format!("/v2/files/stat?filename={path}")),
        probe("GET", Proof::Sirv, format!("/v2/files/stat?filename={folder}")),
        probe("GET", Proof::Sirv, format!("/v2/files/download?filename={path}")),
        probe("GET", Proof::Sirv, format!("/v2/files/readdir?dirname={folder}")),
        probe("GET", Proof::Sirv, format!("/v2/files/meta/tags?filename={path}")),
        probe("GET", Proof::Sirv, format!("/v2/files/batch/delete?id={job}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/usage?organization={organization}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/limits?organization={organization}")),
        probe("GET", Proof::Bearer, format!("{DELETIONS}?organization={organization}")),
        probe("GET", Proof::Bearer, format!("{AUDIT}?organization={organization}")),
        probe("GET", Proof::Bearer, format!("{DELETIONS}/{deletion}")),
        probe("GET", Proof::Bearer, format!("{DELETIONS}/{deletion}/items")),
        probe("GET", Proof::Bearer, format!("{DELETIONS}/{deletion}/events")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/commands/{command}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/commands?organization={organization}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/keys/{key}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/keys?organization={organization}")),
    ]
}

/// Deletions as a resource: asked for, and cancelled.
fn deletions(names: &Names) -> Vec<Probe> {
    let Names { file, remembered, path, folder, command, deletion, organization, .. } = names;
    let asked = |body| probe_with("POST", Proof::Bearer, DELETIONS, body);
    vec![
        asked(json!({ "ids": [file, remembered] })),
        asked(json!({ "ids": [file], "dry_run": true })),
        asked(json!({ "commands": [command] })),
        asked(json!({ "paths": [path, folder] })),
        asked(json!({ "ids": [{ "id": file, "if_match": format!("\"{file}\"") }] })),
        // What is missing beside them refuses all, so that no answer names a fresh deletion.
        asked(json!({ "ids": [file], "matching": [{ "prefix": folder }, { "larger_than": 0 }] })),
        probe_with(
            "POST",
            Proof::Bearer,
            format!("{DELETIONS}?organization={organization}"),
            json!({ "ids": [file] }),
        ),
        probe("POST", Proof::Bearer, format!("{DELETIONS}/{deletion}/cancel")),
    ]
}

/// Changes, and routes that a later version may have, through every way that takes a name.
fn changes(names: &Names) -> Vec<Probe> {
    let Names { file, remembered, path, folder, command, organization, key, .. } = names;
    let paths = json!({ "filenames": [path, folder] });
    let (path, folder) = (encoded(path), encoded(folder));
    let moved = format!("from={path}&to=%2Fmoved");
    let tags = || json!({ "tags": ["mine"] });
    let ended = || json!({ "status": "FAILED" });
    let mut all = vec![
        probe("DELETE", Proof::Renderio, format!("/api/v1/commands/{command}/files")),
        probe("DELETE", Proof::Renderio, format!("/api/v1/files/{file}")),
        probe("DELETE", Proof::Renderio, format!("/api/v1/files/{remembered}")),
        probe("GET", Proof::Bearer, format!("/api/uploads/files/{remembered}")),
        probe("DELETE", Proof::Bearer, format!("/v1/uploads?ids={remembered}")),
        probe("DELETE", Proof::Bearer, format!("/api/uploads/files/{file}")),
        probe(
            "DELETE",
            Proof::Bearer,
            format!("/api/uploads/files/{file}?organizationId={organization}"),
        ),
        probe("DELETE", Proof::Bearer, format!("/v1/uploads?ids={file}")),
        probe("DELETE", Proof::Bearer, format!("/v1/uploads?ids%5B0%5D={file}")),
        probe("DELETE", Proof::Bearer, format!("/v1/upload/{file}")),
        probe("DELETE", Proof::Merple, format!("/fso?path={path}")),
        probe("DELETE", Proof::Merple, format!("/fso?path={folder}")),
        probe("DELETE", Proof::Merple, format!("/fso?path={folder}%2F")),
        probe("GET", Proof::Merple, format!("/fsos?path={path}&path=%2F")),
        probe("POST", Proof::Sirv, format!("/v2/files/lock?filename={path}")),
        probe("POST", Proof::Sirv, format!("/v2/files/unlock?filename={folder}")),
        probe("POST", Proof::Sirv, format!("/v2/files/delete?filename={path}")),
        probe("POST", Proof::Sirv, format!("/v2/files/copy?{moved}")),
        probe("POST", Proof::Sirv, format!("/v2/files/copy?from={folder}&to=%2Fmoved")),
        probe("POST", Proof::Sirv, format!("/v2/files/rename?{moved}")),
        probe("POST", Proof::Sirv, format!("/v2/files/delete?filename={folder}")),
        probe("POST", Proof::Sirv, format!("/v2/files/rename?from={folder}&to=%2Fmoved")),
        probe("POST", Proof::Sirv, format!("/v2/files/rename?from={folder}%2F&to={folder}%2Fin")),
        probe_with("POST", Proof::Sirv, format!("/v2/files/meta/tags?filename={path}"), tags()),
        probe_with("DELETE", Proof::Sirv, format!("/v2/files/meta/tags?filename={path}"), tags()),
        probe_with("POST", Proof::Sirv, "/v2/files/batch/delete", paths),
        probe("PUT", Proof::Bearer, format!("/delenda/v1/commands/{command}/outputs/new")),
        probe_with("PATCH", Proof::Bearer, format!("/delenda/v1/commands/{command}"), ended()),
        probe("DELETE", Proof::Bearer, format!("/delenda/v1/commands/{command}/outputs")),
        probe("POST", Proof::Bearer, format!("/delenda/v1/keys?organization={organization}")),
        probe("POST", Proof::Bearer, format!("/delenda/v1/keys/{key}/rotate")),
        probe("DELETE", Proof::Bearer, format!("/delenda/v1/keys/{key}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/organizations/{organization}")),
        probe("GET", Proof::Bearer, format!("/delenda/v1/organizations/{organization}/usage")),
        probe_with(
            "PATCH",
            Proof::Bearer,
            format!("/delenda/v1/organizations/{organization}"),
            json!({ "disabled": true }),
        ),
        probe("GET", Proof::Bearer, format!("/delenda/v1/organizations/{organization}/removal")),
        probe(
            "DELETE",
            Proof::Bearer,
            format!("/delenda/v1/organizations/{organization}?confirm=1&locked=remove"),
        ),
    ];
    all.extend(entry_changes(names));
    all
}

/// Changes of entries, through the native API.
fn entry_changes(names: &Names) -> Vec<Probe> {
    let Names { file, path, folder, .. } = names;
    let (by_path, by_folder) =
        (format!("/delenda/v1/files{path}"), format!("/delenda/v1/files{folder}"));
    vec![
        probe("DELETE", Proof::Bearer, format!("/delenda/v1/entries/{file}")),
        probe_with(
            "POST",
            Proof::Bearer,
            format!("/delenda/v1/entries/{file}/copies"),
            json!({ "path": "/copied" }),
        ),
        probe_with(
            "PATCH",
            Proof::Bearer,
            format!("/delenda/v1/entries/{file}"),
            json!({ "path": "/moved", "tags": { "add": ["mine"] }, "locked": true }),
        ),
        probe("DELETE", Proof::Bearer, by_path),
        probe("DELETE", Proof::Bearer, by_folder.clone()),
        probe("DELETE", Proof::Bearer, format!("{by_folder}?recursive=true")),
    ]
}

/// Reads that take no name, and tell of the caller's own things alone.
const OWN: [(Proof, &str); 15] = [
    (Proof::Renderio, "/api/v1/commands"),
    (Proof::Renderio, "/api/v1/files"),
    (Proof::Bearer, "/api/uploads/files"),
    (Proof::Bearer, "/v1/uploads"),
    (Proof::Bearer, "/v1/account"),
    (Proof::Merple, "/fso-info?path=%2F&depth=9"),
    (Proof::Sirv, "/v2/files/readdir?dirname=%2F"),
    (Proof::Sirv, "/v2/account"),
    (Proof::Sirv, "/v2/account/storage"),
    (Proof::Sirv, "/v2/account/limits"),
    (Proof::Bearer, DELETIONS),
    (Proof::Bearer, AUDIT),
    (Proof::Bearer, "/delenda/v1/commands"),
    (Proof::Bearer, "/delenda/v1/keys"),
    (Proof::Bearer, WEBHOOKS),
];
/// Calls that make something new, which is nobody's until then.
const MAKING: [(&str, &str); 7] = [
    ("post", "/api/v1/files/upload"),
    ("post", "/api/uploads/files"),
    ("post", "/v1/upload"),
    ("post", "/fso"),
    ("post", "/v2/token"),
    ("post", "/v2/files/upload"),
    ("post", "/v2/files/mkdir"),
];

/// The calls that a dialect's document has and this version serves, as method and path.
fn documented(dialect: &str) -> Vec<(String, String)> {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(format!("{root}/docs/dialects/{dialect}/openapi.json"));
    let document: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let calls = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, call)| (method, path, call))
    });
    let served = calls.filter(|(_, _, call)| {
        let answers = call["responses"].as_object();
        answers.is_some_and(|answers| answers.keys().any(|status| status.starts_with('2')))
    });
    served.map(|(method, path, _)| (method.clone(), path.clone())).collect()
}

/// Whether a target is one of this path, in which names stand in braces.
fn is_of(target: &str, path: &str) -> bool {
    let parts = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (asked, known) = (parts(target.split('?').next().unwrap()), parts(path));
    let alike = |(asked, known): (&String, &String)| known.starts_with('{') || asked == known;
    asked.len() == known.len() && asked.iter().zip(&known).all(alike)
}

#[test]
fn every_call_of_a_dialect_that_takes_a_name_is_probed() {
    let names = Names::absent();
    let probes: Vec<Probe> = reads(&names).into_iter().chain(changes(&names)).collect();
    for dialect in ["renderio", "swiftia", "templated", "merple", "sirv"] {
        let calls = documented(dialect);
        assert!(!calls.is_empty(), "{dialect} has no calls");
        for (method, path) in calls {
            let is_probed = probes.iter().any(|probe| {
                probe.method.as_str().eq_ignore_ascii_case(&method) && is_of(&probe.target, &path)
            });
            let is_own = method == "get" && OWN.iter().any(|(_, target)| is_of(target, &path));
            let is_making = MAKING.contains(&(method.as_str(), path.as_str()));
            assert!(is_probed || is_own || is_making, "{method} {path} is not probed");
        }
    }
}

async fn ask(client: &Client, probe: &Probe) -> Answer {
    let Probe { method, target, proof, body } = probe;
    let answer = match body {
        Some(body) => client.send_json(method.clone(), target, *proof, body).await,
        None => client.send(method.clone(), target, *proof).await,
    };
    answer.unwrap()
}

/// All of an answer that could tell something: status, headers, body.
fn visible(answer: &Answer, names: &Names) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), names.without(value.to_str().unwrap())))
        .collect();
    headers.sort();
    (answer.status, headers, names.without(&answer.text()))
}

/// Everything that an organization can see of itself.
async fn state_of(client: &Client) -> Value {
    let files = client.swiftia_all().await.unwrap();
    let files = files.iter().map(|file| {
        json!([file["id"], file["name"], file["size"], file["tags"], file["createdAt"]])
    });
    let files: Vec<Value> = files.collect();
    let keys = client.send(Method::GET, "/delenda/v1/keys", Proof::Bearer).await.unwrap();
    let hooks = client.send(Method::GET, WEBHOOKS, Proof::Bearer).await.unwrap();
    let commands = client.send(Method::GET, "/api/v1/commands", Proof::Renderio).await.unwrap();
    let commands = commands.expect(200).json()["commands"].take();
    let statuses = commands.as_array().unwrap().iter().map(|command| command["status"].clone());
    let statuses: Vec<Value> = statuses.collect();
    let left = client.limits().await.unwrap().expect(200).json()["left"].take();
    json!({
        "storage": client.sirv_account("/storage").await.unwrap().expect(200).json(),
        "space_left": left["storage"],
        "batches_left": left["batch_deletions"],
        "usage": client.usage().await.unwrap().expect(200).json(),
        "files": files,
        "keys": keys.expect(200).json(),
        "commands": statuses,
        "webhooks": hooks.expect(200).json(),
        "folder": client.sirv_stat("/secret").await.unwrap().expect(200).json(),
        "children": client.sirv_readdir("/secret").await.unwrap().expect(200).json(),
        "top": client.sirv_readdir("/").await.unwrap().expect(200).json(),
        "secret": client.merple_get("/secret/file.txt").await.unwrap().expect(200).text(),
    })
}

#[tokio::test]
async fn what_is_foreign_looks_like_what_never_was_on_every_route() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let strict = "strict_isolation = true\nbatch_deletions_per_hour = 1000000\n\
                  [plans.default]\nquota_bytes = 1000000\nquota_files = 1000\n";
    let server = Server::start_configured(&data, strict);
    let (own, other) = (server.member("own"), server.member("other"));
    let (foreign, absent) =
        (Names::made(&other.client, &other.organization).await, Names::absent());
    other.client.settled_usage().await;
    let before = state_of(&other.client).await;
    for sets in [reads, changes, deletions, webhooks, changes_of_webhooks] {
        for (theirs, none) in sets(&foreign).iter().zip(&sets(&absent)) {
            let (theirs_seen, none_seen) =
                (ask(&own.client, theirs).await, ask(&own.client, none).await);
            let what = format!("{} {}", theirs.method, theirs.target);
            assert!(theirs_seen.status < 500 || theirs_seen.status == 501, "{what}");
            if let (Some(theirs_job), Some(none_job)) = (job_of(&theirs_seen), job_of(&none_seen)) {
                let theirs = own.client.sirv_result(&theirs_job).await;
                let none = own.client.sirv_result(&none_job).await;
                assert_eq!(theirs, none, "{what}");
                assert_eq!(none["notfound"], 2);
                continue;
            }
            assert_eq!(visible(&theirs_seen, &foreign), visible(&none_seen, &absent), "{what}");
            assert!(theirs_seen.status >= 400, "{what} gave {}", theirs_seen.status);
        }
    }
    for (proof, target) in OWN {
        let seen = ask(&own.client, &probe("GET", proof, target)).await;
        let told = foreign.without(&seen.text());
        assert_eq!((seen.status, told), (200, seen.text()), "{target}");
        assert!(!seen.text().contains("file.txt"), "{target}");
    }
    // What the other has at a path is in nobody's way: neither a folder nor a file of one's own.
    own.client.sirv_mkdir("/secret").await.unwrap().expect(200);
    own.client.merple_put("/moving", "mine".into()).await.unwrap().expect(201);
    own.client.sirv_rename("/moving", "/secret/file.txt").await.unwrap().expect(200);
    own.client.sirv_delete_one("/secret/file.txt").await.unwrap().expect(200);
    own.client.sirv_delete_one("/secret").await.unwrap().expect(200);
    own.client.merple_put("/secret/file.txt", "mine".into()).await.unwrap().expect(201);
    own.client.merple_delete("/secret").await.unwrap().expect(200);
    assert_eq!(state_of(&other.client).await, before);
    // The same requests do work for whoever owns the names: the probes are well formed.
    for read in reads(&foreign).into_iter().chain(webhooks(&foreign)) {
        let answer = ask(&other.client, &read).await;
        let folder_as_file = read.target == "/fso?path=%2Fsecret";
        let expected = if folder_as_file { 400 } else { 200 };
        assert_eq!(answer.status, expected, "{}: {}", read.target, answer.text());
    }
    server.terminate();
}

/// Files at the same paths, with the same tags, in each of two organizations.
async fn alike(client: &Client) -> String {
    let mut id = String::new();
    for path in ["/t/one.png", "/t/sub/two.png", "/other/three.txt"] {
        let target = format!("/delenda/v1/files{path}");
        let request = client.request(Method::PUT, &target, Proof::Bearer).await.unwrap();
        let made = answer(request.body(CONTENT)).await.unwrap();
        assert!([200, 201].contains(&made.status), "{}", made.text());
        let made = made.json();
        made["id"].as_str().unwrap().clone_into(&mut id);
        let tags = json!({ "tags": { "add": ["red"] } });
        let target = format!("/delenda/v1/entries/{id}");
        client.send_json(Method::PATCH, &target, Proof::Bearer, &tags).await.unwrap().expect(200);
    }
    id
}

/// Everything that lives in an organization, with all that is told of it.
async fn whole(client: &Client) -> Value {
    let page = "/delenda/v1/entries?path=/&recursive=true";
    let entries = client.send(Method::GET, page, Proof::Bearer).await.unwrap().expect(200).json();
    let deletions = client.send(Method::GET, DELETIONS, Proof::Bearer).await.unwrap();
    let audit = client.send(Method::GET, AUDIT, Proof::Bearer).await.unwrap();
    json!([
        entries,
        deletions.expect(200).json(),
        audit.expect(200).json(),
        client.usage().await.unwrap().expect(200).json(),
    ])
}

/// What is accepted takes one's own alone, though the other has the same names and tags; and what
/// came of it is to the other as if it had never been.
#[tokio::test]
async fn an_accepted_filter_ends_at_the_organization() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let (own, other) = (server.member("own"), server.member("other"));
    alike(&other.client).await;
    let before = whole(&other.client).await;
    let filters = [
        json!({ "prefix": "/t" }),
        json!({ "tags": ["red"] }),
        json!({ "media_type": "image/*" }),
        json!({ "larger_than": 0 }),
        json!({ "older_than": "1s", "smaller_than": 1000 }),
    ];
    let narrow = ["--scopes", "read,write,delete,admin", "--prefix", "/t"];
    let narrow = server.client(&own.organization, &narrow);
    for (client, filter, atomic) in filters.iter().flat_map(|filter| {
        [(&own.client, filter, true), (&own.client, filter, false), (&narrow, filter, true)]
    }) {
        alike(&own.client).await;
        if filter.get("older_than").is_some() {
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        let asked = json!({ "matching": [filter], "atomic": atomic, "dry_run": true });
        let post = async |client: &Client, body: &Value| {
            client.send_json(Method::POST, DELETIONS, Proof::Bearer, body).await.unwrap()
        };
        let plan = post(client, &asked).await.expect(200).json();
        let found = plan["sample"].as_array().unwrap().len();
        assert!([2, 3].contains(&found) && plan["doomed"]["files"] == found, "{plan}");
        // The other's key commits no plan of ours, and one of its own takes nothing of ours.
        let absent = Names::absent();
        let names =
            Names { deletion: plan["plan"].as_str().unwrap().to_owned(), ..Names::absent() };
        let theirs = post(&other.client, &json!({ "plan": names.deletion })).await;
        let never = post(&other.client, &json!({ "plan": absent.deletion })).await;
        assert_eq!(visible(&theirs, &names), visible(&never, &absent));
        assert_eq!(theirs.status, 404);
        let made = match atomic {
            true => post(client, &json!({ "plan": plan["plan"] })).await,
            false => post(client, &json!({ "matching": [filter], "atomic": false })).await,
        };
        let made = made.expect(201).json();
        assert_eq!(made["doomed"]["files"], found, "{filter} {atomic}");
        let names = Names { deletion: made["id"].as_str().unwrap().to_owned(), ..Names::absent() };
        for (method, more) in
            [("GET", ""), ("GET", "/items"), ("GET", "/events"), ("POST", "/cancel")]
        {
            let look = async |names: &Names| {
                let target = format!("{DELETIONS}/{}{more}", names.deletion);
                ask(&other.client, &probe(method, Proof::Bearer, target)).await
            };
            let (theirs, never) = (look(&names).await, look(&absent).await);
            assert_eq!(visible(&theirs, &names), visible(&never, &absent), "{method} {more}");
            assert_eq!(theirs.status, 404);
        }
        assert_eq!(whole(&other.client).await, before, "{filter}");
    }
    verify(&server.terminate());
}

/// The id of a batch deletion that was accepted.
fn job_of(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    (answer.status == 200).then(|| body["id"].as_str().map(str::to_owned))?
}

#[tokio::test]
async fn one_foreign_id_refuses_all_of_a_request_and_changes_neither_side() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let (own, other) = (server.member("own").client, server.member("other").client);
    let put = async |client: &Client| {
        let file = client.templated_put("file", CONTENT).await.unwrap().expect(200).json();
        file["id"].as_str().unwrap().to_owned()
    };
    let (mine, theirs, never) = (put(&own).await, put(&other).await, Names::absent().file);
    let ids = [mine.clone(), theirs.clone(), never.clone()];
    let answer = own.templated_delete(&ids).await.unwrap().expect(400).json();
    assert_eq!(answer["unauthorized"], json!([theirs]));
    assert_eq!(answer["not_found"], json!([never]));
    own.swiftia_get(&mine).await.unwrap().expect(200);
    other.swiftia_get(&theirs).await.unwrap().expect(200);
    let one_file = json!({ "files": 1, "bytes": CONTENT.len() });
    for client in [&own, &other] {
        assert_eq!(client.usage().await.unwrap().json()["live"], one_file);
    }
    server.terminate();
}
