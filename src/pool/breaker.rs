//! Whether an upstream is asked at all.
//!
//! ```text
//!            too many failures in the window, or `trip`
//!   closed ─────────────────────────────────────────────► open ◄──────────────┐
//!     ▲                                                     │ the pause is over │ trial failed:
//!     │                 trial succeeded                     ▼                   │ a longer pause
//!     └──────────────────────────────────────────────── half-open ─────────────┘
//! ```
//!
//! In half-open exactly one trial is under way. A breaker that trips again soon after it closed goes on with the
//! longer pauses where it left off; one that stayed closed for a whole window starts anew.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::backoff::Backoff;

/// The window is kept in so many parts.
const PARTS: u32 = 8;

/// When a breaker trips, and for how long.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trip {
    /// How far back outcomes count.
    pub window: Duration,
    /// Fewer outcomes than that prove nothing.
    pub least: u32,
    /// Trips when at least this share of them are failures; never where it is above 1.
    pub share: f64,
    /// How long it stays open.
    pub pause: Backoff,
}

impl Default for Trip {
    fn default() -> Self {
        let pause = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(30) };
        Self { window: Duration::from_secs(10), least: 20, share: 0.5, pause }
    }
}

/// The three states, in the order of `pool[].breaker`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BreakerState {
    /// Passes.
    Closed,
    /// One trial is under way.
    HalfOpen,
    /// Passes nothing.
    Open,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { since: Timestamp },
    Open { until: Timestamp },
    HalfOpen,
}

/// What a failure led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it was.
    Unchanged,
    /// It has just tripped.
    Tripped,
}

/// A breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    window: Window,
    /// Trips in a row without a quiet window between them.
    trips: u32,
}

impl Breaker {
    /// A closed one.
    pub fn new(now: Timestamp) -> Self {
        Self { phase: Phase::Closed { since: now }, window: Window::new(now), trips: 0 }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::HalfOpen => BreakerState::HalfOpen,
            Phase::Open { .. } => BreakerState::Open,
        }
    }

    /// When a trial may begin; none where it is closed or one is under way.
    pub fn trial_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Open { until } => Some(until),
            Phase::Closed { .. } | Phase::HalfOpen => None,
        }
    }

    /// Since when it is closed.
    pub fn closed_since(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Closed { since } => Some(since),
            Phase::Open { .. } | Phase::HalfOpen => None,
        }
    }

    /// How often it tripped without a quiet window between.
    pub fn trips(&self) -> u32 {
        self.trips
    }

    /// A success on the path.
    pub fn success(&mut self, trip: &Trip, now: Timestamp) {
        self.window.part(trip, now).good += 1;
    }

    /// A failure on the path; `fraction` from 0 to 1 spreads the pause.
    pub fn failure(&mut self, trip: &Trip, now: Timestamp, fraction: f64) -> Verdict {
        self.window.part(trip, now).bad += 1;
        let Phase::Closed { .. } = self.phase else { return Verdict::Unchanged };
        let (good, bad) = self.window.sums();
        let all = good + bad;
        if all < trip.least.max(1) || f64::from(bad) < f64::from(all) * trip.share {
            return Verdict::Unchanged;
        }
        self.trip(trip, now, fraction);
        Verdict::Tripped
    }

    /// Opens it, from whatever state.
    pub fn trip(&mut self, trip: &Trip, now: Timestamp, fraction: f64) {
        if let Phase::Closed { since } = self.phase
            && now.since(since) >= trip.window
        {
            self.trips = 0;
        }
        self.trips = self.trips.saturating_add(1);
        self.phase = Phase::Open { until: now + trip.pause.pause(self.trips, fraction) };
    }

    /// Begins the one trial if it is time; it must end in `restored`, `trip` or `undecided`.
    pub fn begin_trial(&mut self, now: Timestamp) -> Trial {
        match self.phase {
            Phase::Open { until } if until <= now => {
                self.phase = Phase::HalfOpen;
                Trial::Begun
            }
            Phase::Open { .. } | Phase::HalfOpen | Phase::Closed { .. } => Trial::NotNow,
        }
    }

    /// The trial succeeded. Old outcomes are forgotten.
    pub fn restored(&mut self, now: Timestamp) {
        self.phase = Phase::Closed { since: now };
        self.window = Window::new(now);
    }

    /// An open one is tried at this time at the latest.
    pub fn hasten(&mut self, at: Timestamp) {
        if let Phase::Open { until } = &mut self.phase {
            *until = at.min(*until);
        }
    }

    /// The trial ended without saying anything about the upstream: another may begin at once.
    pub fn undecided(&mut self, now: Timestamp) {
        self.phase = Phase::Open { until: now };
    }
}

