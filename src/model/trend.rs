//! The robust slope of a series, and the time to exhaustion that follows from it.
//!
//! A [`Trend`] keeps the last value of each of [`BUCKETS`] equal stretches of its window, and gives the
//! median of all pairwise slopes (Theil-Sen), which no single burst can move. It calls a rise sustained only
//! where nearly all pairs rise: a sawtooth, a step and noise are flat. The slope is computed anew when a
//! bucket closes, so a push costs nanoseconds; after a pause longer than the window it starts over.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::clock::Timestamp;

/// Stretches in a window.
pub const BUCKETS: u32 = 40;
/// The share of the window that must be covered before there is a slope.
const YOUNG: f64 = 0.25;
/// The share of pairs that must rise for the rise to count as sustained.
const SUSTAINED: f64 = 0.8;

/// The slope of a window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slope {
    /// Median of pairwise slopes, per second.
    pub per_second: f64,
    /// Share of pairs that rise, 0 to 1.
    pub rising: f64,
}

impl Slope {
    /// The slope where it is a sustained rise, else zero.
    pub fn sustained_rise(self) -> f64 {
        if self.rising >= SUSTAINED { self.per_second.max(0.0) } else { 0.0 }
    }
}

/// A window over one series.
#[derive(Clone, Debug)]
pub struct Trend {
    span: Duration,
    points: VecDeque<(Timestamp, f64)>,
    open_until: Timestamp,
    last: Option<Timestamp>,
    slope: Option<Slope>,
}

impl Trend {
    /// A window so long.
    pub fn new(span: Duration) -> Self {
        Self {
            span,
            points: VecDeque::with_capacity(BUCKETS as usize + 1),
            open_until: Timestamp::ZERO,
            last: None,
            slope: None,
        }
    }

    /// Takes in one value. Values must come in the order of time; an older one is ignored.
    pub fn push(&mut self, at: Timestamp, value: f64) {
        if self.last.is_some_and(|last| at < last) {
            return;
        }
        if self.last.is_some_and(|last| at.since(last) > self.span) {
            self.points.clear();
            self.slope = None;
        }
        self.last = Some(at);
        if at < self.open_until
            && let Some(point) = self.points.back_mut()
        {
            *point = (at, value);
            return;
        }
        self.slope = self.fit();
        self.open_until = at + self.span / BUCKETS;
        self.points.push_back((at, value));
        while self.points.front().is_some_and(|(first, _)| at.since(*first) > self.span) {
            self.points.pop_front();
        }
    }

    /// The slope, once a quarter of the window is covered.
    pub fn slope(&self) -> Option<Slope> {
        self.slope
    }

    /// The window's length.
    pub fn span(&self) -> Duration {
        self.span
    }

    fn fit(&self) -> Option<Slope> {
        let (first, last) = (self.points.front()?.0, self.points.back()?.0);
        if last.since(first).as_secs_f64() < self.span.as_secs_f64() * YOUNG {
            return None;
        }
        let count = self.points.len();
        let mut slopes = Vec::with_capacity(count * count.saturating_sub(1) / 2);
        for (i, (t1, v1)) in self.points.iter().enumerate() {
            for (t2, v2) in self.points.iter().skip(i + 1) {
                slopes.push((v2 - v1) / t2.since(*t1).as_secs_f64().max(1e-9));
            }
        }
        if slopes.is_empty() {
            return None;
        }
        let rising = slopes.iter().filter(|slope| **slope > 0.0).count() as f64 / slopes.len() as f64;
        let middle = slopes.len() / 2;
        let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
        Some(Slope { per_second: *median, rising })
    }
}

/// Time to exhaustion from a short and a long window: the short one sees a fast leak soon, the long one sees
/// a slow leak at all.
#[derive(Clone, Debug)]
pub struct Exhaustion {
    short: Trend,
    long: Trend,
}

impl Exhaustion {
    /// With the given windows.
    pub fn new(short: Duration, long: Duration) -> Self {
        Self { short: Trend::new(short), long: Trend::new(long) }
    }

    /// Takes in one count.
    pub fn push(&mut self, at: Timestamp, open: f64) {
        self.short.push(at, open);
        self.long.push(at, open);
    }

    /// The steeper sustained rise of the two windows, per second; zero where flat or falling; `None` while
    /// both are too young.
    pub fn rate(&self) -> Option<f64> {
        let rise = |trend: &Trend| trend.slope().map(Slope::sustained_rise);
        match (rise(&self.short), rise(&self.long)) {
            (Some(short), Some(long)) => Some(short.max(long)),
            (one, other) => one.or(other),
        }
    }

    /// Seconds until `open` reaches `limit` at the present rate; infinite where it does not rise.
    pub fn seconds(&self, open: f64, limit: f64) -> Option<f64> {
        let rate = self.rate()?;
        if rate > 0.0 { Some(((limit - open) / rate).max(0.0)) } else { Some(f64::INFINITY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(span: u64, series: impl Fn(u64) -> f64, seconds: u64) -> Trend {
        let mut trend = Trend::new(Duration::from_secs(span));
        for second in 0..seconds {
            trend.push(Timestamp::from_millis(second * 1_000), series(second));
        }
        trend
    }

    #[test]
    fn a_steady_leak_has_its_slope() {
        let slope = fed(600, |s| 100.0 + (s as f64 * 2.5 / 60.0).floor(), 900).slope().unwrap();
        assert!((slope.per_second * 60.0 - 2.5).abs() < 0.3, "{slope:?}");
        assert!(slope.sustained_rise() > 0.0, "{slope:?}");
    }

    #[test]
    fn sawtooth_step_and_flat_are_no_sustained_rise() {
        let sawtooth = fed(600, |s| 50.0 + (s % 120) as f64, 900).slope().unwrap();
        let step = fed(600, |s| if s < 600 { 50.0 } else { 150.0 }, 900).slope().unwrap();
        let flat = fed(600, |_| 85.0, 900).slope().unwrap();
        for slope in [sawtooth, step, flat] {
            assert!(slope.sustained_rise() == 0.0, "{slope:?}");
        }
    }

    #[test]
    fn one_burst_does_not_move_it() {
        let burst = |s: u64| 100.0 + s as f64 * 0.5 + if s == 700 { 5_000.0 } else { 0.0 };
        let slope = fed(600, burst, 900).slope().unwrap();
        assert!((slope.per_second - 0.5).abs() < 0.05, "{slope:?}");
    }

    #[test]
    fn young_windows_do_not_tell_and_gaps_start_over() {
        assert_eq!(fed(600, |s| s as f64, 100).slope(), None);
        let mut trend = fed(600, |s| s as f64, 900);
        trend.push(Timestamp::from_millis(3_000_000), 1.0);
        assert_eq!(trend.slope(), None);
    }

    #[test]
    fn both_leak_speeds_get_the_same_lead() {
        for per_minute in [2.5_f64, 25.0] {
            let mut exhaustion = Exhaustion::new(Duration::from_mins(1), Duration::from_mins(10));
            let mut open = 85.0;
            for second in 0..1_800_u32 {
                open = 85.0 + (f64::from(second) * per_minute / 60.0).floor();
                exhaustion.push(Timestamp::from_millis(u64::from(second) * 1_000), open);
            }
            let told = exhaustion.seconds(open, 1_024.0).unwrap();
            let truth = (1_024.0 - open) / per_minute * 60.0;
            assert!((told / truth - 1.0).abs() < 0.2, "{per_minute}: told {told}, is {truth}");
        }
    }
}
