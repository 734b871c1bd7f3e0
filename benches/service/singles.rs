//! Files one by one, and ids by the thousand.

use std::sync::Arc;

use anyhow::Context;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;

use super::Bench;
use super::installation::Key;
use super::rounds::{Plan, Round, per_second};
use super::wire::{request, request_with};

const CONNECTIONS: usize = 64;
pub const FILE_BYTES: usize = 4096;
const IDS_PER_REQUEST: usize = 1000;
const SHUFFLE_SEED: u64 = 1;

/// Uploads files of which the ids are wanted, all over some connections; their ids in the order
/// of the uploads.
pub async fn upload_by_id(bench: &Bench, key: &Key, count: usize) -> anyhow::Result<Vec<String>> {
    let plan = Plan::new(bench.server.address, CONNECTIONS, count, 201);
    let header = format!("{}\r\nContent-Type: multipart/form-data; boundary=b", key.bearer());
    let content = "x".repeat(FILE_BYTES);
    let round = plan
        .run(move |number| {
            let disposition = format!("form-data; name=\"file\"; filename=\"{number}\"");
            let body =
                format!("--b\r\nContent-Disposition: {disposition}\r\n\r\n{content}\r\n--b--\r\n");
            request_with("POST", "/api/uploads/files", &header, body.as_bytes())
        })
        .await?;
    let ids = round.bodies.iter().map(|body| {
        let file: Value = serde_json::from_slice(body)?;
        file["id"].as_str().map(str::to_owned).context("an id")
    });
    ids.collect()
}

/// Uploads files by path.
pub async fn upload_by_path(
    bench: &Bench,
    key: &Key,
    (count, bytes): (usize, usize),
    path: impl Fn(usize) -> String + Send + Sync + 'static,
) -> anyhow::Result<Round> {
    let plan = Plan::new(bench.server.address, CONNECTIONS, count, 201);
    let (header, content) = (key.merple(), "x".repeat(bytes));
    plan.run(move |number| {
        let target = format!("/fso?path={}", path(number));
        request_with("POST", &target, &header, content.as_bytes())
    })
    .await
}

/// What the server takes before anybody asked for anything.
pub fn idle_memory(bench: &mut Bench) -> anyhow::Result<()> {
    std::thread::sleep(std::time::Duration::from_secs(2));
    let (now, _) = bench.server.memory_mib()?;
    bench.report("memory, idle", format!("{now:.1} MiB"), "<= 30 MiB", now <= 30.0);
    Ok(())
}

/// Deletes files one by one, in the order given.
pub async fn delete_singly(plan: &Plan, key: &Key, ids: Vec<String>) -> anyhow::Result<Round> {
    let (header, ids) = (key.bearer(), Arc::new(ids));
    plan.run(move |number| {
        request("DELETE", &format!("/api/uploads/files/{}", ids[number]), &header)
    })
    .await
}

/// Small uploads, and single deletes that answer when the bytes are gone.
pub async fn uploads_and_single_deletes(bench: &mut Bench) -> anyhow::Result<()> {
    let key = bench.server.organization("singles")?;
    let count = bench.size(20_000);
    let path = |number: usize| format!("/up/{}/{number}", number % 64);
    let round = upload_by_path(bench, &key, (count, FILE_BYTES), path).await?;
    let measured = rate_and_latency(&round);
    bench.report("upload 4 KiB, 64 connections", measured, ">= 3,000/s", round.rate() >= 3e3);

    let mut ids = upload_by_id(bench, &key, count).await?;
    ids.shuffle(&mut StdRng::seed_from_u64(SHUFFLE_SEED));
    let plan = Plan::new(bench.server.address, CONNECTIONS, count, 200);
    let round = delete_singly(&plan, &key, ids).await?;
    let met = round.rate() >= 6e3 && round.percentile_ms(99) <= 40.0;
    let what = "delete one by one, 64 connections, shuffled";
    bench.report(what, rate_and_latency(&round), ">= 6,000/s, p99 <= 40 ms", met);
    bench.server.ask(&request("DELETE", "/fso?path=/up", &key.merple())).await?;
    bench.server.settled(&key).await
}

fn rate_and_latency(round: &Round) -> String {
    let (p50, p99) = (round.percentile_ms(50), round.percentile_ms(99));
    format!("{:.0}/s, p50 {p50:.1}, p99 {p99:.1} ms", round.rate())
}

/// All-or-none deletes of a thousand ids each.
pub async fn many_ids(bench: &mut Bench) -> anyhow::Result<()> {
    let key = bench.server.organization("many")?;
    let count = bench.size(100_000);
    for (order, least, target) in
        [("in upload order", 20e3, ">= 20,000 ids/s"), ("in random order", 8e3, ">= 8,000 ids/s")]
    {
        let mut ids = upload_by_id(bench, &key, count).await?;
        if order == "in random order" {
            ids.shuffle(&mut StdRng::seed_from_u64(SHUFFLE_SEED));
        }
        bench.server.settled(&key).await?;
        let plan = Plan::new(bench.server.address, 1, count / IDS_PER_REQUEST, 200);
        let header = key.bearer();
        let requests: Vec<Vec<u8>> = ids
            .chunks(IDS_PER_REQUEST)
            .map(|ids| {
                request("DELETE", &format!("/v1/uploads?ids={}", ids.join("&ids=")), &header)
            })
            .collect();
        let round = plan.run(move |number| requests[number].clone()).await?;
        let rate = per_second(count, round.elapsed);
        let measured = format!("{rate:.0} ids/s, p99 {:.0} ms", round.percentile_ms(99));
        let what = format!("delete 1,000 ids atomically, {order}");
        bench.report(&what, measured, target, rate >= least);
        bench.server.settled(&key).await?;
    }
    Ok(())
}
