//! Quantities in the unit of a signal.

use crate::document::{Faults, Value};
use crate::model::clock::WallTime;
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::signal::Unit;
use crate::model::units::{parse_bytes, parse_ratio, parse_span};

/// The largest plain number; it keeps every count exact.
const NUMBER_MAX: f64 = 1e15;

/// Reads a value of that unit: a plain number for a count, true or false for a flag, else a text with a unit.
pub(super) fn value(value: Value<'_>, unit: Unit, faults: &mut Faults) -> Option<f64> {
    match unit {
        Unit::Count if !value.is_text() => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive constant"
            )]
            let most = NUMBER_MAX as u64;
            value.whole(0..most, faults).map(|number| number as f64)
        }
        Unit::Flag => value.flag(faults).map(|flag| f64::from(u8::from(flag))),
        Unit::Word(words) => word(value, words, faults),
        Unit::Count | Unit::Duration | Unit::Bytes | Unit::Ratio | Unit::Rate | Unit::ByteRate => {
            value.parsed(faults, |text| parse(text, unit))
        }
    }
}

fn word(value: Value<'_>, words: &'static [&'static str], faults: &mut Faults) -> Option<f64> {
    let text = value.text(faults)?;
    if let Some(place) = words.iter().position(|word| *word == text.value) {
        return Some(place as f64);
    }
    let help = match suggest(&text.value, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("one of: {}", words.join(", ")),
    };
    let message = format!("`{}` is not known here", text.value);
    faults.push(Diagnostic::error("unknown-word", text.span, message).help(help));
    None
}

/// Parses a quantity in that unit.
pub(super) fn parse(text: &str, unit: Unit) -> Result<f64, String> {
    let text = text.trim();
    match unit {
        Unit::Count => number(text),
        Unit::Duration if text == "infinite" => Ok(f64::INFINITY),
        Unit::Duration => parse_span(text).map(|span| span.as_secs_f64()).map_err(|error| error.to_string()),
        Unit::Bytes => parse_bytes(text).map(|bytes| bytes as f64).map_err(|error| error.to_string()),
        Unit::Ratio => parse_ratio(text).map_err(|error| error.to_string()),
        Unit::Rate => per(text, Unit::Count),
        Unit::ByteRate => per(text, Unit::Bytes),
        Unit::Flag | Unit::Word(_) => Err("only a number can be written here".to_owned()),
    }
}

/// Parses a quantity per time, per second: `25/min`, `1MiB/s`.
pub(super) fn per(text: &str, unit: Unit) -> Result<f64, String> {
    let (amount, time) = text
        .rsplit_once('/')
        .ok_or_else(|| format!("`{text}` has no time; write for example `{text}/min`"))?;
    let seconds = match time.trim() {
        "s" => 1.0,
        "min" | "m" => 60.0,
        "h" | "hour" => 3_600.0,
        "d" | "day" => 86_400.0,
        other => return Err(format!("`{other}` is no time of a rate; known are s, min, h, day")),
    };
    Ok(parse(amount, unit)? / seconds)
}

/// Parses a rate with a sign: `+25/min`, `-3/h`.
pub(super) fn signed_rate(text: &str, unit: Unit) -> Result<f64, String> {
    let (sign, rest) = signed(text).ok_or_else(|| format!("a rate has a sign; write `+{}`", text.trim()))?;
    Ok(sign * per(rest, unit)?)
}

/// The sign of a text and what follows it.
pub(super) fn signed(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    text.strip_prefix('+').map(|rest| (1.0, rest)).or_else(|| text.strip_prefix('-').map(|rest| (-1.0, rest)))
}

/// Parses a point in civil time: `2026-01-05T14:30:00Z`.
pub(super) fn wall(text: &str) -> Result<WallTime, String> {
    text.parse::<jiff::Timestamp>()
        .map(|at| WallTime::from_millis(at.as_millisecond()))
        .map_err(|_| format!("`{text}` is no point in time; write for example `2026-01-05T14:30:00Z`"))
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && (0.0..=NUMBER_MAX).contains(&number) => Ok(number),
        Ok(_) => Err(format!("`{text}` is out of range")),
        Err(_) => Err(format!("`{text}` is no number")),
    }
}
