//! What the engine decided goes out: told once, and handed to the actuator where it is to be done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Control;
use crate::actuator::{Order, Story};
use crate::agent::herald::About;
use crate::agent::target::Target;
use crate::model::action::Word;
use crate::model::clock::Clock as _;
use crate::model::decision::{Cause, Decision, Done, Evaluation, Failure, Report, Verdict, Work};
use crate::model::event::Fact;
use crate::model::process::ProcessId;
use crate::model::signal::Signal;
use crate::sys::adopted::Adopted;
use crate::sys::clock::SystemClock;

/// Recent events that go into a notice or an evidence bundle.
const HISTORY_LINES: usize = 20;
/// Signals that go into a notice.
const KEY_READINGS: [Signal; 6] = [
    Signal::FdOpen,
    Signal::FdLimit,
    Signal::FdTte,
    Signal::SocketCloseWait,
    Signal::SocketOrphans,
    Signal::ProcessRss,
];

impl Control {
    /// Tells and carries out one evaluation; what the actuator can't take is reported back as given up.
    pub(super) fn carry_out(&mut self, place: usize, id: ProcessId, evaluation: Evaluation) {
        if evaluation.is_empty() {
            return;
        }
        self.targets[place].memory_changed = true;
        let because: BTreeMap<String, String> = evaluation
            .transitions
            .iter()
            .filter_map(|step| {
                Some((format!("{}/{}/{}", step.policy, step.ladder, step.to.as_ref()?), step.because.clone()))
            })
            .collect();
        if let Some(guarded) = self.targets[place].guarded.get_mut(&id) {
            guarded.raised.extend(because.clone());
        }
        let name = self.targets[place].name().clone();
        let about = About::process(&name, id);
        for transition in evaluation.transitions {
            self.herald.tell(about, Fact::Transition(transition));
        }
        for judged in evaluation.judged {
            self.herald.tell(about, Fact::Judged(judged));
        }
        for rule in evaluation.latched {
            self.herald.tell(about, Fact::Latched { rule: rule.to_string() });
        }
        for difference in evaluation.shadow {
            self.herald.tell(about, Fact::ShadowDiffers { policy: difference.policy, how: difference.how });
        }
        for lost in evaluation.lost {
            let about = About::process(&name, lost.process);
            self.herald.tell(about, Fact::BoundHit { bound: lost.to_string() });
        }
        let mut untaken = Vec::new();
        for decision in evaluation.decisions {
            self.herald.tell(about, fact(&decision));
            if decision.verdict != Verdict::Start {
                continue;
            }
            if matches!(decision.work, Work::Take(_) | Work::Release(_)) {
                self.herald.count_begun(&name, decision.id, decision.work.word());
            }
            if let Err(why) = self.submit(place, id, &decision) {
                let ends_with_it = matches!(decision.work, Work::Release(_))
                    && !self.targets[place].guarded.contains_key(&id);
                // What a process holds is let go of when it ends, whoever else asks for it.
                let result = if ends_with_it {
                    Ok(Done { summary: "it ended with the process".to_owned() })
                } else {
                    Err(Failure::GivenUp(why))
                };
                untaken.push(Report { decision: decision.id, result });
            }
        }
        for report in untaken {
            let result = report.result.as_ref().map(|done| done.summary.clone()).map_err(ToString::to_string);
            let ended = Fact::Finished { decision: report.decision, result, took: Duration::ZERO };
            self.herald.tell(About::process(&name, id), ended);
            let (now, wall) = (SystemClock.now(), SystemClock.wall());
            let next = self.targets[place].engine.report(&id, &report, now, wall);
            self.carry_out(place, id, next);
        }
    }

    fn submit(&mut self, place: usize, id: ProcessId, decision: &Decision) -> Result<(), String> {
        let target = &self.targets[place];
        let guarded = target.guarded.get(&id).ok_or("the process is not guarded any more")?;
        let actuator = self.actuator.as_ref().ok_or("the agent is ending")?;
        let rule = decision.rule.to_string();
        let readings = KEY_READINGS.iter().filter_map(|signal| {
            let value = guarded.eye.latest().plain(*signal).known()?;
            Some((signal.name().to_owned(), format!("{value}")))
        });
        let history = self.herald.latest(target.name(), HISTORY_LINES);
        let story = Story {
            tier: decision.rule.tier.clone(),
            because: why(decision.cause, guarded.raised.get(&rule)),
            readings: readings.collect(),
            history: history.iter().map(crate::model::sentence::sentence).collect(),
            next: None,
            at: decision.wall,
            rule,
        };
        let order = Order {
            target: target.name().clone(),
            process: id,
            decision: decision.id,
            work: decision.work.clone(),
            subject: Arc::clone(&guarded.subject),
            fellows: fellows(target, id, decision),
            aged: guarded.aged.clone(),
            story: Arc::new(story),
        };
        actuator.submit(order).map_err(|full| full.to_string())
    }
}

/// Why an action is begun, for those who are told: the condition with the values it saw when the tier was entered, and
/// behind a repetition what brought that.
fn why(cause: Cause, raised: Option<&String>) -> String {
    let raised = raised.cloned().unwrap_or_default();
    match (cause, raised.is_empty()) {
        (Cause::Entry, _) => raised,
        (Cause::Again, true) => "again: the run before was not effective".to_owned(),
        (Cause::Again, false) => format!("again, the run before was not effective; entered by {raised}"),
        (Cause::Every, true) => "again: the tier is still active".to_owned(),
        (Cause::Every, false) => format!("again, the tier is still active; entered by {raised}"),
        (Cause::Upkeep, _) => "upkeep, by the clock".to_owned(),
        (Cause::Command, _) => "asked for by a person".to_owned(),
    }
}

/// A person stops a target, a policy one process of it: each has a ladder of its own.
fn fellows(target: &Target, id: ProcessId, decision: &Decision) -> Vec<Arc<Adopted>> {
    if decision.cause != Cause::Command || decision.work.word() != Word::Stop {
        return Vec::new();
    }
    let others = target.guarded.values().filter(|other| other.id != id);
    others.map(|other| Arc::clone(&other.process)).collect()
}

/// Holds have facts of their own; everything else is told as the decision.
fn fact(decision: &Decision) -> Fact {
    match (&decision.verdict, &decision.work) {
        (Verdict::Start, Work::Take(hold)) => Fact::HoldTaken { hold: hold.clone() },
        (Verdict::Start, Work::Release(hold)) => {
            Fact::HoldReleased { hold: hold.clone(), why: decision.rule.to_string() }
        }
        (Verdict::Start | Verdict::DryRun(_) | Verdict::Refused(_), _) => Fact::Decision(decision.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_has_a_reason_too() {
        let raised = "fd.open (700) > 600".to_owned();
        assert_eq!(why(Cause::Entry, Some(&raised)), raised);
        for cause in [Cause::Again, Cause::Every] {
            let told = why(cause, Some(&raised));
            assert!(told.starts_with("again") && told.ends_with(&raised), "{told}");
            assert!(why(cause, None).starts_with("again"));
        }
    }
}
