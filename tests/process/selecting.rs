//! A filter whose files go in steps, on a server that is killed again and again: it takes just what
//! was there when it was accepted, and tells so, to whoever watches too (I11, I12, I14).

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zip::write::SimpleFileOptions;

use crate::harness::client::{Proof, answer};
use crate::harness::events::{Event, Watch, check_course};
use crate::harness::server::{blob_files, verify};
use crate::harness::{Client, Server};
use crate::load::seed;

const DELETIONS: &str = "/delenda/v1/deletions";
const FOLDERS: [&str; 3] = ["a", "b", "c"];
/// Files in each folder that the filter takes, locked ones among them.
const SMALL_FILES: usize = 8000;
/// Every so many of them is locked.
const LOCKED_EVERY: usize = 400;
/// Files in each folder that are too large for the filter.
const LARGE_FILES: usize = 10;
/// Files in a folder that is locked as a whole.
const COVERED_FILES: usize = 50;
const SMALL: &[u8] = b"1234567";
const KILLS: usize = 6;
/// Kills that have to fall between two steps for a run to mean anything.
const INTERRUPTIONS_MIN: usize = 3;
const LIFE_MILLISECONDS: std::ops::Range<u64> = 10..120;
const UPLOADS_MAX: usize = 3000;
const PAUSE: Duration = Duration::from_millis(5);
const SETTLES_MAX: Duration = Duration::from_secs(120);

/// A server that is killed, and what its clients do meanwhile.
struct Course {
    data: PathBuf,
    server: Server,
    client: Client,
    present: watch::Sender<Client>,
    rng: StdRng,
    deletion: String,
    doomed_files: u64,
    interruptions: usize,
    uploads: JoinHandle<Uploads>,
    events: JoinHandle<Vec<Event>>,
    is_over: Arc<AtomicBool>,
}

/// What came behind the acceptance, as far as its client knows.
#[derive(Default)]
struct Uploads {
    stored: Vec<String>,
    unsure: Vec<String>,
}

fn archive(files: &[(String, usize)]) -> Bytes {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in files {
        writer.start_file(name, options).unwrap();
        writer.write_all(&SMALL.repeat(bytes / SMALL.len())).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

/// Stores files of these names and sizes in a folder.
pub async fn unpack(client: &Client, folder: &str, files: &[(String, usize)]) {
    let target = format!("/fso?path={folder}/");
    let request = client.request(Method::POST, &target, Proof::Merple).await.unwrap();
    let request = request.header("content-type", "application/zip").body(archive(files));
    answer(request).await.unwrap().expect(201);
}

/// The paths of files that are locked themselves.
fn locked() -> impl Iterator<Item = String> {
    let numbers = (0..SMALL_FILES).step_by(LOCKED_EVERY);
    FOLDERS.iter().flat_map(move |folder| {
        numbers.clone().map(move |number| format!("/t/{folder}/{number:05}.tmp"))
    })
}

/// Everything that lies there before the deletion.
async fn fill(client: &Client) {
    for folder in FOLDERS {
        let small = (0..SMALL_FILES).map(|number| (format!("{number:05}.tmp"), SMALL.len()));
        let large = (0..LARGE_FILES).map(|number| (format!("{number:05}.big"), 700));
        unpack(client, &format!("/t/{folder}"), &small.chain(large).collect::<Vec<_>>()).await;
    }
    let covered = (0..COVERED_FILES).map(|number| (format!("{number:05}.tmp"), SMALL.len()));
    unpack(client, "/t/covered", &covered.collect::<Vec<_>>()).await;
    client.sirv_lock("/t/covered").await.unwrap().expect(200);
    for path in locked() {
        client.sirv_lock(&path).await.unwrap().expect(200);
    }
}

/// Files that the filter finds and that are locked.
fn locked_files() -> u64 {
    (locked().count() + COVERED_FILES) as u64
}

/// Files that the filter takes.
fn free_files() -> u64 {
    (FOLDERS.len() * SMALL_FILES - locked().count()) as u64
}

/// Stores files that the filter would take, under names that were not there.
async fn upload(seen: watch::Receiver<Client>, is_over: Arc<AtomicBool>) -> Uploads {
    let mut uploads = Uploads::default();
    for number in 0..UPLOADS_MAX {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let path = format!("/t/{}/later-{number:05}.tmp", FOLDERS[number % FOLDERS.len()]);
        let present = seen.borrow().clone();
        match present.merple_put(&path, Bytes::from_static(SMALL)).await {
            Ok(answer) if answer.status == 201 => uploads.stored.push(path),
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text());
                uploads.unsure.push(path);
            }
            Err(_cut_off) => uploads.unsure.push(path),
        }
        tokio::time::sleep(PAUSE).await;
    }
    uploads
}

