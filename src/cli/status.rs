//! `fdguard status`: what the agent sees and holds now.

mod pools;

pub(in crate::cli) use pools::told;

use std::fmt::Write as _;

use crate::agent::request::{Answer, Request};
use crate::agent::status::{ProcessStatus, Status, TargetStatus};
use crate::cli::args::AgentArgs;
use crate::cli::exit::Exit;
use crate::cli::quantity::quantity;
use crate::cli::{print, reach};
use crate::model::signal::Signal;
use crate::model::units::{format_bytes, format_span};

/// Signals worth a line of their own for people; JSON holds all.
const SHOWN: [Signal; 9] = [
    Signal::FdOpen,
    Signal::FdLimit,
    Signal::FdTte,
    Signal::FdRate,
    Signal::SocketEstablished,
    Signal::SocketCloseWait,
    Signal::SocketCloseWaitOldest,
    Signal::SocketOrphans,
    Signal::ProcessRss,
];

/// Asks and prints.
pub(super) fn run(args: &AgentArgs) -> Exit {
    match reach::ask(args, &Request::Status) {
        Ok(Answer::Status(status)) => {
            if args.json {
                print::json(&status);
            } else {
                print::out(&render(&status));
            }
            Exit::Good
        }
        Ok(other) => reach::unexpected(&other),
        Err(exit) => exit,
    }
}

fn render(status: &Status) -> String {
    let mut text = String::new();
    let agent = &status.agent;
    let own = |value: Option<u64>, show: &dyn Fn(u64) -> String| value.map_or_else(|| "?".to_owned(), show);
    let _ = writeln!(
        text,
        "fdguard {} (pid {}) since {}{}: {} ticks, CPU {}, {} resident, {} descriptors",
        agent.version,
        agent.pid,
        agent.since,
        if agent.dry_run { ", DRY RUN" } else { "" },
        agent.ticks,
        format_span(agent.cpu),
        own(agent.rss, &format_bytes),
        own(agent.descriptors, &|count| count.to_string()),
    );
    if let Some(why) = &agent.history_lost {
        let _ = writeln!(text, "history lost: {why}");
    }
    for target in &status.targets {
        render_target(&mut text, target);
    }
    text.push_str(&pools::render(&status.pools));
    text
}

fn render_target(text: &mut String, target: &TargetStatus) {
    let _ = writeln!(text, "\n{} ({}), policies: {}", target.name, target.sought, target.policies.join(", "));
    if target.human_hold {
        let _ = writeln!(text, "  HELD by a person: `fdguard ctl resume {}` ends it", target.name);
    }
    for rule in &target.latched {
        let _ = writeln!(text, "  LATCHED {rule}: waits for `fdguard ctl release {}`", target.name);
    }
    if target.processes.is_empty() {
        text.push_str("  no process\n");
    }
    for process in &target.processes {
        render_process(text, process);
    }
}

fn render_process(text: &mut String, process: &ProcessStatus) {
    let _ = writeln!(text, "  pid {} since {}: {}", process.pid, process.since, process.command);
    for signal in SHOWN {
        if let Some(reading) = process.signals.get(signal.name()) {
            let _ = writeln!(text, "    {:<26}{}", signal.name(), quantity(signal, *reading));
        }
    }
    for (ladder, tier) in &process.tiers {
        let tier = tier.as_ref().map_or("normal", |name| name.as_str());
        let _ = writeln!(text, "    ladder {ladder}: {tier}");
    }
    for hold in &process.holds {
        let _ = writeln!(text, "    holds {}", hold.word());
    }
    pools::render_clients(text, &process.clients);
    if !process.remotes.is_empty() {
        let _ = writeln!(text, "    {:<40}{:>8}{:>12}", "remote", "sockets", "CLOSE_WAIT");
        for (remote, count, close_wait) in &process.remotes {
            let _ = writeln!(text, "    {remote:<40}{count:>8}{close_wait:>12}");
        }
    }
}
