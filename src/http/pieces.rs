//! Uploads in pieces: why one fails, in the words of the edge.

use super::error::{ApiError, Source};
use super::pace::is_too_slow;
use crate::domain::once::Repeat;
use crate::uploads::{BeginError, PieceError};

impl From<BeginError> for ApiError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Refused(refusal) => refusal.into(),
            BeginError::TooLarge { limit } => Self::TooLarge { limit },
            BeginError::TooMany => {
                Self::Conflict("too many uploads are not finished; end or finish some".to_owned())
            }
            BeginError::Repeated(Repeat::OtherRequest) => Self::IdempotencyMismatch,
            // What it made is told by the route; here it is gone.
            BeginError::Repeated(Repeat::Of(_)) => Self::NotFound,
            BeginError::Ledger(error) => error.into(),
        }
    }
}

impl<E: Into<Source>> From<PieceError<E>> for ApiError {
    fn from(error: PieceError<E>) -> Self {
        match error {
            PieceError::Gone => Self::NotFound,
            PieceError::OtherOffset { received } => {
                Self::Conflict(format!("the upload goes on at byte {received}"))
            }
            PieceError::Busy => being_written(),
            PieceError::TooLong { missing } => Self::TooLarge { limit: missing },
            PieceError::ProofFailed => Self::ChecksumMismatch,
            PieceError::Stalled => Self::Timeout,
            PieceError::Body(error) => {
                let error: Source = error.into();
                match is_too_slow(error.as_ref()) {
                    true => Self::Timeout,
                    false => Self::Invalid(format!("the body broke off: {error}")),
                }
            }
            PieceError::Refused(refusal) => refusal.into(),
            PieceError::Blobs(error) => error.into(),
            PieceError::Ledger(error) => error.into(),
        }
    }
}

/// The refusal of whoever comes while a piece is being written.
pub fn being_written() -> ApiError {
    ApiError::Conflict("another request is writing to this upload".to_owned())
}
