//! Three values: true, false, and unknown with its reason. Unknown raises nothing and clears nothing.
//!
//! Conjunction and disjunction follow Kleene: what is unknown decides nothing that the rest decides alone.
//! Of two reasons the first in the order of [`Gap`] is kept, so that both are commutative and associative.

use std::fmt;
use std::ops::Not;

use serde::{Serialize, Serializer};

use crate::model::reading::Gap;

/// Whether a condition holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It can't be told, and why.
    Unknown(Gap),
}

impl Truth {
    /// Kleene's and: false where one is false, else unknown where one is unknown.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(a.min(b)),
            (Self::Unknown(gap), Self::True) | (Self::True, Self::Unknown(gap)) => Self::Unknown(gap),
            (Self::True, Self::True) => Self::True,
        }
    }

    /// Kleene's or: true where one is true, else unknown where one is unknown.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        !(!self).and(!other)
    }

    /// Whether it is known to hold.
    pub const fn holds(self) -> bool {
        matches!(self, Self::True)
    }

    /// The value, where known.
    pub const fn known(self) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Unknown(_) => None,
        }
    }

    /// Why it is unknown, where it is.
    pub const fn gap(self) -> Option<Gap> {
        match self {
            Self::True | Self::False => None,
            Self::Unknown(gap) => Some(gap),
        }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown(gap) => Self::Unknown(gap),
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("true"),
            Self::False => f.write_str("false"),
            Self::Unknown(gap) => write!(f, "unknown: {gap}"),
        }
    }
}

impl Serialize for Truth {
    /// `true`, `false`, or the text `unknown: why`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::True => serializer.serialize_bool(true),
            Self::False => serializer.serialize_bool(false),
            Self::Unknown(_) => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn truth() -> impl Strategy<Value = Truth> {
        let gap = prop::sample::select(&Gap::ALL[..]);
        prop_oneof![Just(Truth::True), Just(Truth::False), gap.prop_map(Truth::Unknown)]
    }

    proptest! {
        #[test]
        fn kleene_laws_hold(a in truth(), b in truth(), c in truth()) {
            prop_assert_eq!(a.and(b), b.and(a));
            prop_assert_eq!(a.or(b), b.or(a));
            prop_assert_eq!(a.and(b).and(c), a.and(b.and(c)));
            prop_assert_eq!(a.or(b).or(c), a.or(b.or(c)));
            prop_assert_eq!(!a.and(b), (!a).or(!b));
            prop_assert_eq!(!!a, a);
            prop_assert_eq!(a.and(a), a);
            prop_assert_eq!(a.and(Truth::True), a);
            prop_assert_eq!(a.or(Truth::False), a);
            prop_assert_eq!(a.and(Truth::False), Truth::False);
            prop_assert_eq!(a.or(Truth::True), Truth::True);
            prop_assert_eq!(a.and(b.or(c)).known(), a.and(b).or(a.and(c)).known());
        }

        /// Replacing an unknown by either value never turns a known result over.
        #[test]
        fn what_is_known_stays_known(a in truth(), b in truth(), filled in any::<bool>()) {
            let fill = |t: Truth| if t.known().is_none() { Truth::from(filled) } else { t };
            for (before, after) in [(a.and(b), fill(a).and(fill(b))), (a.or(b), fill(a).or(fill(b)))] {
                prop_assert!(before.known().is_none() || before == after);
            }
        }
    }
}
