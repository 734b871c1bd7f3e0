//! A tree that people made: in through the doors, compared byte for byte, and out again part by
//! part, with the usage exact after each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::server::{blob_files, verify};
use crate::harness::{Client, Server};

const SOURCE: &str = "/usr/share";
const ROOT: &str = "/tree";
/// Enough for surprises in names and sizes, and short enough for a debug build.
const FILES_MAX: usize = 20_000;
const FILE_BYTES_MAX: u64 = 1 << 20;
const CONNECTIONS: usize = 32;
const OUTPUTS: usize = 100;

/// A file that was uploaded: where it came from, and what it is called now.
struct Copied {
    path: String,
    source: PathBuf,
    id: Option<String>,
    size: u64,
}

/// Regular files below a directory, in the order of their names, at most so many.
fn files_below(root: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        for entry in entries.map_while(Result::ok) {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            let size = entry.metadata().map_or(u64::MAX, |metadata| metadata.len());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && size <= FILE_BYTES_MAX && std::fs::read(&path).is_ok() {
                files.push((path, size));
                if files.len() == FILES_MAX {
                    return files;
                }
            }
        }
    }
    files
}

/// Stores one file through one of three doors, in turn.
async fn copy(client: &Client, number: usize, source: PathBuf, size: u64) -> Copied {
    let below = source.strip_prefix(SOURCE).unwrap().to_str().unwrap();
    let path = format!("{ROOT}/{below}");
    let body = Bytes::from(std::fs::read(&source).unwrap());
    let mut id = None;
    match number % 3 {
        0 => drop(client.merple_put(&path, body).await.unwrap().expect(201)),
        1 => drop(client.sirv_put(&path, body).await.unwrap().expect(200)),
        _ => {
            let name = source.file_name().unwrap().to_str().unwrap();
            let answer = client.swiftia_put(name, Some(&path), body).await.unwrap().expect(201);
            id = Some(answer.json()["id"].as_str().unwrap().to_owned());
        }
    }
    Copied { path, source, id, size }
}

/// What is there, and what has gone.
struct Ledger {
    live: (u64, u64),
    gone: (u64, u64),
}

impl Ledger {
    /// Moves files from one side to the other, and compares with what the server says.
    async fn takes(&mut self, client: &Client, part: &str, files: &[Copied]) {
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        self.live = (self.live.0 - files.len() as u64, self.live.1 - bytes);
        self.gone = (self.gone.0 + files.len() as u64, self.gone.1 + bytes);
        self.agrees(client, part).await;
        for file in files.iter().take(3).chain(files.last()) {
            assert_eq!(client.sirv_stat(&file.path).await.unwrap().status, 404, "{}", file.path);
        }
    }

