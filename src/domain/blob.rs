//! Blobs: the stored bytes of one version of one file.

use super::id::BlobId;

/// How many consecutive blob numbers share one directory of a blob store.
pub const BLOBS_PER_DIRECTORY: i64 = 4096;

/// Where a blob lies. The number is drawn in order of time, so that blobs which came together lie
/// together and go together; the id makes the key unguessable and unique for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey {
    /// Drawn from one rising counter; never used twice.
    pub number: i64,
    /// Random; the name of the blob.
    pub id: BlobId,
}

impl BlobKey {
    /// The directory, by number, in which the blob lies.
    pub fn directory(self) -> i64 {
        self.number.div_euclid(BLOBS_PER_DIRECTORY)
    }
}

/// What is known of a blob once its last byte is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobFacts {
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of all bytes.
    pub checksum: [u8; 32],
}

/// A blob with its size, as the purge queue keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizedBlob {
    /// Where it lies.
    pub key: BlobKey,
    /// Bytes.
    pub size: u64,
}
