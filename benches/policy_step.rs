//! What does one step of a policy with 100 tiers cost?
//!
//! Budget: under 50 µs. Ten ladders of ten tiers; each raise looks at counts, at the time to exhaustion, at the ages
//! of dead sockets and at windows over time, so nothing is decided by its first word.

mod common;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::{Args, Figures, Report};
use fdguard::document::Faults;
use fdguard::model::ages::Ages;
use fdguard::model::clock::{Timestamp, WallTime};
use fdguard::model::observation::Observation;
use fdguard::model::process::ProcessId;
use fdguard::model::reading::{Gap, Reading};
use fdguard::model::signal::Signal;
use fdguard::policy;
use fdguard::policy::engine::{Engine, Enrolled, Role};
use fdguard::policy::means::Means;
use fdguard::sys::clock::thread_cpu;

const LADDERS: u32 = 10;
const TIERS: u32 = 10;
const PROCESS: ProcessId = ProcessId { pid: 4_242, inode: 7, started: 7, exe: (1, 2) };

fn main() -> ExitCode {
    let args = Args::read();
    let mut report = Report::begin("policy_step", "what does one step of 100 tiers cost, in CPU?", args);
    let steps = args.pick(20_000, 200_000);
    let quiet = measure(steps, |second| 85.0 + f64::from(second % 7));
    let leaking = measure(steps, |second| f64::from(second % 1_000));
    report.judge("a step of 100 tiers, quiet, median", quiet.median(), 50.0, "µs");
    report.judge("a step of 100 tiers, quiet, p99", quiet.quantile(0.99), 50.0, "µs");
    report.judge("a step of 100 tiers, leaking, median", leaking.median(), 50.0, "µs");
    report.judge("a step of 100 tiers, leaking, p99", leaking.quantile(0.99), 50.0, "µs");
    report.end()
}

/// One step a second, of a process with so many descriptors in that second.
fn measure(steps: u32, open: impl Fn(u32) -> f64) -> Figures {
    let mut faults = Faults::default();
    let policy = policy::load(&source(), &mut faults).expect("the policy of this bench is sound");
    let enrolled = Enrolled { policy: Arc::new(policy), role: Role::Live };
    let mut engine = Engine::new(vec![enrolled], Means::default());
    let mut figures = Figures::default();
    for second in 0..steps {
        let seen = seen(second, open(second));
        let before = thread_cpu();
        let evaluation = engine.step(&PROCESS, &seen);
        figures.push((thread_cpu() - before) as f64 / 1e3);
        std::hint::black_box(evaluation);
    }
    figures
}

fn seen(second: u32, open: f64) -> Observation {
    let at = Timestamp::ZERO + Duration::from_hours(1) + Duration::from_secs(second.into());
    let wall = WallTime::from_millis(1_700_000_000_000 + i64::from(second) * 1_000);
    let mut seen = Observation::blank(at, wall, Gap::NotConfigured);
    seen.know(Signal::FdOpen, open);
    seen.know(Signal::FdTte, (1_024.0 - open) * 60.0);
    seen.know(Signal::SocketCloseWait, open / 4.0);
    seen.know(Signal::ProcessRss, 1e8 + open * 1e3);
    seen.know(Signal::ProcessUptime, 3_600.0 + f64::from(second));
    let mut ages = Ages::default();
    for age in 0..20 {
        ages.add(Duration::from_secs(age * 10));
    }
    seen.leaked = Reading::Known(Arc::new(ages));
    seen
}

/// Thresholds are spread over the range that the bots of this bench go through.
fn source() -> String {
    let mut text = "schema = 1\nname = \"hundred\"\nabout = \"A hundred tiers.\"\n".to_owned();
    for ladder in 0..LADDERS {
        for tier in 0..TIERS {
            let (raise, clear) = (100 * (tier + 1) + ladder, 100 * (tier + 1) - 50);
            let minutes = 20 - tier;
            write!(
                text,
                "
[[ladder.l{ladder}.tier]]
name  = \"t{tier}\"
raise = \"fd.open > {raise} and (fd.tte < {minutes}m or avg(fd.open, 1m) > {raise} or socket.leaked(2m) > {raise}) \
or increase(process.rss, 5m) > 512MiB\"
clear = \"fd.open < {clear} and max(socket.close_wait, 1m) < {clear}\"
for   = \"5s\"
do    = [{{ notify = {{ to = \"journal\" }} }}]
"
            )
            .expect("a string takes all");
        }
    }
    text
}
