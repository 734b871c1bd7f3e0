//! Keepsakes: what stays readable of a version after its file is gone.
//!
//! Outputs of commands and files uploaded through `RenderIO` leave one, written together with the
//! version, so that no deletion has to think of it. A keepsake has no name and is shown through
//! `RenderIO` alone.

use super::blob::BlobKey;
use super::clock::Timestamp;
use super::entry::Origin;
use super::id::EntryId;

/// A file as it is remembered: live, or what was kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// The file's identity.
    pub id: EntryId,
    /// How the version came to be; a live file without a keepsake is [`Origin::Ordinary`].
    pub origin: Origin,
    /// Bytes.
    pub size: u64,
    /// A media type.
    pub content_type: String,
    /// When the file was made.
    pub created_at: Timestamp,
    /// Where its bytes lie, while it is live; else `None`.
    pub live: Option<BlobKey>,
}
