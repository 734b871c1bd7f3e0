//! Streaming in: an intent, then bytes, then the row, in that order and each durable before the
//! next. Whatever is interrupted leaves an intent behind, by which the sweep finds the bytes.

mod intents;
mod store;

pub use self::intents::IntentPool;
pub use self::store::{Received, UploadError, UploadLimits, UploadRequest, Uploader};
