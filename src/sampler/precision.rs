//! How exact a measured rate is told.

/// Rounded to thousandths: no decision rests on less, and digits that are noise can't be packed in the history.
pub(super) fn thousandths(value: f64) -> f64 {
    // Above this all digits are before the point, and infinity stays what it is.
    if value.abs() < 1e12 { (value * 1e3).round() / 1e3 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_goes_and_everything_else_stays() {
        let told = [0.123_456, -2.000_4, 1_500.0, 3e15, f64::INFINITY].map(thousandths);
        assert_eq!(told.map(f64::to_bits), [0.123, -2.0, 1_500.0, 3e15, f64::INFINITY].map(f64::to_bits));
    }
}
