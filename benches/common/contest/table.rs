//! What comes of a cell: rounds of all that take part, in turns, as a few lines of a table and against a budget.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]

use crate::common::contest::lab::Lab;
use crate::common::contest::subject::{Started, Subject, Upstream, Work};
use crate::common::{Attempt, Figures, Report};

/// What fdguard may cost against the better peer.
const RATIO: f64 = 1.0;
/// Connections that stay.
const RESTING: usize = 900;
/// The name of those that ask the upstream without a proxy.
const DIRECT: &str = "direct";

/// What one came to in a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// CPU of the proxy for each piece of work, in microseconds.
    pub(crate) cost: f64,
    pub(crate) per_second: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// What one came to in a cell, round by round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    cost: Figures,
    per_second: Figures,
    p50: Figures,
    p99: Figures,
}

impl Taken {
    fn cost(&self) -> f64 {
        self.cost.median()
    }

    /// Pieces of work in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.per_second.median()
    }

    fn take(&mut self, round: Round) {
        self.cost.push(round.cost);
        self.per_second.push(round.per_second);
        self.p50.push(round.p50);
        self.p99.push(round.p99);
    }
}

/// So many take part in so many rounds; each is first as often as last.
pub(crate) fn measure(
    parties: usize,
    rounds: usize,
    mut run: impl FnMut(usize) -> Attempt<Round>,
) -> Attempt<Vec<Taken>> {
    let mut taken = vec![Taken::default(); parties];
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..parties).collect();
        order.rotate_left(round % parties);
        for which in order {
            taken[which].take(run(which)?);
        }
    }
    Ok(taken)
}

/// The head of the table; `unit` is what there is so much of in a second.
pub(crate) fn head(unit: &str) {
    println!(
        "\n  {:<18} {:<8} {:>8} {:>9} {:>8} {:>8} {:>7}",
        "cell", "proxy", "CPU µs", unit, "p50 µs", "p99 µs", "ratio"
    );
}

/// The lines of one cell; of the way without a proxy too, where that was measured.
pub(crate) fn show(cell: &str, subjects: &[Subject], taken: &[Taken], direct: Option<&Taken>) {
    let best = best(subjects, taken, Taken::cost);
    for (subject, taken) in subjects.iter().zip(taken) {
        let ratio = best.map_or_else(String::new, |best| format!("{:.2}", taken.cost() / best));
        line(cell, subject.name, taken, &ratio);
    }
    if let Some(direct) = direct {
        line(cell, DIRECT, direct, "");
    }
}

/// Its CPU in the report; `measure` is its budget in microseconds where it has one.
pub(crate) fn judge(
    cell: &str,
    subjects: &[Subject],
    taken: &[Taken],
    (measure, report): (Option<f64>, &mut Report),
) {
    let best = best(subjects, taken, Taken::cost);
    for (subject, taken) in subjects.iter().zip(taken) {
        let (cost, what) = (taken.cost(), format!("{cell}/{}", subject.name));
        if subject.is_peer() {
            report.tell(&what, cost, "µs");
            continue;
        }
        match best {
            Some(best) => report.judge(&format!("{cell}/ratio to the better peer"), cost / best, RATIO, ""),
            None => report.lack(&format!("{cell}/ratio"), "nobody to compare with"),
        }
        match measure {
            Some(budget) => report.judge(&what, cost, budget, "µs"),
            None => report.tell(&what, cost, "µs"),
        }
    }
}

/// What the proxies add to the time that the way without one takes.
pub(crate) fn judge_added(
    cell: &str,
    subjects: &[Subject],
    taken: &[Taken],
    (direct, report): (&Taken, &mut Report),
) {
    let p50 = |taken: &Taken| taken.p50.median();
    let p99 = |taken: &Taken| taken.p99.median();
    for (name, time) in [("p50", p50 as fn(&Taken) -> f64), ("p99", p99)] {
        let added = |taken: &Taken| time(taken) - time(direct);
        let best = best(subjects, taken, added).filter(|best| *best > 0.0);
        for (subject, taken) in subjects.iter().zip(taken) {
            report.tell(&format!("{cell}/{} adds to the {name}", subject.name), added(taken), "µs");
            if subject.is_peer() {
                continue;
            }
            let what = format!("{cell}/added {name}, ratio");
            match best {
                Some(best) => report.judge(&what, added(taken) / best, RATIO, ""),
                None => report.lack(&what, "no peer adds anything"),
            }
        }
    }
}

fn line(cell: &str, name: &str, taken: &Taken, ratio: &str) {
    let cost = taken.cost();
    let cost = if cost.is_nan() { "-".to_owned() } else { format!("{cost:.2}") };
    println!(
        "  {cell:<18} {name:<8} {cost:>8} {:>9.0} {:>8.0} {:>8.0} {ratio:>7}",
        taken.rate(),
        taken.p50.median(),
        taken.p99.median(),
    );
}

/// The least of the peers.
fn best(subjects: &[Subject], taken: &[Taken], figure: impl Fn(&Taken) -> f64) -> Option<f64> {
    let peers = subjects.iter().zip(taken).filter(|(subject, _)| subject.is_peer());
    peers.map(|(_, taken)| figure(taken)).min_by(f64::total_cmp)
}

/// Memory of a connection that has asked once and stays, in KiB: of each in turn, in a process that has done some work and has
/// not had so many before.
pub(crate) fn memory(
    lab: &Lab,
    work: &Work,
    subject: &Subject,
    upstream: u16,
    warm_up: impl Fn(u16) -> Attempt<()>,
) -> Attempt<f64> {
    let started: Started = subject.start(lab, work, (upstream, Upstream::Plain))?;
    warm_up(started.port)?;
    let before = started.memory();
    let mut held = Vec::with_capacity(RESTING);
    for _ in 0..RESTING {
        held.push((work.ask)(started.port)?);
    }
    let grown = started.memory() - before;
    drop(held);
    Ok(grown / RESTING as f64 / 1_024.0)
}
