//! (stub)
/// Signs urls and tokens.
pub struct Signer;
