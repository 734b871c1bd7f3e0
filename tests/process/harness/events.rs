//! The events of a deletion, read as a browser does.

use std::time::Duration;

use reqwest::{Method, Response, Result};
use serde_json::{Value, json};

use super::Client;
use super::client::Proof;

/// How long a test waits for one event.
const EVENT_WAIT: Duration = Duration::from_secs(30);

/// One event: its id, its name, its data.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: u64,
    pub name: String,
    pub data: Value,
}

/// A stream of events.
pub struct Watch {
    response: Response,
    text: String,
}

impl Watch {
    /// Opens it behind the event with the id `last`.
    pub async fn open(client: &Client, deletion: &str, last: Option<u64>) -> Self {
        Self::try_open(client, deletion, last).await.unwrap()
    }

    /// The same of a server that may be gone.
    pub async fn try_open(client: &Client, deletion: &str, last: Option<u64>) -> Result<Self> {
        let target = format!("/delenda/v1/deletions/{deletion}/events");
        let mut request = client.request(Method::GET, &target, Proof::Bearer).await?;
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self { response, text: String::new() })
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        self.try_next().await.unwrap()
    }

    /// The same of a server that may go.
    pub async fn try_next(&mut self) -> Result<Option<Event>> {
        loop {
            while let Some((piece, rest)) = self.text.split_once("\n\n") {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = event_in(&piece) {
                    return Ok(Some(event));
                }
            }
            let chunk = tokio::time::timeout(EVENT_WAIT, self.response.chunk()).await;
            let Some(chunk) = chunk.expect("the stream speaks")? else { return Ok(None) };
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// All events to the end.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// `None` for a comment, or for what tells the client how to come back.
fn event_in(piece: &str) -> Option<Event> {
    let field = |name: &str| {
        let lines = piece.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(field, _)| *field == name).map(|(_, value)| value.to_owned()).next()
    };
    let data = serde_json::from_str(&field("data")?).unwrap();
    Some(Event { id: field("id")?.parse().unwrap(), name: field("event")?, data })
}

/// Fails unless nothing that was told ever went back, and the end is exact.
pub fn assert_course(events: &[Event], files: u64, bytes: u64) {
    let number = |event: &Event, part: &str, what: &str| event.data[part][what].as_u64().unwrap();
    for pair in events.windows(2) {
        assert!(pair[0].id < pair[1].id, "{pair:?}");
        assert_eq!(pair[0].name, "progress", "{pair:?}");
        for (part, what) in
            [("doomed", "files"), ("doomed", "bytes"), ("purged", "files"), ("purged", "bytes")]
        {
            assert!(number(&pair[0], part, what) <= number(&pair[1], part, what), "{pair:?}");
        }
        assert!(pair[0].data["percent"].as_u64() <= pair[1].data["percent"].as_u64(), "{pair:?}");
    }
    let last = events.last().expect("the end is told");
    let gone = json!({ "files": files, "bytes": bytes });
    assert_eq!((last.name.as_str(), &last.data["purged"]), ("settled", &gone));
    assert_eq!((&last.data["percent"], &last.data["state"]), (&json!(100), &json!("settled")));
}
