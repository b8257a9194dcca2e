//! Judges whether a run brought about what it should: effective, ineffective, or unknown. Never a false effective.
//!
//! ```text
//!  run done ──► waiting ──that is true on a fresh observation──► confirming ──still true, later──► effective
//!                  │  ▲                                              │
//!                  │  └───────────────── no longer true ─────────────┘
//!                  └─ deadline: false ─► ineffective, unknown ─► unknown
//! ```
//!
//! An observation is **fresh** where everything that the expectation reads was looked at after the run was
//! done: the observation itself, and its survey where signals of a full tick are read. What a probe says may be
//! as old as its period, so it counts where it was asked after. One fresh true is not enough: a destroyed
//! socket may be opened again at once. The condition must be true on every fresh observation for [`SETTLE`].

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::decision::Outcome;
use crate::model::observation::Observation;
use crate::model::signal::Source;
use crate::policy::condition::Condition;
use crate::policy::truth::Truth;

/// The expectation must stay true for so long, on at least two fresh observations.
pub const SETTLE: Duration = Duration::from_millis(500);
/// A first look so long after the deadline, or as long again as `within`, can't tell what the run did.
pub const LATE: Duration = Duration::from_secs(10);

/// A run on trial.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    done: Timestamp,
    within: Duration,
    reads: Reads,
    /// Since when it is true without a break, and the survey and the probes' answers of that first look.
    confirming: Option<(Timestamp, Timestamp, Timestamp)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reads {
    survey: bool,
    probe: bool,
}

impl Trial {
    /// Starts with the end of the run.
    pub(crate) fn new(condition: &Condition, within: Duration, done: Timestamp) -> Self {
        let mut reads = Reads::default();
        for key in condition.keys() {
            match key.signal().row().source {
                Source::FullTick | Source::Host => reads.survey = true,
                Source::Probe => reads.probe = true,
                Source::FastTick | Source::Proxy | Source::Clock => {}
            }
        }
        Self { done, within, reads, confirming: None }
    }

    /// Whether the observation is later than the run in everything that is read.
    pub(crate) fn fresh(&self, seen: &Observation) -> bool {
        seen.at > self.done
            && (!self.reads.survey || seen.surveyed > self.done)
            && (!self.reads.probe || seen.probed > self.done)
    }

    /// Takes in what one observation says of the expectation.
    pub(crate) fn look(&mut self, seen: &Observation, truth: Truth) -> Option<Outcome> {
        let deadline = self.done + self.within;
        let over = seen.at >= deadline;
        if !self.fresh(seen) {
            return (over && seen.at >= deadline + self.late()).then_some(Outcome::Unknown);
        }
        match truth {
            Truth::True => self.confirm(seen, deadline),
            Truth::False => {
                self.confirming = None;
                over.then_some(Outcome::Ineffective)
            }
            Truth::Unknown(_) => {
                self.confirming = None;
                over.then_some(Outcome::Unknown)
            }
        }
    }

    fn confirm(&mut self, seen: &Observation, deadline: Timestamp) -> Option<Outcome> {
        let Some((since, survey, probes)) = self.confirming else {
            if seen.at > deadline + self.late() {
                return Some(Outcome::Unknown);
            }
            self.confirming = Some((seen.at, seen.surveyed, seen.probed));
            return None;
        };
        let looked_again = !self.reads.survey || seen.surveyed > survey;
        let asked_again = !self.reads.probe || seen.probed > probes;
        (looked_again && asked_again && seen.at.since(since) >= SETTLE).then_some(Outcome::Effective)
    }

    fn late(&self) -> Duration {
        self.within.max(LATE)
    }

    /// Time until the deadline.
    pub(crate) fn left(&self, at: Timestamp) -> Duration {
        (self.done + self.within).since(at)
    }
}
