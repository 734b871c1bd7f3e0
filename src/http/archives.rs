//! Many files in or out at once: why that fails, in the words of the edge.

use super::error::{ApiError, Source};
use crate::archives::{PACK_FILES_MAX, PackError, UnpackError};
use crate::domain::attach::{ATTACH_ENTRIES_MAX, AttachRefusal};
use crate::domain::entry::UploadRefusal;
use crate::domain::once::Repeat;
use crate::uploads::CopyError;

impl From<AttachRefusal> for ApiError {
    fn from(refusal: AttachRefusal) -> Self {
        match refusal {
            AttachRefusal::TooMany => {
                Self::Invalid(format!("more than {ATTACH_ENTRIES_MAX} files and folders at once"))
            }
            AttachRefusal::Occupied(path) => {
                Self::Conflict(format!("something exists at this path: {path}"))
            }
            AttachRefusal::Entry(path, UploadRefusal::Exists) => {
                Self::Conflict(format!("a file exists at this path: {path}"))
            }
            AttachRefusal::Entry(path, UploadRefusal::IsFolder) => {
                Self::Conflict(format!("a folder is at this path: {path}"))
            }
            AttachRefusal::Entry(_, refusal) => refusal.into(),
            AttachRefusal::SourceChanged(_) => {
                Self::Conflict("a file was changed while it was copied".to_owned())
            }
            AttachRefusal::Repeated(Repeat::OtherRequest) => Self::IdempotencyMismatch,
            // What it made is told by the route; here it is gone.
            AttachRefusal::Repeated(Repeat::Of(_)) => Self::NotFound,
        }
    }
}

impl From<CopyError> for ApiError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::NotFound => Self::NotFound,
            CopyError::OtherVersion => Self::PreconditionFailed,
            CopyError::IntoItself => {
                Self::Invalid("a folder cannot be copied into itself".to_owned())
            }
            CopyError::TooLong => Self::Invalid("a path would be too long".to_owned()),
            CopyError::Expired => Self::Timeout,
            CopyError::Refused(refusal) => refusal.into(),
            CopyError::Blobs(error) => error.into(),
            CopyError::Ledger(error) => error.into(),
        }
    }
}

impl<E: Into<Source>> From<UnpackError<E>> for ApiError {
    fn from(error: UnpackError<E>) -> Self {
        match error {
            UnpackError::Upload(error) => error.into(),
            UnpackError::Unacceptable(what) => Self::Invalid(what.to_string()),
            UnpackError::Refused(refusal) => refusal.into(),
            UnpackError::Blobs(error) => error.into(),
        }
    }
}

/// Of an archive that was not begun; what happens later ends its stream.
impl From<PackError> for ApiError {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Deleted => Self::NotFound,
            PackError::TooMany => {
                Self::Invalid(format!("more than {PACK_FILES_MAX} files in one archive"))
            }
            PackError::Ledger(error) => error.into(),
            PackError::Blobs(error) => error.into(),
        }
    }
}
