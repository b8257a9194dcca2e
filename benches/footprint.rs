//! What does guarding one bot cost: CPU of a core, and resident memory?
//!
//! Budgets: under 0.1 % of a core, under 16 MiB resident. A real agent guards a quiet bot with the default policy
//! and a history on disk; its keeper (a process that cleans up after it, should it be killed) counts as well. The two
//! run the same program: pages of it that both map are counted once.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use common::agent::Agent;
use common::process::{Usage, descendants, usage};
use common::victim::{Health, Victim, lift_limit, serve};
use common::{Args, Report, wants};
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
        if wants(&size.to_string()) {
            measure(size, args, &mut report);
        }
    }
    report.end()
}

fn measure(size: usize, args: Args, report: &mut Report) {
    let (settle, length) = args.pick((4, 20), (30, 1_800));
    let victim = Victim::with_sockets(size, Health::Well);
    let agent = Agent::guarding(&[victim.pid()], POLICY, "");
    std::thread::sleep(Duration::from_secs(settle));
    let (begun, before) = (SystemClock.now(), all(agent.pid()));
    std::thread::sleep(Duration::from_secs(length));
    let (passed, after) = (SystemClock.now().since(begun).as_secs_f64(), all(agent.pid()));
    let of = |processes: &[Usage], value: fn(&Usage) -> f64| processes.iter().map(value).sum::<f64>();
    let share = (of(&after, |usage| usage.cpu) - of(&before, |usage| usage.cpu)) / passed;
    let at = format!("with a bot of {size} sockets");
    if size == USUAL {
        report.judge(&format!("CPU of agent and keeper {at}"), share * 100.0, 0.1, "% of a core");
    } else {
        report.tell(&format!("CPU of agent and keeper {at}"), share * 100.0, "% of a core");
    }
    report.tell(&format!("  that is in a day {at}"), share * 86_400.0, "s");
    let (agent, keepers) = after.split_at(1);
    let mib = |processes: &[Usage], value: fn(&Usage) -> f64| of(processes, value) / 1_024.0;
    report.judge(&format!("resident, the agent {at}"), mib(agent, |usage| usage.resident), 16.0, "MiB");
    let together = mib(&after, |usage| usage.proportional);
    report.judge(&format!("agent and keeper, shared pages once {at}"), together, 16.0, "MiB");
    report.tell(&format!("private to the agent {at}"), mib(agent, |usage| usage.private), "MiB");
    report.tell(&format!("private to the keeper {at}"), mib(keepers, |usage| usage.private), "MiB");
    report.tell(&format!("keepers {at}"), keepers.len() as f64, "");
}

/// The agent first, then its keepers.
fn all(pid: u32) -> Vec<Usage> {
    std::iter::once(pid).chain(descendants(pid)).filter_map(usage).collect()
}
