//! Tables whose keys are signals: values to start from, and changes to them.

use std::collections::BTreeMap;

use super::quantity;
use crate::document::{Faults, Table, Text, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::observation::SignalKey;
use crate::model::signal::Unit;
use crate::model::units::parse_ratio;
use crate::policy::signal_key;

/// What happens to a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Change {
    /// It becomes this.
    To(f64),
    /// It grows by this, or shrinks.
    By(f64),
    /// It is multiplied by this: `-30%` is 0.7.
    Times(f64),
}

impl Change {
    /// The value after.
    pub fn of(self, value: f64) -> f64 {
        match self {
            Self::To(to) => to,
            Self::By(by) => (value + by).max(0.0),
            Self::Times(times) => value * times,
        }
    }
}

/// Reads values by signal: `{ "fd.open" = 85 }`.
pub(super) fn values(table: Table<'_>, faults: &mut Faults) -> BTreeMap<SignalKey, f64> {
    by_signal(table, faults, |value, unit, faults| quantity::value(value, unit, faults))
}

/// Reads changes by signal: `{ "fd.open" = "-30%" }`.
pub(super) fn changes(table: Table<'_>, faults: &mut Faults) -> BTreeMap<SignalKey, Change> {
    by_signal(table, faults, change)
}

/// Reads shares by signal: `{ "fd.open" = "40%" }`.
pub(super) fn shares(table: Table<'_>, faults: &mut Faults) -> BTreeMap<SignalKey, f64> {
    by_signal(table, faults, |value, _, faults| value.parsed(faults, parse_ratio))
}

/// Reads a table by signal.
pub(super) fn by_signal<'d, T>(
    table: Table<'d>,
    faults: &mut Faults,
    mut read: impl FnMut(Value<'d>, Unit, &mut Faults) -> Option<T>,
) -> BTreeMap<SignalKey, T> {
    let mut found = BTreeMap::new();
    for (text, value) in table.text_entries() {
        let Some(key) = signal_key(&text, faults) else { continue };
        let unit = key.signal().row().unit;
        let Some(value) = read(value, unit, faults) else { continue };
        if found.insert(key, value).is_some() {
            faults.push(twice(&text));
        }
    }
    found
}

fn twice(text: &Text<'_>) -> Diagnostic {
    Diagnostic::error("duplicate-key", text.span.clone(), format!("`{}` stands here twice", text.value))
}

fn change(value: Value<'_>, unit: Unit, faults: &mut Faults) -> Option<Change> {
    if !value.is_text() || matches!(unit, Unit::Word(_)) {
        return quantity::value(value, unit, faults).map(Change::To);
    }
    value.parsed(faults, |text| {
        let Some((sign, rest)) = quantity::signed(text) else {
            return quantity::parse(text, unit).map(Change::To);
        };
        if rest.trim_end().ends_with('%') {
            let share = parse_ratio(rest).map_err(|error| error.to_string())?;
            return Ok(Change::Times((1.0 + sign * share).max(0.0)));
        }
        quantity::parse(rest, unit).map(|amount| Change::By(sign * amount))
    })
}
