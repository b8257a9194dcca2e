//! How soon to look again: 10 ms near exhaustion, 20 ms in a storm, a tenth of a second in quiet. That the quiet is
//! over shows sooner, in the number alone ([`super::eye::Eye::has_moved`]).
//!
//! The pace attacks fast and decays slowly. It follows the speed seen between the last two ticks, not the
//! robust slope: a slope needs a window, and a burst at a thousand descriptors a second leaves no time for
//! one. Pure: time is handed in.

use std::time::Duration;

use crate::model::clock::Timestamp;

/// Bounds of the period between fast ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaceBounds {
    /// Never sooner.
    pub fastest: Duration,
    /// Never later.
    pub slowest: Duration,
}

impl Default for PaceBounds {
    fn default() -> Self {
        Self { fastest: Duration::from_millis(10), slowest: Duration::from_millis(100) }
    }
}

/// Looks that must fit between now and exhaustion at the speed just seen.
const LOOKS: f64 = 100.0;
/// Descriptors that may come or go between two looks: a tier at a fixed count is noticed in time, however far the
/// limit is.
const STRIDE: f64 = 20.0;
/// The speed seen falls to half in so long.
const HALF_LIFE: f64 = 2.0;

/// The pace of one process.
#[derive(Clone, Debug)]
pub struct Pace {
    bounds: PaceBounds,
    speed: f64,
    last: Option<(Timestamp, f64)>,
}

impl Pace {
    /// Nothing seen yet.
    pub fn new(bounds: PaceBounds) -> Self {
        Self { bounds, speed: 0.0, last: None }
    }

    /// Takes in a count and its limit, gives the time until the next look.
    pub fn after(&mut self, at: Timestamp, open: f64, limit: f64) -> Duration {
        if let Some((before, count)) = self.last {
            let passed = at.since(before).as_secs_f64().max(1e-3);
            let kept = self.speed * 0.5_f64.powf(passed / HALF_LIFE);
            self.speed = ((open - count) / passed).abs().max(kept);
        }
        self.last = Some((at, open));
        let headroom = (limit - open).max(0.0);
        let speed = self.speed.max(1e-9);
        let left = (headroom / speed / LOOKS).min(STRIDE / speed);
        let slowest = self.bounds.slowest.as_secs_f64();
        let fastest = self.bounds.fastest.as_secs_f64();
        Duration::from_secs_f64(left.clamp(fastest.min(slowest), slowest))
    }

    /// The time until the next look where the count could not be had.
    pub fn blind(&self) -> Duration {
        self.bounds.slowest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_slow_and_a_storm_is_fast_at_once() {
        let mut pace = Pace::new(PaceBounds::default());
        let mut now = Timestamp::ZERO;
        for _ in 0..20 {
            now = now + Duration::from_millis(100);
            assert_eq!(pace.after(now, 85.0, 1_024.0), Duration::from_millis(100));
        }
        now = now + Duration::from_millis(100);
        assert!(pace.after(now, 185.0, 1_024.0) < Duration::from_millis(15));
        now = now + Duration::from_secs(30);
        assert_eq!(pace.after(now, 185.0, 1_024.0), Duration::from_millis(100));
    }

    #[test]
    fn a_storm_far_below_a_high_limit_is_looked_at_closely_too() {
        let mut pace = Pace::new(PaceBounds::default());
        pace.after(Timestamp::from_millis(0), 100.0, 1e6);
        assert_eq!(pace.after(Timestamp::from_millis(100), 200.0, 1e6), Duration::from_millis(20));
        assert_eq!(pace.after(Timestamp::from_millis(120), 220.0, f64::INFINITY), Duration::from_millis(20));
    }

    #[test]
    fn at_the_limit_it_is_fastest_only_while_something_moves() {
        let mut pace = Pace::new(PaceBounds::default());
        pace.after(Timestamp::from_millis(0), 1_020.0, 1_024.0);
        assert_eq!(pace.after(Timestamp::from_millis(10), 1_024.0, 1_024.0), Duration::from_millis(10));
    }
}
