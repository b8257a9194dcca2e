//! Little room of its own, and targets that need much.

use std::time::Duration;

use fdguard::model::event::Fact;
use fdguard::model::reading::Reading;

use super::agent::{Agent, PATIENCE, Setup};
use super::target::{HOLDING, Target};
use crate::support::wait::wait_for;

/// What the first process reads for this signal, once it is known.
fn known(agent: &Agent, signal: &str) -> f64 {
    let look = || match agent.processes().first()?.signals.get(signal)? {
        Reading::Known(value) => Some(*value),
        Reading::Unavailable(_) => None,
    };
    wait_for(signal, PATIENCE, look, || format!("{:?}\n{}", agent.processes(), agent.log()))
}

/// Waits until a full tick has told the kinds of so many descriptors.
fn listed(agent: &Agent, wanted: u32) {
    let look = || (agent.processes().first()?.kinds.values().sum::<u32>() >= wanted).then_some(());
    wait_for("a full listing", PATIENCE, look, || format!("{:?}\n{}", agent.processes(), agent.log()));
}

#[test]
fn an_agent_limited_to_64_descriptors_guards_a_target_of_10_000() {
    let target = Target::start(HOLDING, &["10000"]);
    let matches = format!("{{ pid = {} }}", target.pid());
    let mut agent = Setup::bot(&matches, "", "").under(&["prlimit", "--nofile=64:64"]).start();
    assert!(known(&agent, "fd.open") >= 10_000.0);
    listed(&agent, 10_000);
    assert!(known(&agent, "process.rss") > 0.0);
    let own = agent.status().agent.descriptors.expect("it counts itself");
    assert!(own <= 64 - 16, "{own} descriptors of its own leave no reserve");
    assert!(agent.end().success());
}

#[test]
fn an_agent_without_room_for_a_process_says_so_and_goes_on() {
    let targets: Vec<Target> = (0..8).map(|_| Target::start(HOLDING, &["3"])).collect();
    let sections: String = targets
        .iter()
        .enumerate()
        .map(|(number, target)| {
            format!("[target.t{number}]\nmatch = {{ pid = {} }}\npolicy = []\n", target.pid())
        })
        .collect();
    let agent = Setup::new(&sections).under(&["prlimit", "--nofile=64:64"]).start();
    let why = agent.until("the bound is told", |fact| match fact {
        Fact::BoundHit { bound } => Some(bound.clone()),
        _ => None,
    });
    assert!(why.contains("no descriptors to spare"), "{why}");
    let guarded = || {
        let targets = agent.status().targets;
        let known = |reading: Option<&Reading<f64>>| {
            reading.is_some_and(|reading| matches!(reading, Reading::Known(_)))
        };
        let processes = targets.iter().flat_map(|target| &target.processes);
        let seen = processes.filter(|process| known(process.signals.get("fd.open"))).count();
        (0 < seen && seen < 8).then_some(())
    };
    wait_for("the others are guarded", PATIENCE, guarded, || agent.log());
}

/// The machine is shared, so the best of some tries counts: a listing in the way of the ticks would spoil each.
#[test]
fn a_huge_table_does_not_delay_the_fast_ticks() {
    const LATE: Duration = Duration::from_millis(50);
    const TRIES: usize = 5;
    let huge = Target::start(HOLDING, &["19000"]);
    let small = Target::start(HOLDING, &["10"]);
    let body = format!(
        "[target.huge]\nmatch = {{ pid = {} }}\npolicy = []\n[target.small]\nmatch = {{ pid = {} }}\npolicy = []\n",
        huge.pid(),
        small.pid()
    );
    let lateness = || {
        let agent = Setup::new(&body).start();
        listed(&agent, 19_000);
        let ticks = agent.status().agent.ticks;
        let more = || (agent.status().agent.ticks > ticks + 6).then_some(());
        wait_for("more ticks", PATIENCE, more, || agent.log());
        agent.status().agent.lateness_max
    };
    let mut seen = Vec::new();
    while seen.len() < TRIES && seen.last().is_none_or(|late| *late >= LATE) {
        seen.push(lateness());
    }
    println!("lateness with 19,000 descriptors at most {seen:?}");
    assert!(seen.iter().any(|late| *late < LATE), "fast ticks were late each time: {seen:?}");
}
