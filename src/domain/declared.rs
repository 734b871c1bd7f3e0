//! What an operator can set, declared once: name, type, default, unit, range and meaning. The
//! struct, its defaults, the check of its numbers and the printed reference all follow from the
//! one declaration.

use std::ops::RangeInclusive;

/// One thing that can be set, as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name in the file.
    pub key: &'static str,
    /// In what its value is counted, or what it is.
    pub unit: &'static str,
    /// What its value must lie in, where it is a number.
    pub range: Option<RangeInclusive<u64>>,
    /// What it means.
    pub meaning: &'static str,
}

/// A value that may be a number.
pub trait Number {
    /// The number; `None` where none is said.
    fn number(self) -> Option<u64>;
}

impl Number for u64 {
    fn number(self) -> Option<u64> {
        Some(self)
    }
}

impl Number for u32 {
    fn number(self) -> Option<u64> {
        Some(self.into())
    }
}

impl<N: Into<u64>> Number for Option<N> {
    fn number(self) -> Option<u64> {
        self.map(Into::into)
    }
}

/// What is wrong with a number, where something is.
pub fn out_of_range(value: Option<u64>, range: &RangeInclusive<u64>) -> Option<String> {
    let value = value.filter(|value| !range.contains(value))?;
    Some(format!("is {value}, and must lie between {} and {}", range.start(), range.end()))
}

/// Declares a struct of things that can be set. Of each: `name: type = default, unit, [range],
/// meaning;`, where numbers alone have a range. Fields behind a `+` are declared elsewhere.
macro_rules! declared {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $($key:ident: $type:ty = $default:expr, $unit:literal, $([$range:expr],)? $meaning:literal;)*
            $(+ $(#[$more_attribute:meta])* $more:ident: $more_type:ty;)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $(#[doc = $meaning] pub $key: $type,)*
            $($(#[$more_attribute])* pub $more: $more_type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* $($more: Default::default(),)* }
            }
        }

        impl $name {
            /// All that was declared, in that order.
            pub fn declared() -> Vec<$crate::domain::declared::Declared> {
                vec![$($crate::domain::declared::Declared {
                    key: stringify!($key),
                    unit: $unit,
                    range: $crate::domain::declared::declared!(@range $($range)?),
                    meaning: $meaning,
                },)*]
            }

            /// The first number that lies out of its range, and what is wrong with it.
            pub fn out_of_range(&self) -> Option<(&'static str, String)> {
                $($(
                    let value = $crate::domain::declared::Number::number(self.$key);
                    if let Some(problem) = $crate::domain::declared::out_of_range(value, &$range) {
                        return Some((stringify!($key), problem));
                    }
                )?)*
                None
            }
        }
    };
    (@range $range:expr) => { Some($range) };
    (@range) => { None };
}

pub(crate) use declared;
