//! The progress of a deletion as it goes: a stream of events, taken up again where it broke.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};

use super::deletions::{Amount, Doomed};
use super::error::ClientError;
use super::transport::{Call, Client, escaped};

/// How far a deletion is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `purging`, `settled`, and others.
    pub state: String,
    /// What it took.
    pub doomed: Doomed,
    /// What is durably gone.
    pub purged: Amount,
    /// Whole percent.
    pub percent: u8,
    /// An estimate; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

/// Bytes of a stream without the end of an event at most.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// How often the stream is opened again without an event in between.
const REOPENINGS_MAX: u32 = 10;
/// The pause before it is opened again.
const REOPENING_PAUSE: Duration = Duration::from_secs(1);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The events of one deletion, to its end.
pub struct Events<'a> {
    client: &'a Client,
    path: String,
    stream: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    unread: Vec<u8>,
    last_id: Option<String>,
    reopenings: u32,
    ended: bool,
}

/// One event of a stream, unread.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    id: Option<String>,
    name: String,
    data: String,
}

impl Client {
    /// Follows a deletion.
    pub fn events(&self, id: &str) -> Events<'_> {
        Events {
            client: self,
            path: format!("/deletions/{}/events", escaped(id)),
            stream: None,
            unread: Vec::new(),
            last_id: None,
            reopenings: 0,
            ended: false,
        }
    }
}

impl Events<'_> {
    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        while !self.ended {
            if let Some(message) = self.take_message()? {
                if message.id.is_some() {
                    self.last_id = message.id;
                }
                if message.data.is_empty() {
                    continue;
                }
                self.reopenings = 0;
                self.ended = message.name == "settled";
                let event = serde_json::from_str(&message.data)
                    .map_err(|error| ClientError::Unintelligible(error.to_string()))?;
                return Ok(Some(event));
            }
            self.read_on().await?;
        }
        Ok(None)
    }

    async fn read_on(&mut self) -> Result<(), ClientError> {
        let Some(stream) = &mut self.stream else { return self.open().await };
        if let Some(Ok(bytes)) = stream.next().await {
            self.unread.extend_from_slice(&bytes);
        } else {
            // The end before the last event, and a broken connection, are the same to us.
            self.stream = None;
            self.unread.clear();
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        if self.reopenings > REOPENINGS_MAX {
            let text = "the stream of events breaks again and again".to_owned();
            return Err(ClientError::Unreachable(text));
        }
        if self.reopenings > 0 {
            tokio::time::sleep(REOPENING_PAUSE).await;
        }
        self.reopenings += 1;
        let mut call = Call::get(&self.path);
        if let Some(id) = &self.last_id {
            call = call.header(LAST_EVENT_ID, id);
        }
        let response = match self.client.send(call).await {
            Ok(response) => response,
            // A server that starts anew is waited for; the first time the caller is told.
            Err(ClientError::Unreachable(_)) if self.reopenings > 1 => return Ok(()),
            Err(error) => return Err(error),
        };
        if response.status() == StatusCode::NO_CONTENT {
            self.ended = true;
            return Ok(());
        }
        self.stream = Some(response.bytes_stream().boxed());
        Ok(())
    }

    /// A whole message, if one was read.
    fn take_message(&mut self) -> Result<Option<Message>, ClientError> {
        let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") else {
            if self.unread.len() > EVENT_BYTES_MAX {
                return Err(ClientError::Unintelligible("an event has no end".to_owned()));
            }
            return Ok(None);
        };
        let text: Vec<u8> = self.unread.drain(..end + 2).collect();
        Ok(Some(message(&String::from_utf8_lossy(&text))))
    }
}

fn message(text: &str) -> Message {
    let mut message = Message::default();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => message.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut message.name),
            "data" => message.data.push_str(value),
            // Comments and pauses.
            _ => {}
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_field_by_field_and_comments_are_passed_over() {
        let expected = Message {
            id: Some("16".to_owned()),
            name: "progress".to_owned(),
            data: "{\"a\":1}".to_owned(),
        };
        assert_eq!(message("id: 16\nevent: progress\ndata: {\"a\":1}\n\n"), expected);
        assert_eq!(message(": still there\n\n"), Message::default());
        assert_eq!(message("retry: 2000\n\n"), Message::default());
    }
}
