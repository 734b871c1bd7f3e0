//! `delenda audit`: who deleted what, from the oldest on.

use super::arguments::Audit;
use super::shown;
use super::talk::Talk;
use crate::cli::Ending;
use crate::client::{AuditEntry, Client, ClientError};

pub(super) async fn run(
    client: &Client,
    audit: &Audit,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let given = [("since", &audit.since), ("until", &audit.until), ("key", &audit.key_id)];
    let given = given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let filters: Vec<(&str, &str)> = given.chain([("order", "oldest")]).collect();
    let (mut left, mut cursor) = (audit.limit, None::<String>);
    while left > 0 {
        let page = client.audit(&filters, cursor.as_deref()).await?;
        for entry in page.entries.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            talk.say(&line(entry), entry)?;
        }
        left = left.saturating_sub(page.entries.len() as u64);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(Ending::Done)
}

fn line(entry: &AuditEntry) -> String {
    let AuditEntry { at, deletion, key, door, outcome, .. } = entry;
    let doomed = shown::doomed(&entry.doomed);
    format!("{at}  {deletion}  by {key}  through {door:<10}  {outcome:<8}  {doomed}")
}
