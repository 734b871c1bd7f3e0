//! Comparing what a server shows with what the workers were told.

use std::collections::HashMap;
use std::time::Duration;

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use super::account::{Account, Piece, Standing, content};
use super::work::without_authority;
use crate::harness::Client;
use crate::harness::client::Proof;

const CONNECTIONS: usize = 16;
const POLLS_MAX: u32 = 1_500;
const POLL_PERIOD: Duration = Duration::from_millis(20);

/// The live files of the organization by their names, as one dialect lists them.
type Listed = HashMap<String, Value>;

/// Checks all that was reported, and settles what was unsure.
pub async fn everything(client: &Client, accounts: &mut [Account], locked: &str) {
    let listed = listed(client).await;
    let mut live = (1, locked.len() as u64);
    for account in accounts.iter_mut() {
        settle(account, &listed);
        contents(client, account, &listed).await;
        gone(client, account).await;
        commands(client, account).await;
        jobs(client, account).await;
        for at in account.stored() {
            let piece = &mut account.pieces[at];
            piece.touched = false;
            live.0 += 1;
            live.1 += content(piece.contents[0]).len() as u64;
        }
    }
    let kept = client.sirv_get(locked).await.unwrap().expect(200);
    assert_eq!(kept.body, locked, "a locked file survives everything");
    let usage = client.usage().await.unwrap().expect(200).json();
    assert_eq!(usage["live"], json!({ "files": live.0, "bytes": live.1 }), "{usage}");
    assert_eq!(listed.len() as u64, live.0, "no file is there that nobody stored");
}

/// Lists through two doors, which must agree.
async fn listed(client: &Client) -> Listed {
    let by_name = |files: Vec<Value>| -> Listed {
        files.into_iter().map(|file| (file["name"].as_str().unwrap().to_owned(), file)).collect()
    };
    let swiftia = by_name(client.swiftia_all().await.unwrap());
    let templated = by_name(client.templated_all().await.unwrap());
    assert_eq!(swiftia.len(), templated.len());
    for (name, file) in &swiftia {
        assert_eq!(file["id"], templated[name]["id"], "{name}");
    }
    swiftia
}

/// Compares every piece with the list, and resolves those that were unsure.
fn settle(account: &mut Account, listed: &Listed) {
    for together in std::mem::take(&mut account.unsure_together) {
        let there = |at: &&usize| listed.contains_key(&account.pieces[**at].name);
        let survivors = together.iter().filter(there).count();
        assert!(
            survivors == 0 || survivors == together.len(),
            "{survivors} of {} survived an all-or-none request",
            together.len()
        );
    }
    for piece in &mut account.pieces {
        if std::mem::take(&mut piece.elsewhere) {
            let (other, _) = piece.other_place().unwrap();
            let at_both = (listed.contains_key(&piece.name), listed.contains_key(&other));
            assert!(at_both.0 != at_both.1, "a move is whole or not at all: {piece:?} {at_both:?}");
            if at_both.1 {
                piece.change_places();
            }
        }
        let found = listed.get(&piece.name);
        match (piece.standing, found) {
            (Standing::Stored, None) => panic!("stored, and not there: {piece:?}"),
            (Standing::Gone, Some(file)) => panic!("deleted, and there: {piece:?} {file}"),
            (Standing::Stored | Standing::Unsure, Some(file)) => {
                let id = file["id"].as_str().unwrap().to_owned();
                assert!(piece.id.as_ref().is_none_or(|known| *known == id), "{}", piece.name);
                piece.id = Some(id);
                piece.url = file["url"].as_str().map(|url| without_authority(url).to_owned());
                piece.standing = Standing::Stored;
            }
            (Standing::Gone | Standing::Unsure, None) => piece.standing = Standing::Gone,
        }
    }
}

/// Reads what is stored, byte for byte, and learns which of two contents an overwrite left.
async fn contents(client: &Client, account: &mut Account, listed: &Listed) {
    let pieces = account.pieces.iter_mut();
    let stored = pieces.filter(|piece| piece.standing == Standing::Stored && piece.touched);
    stream::iter(stored)
        .for_each_concurrent(CONNECTIONS, |piece| async {
            let answer = if let Some(path) = &piece.path {
                client.merple_get(path).await.unwrap()
            } else {
                let url = piece.url.as_ref().unwrap();
                client.send(Method::GET, url, Proof::Nothing).await.unwrap()
            };
            let body = answer.expect(200).body;
            if piece.renamed {
                let (_, left) = piece.other_place().unwrap();
                let nothing = client.merple_get(&left).await.unwrap();
                assert_eq!(nothing.status, 404, "{} moved away from {left}", piece.name);
            }
            let seed = piece.contents.iter().copied().find(|seed| content(*seed) == body);
            let seed = seed.unwrap_or_else(|| panic!("{} has other bytes", piece.name));
            piece.contents = vec![seed];
            assert_eq!(listed[&piece.name]["size"], json!(body.len()), "{}", piece.name);
        })
        .await;
}

