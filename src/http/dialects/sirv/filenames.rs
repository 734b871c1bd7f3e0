//! From the paths of a batch to selectors. Pure.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::deletion::request::{SELECTORS_MAX, Selector};
use crate::domain::path::{EntryPath, WrittenPath};
use crate::http::error::ApiError;

/// The longest path that a batch may name, in characters.
const FILENAME_CHARS_MAX: usize = 1024;

/// One selector for each different path, in the order in which they first appear. A path that is
/// none selects nothing and is counted as not found; one that is dangerous refuses the batch.
pub(super) fn selectors(filenames: &[String]) -> Result<Vec<Selector>, ApiError> {
    if filenames.is_empty() {
        return Err(invalid("filenames must not be empty"));
    }
    if filenames.len() > SELECTORS_MAX {
        return Err(invalid(&format!("filenames must not be more than {SELECTORS_MAX}")));
    }
    let mut selectors = Vec::with_capacity(filenames.len());
    let mut places: HashMap<EntryPath, usize> = HashMap::new();
    let mut malformed: HashSet<&str> = HashSet::new();
    for filename in filenames {
        match written(filename)? {
            None if malformed.insert(filename) => selectors.push(Selector::Unmatchable),
            None => {}
            Some(path) => match places.entry(path.path.clone()) {
                Entry::Occupied(place) => loosen(&mut selectors[*place.get()], &path),
                Entry::Vacant(place) => {
                    place.insert(selectors.len());
                    selectors.push(Selector::Path(path));
                }
            },
        }
    }
    Ok(selectors)
}

/// Of `/a/` and `/a` together the latter counts: it finds whatever lies there.
fn loosen(selector: &mut Selector, repeated: &WrittenPath) {
    if let Selector::Path(path) = selector {
        path.says_folder &= repeated.says_folder;
    }
}

/// `None` where the text is no path.
fn written(filename: &str) -> Result<Option<WrittenPath>, ApiError> {
    if filename.chars().count() > FILENAME_CHARS_MAX {
        return Err(invalid(&format!(
            "a filename must not be longer than {FILENAME_CHARS_MAX} characters"
        )));
    }
    if filename.chars().any(char::is_control) {
        return Err(invalid("a filename has a control character"));
    }
    match EntryPath::parse_written(filename) {
        Ok(written) if written.path.is_root() => Err(invalid("'/' cannot be deleted")),
        Ok(written) => Ok(Some(written)),
        Err(_malformed) => Ok(None),
    }
}

fn invalid(text: &str) -> ApiError {
    ApiError::Invalid(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The selectors as texts; `?` for one that matches nothing.
    fn check(filenames: &[&str]) -> Result<Vec<String>, String> {
        let filenames: Vec<String> = filenames.iter().map(|&text| text.to_owned()).collect();
        let shown = |selector: &Selector| match selector {
            Selector::Path(path) if path.says_folder => format!("{}/", path.path),
            Selector::Path(path) => path.path.to_string(),
            Selector::Unmatchable => "?".to_owned(),
            Selector::File(_)
            | Selector::Entry(_)
            | Selector::Outputs(_)
            | Selector::Everything
            | Selector::Matching(_) => {
                panic!("a batch names paths")
            }
        };
        match selectors(&filenames) {
            Ok(selectors) => Ok(selectors.iter().map(shown).collect()),
            Err(ApiError::Invalid(text)) => Err(text),
            Err(other) => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn what_is_repeated_counts_once() {
        assert_eq!(check(&["/b", "/a", "/b"]).unwrap(), ["/b", "/a"]);
        assert_eq!(check(&["/a/", "/a"]).unwrap(), ["/a"]);
        assert_eq!(check(&["/a", "/a/"]).unwrap(), ["/a"]);
        assert_eq!(check(&["/a/", "/a/"]).unwrap(), ["/a/"]);
        assert_eq!(check(&["a", "//", "a", "/a"]).unwrap(), ["?", "?", "/a"]);
    }

    #[test]
    fn what_is_no_path_matches_nothing() {
        let long_segment = format!("/{}", "s".repeat(256));
        let many_bytes = format!("/{}", "ä/".repeat(400));
        for text in ["", "a", "a/b", "//", "/a//b", "/.", "/a/..", &long_segment, &many_bytes] {
            assert_eq!(check(&[text]).unwrap(), ["?"], "{text:?}");
        }
    }

    #[test]
    fn what_is_dangerous_or_too_much_refuses_the_batch() {
        for text in ["/", "/a\0", "a\u{7f}", "\u{85}", "/a\nb", &"ä".repeat(1025)] {
            assert!(check(&["/a", text]).is_err(), "{text:?}");
        }
        assert!(check(&[]).is_err());
        let paths: Vec<String> = (0..=1000).map(|n| format!("/{n}")).collect();
        assert_eq!(selectors(&paths[1..]).unwrap().len(), 1000);
        assert!(selectors(&paths).is_err());
        assert!(selectors(&vec!["/a".to_owned(); 1001]).is_err());
    }
}
