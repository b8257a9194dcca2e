//! What happened since the agent started, as counts: for those who draw lines over days.

use std::collections::BTreeMap;

use crate::agent::status::{ActionCount, Counts};
use crate::model::action::Word;
use crate::model::decision::{Decision, DecisionId, Outcome, Verdict};
use crate::model::event::{Event, Fact};
use crate::model::name::Name;

/// Actions whose end is awaited, at most; the end of one beyond counts without its word, which is not at all.
const UNDER_WAY_MAX: usize = 256;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    actions: BTreeMap<(Name, Word, &'static str), u64>,
    transitions: BTreeMap<Name, u64>,
    starts: BTreeMap<Name, u64>,
    losses: BTreeMap<Name, u64>,
    notices_failed: BTreeMap<Name, u64>,
    under_way: BTreeMap<(Name, DecisionId), Word>,
}

impl Tally {
    /// Counts an event.
    pub(super) fn count(&mut self, event: &Event) {
        if let Fact::NoticeFailed { to, .. } = &event.fact {
            *self.notices_failed.entry(to.clone()).or_default() += 1;
        }
        let Some(target) = &event.target else { return };
        match &event.fact {
            Fact::Transition(_) => *self.transitions.entry(target.clone()).or_default() += 1,
            Fact::Spawned { .. } => *self.starts.entry(target.clone()).or_default() += 1,
            Fact::SignalLost { .. } => *self.losses.entry(target.clone()).or_default() += 1,
            Fact::Decision(decision) => self.decided(target, decision),
            Fact::Finished { decision, result, .. } => {
                if let Some(word) = self.under_way.remove(&(target.clone(), *decision)) {
                    self.action(target, word, if result.is_ok() { "done" } else { "failed" });
                }
            }
            Fact::Judged(judged) => self.action(target, judged.word, outcome(judged.outcome)),
            Fact::AgentStarted { .. }
            | Fact::AgentStopping { .. }
            | Fact::Adopted { .. }
            | Fact::TargetAbsent { .. }
            | Fact::StaysDown { .. }
            | Fact::Exited { .. }
            | Fact::HoldTaken { .. }
            | Fact::HoldReleased { .. }
            | Fact::Latched { .. }
            | Fact::Commanded { .. }
            | Fact::SignalBack { .. }
            | Fact::Reloaded { .. }
            | Fact::ReloadRefused { .. }
            | Fact::ShadowDiffers { .. }
            | Fact::HistoryLost { .. }
            | Fact::HistoryBack { .. }
            | Fact::FleetAway { .. }
            | Fact::FleetBack {}
            | Fact::BoundHit { .. }
            | Fact::DescriptorsScarce { .. }
            | Fact::DescriptorsBack { .. }
            | Fact::StreamChanged { .. }
            | Fact::NoticeFailed { .. } => {}
        }
    }

    /// An action or a hold was begun: its end is counted under its word.
    pub(super) fn begun(&mut self, target: &Name, id: DecisionId, word: Word) {
        if self.under_way.len() < UNDER_WAY_MAX {
            self.under_way.insert((target.clone(), id), word);
        }
        self.action(target, word, "started");
    }

    fn decided(&mut self, target: &Name, decision: &Decision) {
        let word = decision.work.word();
        let fate = match decision.verdict {
            Verdict::Start => return self.begun(target, decision.id, word),
            Verdict::DryRun(_) => "dry_run",
            Verdict::Refused(_) => "refused",
        };
        self.action(target, word, fate);
    }

    fn action(&mut self, target: &Name, word: Word, fate: &'static str) {
        *self.actions.entry((target.clone(), word, fate)).or_default() += 1;
    }

    /// The counts so far.
    pub(super) fn counts(&self) -> Counts {
        let actions = self.actions.iter().map(|((target, action, outcome), count)| ActionCount {
            target: target.clone(),
            action: action.name().to_owned(),
            outcome: (*outcome).to_owned(),
            count: *count,
        });
        Counts {
            actions: actions.collect(),
            transitions: self.transitions.clone(),
            starts: self.starts.clone(),
            signal_losses: self.losses.clone(),
            notices_failed: self.notices_failed.clone(),
        }
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Effective => "effective",
        Outcome::Ineffective => "ineffective",
        Outcome::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::clock::{Timestamp, WallTime};

    fn finished(decision: u64, result: Result<String, String>) -> Event {
        Event {
            at: Timestamp::from_millis(0),
            wall: WallTime::from_millis(0),
            target: Some(Name::parse("bot").unwrap()),
            process: None,
            fact: Fact::Finished { decision: DecisionId(decision), result, took: Duration::ZERO },
        }
    }

    #[test]
    fn holds_are_counted_by_how_taking_and_ending_them_went() {
        let (mut tally, bot) = (Tally::default(), Name::parse("bot").unwrap());
        for decision in 1..=3 {
            tally.begun(&bot, DecisionId(decision), Word::PauseTrading);
        }
        tally.count(&finished(1, Ok(String::new())));
        tally.count(&finished(2, Err("no gate".to_owned())));
        let counts: Vec<_> =
            tally.counts().actions.into_iter().map(|one| (one.action, one.outcome, one.count)).collect();
        let word = || "pause_trading".to_owned();
        assert_eq!(
            counts,
            [
                (word(), "done".to_owned(), 1),
                (word(), "failed".to_owned(), 1),
                (word(), "started".to_owned(), 3)
            ]
        );
        tally.count(&finished(3, Ok(String::new())));
        assert!(tally.under_way.is_empty());
    }
}
