//! The actions that were really taken while the record was made.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::action::Effect;
use crate::model::clock::WallTime;
use crate::model::decision::{Decision, Done, Work};

/// How far apart in civil time an action of the record and one of the replay may be and still be the same.
pub const ACTUAL_NEAR: Duration = Duration::from_secs(10);

/// An action that was really taken.
#[derive(Clone, PartialEq, Debug)]
pub struct Actual {
    /// When, civil.
    pub wall: WallTime,
    /// What.
    pub work: Work,
    /// How it ended and how long it took; none where it was still under way.
    pub ended: Option<(Result<String, String>, Duration)>,
}

/// The actions that were really taken, in the order of time.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    actions: Vec<Actual>,
}

impl Record {
    /// From actions in any order.
    pub fn new(mut actions: Vec<Actual>) -> Self {
        actions.sort_by_key(|action| action.wall);
        Self { actions }
    }

    /// The nearest action of the record that is the same as a decision's and is not `used`.
    pub(super) fn find(&self, decision: &Decision, used: &BTreeSet<usize>) -> Option<usize> {
        let apart = |actual: &Actual| actual.wall.since(decision.wall).max(decision.wall.since(actual.wall));
        let earliest = decision.wall.as_millis().saturating_sub(i64::try_from(ACTUAL_NEAR.as_millis()).ok()?);
        let from = self.actions.partition_point(|actual| actual.wall.as_millis() < earliest);
        let near = self.actions.iter().enumerate().skip(from);
        near.take_while(|(_, actual)| actual.wall <= decision.wall || apart(actual) <= ACTUAL_NEAR)
            .filter(|(index, actual)| !used.contains(index) && actual.work == decision.work)
            .min_by_key(|(_, actual)| apart(actual))
            .map(|(index, _)| index)
    }

    /// How an action ended. What the record does not know is taken as done.
    pub(super) fn ending(&self, index: usize) -> (Duration, Result<Done, String>) {
        match &self.actions[index].ended {
            Some((Ok(summary), took)) => (*took, Ok(Done { summary: summary.clone() })),
            Some((Err(why), took)) => (*took, Err(why.clone())),
            None => (super::TAKES, Ok(Done { summary: "the record has no end of it".to_owned() })),
        }
    }

    /// How many actions that the bot may notice the record has and the replay has not.
    pub(super) fn missed(&self, used: &BTreeSet<usize>) -> u64 {
        let noticed =
            self.actions.iter().enumerate().filter(|(index, actual)| {
                !used.contains(index) && actual.work.word().effect() != Effect::None
            });
        u64::try_from(noticed.count()).unwrap_or(u64::MAX)
    }
}
