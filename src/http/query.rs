//! (stub)
/// A strictly parsed query.
#[derive(Debug)]
pub struct Query;
