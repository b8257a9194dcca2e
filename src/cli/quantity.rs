//! A signal's value as people read it, by the unit of its row.

use std::time::Duration;

use crate::model::reading::Reading;
use crate::model::signal::{Signal, Unit};
use crate::model::units::{format_bytes, format_ratio, format_span};

/// The value with its unit, or why there is none.
pub(super) fn quantity(signal: Signal, reading: Reading<f64>) -> String {
    match reading {
        Reading::Known(value) => known(signal.row().unit, value),
        Reading::Unavailable(gap) => format!("- ({gap})"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shown values are small and positive"
)]
fn known(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Count if value.fract() == 0.0 => format!("{value}"),
        Unit::Count => format!("{value:.2}"),
        Unit::Duration if value.is_infinite() => "never".to_owned(),
        Unit::Duration if value >= 120.0 => format_span(Duration::from_secs(value as u64)),
        Unit::Duration => format_span(Duration::from_millis((value * 1e3) as u64)),
        Unit::Bytes => format_bytes(value as u64),
        Unit::Ratio => format_ratio(value),
        Unit::Rate if value == 0.0 => "0/min".to_owned(),
        Unit::Rate if value.abs() >= 1.0 => format!("{value:.1}/s"),
        Unit::Rate => format!("{:.1}/min", value * 60.0),
        Unit::ByteRate => format!("{}/s", format_bytes(value.abs() as u64)),
        Unit::Flag => (value != 0.0).to_string(),
        Unit::Word(words) => {
            words.get(value as usize).map_or_else(|| value.to_string(), |word| (*word).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::Gap;

    #[test]
    fn values_carry_their_unit() {
        let shown = |signal, value| quantity(signal, Reading::Known(value));
        assert_eq!(shown(Signal::FdOpen, 312.0), "312");
        assert_eq!(shown(Signal::FdTte, f64::INFINITY), "never");
        assert_eq!(shown(Signal::FdTte, 1_230.7), "20m30s");
        assert_eq!(shown(Signal::FdRate, 25.0 / 60.0), "25.0/min");
        assert_eq!(shown(Signal::FdRatio, 0.305), "30.5%");
        assert_eq!(shown(Signal::ProcessState, 1.0), "sleeping");
        assert_eq!(quantity(Signal::FdOpen, Reading::Unavailable(Gap::NotPermitted)), "- (not permitted)");
    }
}
