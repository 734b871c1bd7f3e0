//! A deletion that is watched from two connections: whether what was told is monotone, ends exact,
//! and foretold its end.

use std::time::Instant;

use anyhow::{Context, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::Bench;
use super::events::{Event, Watch, check_course, check_pace, watch_in_two};
use super::folders::MILLION_FOLDERS;
use super::installation::Key;
use super::singles::upload_by_path;
use super::wire::{request, request_with};

/// When one of the two connections is cut.
const CUT_PERCENT: u64 = 40;
/// Estimates of these percents are held against what came: before, nothing is known of the pace,
/// and behind, whole seconds are too coarse.
const ESTIMATES_PERCENT: std::ops::Range<u64> = 10..90;

/// One folder goes, of as many files as asked for; every file has one byte.
pub async fn two_connections(bench: &mut Bench) -> anyhow::Result<()> {
    let key = bench.server.organization("watched")?;
    let count = bench.size(bench.files);
    println!("  filling a tree of {count} files");
    let path = |number: usize| format!("/tree/{}/{number}", number % MILLION_FOLDERS);
    upload_by_path(bench, &key, (count, 1), path).await?;
    bench.server.settled(&key).await?;

    let begun = Instant::now();
    let deletion = delete(bench, &key).await?;
    let watching = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{}/delenda/v1/deletions/{deletion}/events", bench.server.address);
    let question = || -> RequestBuilder { watching.get(&url).bearer_auth(&key.secret) };
    let whole = Watch::open(question(), None).await?;
    let (whole, cut) = tokio::join!(whole.rest(), watch_in_two(question, CUT_PERCENT));
    let (elapsed, whole, cut) = (begun.elapsed().as_secs_f64(), whole?, cut?);
    let files = u64::try_from(count)?;
    for events in [&whole, &cut] {
        check_course(events, files, files)?;
        check_pace(events)?;
    }
    let target = format!("/delenda/v1/deletions/{deletion}");
    let record = bench.server.ask(&request("GET", &target, &key.bearer())).await?;
    for events in [&whole, &cut] {
        check_end(events, &record)?;
    }

    let what = format!("watch a deletion of {count} files from two connections");
    let (ours, others) = (whole.len(), cut.len());
    let measured = format!("{ours} + {others} events, {elapsed:.1} s, exact");
    bench.report(&what, measured, "monotone and exact", true);
    let (early, late) = estimates(&whole)?;
    let measured = format!("{early:.2} to {late:.2} times what came");
    let what = "the same: the time left, four fifths of the estimates";
    bench.report(what, measured, "0.5 to 2 times", early >= 0.5 && late <= 2.0);
    Ok(())
}

async fn delete(bench: &Bench, key: &Key) -> anyhow::Result<String> {
    let header = format!("{}\r\nPrefer: respond-async", key.bearer());
    let body = json!({ "paths": ["/tree"] }).to_string();
    let question = request_with("POST", "/delenda/v1/deletions", &header, body.as_bytes());
    let made = bench.server.ask(&question).await?;
    Ok(made["id"].as_str().context("an id")?.to_owned())
}

/// What was told last is what the record says.
fn check_end(events: &[Event], record: &Value) -> anyhow::Result<()> {
    let last = &events.last().context("an event")?.data;
    for member in ["state", "doomed", "purged", "percent"] {
        ensure!(last[member] == record[member], "{member}: {last} and {record}");
    }
    Ok(())
}

/// How many times as long as it took the estimates said it would: the tenth and the ninetieth
/// percentile.
fn estimates(events: &[Event]) -> anyhow::Result<(f64, f64)> {
    let end = events.last().context("an event")?.at;
    let ratio = |event: &Event| {
        let said = event.data["seconds_left"].as_f64()?;
        let percent = event.data["percent"].as_u64()?;
        let came = end.duration_since(event.at).as_secs_f64();
        ESTIMATES_PERCENT.contains(&percent).then_some(said / came)
    };
    let mut ratios: Vec<f64> = events.iter().filter_map(ratio).collect();
    ensure!(!ratios.is_empty(), "no estimate of the time left among {} events", events.len());
    ratios.sort_unstable_by(f64::total_cmp);
    let last = ratios.len() - 1;
    Ok((ratios[last / 10], ratios[last * 9 / 10]))
}
