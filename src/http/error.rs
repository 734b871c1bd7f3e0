//! Every way in which a request can fail, whatever the dialect. `usual.rs` says what each kind is
//! where no contract says otherwise; each dialect renders all of them in its own shape.

use std::time::Duration;

use http::StatusCode;

use super::pace::is_too_slow;
use crate::blobs::BlobError;
use crate::deletion::record::AllowanceState;
use crate::domain::clock::Timestamp;
use crate::domain::entry::{TAGS_MAX, UploadRefusal};
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::ledger::tree::TreeRefusal;
use crate::ledger::{ChangeRefusal, LedgerError};
use crate::uploads::UploadError;

/// A request that did not do what it asked for, and changed nothing unless it says so.
#[derive(Debug)]
pub enum ApiError {
    /// No key, a key that does not work, a key in a form that this dialect does not take. 401
    Unauthenticated,
    /// The key is good, and its organization is switched off. 401; one dialect says 404.
    OrganizationGone,
    /// An operator key that names no organization, where one must be named. 400
    OrganizationRequired,
    /// The request names another organization than the key's. 403
    OrganizationMismatch,
    /// The key lacks this scope. 403
    Forbidden(Scope),
    /// Only a key that belongs to no organization may do this. 403
    OperatorsOnly,
    /// The request would write to a path that is not the key's to see. 403
    OutsidePrefix,
    /// A signed url whose signature is wrong, or that has expired. 403
    SignatureRefused,
    /// Nothing there, as far as the caller can see. 404
    NotFound,
    /// The path exists, the method does not. 405 with `Allow`.
    MethodNotAllowed {
        /// The methods that exist there, as the header writes them.
        allow: &'static str,
    },
    /// The head of the request has a part that is longer than what is taken. 414 or 431, and the
    /// connection ends.
    HeadTooLong(HeadPart),
    /// The request means nothing, or more than one thing; the text says what. 400
    Invalid(String),
    /// The request is well formed and its content is not acceptable. 422
    Unprocessable(String),
    /// Something exists already, is closed, or is not empty. 409
    Conflict(String),
    /// These are locked, or lie below a lock. The status is the dialect's.
    Locked(Vec<EntryPath>),
    /// Another request was made with the same idempotency key. 422
    IdempotencyMismatch,
    /// The body, or a part of it, is larger than this many bytes. 413
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// The body is of a media type that the route does not take. 415
    UnsupportedMediaType,
    /// What is there is not what the request's conditions want. 412
    PreconditionFailed,
    /// More files would go than may without a confirmation of just this number. 409
    Unconfirmed {
        /// Files.
        files: u64,
    },
    /// A piece of an upload is not what its checksum says. 460
    ChecksumMismatch,
    /// The range lies outside of a file of this many bytes. 416
    RangeNotSatisfiable {
        /// Bytes.
        size: u64,
    },
    /// Too many requests. 429 with `Retry-After`.
    RateLimited(RateLimited),
    /// The client took too long. 408, and the connection ends.
    Timeout,
    /// Part of the product's interface that delenda does not have. 501
    NotImplemented,
    /// No more space: the organization's, or the disk's. 507
    InsufficientStorage(String),
    /// Deleted, but the bytes could not be removed in time. 500; the entry stays deleted.
    BytesRemain,
    /// The ledger or the blob store cannot be reached. 503
    Unavailable(Source),
    /// Our fault. 500
    Internal(Source),
}

/// A part of a request's head that can be too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadPart {
    /// What stands between the method and the version.
    Target,
    /// The lines below, by their number or their bytes.
    Headers,
}

impl HeadPart {
    /// The status of the refusal, the same in every dialect.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Target => StatusCode::URI_TOO_LONG,
            Self::Headers => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    /// What is wrong.
    pub fn text(self) -> &'static str {
        match self {
            Self::Target => "the request target is too long",
            Self::Headers => "the request has too many headers, or too long ones",
        }
    }
}

impl ApiError {
    /// Why and for how long the caller has to wait, where this is one request too many.
    pub fn rate_limited(&self) -> Option<RateLimited> {
        if let Self::RateLimited(limited) = self { Some(*limited) } else { None }
    }
}

/// The cause of an error that is ours; logged once, never shown.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why and for how long a caller has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// Requests that the window allows.
    pub limit: u32,
    /// When a request would be accepted again.
    pub until: Timestamp,
    /// How long that is from now; rounded up to whole seconds in `Retry-After`.
    pub wait: Duration,
}

impl RateLimited {
    /// The refusal of a request that is over its allowance.
    pub fn from_allowance(state: AllowanceState, now: Timestamp) -> Self {
        Self { limit: state.limit, until: state.resets_at, wait: state.resets_at.since(now) }
    }

