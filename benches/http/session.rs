//! One run: the upstream, the subjects side by side, cell after cell, their rounds interleaved.

use std::time::Duration;

use crate::common::contest::lab::Lab;
use crate::common::contest::subject::{Started, Subject, Upstream};
use crate::common::contest::table::{self, Round};
use crate::common::{Args, Attempt, Report};
use crate::http::cell::{Cell, SMALL};
use crate::http::load;
use crate::http::origin;
use crate::http::work::work;

/// CPU of the proxy for each request, in microseconds, in the cell that has this budget.
const MEASURE: f64 = 9.9;
/// Memory of a connection that has asked once and stays, in KiB.
const MEMORY: f64 = 20.0;
/// A load this short fills the pool and everybody's caches before anything is counted.
const WARM_UP: Duration = Duration::from_millis(400);

/// Measures all cells and tells what came out.
pub(crate) fn run(lab: &Lab, args: Args, report: &mut Report) -> Attempt<()> {
    let subjects = Subject::all(|name, why| report.lack(name, why));
    let (origin, work) = (origin::start(lab)?, work());
    let (rounds, length) = args.pick((3, Duration::from_millis(600)), (5, Duration::from_secs(2)));
    println!(
        "  all on CPU {}; medians of {rounds} rounds of {length:?}; CPU is the proxy's, for each request",
        lab.cpu
    );
    table::head("req/s");
    let cells = Cell::all(args);
    for kind in [Upstream::Plain, Upstream::Tls] {
        let started = subjects.iter().map(|subject| subject.start(lab, &work, (origin.at(kind), kind)));
        let started: Vec<Started> = started.collect::<Attempt<_>>()?;
        for cell in cells.iter().filter(|cell| cell.upstream == kind) {
            let taken = table::measure(started.len(), rounds, |which| round(cell, &started[which], length))?;
            let (name, budget) = (cell.to_string(), cell.is_the_measure().then_some(MEASURE));
            table::show(&name, &subjects, &taken, None);
            table::judge(&name, &subjects, &taken, (budget, report));
        }
    }
    println!();
    let small = Cell { upstream: Upstream::Plain, body: SMALL, connections: 10 };
    for subject in &subjects {
        let warm_up = |port| load::run(&small, port, WARM_UP).map(drop);
        let memory = table::memory(lab, &work, subject, origin.plain, warm_up)?;
        let what = format!("memory/{} of a resting connection", subject.name);
        if subject.is_peer() {
            report.tell(&what, memory, "KiB");
        } else {
            report.judge(&what, memory, MEMORY, "KiB");
        }
    }
    Ok(())
}

fn round(cell: &Cell, subject: &Started, length: Duration) -> Attempt<Round> {
    load::run(cell, subject.port, WARM_UP)?;
    let before = subject.cpu();
    let load = load::run(cell, subject.port, length)?;
    let cost = (subject.cpu() - before) / load.count;
    Ok(Round { cost, per_second: load.per_second, p50: load.p50, p99: load.p99 })
}
