//! The five dialects: each keeps one vendor's contract at the edge, over the one engine. No dialect
//! names another.

pub mod merple;
pub mod renderio;
pub mod sirv;
pub mod swiftia;
pub mod templated;
