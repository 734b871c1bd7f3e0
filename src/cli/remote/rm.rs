//! `delenda rm`: shows what would go, asks, commits just that, and follows it to its end.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::arguments::{Rm, Written};
use super::talk::{Talk, note};
use super::{once, shown, watch};
use crate::cli::Ending;
use crate::client::{Client, ClientError, Committed, DryRun, Matching, NewDeletion};

/// Paths of a sample that are shown.
const SAMPLE_SHOWN_MAX: usize = 10;

pub(super) async fn run(client: &Client, rm: &Rm, talk: &Talk) -> Result<Ending, ClientError> {
    if rm.paths.iter().any(|path| path.path.is_root()) {
        let reason = "/ is not deleted: name what lies in it";
        return Ok(Ending::Refused(Some(reason.to_owned())));
    }
    talk.if_interrupted("interrupted: nothing was deleted");
    let wanted = wanted(rm);
    let names = names(rm);
    let shown = match client.dry_run(&wanted).await {
        Ok(shown) => shown,
        Err(error) => return refused(error, &names, talk),
    };
    tell(&shown, &names, talk)?;
    if rm.dry_run {
        return Ok(Ending::Done);
    }
    let goes = shown.doomed;
    if goes.files == 0 && goes.folders == 0 {
        return Ok(Ending::Refused(Some("nothing would be deleted".to_owned())));
    }
    if !rm.yes && !is_wanted(&shown).await? {
        return Ok(Ending::Refused(Some("nothing was deleted".to_owned())));
    }
    talk.if_interrupted(
        "interrupted while it was committed: see `delenda deletions list` whether it was",
    );
    let committed = match (&shown.plan, shown.no_plan.as_deref()) {
        (Some(plan), _) => client.commit(plan, goes.files, &once()).await,
        (None, Some("goes_in_steps")) => {
            let wanted = NewDeletion { confirm: Some(goes.files), ..wanted };
            client.delete(&wanted, &once()).await
        }
        (None, _) => {
            let reason = "the organization has as many stored plans as it may have: nothing was \
                          deleted, try again later";
            return Ok(Ending::Refused(Some(reason.to_owned())));
        }
    };
    match committed {
        Ok(committed) => committed_and_followed(client, (rm, goes.files), &committed, talk).await,
        Err(error) => refused(error, &names, talk),
    }
}

async fn committed_and_followed(
    client: &Client,
    (rm, expected): (&Rm, u64),
    committed: &Committed,
    talk: &Talk,
) -> Result<Ending, ClientError> {
    let deletion = &committed.deletion;
    talk.object(committed)?;
    let steps = if deletion.is_selecting() { ", and goes on in steps" } else { "" };
    talk.line(&format!("deleted {} as {}{steps}", shown::doomed(&deletion.doomed), deletion.id))?;
    let last = match rm.no_wait || deletion.is_settled() {
        true => deletion.clone(),
        false => watch::to_the_end(client, &deletion.id, Some(expected), talk).await?,
    };
    if deletion.is_selecting() && last.is_settled() {
        let ended = if last.cancelled_at.is_some() { ", then it was cancelled" } else { "" };
        talk.line(&format!("deleted {} in all{ended}", shown::doomed(&last.doomed)))?;
    }
    match last.is_settled() {
        true => talk.line("all bytes are gone")?,
        false => talk.line(&format!("bytes go: delenda deletions watch {}", last.id))?,
    }
    let stayed = [
        (last.missing, "not there"),
        (last.locked_in_all(), "locked"),
        (last.changed.files + last.changed.folders, "changed since shown"),
        (u64::from(last.cancelled_at.is_some()), "cancelled before all were taken"),
    ];
    let stayed: Vec<String> = stayed
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    Ok(match stayed.is_empty() {
        true => Ending::Done,
        false => Ending::Partly(Some(format!("not deleted: {}", stayed.join(", ")))),
    })
}

fn wanted(rm: &Rm) -> NewDeletion {
    let older_than = rm.older_than.map(|age| age.as_secs());
    let prefix = rm.prefix.as_ref().map(|prefix| prefix.path.to_string());
    let matching = Matching { prefix, tags: rm.tag.clone(), older_than };
    NewDeletion {
        ids: rm.id.clone(),
        paths: rm.paths.iter().map(Written::as_selector).collect(),
        commands: rm.command.clone(),
        matching: Some(matching)
            .filter(|given| *given != Matching::default())
            .into_iter()
            .collect(),
        atomic: rm.atomic,
        dry_run: false,
        confirm: None,
    }
}

/// What the items of the answer are about, in their order.
fn names(rm: &Rm) -> Vec<String> {
    let paths = rm.paths.iter().map(Written::as_selector);
    let commands = rm.command.iter().map(|id| format!("command {id}"));
    let ids = rm.id.iter().map(|id| format!("id {id}"));
    ids.chain(paths).chain(commands).chain(["what matches".to_owned()]).collect()
}

fn name(names: &[String], index: u32) -> &str {
    let index = usize::try_from(index).ok();
    index.and_then(|index| names.get(index)).map_or("?", String::as_str)
}

/// Tells what would go, and what would stay.
fn tell(shown: &DryRun, names: &[String], talk: &Talk) -> Result<(), ClientError> {
    talk.object(&json!({ "dry_run": true, "would_delete": shown.doomed, "missing": shown.missing,
        "items": shown.items, "sample": shown.sample, "goes_in_steps":
        shown.no_plan.as_deref() == Some("goes_in_steps") }))?;
    for item in &shown.items {
        if let Some(line) = shown::item(item, name(names, item.index)) {
            talk.line(&line)?;
        }
    }
    for path in shown.sample.iter().take(SAMPLE_SHOWN_MAX) {
        talk.line(&format!("  {path}"))?;
    }
    let more = shown.doomed.files.saturating_sub(SAMPLE_SHOWN_MAX as u64);
    if more > 0 && !shown.sample.is_empty() {
        talk.line(&format!("  … and {more} more"))?;
    }
    talk.line(&format!("would delete {}", shown::doomed(&shown.doomed)))?;
    match shown.no_plan.as_deref() {
        Some("goes_in_steps") => talk.line(
            "in steps: locked ones among these stay, and what comes to match before the commit goes",
        ),
        Some(_) | None => Ok(()),
    }
}

/// A refused request, with what stood against it.
fn refused(error: ClientError, names: &[String], talk: &Talk) -> Result<Ending, ClientError> {
    if let ClientError::Refused(problem) = &error {
        talk.object(&json!({ "refused": problem }))?;
        for item in &problem.items {
            if let Some(line) = shown::item(item, name(names, item.index)) {
                note(&line);
            }
        }
        if problem.r#type == "/problems/too-many-files" {
            note("without --atomic so many files go in steps");
        }
    }
    Err(error)
}

/// Asks whoever sits before the terminal; where nobody does, nothing is deleted.
async fn is_wanted(shown: &DryRun) -> Result<bool, ClientError> {
    if !std::io::stdin().is_terminal() {
        note("nobody can be asked here: give --yes to delete without a question");
        return Ok(false);
    }
    let question = format!("delete {}? [y/N] ", shown::doomed(&shown.doomed));
    let answer = tokio::task::spawn_blocking(move || {
        let mut output = std::io::stderr().lock();
        write!(output, "{question}").and_then(|()| output.flush())?;
        drop(output);
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = match answer.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(ClientError::Local(error.to_string())),
        Err(error) => return Err(ClientError::Local(error.to_string())),
    };
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
