//! How a signal goes by itself.

use std::time::Duration;

use super::changes::by_signal;
use super::{positive, quantity};
use crate::document::{Faults, Table, Value};
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::observation::SignalKey;
use crate::model::reading::Gap;
use crate::model::signal::Unit;
use crate::model::units::parse_span;

/// The most points of one generator.
pub(super) const POINTS_MAX: usize = 100_000;

/// A signal with its generators. Of those that set the value the last one active wins; gaps and noise lie over
/// it.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// The signal.
    pub key: SignalKey,
    /// In the order of the file.
    pub generators: Vec<Generator>,
}

/// One generator, active from `from` on and before `until`.
#[derive(Clone, PartialEq, Debug)]
pub struct Generator {
    /// Since when.
    pub from: Duration,
    /// Until when.
    pub until: Option<Duration>,
    /// What it does.
    pub shape: Shape,
}

/// What a generator does. Values are in the base unit of the signal.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// The value is this.
    Constant(f64),
    /// The value grows by so much a second, up or down to a bound.
    Ramp {
        /// Per second.
        rate: f64,
        /// Where it ends.
        to: Option<f64>,
    },
    /// The value rises from `low` to `high` and falls back at once.
    Sawtooth {
        /// The least.
        low: f64,
        /// The most.
        high: f64,
        /// From one fall to the next.
        period: Duration,
    },
    /// The value becomes this at that time, and stays.
    Steps(Vec<(Duration, f64)>),
    /// The signal can't be read.
    Gap(Gap),
    /// Up to so much is added or taken away, by a seeded generator.
    Noise {
        /// The most, either way.
        amplitude: f64,
        /// The seed.
        seed: u64,
    },
    /// Recorded values, one every so often.
    Points {
        /// Time between two.
        every: Duration,
        /// The values.
        values: Vec<f64>,
    },
}

const WORDS: [&str; 7] = ["constant", "ramp", "sawtooth", "steps", "gap", "noise", "points"];

/// Reads `[scenario.series]`.
pub(super) fn read(table: Table<'_>, faults: &mut Faults) -> Vec<Series> {
    let generators = by_signal(table, faults, |value, unit, faults| {
        let items = if value.is_table() { vec![value] } else { value.list(faults)? };
        Some(items.iter().filter_map(|item| generator(*item, unit, faults)).collect())
    });
    generators.into_iter().map(|(key, generators)| Series { key, generators }).collect()
}

fn generator(value: Value<'_>, unit: Unit, faults: &mut Faults) -> Option<Generator> {
    let mut table = value.table(faults)?;
    let from = table.span_of_time("from", faults).unwrap_or_default();
    let until = table.span_of_time("until", faults);
    let mut shapes = Vec::new();
    for word in WORDS {
        if let Some(payload) = table.value(word) {
            shapes.push((table.key_span(word).unwrap_or_default(), shape(word, payload, unit, faults)));
        }
    }
    let strangers = shapes.is_empty() && table_has_other(value, faults);
    table.finish(faults);
    if let [_, (span, _), ..] = shapes.as_slice() {
        let message = "one generator is wanted here";
        let help = "write each in braces of its own, in a list";
        faults.push(Diagnostic::error("one-variant", span.clone(), message).help(help));
        return None;
    }
    let Some((_, shape)) = shapes.pop() else {
        if !strangers {
            let help = format!("one of: {}", WORDS.join(", "));
            faults.push(Diagnostic::error("missing-key", value.span(), "a generator is missing").help(help));
        }
        return None;
    };
    Some(Generator { from, until, shape: shape? })
}

/// Whether a misspelt generator explains that there is none: `finish` tells it.
fn table_has_other(value: Value<'_>, faults: &mut Faults) -> bool {
    let Some(table) = value.table(faults) else { return false };
    table.raw_entries().iter().any(|(key, _, _)| suggest(key, WORDS).is_some())
}

