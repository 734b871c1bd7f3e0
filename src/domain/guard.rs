//! The blast-radius guard: how much one request may delete before somebody has to say that just
//! this much is meant. Pure.

/// A share is given in whole percent, up to this.
pub const SHARE_PERCENT_MAX: u8 = 100;

/// What a request may doom without a confirmation. What is not said is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardLimits {
    /// Files at most.
    pub files_max: Option<u64>,
    /// Percent of the organization's live files at most.
    pub share_percent_max: Option<u8>,
}

impl GuardLimits {
    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            files_max: smaller(self.files_max, other.files_max),
            share_percent_max: smaller(self.share_percent_max, other.share_percent_max),
        }
    }

    /// Whether anything is limited.
    pub const fn is_any(self) -> bool {
        self.files_max.is_some() || self.share_percent_max.is_some()
    }

    /// Whether so many of the live files may go.
    fn allow(self, doomed: u64, live: u64) -> bool {
        let (part, whole) = (u128::from(doomed) * u128::from(SHARE_PERCENT_MAX), u128::from(live));
        self.files_max.is_none_or(|files_max| doomed <= files_max)
            && self.share_percent_max.is_none_or(|percent| part <= u128::from(percent) * whole)
    }
}

fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// The guard of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// What goes without being asked.
    pub limits: GuardLimits,
    /// How many files the caller said are meant to go.
    pub confirmed: Option<u64>,
}

impl Guard {
    /// Whether a request may doom so many of the live files. A confirmation is of exactly one
    /// count: whoever saw another one has not seen what would go.
    pub fn admits(self, doomed: u64, live: u64) -> bool {
        doomed == 0 || self.limits.allow(doomed, live) || self.confirmed == Some(doomed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(files_max: Option<u64>, share_percent_max: Option<u8>) -> GuardLimits {
        GuardLimits { files_max, share_percent_max }
    }

    fn admits(limits: GuardLimits, confirmed: Option<u64>, doomed: u64, live: u64) -> bool {
        Guard { limits, confirmed }.admits(doomed, live)
    }

    #[test]
    fn files_are_limited_at_the_edge() {
        let ten = limits(Some(10), None);
        assert_eq!([9, 10, 11].map(|doomed| admits(ten, None, doomed, 100)), [true, true, false]);
        let none = limits(Some(0), None);
        assert_eq!([0, 1].map(|doomed| admits(none, None, doomed, 100)), [true, false]);
    }

    #[test]
    fn a_share_is_exact_at_the_edge() {
        let third = limits(None, Some(33));
        assert_eq!([33, 34].map(|doomed| admits(third, None, doomed, 100)), [true, false]);
        assert_eq!([0, 1].map(|doomed| admits(third, None, doomed, 3)), [true, false]);
        assert!(admits(third, None, 1, 4));
        assert!(!admits(third, None, 1, 2));
        assert!(admits(limits(None, Some(100)), None, u64::MAX, u64::MAX));
        assert!(!admits(limits(None, Some(99)), None, u64::MAX, u64::MAX));
        assert!(!admits(limits(None, Some(0)), None, 1, u64::MAX));
    }

    #[test]
    fn a_confirmation_is_of_one_count() {
        let ten = limits(Some(10), None);
        let confirmed = [10, 11, 12].map(|count| admits(ten, Some(count), 11, 100));
        assert_eq!(confirmed, [false, true, false]);
        // What needs none is not refused for a wrong one.
        assert!(admits(ten, Some(3), 4, 100));
    }

    #[test]
    fn what_is_not_limited_needs_no_confirmation() {
        assert!(!GuardLimits::default().is_any());
        assert!(limits(Some(1), None).is_any() && limits(None, Some(1)).is_any());
        assert!(admits(GuardLimits::default(), None, u64::MAX, 0));
    }

    fn any_limits() -> impl Strategy<Value = GuardLimits> {
        let (files, share) = (0..20_u64, 0..=SHARE_PERCENT_MAX);
        (proptest::option::of(files), proptest::option::of(share))
            .prop_map(|(files_max, share_percent_max)| limits(files_max, share_percent_max))
    }

    proptest! {
        #[test]
        fn two_limits_together_allow_what_both_allow(
            one in any_limits(), other in any_limits(), doomed in 0..20_u64, more in 0..20_u64,
        ) {
            let live = doomed + more;
            let each = admits(one, None, doomed, live) && admits(other, None, doomed, live);
            prop_assert_eq!(admits(one.and(other), None, doomed, live), each);
        }
    }
}
