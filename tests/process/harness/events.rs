//! The server-sent events of a deletion as they stand on the wire, and what must be true of their
//! course. The benchmark watches with it, too, so that nothing here panics.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

/// How long may pass without a word: an event, or the comment that comes every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// There are four events a second at most.
const EVENT_MILLIS_MIN: u128 = 250;
/// How many more there may be over two connections: each begins with one, and some were delayed.
const EVENTS_BESIDE_MAX: u128 = 4;

/// One event: when it came, its id, its name, its data.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Instant,
    pub id: u64,
    pub name: String,
    pub data: Value,
}

impl Event {
    /// A count of what was `doomed` or `purged`: `files` or `bytes`.
    fn count(&self, part: &str, what: &str) -> anyhow::Result<u64> {
        self.data[part][what].as_u64().with_context(|| format!("no {part} {what} in {self:?}"))
    }
}

/// A stream of events.
pub struct Watch {
    response: Response,
    unread: String,
}

impl Watch {
    /// Opens it with a request for the events, behind the event that was seen last.
    pub async fn open(mut request: RequestBuilder, last: Option<u64>) -> anyhow::Result<Self> {
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?;
        ensure!(response.status().as_u16() == 200, "{response:?}");
        ensure!(response.headers()["content-type"] == "text/event-stream", "{response:?}");
        Ok(Self { response, unread: String::new() })
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            while let Some((piece, rest)) = self.unread.split_once("\n\n") {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.unread = rest;
                if let Some(event) = event_in(&piece)? {
                    return Ok(Some(event));
                }
            }
            let chunk = tokio::time::timeout(SILENCE_MAX, self.response.chunk()).await;
            let Some(chunk) = chunk.context("the stream is silent")?? else { return Ok(None) };
            self.unread.push_str(std::str::from_utf8(&chunk)?);
        }
    }

    /// All events to the end.
    pub async fn rest(mut self) -> anyhow::Result<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(events)
    }
}

/// Watches over two connections, one after the other: the first is cut when so many percent are
/// gone, the second goes on behind the last event of the first. All events of both.
pub async fn watch_in_two(
    request: impl Fn() -> RequestBuilder,
    cut_percent: u64,
) -> anyhow::Result<Vec<Event>> {
    let mut first = Watch::open(request(), None).await?;
    let mut events = Vec::new();
    while let Some(event) = first.next().await? {
        let (id, percent) = (event.id, event.data["percent"].as_u64());
        events.push(event);
        if (cut_percent..100).contains(&percent.context("no percent")?) {
            drop(first);
            events.extend(Watch::open(request(), Some(id)).await?.rest().await?);
            return Ok(events);
        }
    }
    bail!("it ended before it was cut: {events:?}")
}

/// `None` for a comment, or for what tells the client how to come back.
fn event_in(piece: &str) -> anyhow::Result<Option<Event>> {
    let field = |name: &str| {
        let mut lines = piece.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(field, _)| *field == name).map(|(_, value)| value.to_owned())
    };
    let Some(data) = field("data") else { return Ok(None) };
    let id = field("id").with_context(|| format!("no id in {piece}"))?.parse()?;
    let name = field("event").with_context(|| format!("no name in {piece}"))?;
    Ok(Some(Event { at: Instant::now(), id, name, data: serde_json::from_str(&data)? }))
}

/// Fails unless nothing that was told ever went back, nothing was gone that had not been taken, and the
/// end is exact.
pub fn check_course(events: &[Event], files: u64, bytes: u64) -> anyhow::Result<()> {
    let parts =
        [("doomed", "files"), ("doomed", "bytes"), ("purged", "files"), ("purged", "bytes")];
    for pair in events.windows(2) {
        ensure!(pair[0].id < pair[1].id, "ids do not grow: {pair:?}");
        ensure!(pair[0].name == "progress", "an end before the end: {pair:?}");
        for (part, what) in parts {
            let (before, after) = (pair[0].count(part, what)?, pair[1].count(part, what)?);
            ensure!(before <= after, "{part} {what} go back: {pair:?}");
        }
        ensure!(pair[0].data["percent"].as_u64() <= pair[1].data["percent"].as_u64(), "{pair:?}");
    }
    for event in events {
        for what in ["files", "bytes"] {
            let (doomed, purged) = (event.count("doomed", what)?, event.count("purged", what)?);
            ensure!(purged <= doomed, "more {what} are gone than were taken: {event:?}");
        }
    }
    let Some(last) = events.last() else { bail!("no course was told") };
    let gone = json!({ "files": files, "bytes": bytes });
    ensure!(last.name == "settled" && last.data["purged"] == gone, "not exact: {last:?}");
    ensure!(last.data["percent"] == 100 && last.data["state"] == "settled", "{last:?}");
    Ok(())
}

/// Fails if it was told more often than promised: over one connection, or two one after the other.
pub fn check_pace(events: &[Event]) -> anyhow::Result<()> {
    let [first, .., last] = events else { bail!("no course was told: {events:?}") };
    let promised = last.at.duration_since(first.at).as_millis() / EVENT_MILLIS_MIN;
    ensure!(events.len() as u128 <= promised + EVENTS_BESIDE_MAX, "{} events", events.len());
    Ok(())
}
