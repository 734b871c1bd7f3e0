//! The sample requests of the five vendors' own pages, in the languages in which they stand
//! there, run as programs of their own. Only host, key and names are ours.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::Proof;
use crate::harness::server::text;
use crate::harness::{Client, Server, python};

const CONTENT: Bytes = Bytes::from_static(b"content");
const POLLS_MAX: usize = 200;

/// Runs a sample to its end; what it printed.
fn sample(file: &str, environment: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(file);
    let program = match path.extension().unwrap().to_str().unwrap() {
        "mjs" => "node".to_owned(),
        "py" => python(),
        _ => "sh".to_owned(),
    };
    let run = Command::new(&program).arg(&path).envs(environment.iter().copied()).output();
    let run = run.unwrap_or_else(|error| panic!("{program} is needed for {file}: {error}"));
    assert!(run.status.success(), "{file}: {}{}", text(&run.stdout), text(&run.stderr));
    format!("{}{}", text(&run.stdout), text(&run.stderr))
}

/// Runs a curl sample; the status and the body, which is one line.
fn curl(file: &str, environment: &[(&str, &str)]) -> (u16, Value) {
    let printed = sample(file, environment);
    let lines: Vec<&str> = printed.lines().collect();
    let [body, status] = lines[..] else { panic!("a body of one line, then a status: {printed}") };
    (status.parse().unwrap(), serde_json::from_str(body).unwrap())
}

struct Place {
    _home: TempDir,
    server: Server,
    client: Client,
}

