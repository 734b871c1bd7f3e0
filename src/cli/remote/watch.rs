//! Following a deletion until its bytes are gone.

use super::shown;
use super::talk::Talk;
use crate::client::{Client, ClientError, Deletion};

const BAR: &str = "{bar:24} {percent:>3} %  {wide_msg}";

/// Follows a deletion to its end; its record then. `expected` files are meant to go in all, where
/// that is known.
pub(super) async fn to_the_end(
    client: &Client,
    id: &str,
    expected: Option<u64>,
    talk: &Talk,
) -> Result<Deletion, ClientError> {
    talk.if_interrupted(format!(
        "deletion {id} is committed and goes on without this command; \
         watch it: delenda deletions watch {id}"
    ));
    let mut events = client.events(id);
    let bar = talk.bar(0, BAR);
    while let Some(event) = events.next().await? {
        let all = match event.state.as_str() {
            // More are found, until all are.
            "selecting" => event.doomed.files.max(expected.unwrap_or_default()),
            _ => event.doomed.files,
        };
        bar.set_length(all);
        bar.set_position(event.purged.files);
        bar.set_message(shown::progress(&event));
        talk.object(
            &serde_json::json!({ "event": "progress", "deletion": id, "progress": event }),
        )?;
    }
    bar.finish_and_clear();
    client.deletion(id).await
}
