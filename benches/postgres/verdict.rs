//! The table, and whether the goals were met.

use std::fmt::Write as _;

use crate::common::Report;
use crate::postgres::cell::{Cell, Goal};
use crate::postgres::load::Load;
use crate::postgres::outcome::{Outcome, Round};
use crate::postgres::subject::Subject;

/// What is known of a round, in this order.
pub(crate) const COLUMNS: [&str; 5] = ["per_second", "mean_us", "p50_us", "p99_us", "cost"];
/// A goal is to be met, not only approached: the report's budgets are exclusive, goals are not.
const AT_MOST: f64 = 1.000_001;

/// A round's figures under [`COLUMNS`].
pub(crate) fn figures(round: &Round) -> [f64; COLUMNS.len()] {
    let seen = |of: fn(&Load) -> f64| round.load.as_ref().map_or(f64::NAN, of);
    [
        seen(|load| load.per_second),
        seen(|load| load.mean),
        seen(|load| load.p50),
        seen(|load| load.p99),
        round.cost,
    ]
}

/// The names of the table's columns.
pub(crate) fn head() -> String {
    format!(
        "  {:<20} {:<18} {:>8} {:>9} {:>9} {:>9} {:>14} {:>7} {:>6}",
        "cell", "subject", "per s", "mean µs", "p50 µs", "p99 µs", "cost", "spread", "ratio"
    )
}

/// A cell's lines, one for each subject.
pub(crate) fn lines(cell: &Cell, subjects: &[Subject], outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for (subject, outcome) in subjects.iter().zip(outcomes) {
        let figures = match &outcome.failed {
            Some(why) => why.clone(),
            None => measured(cell, subject, outcome),
        };
        let ratio =
            ratio(subjects, outcomes, outcome).map_or_else(String::new, |ratio| format!("{ratio:>6.2}"));
        let line = format!("  {:<20} {:<18} {figures} {ratio}", cell.to_string(), subject.name);
        writeln!(text, "{}", line.trim_end()).expect("a string takes all");
    }
    text
}

fn measured(cell: &Cell, subject: &Subject, outcome: &Outcome) -> String {
    let seen = outcome.load().map_or([f64::NAN; 4], |load| [load.per_second, load.mean, load.p50, load.p99]);
    let [per_second, mean, p50, p99] = seen.map(whole);
    let seen = format!("{per_second:>8} {mean:>9} {p50:>9} {p99:>9}");
    if !subject.is_between() {
        return seen;
    }
    let cost = format!("{:.2} {}", outcome.cost(), cell.unit());
    format!("{seen} {cost:>14} {:>6.1}%", outcome.spread() * 100.0)
}

fn whole(figure: f64) -> String {
    if figure.is_nan() { "-".to_owned() } else { format!("{figure:.0}") }
}

/// Of the first subject's cost, where that is another one and both were measured.
fn ratio(subjects: &[Subject], outcomes: &[Outcome], outcome: &Outcome) -> Option<f64> {
    let first = outcomes.first()?;
    let ratio = outcome.cost() / first.cost();
    (subjects.len() > 1 && !std::ptr::eq(first, outcome) && ratio.is_finite()).then_some(ratio)
}

/// Judges all but the first, or the only one.
pub(crate) fn judge(report: &mut Report, cell: &Cell, subjects: &[Subject], outcomes: &[Outcome]) {
    let alone = subjects.len() == 1;
    for (place, (subject, outcome)) in subjects.iter().zip(outcomes).enumerate() {
        if !subject.is_between() || (place == 0 && !alone) {
            continue;
        }
        let what = format!("{cell} {}", subject.name);
        let unmeasured = outcome.cost().is_nan();
        match (cell.goal(), ratio(subjects, outcomes, outcome)) {
            (Goal::Most(most), _) => report.judge(&what, outcome.cost(), most * AT_MOST, cell.unit()),
            (Goal::Ratio(most), Some(ratio)) => report.judge(&what, ratio, most * AT_MOST, "of the peer's"),
            (Goal::Ratio(most), None) if unmeasured => report.judge(&what, f64::NAN, most, "of the peer's"),
            (Goal::Ratio(_), None) => report.lack(&what, "nobody to compare with"),
        }
    }
}
