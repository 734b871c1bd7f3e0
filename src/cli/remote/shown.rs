//! Entries, records and items as lines for people. Pure.

use indicatif::{DecimalBytes, HumanCount};

use super::bars;
use super::talk::{count, files};
use crate::client::{Deletion, Doomed, Entry, Event, Item};

/// Locked entries that a line of an item names.
const LOCKED_SHOWN_MAX: usize = 20;

/// What a line of a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The name.
    Short,
    /// Lock, size and time, too; the size perhaps as people say it.
    Long { human: bool },
}

/// One line of a list.
pub(super) fn entry(entry: &Entry, name: &str, look: Look) -> String {
    let slash = if entry.is_folder() && !name.ends_with('/') { "/" } else { "" };
    let human = match look {
        Look::Short => return format!("{name}{slash}"),
        Look::Long { human } => human,
    };
    let lock = if entry.locked { 'L' } else { '-' };
    let size = match (entry.size, human) {
        (None, _) => "-".to_owned(),
        (Some(size), true) => DecimalBytes(size).to_string(),
        (Some(size), false) => size.to_string(),
    };
    let time = entry.modified_at.as_deref().unwrap_or(&entry.created_at);
    format!("{lock} {size:>14}  {time}  {name}{slash}")
}

/// All there is to say of an entry, a line each.
pub(super) fn details(entry: &Entry) -> Vec<String> {
    let kind = if entry.is_folder() { "folder" } else { "file" };
    let mut lines = vec![
        format!("path: {}", entry.path),
        format!("kind: {kind}"),
        format!("id: {}", entry.id),
        format!("locked: {}", if entry.locked { "yes" } else { "no" }),
        format!("created: {}", entry.created_at),
    ];
    let sizes = [("size", entry.size), ("files in it", entry.files), ("bytes in it", entry.bytes)];
    let sizes = sizes.into_iter().filter_map(|(name, value)| Some((name, value?.to_string())));
    let texts =
        [("modified", &entry.modified_at), ("type", &entry.content_type), ("version", &entry.etag)];
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    let tags = entry.tags.iter().filter(|tags| !tags.is_empty());
    let tags = tags.map(|tags| ("tags", tags.join(", ")));
    lines.extend(sizes.chain(texts).chain(tags).map(|(name, value)| format!("{name}: {value}")));
    lines
}

/// What goes, in words.
pub(super) fn doomed(doomed: &Doomed) -> String {
    let files = files(doomed.files, doomed.bytes);
    match doomed.folders {
        0 => files,
        folders => format!("{files} and {}", count(folders, "folder", "folders")),
    }
}

/// What became of a selector; nothing to say of what just went.
pub(super) fn item(item: &Item, selector: &str) -> Option<String> {
    let word = match item.outcome.as_str() {
        "deleted" | "within" | "joined" | "selecting" => return None,
        "missing" => "nothing is there",
        "partly" => "something locked in it stays",
        "locked" => "locked, stays",
        "forbidden" => "the key does not see it",
        "precondition_failed" => "another version, stays",
        "changed" => "changed since it was planned, stays",
        other => other,
    };
    let shown = item.locked.iter().take(LOCKED_SHOWN_MAX).map(String::as_str);
    let more = item.locked_count.unwrap_or(0).saturating_sub(LOCKED_SHOWN_MAX as u64);
    let mut locked: Vec<String> = shown.map(ToOwned::to_owned).collect();
    if more > 0 {
        locked.push(format!("and {more} more"));
    }
    let locked = if locked.is_empty() { String::new() } else { format!(": {}", locked.join(", ")) };
    Some(format!("{selector}: {word}{locked}"))
}

/// One line of a list of deletions.
pub(super) fn deletion(deletion: &Deletion) -> String {
    let Deletion { id, committed_at, state, percent, door, .. } = deletion;
    let doomed = doomed(&deletion.doomed);
    format!("{id}  {committed_at}  {state:<8} {percent:>3} %  {door:<10}  {doomed}")
}

/// How far a deletion is, behind its bar.
pub(super) fn progress(event: &Event) -> String {
    let amount =
        |files: u64, bytes: u64| format!("{} ({})", HumanCount(files), DecimalBytes(bytes));
    let doomed = amount(event.doomed.files, event.doomed.bytes);
    let purged = amount(event.purged.files, event.purged.bytes);
    let left = event.seconds_left.map(|seconds| format!("  {} left", bars::time(seconds)));
    format!("doomed {doomed}  purged {purged}{}", left.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Entry {
        serde_json::from_str(
            r#"{"id":"1","path":"/a/b","kind":"file","locked":true,"created_at":"C",
                "size":12,"modified_at":"M","content_type":"text/plain","tags":["x","y"]}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_line_of_a_list_says_more_where_it_is_asked_to() {
        let (long, human) = (Look::Long { human: false }, Look::Long { human: true });
        assert_eq!(entry(&file(), "b", Look::Short), "b");
        assert_eq!(entry(&file(), "b", long), "L             12  M  b");
        let large = Entry { size: Some(1_500_000), ..file() };
        assert_eq!(entry(&large, "b", human), "L        1.50 MB  M  b");
        let folder = Entry { kind: crate::client::Kind::Folder, size: None, ..file() };
        assert_eq!(entry(&folder, "b", Look::Short), "b/");
    }

    #[test]
    fn details_name_only_what_there_is() {
        let lines = details(&file());
        for line in ["kind: file", "locked: yes", "size: 12", "tags: x, y"] {
            assert!(lines.iter().any(|found| found == line), "{line}: {lines:?}");
        }
        assert!(!lines.iter().any(|line| line.starts_with("version")), "{lines:?}");
    }

    #[test]
    fn an_item_is_told_of_only_where_something_stays() {
        let with = |outcome: &str, locked: &[&str]| Item {
            outcome: outcome.to_owned(),
            locked: locked.iter().map(|path| (*path).to_owned()).collect(),
            ..Item::default()
        };
        assert_eq!(item(&with("deleted", &[]), "/a"), None);
        assert_eq!(item(&with("missing", &[]), "/a").unwrap(), "/a: nothing is there");
        let partly = item(&with("partly", &["/a/b", "/a/c"]), "/a").unwrap();
        assert_eq!(partly, "/a: something locked in it stays: /a/b, /a/c");
        assert_eq!(item(&with("new word", &[]), "/a").unwrap(), "/a: new word");
    }
}
