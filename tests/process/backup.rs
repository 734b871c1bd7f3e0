//! What `docs/operations.md` says of copies, restoring and upgrading, done as it says.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::page::{Terminal, steps};
use crate::harness::server::{blob_files, run, text, verify};
use crate::harness::{Client, Server};

const FILES: usize = 60;

fn content(name: &str) -> Bytes {
    Bytes::from(format!("content of {name}").repeat(100))
}

async fn put(client: &Client, path: String) {
    client.merple_put(&path, content(&path)).await.unwrap().expect(201);
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    std::fs::read_to_string(path).unwrap()
}

/// Runs the commands below a heading in one shell, whatever they answer.
fn run_commands(home: &Path, heading: &str) {
    let commands: Vec<String> =
        steps(&page(), heading).into_iter().map(|step| step.command).collect();
    assert!(commands.len() > 2, "{heading} has hardly any command");
    let shell = Command::new("bash").arg("-c").arg(commands.join("\n")).current_dir(home).output();
    let shell = shell.unwrap();
    let told = text(&shell.stderr);
    // A blob that goes while it is copied is told of, and is no failure of the copy.
    for line in told.lines() {
        assert!(line.starts_with("cp: cannot") && line.contains("/blobs/"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_beside_a_busy_server_is_whole_once_it_is_restored_as_the_page_says() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("delenda-data"));
    let client = server.member("one").client;
    for number in 0..FILES {
        put(&client, format!("/kept/{number}")).await;
        put(&client, format!("/going/{number}")).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let busy = tokio::spawn({
        let (client, stop) = (client.clone(), Arc::clone(&stop));
        async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                put(&client, format!("/coming/{number}")).await;
                if number < FILES {
                    client.merple_delete(&format!("/going/{number}")).await.unwrap().expect(200);
                }
                number += 1;
            }
            number
        }
    });
    let place = home.path().to_owned();
    tokio::task::spawn_blocking(move || run_commands(&place, "### Beside a running server"))
        .await
        .unwrap();
    stop.store(true, Ordering::Relaxed);
    let coming = busy.await.unwrap();
    assert!(coming > 0, "nothing came while it was copied");
    server.terminate();

    let mut terminal = Terminal::open(home.path(), "127.0.0.1:1");
    let binary = Path::new(env!("CARGO_BIN_EXE_delenda")).parent().unwrap();
    terminal.run(&format!("PATH={}:$PATH", binary.display()));
    for step in steps(&page(), "## Restore") {
        let (is_same, printed) = terminal.follow(&step);
        assert!(is_same, "$ {}\n{printed}\nand not\n{}", step.command, step.shown);
    }
    let restored = home.path().join("backup");
    verify(&restored);
    let server = Server::start(&restored);
    let client = server.again(&client);
    for number in 0..FILES {
        let path = format!("/kept/{number}");
        assert_eq!(client.merple_get(&path).await.unwrap().expect(200).body, content(&path));
    }
    let others = (0..FILES).map(|number| format!("/going/{number}"));
    for path in others.chain((0..coming).map(|number| format!("/coming/{number}"))) {
        let answer = client.merple_get(&path).await.unwrap();
        match answer.status {
            200 => assert_eq!(answer.body, content(&path), "{path}"),
            status => assert_eq!(status, 404, "{path}"),
        }
    }
    let usage = client.settled_usage().await;
    let live = usage["live"]["files"].as_u64().unwrap();
    assert_eq!(blob_files(&restored).len() as u64, live);
    verify(&server.terminate());
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_and_left_as_it_is() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let client = server.member("one").client;
    put(&client, "/kept".to_owned()).await;
    server.terminate();
    let file = data.join("delenda.db");
    let edit = |sql: &str| Connection::open(&file).unwrap().execute(sql, []).unwrap();
    edit("insert into refinery_schema_history values (1000, 'later', '2030-01-01T00:00:00Z', '1')");

    let Err((status, log)) = Server::try_start(&data) else { panic!("it starts") };
    assert_ne!(status.code(), Some(0));
    assert!(log.contains("version 1000") && log.contains("newer program"), "{log}");
    let refused = run(&["verify", "--data", data.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("version 1000"), "{}", text(&refused.stderr));

    edit("delete from refinery_schema_history where version = 1000");
    verify(&data);
    let server = Server::start(&data);
    let client = server.again(&client);
    assert_eq!(client.merple_get("/kept").await.unwrap().expect(200).body, content("/kept"));
    let live = client.settled_usage().await["live"].clone();
    assert_eq!(live, json!({ "files": 1, "bytes": content("/kept").len() }));
    server.terminate();
}
