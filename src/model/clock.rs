//! Time as a value: a monotonic [`Timestamp`] to measure with, a [`WallTime`] to tell people and to keep
//! budgets over restarts, and the [`Clock`] that gives both. The only real clock is `sys::clock`.

use std::fmt;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in monotonic time, in nanoseconds since an arbitrary origin (boot, for the real clock).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// A timestamp so many nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A timestamp so many milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The timestamp `span` before this one, not before the origin.
    #[must_use]
    pub fn back(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A point in civil time, in milliseconds since the Unix epoch. May jump; never used to measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize)]
pub struct WallTime(i64);

impl WallTime {
    /// Milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Time passed since `earlier`; zero where `earlier` is later (the clock was set back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for WallTime {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{}", at.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Monotonic now.
    fn now(&self) -> Timestamp;
    /// Civil now.
    fn wall(&self) -> WallTime;
}

/// A clock that stands still until told: for tests, scenarios and replay.
#[derive(Debug, Default)]
pub struct ManualClock {
    nanos: AtomicU64,
    start: WallTime,
}

impl ManualClock {
    /// A clock at the origin, whose civil time there is `start`.
    pub fn new(start: WallTime) -> Self {
        Self { nanos: AtomicU64::new(0), start }
    }

    /// Moves both times on.
    pub fn advance(&self, span: Duration) {
        self.nanos.fetch_add(nanos(span), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.nanos.load(Ordering::Relaxed))
    }

    fn wall(&self) -> WallTime {
        let millis = self.nanos.load(Ordering::Relaxed) / 1_000_000;
        WallTime(self.start.0.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_never_goes_below_zero() {
        let early = Timestamp::from_millis(5);
        let late = early + Duration::from_millis(7);
        assert_eq!(late.since(early), Duration::from_millis(7));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.back(Duration::from_secs(1)), Timestamp::ZERO);
    }

    #[test]
    fn wall_time_reads_as_rfc_3339() {
        assert_eq!(WallTime::from_millis(1_700_000_000_123).to_string(), "2023-11-14T22:13:20Z");
    }
}
