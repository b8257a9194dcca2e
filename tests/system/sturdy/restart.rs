//! What survives a restart of the agent, and what stays as it is over many restarts of the target.

use std::time::Duration;

use fdguard::agent::request::Command as Order;
use fdguard::journal::place::Place;
use fdguard::journal::query::Blocking;
use fdguard::model::event::Fact;

use super::agent::{Agent, PATIENCE, Setup, bot};
use super::target::{HOLDING, Target, python};
use crate::support::wait::wait_for;

/// One snapshot a day for whatever has more than 30 descriptors; then a person.
const LATCHING: &str = "\
schema = 1
name = \"latching\"
[ladder.descriptors]
start_grace = \"0s\"
[[ladder.descriptors.tier]]
name = \"warning\"
raise = \"fd.open > 30\"
every = \"200ms\"
cooldown = \"100ms\"
budget = \"1/day\"
latch = \"human\"
do = [\"snapshot\"]
";

const RULE: &str = "latching/descriptors/warning";

fn until_latched(agent: &Agent) {
    let look = || (agent.status().targets[0].latched == [RULE]).then_some(());
    wait_for("the tier is latched", PATIENCE, look, || agent.log());
}

fn snapshots(agent: &Agent) -> usize {
    std::fs::read_dir(agent.setup.path("evidence")).map_or(0, Iterator::count)
}

fn tier(agent: &Agent) -> Option<String> {
    let process = agent.processes().into_iter().next()?;
    process.tiers.into_values().next()?.map(|name| name.to_string())
}

/// The agent ends in this way and is started again: the latch holds, the target is taken up, its tier restored.
fn survives(end: impl Fn(&mut Agent)) {
    let target = Target::start(HOLDING, &["60"]);
    let mut agent = Setup::bot(&format!("{{ pid = {} }}", target.pid()), LATCHING, "").start();
    until_latched(&agent);
    wait_for("the snapshot is written", PATIENCE, || (snapshots(&agent) == 1).then_some(()), || agent.log());
    let explained = agent.cli(&["explain"]).1;
    assert!(explained.contains("latched"), "{explained}");
    // The history is written aside; an orderly end flushes it, a kill does not.
    let kept = || {
        let reader = Blocking::open(&Place::Sqlite(agent.setup.path("history/history.db")));
        let memory = reader.ok()?.memory(&bot()).ok()??;
        memory.json.contains("\"latched\":true").then_some(())
    };
    wait_for("the latch is kept", PATIENCE, kept, || agent.log());
    end(&mut agent);
    agent.start_again();
    let again = agent.until("taken up", |fact| match fact {
        Fact::Adopted { again, .. } => Some(*again),
        _ => None,
    });
    assert!(again, "told as a new one");
    assert_eq!(agent.status().targets[0].latched, [RULE]);
    let restored = || (tier(&agent).as_deref() == Some("warning")).then_some(());
    wait_for("the tier is restored", PATIENCE, restored, || agent.log());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(snapshots(&agent), 1, "the budget began anew");
    let (code, text) = agent.cli(&["ctl", "release", "bot", RULE]);
    assert_eq!(code, 0, "{text}");
    wait_for("it acts again", PATIENCE, || (snapshots(&agent) == 2).then_some(()), || agent.log());
}

#[test]
fn latches_budgets_and_tiers_survive_an_orderly_restart() {
    survives(|agent| assert!(agent.end().success()));
}

#[test]
fn latches_budgets_and_tiers_survive_a_kill() {
    survives(Agent::kill);
}

#[test]
fn a_hold_by_a_person_survives_too() {
    let target = Target::start(HOLDING, &["4"]);
    let mut agent = Setup::bot(&format!("{{ pid = {} }}", target.pid()), LATCHING, "").start();
    agent.order(Order::Hold { target: bot() });
    assert!(agent.end().success());
    agent.start_again();
    assert!(agent.status().targets[0].human_hold);
}

/// Starts a short life two hundred times, and tells after each.
#[test]
fn descriptors_and_threads_stay_flat_over_200_lives_of_the_target() {
    let child = format!(
        "{{ child = [\"{}\", \"-S\", \"-c\", \"import time; time.sleep(0.01)\"] }}\n\
         restart = {{ when = \"always\", backoff = \"10ms\", backoff_max = \"10ms\", max = \"10000/hour\" }}",
        python()
    );
    let agent = Setup::bot(&child, "", "").start();
    let pid = agent.pid();
    let used = || {
        let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).expect("it runs").count();
        (count("fd"), count("task"))
    };
    let mut lives = 0;
    let mut until = |wanted: u32| {
        let look = || {
            let spawned = agent.events().iter().rev().find_map(|event| match event.fact {
                Fact::Spawned { restarts } => Some(restarts),
                _ => None,
            });
            lives = spawned.unwrap_or(0);
            (lives >= wanted).then_some(())
        };
        wait_for("lives", PATIENCE * 2, look, || agent.log().lines().rev().take(5).collect());
    };
    until(20);
    // A life in the middle, and a scan of it that still waits, hold some descriptors: what comes back is none lost.
    let early = (0..20).map(|_| used()).min().expect("looked");
    until(200);
    let flat = || {
        let late = used();
        (late.0 <= early.0 && late.1 <= early.1).then_some(late)
    };
    let late =
        wait_for("as few as in the beginning", PATIENCE, flat, || format!("{early:?}, now {:?}", used()));
    println!("descriptors and threads after 20 lives {early:?}, after 200 {late:?}");
}
