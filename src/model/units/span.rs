//! Durations, exact to the millisecond: `250ms`, `8s`, `1m30s`, `2h`, `7d`.

use std::fmt::Write as _;
use std::time::Duration;

use super::{UnitError, split_number};

const KNOWN: &str = "ms, s, m, h, d";
/// A hundred years, in milliseconds.
const LONGEST: f64 = 100.0 * 365.0 * 8.64e7;

/// Parses a duration: one or more numbers with units, largest first by custom, no blanks needed.
pub fn parse_span(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    let mut millis = 0.0;
    if rest.is_empty() {
        return Err(UnitError::Empty);
    }
    while !rest.is_empty() {
        let (number, digits, after) = split_number(rest)?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        millis += number * millis_of(unit, digits)?;
        rest = next.trim_start();
    }
    if millis > LONGEST {
        return Err(UnitError::Range(text.to_owned()));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "non-negative, at most LONGEST"
    )]
    Ok(Duration::from_millis(millis.round() as u64))
}

fn millis_of(unit: &str, digits: &str) -> Result<f64, UnitError> {
    match unit {
        "ms" => Ok(1.0),
        "s" => Ok(1e3),
        "m" | "min" => Ok(6e4),
        "h" => Ok(3.6e6),
        "d" => Ok(8.64e7),
        "" => Err(UnitError::Bare { number: digits.to_owned(), example: format!("{digits}s") }),
        _ => Err(UnitError::Unit { unit: unit.to_owned(), of: "time", known: KNOWN }),
    }
}

/// Writes a duration in the shortest exact form down to the millisecond: `1m30s`.
pub fn format_span(span: Duration) -> String {
    let millis = span.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut rest = millis;
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= size {
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_parses_again(millis in 0u64..1_000_000_000_000) {
            let span = Duration::from_millis(millis);
            let back = parse_span(&format_span(span)).unwrap();
            prop_assert_eq!(back.as_millis(), span.as_millis());
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            drop(parse_span(&text));
        }
    }

    #[test]
    fn bare_numbers_are_refused_with_a_suggestion() {
        assert_eq!(parse_span("30").unwrap_err().to_string(), "`30` has no unit; write for example `30s`");
        assert_eq!(parse_span("1m30s").unwrap(), Duration::from_secs(90));
        assert!(parse_span("3 weeks").is_err());
        assert!(parse_span("1.2.3s").is_err());
        assert!(parse_span("99999999999999d").is_err());
    }
}
