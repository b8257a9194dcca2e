//! The scenario file `NAME.test.toml`: what the bot does, and what the policy should make of it.
//!
//! ```toml
//! schema = 1
//! policy = "longport.toml"
//!
//! [[scenario]]
//! name   = "a slow leak"
//! tick   = "1s"                                   # virtual time between two looks; 1s by default
//! length = "2h"
//! start  = { "fd.open" = 85, "orders.open" = 0 }  # what holds from the start, in the signal's unit
//! expect = [
//!     { within = ["84m", "87m"], tier = "attention" },
//!     { never = "stop" },
//! ]
//! [scenario.series]
//! "fd.open" = { ramp = { rate = "+2.5/min" } }    # one generator, or a list of them
//! [scenario.effects]                              # what the world makes of an action; nothing by default
//! reset_pool = { change = { "fd.open" = "-30%" }, after = "5s" }
//! ```
//!
//! What a scenario leaves out is quiet: no sockets, a soft limit of 1024 and a hard one of 4096, a process that
//! is an hour old. What proxies and probes feed is *not configured* until the scenario says it. `fd.ratio`,
//! `fd.rate` and `fd.tte` follow from `fd.open` and `fd.limit` as in the agent, unless they are set.

mod changes;
mod effects;
mod events;
mod expect;
mod means;
mod quantity;
mod series;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::document::{Faults, Table, Value};
use crate::model::action::Word;
use crate::model::clock::WallTime;
use crate::model::diagnostic::Diagnostic;
use crate::model::observation::SignalKey;
use crate::model::units::parse_span;
use crate::policy::definition::Policy;

pub use changes::Change;
pub use effects::{Effect, Of, Result};
pub use events::{Happening, Incident};
pub use expect::{Assertion, Claim, Count, Filter, RefusedBy, TierRef, When};
pub use means::MeansPatch;
pub use series::{Generator, Series, Shape};

/// The schema this version reads.
pub const SCHEMA: u64 = 1;
/// The most scenarios of one file.
pub const SCENARIOS_MAX: usize = 256;
/// The most ticks of one scenario.
pub const TICKS_MAX: u128 = 1_000_000;
/// `tick` where a scenario has none.
pub const TICK: Duration = Duration::from_secs(1);
/// `clock` where a scenario has none: Monday, 5 January 2026, midnight in UTC.
pub const CLOCK: WallTime = WallTime::from_millis(1_767_571_200_000);

/// A scenario file.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its scenarios, in the order of the file.
    pub scenarios: Vec<Scenario>,
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: Option<String>,
    /// Time between two looks.
    pub tick: Duration,
    /// How long it goes on.
    pub length: Duration,
    /// Civil time at its start.
    pub clock: WallTime,
    /// What holds from the start.
    pub start: BTreeMap<SignalKey, f64>,
    /// What changes by itself.
    pub series: Vec<Series>,
    /// What happens, in the order of time.
    pub events: Vec<Incident>,
    /// What the world makes of actions.
    pub effects: BTreeMap<Word, Effect>,
    /// What may be done and can work; all that the policy names by default.
    pub means: MeansPatch,
    /// What should come of it.
    pub expect: Vec<Assertion>,
}

/// The policy that a scenario file is about, as written there; `None` where it does not say.
pub fn policy_of(source: &str) -> Option<String> {
    let mut faults = Faults::default();
    crate::document::read(source, &mut faults, |mut root, faults| {
        root.text("policy", faults).map(|text| text.value.into_owned())
    })
    .flatten()
}

/// Reads a scenario file about `policy`. Each fault goes to `faults`; `None` where one of them is an error.
pub fn read(source: &str, policy: &Policy, faults: &mut Faults) -> Option<Script> {
    let script = crate::document::read(source, faults, |root, faults| script(root, source, policy, faults))?;
    if faults.any_error() { None } else { Some(script) }
}

fn script(mut root: Table<'_>, source: &str, policy: &Policy, faults: &mut Faults) -> Script {
    if let Some(value) = root.require("schema", faults)
        && let Some(number) = value.whole(0..1 << 32, faults)
        && number != SCHEMA
    {
        let message = format!("schema {number} is not known to this version");
        let help = format!("write `schema = {SCHEMA}`");
        faults.push(Diagnostic::error("schema", value.span(), message).help(help));
    }
    if let Some(value) = root.require("policy", faults) {
        value.text(faults);
    }
    let values = match root.require("scenario", faults) {
        Some(value) => value.list(faults).unwrap_or_default(),
        None => Vec::new(),
    };
    if let Some(beyond) = values.get(SCENARIOS_MAX) {
        let message = format!("a file has at most {SCENARIOS_MAX} scenarios");
        faults.push(Diagnostic::error("too-many", beyond.span(), message));
    }
    let read = |value: &Value<'_>| scenario(*value, source, policy, faults);
    let scenarios: Vec<Scenario> = values.iter().take(SCENARIOS_MAX).filter_map(read).collect();
    root.finish(faults);
    Script { scenarios }
}

fn scenario(value: Value<'_>, source: &str, policy: &Policy, faults: &mut Faults) -> Option<Scenario> {
    let mut table = value.table(faults)?;
    let name = table.require("name", faults).and_then(|value| value.text(faults));
    let about = table.text("about", faults).map(|text| text.value.into_owned());
    let tick = table.value("tick").map_or(Some(TICK), |value| positive(value, faults));
    let length = table.require("length", faults);
    let span = length.and_then(|value| positive(value, faults));
    if let (Some(tick), Some(span), Some(value)) = (tick, span, length)
        && span.as_nanos() / tick.as_nanos().max(1) > TICKS_MAX
    {
        let message = format!("a scenario has at most {TICKS_MAX} ticks");
        let help = "make it shorter or its tick longer";
        faults.push(Diagnostic::error("out-of-range", value.span(), message).help(help));
    }
    let clock = match table.value("clock") {
        Some(value) => value.parsed(faults, quantity::wall),
        None => Some(CLOCK),
    };
    let start = table.table("start", faults).map_or_else(BTreeMap::new, |t| changes::values(t, faults));
    let series = table.table("series", faults).map_or_else(Vec::new, |t| series::read(t, faults));
    let events = table.list("events", faults).map_or_else(Vec::new, |list| events::read(&list, faults));
    let effects = table.table("effects", faults).map_or_else(BTreeMap::new, |t| effects::read(t, faults));
    let means = table.table("means", faults).map_or_else(MeansPatch::default, |t| means::read(t, faults));
    let values = table.require("expect", faults).and_then(|value| value.list(faults)).unwrap_or_default();
    let mut reader = expect::Reader { policy, source, length: span, faults };
    let expect = values.iter().filter_map(|value| reader.assertion(*value)).collect();
    table.finish(faults);
    Some(Scenario {
        name: name?.value.into_owned(),
        about,
        tick: tick?,
        length: span?,
        clock: clock?,
        start,
        series,
        events,
        effects,
        means,
        expect,
    })
}

/// A duration above zero.
fn positive(value: Value<'_>, faults: &mut Faults) -> Option<Duration> {
    let span = value.parsed(faults, parse_span)?;
    if span.is_zero() {
        faults.push(Diagnostic::error("out-of-range", value.span(), "must be longer than zero"));
        return None;
    }
    Some(span)
}

#[cfg(test)]
mod tests;