fn shape(word: &str, value: Value<'_>, unit: Unit, faults: &mut Faults) -> Option<Shape> {
    match word {
        "constant" => quantity::value(value, unit, faults).map(Shape::Constant),
        "gap" => gap(value, faults).map(Shape::Gap),
        "steps" => steps(value, unit, faults).map(Shape::Steps),
        "ramp" => {
            let mut table = value.table(faults)?;
            let rate = table.require("rate", faults);
            let rate = rate.and_then(|v| v.parsed(faults, |text| quantity::signed_rate(text, unit)));
            let to = match table.value("to") {
                Some(value) => quantity::value(value, unit, faults).map(Some),
                None => Some(None),
            };
            table.finish(faults);
            Some(Shape::Ramp { rate: rate?, to: to? })
        }
        "sawtooth" => {
            let mut table = value.table(faults)?;
            let low = table.require("low", faults).and_then(|v| quantity::value(v, unit, faults));
            let high = table.require("high", faults).and_then(|v| quantity::value(v, unit, faults));
            let period = table.require("period", faults).and_then(|v| positive(v, faults));
            table.finish(faults);
            Some(Shape::Sawtooth { low: low?, high: high?, period: period? })
        }
        "noise" => {
            let mut table = value.table(faults)?;
            let amplitude = table.require("amplitude", faults).and_then(|v| quantity::value(v, unit, faults));
            let seed = table.whole("seed", 0..1 << 32, faults).unwrap_or(1);
            table.finish(faults);
            Some(Shape::Noise { amplitude: amplitude?, seed })
        }
        _ => points(value, unit, faults),
    }
}

fn points(value: Value<'_>, unit: Unit, faults: &mut Faults) -> Option<Shape> {
    let mut table = value.table(faults)?;
    let every = table.require("every", faults).and_then(|value| positive(value, faults));
    let list = table.require("values", faults)?;
    let values: Vec<f64> = if list.is_text() {
        list.parsed(faults, |text| csv(text, unit))?
    } else {
        list.list(faults)?.iter().filter_map(|value| quantity::value(*value, unit, faults)).collect()
    };
    if values.is_empty() || values.len() > POINTS_MAX {
        let message = format!("from 1 to {POINTS_MAX} values are wanted here");
        faults.push(Diagnostic::error("out-of-range", list.span(), message));
    }
    table.finish(faults);
    Some(Shape::Points { every: every?, values })
}

/// Values between commas or line ends, as a spreadsheet gives them.
fn csv(text: &str, unit: Unit) -> Result<Vec<f64>, String> {
    let cells = text.split([',', '\n']).map(str::trim).filter(|cell| !cell.is_empty());
    cells.map(|cell| quantity::parse(cell, unit)).collect()
}

fn steps(value: Value<'_>, unit: Unit, faults: &mut Faults) -> Option<Vec<(Duration, f64)>> {
    let mut steps: Vec<(Duration, f64)> = Vec::new();
    for item in value.list(faults)? {
        let mut table = item.table(faults)?;
        let at = table.require("at", faults);
        let time = at.and_then(|value| value.parsed(faults, parse_span));
        let value = table.require("value", faults).and_then(|v| quantity::value(v, unit, faults));
        table.finish(faults);
        let (Some(time), Some(value), Some(at)) = (time, value, at) else { continue };
        if steps.last().is_some_and(|(before, _)| *before >= time) {
            faults.push(Diagnostic::error("out-of-order", at.span(), "steps stand in the order of time"));
        }
        steps.push((time, value));
    }
    Some(steps)
}

fn gap(value: Value<'_>, faults: &mut Faults) -> Option<Gap> {
    let text = value.text(faults)?;
    let word = |gap: Gap| match gap {
        Gap::NotYet => "not_yet",
        Gap::NotPermitted => "not_permitted",
        Gap::NotSupported => "not_supported",
        Gap::Gone => "gone",
        Gap::Late => "late",
        Gap::TooYoung => "too_young",
        Gap::NotConfigured => "not_configured",
        Gap::NoRoom => "no_room",
        Gap::Failed => "failed",
        Gap::NotRecorded => "not_recorded",
        Gap::Undefined => "undefined",
    };
    if let Some(gap) = Gap::ALL.into_iter().find(|gap| word(*gap) == text.value) {
        return Some(gap);
    }
    let known = Gap::ALL.map(word);
    let help = match suggest(&text.value, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("one of: {}", known.join(", ")),
    };
    let message = format!("there is no reason `{}`", text.value);
    faults.push(Diagnostic::error("unknown-word", text.span, message).help(help));
    None
}
