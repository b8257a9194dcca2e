//! Where decisions are written down, numbered and given their time.

use std::time::Duration;

use crate::model::action::Action;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{
    Cause, Decision, DecisionId, Evaluation, Judged, Outcome, RulePath, Verdict, Work,
};
use crate::model::process::ProcessId;
use crate::policy::engine::book::AgentDry;
use crate::policy::engine::{HumanHold, Target};
use crate::policy::means::Means;
use crate::policy::run::{Flight, Kept, LOST_AFTER};

pub(crate) struct Desk<'a> {
    pub(crate) means: &'a Means,
    target: &'a mut Target,
    process: ProcessId,
    pub(crate) at: Timestamp,
    pub(crate) wall: WallTime,
    pub(crate) out: Evaluation,
}

impl<'a> Desk<'a> {
    pub(in crate::policy::engine) fn new(
        means: &'a Means,
        target: &'a mut Target,
        process: ProcessId,
        (at, wall): (Timestamp, WallTime),
    ) -> Self {
        Self { means, target, process, at, wall, out: Evaluation::default() }
    }

    /// Writes down a decision.
    pub(crate) fn decide(
        &mut self,
        rule: RulePath,
        cause: Cause,
        work: Work,
        verdict: Verdict,
    ) -> DecisionId {
        let id = DecisionId(self.target.next);
        self.target.next += 1;
        let (at, wall) = (self.at, self.wall);
        self.out.decisions.push(Decision { id, at, wall, rule, cause, work, verdict });
        id
    }

    /// Writes down what became of a run.
    pub(crate) fn judge(&mut self, rule: RulePath, kept: &Kept, outcome: Outcome, because: String) {
        let (decision, word, at) = (kept.decision, kept.word, self.at);
        self.out.judged.push(Judged { decision, at, rule, word, outcome, because });
    }

    /// The action under way on the target.
    pub(crate) fn flight(&self) -> Option<Flight> {
        self.target.flight
    }

    /// Whether what was seen then is from before the end of the last action on the target.
    pub(crate) fn is_outdated(&self, seen: Timestamp) -> bool {
        self.target.landed.is_some_and(|landed| seen <= landed)
    }

    /// Marks a started action as under way.
    pub(crate) fn take_off(&mut self, decision: DecisionId, action: &Action) {
        let (word, process, started) = (action.word(), self.process, self.at);
        let patience = self.means.time_limit(action) + LOST_AFTER;
        let waited = Duration::ZERO;
        self.target.flight =
            Some(Flight { decision, word, process, started, looked: started, waited, patience });
    }

    /// Whether the leave of the fleet is missing; then it is asked for.
    pub(crate) fn lacks_leave(&mut self) -> bool {
        self.target.leave.lacks(self.at)
    }

    pub(crate) fn human_hold(&self) -> HumanHold {
        self.target.hold
    }

    pub(crate) fn agent_dry(&self) -> AgentDry {
        AgentDry(self.means.dry_run)
    }
}
