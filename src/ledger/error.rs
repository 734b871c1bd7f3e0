//! What a caller of the ledger cannot help.

use std::error::Error;

/// What somebody could do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerErrorKind {
    /// The database cannot be reached or is stopping; nothing was changed. Try again later.
    Unavailable,
    /// The disk is full; nothing was changed.
    DiskFull,
    /// The database holds what it must not hold, or a statement failed. Nothing was changed.
    Corrupt,
}

/// A transaction that did not happen.
#[derive(Debug, thiserror::Error)]
#[error("ledger: {context}")]
pub struct LedgerError {
    /// What somebody could do about it.
    pub kind: LedgerErrorKind,
    /// What was being done.
    pub context: &'static str,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl LedgerErrorKind {
    /// An error of this kind with its cause.
    pub fn caused_by(
        self,
        context: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> LedgerError {
        LedgerError { kind: self, context, source: Some(source.into()) }
    }

    /// An error of this kind that is its own cause.
    pub fn because(self, context: &'static str) -> LedgerError {
        LedgerError { kind: self, context, source: None }
    }
}
