//! `delenda deletions`: how deletions go.

use super::arguments::Deletions;
use super::talk::Talk;
use super::{shown, watch};
use crate::cli::Ending;
use crate::client::{Client, ClientError, Deletion};

/// Deletions of a page at most.
const PAGE_DELETIONS_MAX: u64 = 1000;

pub(super) async fn run(
    client: &Client,
    deletions: &Deletions,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    match deletions {
        Deletions::List { purging, limit, .. } => {
            list(client, purging.then_some("purging"), *limit, talk).await
        }
        Deletions::Show(one) => {
            tell(client, &client.deletion(&one.id).await?, talk).await?;
            Ok(Ending::Done)
        }
        Deletions::Watch(one) => {
            let deletion = watch::to_the_end(client, &one.id, None, talk).await?;
            tell(client, &deletion, talk).await?;
            Ok(Ending::Done)
        }
        Deletions::Cancel(one) => {
            let deletion = client.cancel(&one.id).await?;
            talk.say(&shown::deletion(&deletion), &deletion)?;
            Ok(Ending::Done)
        }
    }
}

async fn list(
    client: &Client,
    state: Option<&str>,
    limit: u64,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let (mut left, mut cursor) = (limit, None::<String>);
    while left > 0 {
        let page = client.deletions(state, left.min(PAGE_DELETIONS_MAX), cursor.as_deref()).await?;
        for deletion in &page.deletions {
            talk.say(&shown::deletion(deletion), deletion)?;
        }
        left = left.saturating_sub(page.deletions.len() as u64);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(Ending::Done)
}

async fn tell(client: &Client, deletion: &Deletion, talk: &Talk) -> Result<(), ClientError> {
    talk.say(&shown::deletion(deletion), deletion)?;
    for item in client.deletion_items(&deletion.id).await? {
        let selector = format!("item {}", item.index);
        if let Some(line) = shown::item(&item, &selector) {
            talk.line(&line)?;
        }
        talk.object(&item)?;
    }
    Ok(())
}
