//! Quotas: `12/day`, at most so many in any such stretch of time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{UnitError, format_span, parse_span, split_number};

/// At most `count` in any stretch of `per`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quota {
    /// How many.
    pub count: u32,
    /// In how long, sliding.
    pub per: Duration,
}

const WORDS: [(&str, u64); 4] = [("min", 60), ("hour", 3_600), ("day", 86_400), ("week", 604_800)];
/// The most that a quota may grant: it bounds what the engine has to remember.
const MOST: f64 = 10_000.0;

impl Quota {
    /// Parses `6/day`, `1/hour`, `3/10m`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, digits, rest) = split_number(text)?;
        let Some(per) = rest.strip_prefix('/') else {
            return Err(UnitError::Bare { number: digits.to_owned(), example: format!("{digits}/day") });
        };
        if number.fract() != 0.0 || number > MOST {
            return Err(UnitError::Range(text.to_owned()));
        }
        let per = match WORDS.iter().find(|(word, _)| *word == per) {
            Some((_, seconds)) => Duration::from_secs(*seconds),
            None => parse_span(per).map_err(|_| UnitError::Unit {
                unit: per.to_owned(),
                of: "quota",
                known: "/min, /hour, /day, /week, or a duration such as /10m",
            })?,
        };
        if per.is_zero() {
            return Err(UnitError::Range(text.to_owned()));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number up to MOST"
        )]
        Ok(Self { count: number as u32, per })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(_, seconds)| self.per == Duration::from_secs(*seconds));
        match word {
            Some((word, _)) => write!(f, "{}/{word}", self.count),
            None => write!(f, "{}/{}", self.count, format_span(self.per)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_read_as_written() {
        for text in ["12/day", "3/10m", "1/hour"] {
            assert_eq!(Quota::parse(text).unwrap().to_string(), text);
        }
        assert!(Quota::parse("12").is_err());
        assert!(Quota::parse("1.5/day").is_err());
        assert!(Quota::parse("1/fortnight").is_err());
        assert!(Quota::parse("1/0s").is_err());
    }
}
