//! What went wrong with a blob store.

use std::error::Error;

/// What somebody could do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobErrorKind {
    /// The store does not answer, or not in order. Try again later.
    Unavailable,
    /// No space is left.
    Full,
    /// The store is not the one it should be, or holds what it must not hold.
    Corrupt,
}

/// An operation of which nothing is known but that it did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("blob store: {context}")]
pub struct BlobError {
    /// What somebody could do about it.
    pub kind: BlobErrorKind,
    /// What was being done.
    pub context: &'static str,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl BlobErrorKind {
    /// An error of this kind with its cause.
    pub fn caused_by(
        self,
        context: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> BlobError {
        BlobError { kind: self, context, source: Some(source.into()) }
    }

    /// An error of this kind that is its own cause.
    pub fn because(self, context: &'static str) -> BlobError {
        BlobError { kind: self, context, source: None }
    }
}
