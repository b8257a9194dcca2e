//! What happens to the bot, the agent and the clocks, and what a person does.

use std::time::Duration;

use super::quantity;
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::units::parse_span;

/// Something that happens at a time.
#[derive(Clone, PartialEq, Debug)]
pub struct Incident {
    /// When, since the start.
    pub at: Duration,
    /// What.
    pub happening: Happening,
}

/// What happens.
#[derive(Clone, PartialEq, Debug)]
pub enum Happening {
    /// The process ends with this code, and nothing comes after it.
    Exit(i32),
    /// The process ends, and a new one comes so long after.
    Restart(Duration),
    /// The process ends, and so long after a new one has its number.
    Reuse(Duration),
    /// The agent is away for so long, and takes its rules up again from what it remembers.
    AgentRestart(Duration),
    /// The civil clock jumps by so many milliseconds.
    Clock(i64),
    /// The machine sleeps for so long: nothing is seen, and the bot does nothing.
    Suspend(Duration),
    /// A person puts the target on hold.
    Hold,
    /// A person lets the policies rule again.
    Resume,
    /// A person opens every latch.
    Release,
}

const WORDS: [&str; 9] =
    ["exit", "restart", "reuse", "agent_restart", "clock", "suspend", "hold", "resume", "release"];

/// Reads `events`, and puts them in the order of time.
pub(super) fn read(values: &[Value<'_>], faults: &mut Faults) -> Vec<Incident> {
    let mut found: Vec<Incident> = values.iter().filter_map(|value| incident(*value, faults)).collect();
    found.sort_by_key(|incident| incident.at);
    found
}

fn incident(value: Value<'_>, faults: &mut Faults) -> Option<Incident> {
    let mut table = value.table(faults)?;
    let at = table.require("at", faults).and_then(|value| value.parsed(faults, parse_span));
    let mut found = Vec::new();
    for word in WORDS {
        if let Some(payload) = table.value(word) {
            found.push(happening(word, payload, faults));
        }
    }
    table.finish(faults);
    if found.len() != 1 {
        let help = format!("write one of: {}", WORDS.join(", "));
        let fault = Diagnostic::error("one-variant", value.span(), "one thing happens at a time").help(help);
        faults.push(fault);
        return None;
    }
    Some(Incident { at: at?, happening: found.pop().flatten()? })
}

fn happening(word: &str, value: Value<'_>, faults: &mut Faults) -> Option<Happening> {
    let mut span = || value.parsed(faults, parse_span);
    match word {
        "exit" => {
            let code = value.whole(0..256, faults)?;
            Some(Happening::Exit(i32::try_from(code).expect("below 256")))
        }
        "restart" => span().map(Happening::Restart),
        "reuse" => span().map(Happening::Reuse),
        "agent_restart" => span().map(Happening::AgentRestart),
        "suspend" => span().map(Happening::Suspend),
        "clock" => value.parsed(faults, |text| {
            let (sign, rest) = quantity::signed(text)
                .ok_or_else(|| format!("a jump has a sign; write `+{text}` or `-{text}`"))?;
            let millis = parse_span(rest).map_err(|error| error.to_string())?.as_millis();
            let millis = i64::try_from(millis).map_err(|_| format!("`{text}` is out of range"))?;
            Ok::<_, String>(Happening::Clock(if sign < 0.0 { -millis } else { millis }))
        }),
        _ => {
            let happening = match word {
                "hold" => Happening::Hold,
                "resume" => Happening::Resume,
                _ => Happening::Release,
            };
            if value.flag(faults)? {
                return Some(happening);
            }
            faults.push(Diagnostic::error("bad-value", value.span(), "only `true` makes sense here"));
            None
        }
    }
}
