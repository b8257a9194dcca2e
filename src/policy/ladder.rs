//! One ladder of one process: which tier is active, and what moves it.
//!
//! ```text
//!            raise of the highest tier has held (`for`): at once, over any tier between
//!   normal ───────────────────────────────────────────────────────────────► tier n
//!      ▲                                                                      │
//!      └── tier 1 ◄── … ◄── tier n-1 ◄── clear is true and dwell is over ─────┘
//!                           one at a time; each starts its own dwell; a latched tier is not left
//! ```
//!
//! Unknown raises nothing and clears nothing: an unknown raise breaks its `for`, an unknown clear keeps the tier.
//! Where a tier has no `clear`, it clears when its raise is known to be false.
//! A tier raised again soon after it cleared keeps longer: the dwell doubles each time, up to
//! [`RELAPSES_MAX`] times and up to [`DWELL_MAX`]. Soon is within [`SOON_DWELLS`] of the dwell it had, or
//! [`SOON_MIN`] where that is longer.
//! The count of ineffective outcomes starts anew for every tier that the ladder leaves or comes down to: an
//! old failure must not raise the next tier again.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::decision::Cause;
use crate::model::name::Name;
use crate::policy::definition::{Ladder, Tier};
use crate::policy::expectation::Trial;
use crate::policy::pace::Gait;
use crate::policy::run::{Kept, Run};
use crate::policy::sustain::{Raised, Stretch};
use crate::policy::truth::Truth;
use crate::policy::world::TierFacts;

/// How often the dwell doubles at most.
pub const RELAPSES_MAX: u32 = 4;
/// The longest dwell that doubling leads to; a longer one in the file stands as it is.
pub const DWELL_MAX: Duration = Duration::from_hours(1);
/// A raise within so many dwells of the clear is a relapse.
pub const SOON_DWELLS: u32 = 2;
/// A raise within this time of the clear is a relapse, however short the dwell.
pub const SOON_MIN: Duration = Duration::from_mins(1);

/// What is kept of one tier for one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rung {
    pub(crate) stretch: Stretch,
    pub(crate) raise: Option<Truth>,
    /// Ineffective outcomes in a row.
    pub(crate) ineffective: u32,
    /// When the last run began, or did its main action.
    pub(crate) last_run: Option<Timestamp>,
    /// Whether the last outcome asks for another run.
    pub(crate) again: bool,
    /// A run that is wanted as soon as the one before it has ended.
    pub(crate) due: Option<Cause>,
    pub(crate) run: Option<Run>,
    pub(crate) trial: Option<(Trial, Kept)>,
    pub(crate) cleared: Option<Timestamp>,
    pub(crate) relapses: u32,
}

impl Rung {
    /// The dwell as it counts now.
    pub(crate) fn dwell(&self, tier: &Tier) -> Duration {
        let stretched = tier.dwell.saturating_mul(1 << self.relapses.min(RELAPSES_MAX));
        stretched.min(DWELL_MAX.max(tier.dwell))
    }

    fn entered(&mut self, tier: &Tier, at: Timestamp) {
        let soon = (self.dwell(tier) * SOON_DWELLS).max(SOON_MIN);
        let relapsed = self.cleared.is_some_and(|cleared| at.since(cleared) <= soon);
        self.relapses = if relapsed { (self.relapses + 1).min(RELAPSES_MAX) } else { 0 };
    }

    /// Drops what has not been started; what is under way is only waited for.
    fn drop_plans(&mut self) {
        self.again = false;
        self.due = None;
        match &mut self.run {
            Some(run) if run.waiting.is_some() => run.abandoned = true,
            Some(_) | None => self.run = None,
        }
    }
}

/// A ladder of one process.
#[derive(Clone, Debug)]
pub(crate) struct LadderState {
    pub(crate) active: Option<usize>,
    pub(crate) since: Timestamp,
    pub(crate) rungs: Vec<Rung>,
    /// What the active tier's clear said in the last tick; its raise, negated, where it has none.
    pub(crate) clear: Truth,
}

