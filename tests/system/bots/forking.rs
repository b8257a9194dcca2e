//! A pre-forked bot: every process has a ladder of its own, and only the worker that leaks is stopped.

use std::path::Path;
use std::time::Duration;

use fdguard::agent::status::ProcessStatus;
use fdguard::model::action::Word;
use fdguard::model::decision::{Outcome, Verdict};
use fdguard::model::event::{Event, Fact};

use super::bot::Bot;
use super::course::{EMFILE, policy_file};
use super::servers::Servers;
use super::tape::{self, Line, Tape};
use crate::support::agent::{Agent, toml_text};
use crate::support::wait::wait_for;

const BOT: Bot = Bot::new("forking.py", &["--workers", "3"]);
const WORKERS: usize = 3;
const BUSIEST: u64 = 2;
const WITHIN: Duration = Duration::from_mins(2);
/// Where the policy stops a worker.
const STOPPED_ABOVE: u64 = 150;

#[test]
fn each_worker_climbs_a_ladder_of_its_own() {
    let venue = Servers::venue();
    let ports = venue.json();
    let folder = tempfile::tempdir().unwrap();
    let mut alone = BOT.start(&folder.path().join("unguarded.log"), &ports);
    let lines = folder.path().join("guarded.log");
    let mut guarded = BOT.start(&lines, &ports);
    write_settings(folder.path(), &lines);
    let mut agent = Agent::start(folder.path());
    let (mut tape, mut events, mut together) = (Tape::of(&lines), Vec::new(), Vec::new());
    let mut unguarded = None;
    let log = agent.log_reader();
    wait_for(
        "the guarded bot trades on",
        WITHIN,
        || {
            tape.wind();
            events.extend(agent.new_events());
            together = widest(&agent).unwrap_or(std::mem::take(&mut together));
            assert_eq!(guarded.ended(), None, "guarded, and yet dead\n{}", agent.log());
            if unguarded.is_none()
                && let Some(ended) = alone.ended()
            {
                assert_eq!(ended.code(), Some(EMFILE));
                unguarded = Some(alone.born.elapsed().as_secs_f64());
            }
            let life = unguarded?;
            let over = |line: &&Line| line.boot - tape.lines[0].boot > life * 2.0;
            let first = tape.of_process(guarded.pid()).find(over)?;
            let last = tape.of_process(guarded.pid()).next_back()?;
            (last.orders_ok > first.orders_ok + 3 && last.orders_failed == 0).then_some(())
        },
        log,
    );
    assert_ladders(&together);
    assert_stops(guarded.pid(), &tape, &events);
    let respawned = tape.of_process(guarded.pid()).next_back().and_then(|line| line.respawned);
    assert!(respawned.is_some_and(|count| count > 0), "no worker was replaced");
    assert!(agent.end().success());
}

/// The processes in the one look that shows all of them with different tiers, where this is one.
fn widest(agent: &Agent) -> Option<Vec<ProcessStatus>> {
    let status = agent.status();
    let processes = &status.targets.first()?.processes;
    let tiers: Vec<_> = processes.iter().map(|process| &process.tiers).collect();
    let differ = tiers.iter().any(|tier| *tier != tiers[0]);
    (processes.len() == WORKERS + 1 && differ).then(|| processes.clone())
}

/// Parent and workers were on ladders of their own: in the same moment one had climbed and another had not.
fn assert_ladders(together: &[ProcessStatus]) {
    assert_eq!(together.len(), WORKERS + 1, "never seen together with different tiers");
    let normal = together.iter().filter(|process| process.tiers.values().all(Option::is_none)).count();
    assert!(normal > 0 && normal < together.len(), "{together:?}");
}

/// Who was stopped: workers that had leaked so far, by their own count, and never the parent.
fn assert_stops(parent: u32, tape: &Tape, events: &[Event]) {
    let mut stopped = Vec::new();
    for event in events {
        match (&event.fact, event.process) {
            (Fact::Decision(decision), Some(process)) if decision.verdict == Verdict::Start => {
                assert_ne!(process.pid, parent, "the parent leaks nothing: {decision:?}");
                if decision.work.word() == Word::Stop {
                    stopped.push(process.pid);
                }
            }
            (Fact::Judged(judged), _) => assert_ne!(judged.outcome, Outcome::Effective, "{judged:?}"),
            _ => {}
        }
    }
    assert!(!stopped.is_empty(), "no worker was stopped");
    for pid in stopped {
        let most = tape.of_process(pid).max_by_key(|line| line.fds).unwrap();
        assert!(most.fds + 4 >= STOPPED_ABOVE, "stopped too early: {most:?}");
        let end = tape.of_process(pid).next_back().unwrap();
        assert!(matches!(end.event, tape::Event::Stopped | tape::Event::Tick), "{end:?}");
    }
    let first_stop = tape.lines.iter().find(|line| line.event == tape::Event::Stopped).unwrap();
    assert_eq!(first_stop.worker, Some(BUSIEST), "the busiest is the first to be stopped");
}

fn write_settings(folder: &Path, lines: &Path) {
    let pattern = regex_lite::escape(&format!("--log {}", lines.display()));
    let sections = format!(
        "[target.bot]\nmatch = {{ command = {} }}\npolicy = [{}]\nallow = [\"destroy_sockets\", \"stop\"]\n",
        toml_text(&pattern),
        toml_text(&policy_file("forking").to_string_lossy()),
    );
    Agent::write_settings(folder, &sections);
}