    async fn agrees(&self, client: &Client, part: &str) {
        let usage = client.usage().await.unwrap().expect(200).json();
        let live = json!({ "files": self.live.0, "bytes": self.live.1 });
        assert_eq!(usage["live"], live, "after {part}");
        let sum = |what: &str| {
            ["doomed", "condemned", "settled"].map(|at| usage[at][what].as_u64().unwrap())
        };
        assert_eq!(sum("files").iter().sum::<u64>(), self.gone.0, "after {part}: {usage}");
        assert_eq!(sum("bytes").iter().sum::<u64>(), self.gone.1, "after {part}: {usage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_tree_comes_back_byte_for_byte_and_goes_to_the_last_byte() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("tree").client;
    let begun = Instant::now();

    let sources = stream::iter(files_below(Path::new(SOURCE)).into_iter().enumerate());
    let copying = sources.map(|(number, (source, size))| copy(&client, number, source, size));
    let files: Vec<Copied> = copying.buffer_unordered(CONNECTIONS).collect().await;
    assert!(files.len() >= 1_000, "{} files in {SOURCE} are too few", files.len());
    println!("{} files in, {:?}", files.len(), begun.elapsed());
    let bytes = files.iter().map(|file| file.size).sum();
    let mut ledger = Ledger { live: (files.len() as u64, bytes), gone: (0, 0) };
    ledger.agrees(&client, "the upload").await;
    stream::iter(&files)
        .for_each_concurrent(CONNECTIONS, |file| async {
            let body = client.merple_get(&file.path).await.unwrap().expect(200).body;
            assert!(body == std::fs::read(&file.source).unwrap(), "{} differs", file.path);
        })
        .await;
    println!("read back, {:?}", begun.elapsed());

    delete_outputs(&client, &mut ledger).await;
    let folders = folders_of(&files);
    let files = delete_by_id(&client, &mut ledger, files).await;
    delete_by_path(&client, &mut ledger, files, &folders).await;
    assert_eq!(ledger.live, (0, 0));
    println!("deleted, {:?}", begun.elapsed());
    client.settled_usage().await;
    assert_eq!(blob_files(&data), Vec::<PathBuf>::new());
    println!("drained, {:?}", begun.elapsed());
    let found = verify(&server.terminate());
    assert_eq!((&found["stored_blobs"], &found["condemned_blobs"]), (&json!(0), &json!(0)));
}

/// The first call: all outputs of a command.
async fn delete_outputs(client: &Client, ledger: &mut Ledger) {
    let command = client.command_create().await.unwrap().expect(201).json();
    let command = command["command_id"].as_str().unwrap();
    let size = 1_000;
    for number in 0..OUTPUTS {
        let body = Bytes::from(vec![0; size]);
        let name = format!("frame-{number}");
        client.command_output(command, &name, body).await.unwrap().expect(201);
    }
    let answer = client.renderio_delete(command).await.unwrap().expect(200);
    assert_eq!(answer.json()["files_deleted"], OUTPUTS);
    ledger.gone.0 += OUTPUTS as u64;
    ledger.gone.1 += (OUTPUTS * size) as u64;
    ledger.agrees(client, "the outputs of a command").await;
}

/// The second and the third call: ids one by one, and by the thousand. The files that are left.
async fn delete_by_id(client: &Client, ledger: &mut Ledger, files: Vec<Copied>) -> Vec<Copied> {
    const SINGLE: usize = 300;
    const IDS_MAX: usize = 1_000;
    let (mut by_id, rest): (Vec<_>, Vec<_>) = files.into_iter().partition(|f| f.id.is_some());
    let single: Vec<Copied> = by_id.drain(..SINGLE).collect();
    stream::iter(&single)
        .for_each_concurrent(CONNECTIONS, |file| async {
            client.swiftia_delete(file.id.as_ref().unwrap()).await.unwrap().expect(200);
        })
        .await;
    ledger.takes(client, "single ids", &single).await;
    while !by_id.is_empty() {
        let many: Vec<Copied> = by_id.drain(..by_id.len().min(IDS_MAX)).collect();
        let ids: Vec<String> = many.iter().map(|file| file.id.clone().unwrap()).collect();
        client.templated_delete(&ids).await.unwrap().expect(200);
        ledger.takes(client, "many ids", &many).await;
    }
    rest
}

/// The fourth and the fifth call: folders one by one, and the rest in batches, whose results are
/// exact.
async fn delete_by_path(client: &Client, ledger: &mut Ledger, files: Vec<Copied>, dirs: &Folders) {
    const FOLDERS_PER_BATCH: usize = 20;
    let mut folders: BTreeMap<String, Vec<Copied>> = BTreeMap::new();
    for file in files {
        folders.entry(top_of(&file.path)).or_default().push(file);
    }
    let mut batches = folders.split_off(&folders.keys().nth(folders.len() / 2).unwrap().clone());
    for (folder, files) in folders {
        client.merple_delete(&folder).await.unwrap().expect(200);
        ledger.takes(client, &folder, &files).await;
    }
    while let Some((first, _)) = batches.first_key_value() {
        let (first, end) = (first.clone(), batches.keys().nth(FOLDERS_PER_BATCH).cloned());
        let later = end.map(|end| batches.split_off(&end)).unwrap_or_default();
        let batch = std::mem::replace(&mut batches, later);
        let (paths, files): (Vec<String>, Vec<Vec<Copied>>) = batch.into_iter().unzip();
        let files: Vec<Copied> = files.into_iter().flatten().collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let answer = client.sirv_delete(&paths).await.unwrap().expect(200).json();
        ledger.takes(client, &first, &files).await;
        let folders = dirs.iter().filter(|dir| paths.contains(&top_of(dir).as_str())).count();
        let result = client.sirv_result(answer["id"].as_str().unwrap()).await;
        let deleted = json!({ "files": files.len(), "dirs": folders });
        assert_eq!(result, json!({ "skipped": [], "notfound": 0, "deleted": deleted }));
    }
}

/// The folders of the whole tree, but for its root.
type Folders = BTreeSet<String>;

fn folders_of(files: &[Copied]) -> Folders {
    let mut folders = Folders::new();
    for file in files {
        let mut path = file.path.as_str();
        while let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| *parent != ROOT) {
            folders.insert(parent.to_owned());
            path = parent;
        }
    }
    folders
}

/// The entry right below the tree's root that leads to this path.
fn top_of(path: &str) -> String {
    let below = &path[ROOT.len() + 1..];
    format!("{ROOT}/{}", below.split('/').next().unwrap())
}
