//! Monotonic deadlines and stopwatches for calls that wait on the kernel.
//!
//! Rules and policies have their time handed in; these are for the few places that must bound a wait *inside* one
//! system operation (a stop, a thaw, an exit), where handing in a clock would only hide that the kernel is the clock.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A point on the monotonic clock after which an operation gives up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Duration);

impl Deadline {
    /// The point `wait` from now.
    pub(super) fn after(wait: Duration) -> Self {
        Self(monotonic().saturating_add(wait))
    }

    /// The point so long before this one.
    pub(super) fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }

    /// How long is left; zero once passed.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_sub(monotonic())
    }

    /// Whether the point lies behind us.
    pub(super) fn passed(self) -> bool {
        self.left().is_zero()
    }

    /// What is left as a poll timeout in milliseconds, rounded up so that a wait never ends early.
    pub(super) fn poll_millis(self) -> i32 {
        i32::try_from(self.left().as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    }
}

/// Measures one operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch(Duration);

impl Stopwatch {
    /// Starts now.
    pub(super) fn start() -> Self {
        Self(monotonic())
    }

    /// The time since the start.
    pub(super) fn elapsed(self) -> Duration {
        monotonic().saturating_sub(self.0)
    }
}

/// Time since boot without suspend; never goes back.
pub(super) fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .expect("CLOCK_MONOTONIC exists on every Linux")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_and_has_nothing_left() {
        let past = Deadline::after(Duration::ZERO);
        assert!(past.passed());
        assert_eq!(past.poll_millis(), 0);
        let ahead = Deadline::after(Duration::from_mins(1));
        assert!(!ahead.passed());
        assert!(ahead.left() <= Duration::from_mins(1));
        assert!((59_000..=60_000).contains(&ahead.poll_millis()));
    }
}
