//! Names: which blob lies under which path, and back.

use crate::domain::blob::BlobKey;
use crate::domain::id::BlobId;

/// Holds the installation's id; it lies in the root.
pub(super) const SENTINEL: &str = ".delenda";
/// The sentinel while it is written.
pub(super) const SENTINEL_PART: &str = ".delenda.part";
/// Made by the file system itself where the root is a mount point.
pub(super) const LOST_AND_FOUND: &str = "lost+found";

/// The name of a blob in its directory: its number in hexadecimal, and its id.
pub(super) fn blob_name(key: BlobKey) -> String {
    format!("{:x}-{}", key.number, key.id.simple())
}

/// The blob that lies in `directory` under `name`; only the very name that [`blob_name`] gives.
pub(super) fn parse_blob(directory: i64, name: &str) -> Option<BlobKey> {
    let (number, id) = name.split_once('-')?;
    let number = i64::from_str_radix(number, 16).ok()?;
    let key = BlobKey { number, id: BlobId::parse_simple(id)? };
    (number >= 0 && key.directory() == directory && blob_name(key) == name).then_some(key)
}

/// The name of a numbered directory in the root.
pub(super) fn directory_name(number: i64) -> String {
    number.to_string()
}

/// The numbered directory that is called `name`.
pub(super) fn parse_directory(name: &str) -> Option<i64> {
    let number: i64 = name.parse().ok()?;
    (number >= 0 && directory_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_its_blob_back() {
        let key = BlobKey { number: 0x1_2345, id: BlobId::from_bytes([0xab; 16]) };
        let name = blob_name(key);
        assert_eq!(name, format!("12345-{}", "ab".repeat(16)));
        assert_eq!(parse_blob(0x12, &name), Some(key));
    }

    #[test]
    fn a_name_that_no_blob_has_is_no_blob() {
        let id = "ab".repeat(16);
        let upper = "AB".repeat(16);
        for name in [
            format!("012345-{id}"),
            format!("+12345-{id}"),
            format!("-12345-{id}"),
            format!("12345-{upper}"),
            format!("12345-{id}.part"),
            format!("12345{id}"),
            format!("-{id}"),
            "12345-".to_owned(),
        ] {
            assert_eq!(parse_blob(0x12, &name), None, "{name}");
        }
        assert_eq!(parse_blob(0x13, &format!("12345-{id}")), None, "another directory");
    }

    #[test]
    fn only_a_plain_number_is_a_directory() {
        assert_eq!(parse_directory("0"), Some(0));
        assert_eq!(parse_directory("18"), Some(18));
        for name in ["018", "+18", "-18", "1 8", "", "x"] {
            assert_eq!(parse_directory(name), None, "{name}");
        }
    }
}
