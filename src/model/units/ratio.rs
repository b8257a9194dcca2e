//! Ratios: `80%`.

use super::{UnitError, split_number};

/// Parses a ratio; `80%` is 0.8. Above 100 % is allowed, below zero is not.
pub fn parse_ratio(text: &str) -> Result<f64, UnitError> {
    let (number, digits, unit) = split_number(text)?;
    match unit {
        "%" if number <= 1e6 => Ok(number / 100.0),
        "%" => Err(UnitError::Range(text.to_owned())),
        "" => Err(UnitError::Bare { number: digits.to_owned(), example: format!("{digits}%") }),
        _ => Err(UnitError::Unit { unit: unit.to_owned(), of: "ratio", known: "%" }),
    }
}

/// Writes a ratio as per cent with at most two decimals.
pub fn format_ratio(ratio: f64) -> String {
    let text = format!("{:.2}", ratio * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cent_both_ways() {
        assert_eq!(parse_ratio("85%"), Ok(0.85));
        assert_eq!(format_ratio(0.85), "85%");
        assert_eq!(format_ratio(0.125), "12.5%");
        assert!(parse_ratio("0.8").is_err());
    }
}
