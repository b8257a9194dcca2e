//! What some reader may take for what is declared.
//!
//! Readers of JSON and of forms differ: names in any case (Go's `encoding/json`, C#), a text for a number and a number for a flag, one
//! thing for a list of one, what is absent for nought. Whatever one of them may find there is found here.

use serde_json::{Map, Value};

use super::condition::{EACH, Scalar};

/// A name or a text as one who does not look at its case reads it.
pub(super) fn folded(text: &str) -> String {
    // Both ways: letters such as the sign of Kelvin and the long s have a plain letter in one direction only.
    text.to_uppercase().to_lowercase()
}

/// Whether a pointer may lead to something that fits; what it does not find is shown as none.
pub(super) fn finds(value: &Value, parts: &[String], fits: &impl Fn(Option<&Value>) -> bool) -> bool {
    match (value, parts.split_first()) {
        (Value::Array(items), _) if items.is_empty() => fits(None),
        // A list of one is that one to some.
        (Value::Array(items), None) => items.iter().any(|item| finds(item, parts, fits)),
        (_, None) => fits(Some(value)),
        (Value::Array(items), Some((part, rest))) => match part.parse::<usize>() {
            Ok(place) => items.get(place).map_or_else(|| fits(None), |item| finds(item, rest, fits)),
            Err(_) if part == EACH => items.iter().any(|item| finds(item, rest, fits)),
            Err(_) => items.iter().any(|item| finds(item, parts, fits)),
        },
        (Value::Object(entries), Some((part, rest))) => in_object(value, entries, (part, rest), fits),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), Some(_)) => fits(None),
    }
}

fn in_object(
    value: &Value,
    entries: &Map<String, Value>,
    (part, rest): (&String, &[String]),
    fits: &impl Fn(Option<&Value>) -> bool,
) -> bool {
    if part == EACH {
        // One for a list of one, or a list whose places are written as names.
        return finds(value, rest, fits) || entries.values().any(|item| finds(item, rest, fits));
    }
    let name = folded(part);
    let mut found = entries.iter().filter(|(own, _)| folded(own) == name).peekable();
    match found.peek() {
        None if part.parse::<usize>().is_ok() => finds(value, rest, fits),
        None => fits(None),
        Some(_) => found.any(|(_, item)| finds(item, rest, fits)),
    }
}

/// Whether a value of JSON may be one of these.
pub(super) fn may_be(is: &[Scalar], found: Option<&Value>) -> bool {
    match found {
        // Many readers take what is not there for nought.
        None | Some(Value::Null) => may_be_text(is, b""),
        Some(Value::Bool(flag)) => may_be_text(is, flag.to_string().as_bytes()),
        Some(Value::Number(number)) => may_be_text(is, number.to_string().as_bytes()),
        Some(Value::String(text)) => may_be_text(is, text.as_bytes()),
        Some(Value::Array(_) | Value::Object(_)) => is.iter().any(|is| matches!(is, Scalar::Flag(_))),
    }
}

/// Whether a text may be one of these.
pub(super) fn may_be_text(is: &[Scalar], found: &[u8]) -> bool {
    let found = folded(String::from_utf8_lossy(found).trim());
    is.iter().any(|is| match is {
        Scalar::Text(text) => {
            let text = folded(text.trim());
            text == found || are_same(number(&text), number(&found))
        }
        Scalar::Number(own) => {
            let found = if found.is_empty() { Some(0.0) } else { number(&found) };
            are_same(number(&own.to_string()), found)
        }
        Scalar::Flag(flag) => truth(&found).is_none_or(|found| found == *flag),
    })
}

/// Whether two are the same number to somebody: who reads with fewer digits takes neighbours for one.
fn are_same(one: Option<f64>, other: Option<f64>) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() <= f64::from(f32::EPSILON) * one.abs();
    one.zip(other).is_some_and(|(one, other)| near(one, other))
}

/// The number that a text or a flag is.
fn number(text: &str) -> Option<f64> {
    match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => text.parse().ok(),
    }
}

/// The flag that a text is; none where readers differ about it.
fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "yes" | "on" | "y" | "t" => Some(true),
        "" | "false" | "no" | "off" | "n" | "f" => Some(false),
        text => number(text).filter(|number| !number.is_nan()).map(|number| number.abs() > 0.0),
    }
}
