//! A series as one line of bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character a value, between the least and the largest finite one: a blank for no value, `∞` for infinity.
pub(super) fn bars(values: &[f64]) -> String {
    let least = finite(values).fold(f64::INFINITY, f64::min);
    between(values, least)
}

/// The same between nothing and the largest, so that what hardly moves looks like it.
pub(super) fn bars_from_zero(values: &[f64]) -> String {
    between(values, 0.0)
}

fn between(values: &[f64], least: f64) -> String {
    let largest = finite(values).fold(f64::NEG_INFINITY, f64::max);
    values.iter().map(|value| bar(*value, least, largest)).collect()
}

fn finite(values: &[f64]) -> impl Iterator<Item = f64> {
    values.iter().copied().filter(|value| value.is_finite())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the share of the height is between 0 and 1"
)]
fn bar(value: f64, least: f64, largest: f64) -> char {
    if value.is_nan() {
        return ' ';
    }
    if value.is_infinite() {
        return '∞';
    }
    let height = largest - least;
    let share = if height > 0.0 { (value - least) / height } else { 0.0 };
    BARS[((share * (BARS.len() - 1) as f64).round() as usize).min(BARS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_span_the_values_and_gaps_stay_blank() {
        assert_eq!(bars(&[0.0, f64::NAN, 3.5, 7.0, f64::INFINITY]), "▁ ▅█∞");
        assert_eq!(bars(&[85.0, 85.0]), "▁▁");
        assert_eq!(bars(&[]), "");
        assert_eq!(bars_from_zero(&[85.0, 86.0, 43.0, 0.0]), "██▅▁");
    }
}
