//! Reads one tier.

use std::time::Duration;

use super::items::{self, Work};
use crate::document::{Faults, Table, Value};
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::name::Name;
use crate::model::units::{Quota, parse_span};
use crate::policy::compile::compile;
use crate::policy::condition::{Place, Scope};
use crate::policy::definition::{
    COOLDOWN, Clause, DWELL, Expect, Jumped, Latch, Span, Tier, TierSpans, WITHIN,
};
use crate::policy::sustain::Sustain;

/// Reads the name of a tier, and where it stands.
pub(super) fn name(table: &mut Table<'_>, whole: &Span, faults: &mut Faults) -> (Option<Name>, Span) {
    let Some(value) = table.require("name", faults) else {
        return (None, whole.start..whole.start);
    };
    (value.parsed(faults, Name::parse), value.span())
}

/// Reads the rest of a tier; `names` are the tiers of its ladder.
pub(super) fn read(
    mut table: Table<'_>,
    (name, name_span): (Option<Name>, Span),
    names: &[Name],
    faults: &mut Faults,
) -> Option<Tier> {
    let spans = TierSpans {
        name: name_span,
        sustain: table.key_span("for"),
        dwell: table.key_span("dwell"),
        cooldown: table.key_span("cooldown"),
        guard: table.key_span("guard"),
    };
    let raise = match table.require("raise", faults) {
        Some(value) => clause(value, &Scope { tiers: names, place: Place::Raise }, faults),
        None => None,
    };
    let clear = optional(&mut table, "clear", &Scope { tiers: names, place: Place::Clear }, faults);
    let guard = optional(&mut table, "guard", &Scope { tiers: names, place: Place::Guard }, faults);
    let sustain = table.parsed("for", faults, Sustain::parse).unwrap_or(Sustain::Time(Duration::ZERO));
    let dwell = table.span_of_time("dwell", faults).unwrap_or(DWELL);
    let cooldown = table.span_of_time("cooldown", faults).unwrap_or(COOLDOWN);
    let every = table.value("every").and_then(|value| positive(value, faults));
    let (budget, latch) = budget(&mut table, faults);
    let work = match items::work(&mut table, faults) {
        Work::Items(items) => Some(items),
        Work::Absent => Some(Vec::new()),
        Work::Faulty => None,
    };
    let hold = items::holds(&mut table, faults);
    let expect = table.value("expect").and_then(|value| expect(value, names, faults));
    let jumped = match table.flag("always", faults) {
        Some(true) => Jumped::Run,
        Some(false) | None => Jumped::Skip,
    };
    if work.as_ref().is_some_and(Vec::is_empty) {
        needs_work(&table, faults);
    }
    table.finish(faults);
    Some(Tier {
        name: name?,
        raise: raise?,
        clear,
        sustain,
        dwell,
        cooldown,
        budget,
        work: work?,
        hold,
        expect,
        guard,
        latch,
        jumped,
        every,
        spans,
    })
}

fn clause(value: Value<'_>, scope: &Scope<'_>, faults: &mut Faults) -> Option<Clause> {
    let text = value.text(faults)?;
    let condition = compile(&text, scope, faults)?;
    Some(Clause { condition, span: text.span })
}

fn optional(
    table: &mut Table<'_>,
    key: &'static str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Option<Clause> {
    clause(table.value(key)?, scope, faults)
}

fn budget(table: &mut Table<'_>, faults: &mut Faults) -> (Option<Quota>, Option<Latch>) {
    let quota = table.value("budget").and_then(|value| {
        let quota = value.parsed(faults, Quota::parse)?;
        if quota.count == 0 {
            let help = "leave `do` out where nothing may be done";
            let fault = Diagnostic::error("bad-value", value.span(), "a budget of nothing").help(help);
            faults.push(fault);
        }
        Some(quota)
    });
    let latch = table.value("latch").and_then(|value| {
        let text = value.text(faults)?;
        if text.value != "human" {
            let message = format!("no latch `{}`", text.value);
            faults.push(Diagnostic::error("bad-value", text.span, message).help("the only latch is `human`"));
            return None;
        }
        if table.key_span("budget").is_none() {
            let message = "a latch closes when the budget is spent, and there is no budget";
            faults.push(
                Diagnostic::error("latch-without-budget", text.span, message)
                    .help("add `budget = \"3/day\"`"),
            );
        }
        Some(Latch::Human)
    });
    (quota, latch)
}

fn expect(value: Value<'_>, names: &[Name], faults: &mut Faults) -> Option<Expect> {
    let span = value.span();
    let mut table = value.table(faults)?;
    let scope = Scope { tiers: names, place: Place::Expect };
    let that = match table.require("that", faults) {
        Some(value) => clause(value, &scope, faults),
        None => None,
    };
    let within = match table.value("within") {
        Some(value) => positive(value, faults),
        None => Some(WITHIN),
    };
    table.finish(faults);
    Some(Expect { that: that?, within: within?, span })
}

/// Keys that say something about `do` are faults where there is none.
fn needs_work(table: &Table<'_>, faults: &mut Faults) {
    for key in ["cooldown", "budget", "latch", "guard", "expect", "every", "always"] {
        if let Some(span) = table.key_span(key) {
            let message = format!("`{key}` is about `do`, and the tier has none");
            faults.push(Diagnostic::error("without-do", span, message));
        }
    }
}

/// A duration above zero.
pub(super) fn positive(value: Value<'_>, faults: &mut Faults) -> Option<Duration> {
    let span = value.parsed(faults, parse_span)?;
    if span.is_zero() {
        faults.push(Diagnostic::error("out-of-range", value.span(), "must be longer than zero"));
        return None;
    }
    Some(span)
}

/// One of a few words; a stranger is a fault with the words there are.
pub(super) fn one_of<T: Copy>(
    value: Value<'_>,
    words: &[(&'static str, T)],
    faults: &mut Faults,
) -> Option<T> {
    let text = value.text(faults)?;
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
        return Some(*meaning);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let help = match suggest(&text.value, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("one of: {}", known.join(", ")),
    };
    let message = format!("`{}` is not known here", text.value);
    faults.push(Diagnostic::error("unknown-word", text.span, message).help(help));
    None
}