/// A ladder moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Move {
    pub(crate) from: Option<usize>,
    pub(crate) to: Option<usize>,
}

impl LadderState {
    pub(crate) fn new(ladder: &Ladder, at: Timestamp) -> Self {
        let rungs = ladder.tiers.iter().map(|_| Rung::default()).collect();
        Self { active: None, since: at, rungs, clear: Truth::True }
    }

    /// Takes in what a raise says in this tick.
    pub(crate) fn note_raise(&mut self, tier: usize, truth: Truth, gait: Gait) {
        let rung = &mut self.rungs[tier];
        rung.raise = Some(truth);
        rung.stretch.tick(gait, if truth.holds() { Raised::Yes } else { Raised::No });
    }

    /// Moves, if it is time to; `latched` tells whether the active tier waits for a person.
    pub(crate) fn climb(&mut self, ladder: &Ladder, latched: Latched, at: Timestamp) -> Option<Move> {
        let lowest = self.active.map_or(0, |active| active + 1);
        let goal = (lowest..ladder.tiers.len())
            .rev()
            .find(|tier| self.rungs[*tier].stretch.done(ladder.tiers[*tier].sustain));
        match (goal, self.active) {
            (Some(goal), from) => Some(self.rise(ladder, from, goal, at)),
            (None, Some(active)) if self.may_leave(ladder, active, latched, at) => {
                Some(self.descend(active, at))
            }
            (None, _) => None,
        }
    }

    /// Time until the dwell of the active tier is over.
    pub(crate) fn dwell_left(&self, ladder: &Ladder, at: Timestamp) -> Duration {
        self.active.map_or(Duration::ZERO, |active| {
            self.rungs[active].dwell(&ladder.tiers[active]).saturating_sub(at.since(self.since))
        })
    }

    fn may_leave(&self, ladder: &Ladder, active: usize, latched: Latched, at: Timestamp) -> bool {
        let dwelt = at.since(self.since) >= self.rungs[active].dwell(&ladder.tiers[active]);
        self.clear.holds() && dwelt && latched == Latched::No
    }

    fn rise(&mut self, ladder: &Ladder, from: Option<usize>, to: usize, at: Timestamp) -> Move {
        if let Some(from) = from {
            self.rungs[from].drop_plans();
        }
        self.rungs[to].entered(&ladder.tiers[to], at);
        self.rungs[to].drop_plans();
        (self.active, self.since) = (Some(to), at);
        Move { from, to: Some(to) }
    }

    fn descend(&mut self, active: usize, at: Timestamp) -> Move {
        let rung = &mut self.rungs[active];
        rung.drop_plans();
        rung.cleared = Some(at);
        rung.stretch = Stretch::default();
        // Tiers below may still carry runs of a jump over them, and failures from the way up.
        for rung in &mut self.rungs[..=active] {
            rung.ineffective = 0;
            rung.drop_plans();
        }
        let to = active.checked_sub(1);
        (self.active, self.since) = (to, at);
        Move { from: Some(active), to }
    }

    /// Whether the active tier is known to be needed still: only then is anything begun in it.
    pub(crate) fn needed(&self) -> bool {
        let Some(active) = self.active else { return false };
        self.clear == Truth::False || self.rungs[active].raise.is_some_and(Truth::holds)
    }
}

/// Whether a tier waits for a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Latched {
    Yes,
    No,
}

impl From<bool> for Latched {
    fn from(latched: bool) -> Self {
        if latched { Self::Yes } else { Self::No }
    }
}

/// What a ladder tells its expressions about its tiers.
pub(crate) struct Facts<'a> {
    pub(crate) ladder: &'a Ladder,
    pub(crate) state: &'a LadderState,
}

impl TierFacts for Facts<'_> {
    fn active(&self, tier: &Name) -> bool {
        let active = self.state.active;
        self.ladder.position(tier).is_some_and(|position| active.is_some_and(|active| position <= active))
    }

    fn ineffective(&self, tier: &Name) -> u32 {
        self.ladder.position(tier).map_or(0, |position| self.state.rungs[position].ineffective)
    }
}