/// Looks for what is gone through every door.
async fn gone(client: &Client, account: &mut Account) {
    let touched = |piece: &&mut Piece| piece.standing == Standing::Gone && piece.touched;
    stream::iter(account.pieces.iter_mut().filter(touched))
        .for_each_concurrent(CONNECTIONS, |piece| async {
            for (target, proof) in doors_to(piece) {
                let answer = client.send(Method::GET, &target, proof).await.unwrap();
                assert_eq!(answer.status, 404, "{} at {target}: {}", piece.name, answer.text());
            }
            piece.touched = false;
        })
        .await;
}

/// Every way by which one file could be asked for.
fn doors_to(piece: &Piece) -> Vec<(String, Proof)> {
    use crate::harness::doors::encoded;
    let mut doors = Vec::new();
    let other = piece.other_place().filter(|_| piece.renamed).map(|(_, path)| path);
    for path in piece.path.iter().chain(&other) {
        let path = encoded(path);
        doors.push((format!("/fso?path={path}"), Proof::Merple));
        doors.push((format!("/v2/files/stat?filename={path}"), Proof::Sirv));
        doors.push((format!("/v2/files/download?filename={path}"), Proof::Sirv));
    }
    if let Some(id) = &piece.id {
        doors.push((format!("/api/uploads/files/{id}"), Proof::Bearer));
    }
    if let Some(url) = &piece.url {
        doors.push((url.clone(), Proof::Nothing));
    }
    doors
}

/// Commands outlive their outputs, and say which of them are deleted.
async fn commands(client: &Client, account: &mut Account) {
    for command in &account.commands {
        if command.closed && command.outputs.iter().all(|output| !account.pieces[*output].touched) {
            continue;
        }
        let shown = client.renderio_command(&command.id).await.unwrap().expect(200).json();
        for output in &command.outputs {
            let piece = &account.pieces[*output];
            let shown = &shown["output_files"][&piece.name];
            match piece.standing {
                Standing::Stored => assert_eq!(shown["is_deleted"], false, "{}", piece.name),
                Standing::Gone | Standing::Unsure => {
                    assert_ne!(shown["is_deleted"], false, "{}", piece.name);
                    assert!(shown["storage_url"].is_null(), "{}", piece.name);
                }
            }
        }
    }
    let pieces = &account.pieces;
    let stored = |output: &usize| pieces[*output].standing == Standing::Stored;
    for command in &mut account.commands {
        // An unanswered request may have closed a command, and may not have: while outputs are
        // there it is open.
        command.closed &= !command.outputs.iter().any(stored);
    }
}

/// Jobs that were accepted exist, go forward only, and end with exact counts.
async fn jobs(client: &Client, account: &mut Account) {
    for job in account.jobs.iter_mut().filter(|job| job.progress < 100) {
        for poll in 0.. {
            let answer = client.sirv_progress(&job.id).await.unwrap().expect(200).json();
            let progress = answer["progress"].as_u64().unwrap_or(0);
            assert!(progress >= job.progress, "{} went from {} back", job.id, job.progress);
            job.progress = progress;
            if progress == 100 {
                assert_eq!(answer["result"], job.result, "{}", job.id);
                break;
            }
            assert!(answer.get("result").is_none(), "{answer}");
            assert!(poll < POLLS_MAX, "{} stays at {progress}", job.id);
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }
}

/// Deletes all that is left: outputs by command, single ids, many ids, paths, and the rest as
/// one batch.
pub async fn delete_all(client: &Client, accounts: &mut [Account], locked: &str) {
    for account in accounts.iter_mut() {
        for command in account.commands.iter().filter(|command| !command.closed) {
            client.renderio_delete(&command.id).await.unwrap().expect(200);
        }
        let mut by_id: Vec<String> = Vec::new();
        for at in account.stored() {
            let piece = &account.pieces[at];
            match (&piece.path, &piece.id) {
                (Some(path), _) if at % 3 == 0 => {
                    client.merple_delete(path).await.unwrap().expect(200);
                }
                (None, Some(id)) if !is_output(account, at) => by_id.push(id.clone()),
                (Some(_) | None, _) => {}
            }
        }
        if let Some(id) = by_id.pop() {
            client.swiftia_delete(&id).await.unwrap().expect(200);
        }
        if !by_id.is_empty() {
            client.templated_delete(&by_id).await.unwrap().expect(200);
        }
    }
    client.sirv_unlock(locked).await.unwrap().expect(200);
    client.merple_delete(locked).await.unwrap().expect(200);
    client.sirv_delete(&["/load"]).await.unwrap().expect(200);
}

fn is_output(account: &Account, piece: usize) -> bool {
    account.commands.iter().any(|command| command.outputs.contains(&piece))
}

/// Waits until every byte is gone, and expects the account to come out even.
pub async fn drained(client: &Client) {
    let usage = client.settled_usage().await;
    assert_eq!(usage["live"], json!({ "files": 0, "bytes": 0 }), "{usage}");
    assert_eq!(usage["uploaded"], usage["settled"], "{usage}");
}