/// Whether a trial begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trial {
    /// It is the caller's to make.
    Begun,
    /// Closed, or the pause is not over, or one is under way.
    NotNow,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    good: u32,
    bad: u32,
}

/// Outcomes of the last while, in parts that fall out one by one.
#[derive(Clone, Debug)]
struct Window {
    parts: [Part; PARTS as usize],
    current: usize,
    /// When the current part ends.
    ends: Timestamp,
}

impl Window {
    fn new(now: Timestamp) -> Self {
        // The first outcome begins a part of the right length.
        Self { parts: [Part::default(); PARTS as usize], current: 0, ends: now }
    }

    /// The part for `now`.
    fn part(&mut self, trip: &Trip, now: Timestamp) -> &mut Part {
        if now >= self.ends {
            self.roll(trip, now);
        }
        &mut self.parts[self.current]
    }

    #[cold]
    fn roll(&mut self, trip: &Trip, now: Timestamp) {
        let length = trip.window / PARTS;
        for _ in 0..PARTS {
            if now < self.ends {
                return;
            }
            self.current = (self.current + 1) % self.parts.len();
            self.parts[self.current] = Part::default();
            self.ends = self.ends + length;
        }
        self.ends = self.ends.max(now + length);
    }

    fn sums(&self) -> (u32, u32) {
        self.parts.iter().fold((0, 0), |(good, bad), part| (good + part.good, bad + part.bad))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Trip = Trip {
        window: Duration::from_secs(8),
        least: 4,
        share: 0.5,
        pause: Backoff { first: Duration::from_secs(1), most: Duration::from_secs(4) },
    };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn it_trips_by_share_once_enough_is_known() {
        let mut breaker = Breaker::new(at(0));
        breaker.success(&TRIP, at(1));
        breaker.success(&TRIP, at(2));
        assert_eq!(breaker.failure(&TRIP, at(3), 0.0), Verdict::Unchanged);
        assert_eq!(breaker.failure(&TRIP, at(4), 0.0), Verdict::Tripped);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.trial_at(), Some(at(1_004)));
    }

    #[test]
    fn old_outcomes_fall_out_of_the_window() {
        let mut breaker = Breaker::new(at(0));
        for _ in 0..3 {
            breaker.failure(&TRIP, at(10), 0.0);
        }
        for _ in 0..3 {
            assert_eq!(breaker.failure(&TRIP, at(9_100), 0.0), Verdict::Unchanged);
        }
        assert_eq!(breaker.failure(&TRIP, at(9_100), 0.0), Verdict::Tripped);
    }

    #[test]
    fn one_trial_decides() {
        let mut breaker = Breaker::new(at(0));
        breaker.trip(&TRIP, at(0), 0.0);
        assert_eq!(breaker.begin_trial(at(999)), Trial::NotNow);
        assert_eq!(breaker.begin_trial(at(1_000)), Trial::Begun);
        assert_eq!(breaker.begin_trial(at(5_000)), Trial::NotNow, "one at a time");
        breaker.trip(&TRIP, at(5_000), 0.0);
        assert_eq!(breaker.trial_at(), Some(at(7_000)), "the second pause is longer");
        assert_eq!(breaker.begin_trial(at(7_000)), Trial::Begun);
        breaker.undecided(at(7_100));
        assert_eq!(breaker.begin_trial(at(7_100)), Trial::Begun);
        breaker.restored(at(7_200));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn pauses_start_anew_only_after_a_quiet_window() {
        let mut breaker = Breaker::new(at(0));
        breaker.trip(&TRIP, at(0), 0.0);
        breaker.begin_trial(at(1_000));
        breaker.restored(at(1_000));
        breaker.trip(&TRIP, at(2_000), 0.0);
        assert_eq!(breaker.trial_at(), Some(at(4_000)));
        breaker.begin_trial(at(4_000));
        breaker.restored(at(4_000));
        breaker.trip(&TRIP, at(12_000), 0.0);
        assert_eq!(breaker.trial_at(), Some(at(13_000)));
    }
}
