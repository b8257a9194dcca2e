//! How many things are older than a given age.
//!
//! Ages are kept as counts at fixed steps: one small value serves the live engine, the recording and the
//! replay alike, so that `socket.leaked(2m)` says the same in all three. An age between two steps counts at
//! the next higher one, which can only make a leak look smaller; lint says so where a policy asks for one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The steps, in seconds.
pub const STEPS: [u32; 22] = [
    0, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 14_400,
    86_400,
];

/// For each step, how many things are at least that old.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ages {
    at_least: [u32; STEPS.len()],
}

impl Ages {
    /// From the counts at each step (see [`STEPS`]); later steps can't hold more than earlier ones.
    pub fn from_counts(counts: [u32; STEPS.len()]) -> Self {
        let mut at_least = counts;
        for i in 1..at_least.len() {
            at_least[i] = at_least[i].min(at_least[i - 1]);
        }
        Self { at_least }
    }

    /// The counts at each step.
    pub const fn counts(&self) -> &[u32; STEPS.len()] {
        &self.at_least
    }

    /// Adds one thing of that age.
    pub fn add(&mut self, age: Duration) {
        let seconds = age.as_secs();
        for (count, step) in self.at_least.iter_mut().zip(STEPS) {
            if u64::from(step) > seconds {
                break;
            }
            *count += 1;
        }
    }

    /// How many are at least so old, the age taken up to the next step.
    pub fn at_least(&self, age: Duration) -> u32 {
        step_for(age).map_or(0, |i| self.at_least[i])
    }

    /// How many there are.
    pub const fn total(&self) -> u32 {
        self.at_least[0]
    }
}

/// The step that stands for `age`: the first that is not below it. `None` above the last.
pub fn step_for(age: Duration) -> Option<usize> {
    STEPS.iter().position(|step| Duration::from_secs(u64::from(*step)) >= age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_like_a_naive_recount(ages in prop::collection::vec(0u64..100_000, 0..200), step in 0..STEPS.len()) {
            let mut kept = Ages::default();
            for age in &ages {
                kept.add(Duration::from_secs(*age));
            }
            let edge = Duration::from_secs(u64::from(STEPS[step]));
            let naive = ages.iter().filter(|age| Duration::from_secs(**age) >= edge).count();
            prop_assert_eq!(kept.at_least(edge) as usize, naive);
        }
    }

    #[test]
    fn an_age_between_steps_counts_at_the_next_one() {
        let mut ages = Ages::default();
        ages.add(Duration::from_secs(100));
        ages.add(Duration::from_secs(130));
        assert_eq!(ages.at_least(Duration::from_secs(95)), 1);
        assert_eq!(ages.at_least(Duration::from_secs(90)), 2);
        assert_eq!(ages.at_least(Duration::from_secs(1_000_000)), 0);
    }
}
