//! Small changes to a policy file, each of which a good set of scenarios should notice.
//!
//! A mutant is the text with one place changed: a threshold moved, a comparator turned or blurred, a time
//! halved or doubled, a side of an `and` or `or` left out, a guard taken away. A mutant that no scenario
//! notices points at a number that nothing tests.

mod change;

use std::ops::Range;

use super::ast::{Comparator, Expr, Literal, Shape};
use super::outline::{Clause, Part, Piece, Role, outline, pieces};
use super::sustain::Sustain;
use crate::model::units::{Quota, format_span, parse_span};
use change::nearby;

/// A policy file with one change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mutant {
    /// Where: `descriptors/attention.raise`.
    pub place: String,
    /// What was changed: `300` to `301`.
    pub what: String,
    /// What would notice it.
    pub notice: String,
    /// The changed bytes of the original.
    pub span: Range<usize>,
    /// The whole changed text.
    pub source: String,
}

/// Every mutant of a policy file, in the order of its places. Some may not be valid policies: the one who
/// tries them leaves those out.
pub fn mutants(source: &str) -> Vec<Mutant> {
    outline(source, |parts| {
        let mut found = Found { source, place: String::new(), mutants: Vec::new() };
        for part in &parts {
            for clause in &part.clauses {
                found.place = format!("{}.{}", part.place, clause.key);
                of_clause(clause, &mut found);
            }
            of_settings(part, &mut found);
            if let Some(guard) = &part.guard {
                found.place = format!("{}.guard", part.place);
                let notice = "a scenario in which the guard is false and the action is refused by it";
                found.push(guard.clone(), "", "without the guard".to_owned(), notice.to_owned());
            }
        }
        found.mutants
    })
    .unwrap_or_default()
}

struct Found<'s> {
    source: &'s str,
    place: String,
    mutants: Vec<Mutant>,
}

impl Found<'_> {
    fn push(&mut self, span: Range<usize>, new: &str, what: String, notice: String) {
        let (Some(before), Some(after)) = (self.source.get(..span.start), self.source.get(span.end..)) else {
            return;
        };
        let source = format!("{before}{new}{after}");
        self.mutants.push(Mutant { place: self.place.clone(), what, notice, span, source });
    }

    fn replace(&mut self, span: Range<usize>, new: &str, notice: String) {
        let old = self.source.get(span.clone()).unwrap_or_default().to_owned();
        if old != new {
            self.push(span, new, format!("`{old}` to `{new}`"), notice);
        }
    }
}

fn of_clause(clause: &Clause<'_>, found: &mut Found<'_>) {
    pieces(&clause.expr, Role::Threshold, &mut |piece| match piece {
        Piece::Literal(expr, literal, role) => of_literal(clause, expr, literal, role, found),
        Piece::Compare(expr) => of_comparator(clause, expr, found),
        Piece::Sides(parts) => of_sides(clause, parts, found),
    });
}

fn of_literal(clause: &Clause<'_>, expr: &Expr, literal: &Literal, role: Role, found: &mut Found<'_>) {
    let span = clause.text.at(expr.span.clone());
    for new in nearby(literal, role) {
        let notice = match role {
            Role::Threshold => format!("a series that lies between `{literal}` and `{new}`"),
            Role::Argument => format!("a series that `{literal}` and `{new}` see differently"),
        };
        found.replace(span.clone(), &new, notice);
    }
}

fn of_comparator(clause: &Clause<'_>, expr: &Expr, found: &mut Found<'_>) {
    let Shape::Compare(comparator, sides) = &expr.shape else { return };
    let between = sides[0].span.end..sides[1].span.start;
    let Some(inside) = clause.text.value.get(between.clone()).and_then(|text| text.find(comparator.sign()))
    else {
        return;
    };
    let start = between.start + inside;
    let span = clause.text.at(start..start + comparator.sign().len());
    let (blurred, turned) = match comparator {
        Comparator::Less => (Some("<="), ">"),
        Comparator::LessOrEqual => (Some("<"), ">="),
        Comparator::Greater => (Some(">="), "<"),
        Comparator::GreaterOrEqual => (Some(">"), "<="),
        Comparator::Equal => (None, "!="),
        Comparator::NotEqual => (None, "=="),
    };
    let bound = &sides[1];
    if let Some(blurred) = blurred {
        found.replace(span.clone(), blurred, format!("a series that rests on `{bound}` exactly"));
    }
    found.replace(span, turned, format!("a series on either side of `{bound}`"));
}

