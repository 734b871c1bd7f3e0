//! The five dialects: each keeps one vendor's contract at the edge, over the one engine. No dialect
//! names another.

pub mod renderio;
pub mod swiftia;
pub mod templated;
