//! What may lie at a path when a version comes to it. Decided in the transaction that stores.

use super::entry::UploadRefusal;
use super::id::BlobId;

/// Whether a version may replace a file, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// No file may lie there; one that does stays, and is in the way.
    Never,
    /// No file may lie there: that is the condition.
    IfNone,
    /// Any may, or none.
    Always,
    /// One must lie there, of whichever version.
    IfThere,
    /// One of these versions must lie there, and no other that came since.
    IfVersion(Vec<BlobId>),
}

impl Overwrite {
    /// Why a version may not come to where the file with this version lies, or none does.
    pub fn admit(&self, there: Option<BlobId>) -> Result<(), UploadRefusal> {
        match (self, there) {
            (Self::Never, Some(_)) => Err(UploadRefusal::Exists),
            (Self::IfNone, Some(_)) | (Self::IfThere | Self::IfVersion(_), None) => {
                Err(UploadRefusal::VersionChanged)
            }
            (Self::IfVersion(wanted), Some(there)) if !wanted.contains(&there) => {
                Err(UploadRefusal::VersionChanged)
            }
            (Self::Never | Self::IfNone | Self::Always, None)
            | (Self::Always | Self::IfThere | Self::IfVersion(_), Some(_)) => Ok(()),
        }
    }
}

impl From<bool> for Overwrite {
    fn from(overwrite: bool) -> Self {
        if overwrite { Self::Always } else { Self::Never }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_replaces_what_it_may_and_nothing_else() {
        let [one, other] = [1, 2].map(|byte| BlobId::from_bytes([byte; 16]));
        let only = |ids: &[BlobId]| Overwrite::IfVersion(ids.to_vec());
        let (exists, changed) = (Err(UploadRefusal::Exists), Err(UploadRefusal::VersionChanged));
        for (overwrite, nothing, there) in [
            (Overwrite::Never, Ok(()), exists),
            (Overwrite::IfNone, Ok(()), changed.clone()),
            (Overwrite::Always, Ok(()), Ok(())),
            (Overwrite::IfThere, changed.clone(), Ok(())),
            (only(&[one]), changed.clone(), Ok(())),
            (only(&[other, one]), changed.clone(), Ok(())),
            (only(&[other]), changed.clone(), changed.clone()),
            (only(&[]), changed.clone(), changed),
        ] {
            assert_eq!(overwrite.admit(None), nothing, "{overwrite:?}");
            assert_eq!(overwrite.admit(Some(one)), there, "{overwrite:?}");
        }
    }
}
