//! A hold that an active tier wants, and what became of it.

use crate::model::action::Hold;
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, DryRun, Refusal, RulePath, Verdict, Work};
use crate::policy::engine::desk::Desk;

/// The place of a hold in the policies: policy, ladder, tier, entry.
pub(super) type Site = (usize, usize, usize, usize);

/// What became of one wanted hold.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Fate {
    /// Kept since then.
    Kept { since: Timestamp },
    /// A freeze whose limit is over.
    Spent,
    /// Told only.
    Told(DryRun),
    /// Refused for good.
    Lacking(Refusal),
    /// Refused for now.
    Waiting(Wait),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    StartGrace { until: Timestamp },
    HumanHold,
}

#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) site: Site,
    pub(super) hold: Hold,
    pub(super) rule: RulePath,
    pub(super) fate: Fate,
}

impl Wanted {
    /// When time alone changes what becomes of it.
    pub(super) fn next_change(&self) -> Option<Timestamp> {
        match (&self.fate, &self.hold) {
            (Fate::Kept { since }, Hold::Freeze { limit }) => Some(*since + *limit),
            (Fate::Waiting(Wait::StartGrace { until }), _) => Some(*until),
            (Fate::Kept { .. } | Fate::Spent | Fate::Told(_) | Fate::Lacking(_) | Fate::Waiting(_), _) => {
                None
            }
        }
    }

    /// Records one that is not taken.
    pub(super) fn tell(&self, desk: &mut Desk<'_>) {
        let verdict = match &self.fate {
            Fate::Kept { .. } | Fate::Spent => return,
            Fate::Told(dry) => Verdict::DryRun(*dry),
            Fate::Lacking(refusal) => Verdict::Refused(refusal.clone()),
            Fate::Waiting(Wait::HumanHold) => Verdict::Refused(Refusal::HumanHold),
            Fate::Waiting(Wait::StartGrace { until }) => {
                Verdict::Refused(Refusal::StartGrace { left: until.since(desk.at) })
            }
        };
        desk.decide(self.rule.clone(), Cause::Entry, Work::Take(self.hold.clone()), verdict);
    }
}

impl Fate {
    /// Whether both mean the same to a person, whenever each began.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Fate::Kept { .. }, Fate::Kept { .. })
            | (Fate::Spent, Fate::Spent)
            | (Fate::Waiting(Wait::StartGrace { .. }), Fate::Waiting(Wait::StartGrace { .. })) => true,
            (Fate::Waiting(a), Fate::Waiting(b)) => a == b,
            (Fate::Told(a), Fate::Told(b)) => a == b,
            (Fate::Lacking(a), Fate::Lacking(b)) => a == b,
            (Fate::Kept { .. } | Fate::Spent | Fate::Told(_) | Fate::Lacking(_) | Fate::Waiting(_), _) => {
                false
            }
        }
    }
}
