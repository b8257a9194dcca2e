//! Quantities as operators write them: `20m`, `64MiB`, `80%`, `25/min`, and back.
//!
//! Each parser refuses a bare number where a unit is meant, and each formatter gives text that parses again.

mod bytes;
mod quota;
mod ratio;
mod span;

pub use bytes::{format_bytes, parse_bytes};
pub use quota::Quota;
pub use ratio::{format_ratio, parse_ratio};
pub use span::{format_span, parse_span};

/// Why a text is not the quantity that was meant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnitError {
    /// Nothing there.
    #[error("a value is missing")]
    Empty,
    /// No number where one must stand.
    #[error("`{0}` does not start with a number")]
    Number(String),
    /// A number without its unit.
    #[error("`{number}` has no unit; write for example `{example}`")]
    Bare {
        /// The number as written.
        number: String,
        /// How it could have been meant.
        example: String,
    },
    /// A unit that does not exist.
    #[error("`{unit}` is no unit of {of}; the units are {known}")]
    Unit {
        /// The unit as written.
        unit: String,
        /// What is measured.
        of: &'static str,
        /// The units there are.
        known: &'static str,
    },
    /// Too large to hold, or below what makes sense.
    #[error("`{0}` is out of range")]
    Range(String),
}

/// Splits `12.5ms` into the number's text and the rest.
fn split_number(text: &str) -> Result<(f64, &str, &str), UnitError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UnitError::Empty);
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let number = digits.parse::<f64>().map_err(|_| UnitError::Number(text.to_owned()))?;
    Ok((number, digits, rest.trim_start()))
}
