//! The thresholds of a policy file, each with its name: what a sweep turns.

use std::ops::Range;

use super::ast::{Literal, Shape};
use super::outline::{Piece, Role, outline, pieces};

/// A threshold in an expression of a tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dial {
    /// The tier with its ladder: `descriptors/warning`.
    pub place: String,
    /// The expression: `raise`, `clear`, `guard` or `expect`.
    pub clause: &'static str,
    /// Which threshold of the expression, from 1.
    pub nth: usize,
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// As written.
    pub written: String,
}

impl Dial {
    /// Whether a person who writes `warning.raise` or `descriptors/warning.raise` means this expression.
    pub fn answers_to(&self, tier: &str, clause: &str) -> bool {
        let bare = self.place.rsplit('/').next().unwrap_or_default();
        self.clause == clause && (self.place == tier || bare == tier)
    }
}

/// Every numeric threshold of a policy file, in the order of its ladders and tiers.
pub fn dials(source: &str) -> Vec<Dial> {
    outline(source, |parts| {
        let mut dials = Vec::new();
        for part in &parts {
            for clause in &part.clauses {
                let mut nth = 0;
                pieces(&clause.expr, Role::Threshold, &mut |piece| {
                    let Piece::Literal(expr, literal, Role::Threshold) = piece else { return };
                    if matches!(literal, Literal::Flag(_) | Literal::Text(_)) {
                        return;
                    }
                    debug_assert!(matches!(expr.shape, Shape::Literal(_)));
                    nth += 1;
                    let span = clause.text.at(expr.span.clone());
                    let written = source.get(span.clone()).unwrap_or_default().to_owned();
                    dials.push(Dial { place: part.place.clone(), clause: clause.key, nth, span, written });
                });
            }
        }
        dials
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_found_in_their_places_and_windows_are_none() {
        let source = "schema = 1\nname = \"x\"\n[[ladder.d.tier]]\nname = \"warning\"\n\
                      raise = \"avg(fd.open, 1m) > 600 or fd.tte < 20m or orders.open == 0\"\n";
        let dials = dials(source);
        let found: Vec<_> = dials.iter().map(|dial| (dial.nth, dial.written.as_str())).collect();
        assert_eq!(found, [(1, "600"), (2, "20m"), (3, "0")]);
        assert!(dials.iter().all(|dial| source[dial.span.clone()] == dial.written));
        assert!(dials[0].answers_to("warning", "raise") && dials[0].answers_to("d/warning", "raise"));
        assert!(!dials[0].answers_to("warning", "clear"));
    }
}
