//! How often a delivery is tried, and how long to wait in between.

use std::time::Duration;

/// Exponential backoff with full jitter over its upper half, bounded in number and length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// Tries in all.
    pub tries: u32,
    /// The pause after the first try.
    pub first: Duration,
    /// The longest pause, also where the receiver asks for a longer one.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after try number `tried` (from 1), or none where that was the last. `dice` is any random
    /// number. A receiver's own wish is followed up to the longest pause.
    pub(super) fn pause(&self, tried: u32, asked: Option<Duration>, dice: u64) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        let doubled =
            self.first.saturating_mul(2u32.saturating_pow(tried.saturating_sub(1))).min(self.longest);
        let half = doubled / 2;
        let span = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        let jittered = half + Duration::from_millis(dice % span.saturating_add(1).max(1));
        Some(asked.unwrap_or_default().max(jittered).min(self.longest))
    }
}

impl Default for Backoff {
    /// Five tries within about half a minute.
    fn default() -> Self {
        Self { tries: 5, first: Duration::from_secs(2), longest: Duration::from_mins(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_grow_stay_bounded_and_end(tried in 1u32..12, dice in any::<u64>(), asked in prop::option::of(0u64..1_000)) {
            let backoff = Backoff::default();
            let asked = asked.map(Duration::from_secs);
            match backoff.pause(tried, asked, dice) {
                None => prop_assert!(tried >= backoff.tries),
                Some(pause) => {
                    prop_assert!(tried < backoff.tries);
                    prop_assert!(pause <= backoff.longest);
                    prop_assert!(pause >= Duration::from_secs(1 << (tried - 1)).min(backoff.longest / 2));
                    prop_assert!(asked.is_none_or(|asked| pause >= asked.min(backoff.longest)));
                }
            }
        }
    }
}
