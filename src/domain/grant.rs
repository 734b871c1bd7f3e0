//! What one key may hand on to another: never more than it has itself.

use super::clock::Timestamp;
use super::guard::GuardLimits;
use super::organization::{Key, Scope, Scopes};
use super::path::EntryPath;

/// What a key may do and see, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it may do.
    pub scopes: Scopes,
    /// It sees what lies at or beneath this path.
    pub prefix: EntryPath,
    /// How much it deletes at once without a confirmation.
    pub guard: GuardLimits,
    /// When it ends; `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// What a key would hand on without having it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// This scope.
    Scope(Scope),
    /// The sight of something that it does not see.
    Prefix,
    /// More that goes without a confirmation.
    Guard,
    /// Life beyond its own end.
    Lifetime,
}

impl Grant {
    /// What this key has.
    pub fn of(key: &Key) -> Self {
        let Key { scopes, prefix, guard, expires_at, .. } = key;
        Self { scopes: *scopes, prefix: prefix.clone(), guard: *guard, expires_at: *expires_at }
    }

    /// Whether whoever has this may hand `other` on.
    pub fn covers(&self, other: &Self) -> Result<(), Excess> {
        let lacking = Scope::ALL
            .into_iter()
            .find(|scope| other.scopes.allow(*scope) && !self.scopes.allow(*scope));
        if let Some(scope) = lacking {
            return Err(Excess::Scope(scope));
        }
        if !self.prefix.contains(&other.prefix) {
            return Err(Excess::Prefix);
        }
        if self.guard.and(other.guard) != other.guard {
            return Err(Excess::Guard);
        }
        let outlives =
            self.expires_at.is_some_and(|end| other.expires_at.is_none_or(|at| at > end));
        if outlives { Err(Excess::Lifetime) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(scopes: &str, prefix: &str, ends: Option<i64>) -> Grant {
        Grant {
            scopes: Scopes::parse(scopes).unwrap(),
            prefix: EntryPath::parse(prefix).unwrap(),
            guard: GuardLimits::default(),
            expires_at: ends.map(Timestamp::from_millis),
        }
    }

    #[test]
    fn a_guard_is_handed_on_as_tight_or_tighter() {
        let guarded = |files_max, share_percent_max| Grant {
            guard: GuardLimits { files_max, share_percent_max },
            ..grant("read", "/", None)
        };
        let some = guarded(Some(10), None);
        for good in [guarded(Some(10), None), guarded(Some(9), Some(50))] {
            assert_eq!(some.covers(&good), Ok(()), "{good:?}");
        }
        for lax in [guarded(Some(11), None), guarded(None, None), guarded(None, Some(1))] {
            assert_eq!(some.covers(&lax), Err(Excess::Guard), "{lax:?}");
        }
        assert_eq!(guarded(None, None).covers(&some), Ok(()));
    }

    #[test]
    fn nobody_hands_on_what_they_do_not_have() {
        let all = grant("read,write,delete,admin", "/", None);
        let some = grant("read,admin", "/a", Some(10));
        for good in [
            (&all, &all),
            (&all, &some),
            (&some, &some),
            (&some, &grant("read", "/a/b", Some(9))),
            (&some, &grant("admin", "/a", Some(10))),
        ] {
            assert_eq!(good.0.covers(good.1), Ok(()), "{good:?}");
        }
        for (other, excess) in [
            (grant("write", "/a", Some(9)), Excess::Scope(Scope::Write)),
            (grant("read,delete", "/a", Some(9)), Excess::Scope(Scope::Delete)),
            (grant("read", "/", Some(9)), Excess::Prefix),
            (grant("read", "/ab", Some(9)), Excess::Prefix),
            (grant("read", "/a", Some(11)), Excess::Lifetime),
            (grant("read", "/a", None), Excess::Lifetime),
        ] {
            assert_eq!(some.covers(&other), Err(excess), "{other:?}");
        }
    }
}