fn of_sides(clause: &Clause<'_>, parts: &[Expr], found: &mut Found<'_>) {
    for (index, part) in parts.iter().enumerate() {
        let span = match index {
            0 => part.span.start..parts[1].span.start,
            _ => parts[index - 1].span.end..part.span.end,
        };
        let what = format!("without `{part}`");
        let notice = format!("a scenario in which `{part}` alone decides");
        found.push(clause.text.at(span), "", what, notice);
    }
}

fn of_settings(part: &Part<'_>, found: &mut Found<'_>) {
    for (key, text) in &part.settings {
        found.place = format!("{}.{key}", part.place);
        let span = text.at(0..text.value.len());
        for new in other_settings(key, &text.value) {
            let notice = match *key {
                "budget" => format!("more runs than `{}` or `{new}` allow", text.value),
                _ => format!("an assertion on a moment between `{}` and `{new}`", text.value),
            };
            found.replace(span.clone(), &new, notice);
        }
    }
}

/// Half and twice; a tick more and less for `n of m`.
fn other_settings(key: &str, written: &str) -> Vec<String> {
    if key == "budget" {
        let Ok(quota) = Quota::parse(written) else { return Vec::new() };
        let counts = [(quota.count / 2).max(1), quota.count.saturating_mul(2)];
        return counts.map(|count| Quota { count, ..quota }.to_string()).to_vec();
    }
    if key == "for"
        && let Ok(Sustain::Ticks { hits, of }) = Sustain::parse(written)
    {
        let turned = [(hits.saturating_sub(1), of), (hits + 1, of)];
        let fits = turned.into_iter().filter(|(hits, of)| *hits > 0 && hits <= of);
        return fits.map(|(hits, of)| format!("{hits} of {of}")).collect();
    }
    match parse_span(written) {
        Ok(span) if !span.is_zero() => vec![format_span(span / 2), format_span(span * 2)],
        Ok(_) | Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Faults;

    const SOURCE: &str = r#"
schema = 1
name = "x"
[[ladder.d.tier]]
name  = "high"
raise = "fd.open > 300 or (fd.tte < 20m and socket.leaked(2m) >= 5)"
clear = "fd.open < 250"
for   = "3 of 5"
guard = "orders.open == 0"
budget = "3/day"
do    = ["snapshot", { run = { hook = "h" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "30s" }
"#;

    fn changes(place: &str) -> Vec<String> {
        let of_place = mutants(SOURCE).into_iter().filter(|mutant| mutant.place == place);
        of_place.map(|mutant| mutant.what).collect()
    }

    #[test]
    fn every_mutant_differs_in_its_place_only_and_loads() {
        for mutant in mutants(SOURCE) {
            let mut faults = Faults::default();
            assert!(crate::policy::load(&mutant.source, &mut faults).is_some(), "{}", mutant.what);
            assert_ne!(mutant.source, SOURCE);
            assert!(mutant.source.starts_with(&SOURCE[..mutant.span.start]));
            assert!(mutant.source.ends_with(&SOURCE[mutant.span.end..]));
        }
    }

    #[test]
    fn thresholds_comparators_and_sides_are_turned() {
        let raise = changes("d/high.raise");
        for wanted in [
            "`300` to `301`",
            "`300` to `299`",
            "`300` to `330`",
            "`300` to `375`",
            "`300` to `225`",
            "`>` to `>=`",
            "`>` to `<`",
            "`20m` to `21m`",
            "`20m` to `25m`",
            "`>=` to `>`",
            "`2m` to `4m`",
            "without `fd.open > 300`",
            "without `fd.tte < 20m`",
        ] {
            assert!(raise.iter().any(|what| what == wanted), "{wanted} is not among {raise:#?}");
        }
        assert!(changes("d/high.expect").contains(&"`85%` to `86%`".to_owned()));
    }

    #[test]
    fn times_budgets_and_guards_are_turned() {
        assert_eq!(changes("d/high.for"), ["`3 of 5` to `2 of 5`", "`3 of 5` to `4 of 5`"]);
        assert_eq!(changes("d/high.budget"), ["`3/day` to `1/day`", "`3/day` to `6/day`"]);
        assert_eq!(changes("d/high.within"), ["`30s` to `15s`", "`30s` to `1m`"]);
        assert!(changes("d/high.guard").contains(&"without the guard".to_owned()));
    }
}
