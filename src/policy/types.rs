//! Types and units of expressions, and what arithmetic makes of them.
//!
//! ```text
//! x + x = x     number * x = x     rate * duration = count     count / duration = rate      x / x = ratio
//! x - x = x     ratio * x = x      byte rate * duration = bytes      bytes / duration = byte rate
//! x / number = x     x / ratio = x     count / rate = duration     bytes / byte rate = duration
//! ```
//!
//! A bare number is a plain number; beside a count it counts. Everything else keeps its unit.

use crate::model::signal::Unit;

/// The type of a part of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    /// A bare number.
    Number,
    Count,
    Duration,
    Bytes,
    Ratio,
    Rate,
    ByteRate,
    Flag,
    Word(&'static [&'static str]),
}

use Type::{ByteRate, Bytes, Count, Duration, Flag, Number, Rate, Ratio, Word};

impl Type {
    pub(super) const fn of(unit: Unit) -> Self {
        match unit {
            Unit::Count => Count,
            Unit::Duration => Duration,
            Unit::Bytes => Bytes,
            Unit::Ratio => Ratio,
            Unit::Rate => Rate,
            Unit::ByteRate => ByteRate,
            Unit::Flag => Flag,
            Unit::Word(words) => Word(words),
        }
    }

    /// With its article: `a count`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Number => "a bare number",
            Count => "a count",
            Duration => "a duration",
            Bytes => "a size",
            Ratio => "a ratio",
            Rate => "a rate",
            ByteRate => "a byte rate",
            Flag => "true or false",
            Word(_) => "a word",
        }
    }

    /// Whether one can calculate with it.
    pub(super) const fn is_numeric(self) -> bool {
        match self {
            Number | Count | Duration | Bytes | Ratio | Rate | ByteRate => true,
            Flag | Word(_) => false,
        }
    }

    /// How a bare number could have been meant where this type is wanted.
    pub(super) fn suggestion(self, number: f64) -> Option<String> {
        match self {
            Duration => Some(format!("`{number}s` or `{number}m`")),
            Bytes => Some(format!("`{number}MiB`")),
            Ratio if number <= 1.0 => {
                let text = format!("{:.4}", number * 100.0);
                Some(format!("`{}%`", text.trim_end_matches('0').trim_end_matches('.')))
            }
            Ratio => Some(format!("`{number}%`")),
            Rate => Some(format!("`{number}/min` or `{number}/s`")),
            ByteRate => Some(format!("`{number}KiB/s` or `{number}MiB/s`")),
            Number | Count | Flag | Word(_) => None,
        }
    }

    /// Whether the two can be compared, added and subtracted; what a sum of them is.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Number, Count) | (Count, Number) => Some(Count),
            _ => (self == other && self.is_numeric()).then_some(self),
        }
    }

    /// What `self * other` is.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Rate, Duration) | (Duration, Rate) => Some(Count),
            (ByteRate, Duration) | (Duration, ByteRate) => Some(Bytes),
            (x, y) if !x.is_numeric() || !y.is_numeric() => None,
            (x, y) => {
                // In this order: a ratio of a count is a count, twice a ratio is a ratio.
                let factor = [Number, Ratio, Count].into_iter().find(|factor| [x, y].contains(factor))?;
                Some(if x == factor { y } else { x })
            }
        }
    }

    /// What `self / other` is.
    pub(super) fn over(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Number, Number) => Some(Number),
            (x, Number | Ratio) if x.is_numeric() => Some(x),
            (x, y) if x == y && x.is_numeric() => Some(Ratio),
            (Number, Count) => Some(Ratio),
            (Number | Count, Duration) => Some(Rate),
            (Bytes, Duration) => Some(ByteRate),
            (Number | Count, Rate) | (Bytes, ByteRate) => Some(Duration),
            (x, Count) if x.is_numeric() => Some(x),
            _ => None,
        }
    }

    /// What its change per time is.
    pub(super) const fn per_second(self) -> Option<Self> {
        match self {
            Number | Count => Some(Rate),
            Bytes => Some(ByteRate),
            Duration => Some(Ratio),
            Ratio | Rate | ByteRate | Flag | Word(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMERIC: [Type; 7] = [Number, Count, Duration, Bytes, Ratio, Rate, ByteRate];

    /// Dimensions (things, bytes, seconds) of each type.
    fn dimension(of: Type) -> Option<(i32, i32)> {
        match of {
            Number | Count | Ratio => Some((0, 0)),
            Duration => Some((0, 1)),
            Bytes => Some((1, 0)),
            Rate => Some((0, -1)),
            ByteRate => Some((1, -1)),
            Flag | Word(_) => None,
        }
    }

    #[test]
    fn products_and_quotients_keep_their_dimensions() {
        for a in NUMERIC {
            for b in NUMERIC {
                let ((x1, y1), (x2, y2)) = (dimension(a).unwrap(), dimension(b).unwrap());
                if let Some(product) = a.times(b) {
                    assert_eq!(dimension(product), Some((x1 + x2, y1 + y2)), "{a:?} * {b:?}");
                    assert_eq!(b.times(a), Some(product), "{a:?} * {b:?} commutes");
                }
                if let Some(quotient) = a.over(b) {
                    assert_eq!(dimension(quotient), Some((x1 - x2, y1 - y2)), "{a:?} / {b:?}");
                }
                assert_eq!(a.common(b), b.common(a));
            }
        }
    }

    #[test]
    fn what_the_design_names() {
        assert_eq!(Count.times(Ratio), Some(Count));
        assert_eq!(Rate.times(Duration), Some(Count));
        assert_eq!(Count.over(Duration), Some(Rate));
        assert_eq!(Count.over(Count), Some(Ratio));
        assert_eq!(Count.over(Number), Some(Count));
        assert_eq!(Count.common(Duration), None);
        assert_eq!(Duration.times(Duration), None);
    }
}