impl Place {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let server = Server::start(&home.path().join("data"));
        let client = server.member("samples").client;
        Self { _home: home, server, client }
    }

    fn environment<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut all = vec![("HOST", self.server.base()), ("KEY", self.client.key.as_str())];
        all.extend(more);
        all
    }

    async fn upload(&self, name: &str) -> String {
        let answer = self.client.swiftia_put(name, None, CONTENT).await.unwrap().expect(201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn command_with_outputs(&self, outputs: usize) -> String {
        let made = self.client.command_create().await.unwrap().expect(201).json();
        let command = made["command_id"].as_str().unwrap().to_owned();
        for output in 0..outputs {
            let name = format!("out_{output}");
            self.client.command_output(&command, &name, CONTENT).await.unwrap().expect(201);
        }
        command
    }
}

#[tokio::test]
async fn renderio_in_curl() {
    let place = Place::new();
    let command = place.command_with_outputs(3).await;
    let environment = place.environment(&[("COMMAND", &command)]);
    let first = curl("renderio.sh", &environment);
    assert_eq!(first, (200, json!({ "deleted": true, "files_deleted": 3 })));
    let second = curl("renderio.sh", &environment);
    assert_eq!(second, (200, json!({ "deleted": true, "files_deleted": 0 })));
    let absent = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
    let (status, body) = curl("renderio.sh", &place.environment(&[("COMMAND", absent)]));
    assert_eq!((status, &body["error"]), (404, &json!("NOT_FOUND")));
    let bad_key = [("HOST", place.server.base()), ("KEY", "ffsk_0"), ("COMMAND", &command)];
    let (status, body) = curl("renderio.sh", &bad_key);
    assert_eq!((status, &body["error"]), (401, &json!("UNAUTHORIZED")));
}

#[tokio::test]
async fn renderio_in_javascript_and_python() {
    let place = Place::new();
    for program in ["renderio.mjs", "renderio.py"] {
        let command = place.command_with_outputs(2).await;
        let printed = sample(program, &place.environment(&[("COMMAND", &command)]));
        assert_eq!(printed.to_lowercase(), "deleted: true, files removed: 2\n");
    }
}

#[tokio::test]
async fn swiftia_in_curl() {
    let place = Place::new();
    let id = place.upload("one.png").await;
    let environment = place.environment(&[("FILE", &id)]);
    assert_eq!(curl("swiftia.sh", &environment), (200, json!({ "id": id, "deleted": true })));
    let again = curl("swiftia.sh", &environment);
    assert_eq!(again, (404, json!({ "message": "File not found" })));
    let literal = curl("swiftia.sh", &place.environment(&[("FILE", "file_123")]));
    assert_eq!(literal, (404, json!({ "message": "File not found" })));
    let keyless = [("HOST", place.server.base()), ("KEY", ""), ("FILE", "file_123")];
    assert_eq!(curl("swiftia.sh", &keyless), (401, json!({ "error": "Unauthorized" })));
}

#[tokio::test]
async fn swiftia_in_javascript() {
    let place = Place::new();
    let [one, two, three] =
        [place.upload("1").await, place.upload("2").await, place.upload("3").await];
    let printed = sample("swiftia.mjs", &place.environment(&[("SAMPLE", "one"), ("FILES", &one)]));
    assert_eq!(printed, format!("File {one} deleted successfully\n"));
    let ids = format!("{one},{two},{three}");
    let more = [("SAMPLE", "multiple"), ("FILES", ids.as_str())];
    let printed = sample("swiftia.mjs", &place.environment(&more));
    assert!(printed.contains("Deleted 2 out of 3 files"), "{printed}");

    let kept = place.upload("kept").await;
    let tags = [("SAMPLE", "tag"), ("TAG", "absent")];
    let printed = sample("swiftia.mjs", &place.environment(&tags));
    assert_eq!(printed, "Deleted 0 out of 0 files\n");
    let month = [("SAMPLE", "old"), ("DAYS", "30")];
    let printed = sample("swiftia.mjs", &place.environment(&month));
    assert_eq!(printed, "Deleted 0 out of 0 files\n");
    place.client.swiftia_get(&kept).await.unwrap().expect(200);
    let tomorrow = [("SAMPLE", "old"), ("DAYS", "-1")];
    let printed = sample("swiftia.mjs", &place.environment(&tomorrow));
    assert!(printed.contains("Deleted 1 out of 1 files"), "{printed}");
}

#[tokio::test]
async fn swiftia_frees_space_that_the_next_list_shows() {
    let place = Place::new();
    let id = place.upload("one").await;
    let used = place.client.send(reqwest::Method::GET, "/api/uploads/files", Proof::Bearer);
    let before = used.await.unwrap().expect(200).json();
    assert_eq!((&before["total"], &before["usedSize"]), (&json!(1), &json!(7e-6)));
    sample("swiftia.sh", &place.environment(&[("FILE", &id)]));
    let used = place.client.send(reqwest::Method::GET, "/api/uploads/files", Proof::Bearer);
    let after = used.await.unwrap().expect(200).json();
    assert_eq!((&after["total"], after["usedSize"].as_f64()), (&json!(0), Some(0.0)));
}

#[tokio::test]
async fn templated_in_javascript_and_python() {
    let place = Place::new();
    let single = place.upload("single").await;
    let printed = sample("templated.mjs", &place.environment(&[("IDS", &single)]));
    let answer = json!({ "deleted": [single], "message": "Successfully deleted 1 upload(s)" });
    assert_eq!(printed, format!("Response: {answer}\n"));

    let (one, two) = (place.upload("1").await, place.upload("2").await);
    let ids = format!("{two},{one}");
    let printed = sample("templated.mjs", &place.environment(&[("IDS", &ids)]));
    let answer = json!({ "deleted": [two, one], "message": "Successfully deleted 2 upload(s)" });
    assert_eq!(printed, format!("Response: {answer}\n"));

    let (one, two) = (place.upload("1").await, place.upload("2").await);
    let ids = format!("{one},{two}");
    let printed = sample("templated.py", &place.environment(&[("IDS", &ids)]));
    let expected =
        format!("Successfully deleted: ['{one}', '{two}']\nSuccessfully deleted 2 upload(s)\n");
    assert_eq!(printed, expected);
    let printed = sample("templated.py", &place.environment(&[("IDS", &ids)]));
    assert!(printed.starts_with("Request failed. Response code: 400\n"), "{printed}");
    let body: Value = serde_json::from_str(printed.lines().nth(1).unwrap()).unwrap();
    let error = "Cannot delete uploads: some uploads were not found or you don't have permission \
                 to delete them";
    assert_eq!(body, json!({ "not_found": [one, two], "unauthorized": [], "error": error }));
}

#[tokio::test]
async fn templated_in_the_form_that_php_writes() {
    let place = Place::new();
    let (one, two) = (place.upload("1").await, place.upload("2").await);
    let answer = curl("templated.sh", &place.environment(&[("ID_0", &one), ("ID_1", &two)]));
    let expected = json!({ "deleted": [one, two], "message": "Successfully deleted 2 upload(s)" });
    assert_eq!(answer, (200, expected));
}

#[tokio::test]
async fn templated_without_ids_and_without_a_key() {
    let place = Place::new();
    let none = place.client.templated_delete(&[]).await.unwrap().expect(400);
    assert_eq!(none.json(), json!({ "error": "At least one upload ID must be provided" }));
    let target = "/v1/uploads?ids=UPLOAD_ID_1&ids=UPLOAD_ID_2";
    let keyless = place.client.send(reqwest::Method::DELETE, target, Proof::Nothing);
    let keyless = keyless.await.unwrap().expect(401);
    assert_eq!(keyless.json(), json!({ "error": "Not authorized" }));
}

#[tokio::test]
async fn merple_in_javascript() {
    let place = Place::new();
    let (file, folder) = ("/a folder/ünïcode + & name?.txt", "/a folder");
    for path in [file, "/a folder/sub/deep"] {
        place.client.merple_put(path, CONTENT).await.unwrap().expect(201);
    }
    for path in [file, folder] {
        assert_eq!(sample("merple.mjs", &place.environment(&[("FSO", path)])), "deleted\n");
        let printed = sample("merple.mjs", &place.environment(&[("FSO", path)]));
        assert!(printed.starts_with("Delete failed with status 404: {\"error\":"), "{printed}");
    }
    let printed = sample("merple.mjs", &place.environment(&[("FSO", "relative")]));
    assert!(printed.starts_with("Delete failed with status 400: {\"error\":"), "{printed}");
}

#[tokio::test]
async fn merple_takes_a_space_as_go_writes_it() {
    let place = Place::new();
    place.client.merple_put("/a b+c", CONTENT).await.unwrap().expect(201);
    let target = "/fso?path=%2Fa+b%2Bc";
    let answer = place.client.send(reqwest::Method::DELETE, target, Proof::Merple);
    answer.await.unwrap().expect(200);
}

#[tokio::test]
async fn sirv_in_curl() {
    let place = Place::new();
    for path in ["/Example_folder/a.jpg", "/Example_folder/sub/b.jpg", "/my-file.jpg"] {
        place.client.sirv_put(path, CONTENT).await.unwrap().expect(200);
    }
    let body = json!({ "clientId": place.client.key_id, "clientSecret": place.client.key });
    let answer =
        place.client.send_json(reqwest::Method::POST, "/v2/token", Proof::Nothing, &body).await;
    let answer = answer.unwrap().expect(200).json();
    assert_eq!(answer["expiresIn"], 1200);
    let token = answer["token"].as_str().unwrap();
    let environment = place.environment(&[("TOKEN", token)]);
    let (status, accepted) = curl("sirv.sh", &environment);
    let job = accepted["id"].as_str().unwrap();
    assert_eq!((status, job.len()), (200, 32));
    assert!(job.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{job}");

    let environment = place.environment(&[("TOKEN", token), ("JOB", job)]);
    let ended = (0..POLLS_MAX).map(|_| curl("sirv.sh", &environment)).find(|(status, body)| {
        assert_eq!(*status, 200);
        body["progress"] == 100
    });
    let result =
        json!({ "skipped": [], "notfound": 1, "deleted": { "files": 2 + 1, "dirs": 1 + 1 } });
    assert_eq!(ended.unwrap().1, json!({ "progress": 100, "result": result }));
}
