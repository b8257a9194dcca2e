//! Sizes: `64MiB` (binary), `64MB` (decimal), `512B`.

use super::{UnitError, split_number};

const UNITS: [(&str, f64); 9] = [
    ("B", 1.0),
    ("KiB", 1_024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
];
const KNOWN: &str = "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB";

/// Parses a size in bytes.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let (number, digits, unit) = split_number(text)?;
    if unit.is_empty() {
        return Err(UnitError::Bare { number: digits.to_owned(), example: format!("{digits}MiB") });
    }
    let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(UnitError::Unit { unit: unit.to_owned(), of: "size", known: KNOWN });
    };
    let bytes = number * size;
    if bytes > 9e18 {
        return Err(UnitError::Range(text.to_owned()));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "non-negative and below 2^63"
    )]
    Ok(bytes.round() as u64)
}

/// Writes a size in the largest binary unit that keeps it exact, else with one decimal.
pub fn format_bytes(bytes: u64) -> String {
    let binary = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in binary {
        if bytes >= size {
            return if bytes.is_multiple_of(size) {
                format!("{}{unit}", bytes / size)
            } else {
                format!("{:.1}{unit}", bytes as f64 / size as f64)
            };
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_and_decimal_are_told_apart() {
        assert_eq!(parse_bytes("64MiB"), Ok(67_108_864));
        assert_eq!(parse_bytes("64MB"), Ok(64_000_000));
        assert_eq!(format_bytes(67_108_864), "64MiB");
        assert!(matches!(parse_bytes("64"), Err(UnitError::Bare { .. })));
        assert!(matches!(parse_bytes("64mb"), Err(UnitError::Unit { .. })));
    }
}
