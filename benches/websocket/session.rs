//! One run: the upstream, the subjects side by side, cell after cell, their rounds interleaved with rounds without a proxy.

use std::time::Duration;

use crate::common::contest::lab::Lab;
use crate::common::contest::subject::{Started, Subject, Upstream};
use crate::common::contest::table::{self, Round, Taken};
use crate::common::{Args, Attempt, Report};
use crate::websocket::cell::{Cell, ECHO};
use crate::websocket::load::Load;
use crate::websocket::origin;
use crate::websocket::work::work;

/// CPU of the proxy for each message, in microseconds, in the cell that has this budget.
const MEASURE: f64 = 7.3;
/// Memory of a connection that is relayed, in KiB, and against the better peer.
const MEMORY: f64 = 20.0;
const RATIO: f64 = 1.0;
/// A feed that came so much faster or slower was not paced: what piles up passes together, and costs less.
const STRAY: f64 = 0.05;
/// So long it goes on before anything is counted.
const WARM_UP: Duration = Duration::from_millis(150);

/// Measures all cells and tells what came out.
pub(crate) fn run(lab: &Lab, args: Args, report: &mut Report) -> Attempt<()> {
    let subjects = Subject::all(|name, why| report.lack(name, why));
    let (origin, work) = (origin::start(lab)?, work());
    let (rounds, length) = args.pick((3, Duration::from_millis(300)), (5, Duration::from_secs(2)));
    println!(
        "  all on CPU {}; medians of {rounds} rounds of {length:?}; CPU is the proxy's, for each message, of an echo there \
         and back\n  no fan-out of one upstream to many clients: fdguard has none, each client has an upstream of its own",
        lab.cpu
    );
    table::head("msg/s");
    let cells = Cell::all(args);
    for kind in [Upstream::Plain, Upstream::Tls] {
        let cells: Vec<&Cell> = cells.iter().filter(|cell| cell.upstream == kind).collect();
        if cells.is_empty() {
            continue;
        }
        let started = subjects.iter().map(|subject| subject.start(lab, &work, (origin.at(kind), kind)));
        let started: Vec<Started> = started.collect::<Attempt<_>>()?;
        for cell in cells {
            // The last is the way without a proxy, in clear.
            let one = |which: usize| round(cell, (started.get(which), origin.plain), length);
            let mut taken = table::measure(started.len() + 1, rounds, one)?;
            let direct = taken.pop().unwrap_or_default();
            let (name, budget) = (cell.to_string(), cell.is_the_measure().then_some(MEASURE));
            table::show(&name, &subjects, &taken, Some(&direct));
            let strays =
                |taken: &Taken| cell.talk.rate().is_some_and(|due| (taken.rate() / due - 1.0).abs() > STRAY);
            if taken.iter().any(strays) {
                report.lack(&name, "the feed did not come as it was due: the machine is too busy");
                continue;
            }
            table::judge(&name, &subjects, &taken, (budget, report));
            table::judge_added(&name, &subjects, &taken, (&direct, report));
        }
    }
    println!();
    remember(lab, &subjects, origin.plain, report)
}

/// What a connection that is relayed costs in memory.
fn remember(lab: &Lab, subjects: &[Subject], upstream: u16, report: &mut Report) -> Attempt<()> {
    let warm_up = |port| Load::open(ECHO, port)?.run(WARM_UP).map(drop);
    let mut best: Option<f64> = None;
    let mut own = f64::NAN;
    for subject in subjects {
        let memory = table::memory(lab, &work(), subject, upstream, warm_up)?;
        let what = format!("memory/{} of a connection", subject.name);
        if subject.is_peer() {
            report.tell(&what, memory, "KiB");
            best = Some(best.map_or(memory, |best| best.min(memory)));
        } else {
            report.judge(&what, memory, MEMORY, "KiB");
            own = memory;
        }
    }
    match best {
        Some(best) => report.judge("memory/ratio to the better peer", own / best, RATIO, ""),
        None => report.lack("memory/ratio", "nobody to compare with"),
    }
    Ok(())
}

fn round(cell: &Cell, (subject, direct): (Option<&Started>, u16), length: Duration) -> Attempt<Round> {
    let mut load = Load::open(cell.talk, subject.map_or(direct, |subject| subject.port))?;
    load.run(WARM_UP)?;
    let cpu = || subject.map_or(f64::NAN, Started::cpu);
    let before = cpu();
    let heard = load.run(length)?;
    let cost = (cpu() - before) / heard.count;
    Ok(Round { cost, per_second: heard.per_second, p50: heard.p50, p99: heard.p99 })
}
