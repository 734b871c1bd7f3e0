//! Where the entries of an archive go. Pure.

use std::collections::BTreeSet;

use super::Unacceptable;
use super::directory::Listed;
use crate::domain::attach::ATTACH_WAY_FOLDERS_MAX;
use crate::domain::path::EntryPath;

/// The path of each entry below `target`, in order. Refuses names that lead elsewhere, that mean
/// different things to different readers, and that stand twice.
pub(super) fn places(
    target: &EntryPath,
    listed: &[Listed],
) -> Result<Vec<EntryPath>, Unacceptable> {
    let mut known = BTreeSet::new();
    let mut places = Vec::with_capacity(listed.len());
    for entry in listed {
        let place = place(target, entry)?;
        if !known.insert(place.clone()) {
            return Err(Unacceptable::entry(&entry.name, "stands there twice"));
        }
        places.push(place);
    }
    let files: BTreeSet<&EntryPath> = listed
        .iter()
        .zip(&places)
        .filter(|(entry, _)| !entry.is_folder())
        .map(|(_, p)| p)
        .collect();
    let mut way = BTreeSet::new();
    for (entry, place) in listed.iter().zip(&places) {
        for above in std::iter::successors(place.parent(), EntryPath::parent) {
            if files.contains(&above) {
                return Err(Unacceptable::entry(&entry.name, "lies in what is a file"));
            }
            // What lies above a folder that was met was met with it.
            if !way.insert(above) {
                break;
            }
        }
        if way.len() > ATTACH_WAY_FOLDERS_MAX {
            let text = format!("the archive has more than {ATTACH_WAY_FOLDERS_MAX} folders");
            return Err(Unacceptable::because(text));
        }
    }
    Ok(places)
}

fn place(target: &EntryPath, entry: &Listed) -> Result<EntryPath, Unacceptable> {
    let refuse = |text: &str| Unacceptable::entry(&entry.name, text);
    if entry.name.starts_with('/') {
        return Err(refuse("has an absolute name"));
    }
    // Some packers mean a folder by it, and most readers do not.
    if entry.name.contains('\\') {
        return Err(refuse("has a backslash in its name"));
    }
    let head = if target.is_root() { "" } else { target.as_str() };
    let written = EntryPath::parse_written(&format!("{head}/{}", entry.name));
    let written = written.map_err(|error| refuse(&format!("has a name of no use: {error}")))?;
    match written.path != *target && target.contains(&written.path) {
        true => Ok(written.path),
        false => Err(refuse("would leave the folder")),
    }
}
