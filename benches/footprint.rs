//! What does guarding one bot cost: CPU of a core, and resident memory?
//!
//! Budgets: a day under 0.2 % of a core, under 16 MiB resident. A real agent guards a quiet bot with the default
//! policy and a history on disk; its keepers (processes that clean up after it, should it be killed) count as well.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use common::agent::Agent;
use common::process::{Usage, descendants, usage};
use common::victim::{Health, Victim, lift_limit, serve};
use common::{Args, Report};
use fdguard::model::clock::Clock as _;
use fdguard::sys::clock::SystemClock;

const POLICY: &str = include_str!("../policies/default.toml");
/// What a bot is like whose agent must keep to the budgets.
const USUAL: usize = 100;

fn main() -> ExitCode {
    if serve(|task| unreachable!("no task of this bench: {task}")) {
        return ExitCode::SUCCESS;
    }
    lift_limit();
    let args = Args::read();
    let mut report = Report::begin("footprint", "what does guarding one quiet bot cost?", args);
    for size in [USUAL, 5_000] {
        measure(size, args, &mut report);
    }
    report.end()
}

fn measure(size: usize, args: Args, report: &mut Report) {
    let (settle, length) = args.pick((3, 8), (30, 1_800));
    let victim = Victim::with_sockets(size, Health::Well);
    let agent = Agent::guarding(victim.pid(), POLICY, "");
    std::thread::sleep(Duration::from_secs(settle));
    let (begun, before) = (SystemClock.now(), all(agent.pid()));
    std::thread::sleep(Duration::from_secs(length));
    let (passed, after) = (SystemClock.now().since(begun).as_secs_f64(), all(agent.pid()));
    let of = |processes: &[Usage], value: fn(&Usage) -> f64| processes.iter().map(value).sum::<f64>();
    let share = (of(&after, |usage| usage.cpu) - of(&before, |usage| usage.cpu)) / passed;
    let at = format!("with a bot of {size} sockets");
    let resident = after.first().map_or(f64::NAN, |agent| agent.resident) / 1_024.0;
    let own = after.first().map_or(f64::NAN, |agent| agent.own) / 1_024.0;
    let together = of(&after, |usage| usage.resident) / 1_024.0;
    let together_own = of(&after, |usage| usage.own) / 1_024.0;
    if size == USUAL {
        report.judge(&format!("CPU of agent and keepers {at}"), share * 100.0, 0.2, "% of a core");
    } else {
        report.tell(&format!("CPU of agent and keepers {at}"), share * 100.0, "% of a core");
    }
    report.tell(&format!("  that is in a day {at}"), share * 86_400.0, "s");
    report.judge(&format!("resident, the agent {at}"), resident, 16.0, "MiB");
    report.tell(&format!("  of that its own, not of files {at}"), own, "MiB");
    report.tell(&format!("  with its {} keepers {at}", after.len().saturating_sub(1)), together, "MiB");
    report.tell(&format!("  of that their own {at}"), together_own, "MiB");
}

/// The agent first, then its keepers.
fn all(pid: u32) -> Vec<Usage> {
    std::iter::once(pid).chain(descendants(pid)).filter_map(usage).collect()
}
