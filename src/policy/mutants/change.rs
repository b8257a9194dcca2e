//! A quantity and those near it.

use std::time::Duration;

use crate::model::units::{format_bytes, format_span};
use crate::policy::ast::{Literal, Per};
use crate::policy::outline::Role;

/// By how much a threshold is moved, beside one unit.
const SHARES: [f64; 4] = [1.10, 0.90, 1.25, 0.75];

/// The texts that stand for what is near a literal: one unit, a tenth and a quarter off for a threshold; half
/// and twice for an argument.
pub(super) fn nearby(literal: &Literal, role: Role) -> Vec<String> {
    let value = match literal {
        Literal::Number(number) | Literal::Percent(number) | Literal::Rate(number, _) => *number,
        Literal::Span(span) => span.as_secs_f64() * 1e3,
        Literal::Bytes(bytes) | Literal::ByteRate(bytes, _) => *bytes as f64,
        Literal::Flag(_) | Literal::Text(_) => return Vec::new(),
    };
    let unit = unit(literal);
    let near: Vec<f64> = match role {
        Role::Threshold => {
            let shares = SHARES.iter().map(|share| value * share);
            [value + unit, value - unit].into_iter().chain(shares).collect()
        }
        Role::Argument => vec![value / 2.0, value * 2.0],
    };
    let mut texts: Vec<String> = Vec::new();
    for near in near.into_iter().filter(|near| *near >= 0.0) {
        let text = write(literal, near);
        if !texts.contains(&text) && text != write(literal, value) {
            texts.push(text);
        }
    }
    texts
}

/// The unit that a quantity was thought in: a minute for `20m`, one for `300`.
fn unit(literal: &Literal) -> f64 {
    match literal {
        Literal::Span(span) => {
            let units = [86_400_000, 3_600_000, 60_000, 1_000, 1];
            let fits = |unit: &&u128| !span.is_zero() && span.as_millis().is_multiple_of(**unit);
            units.iter().find(fits).map_or(1_000.0, |unit| *unit as f64)
        }
        Literal::Bytes(bytes) | Literal::ByteRate(bytes, _) => {
            let fits = |power: &u32| *bytes > 0 && bytes.is_multiple_of(1 << (10 * power));
            (0..4).rev().find(fits).map_or(1.0, |power| f64::from(1_u32 << (10 * power)))
        }
        Literal::Number(_)
        | Literal::Percent(_)
        | Literal::Rate(..)
        | Literal::Flag(_)
        | Literal::Text(_) => 1.0,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, rounded, saturates"
)]
fn write(like: &Literal, value: f64) -> String {
    let per = |per: &Per| per.word();
    match like {
        Literal::Number(number) => plain(*number, value),
        Literal::Percent(number) => format!("{}%", plain(*number, value)),
        Literal::Rate(_, time) => format!("{}/{}", fraction(value), per(time)),
        Literal::Span(_) => format_span(Duration::from_millis(value.round() as u64)),
        Literal::Bytes(_) => exact_bytes(value.round() as u64),
        Literal::ByteRate(_, time) => format!("{}/{}", exact_bytes(value.round() as u64), per(time)),
        Literal::Flag(_) | Literal::Text(_) => like.to_string(),
    }
}

/// What was whole stays whole.
fn plain(like: f64, value: f64) -> String {
    if like.fract() == 0.0 { format!("{}", value.round()) } else { fraction(value) }
}

fn fraction(value: f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6)
}

/// The formatter rounds large sizes; a size in bytes is always exact.
fn exact_bytes(bytes: u64) -> String {
    let short = format_bytes(bytes);
    if short.contains('.') { format!("{bytes}B") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_moves_in_its_own_unit() {
        let minutes = Literal::Span(Duration::from_mins(20));
        assert_eq!(nearby(&minutes, Role::Threshold), ["21m", "19m", "22m", "18m", "25m", "15m"]);
        assert_eq!(nearby(&minutes, Role::Argument), ["10m", "40m"]);
        assert_eq!(nearby(&Literal::Number(0.0), Role::Threshold), ["1"]);
        assert_eq!(nearby(&Literal::Number(5.0), Role::Threshold), ["6", "4"]);
        assert_eq!(nearby(&Literal::Bytes(64 << 20), Role::Argument), ["32MiB", "128MiB"]);
        assert_eq!(nearby(&Literal::Percent(7.5), Role::Threshold)[0], "8.5%");
    }
}
