//! Usage: how much of what an organization ever stored is live, on its way out, or gone.

use std::ops::{Add, AddAssign, Sub};

/// A number of files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files, each version counted by itself.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Tally {
    /// One file of `bytes` bytes.
    pub const fn one(bytes: u64) -> Self {
        Self { files: 1, bytes }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Tally {
    type Output = Self;

    /// Saturates at zero; `verify` reports a counter that would have gone below.
    fn sub(self, other: Self) -> Self {
        Self {
            files: self.files.saturating_sub(other.files),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}

/// One organization's usage. In every snapshot
/// `uploaded = live + doomed + condemned + settled` (I9), and `live` is the sum of the live
/// files (I13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Every version that was ever stored.
    pub uploaded: Tally,
    /// What can be seen.
    pub live: Tally,
    /// Invisible, in a doomed folder that is not expanded yet.
    pub doomed: Tally,
    /// Invisible, on the purge queue.
    pub condemned: Tally,
    /// Gone, and durably so.
    pub settled: Tally,
}

impl Usage {
    /// Whether the five parts agree (I9).
    pub fn is_conserved(&self) -> bool {
        self.uploaded == self.live + self.doomed + self.condemned + self.settled
    }
}
