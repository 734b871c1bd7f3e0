//! Whole folders, against `rm -rf` of the same tree on the same disk in the same minutes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use super::Bench;
use super::installation::{Key, succeed};
use super::rounds::{Plan, per_second};
use super::singles::{FILE_BYTES, delete_singly, upload_by_id, upload_by_path};
use super::wire::{Connection, request, request_with};

const FOLDERS: usize = 256;
const FILES: usize = 100_000;
/// Folders of a tree of a million files.
pub const MILLION_FOLDERS: usize = 1000;
const OTHERS: usize = 8;
const PROGRESS_MAX: Duration = Duration::from_secs(3600);

/// How long `rm -rf` takes for a tree like the one that is deleted through the server.
fn rm_seconds(bench: &Bench, count: usize) -> anyhow::Result<f64> {
    let root = bench.place.path().join("plain");
    make_tree(&root, count)?;
    let begun = Instant::now();
    succeed(Command::new("rm").arg("-rf").arg(&root))?;
    let seconds = begun.elapsed().as_secs_f64();
    // What `rm` left to the journal must not be paid for by whoever comes next.
    succeed(&mut Command::new("sync"))?;
    Ok(seconds)
}

fn make_tree(root: &Path, count: usize) -> anyhow::Result<()> {
    let content = vec![b'x'; FILE_BYTES];
    for folder in 0..FOLDERS {
        std::fs::create_dir_all(root.join(folder.to_string()))?;
    }
    for file in 0..count {
        std::fs::write(root.join((file % FOLDERS).to_string()).join(file.to_string()), &content)?;
    }
    succeed(&mut Command::new("sync"))?;
    Ok(())
}

async fn fill(bench: &Bench, key: &Key, count: usize) -> anyhow::Result<()> {
    let path = |number: usize| format!("/tree/{}/{number}", number % FOLDERS);
    upload_by_path(bench, key, (count, FILE_BYTES), path).await?;
    // Both trees are wholly on the disk before anything of them goes.
    succeed(&mut Command::new("sync"))?;
    bench.server.settled(key).await
}

/// One call that deletes a folder.
pub async fn one_folder(bench: &mut Bench) -> anyhow::Result<()> {
    let (key, count) = (bench.server.organization("folder")?, bench.size(FILES));
    fill(bench, &key, count).await?;
    let before = rm_seconds(bench, count)?;
    let begun = Instant::now();
    bench.server.ask(&request("DELETE", "/fso?path=/tree", &key.merple())).await?;
    let answered = begun.elapsed().as_secs_f64();
    bench.server.settled(&key).await?;
    let gone = begun.elapsed().as_secs_f64();
    let plain = f64::midpoint(before, rm_seconds(bench, count)?);
    let what = format!("delete a folder of {count} files in {FOLDERS}: answer");
    let answered_ms = answered * 1e3;
    bench.report(&what, format!("{answered_ms:.1} ms"), "<= 50 ms", answered_ms <= 50.0);
    report_ratio(bench, "the same: all bytes gone", (gone, plain), ("<= 1.2 x rm -rf", 1.2));
    Ok(())
}

/// One batch that deletes a folder, until it reports that it is through.
pub async fn one_batch(bench: &mut Bench) -> anyhow::Result<()> {
    let (key, count) = (bench.server.organization("batch")?, bench.size(FILES));
    fill(bench, &key, count).await?;
    let header = bench.server.sirv_header(&key).await?;
    let before = rm_seconds(bench, count)?;
    let begun = Instant::now();
    let body = json!({ "filenames": ["/tree"] }).to_string();
    let with_type = format!("{header}\r\nContent-Type: application/json");
    let question = request_with("POST", "/v2/files/batch/delete", &with_type, body.as_bytes());
    let job = bench.server.ask(&question).await?;
    let target = format!("/v2/files/batch/delete?id={}", job["id"].as_str().context("an id")?);
    let question = request("GET", &target, &header);
    loop {
        let progress = bench.server.ask(&question).await?;
        if progress["progress"] == 100 {
            let deleted = &progress["result"]["deleted"];
            anyhow::ensure!(
                *deleted == json!({ "files": count, "dirs": FOLDERS + 1 }),
                "{deleted}"
            );
            break;
        }
        if begun.elapsed() > PROGRESS_MAX {
            bail!("stays at {progress}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let gone = begun.elapsed().as_secs_f64();
    let plain = f64::midpoint(before, rm_seconds(bench, count)?);
    let what = format!("batch delete of {count} files until progress 100");
    report_ratio(bench, &what, (gone, plain), ("<= 1.3 x rm -rf", 1.3));
    Ok(())
}

fn report_ratio(
    bench: &mut Bench,
    what: &str,
    (gone, plain): (f64, f64),
    (target, most): (&'static str, f64),
) {
    let ratio = gone / plain;
    let measured = format!("{gone:.2} s, rm -rf {plain:.2} s, ratio {ratio:.2}");
    bench.report(what, measured, target, ratio <= most);
}

/// A million small files go while another organization deletes its own.
pub async fn a_million(bench: &mut Bench) -> anyhow::Result<()> {
    let (key, other) = (bench.server.organization("million")?, bench.server.organization("other")?);
    let count = bench.size(bench.files);
    println!("  filling a tree of {count} files");
    let path = |number: usize| format!("/tree/{}/{number}", number % MILLION_FOLDERS);
    upload_by_path(bench, &key, (count, 1), path).await?;
    let calm_ids = upload_by_id(bench, &other, bench.size(20_000)).await?;
    let busy_ids = upload_by_id(bench, &other, bench.size(100_000)).await?;
    bench.server.settled(&key).await?;

    let plan = Plan::new(bench.server.address, OTHERS, calm_ids.len(), 200);
    let calm = delete_singly(&plan, &other, calm_ids).await?;
    bench.server.forget_peak()?;
    let begun = Instant::now();
    let question = request("DELETE", "/fso?path=/tree", &key.merple());
    let mut connection = Connection::open(bench.server.address).await?;
    let plan = Plan::new(bench.server.address, OTHERS, busy_ids.len(), 200);
    let stop = Arc::clone(&plan.stop);
    let other_key = other.clone();
    let others = tokio::spawn(async move { delete_singly(&plan, &other_key, busy_ids).await });
    let answer = connection.ask(&question).await?;
    anyhow::ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
    let answered = begun.elapsed().as_secs_f64() * 1e3;
    bench.server.settled(&key).await?;
    let elapsed = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    let busy = others.await??;
    let (_, peak) = bench.server.memory_mib()?;

    let what = format!("delete a folder of {count} files");
    let (gone, rate) = (elapsed.as_secs_f64(), per_second(count, elapsed));
    let measured = format!("{answered:.0} ms, gone {gone:.1} s, {rate:.0}/s");
    bench.report(&what, measured, "", true);
    bench.report("memory, peak meanwhile", format!("{peak:.1} MiB"), "<= 96 MiB", peak <= 96.0);
    let (calm_p99, busy_p99) = (calm.percentile_ms(99), busy.percentile_ms(99));
    let measured = format!("p99 {calm_p99:.1} -> {busy_p99:.1} ms, {} deletes", busy.len());
    let what = "another organization's single deletes meanwhile";
    bench.report(what, measured, "p99 + 15 ms at most", busy_p99 - calm_p99 <= 15.0);
    Ok(())
}
