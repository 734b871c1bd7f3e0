//! Where files go whose client names no path: one folder a day beneath `/uploads` or `/commands`,
//! beneath the key's prefix where it has one.

use super::error::ApiError;
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Attributes, TAGS_MAX};
use crate::domain::id::{CommandId, EntryId};
use crate::domain::path::{EntryName, EntryPath, NAME_BYTES_MAX, PATH_BYTES_MAX, PathError};

/// Bytes of an id in its canonical form, with the hyphen that follows it in a name.
const ID_BYTES: usize = 37;
/// Bytes of a title at most.
const TITLE_BYTES_MAX: usize = 255;
/// Bytes of one tag at most.
const TAG_BYTES_MAX: usize = 255;

/// `<prefix>/uploads/<date>/<id>-<name>`, the name trimmed until it fits.
pub fn upload_path(
    prefix: &EntryPath,
    now: Timestamp,
    id: EntryId,
    title: &str,
) -> Result<EntryPath, PathError> {
    let folder = day_folder(prefix, "uploads", now)?;
    let room = PATH_BYTES_MAX.saturating_sub(folder.as_str().len() + 1);
    let name = EntryName::trimmed(title, NAME_BYTES_MAX.min(room).saturating_sub(ID_BYTES));
    folder.child(&EntryName::parse(&format!("{id}-{name}"))?)
}

/// `<prefix>/commands/<date of the command>/<command id>-<name>`. The name is never trimmed: two
/// outputs of a command must not meet.
pub fn output_path(
    prefix: &EntryPath,
    made_at: Timestamp,
    command: CommandId,
    name: &str,
) -> Result<EntryPath, PathError> {
    let folder = day_folder(prefix, "commands", made_at)?;
    EntryName::parse(name)?;
    folder.child(&EntryName::parse(&format!("{command}-{name}"))?)
}

fn day_folder(prefix: &EntryPath, top: &str, time: Timestamp) -> Result<EntryPath, PathError> {
    prefix.child(&EntryName::parse(top)?)?.child(&EntryName::parse(&time.date())?)
}

/// A path that is of no use is the client's fault, or that of the key's prefix.
impl From<PathError> for ApiError {
    fn from(error: PathError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// The name that answers show: the client's, without what no name can hold.
pub fn title_of(name: &str) -> String {
    let mut title = String::new();
    for letter in name.chars().filter(|letter| !letter.is_control()) {
        if title.len() + letter.len_utf8() > TITLE_BYTES_MAX {
            break;
        }
        title.push(letter);
    }
    if title.is_empty() { "file".to_owned() } else { title }
}

/// The attributes of a file of which only this is known.
pub fn attributes(title: String, content_type: String) -> Attributes {
    Attributes { title, content_type, tags: Vec::new(), description: None, external_id: None }
}

/// Tags in the order given: trimmed, without blanks and repetition.
pub fn tags_of<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<String>, ApiError> {
    let mut tags: Vec<String> = Vec::new();
    for tag in texts.map(str::trim).filter(|tag| !tag.is_empty()) {
        if tag.len() > TAG_BYTES_MAX {
            return Err(ApiError::Invalid(format!("a tag is longer than {TAG_BYTES_MAX} bytes")));
        }
        if tags.iter().any(|known| known == tag) {
            continue;
        }
        if tags.len() == TAGS_MAX {
            return Err(ApiError::Invalid(format!("more than {TAGS_MAX} tags are given")));
        }
        tags.push(tag.to_owned());
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_599_999);

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text).unwrap()
    }

    #[test]
    fn uploads_lie_beneath_the_prefix_in_a_folder_of_the_day() {
        let id = EntryId::from_bytes([7; 16]);
        let placed = upload_path(&path("/team/a"), NOW, id, "my/ca\nt.png").unwrap();
        assert_eq!(placed.as_str(), format!("/team/a/uploads/2025-12-31/{id}-mycat.png"));
        let long = upload_path(&EntryPath::root(), NOW, id, &"n".repeat(400)).unwrap();
        assert_eq!(long.name().unwrap().as_str().len(), NAME_BYTES_MAX);
    }

    #[test]
    fn a_long_prefix_leaves_a_shorter_name_and_never_a_panic() {
        let id = EntryId::from_bytes([7; 16]);
        let longest = format!("/{}", vec!["a".repeat(99); 10].join("/"));
        for length in 850..longest.len() {
            let prefix = path(longest[..length].trim_end_matches('/'));
            match upload_path(&prefix, NOW, id, "a long name.png") {
                Ok(placed) => assert!(placed.as_str().len() <= PATH_BYTES_MAX),
                Err(error) => assert_eq!(error, PathError::TooLong),
            }
        }
    }

    #[test]
    fn two_outputs_of_a_command_never_meet() {
        let command = CommandId::from_bytes([9; 16]);
        let root = EntryPath::root();
        let placed = output_path(&root, NOW, command, "out.mp4").unwrap();
        assert_eq!(placed.as_str(), format!("/commands/2025-12-31/{command}-out.mp4"));
        assert_eq!(
            output_path(&root, NOW, command, &"n".repeat(219)),
            Err(PathError::SegmentTooLong)
        );
        for wrong in ["", ".", "..", "a/b", "a\0"] {
            assert!(output_path(&root, NOW, command, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn tags_keep_their_order_and_stand_once() {
        let tags = tags_of([" b", "a", "", "b ", "  "].into_iter()).unwrap();
        assert_eq!(tags, ["b", "a"]);
        let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
        assert!(tags_of(many.iter().map(String::as_str)).is_err());
        assert!(tags_of(std::iter::once("t".repeat(256).as_str())).is_err());
    }

    #[test]
    fn a_title_is_the_clients_name_as_far_as_it_is_one() {
        assert_eq!(title_of("a/b\r\n.png"), "a/b.png");
        assert_eq!(title_of(""), "file");
        assert_eq!(title_of(&"ä".repeat(200)).len(), 254);
    }
}
