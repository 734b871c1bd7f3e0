//! (stub)
/// Bounds in this process.
pub struct Floods;
