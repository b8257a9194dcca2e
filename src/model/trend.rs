//! The robust slope of a series, and the time to exhaustion that follows from it.
//!
//! A [`Trend`] keeps the last value of each of [`BUCKETS`] equal stretches of its window, and gives the
//! median of all pairwise slopes (Theil-Sen), which no single burst can move. It is computed anew when a bucket
//! closes, so a push costs nanoseconds; after a pause longer than the window it starts over.
//!
//! A slope alone makes no leak: the start of a bot, a burst that levels off and the way up of a sawtooth all have
//! one. So a rise counts as a leak only where it is **sustained**, nearly all pairs rise, and **steady**: from third to
//! third of the window the floor and the ceiling both rise, and by about as much.
//!
//! ```text
//!      leak            begun just now        levels off           sawtooth
//!         _/                   _/               ____              /|  /
//!       _/                    /               _/                 / | /
//!     _/                 ____/               /                  /  |/
//!   all rise           the first step      the second is      one of them
//!   evenly             is too small        too small          falls back
//! ```
//!
//! No sawtooth up to two thirds of the window long rises in all of them, at whatever phase it is met. Why thirds of
//! one window and not two windows that agree: all of a short window fits on the way up of a tooth, and a long one tells
//! too late. A fast leak in a quiet life is told after three quarters of the short window.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::clock::Timestamp;

/// Stretches in a window.
pub const BUCKETS: u32 = 40;
/// The share of the window that must be covered before there is a slope.
const YOUNG: f64 = 0.5;
/// The share that must be covered before it is told whether there is a leak: all but what slow ticks leave out.
const YOUNG_FOR_LEAK: f64 = 0.9;
/// Fewer points than this tell nothing, however long they took.
const POINTS_MIN: usize = 8;
/// The share of pairs that must rise for a rise to count as sustained.
const SUSTAINED: f64 = 0.8;
/// From the second third to the last a leak rises at least by this share of what it rose from the first.
const LEVELLING: f64 = 0.6;
/// From the first third to the second by this share of what it rises to the last; else it has only begun.
const BEGUN: f64 = 0.4;
/// The share of pairs within the last third that must rise: it goes on to this day.
const LATELY: f64 = 0.6;
/// The floor and the ceiling of a third leave out this share of its values, so that one burst moves neither.
const EDGES: [f64; 2] = [0.2, 0.8];

/// The slope of a window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slope {
    /// Median of pairwise slopes, per second.
    pub per_second: f64,
    /// Share of pairs that rise, 0 to 1.
    pub rising: f64,
}

/// A window over one series.
#[derive(Clone, Debug)]
pub struct Trend {
    span: Duration,
    points: VecDeque<(Timestamp, f64)>,
    open_until: Timestamp,
    last: Option<Timestamp>,
    slope: Option<Slope>,
    gait: Option<Gait>,
}

