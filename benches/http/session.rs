//! One run: the upstream, the subjects side by side, cell after cell, their rounds interleaved.

use std::net::TcpStream;
use std::time::Duration;

use crate::common::Attempt;
use crate::common::{Args, Figures, Report};
use crate::http::cell::{Cell, SMALL, Upstream};
use crate::http::lab::Lab;
use crate::http::load;
use crate::http::origin::Origin;
use crate::http::subject::{Started, Subject};

/// CPU of the proxy for each request, against the better peer.
const RATIO: f64 = 1.0;
/// The same in microseconds, in the cell that has this budget.
const MEASURE: f64 = 9.9;
/// Memory of a connection that has asked once and stays.
const MEMORY: f64 = 20.0;
/// Connections that stay.
const RESTING: usize = 900;
/// A load this short fills the pool and everybody's caches before anything is counted.
const WARM_UP: Duration = Duration::from_millis(400);

/// What a subject took in a cell, round by round.
#[derive(Clone, Debug, Default)]
struct Taken {
    cost: Figures,
    per_second: Figures,
    p50: Figures,
    p99: Figures,
}

/// Measures all cells and tells what came out.
pub(crate) fn run(lab: &Lab, args: Args, report: &mut Report) -> Attempt<()> {
    let subjects = Subject::all(|name, why| report.lack(name, why));
    let origin = Origin::start(lab)?;
    let (rounds, length) = args.pick((3, Duration::from_millis(600)), (5, Duration::from_secs(2)));
    println!(
        "  all on CPU {}; medians of {rounds} rounds of {length:?}; CPU is the proxy's, for each request\n\n  \
         {:<18} {:<8} {:>8} {:>9} {:>8} {:>8} {:>7}",
        lab.cpu, "cell", "proxy", "CPU µs", "req/s", "p50 µs", "p99 µs", "ratio"
    );
    let cells = Cell::all(args);
    for kind in [Upstream::Plain, Upstream::Tls] {
        let upstream = match kind {
            Upstream::Plain => origin.plain,
            Upstream::Tls => origin.tls,
        };
        let started = subjects.iter().map(|subject| subject.start(lab, upstream, kind));
        let started: Vec<Started> = started.collect::<Attempt<_>>()?;
        for cell in cells.iter().filter(|cell| cell.upstream == kind) {
            let taken = measure(cell, &started, (rounds, length))?;
            tell(cell, &subjects, &taken, report);
        }
    }
    println!();
    for subject in &subjects {
        let memory = resting(lab, subject, origin.plain)?;
        let what = format!("memory/{} of a resting connection", subject.name);
        if subject.is_peer() {
            report.tell(&what, memory / 1_024.0, "KiB");
        } else {
            report.judge(&what, memory / 1_024.0, MEMORY, "KiB");
        }
    }
    Ok(())
}

fn measure(cell: &Cell, started: &[Started], (rounds, length): (usize, Duration)) -> Attempt<Vec<Taken>> {
    let mut taken = vec![Taken::default(); started.len()];
    for round in 0..rounds {
        // Each is first as often as last.
        let mut order: Vec<usize> = (0..started.len()).collect();
        order.rotate_left(round % started.len());
        for which in order {
            let (subject, taken) = (&started[which], &mut taken[which]);
            load::run(cell, subject.port, WARM_UP)?;
            let before = subject.cpu();
            let load = load::run(cell, subject.port, length)?;
            taken.cost.push((subject.cpu() - before) / load.count);
            taken.per_second.push(load.per_second);
            taken.p50.push(load.p50);
            taken.p99.push(load.p99);
        }
    }
    Ok(taken)
}

fn tell(cell: &Cell, subjects: &[Subject], taken: &[Taken], report: &mut Report) {
    let peers = subjects.iter().zip(taken).filter(|(subject, _)| subject.is_peer());
    let best = peers.map(|(_, taken)| taken.cost.median()).min_by(f64::total_cmp);
    for (subject, taken) in subjects.iter().zip(taken) {
        let cost = taken.cost.median();
        let ratio = best.map_or_else(String::new, |best| format!("{:.2}", cost / best));
        println!(
            "  {:<18} {:<8} {cost:>8.2} {:>9.0} {:>8.0} {:>8.0} {ratio:>7}",
            cell.to_string(),
            subject.name,
            taken.per_second.median(),
            taken.p50.median(),
            taken.p99.median(),
        );
        if subject.is_peer() {
            report.tell(&format!("{cell}/{}", subject.name), cost, "µs");
            continue;
        }
        match best {
            Some(best) => report.judge(&format!("{cell}/ratio to the better peer"), cost / best, RATIO, ""),
            None => report.lack(&format!("{cell}/ratio"), "nobody to compare with"),
        }
        if cell.is_the_measure() {
            report.judge(&format!("{cell}/fdguard"), cost, MEASURE, "µs");
        } else {
            report.tell(&format!("{cell}/fdguard"), cost, "µs");
        }
    }
}

/// Memory of a connection that has asked once and stays, in bytes. In a process that has not had more before.
fn resting(lab: &Lab, subject: &Subject, upstream: u16) -> Attempt<f64> {
    let started = subject.start(lab, upstream, Upstream::Plain)?;
    let cell = Cell { upstream: Upstream::Plain, body: SMALL, connections: 10 };
    load::run(&cell, started.port, WARM_UP)?;
    let before = started.memory();
    let mut held: Vec<TcpStream> = Vec::with_capacity(RESTING);
    for _ in 0..RESTING {
        held.push(load::once(started.port)?);
    }
    let grown = started.memory() - before;
    drop(held);
    Ok(grown / RESTING as f64)
}