    /// Whole seconds to wait, rounded up, at least one.
    pub fn retry_after_seconds(self) -> u64 {
        u64::try_from(self.wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        use crate::ledger::LedgerErrorKind;
        match error.kind {
            LedgerErrorKind::Unavailable => Self::Unavailable(error.into()),
            LedgerErrorKind::DiskFull => {
                Self::InsufficientStorage("no space is left on the server".to_owned())
            }
            LedgerErrorKind::Corrupt => Self::Internal(error.into()),
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        use crate::blobs::BlobErrorKind;
        match error.kind {
            BlobErrorKind::Unavailable => Self::Unavailable(error.into()),
            BlobErrorKind::Full => {
                Self::InsufficientStorage("no space is left on the server".to_owned())
            }
            BlobErrorKind::Corrupt => Self::Internal(error.into()),
        }
    }
}

impl<E: Into<Source>> From<UploadError<E>> for ApiError {
    fn from(error: UploadError<E>) -> Self {
        match error {
            UploadError::Refused(refusal) => refusal.into(),
            UploadError::TooLarge { limit } => Self::TooLarge { limit },
            UploadError::Stalled => Self::Timeout,
            UploadError::Body(error) => {
                let error: Source = error.into();
                match is_too_slow(error.as_ref()) {
                    true => Self::Timeout,
                    false => Self::Invalid(format!("the body broke off: {error}")),
                }
            }
            UploadError::Blobs(error) => error.into(),
            UploadError::Ledger(error) => error.into(),
        }
    }
}

impl From<UploadRefusal> for ApiError {
    fn from(refusal: UploadRefusal) -> Self {
        match refusal {
            UploadRefusal::Exists => Self::Conflict("a file exists at this path".to_owned()),
            UploadRefusal::VersionChanged => Self::PreconditionFailed,
            UploadRefusal::IsFolder => Self::Conflict("a folder is at this path".to_owned()),
            UploadRefusal::ParentIsFile(path) => {
                Self::Conflict(format!("a file is where a folder would have to be: {path}"))
            }
            UploadRefusal::Locked(path) => Self::Locked(vec![path]),
            UploadRefusal::OutsidePrefix => Self::OutsidePrefix,
            UploadRefusal::IntentExpired => Self::Timeout,
            UploadRefusal::NoCommand => Self::NotFound,
            UploadRefusal::CommandClosed => Self::Conflict(
                "the outputs of this command were deleted: it takes no more".to_owned(),
            ),
            UploadRefusal::ReserveSpent => Self::InsufficientStorage(
                "no space is left for uploads, only for deleting".to_owned(),
            ),
            UploadRefusal::MediaType => Self::UnsupportedMediaType,
            UploadRefusal::FileTooLarge { limit } => Self::TooLarge { limit },
            UploadRefusal::BacklogFull => Self::InsufficientStorage(
                "too much of what was deleted is not removed yet".to_owned(),
            ),
            UploadRefusal::FilesQuota { limit } => {
                Self::InsufficientStorage(format!("the quota of {limit} files is used up"))
            }
            UploadRefusal::BytesQuota { limit } => Self::InsufficientStorage(format!(
                "the quota of {limit} bytes leaves no room for this"
            )),
        }
    }
}

impl From<ChangeRefusal> for ApiError {
    fn from(refusal: ChangeRefusal) -> Self {
        match refusal {
            ChangeRefusal::Missing => Self::NotFound,
            ChangeRefusal::VersionChanged => Self::PreconditionFailed,
            ChangeRefusal::Tree(refusal) => refusal.into(),
        }
    }
}

impl From<TreeRefusal> for ApiError {
    fn from(refusal: TreeRefusal) -> Self {
        let invalid = |text: &str| Self::Invalid(text.to_owned());
        match refusal {
            TreeRefusal::Missing => Self::NotFound,
            // As with uploads: a path beyond one's prefix asks for a right that the key lacks.
            TreeRefusal::OutsidePrefix => Self::OutsidePrefix,
            TreeRefusal::Exists => Self::Conflict("something is at this path already".to_owned()),
            TreeRefusal::ParentIsFile(path) => {
                Self::Conflict(format!("a file is where a folder would have to be: {path}"))
            }
            TreeRefusal::IsFolder => invalid("the path names a folder"),
            TreeRefusal::IntoItself => invalid("a folder cannot be moved into itself"),
            TreeRefusal::Reserved(path) | TreeRefusal::Locked(path) => Self::Locked(vec![path]),
            TreeRefusal::TooLarge => {
                Self::Conflict("more is in the folder than can be moved at once".to_owned())
            }
            TreeRefusal::PathTooLong => invalid("the path of something in it would be too long"),
            TreeRefusal::TooManyTags => invalid(&format!("a file has at most {TAGS_MAX} tags")),
            TreeRefusal::OtherFolder => invalid("the continuation is not one of this folder"),
            TreeRefusal::ReserveSpent => {
                Self::InsufficientStorage("no space is left for this, only for deleting".to_owned())
            }
        }
    }
}