/// How a window rises, if it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gait {
    /// All the time, and evenly from third to third.
    Steady,
    /// Not so.
    Unsteady,
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
            gait: None,
        }
    }

    /// Takes in one value. Values must come in the order of time; an older one is ignored.
    pub fn push(&mut self, at: Timestamp, value: f64) {
        if self.last.is_some_and(|last| at < last) {
            return;
        }
        if self.last.is_some_and(|last| at.since(last) > self.span) {
            self.points.clear();
            (self.slope, self.gait) = (None, None);
        }
        self.last = Some(at);
        if at < self.open_until
            && let Some(point) = self.points.back_mut()
        {
            *point = (at, value);
            return;
        }
        self.slope = self.fit();
        self.gait = self.walk();
        self.open_until = at + self.span / BUCKETS;
        self.points.push_back((at, value));
        while self.points.front().is_some_and(|(first, _)| at.since(*first) > self.span) {
            self.points.pop_front();
        }
    }

    /// The slope, once half of the window is covered.
    pub fn slope(&self) -> Option<Slope> {
        self.slope
    }

    /// The slope per second where it is a sustained and steady rise, else zero; none while the window is too young.
    pub fn leak(&self) -> Option<f64> {
        let (slope, gait) = (self.slope?, self.gait?);
        Some(if gait == Gait::Steady { slope.per_second.max(0.0) } else { 0.0 })
    }

    /// The window's length.
    pub fn span(&self) -> Duration {
        self.span
    }

    /// Whether such a share of the window is covered, and by points enough.
    fn covers(&self, share: f64) -> bool {
        let (Some((first, _)), Some((last, _))) = (self.points.front(), self.points.back()) else {
            return false;
        };
        self.points.len() >= POINTS_MIN && last.since(*first) >= self.span.mul_f64(share)
    }

    fn fit(&self) -> Option<Slope> {
        if !self.covers(YOUNG) {
            return None;
        }
        let (begin, flat) = *self.points.front()?;
        if flat.is_finite() && self.points.iter().all(|(_, value)| value.total_cmp(&flat).is_eq()) {
            return Some(Slope { per_second: 0.0, rising: 0.0 });
        }
        let seconds = |(at, value): &(Timestamp, f64)| (at.since(begin).as_secs_f64(), *value);
        let points: Vec<(f64, f64)> = self.points.iter().map(seconds).collect();
        let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
        for (i, (t1, v1)) in points.iter().enumerate() {
            slopes.extend(points[i + 1..].iter().map(|(t2, v2)| (v2 - v1) / (t2 - t1).max(1e-9)));
        }
        let rising = slopes.iter().filter(|slope| **slope > 0.0).count() as f64 / slopes.len() as f64;
        let middle = slopes.len() / 2;
        let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
        Some(Slope { per_second: *median, rising })
    }

    fn walk(&self) -> Option<Gait> {
        if !self.covers(YOUNG_FOR_LEAK) {
            return None;
        }
        let (newest, third) = (self.points.back()?.0, self.span / 3);
        let mut thirds = [const { Vec::new() }; 3];
        for (at, value) in &self.points {
            let age = newest.since(*at);
            let place = if age > third * 2 { 0 } else { usize::from(age <= third) + 1 };
            thirds[place].push(*value);
        }
        if thirds.iter().any(Vec::is_empty) {
            return None;
        }
        // What does not rise all the time does not rise evenly either, and most of life is so.
        if !self.slope.is_some_and(|slope| slope.rising >= SUSTAINED) {
            return Some(Gait::Unsteady);
        }
        let goes_on = rising(&thirds[2]) >= LATELY;
        for values in &mut thirds {
            values.sort_unstable_by(f64::total_cmp);
        }
        let even = EDGES.iter().all(|edge| is_even(&thirds, *edge));
        Some(if goes_on && even && is_apart(&thirds) { Gait::Steady } else { Gait::Unsteady })
    }
}

/// The share of pairs that rise.
fn rising(values: &[f64]) -> f64 {
    let later = |place: usize| values[place + 1..].iter();
    let rise = |(place, value): (usize, &f64)| later(place).filter(|later| *later > value).count();
    let pairs = values.len() * values.len().saturating_sub(1) / 2;
    values.iter().enumerate().map(rise).sum::<usize>() as f64 / pairs.max(1) as f64
}

/// Whether one edge of three thirds, each in order, rises evenly.
fn is_even(thirds: &[Vec<f64>; 3], edge: f64) -> bool {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of at most 41 points"
    )]
    let at = |values: &Vec<f64>| values[((values.len() - 1) as f64 * edge).round() as usize];
    let [first, second, last] = thirds.each_ref().map(at);
    let (before, lately) = (second - first, last - second);
    before > 0.0 && lately > 0.0 && lately >= before * LEVELLING && before >= lately * BEGUN
}

/// Whether the last third lies above the first: the rise between them has outgrown all that goes up and down.
fn is_apart([first, _, last]: &[Vec<f64>; 3]) -> bool {
    last.first() > first.last()
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

    /// The steeper leak that one of the windows sees, per second; zero where both see none. `None` while nothing
    /// can be told: a leak needs one window that sees it, but that there is none takes both, since a slow one is
    /// seen by the long window alone.
    pub fn rate(&self) -> Option<f64> {
        match (self.short.leak(), self.long.leak()) {
            (Some(short), Some(long)) => Some(short.max(long)),
            (one, other) => one.or(other).filter(|rate| *rate > 0.0),
        }
    }

    /// Seconds until `open` reaches `limit` at the present rate; infinite where nothing leaks.
    pub fn seconds(&self, open: f64, limit: f64) -> Option<f64> {
        let rate = self.rate()?;
        if rate > 0.0 { Some(((limit - open) / rate).max(0.0)) } else { Some(f64::INFINITY) }
    }
}

#[cfg(test)]
mod tests;
