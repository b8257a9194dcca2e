//! A course as text for people: the time, what happened, and why.
//!
//! ```text
//! 1h25m16s  descriptors: normal → attention, fd.open (301) > 300
//! 1h25m16s    attention  reset_pool orders-db (idle)  start #3
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use crate::model::action::{Action, Gate, Hold, NofileGoal, ResetHow, Then};
use crate::model::decision::{Cause, Decision, DecisionId, DryRun, RulePath, Verdict, Work};
use crate::model::name::Name;
use crate::model::units::{format_ratio, format_span};
use crate::sim::course::{Course, Entry, Note};
use crate::sim::script::Scenario;

/// The width of the times.
const TIMES: usize = 10;

/// The transcript of a scenario.
pub fn of_scenario(scenario: &Scenario, course: &Course) -> String {
    let mut text = String::new();
    let (length, tick) = (format_span(scenario.length), format_span(scenario.tick));
    let _ = writeln!(text, "{} ({length}, a look each {tick})", scenario.name);
    text.push_str(&of_course(course));
    text
}

/// The transcript of a course. Upkeep that goes on as before is counted, not told again.
pub fn of_course(course: &Course) -> String {
    let mut text = String::new();
    let mut routine = Routine::default();
    for entry in &course.entries {
        if !routine.takes(entry) {
            routine.flush(&mut text);
            let _ = writeln!(text, "{}", line(entry.at, &entry.note));
        }
    }
    routine.flush(&mut text);
    if course.entries.is_empty() {
        text.push_str("nothing happens\n");
    }
    text
}

/// Upkeep that has been told once and goes on.
#[derive(Default)]
struct Routine<'c> {
    told: Option<&'c Work>,
    open: Option<DecisionId>,
    more: u32,
    last: Duration,
}

impl<'c> Routine<'c> {
    /// Whether the entry is more of the same.
    fn takes(&mut self, entry: &'c Entry) -> bool {
        match &entry.note {
            Note::Decided(decision)
                if decision.cause == Cause::Upkeep && decision.verdict == Verdict::Start =>
            {
                if self.told == Some(&decision.work) {
                    (self.open, self.last) = (Some(decision.id), entry.at);
                    self.more += 1;
                    return true;
                }
                self.told = Some(&decision.work);
                false
            }
            Note::Ended { decision, result: Ok(_), .. } => {
                self.open.take_if(|open| open == decision).is_some()
            }
            Note::Decided(_)
            | Note::Moved(_)
            | Note::Ended { .. }
            | Note::Judged(_)
            | Note::Latched(_)
            | Note::World(_)
            | Note::Exhausted => false,
        }
    }

    fn flush(&mut self, text: &mut String) {
        if self.more > 0 {
            let _ = writeln!(
                text,
                "{:<TIMES$}  upkeep: the same {} times more",
                format_span(self.last),
                self.more
            );
        }
        self.more = 0;
    }
}

/// One line of a transcript.
pub fn line(at: Duration, note: &Note) -> String {
    let what = match note {
        Note::Moved(moved) => {
            let (from, to) = (tier(moved.from.as_ref()), tier(moved.to.as_ref()));
            format!("{}: {from} → {to}, {}", moved.ladder, moved.because)
        }
        Note::Decided(decision) => format!("  {}", decided(decision)),
        Note::Ended { decision, word, result: Ok(done) } => format!("  #{} {word}: {done}", decision.0),
        Note::Ended { decision, word, result: Err(why) } => format!("  #{} {word} failed: {why}", decision.0),
        Note::Judged(judged) => {
            let (rule, because) = (place(&judged.rule), &judged.because);
            format!("  {rule}: {} #{} was {}, {because}", judged.word, judged.decision.0, judged.outcome)
        }
        Note::Latched(rule) => format!("  {}: budget spent, waits for a person", place(rule)),
        Note::World(what) => format!("* {what}"),
        Note::Exhausted => "* the descriptors run out".to_owned(),
    };
    let time = format_span(at);
    format!("{time:<TIMES$}{what}")
}

fn decided(decision: &Decision) -> String {
    let place = place(&decision.rule);
    let what = match &decision.work {
        Work::Do(action) => action_text(action),
        Work::Take(hold) => format!("take {}", hold_text(hold)),
        Work::Release(hold) => format!("release {}", hold_text(hold)),
    };
    let cause = match decision.cause {
        Cause::Entry | Cause::Upkeep => "",
        Cause::Again => ", again",
        Cause::Every => ", by the clock",
        Cause::Command => ", by a person",
    };
    let id = decision.id.0;
    match &decision.verdict {
        Verdict::Start => format!("{place}: {what}{cause}, start #{id}"),
        Verdict::DryRun(scope) => format!("{place}: {what}{cause}, told only ({}) #{id}", dry(*scope)),
        Verdict::Refused(refusal) => format!("{place}: {what}{cause}, refused: {refusal}"),
    }
}

fn dry(scope: DryRun) -> &'static str {
    match scope {
        DryRun::Agent => "dry run of the agent",
        DryRun::Policy => "dry run of the policy",
        DryRun::Action => "dry run of the action",
        DryRun::Shadow => "shadow",
    }
}

/// An action in a few words.
pub fn action_text(action: &Action) -> String {
    let word = action.word();
    match action {
        Action::Notify { to, .. } => format!("{word} {to}"),
        Action::Snapshot => word.to_string(),
        Action::RaiseNofile { to: NofileGoal::Hard } => format!("{word} to hard"),
        Action::RaiseNofile { to: NofileGoal::Count(count) } => format!("{word} to {count}"),
        Action::ResetPool { pool, how, share } => {
            let how = match how {
                ResetHow::Idle => "idle",
                ResetHow::Drain => "drain",
                ResetHow::Hard => "hard",
            };
            let share = if *share < 1.0 { format!(" {}", format_ratio(*share)) } else { String::new() };
            format!("{word} {pool} {how}{share}")
        }
        Action::DestroySockets { older, remote, max } => {
            let remote =
                remote.as_ref().map_or_else(String::new, |remote| format!(" to {}", remote.as_str()));
            format!("{word}{remote} older {} max {max}", format_span(*older))
        }
        Action::ReapDescriptors { older, max } => format!("{word} older {} max {max}", format_span(*older)),
        Action::Run { hook } => format!("{word} {hook}"),
        Action::Stop { then, .. } => {
            let then = match then {
                Then::Restart => "restart",
                Then::Stay => "stay",
                Then::Systemd => "systemd",
            };
            format!("{word} then {then}")
        }
    }
}

/// A hold in a few words.
pub fn hold_text(hold: &Hold) -> String {
    let word = hold.word();
    match hold {
        Hold::ThrottleConnects { pool, rate } => format!("{word} {pool} {rate}/s"),
        Hold::PollStream { stream, every } => format!("{word} {stream} every {}", format_span(*every)),
        Hold::PauseTrading { state: Gate::Reducing } => format!("{word} reducing"),
        Hold::PauseTrading { state: Gate::Halted } => format!("{word} halted"),
        Hold::Freeze { limit } => format!("{word} up to {}", format_span(*limit)),
    }
}

/// The place of a rule in its policy.
pub fn place(rule: &RulePath) -> &str {
    rule.tier.as_ref().or(rule.ladder.as_ref()).map_or("upkeep", Name::as_str)
}

fn tier(tier: Option<&Name>) -> &str {
    tier.map_or("normal", Name::as_str)
}
