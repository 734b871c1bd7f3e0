//! Streaming in: an intent, then bytes, then the row, in that order and each durable before the
//! next. Whatever is interrupted leaves an intent behind, by which the sweep finds the bytes.

mod build;
mod copy;
mod intents;
mod resumable;
mod store;

#[cfg(test)]
mod tests;

pub use self::build::{Build, BuildError, Part};
pub use self::copy::{Copies, CopyError};
pub use self::intents::IntentPool;
pub use self::resumable::{
    BeginError, PARTIAL_IDLE_MAX, PARTIAL_LIFETIME, PartialRequest, Piece, PieceError, Progress,
    Proof,
};
pub use self::store::{Received, UploadError, UploadLimits, UploadRequest, Uploader};
