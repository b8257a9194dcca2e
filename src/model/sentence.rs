//! An event as one line for people: what happened, with its particulars.

use std::fmt::Write as _;

use crate::model::decision::{Decision, DryRun, Verdict, Work};
use crate::model::event::{Event, Fact};
use crate::model::name::Name;
use crate::model::units::format_span;

/// The line: time, target, process, headline, particulars.
pub fn sentence(event: &Event) -> String {
    let mut line = event.wall.to_string();
    if let Some(target) = &event.target {
        let _ = write!(line, " {target}");
    }
    if let Some(process) = &event.process {
        let _ = write!(line, " {process}");
    }
    let _ = write!(line, ": {}", saying(&event.fact));
    line
}

/// What happened, with its particulars, for where time and target stand beside it.
pub fn saying(fact: &Fact) -> String {
    let (_, headline) = fact.headline();
    let particulars = particulars(fact);
    if particulars.is_empty() { headline.to_owned() } else { format!("{headline}: {particulars}") }
}

fn particulars(fact: &Fact) -> String {
    match fact {
        Fact::AgentStarted { version, .. } => format!("version {version}"),
        Fact::AgentStopping { why: text }
        | Fact::StaysDown { why: text }
        | Fact::ReloadRefused { why: text }
        | Fact::HistoryLost { why: text }
        | Fact::FleetAway { why: text }
        | Fact::Adopted { command: text, .. }
        | Fact::TargetAbsent { sought: text }
        | Fact::Latched { rule: text }
        | Fact::Reloaded { what: text }
        | Fact::BoundHit { bound: text } => text.clone(),
        Fact::Exited { code: Some(code) } => format!("code {code}"),
        Fact::Exited { code: None } | Fact::Spawned { restarts: 0 } | Fact::FleetBack {} => String::new(),
        Fact::Spawned { restarts } => format!("restart {restarts}"),
        Fact::Transition(step) => {
            let name = |tier: &Option<Name>| tier.as_ref().map_or("normal".to_owned(), ToString::to_string);
            let place = format!("{}/{}", step.policy, step.ladder);
            format!("{place} {} to {}: {}", name(&step.from), name(&step.to), step.because)
        }
        Fact::Decision(decision) => decided(decision),
        Fact::Finished { decision, result: Ok(what) | Err(what), took } => {
            format!("#{} {what} ({})", decision.0, format_span(*took))
        }
        Fact::Judged(judged) => {
            format!("#{} {} by {}: {}", judged.decision.0, judged.word, judged.rule, judged.because)
        }
        Fact::HoldTaken { hold } => hold.word().to_string(),
        Fact::HoldReleased { hold, why } => format!("{} by {why}", hold.word()),
        Fact::Commanded { command, by } => format!("{command} ({by})"),
        Fact::DescriptorsScarce { pool, left } => format!("{pool}: {left} left"),
        Fact::DescriptorsBack { pool } => pool.to_string(),
        Fact::StreamChanged { stream, client, from, to, why } => {
            format!("{stream}, client {client}: {from} to {to}: {why}")
        }
        Fact::SignalLost { signal, gap } => format!("{signal}: {gap}"),
        Fact::SignalBack { signal } => signal.to_string(),
        Fact::ShadowDiffers { policy, how } => format!("{policy}: {how}"),
        Fact::HistoryBack { lost } => format!("{lost} records were lost"),
        Fact::NoticeFailed { to, why } => format!("{to}: {why}"),
    }
}

fn decided(decision: &Decision) -> String {
    let work = match &decision.work {
        Work::Do(action) => action.word().to_string(),
        Work::Take(hold) => format!("hold {}", hold.word()),
        Work::Release(hold) => format!("release {}", hold.word()),
    };
    let mut text = format!("#{} {work} by {}", decision.id.0, decision.rule);
    match &decision.verdict {
        Verdict::Start => {}
        Verdict::DryRun(scope) => {
            let scope = match scope {
                DryRun::Agent => "agent",
                DryRun::Policy => "policy",
                DryRun::Action => "action",
                DryRun::Shadow => "shadow policy",
            };
            let _ = write!(text, " (dry run of the {scope})");
        }
        Verdict::Refused(refusal) => {
            let _ = write!(text, ": {refusal}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::{Timestamp, WallTime};

    #[test]
    fn a_line_says_when_who_and_what() {
        let event = Event {
            at: Timestamp::ZERO,
            wall: WallTime::from_millis(1_700_000_000_000),
            target: Some(Name::parse("bot").unwrap()),
            process: None,
            fact: Fact::Exited { code: Some(24) },
        };
        assert_eq!(sentence(&event), "2023-11-14T22:13:20Z bot: process ended: code 24");
    }
}
