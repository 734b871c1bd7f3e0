//! Uploads that come in pieces.

use super::blob::{BlobFacts, BlobKey};
use super::clock::Timestamp;
use super::entry::{Attributes, NewVersion, Origin};
use super::id::{EntryId, UploadId};
use super::overwrite::Overwrite;
use super::path::EntryPath;

/// An upload that was announced, and of which perhaps not all bytes are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialUpload {
    /// The outside's name of it.
    pub id: UploadId,
    /// Where the file is to go. Its parents are found when it is whole.
    pub path: EntryPath,
    /// The file's identity, where the path holds none by then.
    pub entry: EntryId,
    /// Whether no file may lie there by then.
    pub only_new: bool,
    /// What the client said of the file.
    pub attributes: Attributes,
    /// What the client said, as it said it.
    pub metadata: String,
    /// Bytes that it will have.
    pub length: u64,
    /// Bytes of it that are durable and acknowledged; as many as `length` only when it is finished.
    pub received: u64,
    /// Where its bytes go.
    pub blob: BlobKey,
    /// When it was announced.
    pub created_at: Timestamp,
    /// From then on it is gone, finished or not; a file that it has become stays.
    pub expires_at: Timestamp,
    /// The file that it has become.
    pub file: Option<EntryId>,
}

impl PartialUpload {
    /// The version that it becomes with these bytes.
    pub fn version(self, content: BlobFacts) -> NewVersion {
        NewVersion {
            entry: self.entry,
            path: self.path,
            overwrite: if self.only_new { Overwrite::IfNone } else { Overwrite::Always },
            blob: self.blob,
            content,
            attributes: self.attributes,
            output_of: None,
            origin: Origin::Ordinary,
        }
    }
}
