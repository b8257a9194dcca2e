//! What came of a person's command, as one sentence for the one who gave it.

use std::time::Duration;

use crate::agent::request::Command;
use crate::model::action::Then;
use crate::model::decision::Refusal;
use crate::model::name::Name;
use crate::model::units::format_span;

/// What was begun, and on what.
pub(super) struct Begun<'a> {
    /// What was asked for.
    pub(super) command: &'a Command,
    /// The processes it was begun on.
    pub(super) pids: Vec<u32>,
    /// Of a stop: the hooks that come first, and the grace where the command names none.
    pub(super) stop: (&'a [Name], Duration),
    /// Whether the target is only told about.
    pub(super) dry_run: bool,
}

impl Begun<'_> {
    /// The sentence.
    pub(super) fn sentence(&self) -> String {
        let dry = if self.dry_run { " (dry run: nothing is done)" } else { "" };
        match self.command {
            Command::Reload => "settings are read anew".to_owned(),
            Command::ResetPool { pool, .. } | Command::Pool { pool, .. } => format!("{pool} was told"),
            Command::Trading { state, .. } => format!("trading is {state}"),
            Command::Release { target, rule: None } => {
                format!("{target}: all its latches are released, its tiers may act again")
            }
            Command::Release { target, rule: Some(rule) } => {
                format!("{target}: {rule} is released and may act again")
            }
            Command::Hold { target } => format!(
                "{target} is on hold: nothing that it could notice is done until `fdguard ctl resume {target}`"
            ),
            Command::Resume { target } => format!("{target}: the hold has ended, its policies act again"),
            Command::Snapshot { target } => format!(
                "{}: an evidence bundle is being written; `fdguard history` and the log say where{dry}",
                self.subject(target)
            ),
            Command::Freeze { target, limit } => format!(
                "{} is being frozen for {}; `fdguard ctl thaw {target}` ends it sooner{dry}",
                self.subject(target),
                format_span(*limit)
            ),
            Command::Thaw { target } => format!("{} is being thawed{dry}", self.subject(target)),
            Command::Start { target } => {
                format!("{target} is being started; `fdguard history` and the log say how that went")
            }
            Command::Stop { target, grace, then } => {
                let (before, usual) = self.stop;
                let grace = grace.unwrap_or(usual);
                let first = if before.is_empty() {
                    "TERM now".to_owned()
                } else {
                    let hooks: Vec<&str> = before.iter().map(Name::as_str).collect();
                    format!("first {}, then TERM", hooks.join(", "))
                };
                let after = match then {
                    Then::Stay => "it stays stopped",
                    Then::Restart => "it is started again",
                    Then::Systemd => "systemd decides whether it is started again",
                };
                let subject = self.subject(target);
                format!("{subject} is told to end: {first}, KILL after {}; {after}{dry}", format_span(grace))
            }
        }
    }

    /// `bot (pid 4711)`.
    fn subject(&self, target: &Name) -> String {
        let pids: Vec<String> = self.pids.iter().map(u32::to_string).collect();
        match pids.as_slice() {
            [] => target.to_string(),
            [pid] => format!("{target} (pid {pid})"),
            pids => format!("{target} (pids {})", pids.join(", ")),
        }
    }
}

/// A refusal for the one who asked: with the key that would lift it, where there is one.
pub(super) fn refused(target: &Name, word: &str, refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotAllowed => format!(
            "{word}: {refusal}: add \"{word}\" to `allow` under [target.{target}] of the agent's file, \
             or start `exec` with `--allow {word}`"
        ),
        Refusal::HumanHold => format!("{word}: {refusal}; `fdguard ctl resume {target}` ends that"),
        Refusal::StartGrace { .. }
        | Refusal::Guard { .. }
        | Refusal::Budget { .. }
        | Refusal::Latched
        | Refusal::Cooldown { .. }
        | Refusal::InFlight { .. }
        | Refusal::Fleet
        | Refusal::JumpedOver
        | Refusal::Unavailable { .. }
        | Refusal::Gone => format!("{word}: {refusal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(10);

    fn said(command: &Command, pids: &[u32], before: &[Name]) -> String {
        Begun { command, pids: pids.to_vec(), stop: (before, USUAL), dry_run: false }.sentence()
    }

    #[test]
    fn a_stop_says_whom_it_meets_and_what_follows() {
        let target = Name::parse("bot").unwrap();
        let stop = |then| Command::Stop { target: target.clone(), grace: None, then };
        assert_eq!(
            said(&stop(Then::Stay), &[4711], &[]),
            "bot (pid 4711) is told to end: TERM now, KILL after 10s; it stays stopped"
        );
        let hooks = [Name::parse("cancel-all").unwrap()];
        assert_eq!(
            said(&stop(Then::Restart), &[1, 2], &hooks),
            "bot (pids 1, 2) is told to end: first cancel-all, then TERM, KILL after 10s; it is started again"
        );
        let dry = Begun { command: &stop(Then::Stay), pids: vec![1], stop: (&[], USUAL), dry_run: true };
        assert!(dry.sentence().ends_with("(dry run: nothing is done)"), "{}", dry.sentence());
    }

    #[test]
    fn a_refusal_names_the_key_that_lifts_it() {
        let told = refused(&Name::parse("bot").unwrap(), "stop", &Refusal::NotAllowed);
        assert!(told.contains("add \"stop\" to `allow` under [target.bot]"), "{told}");
    }
}
