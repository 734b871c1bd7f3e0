//! What lies in directories of this machine, without following links.

use std::fs::FileType;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::arguments::below;
use crate::domain::path::EntryPath;

/// The length of a file, and when it was changed last.
pub(super) type Seen = (u64, Option<SystemTime>);

/// Something that was met on the way through a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// A file, where it is to lie, and its bytes with the time of its last change.
    File { source: PathBuf, path: EntryPath, seen: Seen },
    /// A directory with nothing in it.
    Empty { path: EntryPath },
    /// Neither file nor directory.
    Passed { source: PathBuf, why: &'static str },
    /// It cannot be read, or has no name that can be stored.
    Unreadable { source: PathBuf, reason: String },
}

/// All that lies at some places, each with the path that it is to have. One directory is held in
/// memory at a time, and those that are open above it.
pub(super) struct Walk {
    /// What is still to be looked at, the next one last; or why it cannot be stored.
    open: Vec<(PathBuf, Result<EntryPath, String>)>,
}

impl Walk {
    pub(super) fn new(places: Vec<(PathBuf, EntryPath)>) -> Self {
        let open = places.into_iter().rev().map(|(source, path)| (source, Ok(path)));
        Self { open: open.collect() }
    }

    fn look(&mut self, source: PathBuf, path: EntryPath) -> Option<Met> {
        let found = match std::fs::symlink_metadata(&source) {
            Ok(found) => found,
            Err(error) => return Some(Met::Unreadable { source, reason: error.to_string() }),
        };
        if found.is_dir() {
            return match self.enter(&source, &path) {
                Ok(0) => Some(Met::Empty { path }),
                Ok(_) => None,
                Err(reason) => Some(Met::Unreadable { source, reason }),
            };
        }
        Some(match kind_of(found.file_type()) {
            None => Met::File { source, path, seen: (found.len(), found.modified().ok()) },
            Some(why) => Met::Passed { source, why },
        })
    }

    /// Puts what lies in a directory before all else; how much that is.
    fn enter(&mut self, directory: &Path, path: &EntryPath) -> Result<usize, String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(|error| error.to_string())? {
            let name = entry.map_err(|error| error.to_string())?.file_name();
            found.push((directory.join(&name), name));
        }
        found.sort_by(|one, other| other.1.cmp(&one.1));
        let number = found.len();
        for (source, name) in found {
            let name = name.to_str().ok_or_else(|| "its name is no UTF-8".to_owned());
            self.open.push((source, name.and_then(|name| below(path, name))));
        }
        Ok(number)
    }
}

impl Iterator for Walk {
    type Item = Met;

    fn next(&mut self) -> Option<Met> {
        loop {
            let (source, path) = self.open.pop()?;
            let path = match path {
                Ok(path) => path,
                Err(reason) => return Some(Met::Unreadable { source, reason }),
            };
            if let Some(met) = self.look(source, path) {
                return Some(met);
            }
        }
    }
}

/// Why something is not stored; `None` for a file.
fn kind_of(found: FileType) -> Option<&'static str> {
    if found.is_file() {
        None
    } else if found.is_symlink() {
        Some("it is a link")
    } else {
        Some("it is neither file nor directory")
    }
}

/// The name that something has by its path; that of where it leads for `.` and the like.
pub(super) fn name_of(source: &Path) -> Result<String, String> {
    let named = match source.file_name() {
        Some(name) => Some(name.to_owned()),
        None => source.canonicalize().ok().and_then(|whole| whole.file_name().map(Into::into)),
    };
    let named = named.and_then(|name| name.into_string().ok());
    named.ok_or_else(|| format!("{} has no name that can be stored", source.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text).unwrap()
    }

    #[test]
    fn a_tree_is_walked_in_order_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::fs::create_dir_all(at("b/empty")).unwrap();
        std::fs::write(at("b/two"), "22").unwrap();
        std::fs::write(at("a"), "1").unwrap();
        std::os::unix::fs::symlink(place.path(), at("c")).unwrap();
        let met: Vec<Met> = Walk::new(vec![(place.path().to_owned(), path("/t"))]).collect();
        let seen = |name: &str| {
            let found = std::fs::metadata(at(name)).unwrap();
            (found.len(), found.modified().ok())
        };
        let expected = [
            Met::File { source: at("a"), path: path("/t/a"), seen: seen("a") },
            Met::Empty { path: path("/t/b/empty") },
            Met::File { source: at("b/two"), path: path("/t/b/two"), seen: seen("b/two") },
            Met::Passed { source: at("c"), why: "it is a link" },
        ];
        assert_eq!(met, expected);
    }

    #[test]
    fn what_is_not_there_or_has_no_usable_name_is_named() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("a\nb"), "").unwrap();
        std::fs::write(place.path().join("good"), "").unwrap();
        let walk = Walk::new(vec![
            (place.path().to_owned(), path("/t")),
            (place.path().join("none"), path("/n")),
        ]);
        let met: Vec<Met> = walk.collect();
        let unreadable = met.iter().filter(|met| matches!(met, Met::Unreadable { .. })).count();
        // What lies beside it is stored.
        assert_eq!((unreadable, met.len()), (2, 3), "{met:?}");
    }

    #[test]
    fn a_place_has_the_name_of_what_it_is() {
        for (text, name) in [("/a/b", "b"), ("/a/b/", "b"), ("b", "b")] {
            assert_eq!(name_of(Path::new(text)), Ok(name.to_owned()));
        }
        assert!(name_of(Path::new("/")).is_err());
        assert!(!name_of(Path::new(".")).unwrap().is_empty());
    }
}