/// Watches to the end, and comes back behind the last event whenever the server is gone.
async fn follow(seen: watch::Receiver<Client>, deletion: String) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let (present, last) = (seen.borrow().clone(), events.last().map(|event| event.id));
        let target = format!("{DELETIONS}/{deletion}/events");
        let Ok(request) = present.request(Method::GET, &target, Proof::Bearer).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if let Ok(mut watch) = Watch::open(request, last).await {
            while let Ok(Some(event)) = watch.next().await {
                let is_end = event.name == "settled";
                events.push(event);
                if is_end {
                    return events;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Course {
    async fn begin(home: &TempDir) -> Self {
        let data = home.path().join("data");
        let server = Server::start(&data);
        let client = server.member("selecting").client;
        fill(&client).await;
        let body =
            json!({ "matching": [{ "prefix": "/t", "smaller_than": 100 }], "atomic": false });
        let made = client.send_json(Method::POST, DELETIONS, Proof::Bearer, &body).await.unwrap();
        let made = made.expect(201).json();
        assert_eq!(made["items"][0]["outcome"], "selecting");
        let deletion = made["id"].as_str().unwrap().to_owned();
        let (present, seen) = watch::channel(client.clone());
        let is_over = Arc::new(AtomicBool::new(false));
        Self {
            data,
            server,
            client,
            present,
            rng: StdRng::seed_from_u64(seed()),
            uploads: tokio::spawn(upload(seen.clone(), Arc::clone(&is_over))),
            events: tokio::spawn(follow(seen, deletion.clone())),
            is_over,
            deletion,
            doomed_files: 0,
            interruptions: 0,
        }
    }

    async fn get(&self, more: &str) -> Value {
        let target = format!("{DELETIONS}/{}{more}", self.deletion);
        let found = self.client.send(Method::GET, &target, Proof::Bearer).await;
        found.unwrap().expect(200).json()
    }

    /// Kills the server after a moment, and sees that no count went back.
    async fn kill(mut self) -> Self {
        let life = Duration::from_millis(self.rng.random_range(LIFE_MILLISECONDS));
        tokio::time::sleep(life).await;
        self.server.kill9();
        verify(&self.data);
        self.server = Server::start(&self.data);
        self.client = self.server.again(&self.client);
        self.present.send_replace(self.client.clone());
        let record = self.get("").await;
        let doomed = record["doomed"]["files"].as_u64().unwrap();
        assert!(self.doomed_files <= doomed, "{} {record}", self.doomed_files);
        self.doomed_files = doomed;
        self.interruptions += usize::from(record["state"] == "selecting");
        self
    }

    async fn settled(&self) -> Value {
        let begun = Instant::now();
        loop {
            let record = self.get("").await;
            if record["state"] == "settled" {
                return record;
            }
            assert!(begun.elapsed() < SETTLES_MAX, "{record} does not settle");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits for the end, and compares all that is told and all that is there.
    async fn end(self, outcome: &str) {
        let record = self.settled().await;
        self.is_over.store(true, Ordering::Relaxed);
        let doomed = record["doomed"]["files"].as_u64().unwrap();
        let bytes = doomed * SMALL.len() as u64;
        assert_eq!(record["doomed"], json!({ "files": doomed, "bytes": bytes, "folders": 0 }));
        assert_eq!(record["purged"], json!({ "files": doomed, "bytes": bytes }));
        let items = self.get("/items").await;
        let item = &items["items"][0];
        assert_eq!(item["outcome"], outcome, "{item:.200}");
        assert_eq!((&item["files"], &item["bytes"]), (&json!(doomed), &json!(bytes)));
        assert_eq!(item["locked_count"], record["locked_files"]);
        if record["cancelled_at"].is_null() {
            assert_eq!((doomed, &record["locked_files"]), (free_files(), &json!(locked_files())));
        } else {
            assert!(doomed < free_files(), "it was cancelled when all was done");
        }
        check_course(&self.events.await.unwrap(), doomed, bytes).unwrap();

        let uploads = self.uploads.await.unwrap();
        assert!(uploads.stored.len() > INTERRUPTIONS_MIN, "hardly anything came behind it");
        let mut later = uploads.stored.len() as u64;
        for path in &uploads.stored {
            let there = self.client.merple_get(path).await.unwrap();
            assert_eq!((there.status, there.text().as_bytes()), (200, SMALL), "{path}");
        }
        for path in &uploads.unsure {
            later += u64::from(self.client.merple_get(path).await.unwrap().status == 200);
        }
        for path in locked().chain(["/t/covered/00049.tmp".to_owned()]) {
            self.client.merple_get(&path).await.unwrap().expect(200);
        }
        let large = (FOLDERS.len() * LARGE_FILES) as u64;
        let live = locked_files() + free_files() - doomed + large + later;
        assert_eq!(self.client.settled_usage().await["live"]["files"], live);
        let data = self.server.terminate();
        let found = verify(&data);
        assert_eq!((&found["stored_blobs"], &found["condemned_blobs"]), (&json!(live), &json!(0)));
        // Uploads that a kill cut short leave bytes, each known by an intent, for the sweep.
        let intents = found["open_intents"].as_u64().unwrap();
        assert!(blob_files(&data).len() as u64 <= live + intents);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_takes_just_what_was_there_however_often_the_server_is_killed() {
    let home = TempDir::new().unwrap();
    let mut course = Course::begin(&home).await;
    for _kill in 0..KILLS {
        course = course.kill().await;
    }
    println!("{} kills fell between two steps", course.interruptions);
    assert!(course.interruptions >= INTERRUPTIONS_MIN, "only {}", course.interruptions);
    course.end("partly").await;
}

/// Asks for the end of the steps until there is an answer.
async fn insist_on_the_end(seen: watch::Receiver<Client>, deletion: String) -> Value {
    let target = format!("{DELETIONS}/{deletion}/cancel");
    loop {
        let present = seen.borrow().clone();
        let request = present.request(Method::POST, &target, Proof::Bearer).await.unwrap();
        match answer(request.header("idempotency-key", "the-end")).await {
            Ok(answer) if answer.status == 200 => return answer.json(),
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_cut_off) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_filter_takes_nothing_more_however_often_the_server_is_killed() {
    let home = TempDir::new().unwrap();
    let mut course = Course::begin(&home).await;
    course = course.kill().await.kill().await;
    assert_eq!(course.interruptions, 2, "it was done before it could be cancelled");
    let seen = course.present.subscribe();
    let cancelling = tokio::spawn(insist_on_the_end(seen, course.deletion.clone()));
    course = course.kill().await;
    let cancelled = cancelling.await.unwrap();
    for _kill in 0..2 {
        course = course.kill().await;
        let record = course.get("").await;
        assert_eq!(record["cancelled_at"], cancelled["cancelled_at"]);
        assert_eq!(record["doomed"], cancelled["doomed"]);
        let items = course.get("/items").await;
        assert_eq!(items["items"][0]["outcome"], "cancelled");
    }
    course.end("cancelled").await;
}
